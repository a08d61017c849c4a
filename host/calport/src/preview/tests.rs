#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails says so")]

use std::sync::Arc;

use calport_engine::{CalendarPlan, Change, Moment, PersonPlan, Seen};
use calport_model::{Availability, PresenceValue};
use calport_rules::Language;
use calport_rules::presence::{Config, State};
use jiff::Timestamp;

use super::*;

fn plan() -> PersonPlan {
    PersonPlan {
        id: "anna".to_owned(),
        name: "Anna Albers".to_owned(),
        source: "cloud".to_owned(),
        addresses: vec!["anna@contoso.example".to_owned()],
        sink: "pbx".to_owned(),
        user: "201".to_owned(),
        zone: None,
        language: Some(Language::ENGLISH),
        vip: false,
        active: true,
        rules: Arc::new(Config::default()),
        calendars: Vec::new(),
        overrules: true,
        synchronize_current: false,
        audience: None,
    }
}

fn weighed(now: Option<PersonPlan>, draft: Option<PersonPlan>) -> (Effect, Vec<String>) {
    let (now, draft) = (now.map(Arc::new), draft.map(Arc::new));
    weigh(Side { plan: now.as_ref(), connections: true }, Side { plan: draft.as_ref(), connections: true })
}

#[test]
fn feat_x07_who_comes_goes_and_moves_is_told_apart() {
    let off = || PersonPlan { active: false, ..plan() };
    assert_eq!(weighed(Some(plan()), Some(plan())), (Effect::Unchanged, Vec::new()));
    for gone in [None, Some(off())] {
        assert_eq!(weighed(Some(plan()), gone.clone()).0, Effect::NoLongerShown);
        assert_eq!(weighed(gone.clone(), None).0, Effect::Unchanged, "nothing was shown and nothing is");
        let (effect, notes) = weighed(gone, Some(plan()));
        assert_eq!((effect, notes.len()), (Effect::NewlyShown, 1), "it is said that nothing is loaded");
    }
    assert_eq!(weighed(Some(plan()), Some(PersonPlan { sink: "other".to_owned(), ..plan() })).0, Effect::Moved);
    let moved = weighed(Some(plan()), Some(PersonPlan { user: "202".to_owned(), ..plan() }));
    assert_eq!(moved, (Effect::Moved, vec!["from user 201 of pbx to user 202 of pbx".to_owned()]));
    let plan = Arc::new(plan());
    let off = weigh(Side { plan: Some(&plan), connections: true }, Side { plan: Some(&plan), connections: false });
    assert_eq!(off.0, Effect::NoLongerShown, "a connection that is switched off shows nothing");
}

#[test]
fn feat_x07_what_is_not_loaded_is_named_and_not_guessed() {
    let room = CalendarPlan { connection: "cloud".to_owned(), address: "room1@contoso.example".to_owned() };
    for (draft, word) in [
        (PersonPlan { source: "onprem".to_owned(), ..plan() }, "would be read by onprem"),
        (PersonPlan { addresses: vec!["a.albers@contoso.example".to_owned()], ..plan() }, "another mailbox"),
        (PersonPlan { calendars: vec![room.clone()], ..plan() }, "left out here: room1@contoso.example"),
    ] {
        let (effect, notes) = weighed(Some(plan()), Some(draft));
        assert_eq!((effect, notes.len()), (Effect::NotForeseeable, 1));
        assert!(notes[0].contains(word), "{notes:?}");
    }
    let with_room = PersonPlan { calendars: vec![room], ..plan() };
    assert!(weighed(Some(with_room), Some(plan())).1[0].contains("would no longer count"));
    let (effect, notes) = weighed(Some(plan()), Some(PersonPlan { language: None, ..plan() }));
    assert_eq!(effect, Effect::NotForeseeable, "{notes:?}");
    let deaf = PersonPlan { overrules: false, ..plan() };
    assert!(weighed(Some(deaf.clone()), Some(plan())).1[0].contains("states set by hand"));
    assert_eq!(weighed(Some(plan()), Some(deaf)).1, Vec::<String>::new(), "that they no longer count can be foreseen");
}

#[test]
fn feat_x07_the_settings_that_differ_are_named_by_their_keys() {
    let with = |rules: Config| PersonPlan { rules: Arc::new(rules), ..plan() };
    let mut rules = Config { show_subject: false, ..Config::default() };
    rules.mapping.busy = State::DoNotDisturb.into();
    rules.templates.insert("sick".to_owned(), toml::from_str("availability = 'away'").unwrap());
    let mut draft = with(rules);
    draft.language = "de".parse().ok();
    assert_eq!(settings_that_differ(&plan(), &draft), ["language", "rules.mapping.busy", "rules.show_subject", "rules.templates.sick"]);
    assert_eq!(settings_that_differ(&draft, &plan()).len(), 4, "what goes is named, too");
    assert_eq!(settings_that_differ(&plan(), &plan()), Vec::<String>::new());
}

fn at(text: &str) -> Timestamp {
    format!("2026-11-{text}:00+01:00").parse().unwrap()
}

fn seen(availability: Availability, text: &str, title: Option<&str>, layer: &str) -> Seen {
    let value =
        PresenceValue { availability, activity: String::new(), text: text.to_owned(), until: None, greeting: None, forwarding: None };
    Seen { value, layer: layer.to_owned(), rule: "P-15 only-event".to_owned(), title: title.map(str::to_owned) }
}

fn preview() -> Preview {
    let moment = |start: &str, end: &str, seen: Seen| Moment { start: at(start), end: at(end), seen };
    Preview {
        person: Who {
            id: "anna".to_owned(),
            name: "Anna Albers".to_owned(),
            flow: Some("presence".to_owned()),
            source: Some("cloud".to_owned()),
            mailbox: None,
            sink: Some("pbx".to_owned()),
            user: Some("201".to_owned()),
            rules: Some("default".to_owned()),
        },
        zone: "Europe/Berlin".to_owned(),
        from: at("23T10:15"),
        to: Some(at("25T09:00")),
        moments: vec![
            moment("23T10:15", "23T10:30", seen(Availability::Busy, "Busy: Weekly until 10:30", Some("Weekly"), "calendar")),
            moment("23T10:30", "24T00:00", seen(Availability::Available, "Available", None, "calendar")),
            moment("24T00:00", "24T08:00", seen(Availability::DoNotDisturb, "Do not disturb", None, "override")),
            moment("24T08:00", "25T09:00", seen(Availability::Away, "Away until Wednesday 09:00", Some("Fair"), "calendar")),
        ],
        effect: None,
        changes: Vec::new(),
        by: Vec::new(),
        notes: vec!["the line ends where no more is loaded, or where it has too many parts".to_owned()],
        troubles: Vec::new(),
    }
}

#[test]
fn feat_p13_a_line_is_readable_by_days() {
    let expected = "\
Anna Albers (anna) · at pbx, user 201 · times in Europe/Berlin
  Note: the line ends where no more is loaded, or where it has too many parts.
  Mon 23 Nov  10:15–10:30             busy, \"Busy: Weekly until 10:30\"
              10:30–24:00             available, \"Available\"
  Tue 24 Nov  00:00–08:00             dnd, \"Do not disturb\" [override]
              08:00–Wed 25 Nov 09:00  away, \"Away until Wednesday 09:00\" (\"Fair\")";
    assert_eq!(person(&preview()), expected);
}

#[test]
fn feat_x07_a_difference_shows_both_sides() {
    let mut preview = preview();
    let dnd = seen(Availability::DoNotDisturb, "Do not disturb: Weekly until 10:30", Some("Weekly"), "calendar");
    preview.changes =
        vec![Change { start: at("23T10:15"), end: at("23T10:30"), before: Some(preview.moments[0].seen.clone()), after: Some(dnd) }];
    preview.moments.clear();
    preview.notes.clear();
    (preview.effect, preview.by) = (Some(Effect::Changed), vec!["rules.mapping.busy".to_owned()]);
    let expected = "\
Anna Albers (anna) · at pbx, user 201 · times in Europe/Berlin
  Changes (rules.mapping.busy):
  Mon 23 Nov  10:15–10:30  busy, \"Busy: Weekly until 10:30\"
                           → dnd, \"Do not disturb: Weekly until 10:30\"";
    assert_eq!(person(&preview), expected);
}

#[test]
fn feat_x07_the_summary_counts_people_and_settings() {
    let mut sum = Summary::default();
    let one = |effect, by: &[&str]| Preview { effect: Some(effect), by: by.iter().map(|by| (*by).to_owned()).collect(), ..preview() };
    for preview in [
        one(Effect::Changed, &["rules.mapping.busy"]),
        one(Effect::Changed, &["rules.mapping.busy", "language"]),
        one(Effect::Moved, &["sink"]),
        one(Effect::Unchanged, &["vip"]),
        Preview { troubles: vec!["no mailbox".to_owned()], ..one(Effect::NotForeseeable, &["language"]) },
    ] {
        sum.count(&preview);
    }
    let expected = "\
Of 5 people: 2 change, 1 move to another sink or user, 1 cannot be foreseen, 1 stay as they are.
  language: 2
  rules.mapping.busy: 2
  sink: 1
For 1 nothing, or not what is right, is shown now: `calport explain PERSON` says why.";
    assert_eq!(summary(&sum, true), expected);
}

#[test]
fn feat_x07_lines_survive_the_way_to_the_command() {
    let mut sum = Summary::default();
    sum.count(&Preview { effect: Some(Effect::NoLongerShown), ..preview() });
    let head = Head {
        from: at("23T10:15"),
        days: 2,
        people: 3,
        draft: Some("/etc/calport/draft.toml".to_owned()),
        configuration: vec!["rules `default` changed".to_owned()],
        warnings: Vec::new(),
        notes: Vec::new(),
    };
    assert_eq!(super::head(&head), "Draft /etc/calport/draft.toml: nothing of it is applied.\n  rules `default` changed\n");
    for line in [
        Line::Head(head),
        Line::Person(Box::new(Preview { effect: Some(Effect::NewlyShown), ..preview() })),
        Line::Progress { done: 50, total: 100 },
        Line::Summary(sum),
        Line::Refused { text: "line 1".to_owned(), diagnostics: serde_json::json!([{ "line": 1 }]) },
        Line::Failed { error: "e".to_owned(), remedy: "r".to_owned() },
    ] {
        let json = serde_json::to_string(&line).unwrap();
        assert!(!json.contains('\n'));
        assert_eq!(serde_json::from_str::<Line>(&json).unwrap(), line, "{json}");
    }
}
