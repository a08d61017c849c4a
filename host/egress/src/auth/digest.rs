//! HTTP Digest (RFC 7616) with MD5, SHA-256 and SHA-512/256, for servers that tie their session to the nonce.
//!
//! Requests of one session go out one after the other, each with the next `nc`; sessions do not wait for each other. A kept
//! nonce that the server refuses is replaced once; a fresh nonce only if the server calls it stale. So a wrong password
//! costs at most two attempts and never locks an account by itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use calport_secrets::Secret;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, StatusCode};
use md5::Md5;
use sha2::{Sha256, Sha512_256};
use tokio::time::timeout_at;

use super::challenge::{Challenge, challenges};
use super::{Answer, Scheme, Turn, Vault};
use crate::error::{EgressError, Phase};
use crate::wire::{Call, Wire};

/// Sessions kept at once; the one that was idle longest gives way. A connector needs a few.
const MOST_SESSIONS: usize = 256;

pub(super) struct Digest {
    user: String,
    password: String,
    vault: Vault,
    sessions: Mutex<Sessions>,
}

#[derive(Default)]
struct Sessions {
    by_name: HashMap<Option<String>, (u64, Arc<tokio::sync::Mutex<Session>>)>,
    uses: u64,
}

/// The server's nonce and how often it was used.
#[derive(Default)]
pub(crate) struct Session {
    offer: Option<Offer>,
}

struct Offer {
    challenge: Challenge,
    algorithm: Algorithm,
    quality: Quality,
    count: u32,
}

/// In the order of preference, the least wanted first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Hash {
    Md5,
    Sha512,
    Sha256,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Algorithm {
    hash: Hash,
    session: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quality {
    /// RFC 2069: neither count nor client nonce.
    Old,
    Auth,
    AuthInt,
}

impl Digest {
    pub(super) fn new(user: String, password: String, vault: Vault) -> Self {
        Self { user, password, vault, sessions: Mutex::default() }
    }

    fn session(&self, name: Option<&String>) -> Arc<tokio::sync::Mutex<Session>> {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.uses += 1;
        let now = sessions.uses;
        let key = name.cloned();
        if sessions.by_name.len() >= MOST_SESSIONS && !sessions.by_name.contains_key(&key) {
            let idle = sessions.by_name.iter().filter(|(_, (_, session))| Arc::strong_count(session) == 1);
            if let Some(oldest) = idle.min_by_key(|(_, (used, _))| *used).map(|(name, _)| name.clone()) {
                sessions.by_name.remove(&oldest);
            }
        }
        let entry = sessions.by_name.entry(key).or_default();
        entry.0 = now;
        Arc::clone(&entry.1)
    }

    fn credential(&self, session: &mut Session, call: &Call, password: &Secret) -> Option<Result<HeaderValue, http::Error>> {
        let offer = session.offer.as_mut()?;
        offer.count = offer.count.saturating_add(1);
        let client_nonce = format!("{:016x}", rand::random::<u64>());
        let target = match call.url.query() {
            Some(query) => format!("{}?{query}", call.url.path()),
            None => call.url.path().to_owned(),
        };
        let value = answer(offer, &self.user, password, call.method.as_str(), &target, &call.body, &client_nonce);
        Some(HeaderValue::from_bytes(&value).map_err(http::Error::from))
    }
}

#[async_trait]
impl Scheme for Digest {
    /// The session is the nonce.
    fn shares_cookies(&self) -> bool {
        false
    }

    async fn turn(&self, wire: &Wire, call: &Call) -> Result<Turn, EgressError> {
        let session = self.session(call.session.as_ref());
        let turn = timeout_at(call.deadline, session.lock_owned()).await.map_err(|_| wire.late(call, Phase::Queue))?;
        Ok(Turn::Digest(turn))
    }

    async fn converse(&self, wire: &Wire, call: &Call, turn: Turn) -> Result<Answer, EgressError> {
        let password = self.vault.get(&self.password)?;
        let Turn::Digest(mut session) = turn else {
            return Err(wire.setup("a digest request has no session"));
        };
        let mut may_renew = true;
        let kept = session.offer.is_some();
        loop {
            let credential = match self.credential(&mut session, call, &password) {
                Some(Ok(value)) => Some((AUTHORIZATION, value)),
                Some(Err(_)) => return Err(wire.setup("the user or the server's challenge cannot be put into a header")),
                None => None,
            };
            let tried = credential.is_some();
            let reply = wire.fire(call, credential).await?;
            if reply.response.status() != StatusCode::UNAUTHORIZED {
                note_next_nonce(&mut session, reply.response.headers());
                return Ok(Answer { reply, turn: Turn::Digest(session) });
            }
            let offer = best(reply.response.headers());
            let stale = offer.as_ref().is_some_and(|offer| offer.challenge.word("stale").as_deref() == Some("true"));
            let again = offer.is_some() && (!tried || (may_renew && (stale || kept)));
            may_renew = may_renew && !tried;
            session.offer = offer.filter(|_| again);
            if !again {
                return Ok(Answer { reply, turn: Turn::Digest(session) });
            }
            wire.drain(reply, call).await;
        }
    }
}

/// The strongest challenge that we can answer.
fn best(headers: &HeaderMap) -> Option<Offer> {
    challenges(headers).into_iter().filter_map(offer).max_by_key(|offer| offer.algorithm.hash)
}

fn offer(challenge: Challenge) -> Option<Offer> {
    if challenge.scheme != "digest" || challenge.get("realm").is_none() || challenge.get("nonce").is_none() {
        return None;
    }
    let name = match challenge.get("algorithm") {
        None => "md5".to_owned(),
        Some(_) => challenge.word("algorithm")?,
    };
    let (base, session) = name.strip_suffix("-sess").map_or((name.as_str(), false), |base| (base, true));
    let hash = match base {
        "md5" => Hash::Md5,
        "sha-256" => Hash::Sha256,
        "sha-512-256" => Hash::Sha512,
        _ => return None,
    };
    let quality = match challenge.word("qop") {
        None => Quality::Old,
        Some(list) => {
            let offered: Vec<&str> = list.split(',').map(str::trim).collect();
            if offered.contains(&"auth") {
                Quality::Auth
            } else if offered.contains(&"auth-int") {
                Quality::AuthInt
            } else {
                return None;
            }
        }
    };
    Some(Offer { challenge, algorithm: Algorithm { hash, session }, quality, count: 0 })
}

/// A server may announce the nonce of the next request (`Authentication-Info`).
fn note_next_nonce(session: &mut Session, headers: &HeaderMap) {
    let Some(info) = headers.get("authentication-info") else { return };
    let with_scheme = [b"digest ", info.as_bytes()].concat();
    let next = super::challenge::parse(&with_scheme).into_iter().next().and_then(|info| info.get("nextnonce").map(<[u8]>::to_vec));
    if let (Some(next), Some(offer)) = (next, session.offer.as_mut())
        && offer.challenge.get("nonce") != Some(next.as_slice())
    {
        offer.challenge.set("nonce", next);
        offer.count = 0;
    }
}

fn digest(hash: Hash, parts: &[&[u8]]) -> String {
    fn run<D: md5::Digest>(parts: &[&[u8]]) -> Vec<u8> {
        let mut state = D::new();
        for (at, part) in parts.iter().enumerate() {
            if at > 0 {
                state.update(b":");
            }
            state.update(part);
        }
        state.finalize().to_vec()
    }
    let bytes = match hash {
        Hash::Md5 => run::<Md5>(parts),
        Hash::Sha256 => run::<Sha256>(parts),
        Hash::Sha512 => run::<Sha512_256>(parts),
    };
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The value of `Authorization` for the next request under this offer.
fn answer(offer: &Offer, user: &str, password: &Secret, method: &str, target: &str, body: &[u8], client_nonce: &str) -> Vec<u8> {
    let (hash, challenge) = (offer.algorithm.hash, &offer.challenge);
    let realm = challenge.get("realm").unwrap_or_default();
    let nonce = challenge.get("nonce").unwrap_or_default();
    let mut first = digest(hash, &[user.as_bytes(), realm, password.expose().as_bytes()]);
    if offer.algorithm.session {
        first = digest(hash, &[first.as_bytes(), nonce, client_nonce.as_bytes()]);
    }
    let (second, quality) = match offer.quality {
        Quality::AuthInt => (digest(hash, &[method.as_bytes(), target.as_bytes(), digest(hash, &[body]).as_bytes()]), "auth-int"),
        Quality::Auth | Quality::Old => (digest(hash, &[method.as_bytes(), target.as_bytes()]), "auth"),
    };
    let count = format!("{:08x}", offer.count);
    let response = match offer.quality {
        Quality::Old => digest(hash, &[first.as_bytes(), nonce, second.as_bytes()]),
        _ => digest(hash, &[first.as_bytes(), nonce, count.as_bytes(), client_nonce.as_bytes(), quality.as_bytes(), second.as_bytes()]),
    };
    let mut value = b"Digest ".to_vec();
    let mut add = |name: &str, text: &[u8], quoted: bool| {
        if !value.ends_with(b" ") {
            value.extend_from_slice(b", ");
        }
        value.extend_from_slice(name.as_bytes());
        value.push(b'=');
        if quoted { quote(&mut value, text) } else { value.extend_from_slice(text) }
    };
    add("username", user.as_bytes(), true);
    add("realm", realm, true);
    add("nonce", nonce, true);
    add("uri", target.as_bytes(), true);
    add("response", response.as_bytes(), true);
    if let Some(algorithm) = challenge.get("algorithm") {
        add("algorithm", algorithm, false);
    }
    if let Some(opaque) = challenge.get("opaque") {
        add("opaque", opaque, true);
    }
    if offer.quality != Quality::Old {
        add("qop", quality.as_bytes(), false);
        add("nc", count.as_bytes(), false);
        add("cnonce", client_nonce.as_bytes(), true);
    } else if offer.algorithm.session {
        add("cnonce", client_nonce.as_bytes(), true);
    }
    value
}

fn quote(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::challenge::parse;

    fn offered(header: &str) -> Option<Offer> {
        let mut headers = HeaderMap::new();
        headers.insert("www-authenticate", HeaderValue::from_bytes(header.as_bytes()).unwrap());
        best(&headers)
    }

    #[test]
    fn the_answers_agree_with_an_independent_implementation() {
        let challenges = [
            "Digest realm=\"pbx\", nonce=\"abc\", qop=\"auth\"",
            "Digest realm=\"pbx\", nonce=\"abc\", qop=\"auth\", algorithm=MD5, opaque=\"o\"",
            "Digest realm=\"pbx\", nonce=\"abc\", qop=\"auth\", algorithm=SHA-256",
            "Digest realm=\"pbx\", nonce=\"abc\", qop=\"auth\", algorithm=SHA-256-sess",
            "Digest realm=\"pbx\", nonce=\"abc\", qop=\"auth\", algorithm=MD5-sess",
            "Digest realm=\"pbx\", nonce=\"abc\", qop=\"auth\", algorithm=SHA-512-256",
            "Digest realm=\"pbx\", nonce=\"abc\"",
            "Digest realm=\"pbx\", nonce=\"abc\", qop=\"auth-int\", algorithm=SHA-256",
        ];
        let (user, password, target, body) = ("ma\"nager", "p\"w:é \\", "/manager?action=a&b=%20", b"x=1".as_slice());
        for header in challenges {
            let mut theirs = digest_auth::parse(header).unwrap();
            let with_body = header.contains("auth-int").then_some(body);
            let mut context = digest_auth::AuthContext::new_with_method(user, password, target, with_body, digest_auth::HttpMethod::POST);
            context.set_custom_cnonce("0123456789abcdef");
            let mut ours = offered(header).unwrap();
            for _ in 0..3 {
                let expected = theirs.respond(&context).unwrap().to_header_string();
                ours.count += 1;
                let value = answer(&ours, user, &Secret::new(password), "POST", target, body, "0123456789abcdef");
                let (ours, theirs) = (&parse(&value)[0], &parse(expected.as_bytes())[0]);
                for name in ["username", "realm", "nonce", "uri", "response", "opaque", "nc", "qop", "cnonce"] {
                    if name == "cnonce" && !header.contains("qop") {
                        continue;
                    }
                    assert_eq!(ours.get(name), theirs.get(name), "{name} for {header}");
                }
            }
        }
    }

    #[test]
    fn the_strongest_of_several_challenges_is_taken_in_any_spelling() {
        let both = "Digest realm=\"a\", nonce=\"1\", algorithm=MD5, qop=\"auth\", Digest realm=\"a\", nonce=\"2\", algorithm=sha-256, qop=\"auth\"";
        assert_eq!(offered(both).unwrap().challenge.get("nonce"), Some(b"2".as_slice()));
        assert_eq!(offered("digest realm = \"a\", nonce=n, algorithm=md5").unwrap().algorithm.hash, Hash::Md5);
        assert_eq!(offered("Digest realm=\"日本\", nonce=\"n\", qop=\"auth\"").unwrap().quality, Quality::Auth);
        for useless in
            ["Basic realm=\"a\"", "Digest realm=\"a\"", "Digest realm=\"a\", nonce=n, algorithm=TOKEN", "Digest realm=a, nonce=n, qop=x"]
        {
            assert!(offered(useless).is_none(), "{useless}");
        }
    }
}
