//! What a stream of notifications costs in memory: the instance that holds it, its answer, its 200 subscriptions.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use calport_model::ConnectorApi as _;
use calport_model::notification::{HintKind, SubscriptionGroup, SubscriptionRequest, Topic};
use calport_runtime::{
    Connection, ConnectionConfig, HttpBody, HttpError, HttpGate, HttpRequest, HttpResponse, HttpStream, Limits, Runtime,
};
use futures::future::BoxFuture;

use super::{page, plugins, row, window};

/// Streams that are open at once.
const STREAMS: usize = 50;
/// Subscriptions of each (SEMANTICS C-09).
const MEMBERS: usize = 200;

/// A server that grants subscriptions, and says once of each stream that it lives.
struct Server;

struct Line(Option<Bytes>);

fn envelope(operation: &str, content: &str) -> Bytes {
    format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><m:{operation}Response xmlns:m=\"m\" xmlns:t=\"t\">\
         <m:ResponseMessages><m:{operation}ResponseMessage ResponseClass=\"Success\"><m:ResponseCode>NoError</m:ResponseCode>{content}\
         </m:{operation}ResponseMessage></m:ResponseMessages></m:{operation}Response></s:Body></s:Envelope>"
    )
    .into()
}

fn headers() -> Vec<(String, String)> {
    vec![("content-type".to_owned(), "text/xml; charset=utf-8".to_owned())]
}

impl HttpGate for Server {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>> {
        // As long as those of real servers, and none like another.
        let asked = String::from_utf8_lossy(&request.body.unwrap_or_default()).into_owned();
        let mailbox = asked.split_once("PrimarySmtpAddress>").map_or("", |(_, rest)| rest.split('<').next().unwrap_or_default());
        let body = envelope("Subscribe", &format!("<m:SubscriptionId>{mailbox:A<120}</m:SubscriptionId>"));
        Box::pin(async move { Ok(HttpResponse { status: 200, headers: headers(), body }) })
    }

    fn open(&self, _: HttpRequest) -> BoxFuture<'_, Result<HttpStream, HttpError>> {
        let line = Line(Some(envelope("GetStreamingEvents", "<m:ConnectionStatus>OK</m:ConnectionStatus>")));
        Box::pin(async { Ok(HttpStream { status: 200, headers: headers(), body: Box::new(line) }) })
    }
}

impl HttpBody for Line {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, HttpError>> {
        match self.0.take() {
            Some(piece) => Box::pin(async { Ok(Some(piece)) }),
            None => Box::pin(std::future::pending()),
        }
    }
}

async fn subscribe(connection: &Connection, stream: usize) -> Vec<String> {
    let mailbox = |number: usize| format!("user{:05}@example.test", stream * MEMBERS + number);
    let requests = (0..MEMBERS).map(|number| SubscriptionRequest {
        mailbox: Some(mailbox(number)),
        topic: Topic::Events,
        notification_url: None,
        group: Some(SubscriptionGroup { name: format!("streams-{stream}"), anchor: mailbox(0) }),
        lifecycle_url: None,
        secret: String::new(),
        expires: window().end,
    });
    let mut ids = Vec::new();
    for batch in requests.collect::<Vec<_>>().chunks(20) {
        ids.extend(connection.subscribe(batch.to_vec()).await.unwrap().into_iter().map(|granted| granted.unwrap().id));
    }
    ids
}

/// Kilobytes that this process holds in memory.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}

/// Measures and prints.
pub async fn run(runtime: &Arc<Runtime>) {
    let plugin = runtime.load(&plugins().join(page::EWS.file)).await.unwrap();
    let config = ConnectionConfig {
        id: "bench".to_owned(),
        settings: serde_json::from_str(page::EWS.settings).unwrap(),
        endpoints: vec![(page::EWS.endpoint.to_owned(), "https://server.example.com/EWS/Exchange.asmx".to_owned())],
        gate: Arc::new(Server),
        discovery_domains: Vec::new(),
        limits: Limits::default(),
    };
    let connection = runtime.connect(config, plugin).unwrap();
    let mut groups = Vec::new();
    for stream in 0..=STREAMS {
        groups.push(subscribe(&connection, stream).await);
    }
    let open = async |stream: usize| {
        let waited = connection.wait(format!("s{stream}"), groups[stream].clone(), None, Duration::from_secs(1)).await.unwrap();
        assert_eq!(waited.hints.iter().map(|hint| &hint.kind).collect::<Vec<_>>(), [&HintKind::Heartbeat]);
    };
    open(STREAMS).await;
    let before = resident();
    for stream in 0..STREAMS {
        open(stream).await;
    }
    let each = resident().saturating_sub(before) / STREAMS;
    row("memory of an open stream that tells of 200 mailboxes (EWS)", &format!("{each} kB"), "-", "-", "-");
}
