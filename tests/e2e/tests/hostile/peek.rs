//! What a connector can see: its settings, and nothing else.

use std::net::TcpListener;

use calport_model::ConnectorApi as _;
use calport_model::descriptor::Severity;
use calport_runtime::Limits;
use serde_json::json;

use crate::support::{Bench, within};

#[tokio::test]
async fn feat_x02_hostile_peek_sees_no_environment_files_sockets_or_other_hosts() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let bench = Bench::new().await;
    let settings = json!({ "behaviour": "peek", "port": listener.local_addr().unwrap().port() });
    let connection = bench.with_settings(settings, Limits::default());
    let report = within("the report", connection.check()).await.unwrap();

    let seen: Vec<_> = report.findings.iter().filter(|finding| finding.severity == Severity::Problem).collect();
    assert!(seen.is_empty(), "{seen:#?}");
    let tried = |what: &str| report.findings.iter().filter(|finding| finding.message.starts_with(&format!("{what}:"))).count();
    for (what, times) in [
        ("environment", 1),
        ("arguments", 1),
        ("input", 1),
        ("file", 4),
        ("folder", 2),
        ("new file", 2),
        ("connection", 1),
        ("listener", 1),
        ("datagrams", 1),
        ("name", 1),
        ("service", 1),
        ("header authorization", 1),
        ("header cookie", 1),
        ("header host", 1),
        ("other host", 1),
        ("user in URL", 1),
        ("file URL", 1),
        ("tunnel", 1),
        ("wasi header", 3),
        ("wasi other host", 1),
        ("wasi user in URL", 1),
    ] {
        assert_eq!(tried(what), times, "{what} in {:#?}", report.findings);
    }
    assert!(listener.accept().is_err_and(|e| e.kind() == std::io::ErrorKind::WouldBlock), "nobody connected");

    assert_eq!(connection.cost().denied, 9, "each denied request is counted, by either HTTP interface");
    let asked: Vec<String> = bench.gate.requests().into_iter().map(|request| request.url).collect();
    assert_eq!(asked, ["https://evil.example/collect", "https://evil.example/x"], "the gate is asked only what is well formed");
    assert!(bench.gate.requests().iter().all(|request| request.headers.is_empty()));
}
