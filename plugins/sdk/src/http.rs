//! HTTP through the host, behind a trait so that a connector is tested without one.
//!
//! The host decides, resolves, connects and authenticates. A connector names the URL, the mailbox a refusal reaches
//! (`scope`) and whether a repetition is harmless; it never follows a redirect and never retries.

use serde::de::DeserializeOwned;

pub use crate::bindings::calport::connector::http::{HttpError, Request, Response, StreamedResponse};
use crate::common::Error;
use crate::error::{self, StatusError};

/// Whoever sends requests.
pub trait Http {
    /// Sends a request and reads the whole answer. An answer with any status is `Ok`.
    ///
    /// # Errors
    /// When there is no answer.
    fn send(&self, request: &Request) -> Result<Response, HttpError>;

    /// Sends a request and returns when the answer begins; its body is read with [`Http::read_body`].
    ///
    /// # Errors
    /// When there is no answer.
    fn open(&self, request: &Request) -> Result<StreamedResponse, HttpError>;

    /// The next piece of a body, at most 64 KiB; empty at the end, `None` when nothing came in `timeout_ms`.
    ///
    /// # Errors
    /// When the connection broke or the body is not known.
    fn read_body(&self, body: u32, timeout_ms: u32) -> Result<Option<Vec<u8>>, HttpError>;

    /// Gives a body up.
    fn close_body(&self, body: u32);
}

/// The host's HTTP. Outside WebAssembly there is no host: every request is `unreachable`.
#[derive(Debug, Clone, Copy, Default)]
pub struct HostHttp;

#[cfg(target_arch = "wasm32")]
impl Http for HostHttp {
    fn send(&self, request: &Request) -> Result<Response, HttpError> {
        crate::bindings::calport::connector::http::send(request)
    }
    fn open(&self, request: &Request) -> Result<StreamedResponse, HttpError> {
        crate::bindings::calport::connector::http::open(request)
    }
    fn read_body(&self, body: u32, timeout_ms: u32) -> Result<Option<Vec<u8>>, HttpError> {
        crate::bindings::calport::connector::http::read_body(body, timeout_ms)
    }
    fn close_body(&self, body: u32) {
        crate::bindings::calport::connector::http::close_body(body);
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl Http for HostHttp {
    fn send(&self, _: &Request) -> Result<Response, HttpError> {
        Err(HttpError::Unreachable("there is no Calport host outside WebAssembly".to_owned()))
    }
    fn open(&self, _: &Request) -> Result<StreamedResponse, HttpError> {
        Err(HttpError::Unreachable("there is no Calport host outside WebAssembly".to_owned()))
    }
    fn read_body(&self, _: u32, _: u32) -> Result<Option<Vec<u8>>, HttpError> {
        Err(HttpError::Unreachable("there is no Calport host outside WebAssembly".to_owned()))
    }
    fn close_body(&self, _: u32) {}
}

/// Reading an answer.
pub trait ResponseExt: Sized {
    /// Whether the status is 2xx.
    fn is_success(&self) -> bool;

    /// The first header of this name, in lower case.
    fn header_value(&self, name: &str) -> Option<&str>;

    /// `Retry-After` in milliseconds: seconds, also with decimals. A date is not read, because a connector has no
    /// clock that the server shares: the host backs off by itself then.
    fn retry_after_ms(&self) -> Option<u64>;

    /// Whether the body is HTML: a proxy's, a portal's or an error page where an API was expected.
    fn is_html(&self) -> bool;

    /// The answer itself if its status is 2xx.
    ///
    /// # Errors
    /// By the status ([`StatusError`]), reaching the whole connection.
    fn success(self, what: &str) -> Result<Self, Error>;

    /// The body as JSON; `expected` describes it, such as `a page of users`.
    ///
    /// # Errors
    /// `protocol`, naming what came without quoting it.
    fn json<T: DeserializeOwned>(&self, expected: &str) -> Result<T, Error>;

    /// The body as text; bytes that are not UTF-8 are replaced.
    fn text(&self) -> String;
}

impl ResponseExt for Response {
    fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    fn header_value(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    fn retry_after_ms(&self) -> Option<u64> {
        seconds_to_ms(self.header_value("retry-after")?)
    }

    fn is_html(&self) -> bool {
        let typed = self.header_value("content-type").is_some_and(|t| t.to_ascii_lowercase().contains("html"));
        typed || body_starts_as_html(&self.body)
    }

    fn success(self, what: &str) -> Result<Self, Error> {
        if self.is_success() { Ok(self) } else { Err(StatusError::new(&self).into_error(what)) }
    }

    fn json<T: DeserializeOwned>(&self, expected: &str) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|e| not_json(self, &e, expected))
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// The error for a body that is not the JSON that was expected. For parsers of a connector's own.
pub fn not_json(response: &Response, error: &serde_json::Error, expected: &str) -> Error {
    let got = if response.is_html() {
        format!("HTTP {} with an HTML page; is the URL that of the API, and is a proxy in between?", response.status)
    } else if response.body.is_empty() {
        format!("HTTP {} with an empty body", response.status)
    } else {
        format!("HTTP {} with {}", response.status, error::json_place(error))
    };
    error::protocol(expected, got)
}

/// A number of seconds, also with decimals, in whole milliseconds rounded up; at most a day.
pub fn seconds_to_ms(text: &str) -> Option<u64> {
    const DAY_MS: f64 = 86_400_000.0;
    let seconds: f64 = text.trim().parse().ok()?;
    let ms = (seconds * 1000.0).ceil();
    // The bound makes the conversion exact: there is no fallible conversion from f64.
    (0.0..=f64::MAX).contains(&ms).then(|| ms.min(DAY_MS) as u64)
}

fn body_starts_as_html(body: &[u8]) -> bool {
    let start: Vec<u8> = body.iter().copied().skip_while(u8::is_ascii_whitespace).take(14).map(|b| b.to_ascii_lowercase()).collect();
    start.starts_with(b"<!doctype html") || start.starts_with(b"<html")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::ErrorKind;

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Response { status, headers, body: body.as_bytes().to_vec() }
    }

    #[test]
    fn retry_after_may_have_decimals_and_is_bounded() {
        let wait = |value| answer(429, &[("retry-after", value)], "").retry_after_ms();
        assert_eq!(wait("10"), Some(10_000));
        assert_eq!(wait("2.128"), Some(2_128));
        assert_eq!(wait("-1"), None);
        assert_eq!(wait("NaN"), None);
        assert_eq!(wait("1e300"), Some(86_400_000));
        assert_eq!(wait("Wed, 21 Oct 2026 07:28:00 GMT"), None);
    }

    #[test]
    fn html_where_json_was_expected_is_named_as_such() {
        let page = answer(200, &[], "\n <!DOCTYPE html><p>Sign in, Secret</p>");
        let error = page.json::<Vec<u8>>("a list").unwrap_err();
        assert!(matches!(&error.kind, ErrorKind::Protocol(p) if p.got.contains("HTML")), "{error:?}");
        assert!(!error.message.contains("Secret"));
    }

    #[test]
    fn without_a_host_a_request_is_unreachable_and_does_not_panic() {
        let request = crate::request::get("https://127.0.0.1/").build();
        assert!(matches!(HostHttp.send(&request), Err(HttpError::Unreachable(_))));
    }
}
