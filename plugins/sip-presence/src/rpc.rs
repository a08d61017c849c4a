//! JSON-RPC requests to Kamailio over HTTP, and what their answers mean.
//!
//! Kamailio gives an error the HTTP status of its code and a JSON body that says more, so the body is looked at first. When
//! its own PUBLISH is refused or not answered, `pua.publish` still answers with success, but its result is empty: only an
//! entity tag proves a publication.

use calport_sdk::common::{Error, ErrorKind, Instant};
use calport_sdk::error::{self, ErrorExt};
use calport_sdk::http::{Http, Response, ResponseExt, not_json};
use calport_sdk::request;
use serde::{Deserialize, Serialize};

use crate::pidf::MEDIA_TYPE;
use crate::settings::Settings;

/// Milliseconds for an answer. Kamailio waits 30 s for the answer to its own PUBLISH before it answers.
const PUBLISH_TIMEOUT_MS: u32 = 40_000;

/// Milliseconds for an answer that needs no SIP.
const QUICK_TIMEOUT_MS: u32 = 15_000;

/// Bytes of an entity tag that are taken. Kamailio's have about 30.
const LONGEST_TAG: usize = 255;

/// In place of a parameter that is not given.
const ABSENT: &str = ".";

/// What the instance was opened with.
pub struct Connection {
    /// The way to the host.
    pub http: Box<dyn Http>,
    /// Milliseconds since 1970.
    pub clock: fn() -> Instant,
    /// URL of the JSON-RPC interface, without a slash at its end.
    pub rpc: String,
    /// The settings.
    pub settings: Settings,
}

/// How Kamailio answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<T> {
    /// `result`.
    Done(T),
    /// `error`.
    Refused(Fault),
}

/// The error object of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Fault {
    /// Its code.
    #[serde(default)]
    pub code: i64,
    /// Its message: a fixed text of Kamailio, at most with the SIP address.
    #[serde(default)]
    pub message: String,
}

/// What is published.
#[derive(Debug, Clone, Copy)]
pub struct Publication<'a> {
    /// SIP address of the user.
    pub uri: &'a str,
    /// Lease in seconds; 0 removes what the tag names.
    pub expires: u32,
    /// The entity tag of what is replaced.
    pub tag: Option<&'a str>,
    /// The document; absent to remove.
    pub document: Option<&'a str>,
}

/// How a publication ended when there was an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Published {
    /// It is stored under this entity tag for so many seconds.
    Stored {
        /// The entity tag for the next request.
        tag: String,
        /// Seconds that the server granted; 0 after a removal, unless Kamailio is set up to remove nothing.
        expires: u32,
    },
    /// The server does not know the entity tag.
    WrongTag,
    /// Kamailio's own PUBLISH was refused, by a presence server that no longer has the tag, or for another reason.
    Empty,
}

#[derive(Serialize)]
struct Call<'a> {
    jsonrpc: &'a str,
    id: u32,
    method: &'a str,
    params: &'a [&'a str],
}

#[derive(Deserialize)]
struct Answer<T> {
    #[serde(default = "Option::default")]
    result: Option<T>,
    #[serde(default)]
    error: Option<Fault>,
}

/// The result of `pua.publish`. Older versions write `SIP-Etag`.
#[derive(Deserialize)]
struct Stored {
    #[serde(rename = "SIP-ETag", alias = "SIP-Etag", default)]
    tag: Option<String>,
    #[serde(rename = "Expires", default)]
    expires: Option<i64>,
}

impl Connection {
    /// Calls a method.
    ///
    /// # Errors
    /// When there is no answer, or none of JSON-RPC.
    pub fn call<T: for<'de> Deserialize<'de>>(&self, method: &str, params: &[&str], timeout_ms: u32) -> Result<Outcome<T>, Error> {
        let call = Call { jsonrpc: "2.0", id: 1, method, params };
        let answer = request::post(&self.rpc).json(&call).timeout_ms(timeout_ms).send(&*self.http)?;
        read(&answer).map_err(|e| e.while_doing(&format!("{method} at Kamailio")))
    }

    /// As [`Connection::call`], for what is answered at once.
    ///
    /// # Errors
    /// As there.
    pub fn ask<T: for<'de> Deserialize<'de>>(&self, method: &str) -> Result<Outcome<T>, Error> {
        self.call(method, &[], QUICK_TIMEOUT_MS)
    }

    /// The name of Kamailio's record of a publication. With `db_mode` 2 it finds its records by this name alone, whoever the
    /// user is: one name for two users would send the entity tag of the one with the document of the other.
    fn record(&self, uri: &str) -> String {
        format!("{}-{}", self.settings.publisher, uri.trim_start_matches("sip:"))
    }

    /// Publishes. All parameters are texts: Kamailio refuses a number.
    ///
    /// # Errors
    /// Those of [`Connection::call`]; those of [`refusal`]; `protocol` for an entity tag that cannot be sent back.
    pub fn publish(&self, it: Publication<'_>) -> Result<Published, Error> {
        let expires = it.expires.to_string();
        let proxy = if self.settings.outbound_proxy.is_empty() { ABSENT } else { &self.settings.outbound_proxy };
        let media_type = if it.document.is_some() { MEDIA_TYPE } else { ABSENT };
        let tag = it.tag.unwrap_or(ABSENT);
        let record = self.record(it.uri);
        let mut params = vec![it.uri, &expires, "presence", media_type, &record, tag, proxy, ABSENT];
        params.extend(it.document);
        match self.call::<Stored>("pua.publish", &params, PUBLISH_TIMEOUT_MS)? {
            Outcome::Refused(fault) if fault.message.contains("Wrong ETag") => Ok(Published::WrongTag),
            Outcome::Refused(fault) => Err(refusal("pua.publish", &fault)),
            Outcome::Done(Stored { tag: None, .. }) => Ok(Published::Empty),
            Outcome::Done(Stored { tag: Some(tag), .. }) if !is_tag(&tag) => {
                Err(error::protocol("an entity tag", "a text that is none").while_doing("pua.publish at Kamailio"))
            }
            Outcome::Done(Stored { tag: Some(tag), expires }) => {
                let granted = expires.map_or(it.expires, |e| u32::try_from(e.max(0)).unwrap_or(u32::MAX));
                // Kamailio asks its presence server for a second more than it was told. A removal that was no removal is told.
                let most = if it.expires == 0 { u32::MAX } else { it.expires.saturating_add(1) };
                Ok(Published::Stored { tag, expires: granted.min(most) })
            }
        }
    }
}

/// Whether a text can be an entity tag (RFC 3903: a token) and is not the sign for none.
pub fn is_tag(text: &str) -> bool {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b);
    text != ABSENT && (1..=LONGEST_TAG).contains(&text.len()) && text.bytes().all(token)
}

fn read<T: for<'de> Deserialize<'de>>(answer: &Response) -> Result<Outcome<T>, Error> {
    let parsed = serde_json::from_slice::<Answer<T>>(&answer.body);
    let expected = "a JSON-RPC result";
    match parsed {
        Ok(Answer { error: Some(fault), .. }) => Ok(Outcome::Refused(fault)),
        Ok(Answer { result: Some(result), .. }) if answer.is_success() => Ok(Outcome::Done(result)),
        Ok(_) if answer.is_success() => Err(error::protocol(expected, "JSON with neither result nor error")),
        Err(e) if answer.is_success() => Err(not_json(answer, &e, expected)),
        _ => Err(status(answer)),
    }
}

/// An unsuccessful answer that is not JSON-RPC: from Kamailio's `event_route[xhttp:request]`, or from a proxy.
fn status(answer: &Response) -> Error {
    let failed = |advice: &str| error::StatusError::new(answer).reason(advice.to_owned()).into_error("the request");
    match answer.status {
        401 => failed("check the secret of the endpoint `rpc` against what event_route[xhttp:request] in kamailio.cfg compares"),
        403 => failed("event_route[xhttp:request] in kamailio.cfg does not let this request pass"),
        404 => {
            let mut error = failed("check the path of the endpoint `rpc` against event_route[xhttp:request] in kamailio.cfg");
            error.kind = ErrorKind::Unavailable;
            error
        }
        _ => failed(""),
    }
}

/// Whether Kamailio does not know the method: its module is not loaded.
pub fn is_unknown(fault: &Fault) -> bool {
    fault.code == -32_601 || fault.message.eq_ignore_ascii_case("method not found")
}

/// The error of a refused method.
pub fn refusal(method: &str, fault: &Fault) -> Error {
    let message: String = fault.message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(160).collect();
    let said = format!("{method}: Kamailio refused it with {} ({message})", fault.code);
    if is_unknown(fault) {
        return error::connection(ErrorKind::Unsupported, format!("{said}; load the modules pua and pua_rpc in kamailio.cfg"));
    }
    match fault.code {
        400 if message.contains("presentity") => error::mailbox(ErrorKind::Refused(message), said),
        400 => error::connection(ErrorKind::Refused(message), said),
        // The same text for a document that it cannot read, a domain without address, and a lack of memory.
        _ => error::mailbox(
            ErrorKind::Unavailable,
            format!("{said}; its log says why: often the user's domain has no address, then set `outbound_proxy` in the settings"),
        ),
    }
    .with_code(fault.code.to_string())
}
