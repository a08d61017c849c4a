//! The forms login of Outlook on the web: a page, a form that is sent to `/owa/auth.owa`, and five cookies that are worth a login
//! until they are not used for some time.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, Method, Uri};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use url::form_urlencoded::{Serializer, parse};

use super::{Forms, Stranger, accounts};
use crate::ews::auth::Identity;
use crate::ews::server::Answer;
use crate::ews::shared::Inner;
use crate::graph::state::State;

/// The five cookies; all of them together are a login.
const COOKIES: [&str; 5] = ["cadata", "cadataTTL", "cadataKey", "cadataIV", "cadataSig"];
const PAGE: &str = "/owa/auth/logon.aspx";
const HTML: &str = "text/html; charset=utf-8";

/// A login.
#[derive(Clone, Debug)]
struct Session {
    values: [String; 5],
    identity: Identity,
    used: Timestamp,
}

/// All logins, by their first cookie.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    open: BTreeMap<String, Session>,
    /// Forms that were accepted.
    pub accepted: u64,
    /// Forms that were refused.
    pub refused: u64,
}

impl Sessions {
    /// Ends all logins; whoever had one is told so at the next request.
    pub fn end(&mut self) {
        self.open.clear();
    }

    fn open(&mut self, identity: Identity, now: Timestamp) -> [String; 5] {
        let values: [String; 5] = std::array::from_fn(|_| STANDARD.encode(rand::random::<[u8; 24]>()));
        let [first, ..] = &values;
        self.open.insert(first.clone(), Session { values: values.clone(), identity, used: now });
        values
    }

    fn find(&mut self, headers: &HeaderMap, forms: Forms, now: Timestamp) -> Option<Identity> {
        let first = cookie(headers, "cadata")?;
        let session = self.open.get_mut(&first)?;
        let whole = COOKIES.iter().zip(&session.values).all(|(name, value)| cookie(headers, name).as_ref() == Some(value));
        if !whole || now.duration_since(session.used) > forms.life() {
            return None;
        }
        session.used = now;
        Some(session.identity.clone())
    }
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all("cookie");
    let mut pairs = all.iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(';')).filter_map(|p| p.trim().split_once('='));
    pairs.find(|(n, _)| *n == name).map(|(_, value)| value.to_owned())
}

fn takes_pages(headers: &HeaderMap) -> bool {
    headers.get("accept").and_then(|a| a.to_str().ok()).is_some_and(|a| a.contains("text/html"))
}

fn origin(headers: &HeaderMap) -> String {
    headers.get("host").and_then(|h| h.to_str().ok()).map(|h| format!("http://{h}")).unwrap_or_default()
}

fn to_page(headers: &HeaderMap, wanted: &str, reason: u8) -> Answer {
    let origin = origin(headers);
    let wanted = if wanted.starts_with('/') { format!("{origin}{wanted}") } else { wanted.to_owned() };
    let again = if reason == 0 { "" } else { "replaceCurrent=1&" };
    let query = Serializer::new(String::new()).append_pair("url", &wanted).append_pair("reason", &reason.to_string()).finish();
    Answer::bare(302).header("location", format!("{origin}{PAGE}?{again}{query}"))
}

/// The login page.
pub(crate) fn page(destination: &str) -> String {
    let escapes = [('&', "&amp;"), ('"', "&quot;"), ('<', "&lt;"), ('>', "&gt;")];
    let destination = escapes.iter().fold(destination.to_owned(), |text, (c, escape)| text.replace(*c, escape));
    format!(
        "<!DOCTYPE html><html><head><title>Outlook</title></head><body><form action=\"/owa/auth.owa\" method=\"POST\" name=\"logonForm\">\
         <input type=\"hidden\" name=\"destination\" value=\"{destination}\"><input type=\"hidden\" name=\"flags\" value=\"4\">\
         <input type=\"hidden\" name=\"forcedownlevel\" value=\"0\"><input name=\"username\"><input name=\"password\" type=\"password\">\
         <input type=\"hidden\" name=\"isUtf8\" value=\"1\"></form></body></html>"
    )
}

/// Who comes with the cookies of a login.
///
/// # Errors
/// What is answered in place of what was asked for.
pub(crate) fn enter(
    sessions: &mut Sessions,
    forms: Forms,
    headers: &HeaderMap,
    uri: &Uri,
    now: Timestamp,
) -> Result<Identity, Box<Answer>> {
    if let Some(identity) = sessions.find(headers, forms, now) {
        return Ok(identity);
    }
    let wanted = uri.path_and_query().map_or("/", |p| p.as_str());
    let had_one = cookie(headers, "cadata").is_some();
    let timed_out = || Answer::text(440, HTML, "<html><body>Login Timeout</body></html>");
    Err(Box::new(match forms.stranger {
        _ if had_one && takes_pages(headers) => to_page(headers, wanted, 0),
        _ if had_one => timed_out(),
        Stranger::Redirect => to_page(headers, wanted, 0),
        Stranger::LoginTimeout => timed_out(),
        Stranger::Page => Answer::text(200, HTML, page(wanted)),
    }))
}

/// Answers what lies below `/owa`.
pub(crate) fn site(
    inner: &mut Inner,
    state: &State,
    (method, uri, headers): (&Method, &Uri, &HeaderMap),
    body: &[u8],
    now: Timestamp,
) -> Answer {
    let Some(forms) = inner.config.doors.forms else { return Answer::bare(404) };
    let query = |name: &str| parse(uri.query().unwrap_or_default().as_bytes()).find(|(n, _)| n == name).map(|(_, v)| v.into_owned());
    match (method.as_str(), uri.path().to_ascii_lowercase().as_str()) {
        ("POST", "/owa/auth.owa") => sign_in(inner, state, headers, body, now),
        ("GET", PAGE) => Answer::text(200, HTML, page(&query("url").unwrap_or_default())),
        ("GET", "/owa/logoff.owa") => {
            if let Some(first) = cookie(headers, "cadata") {
                inner.sessions.open.remove(&first);
            }
            to_page(headers, "/owa/", 0)
        }
        ("GET", _) => match inner.sessions.find(headers, forms, now) {
            Some(_) => Answer::text(200, HTML, "<!DOCTYPE html><html><head><title>Mail</title></head><body></body></html>"),
            None => to_page(headers, uri.path_and_query().map_or("/owa/", |p| p.as_str()), 0),
        },
        _ => Answer::bare(405),
    }
}

fn sign_in(inner: &mut Inner, state: &State, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Answer {
    let fields: BTreeMap<String, String> = parse(body).into_owned().collect();
    let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
    let origin = origin(headers);
    // Nobody is sent to another server with a fresh login.
    let inside = |d: &&str| d.starts_with(&format!("{origin}/")) || (d.starts_with('/') && !d.starts_with("//"));
    let destination = Some(field("destination")).filter(inside).unwrap_or("/owa/");
    let account = accounts::known(&inner.config, field("username"), "").filter(|a| a.password == field("password"));
    let Some(account) = account else {
        inner.sessions.refused += 1;
        return to_page(headers, destination, 2);
    };
    let identity = accounts::identity(&inner.config, state, account);
    inner.sessions.accepted += 1;
    let values = inner.sessions.open(identity, now);
    let cookies = COOKIES.iter().zip(values).map(|(name, value)| format!("{name}={value}; path=/; HttpOnly"));
    cookies.fold(Answer::bare(302).header("location", destination), |answer, c| answer.header("set-cookie", c))
}
