//! The answer to `GetStreamingEvents` after its beginning: one document after the other in an answer that does not end before
//! its time. Dropping it, as the server does when the caller goes away, closes the stream.

use std::io;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use tokio::time::Instant;

use super::ops::notifications::{event, lost};
use super::shared::{Inner, Shared};
use super::soap::{Trouble, document, envelope, response};
use super::xml::Element;

/// An open stream.
pub(crate) struct Live {
    shared: Arc<Shared>,
    number: u64,
    generation: u64,
    beat: Instant,
    ends: Instant,
    first: Option<Bytes>,
    over: bool,
}

/// What a look gives.
enum Said {
    Document(Element),
    Last(Element),
    /// The connection breaks.
    Cut,
    Nothing,
}

impl Drop for Live {
    fn drop(&mut self) {
        let now = self.shared.graph.clock.now();
        let subscriptions = &mut self.shared.lock().store.subscriptions;
        if subscriptions.generation == self.generation
            && let Some(stream) = subscriptions.open.remove(&self.number)
        {
            for id in stream.ids {
                if let Some(subscription) = subscriptions.by_id.get_mut(&id) {
                    subscription.used = now;
                }
            }
        }
    }
}

fn status(word: &str) -> Element {
    response("GetStreamingEvents", vec![Ok(vec![Element::of("m:ConnectionStatus", word)])])
}

impl Live {
    /// Takes over the stream that a request has opened; none if it has opened none.
    pub fn claim(shared: &Arc<Shared>, asked: &[String]) -> Option<Self> {
        let mut inner = shared.lock();
        let number = inner.store.subscriptions.claim(asked)?;
        let (generation, notifying) = (inner.store.subscriptions.generation, inner.config.notifying.clone());
        let minutes = inner.store.subscriptions.open.get(&number).map_or(1, |stream| stream.minutes);
        let now = Instant::now();
        let (beat, ends) = (now + notifying.heartbeat, now + notifying.minute * minutes);
        Some(Self { shared: Arc::clone(shared), number, generation, beat, ends, first: None, over: false })
    }

    /// The body of the answer: the document that there is already, and what comes.
    pub fn body(mut self, first: Vec<u8>) -> Body {
        self.first = Some(first.into());
        Body::from_stream(stream::unfold(self, |mut live| async move {
            let piece = live.next().await?;
            Some((piece, live))
        }))
    }

    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        if let Some(first) = self.first.take() {
            return Some(Ok(first));
        }
        if self.over {
            return None;
        }
        loop {
            let (changed, journal) = {
                let inner = self.shared.lock();
                (Arc::clone(&inner.store.subscriptions.changed), Arc::clone(&self.shared.graph.lock().journal.changed))
            };
            // Listened to before the look, so that nothing comes in between.
            let (mut changed, mut journal) = (Box::pin(changed.notified()), Box::pin(journal.notified()));
            changed.as_mut().enable();
            journal.as_mut().enable();
            match self.look() {
                Said::Document(element) => return Some(Ok(self.write(element))),
                Said::Last(element) => {
                    self.over = true;
                    return Some(Ok(self.write(element)));
                }
                Said::Cut => {
                    self.over = true;
                    return Some(Err(io::Error::from(io::ErrorKind::ConnectionReset)));
                }
                Said::Nothing => {}
            }
            tokio::select! {
                () = changed => {}
                () = journal => {}
                () = tokio::time::sleep_until(self.beat.min(self.ends)) => {}
            }
        }
    }

    fn write(&self, element: Element) -> Bytes {
        let version = self.shared.lock().config.version;
        document(&envelope(version, element)).into()
    }

    fn look(&mut self) -> Said {
        let now = Instant::now();
        let mut inner = self.shared.lock();
        let graph = self.shared.graph.lock();
        let Inner { config, store, .. } = &mut *inner;
        let subscriptions = &mut store.subscriptions;
        if subscriptions.generation != self.generation {
            return Said::Cut;
        }
        let Some(stream) = subscriptions.open.get_mut(&self.number) else { return Said::Cut };
        if config.notifying.silent {
            self.beat = now + config.notifying.heartbeat;
            return if now >= self.ends { Said::Cut } else { Said::Nothing };
        }
        let gone: Vec<String> = stream.ids.iter().filter(|id| !subscriptions.by_id.contains_key(*id)).cloned().collect();
        if !gone.is_empty() {
            stream.ids.retain(|id| !gone.contains(id));
            let trouble = Trouble::new("ErrorSubscriptionNotFound", "The specified subscription was not found.");
            let mut answer = response("GetStreamingEvents", Vec::new());
            answer.children.iter_mut().take(1).for_each(|messages| messages.children.push(lost(&trouble, &gone)));
            return Said::Document(answer);
        }
        if stream.ids.is_empty() || now >= self.ends {
            return Said::Last(status("Closed"));
        }
        let mut notifications = Vec::new();
        for id in &stream.ids {
            let Some(subscription) = subscriptions.by_id.get_mut(id) else { continue };
            let mut entries = event::told(subscription, &graph.journal).unwrap_or_default();
            let dropped = entries.len().min(config.notifying.drop as usize);
            config.notifying.drop -= u32::try_from(dropped).unwrap_or_default();
            entries.drain(..dropped);
            if !entries.is_empty() {
                let events = entries.iter().flat_map(|entry| event::events(entry, None));
                notifications.push(Element::new("m:Notification").with_text("t:SubscriptionId", id).with_all(events));
            }
        }
        if !notifications.is_empty() {
            self.beat = now + config.notifying.heartbeat;
            return Said::Document(response("GetStreamingEvents", vec![Ok(vec![Element::new("m:Notifications").with_all(notifications)])]));
        }
        if now >= self.beat {
            self.beat = now + config.notifying.heartbeat;
            return Said::Document(status("OK"));
        }
        Said::Nothing
    }
}
