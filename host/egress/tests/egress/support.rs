//! A clock moved by hand, a collecting trace sink, a resolver from a table, and servers.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use calport_egress::{Auth, Clock, Connection, ConnectionPolicy, Egress, Endpoint, Limits, Lookup, Origin, Request, TraceLine, TraceSink};
use calport_secrets::Secret;
use futures::future::BoxFuture;
use http::Method;
use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub const MARKER: &str = "marker-secret-4e7a";

#[derive(Default)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_nanos() as u64, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        "2026-10-18T09:00:00Z".parse::<Timestamp>().unwrap() + self.monotonic()
    }
    fn monotonic(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::SeqCst))
    }
}

#[derive(Default)]
pub struct Collected(pub Mutex<Vec<TraceLine>>);

impl Collected {
    pub fn text(&self) -> String {
        self.0.lock().unwrap().iter().map(|line| format!("{} {}\n", line.request, line.text)).collect()
    }
}

impl TraceSink for Collected {
    fn line(&self, line: TraceLine) {
        self.0.lock().unwrap().push(line);
    }
}

#[derive(Default)]
pub struct Table(pub HashMap<String, Vec<IpAddr>>);

impl Lookup for Table {
    fn lookup(&self, host: String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> {
        let found = self.0.get(&host).cloned().ok_or_else(|| std::io::Error::other("no such name"));
        Box::pin(async move { found })
    }
}

pub struct World {
    pub clock: Arc<ManualClock>,
    pub trace: Arc<Collected>,
    pub egress: Egress,
}

pub fn world() -> World {
    world_with(&[])
}

pub fn world_with(names: &[(&str, &str)]) -> World {
    let mut table = Table::default();
    for (name, address) in names {
        table.0.entry((*name).to_owned()).or_default().push(address.parse().unwrap());
    }
    let (clock, trace) = (Arc::new(ManualClock::default()), Arc::new(Collected::default()));
    let egress = Egress::new(clock.clone(), trace.clone()).with_lookup(Arc::new(table));
    World { clock, trace, egress }
}

/// Secrets of all tests: `marker` is the one that must never be seen.
pub fn secrets() -> Arc<BTreeMap<String, Secret>> {
    Arc::new(BTreeMap::from([("marker".to_owned(), Secret::new(MARKER)), ("other".to_owned(), Secret::new("other-secret-77"))]))
}

/// Limits short enough to wait for.
pub fn short_limits() -> Limits {
    Limits {
        connect: Duration::from_millis(400),
        first_byte: Duration::from_millis(400),
        between_bytes: Duration::from_millis(400),
        total: Duration::from_millis(1500),
        response_bytes: 64 * 1024,
        request_bytes: 1024,
    }
}

pub fn local_endpoint(address: SocketAddr, auth: Auth) -> Endpoint {
    let mut endpoint = Endpoint::new("api", format!("http://{address}/").parse::<Origin>().unwrap(), auth);
    endpoint.allow_addresses = vec!["loopback".parse().unwrap()];
    endpoint.plain_http = true;
    endpoint
}

impl World {
    pub fn connect(&self, endpoint: Endpoint) -> Arc<Connection> {
        self.connect_with(ConnectionPolicy::new("pbx", vec![endpoint]))
    }
    pub fn connect_with(&self, policy: ConnectionPolicy) -> Arc<Connection> {
        self.egress.connection(policy, secrets()).unwrap()
    }
}

pub fn get(address: SocketAddr, path: &str) -> Request {
    Request::new(Method::GET, format!("http://{address}{path}"))
}

pub fn post(address: SocketAddr, path: &str, body: &str) -> Request {
    let mut request = Request::new(Method::POST, format!("http://{address}{path}"));
    request.body = body.to_owned().into();
    request
}

/// Serves a router on loopback.
pub async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

/// Serves raw connections; `handle` gets each accepted socket with its number from 0.
pub async fn serve_raw<F, R>(handle: F) -> SocketAddr
where
    F: Fn(usize, TcpStream) -> R + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for number in 0.. {
            let (socket, _) = listener.accept().await.unwrap();
            tokio::spawn(handle(number, socket));
        }
    });
    address
}

/// Reads one request with its body; `None` at the end of the connection.
pub async fn read_request(socket: &mut (impl AsyncReadExt + Unpin)) -> Option<String> {
    let mut text = Vec::new();
    loop {
        if let Some(head) = text.windows(4).position(|window: &[u8]| window == b"\r\n\r\n") {
            let shown = String::from_utf8_lossy(&text[..head]).to_lowercase();
            let length = shown.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok()).unwrap_or(0);
            if text.len() >= head + 4 + length {
                return Some(String::from_utf8_lossy(&text).into_owned());
            }
        }
        let mut buffer = [0; 4096];
        match socket.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(read) => text.extend_from_slice(&buffer[..read]),
        }
    }
}

pub async fn answer(socket: &mut (impl AsyncWriteExt + Unpin), text: &str) {
    let _ = socket.write_all(text.as_bytes()).await;
}
