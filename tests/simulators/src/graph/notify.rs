//! Delivery of notifications: one worker per address, in order, several items in one POST, again after a failure.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::shared::Shared;

/// Most items in one POST.
const BATCH: usize = 100;
/// The endpoint's time to answer, as documented for the handshake.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why an endpoint did not pass.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Undelivered {
    #[error("The endpoint could not be reached: {0}")]
    Unreachable(#[from] reqwest::Error),
    #[error("Notification endpoint must respond with 200 OK to validation request, it answered {0}.")]
    Status(u16),
    #[error("Validation: content type must be text/plain, it was '{0}'.")]
    Type(String),
    #[error("Validation: the endpoint did not return the token it was sent.")]
    Token,
}

/// The sending side.
#[derive(Clone, Debug)]
pub(crate) struct Notifier {
    client: reqwest::Client,
    workers: Arc<Mutex<HashMap<String, UnboundedSender<Value>>>>,
    runtime: Handle,
    stop: CancellationToken,
}

impl Notifier {
    /// A notifier that ends with `stop`. Certificates of endpoints are not checked: they are the tests' own.
    ///
    /// # Errors
    /// The HTTP client cannot be built.
    pub fn new(stop: CancellationToken) -> Result<Self, reqwest::Error> {
        // Fails only if a provider is installed already, which serves as well.
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = reqwest::Client::builder().no_proxy().tls_danger_accept_invalid_certs(true).timeout(PATIENCE).build()?;
        Ok(Self { client, workers: Arc::default(), runtime: Handle::current(), stop })
    }

    /// The handshake: the endpoint must echo a token.
    pub async fn validate(&self, address: &str) -> Result<(), Undelivered> {
        let token = format!("Validation: Testing client application reachability for subscription Request-Id: {} +&/=", Uuid::new_v4());
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("validationToken", &token).finish();
        let target = format!("{address}{}{query}", if address.contains('?') { '&' } else { '?' });
        let answer = self.client.post(target).header("content-type", "text/plain; charset=utf-8").body("").send().await?;
        if answer.status().as_u16() != 200 {
            return Err(Undelivered::Status(answer.status().as_u16()));
        }
        let kind = answer.headers().get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
        if !kind.to_ascii_lowercase().starts_with("text/plain") {
            return Err(Undelivered::Type(kind));
        }
        if answer.text().await? == token { Ok(()) } else { Err(Undelivered::Token) }
    }

    /// Queues an item for an address.
    pub fn send(&self, shared: &Weak<Shared>, address: String, item: Value) {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = workers.entry(address.clone()).or_insert_with(|| {
            let (tx, rx) = unbounded_channel();
            self.runtime.spawn(work(self.client.clone(), address, rx, Weak::clone(shared), self.stop.clone()));
            tx
        });
        // A worker ends only with the simulator; what is sent then is lost with it.
        sender.send(item).ok();
    }
}

async fn work(
    client: reqwest::Client,
    address: String,
    mut queue: UnboundedReceiver<Value>,
    shared: Weak<Shared>,
    stop: CancellationToken,
) {
    let mut items = Vec::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            n = queue.recv_many(&mut items, BATCH) => if n == 0 { return },
        }
        let body = json!({"value": std::mem::take(&mut items)});
        tokio::select! {
            () = stop.cancelled() => return,
            () = deliver(&client, &address, &body, &shared) => {}
        }
    }
}

async fn deliver(client: &reqwest::Client, address: &str, body: &Value, shared: &Weak<Shared>) {
    let count = body.get("value").and_then(Value::as_array).map_or(0, Vec::len) as u64;
    let settings = shared.upgrade().map(|s| {
        let state = s.lock();
        (state.config.attempts, state.config.retry_pause)
    });
    let Some((attempts, pause)) = settings else { return };
    for attempt in 0..attempts {
        if attempt > 0 {
            tokio::time::sleep(pause).await;
        }
        let sent = client.post(address).header("content-type", "application/json; charset=utf-8").body(body.to_string()).send().await;
        let accepted = sent.is_ok_and(|a| a.status().is_success());
        let Some(shared) = shared.upgrade() else { return };
        let mut state = shared.lock();
        state.log.notifications.posts += 1;
        if accepted {
            state.log.notifications.delivered += count;
            return;
        }
    }
    if let Some(shared) = shared.upgrade() {
        shared.lock().log.notifications.failed += count;
    }
}
