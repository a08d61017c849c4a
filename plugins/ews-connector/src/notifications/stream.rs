//! Streams: opened by the first wait, read piece by piece by all of them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use calport_ews_protocol::FailureKind;
use calport_ews_protocol::operation::notifications::{GetStreamingEvents, MOST_MINUTES, Remedy, Stream, StreamEvent};
use calport_sdk::common::{Error, ErrorKind, ErrorScope};
use calport_sdk::error::{self, ErrorExt};
use calport_sdk::http::Response;

use super::id::Place;
use super::{SOAP_STATUSES, refused, steps_down, unusable, written};
use crate::bindings::exports::calport::connector::notifications::{Hint, HintKind, WaitResult};
use crate::client::Client;
use crate::failure;

const STREAMING: &str = "following a group of mailboxes";
/// The most that is read of an answer that is no stream.
const PAGE: usize = 256 * 1024;
/// Milliseconds that a page that is no stream may take.
const PAGE_WAIT: u32 = 5_000;

/// A stream that is open.
pub struct Open {
    body: u32,
    stream: Stream,
    /// By the server's id: the host's, and the mailbox.
    members: BTreeMap<String, (String, String)>,
    anchor: String,
    /// What is said at the next wait, after the hints that came before it.
    failed: Option<Error>,
}

fn hint(subscription: &str, mailbox: Option<&str>, kind: HintKind) -> Hint {
    Hint { subscription: subscription.to_owned(), mailbox: mailbox.map(str::to_owned), kind }
}

/// Waits on a stream, for at most so many milliseconds; opens it where it is not among those that are open. One that has ended is
/// no longer among them.
///
/// # Errors
/// Why it could not be opened, or broke: `throttled` where the server takes no more of them, `unsupported` where it has none.
pub fn wait(
    client: &Client,
    streams: &mut BTreeMap<String, Open>,
    id: &str,
    subscriptions: &[String],
    timeout_ms: u32,
) -> Result<WaitResult, Error> {
    let until = Instant::now() + Duration::from_millis(timeout_ms.into());
    let mut open = match streams.remove(id) {
        Some(open) => open,
        None => open_stream(client, subscriptions)?,
    };
    let waited = open.next(client, until);
    let goes_on = waited.as_ref().is_ok_and(|hints| !hints.iter().any(|hint| matches!(hint.kind, HintKind::Closed)));
    if goes_on {
        streams.insert(id.to_owned(), open);
    } else {
        client.http.close_body(open.body);
    }
    waited.map(|hints| WaitResult { hints, cursor: None })
}

/// Opens a stream, in the name of the anchor: limits count for whoever opens it.
fn open_stream(client: &Client, subscriptions: &[String]) -> Result<Open, Error> {
    let mut members = BTreeMap::new();
    let mut place: Option<Place> = None;
    for id in subscriptions {
        let (one, subscription) = Place::read(id)?;
        members.insert(subscription, (id.clone(), one.mailbox.clone()));
        place.get_or_insert(one);
    }
    let place = place.ok_or_else(|| error::invalid("subscriptions", "a stream has at least one"))?;
    match try_open(client, members.clone(), &place) {
        Err(error) if is_of_version(&error) && steps_down(client, &place) => try_open(client, members, &place),
        opened => opened,
    }
}

fn is_of_version(error: &Error) -> bool {
    error.code.as_deref().is_some_and(|code| calport_ews_protocol::Failure::of_code(code).kind() == FailureKind::VersionUnknown)
}

fn try_open(client: &Client, members: BTreeMap<String, (String, String)>, place: &Place) -> Result<Open, Error> {
    let purpose = client.reading(STREAMING, &place.anchor);
    let operation = GetStreamingEvents { subscriptions: members.keys().cloned().collect(), minutes: MOST_MINUTES };
    let mut request = written(client, &operation, place, &place.anchor, &purpose)?;
    request.quiet = Some(u32::from(client.settings.stream_silence_s).saturating_mul(1_000));
    let opened = client.http.open(&request).map_err(|e| error::from_http(e, STREAMING))?;
    let mut open = Open { body: opened.body, stream: Stream::new(), members, anchor: place.anchor.clone(), failed: None };
    if opened.status == 200 {
        return Ok(open);
    }
    let page = open.page(client);
    client.http.close_body(open.body);
    let response = Response { status: opened.status, headers: opened.headers, body: page? };
    if SOAP_STATUSES.contains(&response.status) {
        open.stream.receive(&response.body);
        if let Some(Err(read)) = open.stream.next_event() {
            return Err(match &read {
                calport_ews_protocol::ReadError::Fault(fault) => refused(fault, &purpose),
                _ => unusable(&response, &purpose),
            });
        }
    }
    Err(unusable(&response, &purpose))
}

impl Open {
    /// The whole body of an answer that is no stream, as far as it is of use.
    fn page(&self, client: &Client) -> Result<Vec<u8>, Error> {
        let mut page = Vec::new();
        while page.len() < PAGE {
            match client.http.read_body(self.body, PAGE_WAIT).map_err(|e| error::from_http(e, STREAMING))? {
                Some(piece) if !piece.is_empty() => page.extend(piece),
                _ => break,
            }
        }
        Ok(page)
    }

    /// What came, at the latest at the end of the time.
    fn next(&mut self, client: &Client, until: Instant) -> Result<Vec<Hint>, Error> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        loop {
            let hints = self.hints(client);
            match (hints.is_empty(), self.failed.take()) {
                (true, Some(error)) => return Err(error),
                (false, failed) => {
                    self.failed = failed;
                    return Ok(hints);
                }
                (true, None) => {}
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Vec::new());
            }
            let left = u32::try_from(left.as_millis()).unwrap_or(u32::MAX).max(1);
            match client.http.read_body(self.body, left).map_err(|e| error::from_http(e, STREAMING))? {
                None => return Ok(Vec::new()),
                Some(piece) if piece.is_empty() => {
                    let cut = "the server ended the stream in its middle; it may have been started anew";
                    return Err(error::connection(ErrorKind::Unavailable, format!("{STREAMING}: {cut}")).with_scope(ErrorScope::Mailbox));
                }
                Some(piece) => self.stream.receive(&piece),
            }
        }
    }

    /// The hints in what has come so far. An error is kept: what came before it counts.
    fn hints(&mut self, client: &Client) -> Vec<Hint> {
        let mut hints = Vec::new();
        while self.failed.is_none() {
            let Some(event) = self.stream.next_event() else { break };
            match event {
                Ok(StreamEvent::Heartbeat) => hints.push(hint("", None, HintKind::Heartbeat)),
                Ok(StreamEvent::Closed) => hints.push(hint("", None, HintKind::Closed)),
                Ok(StreamEvent::Notification(told)) => {
                    let member = self.members.get(&told.subscription);
                    hints.extend(member.map(|(id, mailbox)| hint(id, Some(mailbox), HintKind::Changed)));
                }
                Ok(StreamEvent::Lost { subscriptions, failure }) => {
                    let gone: Vec<&(String, String)> = subscriptions.iter().filter_map(|id| self.members.get(id)).collect();
                    match (subscriptions.is_empty(), Remedy::of(&failure)) {
                        (true, Remedy::SubscribeAgain | Remedy::FindServer) => hints.push(hint("", None, HintKind::SubscriptionRemoved)),
                        (true, _) => self.failed = Some(refused(&failure, &client.reading(STREAMING, &self.anchor))),
                        (false, _) => hints.extend(gone.iter().map(|(id, mailbox)| hint(id, Some(mailbox), HintKind::SubscriptionRemoved))),
                    }
                }
                Err(read) => self.failed = Some(self.unreadable(client, &read)),
            }
        }
        hints
    }

    fn unreadable(&self, client: &Client, read: &calport_ews_protocol::ReadError) -> Error {
        let purpose = client.reading(STREAMING, &self.anchor);
        match read {
            calport_ews_protocol::ReadError::Fault(fault) => refused(fault, &purpose),
            read => failure::of_read(read, &purpose),
        }
    }
}
