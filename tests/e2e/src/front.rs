//! What stands before a simulated server in a company: TLS with certificates of every kind, and a proxy that knows where names lead.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_util::sync::{CancellationToken, DropGuard};

/// When a certificate holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// Now.
    Now,
    /// It ended on 2001-02-03.
    Over,
    /// It begins in 2090.
    ToCome,
}

/// A company's own authority for certificates.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Default for Authority {
    fn default() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "Contoso test CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() }
    }
}

impl Authority {
    /// Its own certificate.
    #[must_use]
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for hosts.
    #[must_use]
    pub fn certificate(&self, names: &[&str], life: Life) -> Certificate {
        let mut params = of(names);
        match life {
            Life::Now => {}
            Life::Over => (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(2001, 2, 3)),
            Life::ToCome => params.not_before = date_time_ymd(2090, 1, 1),
        }
        let key = KeyPair::generate().unwrap();
        Certificate { der: params.signed_by(&key, &self.issuer).unwrap().der().clone(), key }
    }
}

fn of(names: &[&str]) -> CertificateParams {
    CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap()
}

/// What a server shows.
pub struct Certificate {
    der: CertificateDer<'static>,
    key: KeyPair,
}

impl Certificate {
    /// One that signed itself, as a server makes at its installation.
    #[must_use]
    pub fn self_signed(names: &[&str]) -> Self {
        let key = KeyPair::generate().unwrap();
        Self { der: of(names).self_signed(&key).unwrap().der().clone(), key }
    }

    /// What a login by Windows authentication is tied to under Extended Protection (RFC 5929, `tls-server-end-point`).
    #[must_use]
    pub fn binding(&self) -> Vec<u8> {
        [b"tls-server-end-point:".as_slice(), &Sha256::digest(&self.der)].concat()
    }
}

/// TLS before a server without it: what comes in by one connection goes on by one connection. Dropping it ends it.
pub struct Front {
    address: SocketAddr,
    _stop: DropGuard,
}

impl Front {
    /// Before the server at this origin, such as `http://127.0.0.1:8080`.
    pub async fn start(certificate: &Certificate, origin: &str) -> Self {
        let to = address_of(origin);
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der.clone()], PrivateKeyDer::try_from(certificate.key.serialize_der()).unwrap())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (address, stop) = serve(move |socket| {
            let acceptor = acceptor.clone();
            async move {
                // Whoever does not trust the certificate goes away here.
                let Ok(mut inside) = acceptor.accept(socket).await else { return };
                let Ok(mut server) = TcpStream::connect(to).await else { return };
                tokio::io::copy_bidirectional(&mut inside, &mut server).await.ok();
            }
        })
        .await;
        Self { address, _stop: stop }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// The address of an origin with a port.
#[must_use]
pub fn address_of(origin: &str) -> SocketAddr {
    origin.trim_start_matches("http://").trim_end_matches('/').parse().unwrap()
}

/// A proxy that knows where names lead, so that tests need no name service. Dropping it ends it.
pub struct Tunnel {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    _stop: DropGuard,
}

impl Tunnel {
    /// Leads `HOST:PORT` to addresses, and refuses all others.
    pub async fn start(ways: &[(&str, SocketAddr)]) -> Self {
        let ways: Arc<BTreeMap<String, SocketAddr>> = Arc::new(ways.iter().map(|(name, to)| ((*name).to_owned(), *to)).collect());
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let log = Arc::clone(&asked);
        let (address, stop) = serve(move |socket| lead(socket, Arc::clone(&ways), Arc::clone(&log))).await;
        Self { address, asked, _stop: stop }
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it was asked for, `HOST:PORT`, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn lead(mut socket: TcpStream, ways: Arc<BTreeMap<String, SocketAddr>>, log: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = socket.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let (method, rest) = head.split_once(' ').unwrap();
    let (target, rest) = rest.split_once(' ').unwrap();
    // A tunnel is asked for by host and port; what goes on as it is bears a whole URL.
    let plain = target.strip_prefix("http://").map(|rest| rest.split_at(rest.find('/').unwrap_or(rest.len())));
    let place =
        plain.map_or_else(|| target.to_owned(), |(host, _)| if host.contains(':') { host.to_owned() } else { format!("{host}:80") });
    log.lock().unwrap_or_else(PoisonError::into_inner).push(place.clone());
    let server = match ways.get(&place) {
        Some(to) => TcpStream::connect(to).await.ok(),
        None => None,
    };
    let Some(mut server) = server else {
        socket.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await.ok();
        return;
    };
    let begun = match plain {
        Some((_, path)) => server.write_all(format!("{method} {path} {rest}").as_bytes()).await,
        None => socket.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await,
    };
    if begun.is_ok() {
        tokio::io::copy_bidirectional(&mut socket, &mut server).await.ok();
    }
}

/// Serves each connection by itself until the guard goes.
async fn serve<F: Future<Output = ()> + Send + 'static>(each: impl Fn(TcpStream) -> F + Send + 'static) -> (SocketAddr, DropGuard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        while let Some(Ok((socket, _))) = token.run_until_cancelled(listener.accept()).await {
            socket.set_nodelay(true).ok();
            let served = each(socket);
            let token = token.clone();
            tokio::spawn(async move { token.run_until_cancelled(served).await });
        }
    });
    (address, stop.drop_guard())
}
