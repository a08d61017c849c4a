//! What the runtime itself never hands to the gate, whatever the connection allows: malformed and oversized requests, URLs
//! with a user name, and headers that belong to the host.
//!
//! Which servers may be reached is the gate's decision; this check makes sure that the gate is asked a clear question.

use http::{HeaderName, HeaderValue, Method};
use url::Url;

use crate::gate::{HttpError, HttpRequest};
use crate::guest_log::clean;
use crate::limits::Limits;

/// Headers that belong to the host: the credential, the session, the connection and the length of the body.
pub(crate) const HOST_HEADERS: [&str; 18] = [
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "cookie2",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "www-authenticate",
];

/// Bytes of `identity`, `session` and `scope`: they are names, such as a mailbox's id.
const NAME_BYTES: usize = 2_048;

/// Checks a request before it goes to the gate.
pub(crate) fn check(request: &HttpRequest, limits: &Limits) -> Result<(), HttpError> {
    let method = Method::from_bytes(request.method.as_bytes())
        .map_err(|_| HttpError::Invalid(format!("`{}` is no HTTP method", clean(&request.method, 40))))?;
    if request.method.len() > 32 || method == Method::CONNECT || method == Method::TRACE {
        return Err(HttpError::Denied(format!("the method {} is not sent for connectors", clean(&request.method, 40))));
    }
    check_url(&request.url, limits)?;
    check_headers(&request.headers, limits)?;
    if request.body.as_ref().is_some_and(|body| body.len() > limits.request_body) {
        return Err(HttpError::Invalid(format!("the body has more than {} bytes", limits.request_body)));
    }
    for name in [&request.identity, &request.session, &request.scope].into_iter().flatten() {
        if name.len() > NAME_BYTES || name.chars().any(char::is_control) {
            return Err(HttpError::Invalid(format!("identity, session and scope are names of at most {NAME_BYTES} bytes")));
        }
    }
    Ok(())
}

fn check_url(text: &str, limits: &Limits) -> Result<(), HttpError> {
    if text.len() > limits.url_bytes {
        return Err(HttpError::Invalid(format!("the URL has more than {} bytes", limits.url_bytes)));
    }
    if text.chars().any(|character| character.is_control() || character == ' ' || character == '\\') {
        return Err(HttpError::Invalid("the URL holds a blank, a backslash or a control character: percent-encode it".to_owned()));
    }
    let url = Url::parse(text).map_err(|error| HttpError::Invalid(format!("the URL is malformed: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(HttpError::Denied(format!("only http and https URLs are sent, not `{}:`", clean(url.scheme(), 40))));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(HttpError::Denied("a URL must not hold a user name or password: the host adds the credential".to_owned()));
    }
    Ok(())
}

fn check_headers(headers: &[(String, String)], limits: &Limits) -> Result<(), HttpError> {
    if headers.len() > limits.headers {
        return Err(HttpError::Invalid(format!("more than {} headers", limits.headers)));
    }
    let mut bytes = 0_usize;
    for (name, value) in headers {
        bytes = bytes.saturating_add(name.len()).saturating_add(value.len());
        if bytes > limits.header_bytes {
            return Err(HttpError::Invalid(format!("the headers have more than {} bytes", limits.header_bytes)));
        }
        let name =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| HttpError::Invalid(format!("`{}` is no header name", clean(name, 80))))?;
        if HOST_HEADERS.contains(&name.as_str()) {
            return Err(HttpError::Denied(format!("the header `{name}` belongs to the host; leave it out")));
        }
        if HeaderValue::from_str(value).is_err() {
            return Err(HttpError::Invalid(format!("the value of the header `{name}` holds a control character")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(url: &str) -> HttpRequest {
        HttpRequest { method: "GET".to_owned(), url: url.to_owned(), ..HttpRequest::default() }
    }

    #[test]
    fn feat_x02_urls_that_could_mislead_are_not_sent() {
        let limits = Limits::default();
        assert_eq!(check(&request("https://mail.example.com/api?x=1"), &limits), Ok(()));
        for url in
            ["https://mail.example.com@evil.org/", "https://user:pw@mail.example.com/", "ftp://mail.example.com/", "file:///etc/passwd"]
        {
            assert!(matches!(check(&request(url), &limits), Err(HttpError::Denied(_))), "{url}");
        }
        for url in ["", "mail.example.com", "https://mail.example.com/\r\nHost: evil", "https://mail.example.com\\@evil.org", "https://"] {
            assert!(matches!(check(&request(url), &limits), Err(HttpError::Invalid(_))), "{url}");
        }
        assert!(matches!(check(&request(&format!("https://a/{}", "x".repeat(20_000))), &limits), Err(HttpError::Invalid(_))));
    }

    #[test]
    fn feat_x02_headers_of_the_host_are_refused_in_any_spelling() {
        let limits = Limits::default();
        for name in ["Authorization", "COOKIE", "host", "Transfer-Encoding", "Content-Length", "Proxy-Authorization"] {
            let request = HttpRequest { headers: vec![(name.to_owned(), "x".to_owned())], ..request("https://a/") };
            assert!(matches!(check(&request, &limits), Err(HttpError::Denied(_))), "{name}");
        }
        for header in [("a b", "x"), ("x-a", "1\r\nauthorization: x"), ("", "x")] {
            let request = HttpRequest { headers: vec![(header.0.to_owned(), header.1.to_owned())], ..request("https://a/") };
            assert!(matches!(check(&request, &limits), Err(HttpError::Invalid(_))), "{header:?}");
        }
        let many = (0..500).map(|index| (format!("x-{index}"), "y".to_owned())).collect();
        assert!(check(&HttpRequest { headers: many, ..request("https://a/") }, &limits).is_err());
    }

    #[test]
    fn feat_x02_methods_that_open_tunnels_are_refused() {
        for method in ["CONNECT", "TRACE"] {
            let request = HttpRequest { method: method.to_owned(), ..request("https://a/") };
            assert!(matches!(check(&request, &Limits::default()), Err(HttpError::Denied(_))));
        }
        for method in ["", "GET /", "G\r\n"] {
            let request = HttpRequest { method: method.to_owned(), ..request("https://a/") };
            assert!(check(&request, &Limits::default()).is_err());
        }
    }
}
