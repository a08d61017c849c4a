//! The server's side of HTTP Digest (RFC 2617, MD5, `qop="auth"`), as lenient and as strict as the PBX is.
//!
//! The PBX checks the response against the `uri` that the client names, not against the request's own, and accepts a nonce it
//! never gave out. Both are kept: a client that relies on less would fail on the real one.

use std::fmt::Write as _;

use md5::{Digest as _, Md5};

/// What a client sends in `Authorization: Digest`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// The user.
    pub username: String,
    /// The nonce as a number; never 0.
    pub nonce: u32,
    /// The `uri` parameter.
    pub uri: String,
    /// The 32 hexadecimal digits.
    pub response: String,
    /// The client's nonce.
    pub cnonce: String,
    /// The nonce count as written.
    pub nc: String,
    /// Whether `qop=auth` was given.
    pub qop: bool,
}

impl Credentials {
    /// Reads the header's value. `None`: missing parts, another scheme, another algorithm.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        let (scheme, rest) = header.trim_start().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("digest") {
            return None;
        }
        let mut it = Self::default();
        let mut realm = String::new();
        for (key, value) in pairs(rest) {
            match key.to_ascii_lowercase().as_str() {
                "username" => it.username = value,
                "realm" => realm = value,
                "nonce" => it.nonce = hex(&value)?,
                "uri" => it.uri = value,
                "response" => it.response = value,
                "cnonce" => it.cnonce = value,
                "nc" => it.nc = value,
                "qop" => it.qop = value.eq_ignore_ascii_case("auth"),
                "algorithm" if !value.eq_ignore_ascii_case("md5") => return None,
                _ => {}
            }
        }
        let complete = !realm.is_empty() && it.nonce != 0 && !it.username.is_empty() && !it.uri.is_empty() && !it.response.is_empty();
        let counted = !it.qop || (!it.cnonce.is_empty() && hex(&it.nc).is_some());
        (complete && counted).then_some(it)
    }

    /// The nonce count.
    #[must_use]
    pub fn count(&self) -> u32 {
        hex(&self.nc).unwrap_or_default()
    }

    /// Whether the response proves `secret` for this method in this realm.
    #[must_use]
    pub fn proves(&self, method: &str, realm: &str, secret: &str) -> bool {
        let a1 = md5_hex(&format!("{}:{realm}:{secret}", self.username));
        let a2 = md5_hex(&format!("{method}:{}", self.uri));
        let expected = if self.qop {
            md5_hex(&format!("{a1}:{:08x}:{}:{}:auth:{a2}", self.nonce, self.nc, self.cnonce))
        } else {
            md5_hex(&format!("{a1}:{:08x}:{a2}", self.nonce))
        };
        self.response.eq_ignore_ascii_case(&expected)
    }
}

/// The value of `WWW-authenticate` for a nonce.
#[must_use]
pub fn challenge(realm: &str, nonce: u32, stale: bool) -> String {
    let stale = if stale { ", stale=true" } else { "" };
    format!(r#"Digest algorithm=MD5, realm="{realm}", nonce="{nonce:08x}", qop="auth", opaque="{nonce:08x}"{stale}"#)
}

fn hex(text: &str) -> Option<u32> {
    u32::from_str_radix(text.trim(), 16).ok()
}

fn md5_hex(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().fold(String::with_capacity(32), |mut out, byte| {
        write!(out, "{byte:02x}").ok();
        out
    })
}

/// Splits `a=b, c="d\"e"` into pairs.
fn pairs(text: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        let key: String = std::iter::from_fn(|| chars.next_if(|c| *c != '=')).collect();
        if chars.next().is_none() {
            return out;
        }
        let mut value = String::new();
        if chars.next_if_eq(&'"').is_some() {
            while let Some(c) = chars.next() {
                match c {
                    '"' => break,
                    '\\' => value.extend(chars.next()),
                    c => value.push(c),
                }
            }
        }
        let rest: String = std::iter::from_fn(|| chars.next_if(|c| *c != ',')).collect();
        value.push_str(rest.trim());
        chars.next();
        out.push((key.trim().to_owned(), value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_secret_method_and_uri_are_proved() {
        // Computed with another implementation (Python's hashlib).
        let mut c = Credentials {
            username: "calport".into(),
            nonce: 0x3959_b8cf,
            uri: "/arawman?action=Ping".into(),
            response: "a12b5cfa1103915d01e821c137eeca0d".into(),
            cnonce: "0a4f113b".into(),
            nc: "00000001".into(),
            qop: true,
        };
        assert!(c.proves("GET", "asterisk", "calport-secret"));
        assert!(!c.proves("POST", "asterisk", "calport-secret"));
        assert!(!c.proves("GET", "asterisk", "calport-secreT"));
        c.nc = "00000002".into();
        assert!(!c.proves("GET", "asterisk", "calport-secret"));
    }

    #[test]
    fn headers_with_quotes_and_spaces_are_read() {
        let c = Credentials::parse(
            r#"Digest username="cal\"port", realm="asterisk", nonce="3959b8cf", uri="/arawman?a=b,c", response="00", qop=auth, nc=0000000a, cnonce="q""#,
        )
        .unwrap();
        assert_eq!(
            (c.username.as_str(), c.nonce, c.uri.as_str(), c.count(), c.qop),
            ("cal\"port", 0x3959_b8cf, "/arawman?a=b,c", 10, true)
        );
        assert_eq!(Credentials::parse("Basic abc"), None);
        assert_eq!(Credentials::parse(r#"Digest username="a", realm="r", nonce="zz", uri="/", response="0""#), None);
    }
}
