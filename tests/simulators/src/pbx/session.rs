//! Manager sessions over HTTP: the digest nonce is the session.
//!
//! Promise (read in the real product's source): the nonce count must strictly rise; one that does not, or a nonce older than 62 s, is
//! answered with a new nonce and `stale=true` inside the same session; a nonce that no session has makes a new session with an
//! empty event queue, without a word to the client. A session that is silent for its time-out is gone. Any event ends a wait, also
//! one that the session does not get. A second `WaitEvent` makes the first give up with an empty body. Events are kept from the first
//! `WaitEvent` or `Events` action on, as the coming release does; 20 to 22 keep them from the session's beginning.

use jiff::Timestamp;

use super::digest::Credentials;

/// Seconds after which a nonce is replaced.
const NONCE_LIFE: i64 = 62;
/// Seconds of silence after which a session is gone.
pub const IDLE_LIFE: i64 = 60;

/// An event waiting for a session.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its class, such as `call`.
    pub class: &'static str,
    /// The whole text, with the blank line at its end.
    pub text: Vec<u8>,
}

/// One manager session.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its number in this process, for the answer to a request that waits.
    pub id: u64,
    /// The nonce, or the cookie's value.
    pub key: u32,
    /// Whose it is.
    pub username: String,
    /// Whether a cookie names it instead of a nonce.
    pub cookie: bool,
    /// When it ends unless it is used.
    pub until: Timestamp,
    /// Classes whose events are kept; absent before the first wait.
    pub mask: Option<Vec<String>>,
    /// Events not yet fetched.
    pub events: Vec<Event>,
    /// Whether anything happened since the last wait ended, in whatever class.
    pub stirred: bool,
    /// Rises with each `WaitEvent`; an older one that still waits gives up.
    pub waiter: u64,
    /// Whether a `WaitEvent` has looked and found nothing yet.
    pub parked: bool,
    /// Requests under way.
    pub busy: u32,
    old_key: u32,
    count: u32,
    key_made: Timestamp,
}

/// What a request's credentials lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Go on in this session.
    Session(u64),
    /// Answer 401 with this nonce and `stale=true`.
    Stale(u32),
}

/// All sessions.
#[derive(Clone, Debug, Default)]
pub struct Sessions {
    all: Vec<Session>,
    last_id: u64,
    /// Sessions made so far.
    pub made: u64,
    /// Requests that came while another of the same session was under way: harmless once, a mistake of the client always.
    pub overlapping: u64,
    /// Answers with `stale=true`.
    pub stale: u64,
}

impl Sessions {
    /// Finds or makes the session of credentials that are already proved.
    pub fn admit(&mut self, credentials: &Credentials, now: Timestamp) -> Admission {
        self.expire(now);
        let name = &credentials.username;
        let known = |s: &&mut Session| !s.cookie && s.username.eq_ignore_ascii_case(name);
        if let Some(session) = self.all.iter_mut().filter(known).find(|s| s.key == credentials.nonce) {
            let count = credentials.count();
            if session.count >= count || seconds_between(session.key_made, now) > NONCE_LIFE {
                session.count = 0;
                session.old_key = session.key;
                session.key = fresh_key();
                session.key_made = now;
                self.stale += 1;
                return Admission::Stale(session.key);
            }
            session.count = count;
            session.until = later(now, IDLE_LIFE);
            if session.busy > 0 {
                self.overlapping += 1;
            }
            return Admission::Session(session.id);
        }
        if let Some(session) =
            self.all.iter().find(|s| !s.cookie && s.username.eq_ignore_ascii_case(name) && s.old_key == credentials.nonce)
        {
            self.stale += 1;
            return Admission::Stale(session.key);
        }
        Admission::Session(self.make(name, credentials.nonce, false, now))
    }

    /// Makes a cookie session.
    pub fn log_in(&mut self, username: &str, now: Timestamp) -> (u64, u32) {
        let key = fresh_key();
        (self.make(username, key, true, now), key)
    }

    /// The session of a cookie, kept alive by this.
    pub fn by_cookie(&mut self, key: u32, now: Timestamp) -> Option<u64> {
        self.expire(now);
        let session = self.all.iter_mut().find(|s| s.cookie && s.key == key)?;
        session.until = later(now, IDLE_LIFE);
        Some(session.id)
    }

    fn make(&mut self, username: &str, key: u32, cookie: bool, now: Timestamp) -> u64 {
        self.last_id += 1;
        self.made += 1;
        self.all.push(Session {
            id: self.last_id,
            key,
            username: username.to_owned(),
            cookie,
            until: later(now, IDLE_LIFE),
            mask: None,
            events: Vec::new(),
            stirred: false,
            waiter: 0,
            parked: false,
            busy: 0,
            old_key: 0,
            count: 0,
            key_made: now,
        });
        self.last_id
    }

    /// The session with this number, if it still lives.
    pub fn get(&mut self, id: u64) -> Option<&mut Session> {
        self.all.iter_mut().find(|s| s.id == id)
    }

    /// Ends a session.
    pub fn remove(&mut self, id: u64) {
        self.all.retain(|s| s.id != id);
    }

    /// Ends all of them, as a restart does.
    pub fn clear(&mut self) {
        self.all.clear();
    }

    /// How many live.
    #[must_use]
    pub fn live(&self) -> usize {
        self.all.len()
    }

    /// How many wait for an event that has not come yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.all.iter().filter(|s| s.busy > 0 && s.parked && !s.stirred && s.events.is_empty()).count()
    }

    /// Gives an event to every session that keeps its class, and ends the waits of all.
    pub fn publish(&mut self, event: &Event) {
        for session in &mut self.all {
            session.stirred |= session.mask.is_some();
            if session.mask.as_ref().is_some_and(|m| m.iter().any(|c| c == event.class)) {
                session.events.push(event.clone());
            }
        }
    }

    fn expire(&mut self, now: Timestamp) {
        self.all.retain(|s| s.busy > 0 || s.until >= now);
    }
}

/// A nonce as the PBX makes it: 31 random bits, not 0.
pub fn fresh_key() -> u32 {
    (rand::random::<u32>() & 0x7fff_ffff).max(1)
}

fn later(now: Timestamp, seconds: i64) -> Timestamp {
    now.saturating_add(jiff::SignedDuration::from_secs(seconds)).unwrap_or(now)
}

fn seconds_between(from: Timestamp, to: Timestamp) -> i64 {
    to.duration_since(from).as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(nonce: u32, nc: &str) -> Credentials {
        Credentials { username: "calport".into(), nonce, nc: nc.into(), qop: true, ..Credentials::default() }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    #[test]
    fn trap_10_the_count_must_rise_and_the_first_request_is_not_counted() {
        let mut all = Sessions::default();
        assert_eq!(all.admit(&with(7, "00000001"), at(0)), Admission::Session(1));
        assert_eq!(all.admit(&with(7, "00000001"), at(0)), Admission::Session(1));
        let Admission::Stale(next) = all.admit(&with(7, "00000001"), at(0)) else { panic!("a repeated count must be refused") };
        assert_eq!(all.admit(&with(next, "00000001"), at(0)), Admission::Session(1));
        assert_eq!(all.admit(&with(7, "00000005"), at(0)), Admission::Stale(next), "the old nonce leads to the current one");
        assert_eq!(all.made, 1);
    }

    #[test]
    fn trap_10_a_nonce_is_replaced_after_62_seconds_inside_the_same_session() {
        let mut all = Sessions::default();
        all.admit(&with(7, "00000001"), at(0));
        all.admit(&with(7, "00000002"), at(40));
        assert_eq!(all.admit(&with(7, "00000003"), at(62)), Admission::Session(1));
        let Admission::Stale(next) = all.admit(&with(7, "00000004"), at(63)) else { panic!("the nonce has lived too long") };
        assert_eq!(all.admit(&with(next, "00000001"), at(63)), Admission::Session(1));
    }

    #[test]
    fn trap_13_a_silent_session_is_replaced_by_an_empty_one_without_a_word() {
        let mut all = Sessions::default();
        all.admit(&with(7, "00000001"), at(0));
        all.get(1).unwrap().mask = Some(vec!["call".into()]);
        all.publish(&Event { class: "call", text: b"x".to_vec() });
        assert_eq!(all.admit(&with(7, "00000002"), at(61)), Admission::Session(2));
        assert!(all.get(2).unwrap().events.is_empty());
    }

    #[test]
    fn events_before_the_first_wait_are_not_kept() {
        let mut all = Sessions::default();
        all.admit(&with(7, "00000001"), at(0));
        all.publish(&Event { class: "call", text: b"x".to_vec() });
        assert!(all.get(1).unwrap().events.is_empty());
    }
}
