//! A tolerant reader of `WWW-Authenticate`: works on bytes, takes several challenges in one header or in several, any case,
//! blanks around `=`, values with and without quotes. What it cannot read it skips; it never fails.

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;

/// One challenge: the scheme in lower case, and its parameters with lower-case names or its single token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Challenge {
    pub(super) scheme: String,
    /// What schemes without parameters carry: base64 as it came.
    pub(super) token: Option<Vec<u8>>,
    parameters: Vec<(String, Vec<u8>)>,
}

impl Challenge {
    /// A parameter's value, unquoted and unescaped.
    pub(super) fn get(&self, name: &str) -> Option<&[u8]> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_slice())
    }

    /// Replaces a parameter's value.
    pub(super) fn set(&mut self, name: &str, value: Vec<u8>) {
        if let Some(slot) = self.parameters.iter_mut().find(|(key, _)| key == name) {
            slot.1 = value;
        }
    }

    /// A parameter as lower-case text; values that are not ASCII do not count.
    pub(super) fn word(&self, name: &str) -> Option<String> {
        let value = self.get(name)?;
        value.is_ascii().then(|| String::from_utf8_lossy(value).to_ascii_lowercase())
    }
}

/// All challenges of an answer, in order. Bounded by the size of the headers, which the HTTP client bounds.
pub(super) fn challenges(headers: &HeaderMap) -> Vec<Challenge> {
    headers.get_all(WWW_AUTHENTICATE).iter().flat_map(|value| parse(value.as_bytes())).collect()
}

/// Schemes whose challenge is a token and never a parameter.
const TOKEN_SCHEMES: [&str; 2] = ["ntlm", "negotiate"];

pub(super) fn parse(text: &[u8]) -> Vec<Challenge> {
    let mut reader = Reader { rest: text };
    let mut found: Vec<Challenge> = Vec::new();
    loop {
        reader.skip(|byte| is_blank(byte) || byte == b',');
        let word = reader.token();
        if word.is_empty() {
            match reader.rest.split_first() {
                Some((_, rest)) => reader.rest = rest,
                None => return found,
            }
            continue;
        }
        let before = reader.rest;
        reader.skip(is_blank);
        match (reader.take(b'='), found.last_mut()) {
            (true, Some(challenge)) => {
                reader.skip(is_blank);
                challenge.parameters.push((word, reader.value()));
            }
            (true, None) => {
                reader.skip(is_blank);
                reader.value();
            }
            (false, _) => {
                reader.rest = before;
                let token = if TOKEN_SCHEMES.contains(&word.as_str()) { reader.token68() } else { None };
                found.push(Challenge { scheme: word, token, parameters: Vec::new() });
            }
        }
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

struct Reader<'t> {
    rest: &'t [u8],
}

impl<'t> Reader<'t> {
    fn skip(&mut self, what: impl Fn(u8) -> bool) -> &'t [u8] {
        let end = self.rest.iter().position(|byte| !what(*byte)).unwrap_or(self.rest.len());
        let (skipped, rest) = self.rest.split_at(end);
        self.rest = rest;
        skipped
    }

    fn take(&mut self, wanted: u8) -> bool {
        match self.rest.split_first() {
            Some((first, rest)) if *first == wanted => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn token(&mut self) -> String {
        let bytes = self.skip(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
        String::from_utf8_lossy(bytes).to_ascii_lowercase()
    }

    /// Base64 after a blank, up to a comma or the end.
    fn token68(&mut self) -> Option<Vec<u8>> {
        if self.skip(is_blank).is_empty() {
            return None;
        }
        let token = self.skip(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte));
        (!token.is_empty()).then(|| token.to_vec())
    }

    fn value(&mut self) -> Vec<u8> {
        if !self.take(b'"') {
            return self.skip(|byte| !is_blank(byte) && byte != b',').to_vec();
        }
        let mut value = Vec::new();
        while let Some((first, rest)) = self.rest.split_first() {
            self.rest = rest;
            match first {
                b'"' => break,
                b'\\' => {
                    if let Some((escaped, after)) = rest.split_first() {
                        value.push(*escaped);
                        self.rest = after;
                    }
                }
                other => value.push(*other),
            }
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Shape = Vec<(String, Vec<(String, String)>)>;

    fn shape(text: &str) -> Shape {
        let text_of = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let pairs = |c: &Challenge| c.parameters.iter().map(|(k, v)| (k.clone(), text_of(v))).collect();
        parse(text.as_bytes()).iter().map(|c| (c.scheme.clone(), pairs(c))).collect()
    }

    #[test]
    fn challenges_of_every_dialect_are_told_apart() {
        let p = |k: &str, v: &str| (k.to_owned(), v.to_owned());
        let table: [(&str, Shape); 8] = [
            ("Negotiate", vec![("negotiate".into(), vec![])]),
            (
                "Basic realm=\"a, b\", Digest realm=\"x\", nonce=abc",
                vec![("basic".into(), vec![p("realm", "a, b")]), ("digest".into(), vec![p("realm", "x"), p("nonce", "abc")])],
            ),
            (
                "digest realm = \"a\" , Algorithm=md5,QOP=\"auth,auth-int\"",
                vec![("digest".into(), vec![p("realm", "a"), p("algorithm", "md5"), p("qop", "auth,auth-int")])],
            ),
            ("Digest realm=\"日本\"", vec![("digest".into(), vec![p("realm", "日本")])]),
            ("Digest realm=\"a\\\"b\\\\c\"", vec![("digest".into(), vec![p("realm", "a\"b\\c")])]),
            ("Digest nonce=\"abc==\", opaque=\"unfinished", vec![("digest".into(), vec![p("nonce", "abc=="), p("opaque", "unfinished")])]),
            (",,; =x, Digest a=1", vec![("x".into(), vec![]), ("digest".into(), vec![p("a", "1")])]),
            ("", vec![]),
        ];
        for (text, expected) in table {
            assert_eq!(shape(text), expected, "{text}");
        }
    }

    #[test]
    fn b47_several_challenges_in_one_answer_keep_their_tokens() {
        let found = parse(b"Negotiate YII=, ntlm TlRMTVNTUAAC==,Basic realm=\"x\", NTLM");
        let table: Vec<_> =
            found.iter().map(|c| (c.scheme.as_str(), c.token.as_deref().map(|t| std::str::from_utf8(t).unwrap()))).collect();
        assert_eq!(table, [("negotiate", Some("YII=")), ("ntlm", Some("TlRMTVNTUAAC==")), ("basic", None), ("ntlm", None)]);
    }

    proptest! {
        #[test]
        fn feat_x02_no_header_can_stop_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            parse(&bytes);
        }

        #[test]
        fn a_quoted_value_survives(value in "[^\r\n]{0,40}") {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            let found = parse(format!("Digest realm=\"{quoted}\", nonce=\"n\"").as_bytes());
            prop_assert_eq!(found[0].get("realm").unwrap(), value.as_bytes());
            prop_assert_eq!(found[0].get("nonce").unwrap(), b"n");
        }
    }
}
