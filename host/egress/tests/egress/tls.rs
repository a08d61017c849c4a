//! TLS against servers with certificates of many kinds; every wrong one gives a clear error and nothing is sent.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use calport_egress::{Auth, Blame, EgressError, Endpoint, PrivateCa, Request, TlsProblem};
use http::Method;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::support::{World, answer, read_request, secrets, serve_raw, short_limits, world_with};

type Ca = CertifiedIssuer<'static, KeyPair>;

pub fn authority() -> Ca {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, "Calport test CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A TLS server for `names`; counts the requests that reached it.
pub async fn tls_server(ca: &Ca, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> (SocketAddr, Arc<AtomicUsize>) {
    let mut params = CertificateParams::new(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()).unwrap();
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, ca).unwrap();
    server_with(certificate.der().clone(), key).await
}

async fn server_with(certificate: CertificateDer<'static>, key: KeyPair) -> (SocketAddr, Arc<AtomicUsize>) {
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let reached = Arc::new(AtomicUsize::new(0));
    let count = reached.clone();
    let address = serve_raw(move |_, socket| {
        let (acceptor, count) = (acceptor.clone(), count.clone());
        async move {
            let Ok(mut socket) = acceptor.accept(socket).await else { return };
            while read_request(&mut socket).await.is_some() {
                count.fetch_add(1, Ordering::SeqCst);
                answer(&mut socket, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecure").await;
            }
        }
    })
    .await;
    (address, reached)
}

pub fn world_of_pbx() -> World {
    world_with(&[("pbx.example", "127.0.0.1")])
}

pub fn tls_endpoint(address: SocketAddr, ca: Option<String>) -> Endpoint {
    let origin = format!("https://pbx.example:{}/", address.port());
    let mut endpoint = Endpoint::new("api", origin.parse().unwrap(), Auth::Bearer { token: "marker".to_owned() });
    endpoint.allow_addresses = vec!["loopback".parse().unwrap()];
    endpoint.ca = ca.map(|pem| PrivateCa::Pem(pem.into_bytes()));
    endpoint.limits = Some(short_limits());
    endpoint
}

pub async fn send_tls(world: &World, endpoint: Endpoint) -> Result<String, EgressError> {
    let origin = endpoint.origin.to_string();
    let connection = world.connect(endpoint);
    let response = connection.send(Request::new(Method::POST, origin)).await?;
    Ok(String::from_utf8(response.body.to_vec()).unwrap())
}

async fn problem(address: SocketAddr, ca: Option<String>) -> TlsProblem {
    let error = send_tls(&world_of_pbx(), tls_endpoint(address, ca)).await.unwrap_err();
    assert!(!error.sent(), "{error:?}");
    match error {
        EgressError::Tls { problem, .. } => problem,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn feat_c19_a_private_ca_is_accepted_where_it_is_named_and_only_there() {
    let ca = authority();
    let (address, reached) = tls_server(&ca, &["pbx.example"], |_| {}).await;
    assert_eq!(send_tls(&world_of_pbx(), tls_endpoint(address, Some(ca.pem()))).await.unwrap(), "secure");
    assert_eq!(reached.load(Ordering::SeqCst), 1);
    assert_eq!(problem(address, Some(authority().pem())).await, TlsProblem::UnknownIssuer);
    assert_eq!(reached.load(Ordering::SeqCst), 1, "nothing is sent to a server that is not trusted");
    let error = send_tls(&world_of_pbx(), tls_endpoint(address, Some(authority().pem()))).await.unwrap_err();
    assert!(error.to_string().contains("`ca_file`") && error.blame() == Blame::Configuration, "{error}");
}

#[tokio::test]
async fn feat_c19_each_bad_certificate_is_told_apart() {
    let ca = authority();
    let (old, _) = tls_server(&ca, &["pbx.example"], |p| {
        p.not_before = date_time_ymd(2000, 1, 1);
        p.not_after = date_time_ymd(2001, 2, 3);
    })
    .await;
    assert_eq!(problem(old, Some(ca.pem())).await, TlsProblem::Expired(Some("2001-02-03T00:00:00Z".to_owned())));
    let (new, _) = tls_server(&ca, &["pbx.example"], |p| p.not_before = date_time_ymd(2090, 1, 1)).await;
    assert!(matches!(problem(new, Some(ca.pem())).await, TlsProblem::NotYetValid(Some(_))));
    let (other, _) = tls_server(&ca, &["mail.example", "www.mail.example"], |_| {}).await;
    assert_eq!(problem(other, Some(ca.pem())).await, TlsProblem::WrongName(vec!["mail.example".to_owned(), "www.mail.example".to_owned()]));
    let (nameless, _) = tls_server(&ca, &[], |_| {}).await;
    assert_eq!(problem(nameless, Some(ca.pem())).await, TlsProblem::WrongName(Vec::new()));
    let (as_server, _) = tls_server(&ca, &["pbx.example"], |p| p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)).await;
    assert_eq!(problem(as_server, Some(ca.pem())).await, TlsProblem::CaAsServer);
    let mut own = CertificateParams::new(vec!["pbx.example".to_owned()]).unwrap();
    own.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = own.self_signed(&key).unwrap();
    let (by_itself, _) = server_with(certificate.der().clone(), key).await;
    assert!(matches!(problem(by_itself, Some(certificate.pem())).await, TlsProblem::SelfSigned(_)), "also where it is named as a CA");
    let plain = serve_raw(|_, mut socket| async move {
        answer(&mut socket, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
        read_request(&mut socket).await;
    })
    .await;
    assert_eq!(problem(plain, Some(ca.pem())).await, TlsProblem::NotTls);
}

#[tokio::test]
async fn feat_c19_a_pinned_certificate_counts_for_every_scheme_and_alone() {
    let mut own = CertificateParams::new(vec!["another.example".to_owned()]).unwrap();
    own.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = own.self_signed(&key).unwrap();
    let (address, reached) = server_with(certificate.der().clone(), key).await;
    let TlsProblem::SelfSigned(print) = problem(address, None).await else { panic!("not told") };
    for auth in [Auth::None, Auth::Basic { user: "u".to_owned(), password: "marker".to_owned() }, crate::front_door::ntlm()] {
        let mut endpoint = tls_endpoint(address, None);
        endpoint.auth = auth;
        endpoint.certificate_sha256 = vec!["00".repeat(32), print.clone()];
        assert_eq!(send_tls(&world_of_pbx(), endpoint.clone()).await.unwrap(), "secure");
        endpoint.certificate_sha256.pop();
        let error = send_tls(&world_of_pbx(), endpoint).await.unwrap_err();
        assert!(matches!(&error, EgressError::Tls { problem: TlsProblem::NotPinned(shown), .. } if *shown == print), "{error:?}");
    }
    assert_eq!(reached.load(Ordering::SeqCst), 3);
    let ca = authority();
    let (trusted, _) = tls_server(&ca, &["pbx.example"], |_| {}).await;
    let mut endpoint = tls_endpoint(trusted, Some(ca.pem()));
    endpoint.certificate_sha256 = vec![print];
    let error = send_tls(&world_of_pbx(), endpoint).await.unwrap_err();
    assert!(matches!(error, EgressError::Tls { problem: TlsProblem::NotPinned(_), .. }), "a trusted one that is not pinned: {error:?}");
}

#[tokio::test]
async fn feat_c19_an_unusable_ca_or_plain_origin_stops_the_connection_at_once() {
    let set_up = |change: &dyn Fn(&mut Endpoint)| {
        let mut endpoint = tls_endpoint("127.0.0.1:1".parse().unwrap(), None);
        change(&mut endpoint);
        let policy = calport_egress::ConnectionPolicy::new("pbx", vec![endpoint]);
        world_of_pbx().egress.connection(policy, secrets()).map(drop).unwrap_err().to_string()
    };
    assert!(set_up(&|e| e.ca = Some(PrivateCa::Pem(b"nonsense".to_vec()))).contains("BEGIN CERTIFICATE"));
    assert!(set_up(&|e| e.ca = Some(PrivateCa::File("/nonexistent/ca.pem".into()))).contains("/nonexistent/ca.pem"));
    assert!(set_up(&|e| e.origin = "http://pbx.example/".parse().unwrap()).contains("plain_http"));
    assert!(set_up(&|e| e.auth = Auth::Basic { user: "a:b".to_owned(), password: "marker".to_owned() }).contains("colon"));
}
