//! Stopping scopes, seen from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::routing::get as on_get;
use calport_egress::{Auth, EgressError};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::support::{get, local_endpoint, serve, world};

#[tokio::test]
async fn b43_a_refusal_stops_its_scope_without_touching_the_network() {
    let hits = Arc::new(AtomicUsize::new(0));
    let seen = hits.clone();
    let router = Router::new().route(
        "/{status}/{after}",
        on_get(move |Path((status, after)): Path<(u16, String)>| {
            let seen = seen.clone();
            async move {
                seen.fetch_add(1, Ordering::SeqCst);
                let mut headers = HeaderMap::new();
                if after != "none" {
                    headers.insert("retry-after", HeaderValue::from_str(&after).unwrap());
                }
                (StatusCode::from_u16(status).unwrap(), headers, "busy")
            }
        }),
    );
    let address = serve(router).await;
    let world = world();
    let connection = world.connect(local_endpoint(address, Auth::None));
    let scoped = |path: &str, scope: Option<&str>| {
        let mut request = get(address, path);
        request.scope = scope.map(str::to_owned);
        request
    };
    let refused = connection.send(scoped("/429/30.5", Some("anna"))).await.unwrap();
    assert_eq!((refused.status.as_u16(), refused.body.as_ref()), (429, b"busy".as_slice()), "the connector sees the server's words");
    assert_eq!(refused.stopped_for, Some(Duration::from_millis(30_500)));
    world.clock.advance(Duration::from_secs(10));
    let error = connection.send(scoped("/200/none", Some("anna"))).await.unwrap_err();
    let EgressError::Throttled { retry_after } = error else { panic!("{error:?}") };
    assert_eq!(retry_after, Duration::from_millis(20_500));
    assert_eq!(hits.load(Ordering::SeqCst), 1);
    assert_eq!(connection.send(scoped("/200/none", Some("bob"))).await.unwrap().status, 200);
    world.clock.advance(Duration::from_millis(20_500));
    assert_eq!(connection.send(scoped("/200/none", Some("anna"))).await.unwrap().status, 200);
    for status in ["503", "504"] {
        let stopped = connection.send(scoped(&format!("/{status}/none"), Some("anna"))).await.unwrap().stopped_for.unwrap();
        assert!(stopped >= Duration::from_secs(2) && stopped <= Duration::from_secs(300), "{stopped:?}");
        world.clock.advance(stopped);
    }
    assert_eq!(connection.send(scoped("/500/9", Some("anna"))).await.unwrap().stopped_for, None);
    let dated = connection.send(scoped("/503/Sun, 18 Oct 2026 11:00:00 GMT", None)).await.unwrap().stopped_for.unwrap();
    assert!(dated > Duration::from_secs(3600), "{dated:?}");
    assert!(matches!(connection.send(scoped("/200/none", Some("bob"))).await, Err(EgressError::Throttled { .. })), "all of the connection");
    assert_eq!(connection.counters().throttled, 6);
}
