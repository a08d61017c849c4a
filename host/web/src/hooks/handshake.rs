//! Proofs that a hook URL is ours: the answer repeats what the request carries.
//!
//! What is repeated is a stranger's text on our origin. It is answered as `text/plain` or inside a JSON string, with
//! `nosniff`, only without control characters and only up to a length.

use calport_model::descriptor::HookHandshake;
use percent_encoding::percent_decode_str;
use serde_json::Value;

/// Bytes of a text that is repeated: proofs in use are under 300.
const LONGEST: usize = 1024;

/// The query parameter by which `calport check` asks, through the public URL, whether a hook URL leads to this receiver.
pub const PROBE_PARAMETER: &str = "calport-probe";

/// The body that answers [`PROBE_PARAMETER`] with this value, or `None` for a value that is not answered: one to 64 ASCII
/// letters and digits are.
pub fn probe_answer(nonce: &str) -> Option<String> {
    let fits = (1..=64).contains(&nonce.len()) && nonce.bytes().all(|b| b.is_ascii_alphanumeric());
    fits.then(|| format!("calport {nonce}"))
}

/// What a look for a handshake found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// No handshake is asked for.
    None,
    /// Answer 200 with this media type and body.
    Answer(&'static str, String),
    /// It asks for one that must not be answered, and why.
    Refused(&'static str),
}

/// Looks for a handshake, or a probe, in the query.
pub(super) fn in_query(handshake: Option<&HookHandshake>, query: &str) -> Proof {
    if let Some(HookHandshake::EchoQuery(name)) = handshake {
        match one_parameter(query, name) {
            Ok(None) => {}
            Ok(Some(text)) => return checked(text).map_or_else(Proof::Refused, |text| Proof::Answer("text/plain; charset=utf-8", text)),
            Err(why) => return Proof::Refused(why),
        }
    }
    match one_parameter(query, PROBE_PARAMETER) {
        Ok(None) => Proof::None,
        Ok(Some(nonce)) => probe_answer(&nonce).map_or(Proof::Refused("the probe is no short text of letters and digits"), |text| {
            Proof::Answer("text/plain; charset=utf-8", text)
        }),
        Err(why) => Proof::Refused(why),
    }
}

/// Looks for a handshake in the body.
pub(super) fn in_body(handshake: Option<&HookHandshake>, body: &[u8]) -> Proof {
    let Some(HookHandshake::EchoJson(name)) = handshake else { return Proof::None };
    // A body of notifications may be large; one of a handshake never is.
    if body.len() > 8 * LONGEST {
        return Proof::None;
    }
    let Ok(Value::Object(mut members)) = serde_json::from_slice::<Value>(body) else { return Proof::None };
    match members.remove(name) {
        None => Proof::None,
        Some(Value::String(text)) => checked(text)
            .map_or_else(Proof::Refused, |text| Proof::Answer("application/json", serde_json::json!({ name.as_str(): text }).to_string())),
        Some(_) => Proof::Refused("the text to repeat is no string"),
    }
}

fn checked(text: String) -> Result<String, &'static str> {
    if text.len() > LONGEST {
        return Err("the text to repeat is longer than 1,024 bytes");
    }
    if text.chars().any(char::is_control) {
        return Err("the text to repeat holds control characters");
    }
    Ok(text)
}

/// The decoded value of a parameter that stands in the query once.
pub(super) fn one_parameter(query: &str, name: &str) -> Result<Option<String>, &'static str> {
    let mut found = None;
    for pair in query.split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        // A name that cannot be decoded is somebody else's parameter.
        if decoded(key).is_ok_and(|key| key == name) && found.replace(decoded(value)?).is_some() {
            return Err("the parameter to repeat is there twice");
        }
    }
    Ok(found)
}

/// Decodes as forms are encoded: `+` is a blank. A `%` without two digits and what is no UTF-8 are refused.
fn decoded(text: &str) -> Result<String, &'static str> {
    let text = text.replace('+', " ");
    let whole = text.split('%').skip(1).all(|rest| rest.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2);
    if !whole {
        return Err("the percent-encoding of the query is broken");
    }
    percent_decode_str(&text).decode_utf8().map(Into::into).map_err(|_| "the query is no UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(query: &str) -> Proof {
        in_query(Some(&HookHandshake::EchoQuery("proof".to_owned())), query)
    }

    fn body(body: &str) -> Proof {
        in_body(Some(&HookHandshake::EchoJson("challenge".to_owned())), body.as_bytes())
    }

    fn plain(text: &str) -> Proof {
        Proof::Answer("text/plain; charset=utf-8", text.to_owned())
    }

    #[test]
    fn b31_the_decoded_parameter_is_repeated() {
        assert_eq!(query("a=1&proof=Is%3a+there+%26+100%25"), plain("Is: there & 100%"));
        assert_eq!(query("pr%6fof=x"), plain("x"));
        assert_eq!(query("proof=%C3%A4"), plain("ä"));
        assert_eq!(query("proof"), plain(""));
        assert_eq!(query("proofs=x&prof=y"), Proof::None);
        assert_eq!(query(""), Proof::None);
        assert_eq!(in_query(None, "proof=x"), Proof::None);
    }

    #[test]
    fn b31_what_must_not_be_repeated_is_refused() {
        for hostile in ["proof=a%0d%0aSet-Cookie:x", "proof=%00", "proof=%C2%85", "proof=%ff", "proof=%4", "proof=%zz", "proof=a&proof=b"] {
            assert!(matches!(query(hostile), Proof::Refused(_)), "{hostile}");
        }
        assert_eq!(query(&format!("proof={}", "x".repeat(1024))), plain(&"x".repeat(1024)));
        assert!(matches!(query(&format!("proof={}", "x".repeat(1025))), Proof::Refused(_)));
        assert_eq!(query("%zz=1&proof=x"), plain("x"), "another parameter's fault is not ours");
    }

    #[test]
    fn b31_a_member_is_repeated_as_json() {
        assert_eq!(body(r#"{"challenge":"a\"b","type":"x"}"#), Proof::Answer("application/json", r#"{"challenge":"a\"b"}"#.to_owned()));
        assert_eq!(body(r#"{"value":[]}"#), Proof::None);
        assert_eq!(body("not json"), Proof::None);
        assert_eq!(body(&"[".repeat(5000)), Proof::None);
        assert!(matches!(body(r#"{"challenge":7}"#), Proof::Refused(_)));
        assert!(matches!(body(r#"{"challenge":"a\u0000"}"#), Proof::Refused(_)));
    }

    #[test]
    fn a_probe_is_answered_only_when_harmless() {
        assert_eq!(in_query(None, "calport-probe=abc123"), plain("calport abc123"));
        assert!(matches!(in_query(None, "calport-probe=%3Cscript%3E"), Proof::Refused(_)));
        assert!(matches!(in_query(None, "calport-probe="), Proof::Refused(_)));
    }

    proptest::proptest! {
        #[test]
        fn b31_any_query_has_an_answer_without_control_characters(text in ".*") {
            if let Proof::Answer(_, body) = query(&text) {
                proptest::prop_assert!(body.len() <= LONGEST && !body.chars().any(char::is_control));
            }
        }
    }
}
