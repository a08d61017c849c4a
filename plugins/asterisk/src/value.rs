//! A presence value as Asterisk's three parts, and back.
//!
//! The way back finds what was written: where a state stands for several availabilities, the subtype begins with the
//! availability's name (`busy`, `do-not-disturb/meeting`). Otherwise the subtype is the activity. Values of others are read
//! by the state's own meaning; `dnd` with a subtype is busy, without one it is do not disturb.
//!
//! A value has no end at Asterisk. Somebody who sets one by hand can name its end at the end of the subtype, as `until=` and
//! seconds since 1970, alone or after the activity and a semicolon (`lunch;until=1796000000`): one write, so that value and
//! end cannot come apart. Calport never writes it itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::bindings::exports::calport::connector::presence::{Availability, PresenceValue};
use crate::settings::{State, States};

/// Bytes of a text that Asterisk keeps of the Base64 form; the rest is dropped without a word, also inside a character.
pub const TEXT_LIMIT: usize = 255;

/// Activities of a whole day or more.
const LONG: [&str; 4] = ["vacation", "holiday", "travel", "permanent-absence"];

/// The three parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// The state.
    pub state: State,
    /// The subtype, or empty.
    pub subtype: String,
    /// The message, or empty.
    pub message: String,
}

impl Parts {
    /// What is written for `not_set`.
    pub fn clear() -> Self {
        Self { state: State::NotSet, subtype: String::new(), message: String::new() }
    }

    /// What is written for a value. Without availability nothing is shown.
    pub fn of(value: &PresenceValue, states: &States) -> Self {
        let activity = ended(&clean(&value.activity)).0.to_owned();
        let state = match value.availability {
            Availability::Unknown => return Self::clear(),
            Availability::Available => states.available,
            Availability::Busy => states.busy,
            Availability::Away if LONG.contains(&activity.as_str()) => states.vacation,
            Availability::Away => states.away,
            Availability::DoNotDisturb => states.do_not_disturb,
        };
        let plain = read(state, &activity) == Some((value.availability, activity.clone()));
        let subtype = match (plain, marker(value.availability), activity.is_empty()) {
            (true, ..) => activity,
            (false, name, true) => name.to_owned(),
            (false, name, false) => format!("{name}/{activity}"),
        };
        Self { state, subtype: cut(&subtype), message: cut(&clean(&value.text)) }
    }

    /// The argument of the write: always Base64, because a comma would start the options, and `not_set` alone to clear.
    pub fn argument(&self) -> String {
        let state = self.state.name();
        if self.state == State::NotSet {
            return state.to_owned();
        }
        format!("{state},{},{},e", STANDARD.encode(&self.subtype), STANDARD.encode(&self.message))
    }

    /// The value that these parts show; `None` for `not_set`. The raw parts come along as extra values.
    pub fn value(&self) -> Option<PresenceValue> {
        let (subtype, until) = ended(&self.subtype);
        let (availability, activity) = read(self.state, subtype)?;
        Some(PresenceValue {
            availability,
            activity,
            text: self.message.clone(),
            until,
            greeting: None,
            forwarding: None,
            extra: vec![("state".to_owned(), self.state.name().to_owned()), ("subtype".to_owned(), self.subtype.clone())],
        })
    }
}

/// Takes the end from a subtype, in milliseconds since 1970.
fn ended(subtype: &str) -> (&str, Option<i64>) {
    let (before, last) = subtype.rsplit_once(';').unwrap_or(("", subtype));
    let seconds = last.trim().strip_prefix("until=").filter(|s| s.bytes().all(|b| b.is_ascii_digit())).and_then(|s| s.parse::<i64>().ok());
    match seconds.and_then(|s| s.checked_mul(1000)) {
        Some(millis) => (before.trim_end(), Some(millis)),
        None => (subtype, None),
    }
}

fn read(state: State, subtype: &str) -> Option<(Availability, String)> {
    let own = match state {
        State::NotSet => return None,
        State::Available | State::Chat => Availability::Available,
        State::Away | State::Xa | State::Unavailable => Availability::Away,
        State::Dnd if subtype.is_empty() => Availability::DoNotDisturb,
        State::Dnd => Availability::Busy,
    };
    let (name, activity) = subtype.split_once('/').unwrap_or((subtype, ""));
    let marked = [Availability::Available, Availability::Busy, Availability::Away, Availability::DoNotDisturb];
    match marked.into_iter().find(|a| marker(*a) == name) {
        Some(availability) => Some((availability, activity.to_owned())),
        None => Some((own, subtype.to_owned())),
    }
}

fn marker(availability: Availability) -> &'static str {
    match availability {
        Availability::Available => "available",
        Availability::Busy => "busy",
        Availability::Away => "away",
        Availability::DoNotDisturb => "do-not-disturb",
        Availability::Unknown => "",
    }
}

/// Control characters become spaces: a line break would forge a line of somebody's answer, a zero byte ends the text.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

/// At most [`TEXT_LIMIT`] bytes, cut on a character boundary.
fn cut(text: &str) -> String {
    let end = text.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= TEXT_LIMIT).last();
    text.get(..end.unwrap_or(0)).unwrap_or_default().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(availability: Availability, activity: &str, text: &str) -> PresenceValue {
        PresenceValue {
            availability,
            activity: activity.to_owned(),
            text: text.to_owned(),
            until: None,
            greeting: None,
            forwarding: None,
            extra: Vec::new(),
        }
    }

    fn parts(availability: Availability, activity: &str, text: &str) -> Parts {
        Parts::of(&value(availability, activity, text), &States::default())
    }

    #[test]
    fn trap_04_values_travel_in_base64_whatever_they_hold() {
        let it = parts(Availability::Busy, "meeting", "Call, room 7 – grüße");
        assert_eq!(it.argument(), format!("dnd,bWVldGluZw==,{},e", STANDARD.encode("Call, room 7 – grüße")));
        assert_eq!(parts(Availability::Available, "", "").argument(), "available,,,e");
    }

    #[test]
    fn trap_05_texts_are_cut_to_255_bytes_on_a_character_boundary() {
        for (text, kept) in
            [("ü".repeat(200), 254), ("a".to_owned() + &"ü".repeat(200), 255), ("x".repeat(255), 255), ("😀".repeat(64), 252)]
        {
            let it = parts(Availability::Busy, "meeting", &text);
            assert_eq!(it.message.len(), kept);
            assert!(text.starts_with(&it.message));
        }
    }

    #[test]
    fn trap_07_clear_is_not_set_and_unknown_shows_nothing() {
        assert_eq!(Parts::clear().argument(), "not_set");
        assert_eq!(parts(Availability::Unknown, "x", "y"), Parts::clear());
        assert_eq!(Parts::clear().value(), None);
    }

    #[test]
    fn what_was_written_is_read_back_as_such() {
        let states = [
            States::default(),
            States { available: State::Away, busy: State::Away, away: State::Away, vacation: State::Away, do_not_disturb: State::Away },
            States { busy: State::Chat, do_not_disturb: State::Unavailable, ..States::default() },
        ];
        let all = [Availability::Available, Availability::Busy, Availability::Away, Availability::DoNotDisturb];
        for states in states {
            for availability in all {
                for activity in ["", "meeting", "vacation", "busy", "busy/x", "away", "do-not-disturb/", "available"] {
                    let wanted = value(availability, activity, "T");
                    let got = Parts::of(&wanted, &states).value().unwrap();
                    assert_eq!((got.availability, got.activity.as_str(), got.text.as_str()), (availability, activity, "T"), "{states:?}");
                }
            }
        }
    }

    #[test]
    fn values_set_by_hand_are_read_by_the_meaning_of_the_state() {
        let by_hand = |state, subtype: &str| {
            let it = Parts { state, subtype: subtype.to_owned(), message: String::new() };
            it.value().map(|v| (v.availability, v.activity))
        };
        assert_eq!(by_hand(State::Dnd, ""), Some((Availability::DoNotDisturb, String::new())));
        assert_eq!(by_hand(State::Dnd, "meeting"), Some((Availability::Busy, "meeting".to_owned())));
        assert_eq!(by_hand(State::Chat, ""), Some((Availability::Available, String::new())));
        assert_eq!(by_hand(State::Xa, "vacation"), Some((Availability::Away, "vacation".to_owned())));
        assert_eq!(by_hand(State::NotSet, ""), None);
    }

    #[test]
    fn rule_p22_a_value_set_by_hand_can_name_its_end_in_the_subtype() {
        let by_hand = |subtype: &str| {
            let value = Parts { state: State::Dnd, subtype: subtype.to_owned(), message: "Lunch".to_owned() }.value().unwrap();
            (value.availability, value.activity, value.until)
        };
        let lunch = || "lunch".to_owned();
        let cases = [
            ("until=1796000000", (Availability::DoNotDisturb, String::new(), Some(1_796_000_000_000))),
            ("lunch;until=1796000000", (Availability::Busy, lunch(), Some(1_796_000_000_000))),
            ("away/lunch ; until=0", (Availability::Away, lunch(), Some(0))),
            ("until=", (Availability::Busy, "until=".to_owned(), None)),
            ("until=-5", (Availability::Busy, "until=-5".to_owned(), None)),
            ("until=99999999999999999999", (Availability::Busy, "until=99999999999999999999".to_owned(), None)),
            ("lunch;until=noon", (Availability::Busy, "lunch;until=noon".to_owned(), None)),
        ];
        for (subtype, expected) in cases {
            assert_eq!(by_hand(subtype), expected, "{subtype}");
        }
        assert_eq!(parts(Availability::Busy, "meeting;until=1796000000", "").subtype, "meeting", "Calport writes no end itself");
    }

    #[test]
    fn control_characters_cannot_forge_a_line() {
        assert_eq!(parts(Availability::Busy, "a\r\nb", "x\r\nResponse: y\0z").message, "x  Response: y z");
    }
}
