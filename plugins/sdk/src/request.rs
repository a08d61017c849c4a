//! Building requests.
//!
//! ```
//! use calport_sdk::request;
//! let request = request::get(format!("https://pbx.example/api/users/{}", request::segment("a/b")))
//!     .query("detail", "all & more")
//!     .header("accept", "application/json")
//!     .scope("a/b")
//!     .build();
//! assert_eq!(request.url, "https://pbx.example/api/users/a%2Fb?detail=all%20%26%20more");
//! assert!(request.safe_to_repeat);
//! ```

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use crate::common::Error;
use crate::error;
use crate::http::{Http, Request, Response};

/// What stays as it is in a path segment or a query value: the unreserved characters of RFC 3986.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text as one path segment or one query value.
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// A request being built.
#[derive(Debug, Clone)]
#[must_use]
pub struct Builder {
    request: Request,
    unserializable: Option<String>,
}

/// A `GET`, which may be repeated.
pub fn get(url: impl Into<String>) -> Builder {
    new("GET", url).safe_to_repeat(true)
}

/// A `POST`. Not repeated by the host unless [`Builder::safe_to_repeat`] says so.
pub fn post(url: impl Into<String>) -> Builder {
    new("POST", url)
}

/// A `PATCH`. Not repeated by the host unless [`Builder::safe_to_repeat`] says so.
pub fn patch(url: impl Into<String>) -> Builder {
    new("PATCH", url)
}

/// A `PUT`, which may be repeated (RFC 9110 9.2.2).
pub fn put(url: impl Into<String>) -> Builder {
    new("PUT", url).safe_to_repeat(true)
}

/// A `DELETE`, which may be repeated (RFC 9110 9.2.2).
pub fn delete(url: impl Into<String>) -> Builder {
    new("DELETE", url).safe_to_repeat(true)
}

/// A request of any method. Not repeated by the host unless [`Builder::safe_to_repeat`] says so.
pub fn new(method: &str, url: impl Into<String>) -> Builder {
    Builder {
        request: Request {
            method: method.to_owned(),
            url: url.into(),
            headers: Vec::new(),
            body: None,
            identity: None,
            session: None,
            scope: None,
            safe_to_repeat: false,
            timeout: None,
            quiet: None,
            anonymous: false,
        },
        unserializable: None,
    }
}

impl Builder {
    /// Adds a query parameter; the value is encoded, the name is taken as it is (`$select`).
    pub fn query(mut self, name: &str, value: impl AsRef<str>) -> Self {
        let url = &mut self.request.url;
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str(name);
        url.push('=');
        url.extend(utf8_percent_encode(value.as_ref(), ENCODED));
        self
    }

    /// Adds a header. Those of authentication and cookies belong to the host and are refused by it.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.request.headers.push((name.to_owned(), value.into()));
        self
    }

    /// A body of this media type.
    pub fn body(mut self, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.request.body = Some(body.into());
        self.header("content-type", media_type)
    }

    /// A JSON body.
    pub fn json(mut self, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(bytes) => self.body("application/json", bytes),
            Err(e) => {
                self.unserializable = Some(error::json_place(&e));
                self
            }
        }
    }

    /// A form body (`application/x-www-form-urlencoded`).
    pub fn form<'a>(self, fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let body: Vec<String> = fields.into_iter().map(|(n, v)| format!("{}={}", segment(n), segment(v))).collect();
        self.body("application/x-www-form-urlencoded", body.join("&"))
    }

    /// What a refusal for too many requests reaches, such as a mailbox's id.
    pub fn scope(mut self, scope: &str) -> Self {
        self.request.scope = Some(scope.to_owned());
        self
    }

    /// The session: its requests share cookies, and a nonce where there is one.
    pub fn session(mut self, session: &str) -> Self {
        self.request.session = Some(session.to_owned());
        self
    }

    /// The person whose own credential is to be used.
    pub fn identity(mut self, identity: &str) -> Self {
        self.request.identity = Some(identity.to_owned());
        self
    }

    /// Whether the host may send it again when its outcome is not known.
    pub fn safe_to_repeat(mut self, safe: bool) -> Self {
        self.request.safe_to_repeat = safe;
        self
    }

    /// Milliseconds to wait for the answer to begin.
    pub fn timeout_ms(mut self, timeout: u32) -> Self {
        self.request.timeout = Some(timeout);
        self
    }

    /// Marks a stream of events, for [`Http::open`]: milliseconds that its body may be silent.
    pub fn quiet_ms(mut self, quiet: u32) -> Self {
        self.request.quiet = Some(quiet);
        self
    }

    /// Without any credential or cookie, as the first, unprotected question of a discovery.
    pub fn anonymous(mut self) -> Self {
        self.request.anonymous = true;
        self
    }

    /// The finished request.
    pub fn build(self) -> Request {
        self.request
    }

    /// Sends it; an answer with any status is `Ok`.
    ///
    /// # Errors
    /// When there is no answer ([`error::from_http`]).
    pub fn send(self, http: &dyn Http) -> Result<Response, Error> {
        if let Some(why) = self.unserializable {
            return Err(error::invalid("body", why));
        }
        let what = format!("{} {}", self.request.method, without_query(&self.request.url));
        http.send(&self.request).map_err(|e| error::from_http(e, &what))
    }
}

/// A URL without what may be private in it: query and fragment.
pub fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::HostHttp;

    #[test]
    fn a_failed_request_names_no_query() {
        let error = get("https://a.example/x?token=SECRET").send(&HostHttp).unwrap_err();
        assert!(!error.message.contains("SECRET"), "{}", error.message);
        assert!(error.message.contains("https://a.example/x"), "{}", error.message);
    }

    #[test]
    fn writes_are_not_repeated_and_reads_are() {
        assert!(get("x").build().safe_to_repeat);
        assert!(delete("x").build().safe_to_repeat);
        assert!(!post("x").build().safe_to_repeat);
        assert!(!patch("x").build().safe_to_repeat);
    }

    #[test]
    fn a_form_is_encoded() {
        let request = post("x").form([("a b", "c&d")]).build();
        assert_eq!(request.body.unwrap(), b"a%20b=c%26d");
    }
}
