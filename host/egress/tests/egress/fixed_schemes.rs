//! None, bearer, Basic, API key, and a person's own credential.

use axum::Router;
use axum::routing::any;
use calport_egress::{Auth, EgressError, Request};
use http::{HeaderMap, HeaderName, Method};

use crate::support::{MARKER, get, local_endpoint, serve, world};

/// Answers with the credentials it saw.
fn mirror() -> Router {
    Router::new().fallback(any(|headers: HeaderMap| async move {
        let seen = |name| headers.get_all(name).iter().map(|v| v.to_str().unwrap().to_owned()).collect::<Vec<_>>().join("|");
        format!("{};{}", seen("authorization"), seen("x-api-key"))
    }))
}

async fn seen(auth: Auth) -> String {
    let address = serve(mirror()).await;
    let connection = world().connect(local_endpoint(address, auth));
    let response = connection.send(get(address, "/x")).await.unwrap();
    String::from_utf8(response.body.to_vec()).unwrap()
}

fn named(name: &str) -> String {
    name.to_owned()
}

#[tokio::test]
async fn feat_x02_each_scheme_puts_its_credential_where_it_belongs() {
    assert_eq!(seen(Auth::None).await, ";");
    assert_eq!(seen(Auth::Bearer { token: named("marker") }).await, format!("Bearer {MARKER};"));
    assert_eq!(seen(Auth::Basic { user: named("bär"), password: named("marker") }).await, "Basic YsOkcjptYXJrZXItc2VjcmV0LTRlN2E=;");
    let header = HeaderName::from_static("x-api-key");
    assert_eq!(seen(Auth::ApiKey { header, prefix: named("Token "), key: named("marker") }).await, format!(";Token {MARKER}"));
}

#[tokio::test]
async fn feat_x02_a_person_has_an_own_credential_only_if_configured() {
    let address = serve(mirror()).await;
    let mut endpoint = local_endpoint(address, Auth::Bearer { token: named("marker") });
    endpoint.identities.insert(named("anna"), Auth::Bearer { token: named("other") });
    let connection = world().connect(endpoint);
    let mut request = get(address, "/x");
    request.identity = Some(named("anna"));
    assert_eq!(connection.send(request.clone()).await.unwrap().body, "Bearer other-secret-77;");
    request.identity = Some(named("bob"));
    let error = connection.send(request).await.unwrap_err();
    assert!(matches!(error, EgressError::Denied(_)) && error.to_string().contains("bob"), "{error}");
}

#[tokio::test]
async fn feat_r04_a_missing_secret_stops_the_request_and_names_the_command() {
    let address = serve(mirror()).await;
    let connection = world().connect(local_endpoint(address, Auth::Bearer { token: named("absent") }));
    let error = connection.send(Request::new(Method::GET, format!("http://{address}/"))).await.unwrap_err();
    assert!(error.to_string().contains("calport secret set absent"), "{error}");
    assert_eq!(connection.counters().requests, 0);
}
