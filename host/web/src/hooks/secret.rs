//! Whether a request carries a secret that is known (SEMANTICS B-31).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use calport_model::descriptor::HookSecret;
use hmac::{Hmac, Mac};
use http::HeaderMap;
use http::request::Parts;
use sha2::Sha256;

use super::handshake::one_parameter;
use super::pointer::{self, Found};
use super::receiver::HookTargets;

/// Bytes of the longest secret that is looked up: ours have 32.
const LONGEST: usize = 1024;

/// What the check of a request found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It may be believed.
    Known,
    /// It is forged, or of a subscription that is no more.
    Forged,
    /// It cannot be read so far as to find its secret.
    Malformed,
}

pub(super) fn check(targets: &dyn HookTargets, connection: &str, place: &HookSecret, head: &Parts, body: &[u8]) -> Verdict {
    let headers = &head.headers;
    let known = |text: &str| text.len() <= LONGEST && targets.knows_secret(connection, text);
    let verdict = |good: bool| if good { Verdict::Known } else { Verdict::Forged };
    match place {
        HookSecret::UrlOnly => Verdict::Known,
        HookSecret::JsonPointer(pointer) => match pointer::all(body, pointer, &known) {
            Found::Good => Verdict::Known,
            Found::Bad => Verdict::Forged,
            Found::NotJson => Verdict::Malformed,
        },
        HookSecret::Query(name) => {
            let secret = one_parameter(head.uri.query().unwrap_or_default(), name).ok().flatten();
            verdict(secret.is_some_and(|secret| known(&secret)))
        }
        HookSecret::Header(name) => verdict(one(headers, name).is_some_and(known)),
        HookSecret::Hmac { header, prefix, base64 } => {
            let signature = one(headers, header)
                .and_then(|value| value.strip_prefix(prefix.as_str()))
                .and_then(|text| if *base64 { STANDARD.decode(text).ok() } else { from_hex(text) });
            verdict(signature.is_some_and(|signature| targets.any_signing_key(connection, &mut |key| signed(key, body, &signature))))
        }
    }
}

/// The value of a header that is there once.
fn one<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() {
        return None;
    }
    value.to_str().ok()
}

/// Compares in constant time.
fn signed(key: &[u8], body: &[u8], signature: &[u8]) -> bool {
    Hmac::<Sha256>::new_from_slice(key).is_ok_and(|mac| mac.chain_update(body).verify_slice(signature).is_ok())
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() || pairs.len() > 32 {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::HookTarget;
    use super::*;

    struct Keys;

    impl HookTargets for Keys {
        fn target(&self, _: &str) -> Option<Arc<HookTarget>> {
            None
        }
        fn knows_secret(&self, connection: &str, secret: &str) -> bool {
            (connection, secret) == ("a", "good")
        }
        fn any_signing_key(&self, connection: &str, fits: &mut dyn FnMut(&[u8]) -> bool) -> bool {
            connection == "a" && [b"other".as_slice(), b"Jefe"].into_iter().any(fits)
        }
        fn arrived(&self, _: &str) {}
    }

    // RFC 4231, test case 2.
    const BODY: &[u8] = b"what do ya want for nothing?";
    const HEX: &str = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    const BASE64: &str = "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=";

    fn headers(values: &[&str]) -> Parts {
        let mut head = http::Request::post("/").body(()).unwrap().into_parts().0;
        head.headers = values.iter().map(|v| (http::HeaderName::from_static("x-sign"), http::HeaderValue::from_str(v).unwrap())).collect();
        head
    }

    fn hmac(base64: bool, connection: &str, values: &[&str], body: &[u8]) -> Verdict {
        let place = HookSecret::Hmac { header: "X-Sign".to_owned(), prefix: "v1=".to_owned(), base64 };
        check(&Keys, connection, &place, &headers(values), body)
    }

    #[test]
    fn b31_a_signature_is_checked_with_every_key() {
        assert_eq!(hmac(false, "a", &[&format!("v1={HEX}")], BODY), Verdict::Known);
        assert_eq!(hmac(false, "a", &[&format!("v1={}", HEX.to_uppercase())], BODY), Verdict::Known);
        assert_eq!(hmac(true, "a", &[&format!("v1={BASE64}")], BODY), Verdict::Known);
        assert_eq!(hmac(false, "b", &[&format!("v1={HEX}")], BODY), Verdict::Forged);
        assert_eq!(hmac(false, "a", &[&format!("v1={HEX}")], b"another body"), Verdict::Forged);
        for wrong in ["", "v1=", "v1=5bdc", "v1=zz", HEX, "v1=5", "v1=\u{e4}"] {
            assert_eq!(hmac(false, "a", &[wrong], BODY), Verdict::Forged, "{wrong}");
            assert_eq!(hmac(true, "a", &[wrong], BODY), Verdict::Forged, "{wrong}");
        }
        assert_eq!(hmac(false, "a", &[&format!("v1={HEX}"), &format!("v1={HEX}")], BODY), Verdict::Forged, "twice is ambiguous");
        assert_eq!(hmac(false, "a", &[], BODY), Verdict::Forged);
    }

    #[test]
    fn b31_a_header_carries_the_secret_once() {
        let place = HookSecret::Header("x-sign".to_owned());
        assert_eq!(check(&Keys, "a", &place, &headers(&["good"]), b""), Verdict::Known);
        assert_eq!(check(&Keys, "a", &place, &headers(&["good", "good"]), b""), Verdict::Forged);
        assert_eq!(check(&Keys, "a", &place, &headers(&["forged"]), b""), Verdict::Forged);
        assert_eq!(check(&Keys, "b", &place, &headers(&["good"]), b""), Verdict::Forged, "a secret is good for one connection");
        assert_eq!(check(&Keys, "a", &place, &headers(&[]), b""), Verdict::Forged);
    }

    #[test]
    fn b31_a_query_carries_the_secret_once() {
        let asked = |connection, query: &str| {
            let head = http::Request::post(format!("/hooks/a/r{query}")).body(()).unwrap().into_parts().0;
            check(&Keys, connection, &HookSecret::Query("key".to_owned()), &head, b"")
        };
        for good in ["?key=good", "?other=1&key=good", "?key=g%6Fod"] {
            assert_eq!(asked("a", good), Verdict::Known, "{good}");
        }
        for bad in
            ["", "?", "?key", "?key=", "?key=forged", "?key=good&key=good", "?key=good&key=forged", "?Key=good", "?xkey=good", "?key=%ff"]
        {
            assert_eq!(asked("a", bad), Verdict::Forged, "{bad}");
        }
        assert_eq!(asked("b", "?key=good"), Verdict::Forged, "a secret is good for one connection");
    }
}
