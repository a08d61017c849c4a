//! The text of the manager interface: answers in blocks of `Name: value` lines.
//!
//! Bytes that are not UTF-8 survive as replacement characters, repeated names are all kept, lines without a colon are
//! left out, and the number of blocks is bounded. Nothing that is sent can start a line of its own: values travel
//! percent-encoded in a form, and control characters are refused before that.

use calport_sdk::common::Error;
use calport_sdk::error;

/// Most blocks in an answer: a hundred thousand users, far beyond any PBX.
const MAX_BLOCKS: usize = 100_000;
/// Most lines in a block.
const MAX_LINES: usize = 200;

/// A block: lines until a blank one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Block {
    lines: Vec<(String, String)>,
    /// Whether a line was left out.
    stray: bool,
}

impl Block {
    /// The first value of this name, in any case; empty when there is none.
    pub fn get(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }

    /// All values of this name, in order. `PresenceState` has two lines `Message`, of which only the first is about the request.
    pub fn all<'b, 'n>(&'b self, name: &'n str) -> impl Iterator<Item = &'b str> + use<'b, 'n> {
        self.lines.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// Whether this is the event of that name.
    pub fn is_event(&self, name: &str) -> bool {
        self.get("Event") == name
    }

    /// Whether the names of its lines are these, in this order, and no line was left out.
    pub fn has_exactly(&self, names: &[&str]) -> bool {
        !self.stray && self.lines.len() == names.len() && self.lines.iter().zip(names).all(|((n, _), wanted)| n == wanted)
    }

    fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

/// Reads an answer's body.
///
/// # Errors
/// `protocol` when it is larger than any PBX's.
pub fn blocks(body: &[u8]) -> Result<Vec<Block>, Error> {
    let text = String::from_utf8_lossy(body);
    let mut all = Vec::new();
    let mut current = Block::default();
    for line in text.split('\n').chain([""]) {
        let line = line.trim_end_matches('\r');
        if line.is_empty() {
            let block = std::mem::take(&mut current);
            if !block.is_empty() {
                all.push(block);
            }
            if all.len() > MAX_BLOCKS {
                return Err(error::protocol(format!("at most {MAX_BLOCKS} blocks"), "more of them"));
            }
        } else if let Some((name, value)) = line.split_once(':')
            && current.lines.len() < MAX_LINES
        {
            current.lines.push((name.trim().to_owned(), value.strip_prefix(' ').unwrap_or(value).to_owned()));
        } else {
            current.stray = true;
        }
    }
    Ok(all)
}

/// Takes the escapes back that lists and events write as in C (`\'`, `\"`, `\?`, `\\`, `\n` and so on).
pub fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match rest.next() {
            Some('a') => out.push('\u{7}'),
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('v') => out.push('\u{b}'),
            Some(other) => out.push(other),
            None => out.push('\\'),
        }
    }
    out
}

/// Whether a name may stand inside a function's parentheses and in a line: no control characters, no `( ) , & |`, 1 to 80 characters.
pub fn safe_name(name: &str) -> bool {
    (1..=80).contains(&name.chars().count()) && !name.chars().any(|c| c.is_control() || "(),&|".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trap_11_of_two_message_lines_the_first_answers_and_both_are_kept() {
        let body =
            b"Response: Success\r\nMessage: Presence State\r\nState: dnd\r\nMessage: Meeting: A\r\nPresenceMessage: Meeting: A\r\n\r\n";
        let blocks = blocks(body).unwrap();
        assert_eq!(blocks.len(), 1);
        assert_eq!(blocks[0].get("message"), "Presence State");
        assert_eq!(blocks[0].all("Message").collect::<Vec<_>>(), ["Presence State", "Meeting: A"]);
        assert_eq!(blocks[0].get("PresenceMessage"), "Meeting: A");
    }

    #[test]
    fn bytes_that_are_not_utf8_and_lines_without_a_colon_hurt_nobody() {
        let blocks =
            blocks(b"\r\n\r\nEvent: X\r\nSubtype: \xbd\xa7\x1a\r\ngarbage\r\nEmpty:\r\nMessage:  two spaces\r\n\r\nEvent: Y\nA: b\n")
                .unwrap();
        assert_eq!(blocks.len(), 2);
        assert_eq!(blocks[0].get("Subtype"), "\u{fffd}\u{fffd}\u{1a}");
        assert_eq!(blocks[0].get("Empty"), "");
        assert_eq!(blocks[0].get("Message"), " two spaces");
        assert!(blocks[1].is_event("Y"));
    }

    #[test]
    fn an_endless_answer_is_refused() {
        assert!(blocks("A: b\r\n\r\n".repeat(MAX_BLOCKS + 2).as_bytes()).is_err());
    }

    #[test]
    fn trap_12_escapes_are_taken_back() {
        assert_eq!(unescape(r#"it\'s \"a\\b\"\? grüße\n"#), "it's \"a\\b\"? grüße\n");
        assert_eq!(unescape("end\\"), "end\\");
    }

    #[test]
    fn names_that_could_leave_their_place_are_not_safe() {
        for bad in ["", "a\r\nAction: Originate", "a)", "a,b", "a&b", "\u{0}", &"x".repeat(81)] {
            assert!(!safe_name(bad), "{bad:?}");
        }
        assert!(safe_name("jürgen.müller-7"));
    }
}
