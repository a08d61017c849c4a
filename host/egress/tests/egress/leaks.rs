//! A marker secret is planted in every credential and echoed by servers; it must not come out anywhere but on the wire.

use axum::Router;
use axum::extract::Request as Incoming;
use axum::routing::{any, post as on_post};
use calport_egress::{Auth, ClientStyle, Clock, Connection, TraceSetting};
use http::{HeaderName, StatusCode};
use jiff::SignedDuration;
use std::sync::Arc;

use crate::support::{MARKER, get, local_endpoint, post, serve, short_limits, world};

/// Everything a hostile or clumsy server can do with a credential: reflect it in headers, status, error texts and bodies.
async fn echo(request: Incoming) -> (StatusCode, [(&'static str, String); 3], String) {
    let seen = format!("{:?}", request.headers()).replace(|c: char| !c.is_ascii_graphic(), " ");
    let status = if request.uri().path().contains("fail") { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
    (status, [("x-echo", seen.clone()), ("set-cookie", seen.clone()), ("www-authenticate", format!("Basic realm=\"{MARKER}\""))], seen)
}

#[tokio::test]
async fn b52_no_credential_is_in_anything_that_prints() {
    let named = || "marker".to_owned();
    let token = format!(r#"{{"access_token":"{MARKER}","expires_in":3600}}"#);
    let refusal = format!(r#"{{"error":"invalid_client","error_description":"secret {MARKER} is wrong"}}"#);
    let router = Router::new()
        .route("/token", on_post(move || async move { token }))
        .route("/token-fail", on_post(move || async move { (StatusCode::BAD_REQUEST, refusal) }))
        .fallback(any(echo));
    let address = serve(router).await;
    let oauth = |path: &str, style| Auth::OAuth2ClientCredentials {
        token_url: format!("http://{address}{path}").parse().unwrap(),
        client_id: "app".to_owned(),
        client_secret: named(),
        scope: String::new(),
        parameters: Vec::new(),
        style,
    };
    let schemes = [
        Auth::Bearer { token: named() },
        Auth::Basic { user: "u".to_owned(), password: named() },
        Auth::Digest { user: "u".to_owned(), password: named() },
        crate::front_door::ntlm(),
        Auth::Negotiate {
            user: Some("DOMAIN\\u".to_owned()),
            password: Some(named()),
            keytab: None,
            ticket_cache: None,
            channel_binding: true,
        },
        crate::forms::form(),
        Auth::ApiKey { header: HeaderName::from_static("x-plain-name"), prefix: String::new(), key: named() },
        oauth("/token", ClientStyle::Form),
        oauth("/token", ClientStyle::Basic),
        oauth("/token-fail", ClientStyle::Form),
        oauth("/token-fail", ClientStyle::Basic),
    ];
    for auth in schemes {
        let shown = format!("{auth:?}");
        let world = world();
        let mut endpoint = local_endpoint(address, auth);
        endpoint.limits = Some(short_limits());
        let connection: Arc<Connection> = world.connect(endpoint);
        connection.set_trace(Some(TraceSetting { until: world.clock.now() + SignedDuration::from_hours(1), bodies: true }));
        let mut printed = format!("{connection:?} {:?} {:?}", connection.policy(), world.egress);
        for request in [
            get(address, &format!("/ok?token={MARKER}")),
            get(address, &format!("/ok?innocent={MARKER}")),
            post(address, "/fail", MARKER),
            post(address, "/ok", &format!("{{\"innocent\":\"{MARKER}\"}}")),
            get(address, &format!("/..%2f?x={MARKER}")),
            get(format!("127.0.0.9:{}", address.port()).parse().unwrap(), &format!("/?x={MARKER}")),
            post(address, "/", &"x".repeat(2000)),
        ] {
            printed += &format!("{request:?}");
            match connection.send(request).await {
                Ok(response) => {
                    printed += &format!("{response:?}");
                    assert!(response.headers.get("set-cookie").is_none() && response.headers.get("www-authenticate").is_none());
                }
                Err(error) => printed += &format!("{error} {error:?} {:?}", std::error::Error::source(&error).map(ToString::to_string)),
            }
        }
        printed += &format!("{:?}", connection.open(get(address, "/ok")).await);
        printed += &format!("{:?}", connection.token_roles("api").await);
        let trace = world.trace.text();
        assert!(trace.lines().count() > 5, "{trace}");
        for text in [&printed, &trace] {
            assert!(!text.contains(MARKER), "{shown}:\n{text}");
            assert!(!text.contains("bWFya2Vy"), "base64 in {shown}:\n{text}");
        }
    }
}
