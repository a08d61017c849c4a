//! Through a small CONNECT proxy.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::any;
use calport_egress::{Auth, EgressError, Endpoint, Proxy};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::support::{MARKER, answer, get, local_endpoint, serve, serve_raw, world, world_with};
use crate::tls::{authority, send_tls, tls_endpoint, tls_server};

/// A proxy that connects every name to loopback; remembers what it was asked.
async fn proxy(status: &'static str) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = asked.clone();
    let address = serve_raw(move |_, mut socket| {
        let log = log.clone();
        async move {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let Ok(byte) = socket.read_u8().await else { return };
                head.push(byte);
            }
            let head = String::from_utf8(head).unwrap();
            log.lock().unwrap().push(head.clone());
            answer(&mut socket, &format!("HTTP/1.1 {status}\r\n\r\n")).await;
            if !status.starts_with("200") {
                return;
            }
            let port: u16 = head.split_whitespace().nth(1).unwrap().rsplit(':').next().unwrap().parse().unwrap();
            let mut upstream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut socket, &mut upstream).await;
        }
    })
    .await;
    (address, asked)
}

fn through(mut endpoint: Endpoint, proxy: SocketAddr) -> Endpoint {
    let login = Some(("proxy-user".to_owned(), "other".to_owned()));
    endpoint.proxy = Some(Proxy { url: format!("http://{proxy}").parse().unwrap(), login });
    endpoint
}

#[tokio::test]
async fn feat_x02_a_proxy_only_sees_the_name_and_the_tunnel() {
    let ca = authority();
    let (server, _) = tls_server(&ca, &["pbx.example"], |_| {}).await;
    let (proxy, asked) = proxy("200 OK").await;
    let world = world_with(&[]);
    assert_eq!(
        send_tls(&world, through(tls_endpoint(server, Some(ca.pem())), proxy)).await.unwrap(),
        "secure",
        "a name only the proxy resolves"
    );
    let head = asked.lock().unwrap()[0].clone();
    assert!(head.starts_with(&format!("CONNECT pbx.example:{}", server.port())), "{head}");
    assert!(head.to_lowercase().contains("proxy-authorization: basic"), "{head}");
    assert!(!head.contains(MARKER), "{head}");
}

#[tokio::test]
async fn feat_x02_the_target_behind_a_proxy_is_judged_too() {
    let (proxy, asked) = proxy("200 OK").await;
    let world = world_with(&[("inside.example", "10.0.0.5")]);
    for origin in ["https://inside.example/", "https://10.0.0.5/", "https://169.254.169.254/"] {
        let mut endpoint = tls_endpoint("127.0.0.1:1".parse().unwrap(), Some(authority().pem()));
        endpoint.origin = origin.parse().unwrap();
        let error = send_tls(&world, through(endpoint, proxy)).await.unwrap_err();
        assert!(matches!(error, EgressError::Denied(_)), "{origin}: {error:?}");
    }
    assert!(asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn feat_x02_a_refusing_or_absent_proxy_is_named() {
    let (refusing, _) = proxy("407 Proxy Authentication Required").await;
    let absent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for proxy in [refusing, absent] {
        let endpoint = through(tls_endpoint("127.0.0.1:1".parse().unwrap(), Some(authority().pem())), proxy);
        let error = send_tls(&world_with(&[]), endpoint).await.unwrap_err();
        assert!(matches!(error, EgressError::Proxy { .. }) && !error.sent(), "{error:?}");
    }
}

/// In a child process, because the environment belongs to all tests of this one.
#[test]
fn feat_x02_proxies_of_the_environment_are_not_used() {
    let executable = std::env::current_exe().unwrap();
    let mut child = std::process::Command::new(executable);
    child.args(["--exact", "proxy::without_a_configured_proxy_requests_go_directly"]);
    for variable in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        child.env(variable, "http://127.0.0.1:1");
    }
    let output = child.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[tokio::test]
async fn without_a_configured_proxy_requests_go_directly() {
    let address = serve(Router::new().fallback(any(|| async { "direct" }))).await;
    let connection = world().connect(local_endpoint(address, Auth::None));
    assert_eq!(connection.send(get(address, "/")).await.unwrap().body, "direct");
}
