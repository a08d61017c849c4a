//! Finds the secrets of a JSON body by a pointer with `*`, and keeps nothing else of it.
//!
//! The body is walked, not read into a tree: a few megabytes of `{"a":0},` would become some hundred times as much memory.
//! What the pointer does not name is skipped without recursion, so its depth costs nothing.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Where a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Every place that the pointer names holds a good text, and there is at least one.
    Good,
    /// A place is missing, holds no text, or holds a text that is not good.
    Bad,
    /// The body is no JSON.
    NotJson,
}

/// Whether every text at the pointer is `good`, and at least one is there.
///
/// The pointer is RFC 6901, and in it `*` stands for every element of an array. An element without the text is bad, so that
/// a forged one cannot ride along with good ones; and so is each of a member that is there twice.
pub(super) fn all(body: &[u8], pointer: &str, good: &dyn Fn(&str) -> bool) -> Found {
    let Some(steps) = steps(pointer) else { return Found::Bad };
    let mut reader = serde_json::Deserializer::from_slice(body);
    let walk = Walk { steps: &steps, good };
    match walk.deserialize(&mut reader).and_then(|found| reader.end().map(|()| found)) {
        Ok(true) => Found::Good,
        Ok(false) => Found::Bad,
        Err(error) if error.is_data() => Found::Bad,
        Err(_) => Found::NotJson,
    }
}

enum Step {
    Every,
    Member(String),
}

fn steps(pointer: &str) -> Option<Vec<Step>> {
    if pointer.is_empty() {
        return Some(Vec::new());
    }
    let named = |step: &str| match step {
        "*" => Step::Every,
        _ => Step::Member(step.replace("~1", "/").replace("~0", "~")),
    };
    Some(pointer.strip_prefix('/')?.split('/').map(named).collect())
}

/// One place of the body; yields whether a good text was found below it. A bad one ends the walk with a data error.
struct Walk<'a> {
    steps: &'a [Step],
    good: &'a dyn Fn(&str) -> bool,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<bool, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the place of the secret")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<bool, E> {
        if self.steps.is_empty() && (self.good)(text) { Ok(true) } else { Err(E::custom("not good")) }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let Some((Step::Member(name), rest)) = self.steps.split_first() else { return Err(A::Error::custom("not good")) };
        let mut found = false;
        while let Some(this) = map.next_key_seed(Is(name))? {
            if this {
                if !map.next_value_seed(Walk { steps: rest, good: self.good })? {
                    return Err(A::Error::custom("not good"));
                }
                found = true;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<bool, A::Error> {
        let Some((step, rest)) = self.steps.split_first() else { return Err(A::Error::custom("not good")) };
        let wanted = match step {
            Step::Every => None,
            Step::Member(name) => Some(name.parse::<usize>().map_err(|_| A::Error::custom("not good"))?),
        };
        let (mut found, mut place) = (false, 0_usize);
        loop {
            let one = if wanted.is_none_or(|wanted| wanted == place) {
                seq.next_element_seed(Walk { steps: rest, good: self.good })?
            } else {
                seq.next_element::<IgnoredAny>()?.map(|_| true)
            };
            match one {
                None => return Ok(found),
                Some(false) => return Err(A::Error::custom("not good")),
                Some(true) => found |= wanted.is_none_or(|wanted| wanted == place),
            }
            place += 1;
        }
    }
}

/// Whether a key is this one.
struct Is<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Is<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<bool, D::Error> {
        reader.deserialize_str(self)
    }
}

impl Visitor<'_> for Is<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<bool, E> {
        Ok(text == self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pointer: &str, body: &str) -> Found {
        all(body.as_bytes(), pointer, &|text| text == "good")
    }

    #[test]
    fn b31_every_element_must_carry_a_known_secret() {
        let pointer = "/value/*/state";
        assert_eq!(check(pointer, r#"{"value":[{"state":"good"},{"x":[1],"state":"good"}],"more":{}}"#), Found::Good);
        assert_eq!(check(pointer, r#"{"value":[{"state":"good"},{"state":"forged"}]}"#), Found::Bad);
        assert_eq!(check(pointer, r#"{"value":[{"state":"good"},{"other":"good"}]}"#), Found::Bad, "one without a secret rides along");
        assert_eq!(check(pointer, r#"{"value":[{"state":"forged","state":"good"}]}"#), Found::Bad, "the last of two is not the only one");
        assert_eq!(check(pointer, r#"{"value":[{"state":"good"}],"value":[{"state":"forged"}]}"#), Found::Bad);
        assert_eq!(check(pointer, r#"{"value":[]}"#), Found::Bad, "nothing found is not good");
    }

    #[test]
    fn b31_a_pointer_that_misses_is_bad() {
        for body in [r#"{}"#, r#"[]"#, r#""good""#, "7", "null", r#"{"value":{"state":"good"}}"#, r#"{"value":[{"state":["good"]}]}"#] {
            assert_eq!(check("/value/*/state", body), Found::Bad, "{body}");
        }
        for wrong in [r#"{"value":[{"state":null}]}"#, r#"{"value":[{"state":1}]}"#, r#"{"value":[{"state":true}]}"#, r#"{"value":[1.5]}"#]
        {
            assert_eq!(check("/value/*/state", wrong), Found::Bad, "{wrong}");
        }
        assert_eq!(check("value", r#"{"value":"good"}"#), Found::Bad, "no pointer");
    }

    #[test]
    fn b31_pointers_are_those_of_the_standard() {
        assert_eq!(check("", r#""good""#), Found::Good);
        assert_eq!(check("/a~1b/~01", r#"{"a/b":{"~1":"good"}}"#), Found::Good);
        assert_eq!(check("/1/k", r#"[{"k":"forged"},{"k":"good"},{"k":"forged"}]"#), Found::Good);
        assert_eq!(check("/k", r#"{"\u006b":"g\u006fod"}"#), Found::Good, "escapes are read");
        assert_eq!(check("/x", r#"[{"k":"good"}]"#), Found::Bad);
    }

    #[test]
    fn b31_broken_and_deep_json_ends_without_harm() {
        for broken in ["", "{", r#"{"value":"#, "\u{1}", r#"{"k":"good"} trailing"#, "<html>"] {
            assert_eq!(check("/k", broken), Found::NotJson, "{broken}");
        }
        let deep = "[".repeat(1 << 20);
        assert_eq!(check("/k", &format!("{{\"x\":{deep}")), Found::NotJson);
        let closed = format!(r#"{{"x":{}1{},"k":"good"}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(check("/k", &closed), Found::Good, "what is not named is skipped at any depth");
    }

    proptest::proptest! {
        #[test]
        fn b31_no_bytes_are_good_by_chance(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..256)) {
            proptest::prop_assert_ne!(all(&bytes, "/value/*/state", &|_| false), Found::Good);
        }
    }
}
