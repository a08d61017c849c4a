//! Which headers belong to the host, on the way out and on the way in.

use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue,
    PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, WWW_AUTHENTICATE,
};

use crate::error::EgressError;

/// Most headers that a connector may set on one request, and that it sees on an answer.
const MOST: usize = 100;
/// Most bytes of all a connector's headers together; servers refuse more than 16 to 64 KiB.
const LARGEST: usize = 64 * 1024;

/// Whether a connector may not set this header: credentials, the target, and all that steers a single hop.
pub(crate) fn is_the_hosts(name: &HeaderName) -> bool {
    const OURS: [HeaderName; 11] =
        [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, HOST, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, EXPECT, TE, TRAILER, UPGRADE];
    OURS.contains(name) || name.as_str().starts_with("proxy-") || matches!(name.as_str(), "keep-alive" | "http2-settings" | "cookie2")
}

/// The headers that go out: bounded, and with the host's own choice of compression.
pub(crate) fn outgoing(given: &HeaderMap) -> Result<HeaderMap, EgressError> {
    let size: usize = given.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if given.len() > MOST || size > LARGEST {
        return Err(EgressError::Malformed { what: format!("more than {MOST} headers or {LARGEST} bytes of headers") });
    }
    let mut headers = given.clone();
    headers.remove(ACCEPT_ENCODING);
    Ok(headers)
}

/// What a connector sees of an answer's headers: no cookies, no authentication, nothing of the hop (FEATURES X02).
pub(crate) fn incoming(given: &HeaderMap) -> HeaderMap {
    const HIDDEN: [HeaderName; 8] =
        [SET_COOKIE, WWW_AUTHENTICATE, PROXY_AUTHENTICATE, AUTHORIZATION, CONNECTION, TRANSFER_ENCODING, TRAILER, UPGRADE];
    let hidden = |name: &HeaderName| {
        HIDDEN.contains(name)
            || name.as_str().starts_with("proxy-")
            || matches!(name.as_str(), "set-cookie2" | "authentication-info" | "keep-alive" | "cookie")
    };
    let mut headers = HeaderMap::new();
    for (name, value) in given.iter().filter(|(name, _)| !hidden(name)).take(MOST) {
        headers.append(name.clone(), value.clone());
    }
    headers
}

/// Builds a header map from pairs as a connector gives them.
///
/// # Errors
/// [`EgressError::Malformed`] that names the header whose name or value is impossible.
pub fn headers_from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<HeaderMap, EgressError> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let shown: String = name.chars().take(64).collect();
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| EgressError::Malformed { what: format!("`{}` is no header name", shown.escape_debug()) })?;
        let value = HeaderValue::from_bytes(value)
            .map_err(|_| EgressError::Malformed { what: format!("the value of header `{shown}` holds control characters") })?;
        if headers.try_append(name, value).is_err() {
            return Err(EgressError::Malformed { what: "too many headers".to_owned() });
        }
    }
    Ok(headers)
}
