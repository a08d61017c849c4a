//! Sends requests through the egress as an endpoint of the configuration would; driven by `tests/peers/auth`.
//!
//! Reads one job as JSON from standard input, prints one result as JSON. A job names the endpoint, its secrets, and how many
//! requests go out at once; the result has, for each request, the status with the body's text, or the error.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a program of the tests may fail loudly")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use calport_egress::{Auth, ConnectionPolicy, Egress, Endpoint, NoTrace, PrivateCa, Proxy, Request, SystemClock};
use calport_secrets::Secret;
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Job {
    url: String,
    auth: Value,
    #[serde(default)]
    secrets: BTreeMap<String, String>,
    #[serde(default = "one")]
    requests: usize,
    #[serde(default = "one")]
    connections: usize,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    ca: Option<String>,
    #[serde(default)]
    pins: Vec<String>,
    #[serde(default)]
    proxy: Option<String>,
    /// One after the other instead of all at once.
    #[serde(default)]
    in_turn: bool,
}

fn one() -> usize {
    1
}

fn auth(given: &Value) -> Auth {
    let text = |key: &str| given.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let some = |key: &str| given.get(key).and_then(Value::as_str).map(str::to_owned);
    let channel_binding = given.get("channel_binding").and_then(Value::as_bool).unwrap_or(true);
    match text("scheme").as_str() {
        "ntlm" => Auth::Ntlm { user: text("user"), password: "password".to_owned(), channel_binding },
        "basic" => Auth::Basic { user: text("user"), password: "password".to_owned() },
        "negotiate" => Auth::Negotiate {
            user: some("user"),
            password: some("user").filter(|_| given.get("with_password").is_some()).map(|_| "password".to_owned()),
            keytab: some("keytab").map(Into::into),
            ticket_cache: some("ticket_cache"),
            channel_binding,
        },
        "fba" => Auth::Form {
            user: text("user"),
            password: "password".to_owned(),
            login_url: None,
            fields: Vec::new(),
            user_field: "username".to_owned(),
            password_field: "password".to_owned(),
        },
        _ => Auth::None,
    }
}

#[tokio::main]
async fn main() {
    let job: Job = serde_json::from_reader(std::io::stdin()).unwrap();
    let mut endpoint = Endpoint::new("server", job.url.parse().unwrap(), auth(&job.auth));
    endpoint.allow_addresses = vec!["loopback".parse().unwrap()];
    endpoint.plain_http = true;
    endpoint.ca = job.ca.map(|pem| PrivateCa::Pem(pem.into_bytes()));
    endpoint.certificate_sha256 = job.pins;
    endpoint.proxy = job.proxy.map(|url| Proxy { url: url.parse().unwrap(), login: None });
    let mut policy = ConnectionPolicy::new("peer", vec![endpoint]);
    policy.concurrent_requests = job.connections;
    let secrets: BTreeMap<String, Secret> = job.secrets.into_iter().map(|(name, value)| (name, Secret::new(value))).collect();
    let egress = Egress::new(Arc::new(SystemClock::new()), Arc::new(NoTrace));
    let connection = match egress.connection(policy, Arc::new(secrets)) {
        Ok(connection) => connection,
        Err(error) => return println!("{}", json!({ "setup": error.to_string() })),
    };
    let started = Instant::now();
    let send = |number: usize| {
        let connection = Arc::clone(&connection);
        let mut request = Request::new(if job.body.is_some() { Method::POST } else { Method::GET }, format!("{}?n={number}", job.url));
        request.body = job.body.clone().map(|text| format!("{text}{number}").into()).unwrap_or_default();
        async move {
            match connection.send(request).await {
                Ok(response) => json!({ "status": response.status.as_u16(), "text": String::from_utf8_lossy(&response.body) }),
                Err(error) => json!({ "error": error.to_string(), "kind": kind(&error), "sent": error.sent() }),
            }
        }
    };
    let mut answers = Vec::new();
    if job.in_turn {
        for number in 0..job.requests {
            answers.push(send(number).await);
        }
    } else {
        let running: Vec<_> = (0..job.requests).map(|number| tokio::spawn(send(number))).collect();
        for task in running {
            answers.push(task.await.unwrap());
        }
    }
    let took: Duration = started.elapsed();
    println!("{}", json!({ "answers": answers, "micros": took.as_micros() as u64, "sent": connection.counters().requests }));
}

/// The error's and its problem's variant, without what they hold.
fn kind(error: &calport_egress::EgressError) -> String {
    let shown = match error {
        calport_egress::EgressError::Login { problem, .. } => format!("Login {problem:?}"),
        calport_egress::EgressError::Tls { problem, .. } => format!("Tls {problem:?}"),
        other => format!("{other:?}"),
    };
    shown.split([' ', '(', '{']).filter(|word| !word.is_empty()).take(2).collect::<Vec<_>>().join(" ")
}
