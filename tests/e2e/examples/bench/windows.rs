//! The same mailbox windows read by Calport and by an independent client from the same simulator process.
//!
//! What counts is the processor time of the client: Calport's is that of this process with host, sandboxed connector, egress
//! and store; the other's is that of its own process. Both log in with Basic and act for each mailbox.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use calport_egress::{Auth, ConnectionPolicy, Egress, Endpoint, NoTrace, SystemClock};
use calport_engine::sync_feed;
use calport_model::ConnectorApi as _;
use calport_runtime::{ConnectionConfig, Limits, Runtime};
use calport_secrets::Secret;
use calport_store::{Feed, FeedKey, NoSeal, Store};
use futures::StreamExt as _;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::week::host::Gate;
use super::{plugins, row, window};

/// Mailboxes that are measured; one more is read first.
const MAILBOXES: usize = 1_000;
/// Appointments of each, one an hour.
const EVENTS: usize = 60;
/// Windows under way at once, in both.
const AT_ONCE: usize = 8;

/// The simulator as a process of its own; it ends with its standard input.
struct Simulator {
    child: Child,
    about: Value,
}

impl Simulator {
    fn start(program: &Path) -> Self {
        let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, about: serde_json::from_str(&line).unwrap() }
    }

    /// The answer of the admin door.
    fn ask(&self, path: &str, body: &Value) -> String {
        let url = self.text("url");
        let host = url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(host).unwrap();
        let body = body.to_string();
        let head = format!("POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        stream.write_all((head + &body).as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn text(&self, name: &str) -> String {
        self.about[name].as_str().unwrap().to_owned()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().ok();
    }
}

/// Measures and prints. Without the simulator's program or the Python of the other client there is no figure, and it says so.
pub async fn run(runtime: &Arc<Runtime>) {
    let program = |name: &str| std::env::var_os(name).unwrap_or_else(|| panic!("{name} is not set; `cargo xtask bench` sets it"));
    let simulator = Simulator::start(Path::new(&program("CALPORT_SIM_EWS")));
    let order = json!({ "mailboxes": MAILBOXES + 1, "events": EVENTS, "from": window().start.to_string() });
    let made = simulator.ask("/_admin/stress", &order);
    assert!(made.starts_with("HTTP/1.1 200 "), "{made}");

    let (read, stored) = calport(runtime, &simulator).await;
    let other = exchangelib(Path::new(&program("CALPORT_PYTHON_EXCHANGELIB")), &simulator);
    let rate = |cpu: Duration| MAILBOXES as f64 / cpu.as_secs_f64();
    let what =
        "1,000 mailbox windows of 60 events over EWS: mailboxes per processor second of the client, against exchangelib with 8 threads";
    for (what, own, goal) in [(what, read, "≥ 20"), ("the same, and kept in the store", stored, "-")] {
        row(
            what,
            &format!("{:.0} per s", rate(own)),
            &format!("{:.1} per s", rate(other)),
            &format!("{:.1}", rate(own) / rate(other)),
            goal,
        );
    }
}

fn addresses() -> impl Iterator<Item = String> {
    (0..=MAILBOXES).map(|number| format!("user{number:05}@example.test"))
}

/// Processor time of this process so far, of all its threads.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap(), u32::try_from(time.tv_nsec).unwrap())
}

/// Processor time of reading, and of reading into a store.
async fn calport(runtime: &Arc<Runtime>, simulator: &Simulator) -> (Duration, Duration) {
    let url = simulator.text("ews_url");
    let auth = Auth::Basic { user: simulator.text("user"), password: "password".to_owned() };
    let mut endpoint = Endpoint::new("ews", url.parse().unwrap(), auth);
    endpoint.allow_addresses = vec!["loopback".parse().unwrap()];
    endpoint.plain_http = true;
    let secrets = Arc::new(BTreeMap::from([("password".to_owned(), Secret::new(simulator.text("password")))]));
    let egress = Egress::new(Arc::new(SystemClock::default()), Arc::new(NoTrace));
    let out = egress.connection(ConnectionPolicy::new("bench", vec![endpoint]), secrets).unwrap();
    let config = ConnectionConfig {
        id: "bench".to_owned(),
        settings: json!({ "test_user": "user00000@example.test" }),
        endpoints: vec![("ews".to_owned(), url)],
        gate: Arc::new(Gate(out)),
        discovery_domains: Vec::new(),
        limits: Limits::default(),
    };
    let connection = runtime.connect(config, runtime.load(&plugins().join("ews.wasm")).await.unwrap()).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("bench.sqlite"), Arc::new(NoSeal)).await.unwrap();
    let read = async |address: String| {
        assert_eq!(connection.changes(address, window(), None).await.unwrap().changes.len(), EVENTS);
    };
    let keep = async |address: String| {
        let feed = Feed::new(FeedKey::new("bench", address), window(), connection.descriptor().cursor_format);
        store.add_feed(&feed).await.unwrap();
        sync_feed(&store, connection.as_ref(), &feed, window(), &TimeZone::UTC, window().start).await.unwrap();
        assert_eq!(store.events(&feed.key).await.unwrap().len(), EVENTS);
    };
    let mut mailboxes = addresses();
    let first = mailboxes.next().unwrap();
    read(first.clone()).await;
    keep(first).await;
    let before = processor_time();
    futures::stream::iter(mailboxes).for_each_concurrent(AT_ONCE, read).await;
    let between = processor_time();
    futures::stream::iter(addresses().skip(1)).for_each_concurrent(AT_ONCE, keep).await;
    (between - before, processor_time() - between)
}

fn exchangelib(python: &Path, simulator: &Simulator) -> Duration {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../peers/exchangelib/windows.py");
    let mut child = Command::new(python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let order = json!({
        "url": simulator.text("ews_url"), "user": simulator.text("user"), "password": simulator.text("password"),
        "mailboxes": addresses().collect::<Vec<_>>(), "threads": AT_ONCE,
        "start": window().start.to_string(), "end": window().end.to_string(),
    });
    child.stdin.take().unwrap().write_all(order.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "exchangelib could not read the windows");
    let took: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(took["events"], MAILBOXES * EVENTS, "{took}");
    Duration::from_secs_f64(took["cpu_seconds"].as_f64().unwrap())
}
