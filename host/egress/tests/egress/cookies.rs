//! Cookies of sessions: what a load balancer sets comes back to it, and to nobody else (SEMANTICS B-32, FEATURES C18).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::routing::any;
use calport_egress::{Auth, Request};
use http::HeaderMap;

use crate::support::{get, local_endpoint, serve, world};

async fn balancer() -> std::net::SocketAddr {
    let next = Arc::new(AtomicUsize::new(0));
    serve(Router::new().fallback(any(move |headers: HeaderMap| {
        let next = next.clone();
        async move {
            let seen = headers.get("cookie").map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
            let cookie = format!("backend={}; path=/", next.fetch_add(1, Ordering::SeqCst));
            ([("set-cookie", cookie)], seen)
        }
    })))
    .await
}

async fn ask(connection: &calport_egress::Connection, request: Request) -> String {
    let response = connection.send(request).await.unwrap();
    assert!(response.headers.get("set-cookie").is_none());
    String::from_utf8(response.body.to_vec()).unwrap()
}

#[tokio::test]
async fn feat_c18_b32_requests_of_a_session_share_cookies_and_others_have_none() {
    let address = balancer().await;
    let basic = Auth::Basic { user: "u".to_owned(), password: "marker".to_owned() };
    for auth in [Auth::None, basic, crate::front_door::ntlm()] {
        let connection = world().connect(local_endpoint(address, auth));
        let of = |session: Option<&str>| {
            let mut request = get(address, "/");
            request.session = session.map(str::to_owned);
            request
        };
        assert_eq!(ask(&connection, of(Some("group 1"))).await, "");
        let first = ask(&connection, of(Some("group 1"))).await;
        assert!(first.starts_with("backend="), "{first}");
        assert_eq!(ask(&connection, of(Some("group 2"))).await, "");
        assert_eq!(ask(&connection, of(None)).await, "");
        assert_ne!(ask(&connection, of(Some("group 1"))).await, first, "the newest counts");
    }
}

#[tokio::test]
async fn feat_x02_a_connector_cannot_set_cookies_by_itself() {
    let address = balancer().await;
    let connection = world().connect(local_endpoint(address, Auth::None));
    let mut request = get(address, "/");
    request.headers.insert("cookie", "a=b".parse().unwrap());
    assert!(connection.send(request).await.unwrap_err().to_string().contains("`cookie`"));
}
