//! Cookies, which are the host's: a connector neither sees nor sets them.
//!
//! A jar belongs to one endpoint and credential. What servers put into it is bounded, and it goes back to the same server only.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};
use reqwest::cookie::{CookieStore, Jar};
use url::Url;

/// Cookies of one answer that are looked at; browsers keep as many for a whole site.
const MOST: usize = 50;
/// Bytes of one cookie, as browsers keep them.
const LONGEST: usize = 4096;
/// Bytes of the header that goes back; servers refuse larger ones.
const LARGEST: usize = 16 * 1024;

/// Cookies of one session.
#[derive(Default)]
pub(crate) struct Cookies {
    jar: Jar,
}

impl Cookies {
    /// Takes the cookies of an answer. Gives how many there were.
    pub(crate) fn keep(&self, url: &Url, headers: &HeaderMap) -> usize {
        let fit: Vec<&HeaderValue> = headers.get_all(SET_COOKIE).iter().filter(|value| value.len() <= LONGEST).take(MOST).collect();
        let found = fit.len();
        self.jar.set_cookies(&mut fit.into_iter(), url);
        found
    }

    /// The header `Cookie` for a request, if there is anything to send. A jar that a server has overfilled sends nothing.
    pub(crate) fn header(&self, url: &Url) -> Option<HeaderValue> {
        let mut value = self.jar.cookies(url).filter(|value| value.len() <= LARGEST)?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// The cookies of an endpoint's sessions, by credential and session: what a load balancer sets to send the requests of a session
/// to the same machine (SEMANTICS B-32, FEATURES C18).
#[derive(Default)]
pub(crate) struct Sessions {
    jars: Mutex<Jars>,
}

type Key = (Option<String>, String);

#[derive(Default)]
struct Jars {
    by_name: HashMap<Key, (u64, Arc<Cookies>)>,
    uses: u64,
}

impl Sessions {
    /// The jar of a session; the one that was idle longest gives way to a new one beyond the bound.
    pub(crate) fn of(&self, identity: Option<&str>, session: &str) -> Arc<Cookies> {
        /// A connector needs one for each group of mailboxes.
        const MOST_SESSIONS: usize = 1024;
        let mut jars = self.jars.lock().unwrap_or_else(PoisonError::into_inner);
        jars.uses += 1;
        let now = jars.uses;
        let key = (identity.map(str::to_owned), session.to_owned());
        if jars.by_name.len() >= MOST_SESSIONS
            && !jars.by_name.contains_key(&key)
            && let Some(oldest) = jars.by_name.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| key.clone())
        {
            jars.by_name.remove(&oldest);
        }
        let entry = jars.by_name.entry(key).or_default();
        entry.0 = now;
        Arc::clone(&entry.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(cookies: &Cookies, url: &str, value: &str) {
        let headers = HeaderMap::from_iter([(SET_COOKIE, HeaderValue::from_str(value).unwrap())]);
        cookies.keep(&url.parse().unwrap(), &headers);
    }

    #[test]
    fn feat_c18_b32_a_cookie_goes_back_where_it_belongs_and_nowhere_else() {
        let cookies = Cookies::default();
        let at = |url: &str| cookies.header(&url.parse().unwrap()).map(|value| value.to_str().unwrap().to_owned());
        set(&cookies, "https://mail.example/EWS/x", "affinity=a; path=/; secure");
        set(&cookies, "https://mail.example/EWS/x", "other=b; domain=elsewhere.example");
        assert_eq!(at("https://mail.example/EWS/y").as_deref(), Some("affinity=a"));
        assert_eq!((at("https://elsewhere.example/"), at("http://mail.example/")), (None, None));
        set(&cookies, "https://mail.example/", "affinity=; max-age=0; path=/");
        assert_eq!(at("https://mail.example/EWS/y"), None);
    }

    #[test]
    fn feat_x02_an_overfilled_jar_sends_nothing() {
        let cookies = Cookies::default();
        let url = "https://mail.example/";
        for n in 0..10 {
            set(&cookies, url, &format!("c{n}={}", "x".repeat(3000)));
        }
        assert_eq!(cookies.header(&url.parse().unwrap()), None);
    }

    #[test]
    fn b32_sessions_and_persons_have_cookies_of_their_own() {
        let sessions = Sessions::default();
        set(&sessions.of(None, "group 1"), "https://mail.example/", "a=1");
        let url = "https://mail.example/".parse().unwrap();
        assert!(sessions.of(None, "group 1").header(&url).is_some());
        assert!(sessions.of(None, "group 2").header(&url).is_none() && sessions.of(Some("anna"), "group 1").header(&url).is_none());
        for n in 0..2000 {
            sessions.of(None, &n.to_string());
        }
        assert!(sessions.of(None, "group 1").header(&url).is_none(), "the oldest gave way");
    }
}
