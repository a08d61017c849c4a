//! What a PBX makes of a written presence value: parsing, Base64, length, escaping.
//!
//! Everything awkward here was seen on a running Asterisk 22 or read in its source: a comma in the message starts the options, Base64
//! is decoded without complaint into at most 255 bytes (also in the middle of a character), and text in events is escaped as in C.

/// The states a PBX accepts, by the names it writes. `busy` is not one of them.
pub const STATES: [&str; 7] = ["not_set", "unavailable", "available", "away", "xa", "chat", "dnd"];

/// Bytes the Base64 form keeps when it is written.
const LIVE_LIMIT: usize = 255;
/// Bytes of a stored value that are read back after a restart.
const STORED_LIMIT: usize = 1300;

/// A presence as the PBX holds it. Texts are bytes: nothing promises UTF-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    /// One of [`STATES`].
    pub state: &'static str,
    /// The subtype, or empty.
    pub subtype: Vec<u8>,
    /// The message, or empty.
    pub message: Vec<u8>,
}

impl Presence {
    /// Nothing set.
    #[must_use]
    pub fn not_set() -> Self {
        Self { state: "not_set", subtype: Vec::new(), message: Vec::new() }
    }
}

/// The PBX's own spelling of a state, which it reads without regard to case.
#[must_use]
pub fn state_name(text: &[u8]) -> Option<&'static str> {
    STATES.into_iter().find(|s| s.as_bytes().eq_ignore_ascii_case(text))
}

/// Reads `state,subtype,message[,options]` as it is written. `None`: refused, nothing changes.
#[must_use]
pub fn parse_written(value: &[u8]) -> Option<Presence> {
    parse(value, LIVE_LIMIT)
}

/// Reads a stored value as it is read after a restart, through a shorter buffer for the whole and a longer one for its parts.
#[must_use]
pub fn parse_stored(value: &[u8]) -> Option<Presence> {
    parse(value.get(..STORED_LIMIT).unwrap_or(value), STORED_LIMIT)
}

fn parse(value: &[u8], limit: usize) -> Option<Presence> {
    let mut parts = value.split(|b| *b == b',');
    let state = state_name(parts.next()?)?;
    let subtype = parts.next().unwrap_or_default();
    let message = parts.next().unwrap_or_default();
    let options = parts.next().unwrap_or_default();
    if options.is_empty() {
        return Some(Presence { state, subtype: subtype.to_vec(), message: message.to_vec() });
    }
    options.contains(&b'e').then(|| Presence { state, subtype: decode(subtype, limit), message: decode(message, limit) })
}

/// Base64 without any check: foreign characters count as zero bits, `=` ends it, and a zero byte ends the text.
fn decode(text: &[u8], limit: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in text.iter().take_while(|b| **b != b'=') {
        if out.len() >= limit {
            break;
        }
        bits = (bits << 6) | sextet(*byte);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push(u8::try_from((bits >> held) & 0xff).unwrap_or_default());
        }
    }
    out.into_iter().take_while(|b| *b != 0).collect()
}

fn sextet(byte: u8) -> u32 {
    match byte {
        b'A'..=b'Z' => u32::from(byte - b'A'),
        b'a'..=b'z' => u32::from(byte - b'a') + 26,
        b'0'..=b'9' => u32::from(byte - b'0') + 52,
        b'+' => 62,
        b'/' => 63,
        _ => 0,
    }
}

/// Escapes as events and lists do: quotes, question marks, backslashes and control characters get a backslash.
#[must_use]
pub fn escape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        let mapped = match byte {
            0x07 => b'a',
            0x08 => b'b',
            0x0c => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x0b => b'v',
            b'\\' | b'\'' | b'"' | b'?' => *byte,
            _ => {
                out.push(*byte);
                continue;
            }
        };
        out.extend([b'\\', mapped]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: &str) -> Option<(&'static str, String, String)> {
        let p = parse_written(value.as_bytes())?;
        Some((p.state, String::from_utf8_lossy(&p.subtype).into(), String::from_utf8_lossy(&p.message).into()))
    }

    #[test]
    fn trap_03_and_06_only_the_seven_states_are_accepted() {
        for state in STATES {
            assert!(parse_written(format!("{state},,x").as_bytes()).is_some(), "{state}");
        }
        assert!(parse_written(b"DND").is_some());
        assert_eq!(written("busy,,x"), None);
        assert_eq!(written("bogus,,x"), None);
        assert_eq!(written(""), None);
    }

    #[test]
    fn trap_04_a_comma_in_the_message_starts_the_options() {
        assert_eq!(written("dnd,,Call, room 7"), None);
        // `back Monday` holds no e; `be back` does, and turns the rest into garbage.
        let garbage = parse_written(b"away,vacation,Holiday, be back").unwrap();
        assert_eq!(garbage.subtype, [0xbd, 0xa7, 0x1a, 0xb6, 0x2a, 0x27]);
        assert_ne!(garbage.message, b"Holiday");
        let good = written("away,bWVldGluZw==,U3luYywgYmlzIDE1OjMwIOKAkyBncsO8w59l,e").unwrap();
        assert_eq!(good, ("away", "meeting".into(), "Sync, bis 15:30 – grüße".into()));
    }

    #[test]
    fn trap_05_base64_is_cut_at_255_bytes_even_inside_a_character() {
        use base64::Engine as _;
        let text = base64::engine::general_purpose::STANDARD.encode("ü".repeat(200));
        let live = parse_written(format!("dnd,,{text},e").as_bytes()).unwrap();
        assert_eq!(live.message.len(), 255);
        assert!(String::from_utf8(live.message).is_err());
        assert_eq!(parse_stored(format!("dnd,,{text},e").as_bytes()).unwrap().message.len(), 400);
    }

    #[test]
    fn trap_05_the_plain_form_is_whole_until_a_restart() {
        let value = format!("dnd,,{}", "x".repeat(2000));
        assert_eq!(parse_written(value.as_bytes()).unwrap().message.len(), 2000);
        assert_eq!(parse_stored(value.as_bytes()).unwrap().message.len(), 1295);
    }

    #[test]
    fn trap_12_texts_in_lists_and_events_are_escaped_as_in_c() {
        assert_eq!(escape(b"it's \"a\\b\"?\n"), br#"it\'s \"a\\b\"\?\n"#);
        assert_eq!(escape("grüße".as_bytes()), "grüße".as_bytes());
    }
}
