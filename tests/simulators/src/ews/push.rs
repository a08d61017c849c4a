//! Requests of the server's own, `SendNotification`: one task for each subscription, from its first status to its end.
//!
//! It ends as a real one does: by the answer `Unsubscribe`, or when nobody answered for as long as the subscription's status frequency,
//! between attempts that come ever more slowly. Only addresses of this machine are called.

use std::net::IpAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;
use url::{Host, Url};

use super::ids::seal;
use super::ops::notifications::event;
use super::shared::{Inner, Shared};
use super::soap::{document, envelope, response};
use super::xml::{Element, parse};

/// Whether a URL leads to this machine.
pub(crate) fn is_here(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    };
    here && matches!(url.scheme(), "http" | "https")
}

/// Begins to tell of the subscriptions that nobody tells of yet.
pub(crate) fn begin(shared: &Arc<Shared>) {
    let (generation, new) = {
        let subscriptions = &mut shared.lock().store.subscriptions;
        (subscriptions.generation, subscriptions.claim_pushed())
    };
    for (id, url, minutes, mark) in new {
        let mut teller = Teller { shared: Arc::downgrade(shared), generation, id, url, minutes, mark };
        tokio::spawn(async move {
            // Whatever ended it, the server knows of it no more.
            let _end = teller.tell().await;
            teller.forget();
        });
    }
}

struct Teller {
    shared: Weak<Shared>,
    generation: u64,
    id: String,
    url: String,
    minutes: u32,
    /// Up to where in the journal it was told.
    mark: u64,
}

/// What a look gives.
enum Said {
    Document(String),
    Nothing,
}

impl Teller {
    /// Tells until the subscription ends, which is when it gives nothing.
    async fn tell(&mut self) -> Option<()> {
        // Without a proxy, and without following anybody elsewhere.
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().ok()?;
        let mut status_at = Instant::now();
        loop {
            let (changed, journal) = {
                let shared = self.shared.upgrade()?;
                let inner = shared.lock();
                (Arc::clone(&inner.store.subscriptions.changed), Arc::clone(&shared.graph.lock().journal.changed))
            };
            // Listened to before the look, so that nothing comes in between.
            let (mut changed, mut journal) = (Box::pin(changed.notified()), Box::pin(journal.notified()));
            changed.as_mut().enable();
            journal.as_mut().enable();
            match self.look(Instant::now() >= status_at)? {
                Said::Document(document) => {
                    self.send(&client, &document).await?;
                    status_at = Instant::now() + self.frequency()?;
                    continue;
                }
                Said::Nothing if Instant::now() >= status_at => status_at = Instant::now() + self.frequency()?,
                Said::Nothing => {}
            }
            tokio::select! {
                () = changed => {}
                () = journal => {}
                () = tokio::time::sleep_until(status_at) => {}
            }
        }
    }

    fn minute(&self) -> Option<Duration> {
        Some(self.shared.upgrade()?.lock().config.notifying.minute)
    }

    fn frequency(&self) -> Option<Duration> {
        Some(self.minute()? * self.minutes)
    }

    /// The next request, if there is something to say.
    fn look(&mut self, status: bool) -> Option<Said> {
        let shared = self.shared.upgrade()?;
        let mut inner = shared.lock();
        let graph = shared.graph.lock();
        let Inner { config, store, .. } = &mut *inner;
        if store.subscriptions.generation != self.generation {
            return None;
        }
        let subscription = store.subscriptions.by_id.get_mut(&self.id)?;
        if config.notifying.silent {
            return Some(Said::Nothing);
        }
        let mut entries = event::told(subscription, &graph.journal).unwrap_or_default();
        let dropped = entries.len().min(config.notifying.drop as usize);
        config.notifying.drop -= u32::try_from(dropped).unwrap_or_default();
        entries.drain(..dropped);
        if entries.is_empty() && !status {
            return Some(Said::Nothing);
        }
        let before = std::mem::replace(&mut self.mark, subscription.from);
        let mark = seal(&self.mark.to_be_bytes());
        let mut told = Element::new("m:Notification")
            .with_text("t:SubscriptionId", &self.id)
            .with_text("t:PreviousWatermark", seal(&before.to_be_bytes()))
            .with_text("t:MoreEvents", "false");
        if entries.is_empty() {
            told = told.with(Element::new("t:StatusEvent").with_text("t:Watermark", &mark));
        }
        for entry in &entries {
            told = told.with_all(event::events(entry, Some(&mark)));
        }
        let mut request = response("SendNotification", vec![Ok(vec![told])]);
        "m:SendNotification".clone_into(&mut request.name);
        Some(Said::Document(document(&envelope(config.version, request))))
    }

    /// Sends a request until it is answered; nothing when the answer ends the subscription, or when none came for too long.
    async fn send(&self, client: &reqwest::Client, document: &str) -> Option<()> {
        let (began, mut pause) = (Instant::now(), self.minute()? / 2);
        loop {
            match self.post(client, document).await {
                Some(goes_on) => return goes_on.then_some(()),
                None if began.elapsed() + pause > self.frequency()? => return None,
                None => tokio::time::sleep(pause).await,
            }
            pause *= 2;
            // It may have ended meanwhile.
            self.shared.upgrade()?.lock().store.subscriptions.by_id.get(&self.id)?;
        }
    }

    /// Whether the answer wants more; nothing when there is none that can be used.
    async fn post(&self, client: &reqwest::Client, document: &str) -> Option<bool> {
        let request = client.post(&self.url).header("content-type", "text/xml; charset=utf-8").header("soapaction", ACTION);
        let answer = request.timeout(self.minute()?.max(PATIENCE)).body(document.to_owned()).send().await.ok()?;
        if answer.status() != 200 {
            return None;
        }
        let root = parse(&answer.bytes().await.ok()?).ok()?;
        match root.at(&["Body", "SendNotificationResult", "SubscriptionStatus"])?.text.trim() {
            "OK" => Some(true),
            "Unsubscribe" => Some(false),
            _ => None,
        }
    }

    fn forget(&self) {
        let Some(shared) = self.shared.upgrade() else { return };
        let subscriptions = &mut shared.lock().store.subscriptions;
        if subscriptions.generation == self.generation {
            subscriptions.by_id.remove(&self.id);
        }
    }
}

/// How long an answer may take, however short a minute is.
const PATIENCE: Duration = Duration::from_secs(5);
const ACTION: &str = "http://schemas.microsoft.com/exchange/services/2006/messages/SendNotification";
