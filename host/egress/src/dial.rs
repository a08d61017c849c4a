//! Opening a connection of our own: resolve, judge each address, connect to exactly that, tunnel, TLS (FEATURES X02, C19).
//!
//! A proxy is always asked with `CONNECT`, for http targets too: a proxy that forwards requests shares its connections to the
//! server between its clients, and would lend ours, logged in, to others (SEMANTICS B-47).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{HOST, HeaderValue, PROXY_AUTHORIZATION};
use http::{Method, StatusCode};
use http_body_util::{Empty, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use crate::certificate;
use crate::chain;
use crate::error::{EgressError, Phase, SafeUrl};
use crate::line::Line;
use crate::policy::{Proxy, address_denied};
use crate::resolve::{ResolveError, permitted};
use crate::tls;
use crate::wire::{Call, Wire};

/// What every dial of an endpoint needs.
pub(crate) struct Dialer {
    tls: Arc<ClientConfig>,
    proxy_login: Option<HeaderValue>,
}

impl Dialer {
    /// With the endpoint's TLS, but without HTTP/2, where a login does not belong to a connection.
    pub(crate) fn new(mut tls: ClientConfig, proxy_login: Option<(&str, &str)>) -> Result<Self, String> {
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let header = |(user, password): (&str, &str)| {
            let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))?;
            value.set_sensitive(true);
            Ok::<_, http::header::InvalidHeaderValue>(value)
        };
        let proxy_login = proxy_login.map(header).transpose().map_err(|_| "its proxy login cannot be sent".to_owned())?;
        Ok(Self { tls: Arc::new(tls), proxy_login })
    }
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

impl Wire {
    /// A new connection to the server of this call, through the endpoint's proxy if it has one.
    pub(crate) async fn dial(&self, call: &Call) -> Result<Line, EgressError> {
        self.judge_target(call).await?;
        let limit = call.deadline.min(Instant::now() + self.limits.connect);
        match timeout_at(limit, self.connect(call)).await {
            Ok(result) => result,
            Err(_) => Err(self.late(call, Phase::Connect)),
        }
    }

    async fn connect(&self, call: &Call) -> Result<Line, EgressError> {
        let url = SafeUrl::new(&call.url);
        let stream: Box<dyn Duplex> = match &self.endpoint.proxy {
            Some(proxy) => self.tunnel(proxy, &call.url).await.map_err(|detail| {
                let endpoint = self.endpoint.name.clone();
                EgressError::Proxy { endpoint, url: url.clone(), detail }
            })?,
            None => {
                let port = call.url.port_or_known_default().unwrap_or_default();
                let addresses = self.addresses(&call.url).await?;
                Box::new(self.reach(&addresses, port).await.map_err(|detail| EgressError::Unreachable { url: url.clone(), detail })?)
            }
        };
        if call.url.scheme() == "http" {
            return start(stream, None).await.map_err(|detail| EgressError::Unreachable { url, detail });
        }
        let name = server_name(&call.url).ok_or_else(|| self.setup("its host cannot be the name of a TLS server"))?;
        let secured =
            TlsConnector::from(Arc::clone(&self.dialer.tls)).connect(name, stream).await.map_err(|error| match tls::find(&error) {
                Some(problem) => EgressError::Tls { url: url.clone(), problem },
                None => EgressError::Unreachable { url: url.clone(), detail: chain::innermost(&error) },
            })?;
        let leaf = secured.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let binding = leaf.and_then(certificate::binding);
        start(secured, binding).await.map_err(|detail| EgressError::Unreachable { url, detail })
    }

    /// The permitted addresses of the server; an address in the URL itself was judged with the target.
    async fn addresses(&self, url: &Url) -> Result<Vec<IpAddr>, EgressError> {
        let host = match url.host() {
            Some(Host::Ipv4(address)) => return Ok(vec![address.into()]),
            Some(Host::Ipv6(address)) => return Ok(vec![address.into()]),
            Some(Host::Domain(host)) => host,
            None => return Err(self.setup("its url has no host")),
        };
        match permitted(&*self.lookup, host, &self.endpoint.allow_addresses).await {
            Ok(addresses) => Ok(addresses),
            Err(ResolveError::Forbidden(address, class)) => {
                Err(address_denied(&self.tracer.connection, &self.endpoint, url, address, class).into())
            }
            Err(ResolveError::Failed(detail)) => Err(EgressError::Unresolved { url: SafeUrl::new(url), detail }),
        }
    }

    /// The first address that takes the connection; each gets its share of the time.
    async fn reach(&self, addresses: &[IpAddr], port: u16) -> Result<TcpStream, String> {
        let share = self.limits.connect / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
        let mut last = "the name has no address".to_owned();
        for address in addresses {
            match timeout(share, TcpStream::connect(SocketAddr::new(*address, port))).await {
                Ok(Ok(stream)) => {
                    // Without it a small request waits for the acknowledgement of the one before.
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(error)) => last = chain::innermost(&error),
                Err(_) => last = format!("no answer from {address}"),
            }
        }
        Err(last)
    }

    /// A tunnel to the server. The proxy's own address is the administrator's choice and reached whatever it is.
    async fn tunnel(&self, proxy: &Proxy, target: &Url) -> Result<Box<dyn Duplex>, String> {
        let port = proxy.url.port_or_known_default().unwrap_or_default();
        let addresses = match proxy.url.host() {
            Some(Host::Ipv4(address)) => vec![address.into()],
            Some(Host::Ipv6(address)) => vec![address.into()],
            Some(Host::Domain(host)) => self.lookup.lookup(host.to_owned()).await.map_err(|error| chain::innermost(&error))?,
            None => return Err("its url has no host".to_owned()),
        };
        let stream = self.reach(&addresses, port).await?;
        let (mut sender, connection) =
            http1::handshake::<_, Empty<Bytes>>(TokioIo::new(stream)).await.map_err(|error| chain::innermost(&error))?;
        tokio::spawn(connection.with_upgrades());
        let place = format!("{}:{}", target.host_str().unwrap_or_default(), target.port_or_known_default().unwrap_or_default());
        let mut request = http::Request::builder().method(Method::CONNECT).uri(&place).header(HOST, &place);
        if let Some(login) = &self.dialer.proxy_login {
            request = request.header(PROXY_AUTHORIZATION, login);
        }
        let request = request.body(Empty::new()).map_err(|error| chain::innermost(&error))?;
        let response = sender.send_request(request).await.map_err(|error| chain::innermost(&error))?;
        match response.status() {
            status if status.is_success() => {}
            StatusCode::FORBIDDEN | StatusCode::METHOD_NOT_ALLOWED => {
                return Err(format!(
                    "it answers CONNECT to {place} with status {}; it must permit CONNECT to this port",
                    response.status().as_u16()
                ));
            }
            status => return Err(format!("it answers CONNECT with status {}", status.as_u16())),
        }
        let upgraded = hyper::upgrade::on(response).await.map_err(|error| chain::innermost(&error))?;
        Ok(Box::new(TokioIo::new(upgraded)))
    }
}

async fn start(stream: impl Duplex + 'static, binding: Option<Vec<u8>>) -> Result<Line, String> {
    let (sender, connection) = http1::handshake::<_, Full<Bytes>>(TokioIo::new(stream)).await.map_err(|error| chain::innermost(&error))?;
    // Ends by itself when the line and its last body are gone; its error reaches the request that waits on it.
    tokio::spawn(connection);
    Ok(Line::new(sender, binding))
}

fn server_name(url: &Url) -> Option<ServerName<'static>> {
    match url.host()? {
        Host::Domain(host) => ServerName::try_from(host.to_owned()).ok(),
        Host::Ipv4(address) => Some(ServerName::IpAddress(IpAddr::from(address).into())),
        Host::Ipv6(address) => Some(ServerName::IpAddress(IpAddr::from(address).into())),
    }
}
