//! Following presence by `WaitEvent`.
//!
//! Asterisk gives events to the session that waits, and a lost session is replaced without a word: its nonce is accepted and
//! the queue is empty. So the cursor says when the session was last used and when Asterisk had been started; where the
//! session can have ended meanwhile, or Asterisk was started anew, the answer is `resync` instead of a silent gap.

use calport_sdk::common::{Error, ErrorKind};
use calport_sdk::error;
use calport_sdk::paging;
use serde::{Deserialize, Serialize};

use crate::bindings::exports::calport::connector::notifications::{Hint, HintKind, Subscription, SubscriptionRequest, Topic, WaitResult};
use crate::manager::{Connection, EVENTS, Outcome, is_denied, refusal};

/// The one subscription: events need none at Asterisk.
pub const SUBSCRIPTION: &str = "presence";
/// The format of the wait's cursor.
const FORMAT: u32 = 1;
/// Longest wait in seconds, below the 30 s of the call: Asterisk looks for events once a second, and two requests go before.
const LONGEST: u32 = 28;
/// Seconds by which a session is given up before Asterisk's own limit.
const MARGIN: u64 = 10;
/// Milliseconds that an answer may come after the end of the wait.
const GRACE_MS: u32 = 10_000;

/// Where a stream stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// When the session was last used, in seconds since 1970.
    used: u64,
    /// When Asterisk was started, in its own words; empty when it does not tell.
    started: String,
}

/// Grants the pseudo subscription for presence.
///
/// # Errors
/// `unsupported` for any other topic.
pub fn subscribe(request: &SubscriptionRequest) -> Result<Subscription, Error> {
    match request.topic {
        Topic::Presence => Ok(granted(request.mailbox.clone())),
        _ => Err(error::item(ErrorKind::Unsupported, "Asterisk tells changes of presence only")),
    }
}

/// The pseudo subscription.
pub fn granted(mailbox: Option<String>) -> Subscription {
    Subscription { id: SUBSCRIPTION.to_owned(), mailbox, expires: None }
}

/// Waits for at most `timeout_ms`.
///
/// # Errors
/// Those of the manager; `forbidden` without the class `call` in `read =`.
pub fn wait(connection: &Connection, cursor: Option<&str>, timeout_ms: u32) -> Result<WaitResult, Error> {
    let before = cursor.and_then(|c| paging::place(FORMAT, c).ok()).and_then(|p| serde_json::from_str::<Place>(p).ok());
    let now = (connection.clock)();
    let started = started(connection)?;
    let life = u64::from(connection.settings.http_timeout).saturating_sub(MARGIN);
    let alive = before.is_some_and(|p| p.started == started && now.saturating_sub(p.used) < life);
    if !alive {
        // From this answer on the session keeps events; what happened before is found by reading.
        begin(connection)?;
        return Ok(result(vec![hint(HintKind::Resync)], Some(&Place { used: now, started })));
    }
    let longest = LONGEST.min(connection.settings.http_timeout.saturating_sub(12));
    let whole = u64::from((timeout_ms / 1000).saturating_sub(2).min(longest));
    let end = now.saturating_add(whole);
    // Bounded also where the clock goes back or stands.
    let mut rounds = whole;
    loop {
        let used = (connection.clock)();
        let left = end.saturating_sub(used).min(rounds);
        let Some(users) = next_changes(connection, left)? else { return Ok(result(vec![hint(HintKind::Resync)], None)) };
        if users.is_empty() && rounds > 0 && (connection.clock)() < end {
            rounds -= 1;
            // Any event ends a wait, also one of a class that was not asked for: without a pause this would spin on a busy PBX.
            (connection.pause)();
            continue;
        }
        let mut hints: Vec<Hint> = users.into_iter().map(|u| hint(HintKind::PresenceChanged(u))).collect();
        if hints.is_empty() {
            hints.push(hint(HintKind::Heartbeat));
        }
        return Ok(result(hints, Some(&Place { used, started })));
    }
}

/// Waits once, for at most `seconds`: the users whose presence changed, each once. `None`: another wait took the session
/// over, or it is gone.
fn next_changes(connection: &Connection, seconds: u64) -> Result<Option<Vec<String>>, Error> {
    let timeout_ms = u32::try_from(seconds.saturating_mul(1000)).unwrap_or(u32::MAX).saturating_add(GRACE_MS);
    let blocks = match connection.act(EVENTS, "WaitEvent", &[("timeout", &seconds.to_string())], Some(timeout_ms)) {
        Ok(Outcome::Done(blocks)) => blocks,
        Ok(Outcome::Refused(message)) => return Err(refusal("WaitEvent", &message)),
        Err(e) if matches!(&e.kind, ErrorKind::Protocol(p) if p.got == "nothing") => return Ok(None),
        Err(e) => return Err(e),
    };
    let prefix = connection.presentity("");
    let mut users: Vec<String> = Vec::new();
    for block in blocks.iter().filter(|b| b.is_event("PresenceStateChange")) {
        if let Some(user) = block.get("Presentity").strip_prefix(&prefix)
            && !users.iter().any(|u| u == user)
        {
            users.push(user.to_owned());
        }
    }
    Ok(Some(users))
}

/// When Asterisk was started, asked in the events' session, which this keeps alive; empty when the account may not ask.
fn started(connection: &Connection) -> Result<String, Error> {
    match connection.act(EVENTS, "CoreStatus", &[], None)? {
        Outcome::Done(blocks) => {
            let head = blocks.first().cloned().unwrap_or_default();
            Ok(format!("{} {}", head.get("CoreStartupDate"), head.get("CoreStartupTime")))
        }
        Outcome::Refused(message) if is_denied(&message) => Ok(String::new()),
        Outcome::Refused(message) => Err(refusal("CoreStatus", &message)),
    }
}

/// Asks for events of the one class that has presence: on a busy PBX the others are thousands a minute.
fn begin(connection: &Connection) -> Result<(), Error> {
    match connection.act(EVENTS, "Events", &[("eventmask", "call")], None)? {
        Outcome::Done(blocks) if blocks.first().is_some_and(|b| b.get("Events") == "On") => Ok(()),
        Outcome::Done(_) => Err(error::connection(
            ErrorKind::Forbidden,
            "Events: Asterisk gives no events; the account in manager.conf needs the class call in `read =`",
        )),
        Outcome::Refused(message) => Err(refusal("Events", &message)),
    }
}

fn hint(kind: HintKind) -> Hint {
    Hint { subscription: SUBSCRIPTION.to_owned(), mailbox: None, kind }
}

fn result(hints: Vec<Hint>, place: Option<&Place>) -> WaitResult {
    let cursor = place.and_then(|p| serde_json::to_string(p).ok()).map(|p| paging::cursor(FORMAT, &p));
    WaitResult { hints, cursor }
}
