//! Discovery at the socket: what leaves, to whom, and with which credential (SEMANTICS B-48).

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use calport_egress::{
    Auth, Blame, Discovery, DiscoveryRule, EgressError, Endpoint, MOST_REDIRECTS, MOST_REQUESTS, PrivateCa, Proxy, Request,
};
use http::Method;
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::support::{MARKER, World, answer, get, local_endpoint, read_request, secrets, serve_raw, short_limits, world, world_with};
use crate::tls::authority;

const NAMES: [&str; 5] = ["autodiscover.contoso.test", "contoso.test", "mail.contoso.test", "evil.test", "contoso.test.evil.test"];
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const PATH: &str = "/autodiscover/autodiscover.xml";

type Seen = Arc<Mutex<Vec<String>>>;
type Ca = CertifiedIssuer<'static, KeyPair>;

fn redirect(to: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nSet-Cookie: known=1\r\nContent-Length: 0\r\n\r\n")
}

/// A TLS server under all names; answers by the request's first line.
async fn server(ca: &Ca, says: impl Fn(&str) -> String + Clone + Send + 'static) -> (SocketAddr, Seen) {
    let params = CertificateParams::new(NAMES.map(str::to_owned).to_vec()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, ca).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let seen = Seen::default();
    let log = seen.clone();
    let address = serve_raw(move |_, socket| {
        let (acceptor, log, says) = (acceptor.clone(), log.clone(), says.clone());
        async move {
            let Ok(mut socket) = acceptor.accept(socket).await else { return };
            while let Some(request) = read_request(&mut socket).await {
                let reply = says(request.lines().next().unwrap_or_default());
                log.lock().unwrap().push(request);
                answer(&mut socket, &reply).await;
            }
        }
    })
    .await;
    (address, seen)
}

fn everywhere() -> World {
    world_with(&NAMES.map(|name| (name, "127.0.0.1")))
}

fn rule() -> DiscoveryRule {
    DiscoveryRule::new("mail", &["Contoso.test".to_owned()], &[])
}

fn discovery(world: &World, ca: &Ca, rule: DiscoveryRule, change: impl FnOnce(&mut Endpoint)) -> Discovery {
    let mut endpoint = Endpoint::new("ews", "https://contoso.test/".parse().unwrap(), Auth::Bearer { token: "marker".to_owned() });
    endpoint.allow_addresses = vec!["loopback".parse().unwrap()];
    endpoint.ca = Some(PrivateCa::Pem(ca.pem().into_bytes()));
    endpoint.limits = Some(short_limits());
    // Whatever the endpoint permits: a discovery sends no credential without TLS.
    endpoint.plain_http = true;
    change(&mut endpoint);
    Discovery::new(world.egress.clone(), rule, endpoint, secrets())
}

fn ask(url: impl Into<String>) -> Request {
    Request { body: "<Autodiscover/>".into(), ..Request::new(Method::POST, url) }
}

fn probe(url: impl Into<String>) -> Request {
    Request { anonymous: true, ..Request::new(Method::GET, url) }
}

fn denied(result: Result<calport_egress::Response, EgressError>) -> String {
    match result.unwrap_err() {
        error @ EgressError::Denied(_) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

fn count(seen: &Seen) -> usize {
    seen.lock().unwrap().len()
}

#[tokio::test]
async fn b48_the_credential_goes_by_https_to_hosts_of_the_rule() {
    let ca = authority();
    let (address, seen) = server(&ca, |_| OK.to_owned()).await;
    let port = address.port();
    let finding = discovery(&everywhere(), &ca, rule(), |_| {});
    for host in ["autodiscover.contoso.test", "contoso.test", "MAIL.contoso.test"] {
        assert_eq!(finding.send(ask(format!("https://{host}:{port}{PATH}"))).await.unwrap().status, 200, "{host}");
    }
    let texts = seen.lock().unwrap().clone();
    assert_eq!(texts.len(), 3);
    assert!(texts.iter().all(|text| text.contains(MARKER) && text.starts_with("POST /autodiscover/")), "{texts:?}");
    assert_eq!(finding.send(probe(format!("https://contoso.test:{port}{PATH}"))).await.unwrap().status, 200);
    let text = seen.lock().unwrap()[3].to_lowercase();
    assert!(!text.contains(MARKER) && !text.contains("authorization"), "{text}");
}

#[tokio::test]
async fn b48_nothing_else_leaves_the_host() {
    let ca = authority();
    let (secure, seen) = server(&ca, |_| OK.to_owned()).await;
    let touched = Seen::default();
    let log = touched.clone();
    let plain = serve_raw(move |_, mut socket| {
        let log = log.clone();
        async move {
            let text = read_request(&mut socket).await.unwrap_or_default();
            log.lock().unwrap().push(text);
        }
    })
    .await;
    let (s, p) = (secure.port(), plain.port());
    let named = DiscoveryRule::new("mail", &["contoso.test".to_owned(), "corp".to_owned()], &["mail.evil.test".to_owned()]);
    let finding = discovery(&everywhere(), &ca, named, |_| {});
    let strangers = [
        format!("https://evil.test:{s}{PATH}"),
        format!("https://contoso.test.evil.test:{s}{PATH}"),
        format!("https://pbx.corp:{s}{PATH}"),
    ];
    for url in &strangers {
        let text = denied(finding.send(ask(url)).await);
        let host = url.split([':', '/']).nth(3).unwrap();
        assert!(text.ends_with(&format!("[connections.mail.discovery]\nhosts = [\"mail.evil.test\", \"{host}\"]")), "{text}");
        denied(finding.send(probe(url)).await);
    }
    let get_with_credential = Request::new(Method::GET, format!("https://contoso.test:{s}{PATH}"));
    let post_without = Request { anonymous: true, ..ask(format!("https://contoso.test:{s}{PATH}")) };
    for request in [
        ask(format!("http://contoso.test:{p}{PATH}")),
        ask(format!("http://contoso.test{PATH}")),
        probe(format!("http://contoso.test:{p}{PATH}")),
        probe(format!("http://mail.contoso.test{PATH}")),
        probe(format!("http://evil.test{PATH}")),
        ask(format!("https://contoso.test:{s}/transfer")),
        ask(format!("https://contoso.test:{s}/autodiscover/..%2ftransfer")),
        ask(format!("https://contoso.test:{s}/autodiscoverx")),
        probe(format!("https://contoso.test:{s}/transfer")),
        ask(format!("https://anna:pw@contoso.test:{s}{PATH}")),
        ask(format!("ftp://contoso.test{PATH}")),
        get_with_credential,
        post_without,
    ] {
        let url = request.url.clone();
        let text = denied(finding.send(request).await);
        assert!(!text.contains("calport.toml"), "{url}: no line permits it: {text}");
    }
    assert_eq!((count(&seen), count(&touched)), (0, 0));
}

/// A proxy that leads every name to one TLS server, and answers what comes without TLS itself.
async fn proxy(secure: u16, says: String) -> (SocketAddr, Seen) {
    let seen = Seen::default();
    let log = seen.clone();
    let address = serve_raw(move |_, mut socket| {
        let (log, says) = (log.clone(), says.clone());
        async move {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let Ok(byte) = socket.read_u8().await else { return };
                head.push(byte);
            }
            let head = String::from_utf8(head).unwrap();
            if !head.starts_with("CONNECT ") {
                log.lock().unwrap().push(head);
                return answer(&mut socket, &says).await;
            }
            answer(&mut socket, "HTTP/1.1 200 OK\r\n\r\n").await;
            let mut upstream = TcpStream::connect(("127.0.0.1", secure)).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut socket, &mut upstream).await;
        }
    })
    .await;
    (address, seen)
}

#[tokio::test]
async fn b48_http_carries_no_credential_and_its_redirect_opens_no_path() {
    let ca = authority();
    let (secure, seen) = server(&ca, |_| OK.to_owned()).await;
    let (proxy, plain) = proxy(secure.port(), redirect("https://mail.contoso.test/transfer")).await;
    let finding = discovery(&world_with(&[]), &ca, rule(), |endpoint| {
        endpoint.proxy = Some(Proxy { url: format!("http://{proxy}").parse().unwrap(), login: None });
    });
    for host in ["autodiscover.contoso.test", "contoso.test"] {
        let found = finding.send(probe(format!("http://{host}{PATH}"))).await.unwrap();
        assert_eq!((found.status.as_u16(), &found.headers["location"]), (302, &"https://mail.contoso.test/transfer".parse().unwrap()));
        assert!(!found.headers.contains_key("set-cookie"));
    }
    let texts = plain.lock().unwrap().clone();
    assert_eq!(texts.len(), 2);
    for text in texts {
        let text = text.to_lowercase();
        assert!(text.starts_with("get http://") && !text.contains(MARKER), "{text}");
        assert!(!text.contains("authorization") && !text.contains("cookie"), "{text}");
    }
    let text = denied(finding.send(ask("https://mail.contoso.test/transfer")).await);
    assert!(text.contains("none of a discovery"), "{text}");
    assert_eq!(count(&seen), 0);
    finding.send(ask(format!("https://mail.contoso.test{PATH}"))).await.unwrap();
    assert_eq!(count(&seen), 1);
}

#[tokio::test]
async fn b48_a_redirect_over_tls_is_followed_within_the_rule_only() {
    let ca = authority();
    let (second, seen) = server(&ca, |_| OK.to_owned()).await;
    let (here, evil) =
        (format!("https://mail.contoso.test:{}/odd/place", second.port()), format!("https://evil.test:{}/odd/place", second.port()));
    let (to_here, to_evil) = (redirect(&here), redirect(&evil));
    let (first, _) = server(&ca, move |line| if line.contains("svc") { to_here.clone() } else { to_evil.clone() }).await;
    let finding = discovery(&everywhere(), &ca, rule(), |_| {});
    denied(finding.send(ask(&here)).await);
    for path in ["/autodiscover/autodiscover.svc", PATH] {
        assert_eq!(finding.send(ask(format!("https://contoso.test:{}{path}", first.port()))).await.unwrap().status, 302);
    }
    assert_eq!(finding.send(ask(&here)).await.unwrap().status, 200);
    denied(finding.send(ask(&evil)).await);
    let texts = seen.lock().unwrap().clone();
    assert!(texts.len() == 1 && !texts[0].contains("known=1"), "{texts:?}");
    let named = DiscoveryRule::new("mail", &["contoso.test".to_owned()], &["EVIL.test".to_owned()]);
    let agreed = discovery(&everywhere(), &ca, named, |_| {});
    assert_eq!(agreed.send(ask(format!("https://contoso.test:{}{PATH}", first.port()))).await.unwrap().status, 302);
    assert_eq!(agreed.send(ask(&evil)).await.unwrap().status, 200, "somebody agreed by name");
}

#[tokio::test]
async fn b48_ten_redirects_are_followed_and_no_more() {
    let ca = authority();
    let (address, seen) = server(&ca, |line| {
        let number: usize = line.split(['r', ' ']).find_map(|part| part.parse().ok()).unwrap_or_default();
        redirect(&format!("/autodiscover/r{}", number + 1))
    })
    .await;
    let finding = discovery(&everywhere(), &ca, rule(), |_| {});
    let mut url = format!("https://contoso.test:{}{PATH}", address.port());
    let mut followed = 0;
    let refusal = loop {
        match finding.send(ask(&url)).await {
            Ok(answer) => url = url::Url::parse(&url).unwrap().join(answer.headers["location"].to_str().unwrap()).unwrap().into(),
            Err(error) => break error.to_string(),
        }
        followed += 1;
        assert!(followed < 50);
    };
    assert!(refusal.contains("10 redirects"), "{refusal}");
    assert_eq!(count(&seen), MOST_REDIRECTS + 1, "the first question, and ten that were redirected");
    denied(finding.send(ask(format!("https://mail.contoso.test:{}{PATH}", address.port()))).await);
    denied(finding.send(probe(format!("https://contoso.test:{}{PATH}", address.port()))).await);
    assert_eq!(count(&seen), MOST_REDIRECTS + 1);
}

#[tokio::test]
async fn b48_a_refused_credential_is_not_tried_at_the_next_server() {
    let ca = authority();
    let (address, seen) =
        server(&ca, |_| "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Length: 0\r\n\r\n".to_owned()).await;
    let finding = discovery(&everywhere(), &ca, rule(), |_| {});
    let at = |host: &str| format!("https://{host}:{}{PATH}", address.port());
    let (one, two) = tokio::join!(finding.send(ask(at("contoso.test"))), finding.send(ask(at("mail.contoso.test"))));
    assert_eq!(one.unwrap().status, 401);
    assert!(denied(two).contains("refused the credential") && finding.credential_refused());
    assert_eq!(count(&seen), 1);
}

#[tokio::test]
async fn b48_a_discovery_is_bounded_and_addresses_are_judged_as_for_the_endpoint() {
    let ca = authority();
    let (address, seen) = server(&ca, |_| OK.to_owned()).await;
    let url = format!("https://contoso.test:{}{PATH}", address.port());
    let closed = discovery(&everywhere(), &ca, rule(), |endpoint| endpoint.allow_addresses.clear());
    assert!(denied(closed.send(ask(&url)).await).contains("allow_addresses"));
    assert_eq!(count(&seen), 0);
    let finding = discovery(&everywhere(), &ca, rule(), |_| {});
    for _ in 0..MOST_REQUESTS {
        finding.send(ask(&url)).await.unwrap();
    }
    denied(finding.send(ask(&url)).await);
    assert_eq!(count(&seen), MOST_REQUESTS);
}

#[test]
fn b48_a_found_url_is_https_and_at_a_host_of_the_rule() {
    let rule = DiscoveryRule::new("mail server", &["contoso.test".to_owned(), "müller.test".to_owned()], &["Out.Example.Test".to_owned()]);
    for good in ["https://mail.contoso.test/EWS/Service.asmx", "https://out.example.test:8443/x", "https://xn--mller-kva.test/"] {
        assert!(rule.accept(good).is_ok(), "{good}");
    }
    for bad in [
        "http://mail.contoso.test/EWS/Service.asmx",
        "https://mail.evil.test/EWS",
        "https://below.out.example.test/EWS",
        "https://u:p@mail.contoso.test/",
        "https://mail.contoso.test/?x=1",
        "https://mail.contoso.test/a/..%2fb",
        "EWS/Service.asmx",
    ] {
        assert!(rule.accept(bad).is_err(), "{bad}");
    }
    let denied = rule.accept("https://mail.evil.test/EWS").unwrap_err();
    assert!(
        denied.to_string().ends_with("[connections.\"mail server\".discovery]\nhosts = [\"out.example.test\", \"mail.evil.test\"]"),
        "{denied}"
    );
    assert_eq!(EgressError::from(denied).blame(), Blame::Configuration);
}

#[tokio::test]
async fn b48_an_anonymous_request_to_an_endpoint_bears_no_credential_and_no_cookie() {
    let seen = Seen::default();
    let log = seen.clone();
    let address = serve_raw(move |_, mut socket| {
        let log = log.clone();
        async move {
            while let Some(request) = read_request(&mut socket).await {
                log.lock().unwrap().push(request);
                answer(&mut socket, "HTTP/1.1 200 OK\r\nSet-Cookie: known=1\r\nContent-Length: 0\r\n\r\n").await;
            }
        }
    })
    .await;
    let connection = world().connect(local_endpoint(address, Auth::Bearer { token: "marker".to_owned() }));
    let in_session = |anonymous| Request { session: Some("a".to_owned()), anonymous, ..get(address, "/") };
    for anonymous in [false, true, false] {
        connection.send(in_session(anonymous)).await.unwrap();
    }
    let bears = |text: &String| (text.contains(MARKER), text.contains("known=1"));
    let seen: Vec<_> = seen.lock().unwrap().iter().map(bears).collect();
    assert_eq!(seen, [(true, false), (false, false), (true, true)]);
    let torn = Request { identity: Some("anna".to_owned()), anonymous: true, ..get(address, "/") };
    assert!(matches!(connection.send(torn).await.unwrap_err(), EgressError::Malformed { .. }));
}
