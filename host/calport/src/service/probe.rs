//! Tests that the host can be reached under its own public URL.

use std::time::Duration;

use calport_web::hooks::{PROBE_PARAMETER, probe_answer};

/// How long the way around may take; servers of calendars give 10 s.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks a hook URL for its probe. The error says what came instead and what to do.
pub async fn probe(hook_url: &str) -> Result<Duration, String> {
    let nonce = format!("{:032x}", rand::random::<u128>());
    let began = std::time::Instant::now();
    let remedy = "check [hooks] public_url, the proxy in front of it, the firewall, and that `listen` is what the proxy forwards to";
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE)
        .build()
        .map_err(|e| format!("no HTTP client could be made: {e}"))?;
    let response = client.get(hook_url).query(&[(PROBE_PARAMETER, &nonce)]).send().await;
    let response = response.map_err(|e| format!("{} did not answer: {}; {remedy}", host(hook_url), reason(&e)))?;
    let status = response.status();
    let body = response.text().await.unwrap_or_default();
    if probe_answer(&nonce).as_deref() == Some(body.trim()) {
        return Ok(began.elapsed());
    }
    Err(format!("{} answered with status {status}, but it was not this Calport; {remedy}", host(hook_url)))
}

fn host(url: &str) -> String {
    url::Url::parse(url).map(|u| u.origin().ascii_serialization()).unwrap_or_else(|_| "the public URL".to_owned())
}

fn reason(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "it took longer than 10 s"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the answer was no HTTP"
    }
}
