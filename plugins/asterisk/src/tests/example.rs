//! `docs/examples/asterisk/extensions.conf` against the connector: what the dialplan reads is what Calport writes, and what it
//! writes Calport understands.

use crate::ami::blocks;
use crate::bindings::exports::calport::connector::presence::{Availability, PresenceValue};
use crate::settings::{Settings, State};
use crate::users::Users;
use crate::value::Parts;

const EXAMPLE: &str = include_str!("../../../../docs/examples/asterisk/extensions.conf");
const GUIDE: &str = include_str!("../../../../docs/setup-asterisk.md");

/// The lines that count.
fn lines() -> impl Iterator<Item = &'static str> {
    EXAMPLE.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with(';'))
}

/// What stands behind each `start`, up to the first of `ends`.
fn behind(start: &str, ends: &[char]) -> Vec<&'static str> {
    lines().flat_map(|l| l.split(start).skip(1)).map(|rest| rest.split(ends).next().unwrap()).collect()
}

/// What a feature code writes: the arguments of `calport-by-hand` as the value of `PRESENCE_STATE`, with the variables filled in.
fn by_hand(arguments: &str) -> Option<PresenceValue> {
    let filled = arguments.replace("${END}", "1796000000").replace("${ARG1}", "15:30");
    let mut parts = filled.splitn(3, ',').map(str::to_owned);
    let state = State::parse(&parts.next().unwrap()).expect("a state that Asterisk knows");
    Parts { state, subtype: parts.next().unwrap_or_default(), message: parts.next().unwrap_or_default() }.value()
}

#[test]
fn the_examples_hints_are_users() {
    let settings = Settings::default();
    let hint = |l: &str| {
        let (exten, hint) = l.strip_prefix("exten => ")?.split_once(",hint,")?;
        Some(format!("Event: ExtensionStatus\r\nExten: {exten}\r\nContext: internal\r\nHint: {hint}\r\nStatus: 0\r\n\r\n"))
    };
    let users = Users::of(&blocks(lines().filter_map(hint).collect::<String>().as_bytes()).unwrap(), &settings);
    assert!(users.has("alice") && users.has("bob"));
    assert_eq!((users.len(), users.unusable), (2, 0));
}

#[test]
fn the_examples_families_and_technology_are_the_defaults() {
    let settings = Settings::default();
    let families = behind("DB(", &['/']);
    assert!(
        families.contains(&settings.greeting_family.as_str()) && families.contains(&settings.forwarding_family.as_str()),
        "{families:?}"
    );
    let own = [settings.greeting_family.as_str(), settings.forwarding_family.as_str(), "forward-to"];
    assert!(families.iter().all(|f| own.contains(f)), "{families:?}");
    let technologies = behind("PRESENCE_STATE(", &[':']);
    assert!(technologies.len() > 2 && technologies.iter().all(|t| *t == settings.technology), "{technologies:?}");
    for family in [&settings.greeting_family, &settings.forwarding_family] {
        assert!(GUIDE.contains(&format!("| `{family}` | user |")), "the guide names {family}");
    }
}

#[test]
fn what_the_examples_feature_codes_write_is_what_they_say() {
    let written: Vec<_> = behind("calport-by-hand,s,1(", &[')']).into_iter().map(|a| (a, by_hand(a))).collect();
    let shown = |v: &Option<PresenceValue>| v.as_ref().map(|v| (v.availability, v.activity.clone(), v.text.clone(), v.until));
    let expected = [
        ("dnd", Some((Availability::DoNotDisturb, String::new(), String::new(), None))),
        ("away", Some((Availability::Away, String::new(), String::new(), None))),
        ("not_set", None),
        (
            "away,until=${END},Back at ${ARG1}",
            Some((Availability::Away, String::new(), "Back at 15:30".to_owned(), Some(1_796_000_000_000))),
        ),
    ];
    assert_eq!(written.iter().map(|(a, v)| (*a, shown(v))).collect::<Vec<_>>(), expected);
}

#[test]
fn the_example_silences_do_not_disturb_and_not_busy() {
    let silent = |availability, activity: &str| {
        let value = PresenceValue {
            availability,
            activity: activity.to_owned(),
            text: String::new(),
            until: None,
            greeting: None,
            forwarding: None,
            extra: Vec::new(),
        };
        let parts = Parts::of(&value, &Settings::default().states);
        let prefix = behind("${SUBTYPE:0:14}\" = \"", &['"']).remove(0);
        assert_eq!(prefix.len(), 14);
        behind("${STATE}\" != \"", &['"']) == [parts.state.name()] && (parts.subtype.is_empty() || parts.subtype.starts_with(prefix))
    };
    assert!(silent(Availability::DoNotDisturb, "") && silent(Availability::DoNotDisturb, "meeting"));
    assert_eq!(behind("${SUBTYPE:0:6}\" = \"", &['"']), ["until="], "somebody's own do not disturb with an end");
    assert!(!silent(Availability::Busy, "") && !silent(Availability::Busy, "meeting"));
    assert!(!silent(Availability::Away, "") && !silent(Availability::Available, ""));
}

#[test]
fn the_guide_shows_the_examples_own_lines() {
    let code = GUIDE.split("```ini\n; extensions.conf\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let shown: Vec<&str> = code.flat_map(str::lines).filter(|l| !l.trim().is_empty()).collect();
    assert!(shown.len() > 20, "the guide shows parts of the example");
    let strange: Vec<_> = shown.iter().filter(|l| !EXAMPLE.lines().any(|e| e == **l)).collect();
    assert!(strange.is_empty(), "in the guide, but not in the example: {strange:?}");
}
