//! A small reverse proxy that passes requests on over connections of its own choice, as some load balancers and proxies do.
//!
//! NTLM belongs to a connection. Where the connection changes between two messages nobody can log in, and where it is shared
//! a stranger's request is carried by somebody else's login (SEMANTICS B-47).

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::serve::{self, Peer, Running};

/// Largest request.
const LARGEST: usize = 35_000_000;
/// Headers that belong to one connection.
const OF_CONNECTION: [&str; 5] = ["connection", "keep-alive", "transfer-encoding", "content-length", "proxy-connection"];

/// Which connection to the server carries a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Each connection of a client has one of its own to the server.
    Faithful,
    /// Each request has a new connection.
    Fresh,
    /// The next of so many connections, one after the other, whoever asks.
    Shared(usize),
}

/// What went wrong at the start.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// No port is free.
    #[error("the proxy cannot listen: {0}")]
    Listen(#[from] io::Error),
    /// The client could not be built.
    #[error("the proxy has no HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

/// A running proxy; dropping it stops it.
#[derive(Debug)]
pub struct Proxy {
    running: Running,
}

struct Inside {
    target: String,
    mode: Mode,
    /// Each keeps one connection; in the mode `Faithful` there is none.
    clients: Vec<reqwest::Client>,
    next: AtomicUsize,
}

/// The connection to the server that belongs to a client's.
#[derive(Clone, Default)]
struct Own(Option<reqwest::Client>);

fn client(kept: usize) -> Result<reqwest::Client, reqwest::Error> {
    // The library has no provider for TLS of its own; a second call finds the first one's.
    rustls::crypto::ring::default_provider().install_default().ok();
    let none = reqwest::redirect::Policy::none();
    reqwest::Client::builder().no_proxy().http1_only().redirect(none).pool_max_idle_per_host(kept).build()
}

impl Proxy {
    /// Starts a proxy before the server with this origin, such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// [`ProxyError`].
    pub async fn start(target: &str, mode: Mode) -> Result<Self, ProxyError> {
        let clients = match mode {
            Mode::Faithful => Vec::new(),
            Mode::Fresh => vec![client(0)?],
            Mode::Shared(count) => (0..count.max(1)).map(|_| client(1)).collect::<Result<_, _>>()?,
        };
        let inside = Inside { target: target.trim_end_matches('/').to_owned(), mode, clients, next: AtomicUsize::new(0) };
        let listener = serve::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let running = serve::start(listener, Router::new().fallback(pass).with_state(Arc::new(inside)))?;
        Ok(Self { running })
    }

    /// Origin without a trailing slash.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.running.address())
    }
}

impl Inside {
    fn client(&self, peer: &Peer) -> Result<reqwest::Client, reqwest::Error> {
        if self.mode == Mode::Faithful {
            return peer.memory(|own: &mut Own| match &own.0 {
                Some(known) => Ok(known.clone()),
                None => Ok(own.0.insert(client(1)?).clone()),
            });
        }
        let at = self.next.fetch_add(1, Ordering::SeqCst) % self.clients.len().max(1);
        self.clients.get(at).cloned().map_or_else(|| client(0), Ok)
    }
}

async fn pass(State(inside): State<Arc<Inside>>, ConnectInfo(peer): ConnectInfo<Peer>, request: Request) -> Response {
    match forward(&inside, &peer, request).await {
        Ok(response) => response,
        Err(e) => (StatusCode::BAD_GATEWAY, format!("The server did not answer the proxy: {e}.")).into_response(),
    }
}

async fn forward(inside: &Inside, peer: &Peer, request: Request) -> Result<Response, reqwest::Error> {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST).await else { return Ok(StatusCode::PAYLOAD_TOO_LARGE.into_response()) };
    let url = format!("{}{}", inside.target, head.uri.path_and_query().map_or("/", |p| p.as_str()));
    let mut asked = inside.client(peer)?.request(head.method, url).body(body);
    for (name, value) in head.headers.iter().filter(|(name, _)| !OF_CONNECTION.contains(&name.as_str())) {
        asked = asked.header(name, value);
    }
    let answer = asked.header("via", "1.1 proxy").send().await?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = answer.status();
    for (name, value) in answer.headers().iter().filter(|(name, _)| !OF_CONNECTION.contains(&name.as_str())) {
        response.headers_mut().append(name, value.clone());
    }
    response.headers_mut().append("via", axum::http::HeaderValue::from_static("1.1 proxy"));
    *response.body_mut() = Body::from_stream(answer.bytes_stream());
    Ok(response)
}
