//! The part of a URL that the configuration fixes: scheme, host, port, path prefix.

use std::fmt;
use std::str::FromStr;

use url::Url;

/// Where an endpoint lives. URLs are under it if scheme, host and port are equal and the path starts with the same segments:
/// `/v1.0` covers `/v1.0` and `/v1.0/users`, not `/v1.0x`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    url: Url,
}

impl Origin {
    /// The root of a URL's server.
    pub(crate) fn of(url: &Url) -> Self {
        let mut root = url.clone();
        root.set_path("/");
        root.set_query(None);
        root.set_fragment(None);
        Self { url: root }
    }

    /// The path prefix; `/` permits every path.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.url.path()
    }

    /// Scheme, host and port.
    #[must_use]
    pub fn server(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// Whether requests go without TLS.
    #[must_use]
    pub fn is_plain_http(&self) -> bool {
        self.url.scheme() == "http"
    }

    /// The origin as a URL, to build requests from.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    pub(crate) fn same_server(&self, url: &Url) -> bool {
        self.url.scheme() == url.scheme()
            && self.url.host() == url.host()
            && self.url.port_or_known_default() == url.port_or_known_default()
    }

    pub(crate) fn covers(&self, url: &Url) -> bool {
        let wanted = segments(&self.url);
        let given = segments(url);
        self.same_server(url) && given.len() >= wanted.len() && wanted.iter().zip(&given).all(|(wanted, given)| wanted == given)
    }
}

/// The segments of a path without the empty one after a final slash.
fn segments(url: &Url) -> Vec<&str> {
    let mut list: Vec<&str> = url.path_segments().map(Iterator::collect).unwrap_or_default();
    if list.last() == Some(&"") {
        list.pop();
    }
    list
}

impl FromStr for Origin {
    type Err = String;

    /// Parses `https://host[:port][/path]`.
    fn from_str(text: &str) -> Result<Self, String> {
        // A credential written into the URL by mistake stays out of the message.
        let shown = text.split(['?', '#']).next().filter(|part| !part.contains('@')).unwrap_or("the given text");
        let wrong = |why: &str| format!("`{shown}` is no origin: {why}; expected for instance https://host.example/path");
        let url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong("only http and https are possible"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("user and password belong in a secret"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("it may not have a query or fragment"));
        }
        if smuggles_dot_segments(&url) {
            return Err(wrong("its path hides `..` in encoded characters"));
        }
        Ok(Self { url })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str())
    }
}

/// Whether a path holds `..` for a server that decodes once more than we do: `..%2f`, `%252e%252e`, `..%5c`, `..;x`.
/// Plain and once-encoded dot segments are resolved by the URL parser before. An encoded slash by itself is fine: ids have it.
pub(crate) fn smuggles_dot_segments(url: &Url) -> bool {
    /// Deeper encodings are refused as they are.
    const ROUNDS: usize = 4;
    let mut path = url.path().as_bytes().to_vec();
    for _ in 0..ROUNDS {
        let hidden = path.split(|byte| matches!(byte, b'/' | b'\\')).any(|segment| {
            let name = segment.split(|byte| *byte == b';').next().unwrap_or_default();
            matches!(name, b"." | b"..")
        });
        if hidden {
            return true;
        }
        let decoded = decode(&path);
        if decoded == path {
            return false;
        }
        path = decoded;
    }
    true
}

fn decode(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((first, tail)) = rest.split_first() {
        let pair = if *first == b'%' { tail.first_chunk::<2>() } else { None };
        let value = pair.and_then(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        match (value, tail.get(2..)) {
            (Some(value), Some(after)) => {
                out.push(value);
                rest = after;
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    out
}
