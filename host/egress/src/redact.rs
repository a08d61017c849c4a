//! What never reaches a trace or an error (SEMANTICS B-51, B-52).
//!
//! Two layers: known places (headers, query parameters, JSON keys, patterns) are hidden by rule; and every secret that a
//! connection has used is searched for in the finished line, wherever a server or connector may have put it.

use std::sync::{Mutex, PoisonError, RwLock};

use calport_secrets::Secret;
use http::{HeaderName, HeaderValue};
use regex::Regex;
use serde_json::Value;
use url::{Url, form_urlencoded};

pub(crate) const HIDDEN: &str = "[redacted]";

/// What a protocol trace hides; the default hides credentials and everything people write into appointments.
#[derive(Debug, Clone)]
pub struct Redaction {
    /// Query parameters whose value is hidden; compared without case, also as part of a longer name.
    pub query: Vec<String>,
    /// JSON keys whose value, whatever it is, is hidden; compared without case.
    pub json_keys: Vec<String>,
    /// Hidden wherever they match, in every line.
    pub patterns: Vec<Regex>,
    /// Show bodies that are not JSON, with `patterns` as their only rule. Off by default.
    pub text_bodies: bool,
}

impl Default for Redaction {
    fn default() -> Self {
        let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Self {
            query: list(&["token", "secret", "password", "passwd", "pwd", "key", "sig", "auth", "code", "credential", "session", "value"]),
            json_keys: list(&[
                "password",
                "passwd",
                "secret",
                "client_secret",
                "clientSecret",
                "clientState",
                "token",
                "access_token",
                "refresh_token",
                "id_token",
                "assertion",
                "authorization",
                "api_key",
                "apiKey",
                "key",
                "credential",
                "cookie",
                "subject",
                "summary",
                "body",
                "bodyPreview",
                "content",
                "description",
                "comment",
                "location",
                "locations",
                "attendees",
                "organizer",
                "onlineMeeting",
                "onlineMeetingUrl",
                "joinUrl",
                "text",
                "message",
                "note",
                "notes",
                "title",
                "name",
                "internalReplyMessage",
                "externalReplyMessage",
            ]),
            patterns: Vec::new(),
            text_bodies: false,
        }
    }
}

impl Redaction {
    /// A URL with the values of telling query parameters hidden.
    pub(crate) fn url(&self, url: &Url) -> String {
        if url.query().is_none() {
            return url.to_string();
        }
        let pairs: Vec<(String, String)> = url
            .query_pairs()
            .map(|(name, value)| {
                let lower = name.to_lowercase();
                let telling = self.query.iter().any(|word| lower.contains(&word.to_lowercase()));
                (name.into_owned(), if telling { HIDDEN.to_owned() } else { value.into_owned() })
            })
            .collect();
        let mut shown = url.clone();
        shown.set_query(None);
        let query: Vec<String> = pairs
            .iter()
            .map(|(name, value)| {
                let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
                format!("{}={}", encode(name), if value == HIDDEN { HIDDEN.to_owned() } else { encode(value) })
            })
            .collect();
        format!("{shown}?{}", query.join("&"))
    }

    /// A header value, or the placeholder for those that carry credentials.
    pub(crate) fn header(name: &HeaderName, value: &HeaderValue) -> String {
        const TELLING: [&str; 6] = ["auth", "cookie", "token", "key", "secret", "session"];
        if value.is_sensitive() || TELLING.iter().any(|word| name.as_str().contains(word)) {
            return HIDDEN.to_owned();
        }
        String::from_utf8_lossy(value.as_bytes()).chars().take(500).collect()
    }

    /// A body fit for a trace; what it cannot judge is shown by size only.
    pub(crate) fn body(&self, body: &[u8]) -> String {
        /// A trace is read by people; more than a screen helps nobody.
        const LONGEST: usize = 4096;
        let shown = match serde_json::from_slice::<Value>(body) {
            Ok(mut value @ (Value::Object(_) | Value::Array(_))) => {
                self.hide(&mut value);
                value.to_string()
            }
            _ if self.text_bodies => String::from_utf8_lossy(body).into_owned(),
            _ => return format!("[{} bytes, not JSON]", body.len()),
        };
        let patterned = self.line(shown);
        match patterned.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}… [{} bytes]", patterned.get(..end).unwrap_or_default(), body.len()),
            None => patterned,
        }
    }

    /// Applies the patterns to any line.
    pub(crate) fn line(&self, text: String) -> String {
        self.patterns.iter().fold(text, |text, pattern| pattern.replace_all(&text, HIDDEN).into_owned())
    }

    fn hide(&self, value: &mut Value) {
        match value {
            Value::Object(map) => {
                for (key, inner) in map.iter_mut() {
                    if self.json_keys.iter().any(|hidden| hidden.eq_ignore_ascii_case(key)) {
                        *inner = Value::String(HIDDEN.to_owned());
                    } else {
                        self.hide(inner);
                    }
                }
            }
            Value::Array(list) => list.iter_mut().for_each(|inner| self.hide(inner)),
            _ => {}
        }
    }
}

/// Knows the secrets a connection has used and removes them from any text.
#[derive(Default)]
pub(crate) struct Scrubber {
    known: RwLock<Vec<Secret>>,
    order: Mutex<usize>,
}

impl Scrubber {
    /// Remembers a secret. Bounded: the oldest of 64 gives way, which only rotated tokens reach.
    pub(crate) fn note(&self, secret: &Secret) {
        const MOST: usize = 64;
        /// Shorter texts occur everywhere; their places are hidden by rule anyway.
        const SHORTEST: usize = 4;
        if secret.expose().len() < SHORTEST || self.read().iter().any(|known| known.expose() == secret.expose()) {
            return;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() < MOST {
            known.push(secret.clone());
            return;
        }
        let mut next = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = known.get_mut(*next) {
            *slot = secret.clone();
        }
        *next = (*next + 1) % MOST;
    }

    /// The text without any known secret, plain or percent-encoded.
    pub(crate) fn clean(&self, text: String) -> String {
        self.read().iter().fold(text, |text, secret| {
            let plain = secret.expose();
            let text = if text.contains(plain) { text.replace(plain, HIDDEN) } else { text };
            let encoded: String = form_urlencoded::byte_serialize(plain.as_bytes()).collect();
            if encoded != plain && text.contains(&encoded) { text.replace(&encoded, HIDDEN) } else { text }
        })
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Vec<Secret>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feat_c20_query_values_that_tell_are_hidden() {
        let url = Url::parse("https://h.example/x?action=setvar&access_token=abc&Value=dGVzdA&$skiptoken=q&top=5").unwrap();
        assert_eq!(
            Redaction::default().url(&url),
            "https://h.example/x?action=setvar&access_token=[redacted]&Value=[redacted]&%24skiptoken=[redacted]&top=5"
        );
    }

    #[test]
    fn feat_c20_json_bodies_lose_the_configured_keys_at_every_depth() {
        let redaction = Redaction { patterns: vec![Regex::new("[a-z]+@[a-z.]+").unwrap()], ..Redaction::default() };
        let shown = redaction
            .body(br#"{"value":[{"id":"1","Subject":"marker","start":{"dateTime":"2026"},"body":{"content":"marker"}}],"by":"a@b.c"}"#);
        assert!(!shown.contains("marker") && !shown.contains("a@b.c"), "{shown}");
        assert!(shown.contains("2026"), "{shown}");
        assert_eq!(redaction.body(b"plain marker"), "[12 bytes, not JSON]");
        assert_eq!(redaction.body("\"marker\"".as_bytes()), "[8 bytes, not JSON]");
    }

    #[test]
    fn b52_a_used_secret_is_removed_wherever_it_turns_up() {
        let scrubber = Scrubber::default();
        scrubber.note(&Secret::new("p&ss wörd"));
        scrubber.note(&Secret::new("abc"));
        assert_eq!(scrubber.clean("x p&ss wörd y p%26ss+w%C3%B6rd abc".to_owned()), "x [redacted] y [redacted] abc");
        for n in 0..200 {
            scrubber.note(&Secret::new(format!("token-{n}")));
        }
        assert_eq!(scrubber.clean("token-199".to_owned()), HIDDEN, "the newest is always known");
    }
}
