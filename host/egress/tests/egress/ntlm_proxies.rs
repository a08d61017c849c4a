//! What stands between the host and a server that asks for NTLM: only CONNECT passes, and what breaks it is named.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use calport_egress::{Blame, EgressError, LoginProblem};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::front_door::{Manners, door, ntlm_endpoint, problem, through};
use crate::support::{answer, get, post, read_request, serve_raw, world};

/// A proxy that connects; remembers what it was asked.
async fn tunnel(status: &'static str) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = asked.clone();
    let address = serve_raw(move |_, mut socket| {
        let log = log.clone();
        async move {
            let Some(head) = read_request(&mut socket).await else { return };
            log.lock().unwrap().push(head.clone());
            answer(&mut socket, &format!("HTTP/1.1 {status}\r\n\r\n")).await;
            if status.starts_with("200") {
                let mut upstream = TcpStream::connect(head.split_whitespace().nth(1).unwrap()).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut socket, &mut upstream).await;
            }
        }
    })
    .await;
    (address, asked)
}

/// Something that sends each request over a connection of its own to the server, as some load balancers do.
async fn spreading(server: SocketAddr, adds: &'static str) -> SocketAddr {
    serve_raw(move |_, mut socket| async move {
        while let Some(request) = read_request(&mut socket).await {
            let mut upstream = TcpStream::connect(server).await.unwrap();
            upstream.write_all(request.as_bytes()).await.unwrap();
            let mut text = Vec::new();
            let mut buffer = [0; 4096];
            while !text.ends_with(b"login!") {
                match upstream.read(&mut buffer).await {
                    Ok(read @ 1..) => text.extend_from_slice(&buffer[..read]),
                    _ => break,
                }
            }
            let text = String::from_utf8(text).unwrap().replacen("\r\n", &format!("\r\n{adds}"), 1);
            answer(&mut socket, &text).await;
        }
    })
    .await
}

#[tokio::test]
async fn b47_a_proxy_is_only_ever_asked_to_connect_for_http_too() {
    let (server, counts) = door(Manners::default()).await;
    let (proxy, asked) = tunnel("200 Connected").await;
    let connection = world().connect(through(ntlm_endpoint(server), proxy));
    for _ in 0..3 {
        assert_eq!(connection.send(post(server, "/", "x")).await.unwrap().body, "x");
    }
    assert_eq!(counts.all(), [1, 1, 1, 3]);
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].starts_with(&format!("CONNECT {server} HTTP/1.1\r\n")), "{}", asked[0]);
    assert!(asked[0].to_lowercase().contains("proxy-authorization: basic"), "{}", asked[0]);
    let seen = counts.seen.lock().unwrap();
    assert!(seen.iter().all(|request| !request.to_lowercase().contains("proxy-")), "{seen:?}");
}

#[tokio::test]
async fn feat_x02_a_proxy_that_does_not_connect_is_named() {
    for (status, word) in [("403 Forbidden", "permit CONNECT"), ("407 Proxy Authentication Required", "407")] {
        let (proxy, _) = tunnel(status).await;
        let endpoint = through(ntlm_endpoint("127.0.0.1:1".parse().unwrap()), proxy);
        let error = world().connect(endpoint).send(get("127.0.0.1:1".parse().unwrap(), "/")).await.unwrap_err();
        assert!(matches!(error, EgressError::Proxy { .. }) && !error.sent() && error.to_string().contains(word), "{error}");
    }
}

#[tokio::test]
async fn b47_an_intermediary_that_spreads_requests_is_detected_and_named() {
    let (server, counts) = door(Manners::default()).await;
    for sign in ["Via: 1.1 balancer\r\n", "X-Cache: MISS\r\n"] {
        let between = spreading(server, sign).await;
        let error = world().connect(ntlm_endpoint(between)).send(post(between, "/", "x")).await.unwrap_err();
        assert_eq!(error.blame(), Blame::Network);
        assert!(error.to_string().contains("does not keep connections"), "{error}");
        assert!(matches!(problem(error), LoginProblem::Intermediary { .. }));
    }
    assert_eq!(counts.all()[3], 0, "nobody else's login was used");
}

#[tokio::test]
async fn b47_one_that_closes_in_the_middle_of_the_login_is_named() {
    let (server, _) = door(Manners { closes: true, ..Manners::default() }).await;
    let error = world().connect(ntlm_endpoint(server)).send(post(server, "/", "x")).await.unwrap_err();
    assert_eq!(error.blame(), Blame::Network);
    assert_eq!(problem(error), LoginProblem::Closed);
}

#[tokio::test]
async fn b47_one_that_forgets_every_login_is_named_when_a_login_fails() {
    let address = serve_raw(|number, mut socket| async move {
        let mut logins = 0;
        while let Some(request) = read_request(&mut socket).await {
            let first = request.contains("NTLM TlRMTVNTUAAB");
            let login = request.contains("NTLM TlRMTVNTUAAD");
            logins += usize::from(login);
            let text = match (first, login && logins == 1 && number < 3) {
                (true, _) => {
                    format!(
                        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM {}\r\nContent-Length: 0\r\n\r\n",
                        crate::front_door::CHALLENGE
                    )
                }
                (_, true) => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned(),
                _ => "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n".to_owned(),
            };
            answer(&mut socket, &text).await;
        }
    })
    .await;
    let connection = world().connect(ntlm_endpoint(address));
    for _ in 0..3 {
        connection.send(get(address, "/")).await.unwrap();
    }
    let error = connection.send(get(address, "/")).await.unwrap_err();
    assert!(matches!(problem(error), LoginProblem::Intermediary { .. }));
}

/// In a child process, because the environment belongs to all tests of this one.
#[test]
fn b47_proxies_of_the_environment_are_not_used() {
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "ntlm::b47_a_connection_logs_in_once_and_carries_the_body_with_the_login_only"]);
    for variable in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        child.env(variable, "http://127.0.0.1:1");
    }
    let output = child.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}
