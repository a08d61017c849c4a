//! What people, groups and flows give each other: `[groups.NAME]`, further calendars, sinks, mapping rows, alerts.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails says so")]

use std::collections::BTreeMap;
use std::path::Path;

use calport_config::{Calendar, Config, Person, flows_of, load, load_str};
use calport_model::directory::{Entry, EntryKind};
use calport_rules::presence::{Row, State};

const SMALL: &str = include_str!("config/good_small.toml");

fn config(text: &str) -> Config {
    load_str(Path::new("calport.toml"), &format!("{SMALL}\n{text}")).unwrap_or_else(|found| panic!("{found:?}")).config
}

fn listed(id: &str, department: &str) -> Entry {
    Entry {
        id: id.to_owned(),
        kind: EntryKind::PbxUser,
        name: id.to_owned(),
        address: format!("{id}@example.com"),
        other_addresses: Vec::new(),
        login: id.to_owned(),
        active: true,
        zone: None,
        language: None,
        department: department.to_owned(),
    }
}

fn person<'a>(people: &'a [Person], id: &str) -> &'a Person {
    people.iter().find(|person| person.id == id).unwrap_or_else(|| panic!("nobody is {id}"))
}

const GROUPS: &str = r#"
[groups.sales]
language = "fr"
zone = "Europe/Paris"
vip = true
rules = "sales"
calendars = ["team@example.com"]
mapping = { busy = "dnd", oof = "dnd" }

[groups.board]
language = "da"
sink = "pbx"
active = false
calendars = [{ address = "board@example.com", connection = "calendar" }]
mapping = { oof = "busy", tentative = "away" }

[rules.sales]
show_subject = false

[[people.person]]
id = "anna"
address = "anna@example.com"
groups = ["sales", "board"]
language = "de"
vip = false
mapping = { busy = "away" }

[[people.person]]
id = "bert"
address = "bert@example.com"
groups = ["board", "sales"]
active = true
calendars = []

[[people.person]]
id = "carl"
address = "carl@example.com"
"#;

#[test]
fn feat_p11_a_person_goes_before_groups_and_groups_in_the_order_of_the_person() {
    let config = config(GROUPS);
    let anna = person(&config.people.persons, "anna");
    assert_eq!((anna.language.as_deref(), anna.zone.as_deref(), anna.vip), (Some("de"), Some("Europe/Paris"), false));
    assert_eq!((anna.rules.as_deref(), anna.sink.as_deref(), anna.active), (Some("sales"), Some("pbx"), false));
    assert_eq!(anna.calendars, [Calendar::at_source("team@example.com".to_owned())]);
    let bert = person(&config.people.persons, "bert");
    assert_eq!((bert.language.as_deref(), bert.vip, bert.active), (Some("da"), true, true), "what the person says holds");
    assert_eq!(bert.calendars, [], "an empty list is a list");
    let carl = person(&config.people.persons, "carl");
    assert_eq!((carl.language.as_deref(), carl.vip, carl.active, &carl.rules), (None, false, true, &None));
    assert!(carl.mapping.is_empty());
}

#[test]
fn feat_p11_mapping_rows_come_each_from_the_strongest_that_gives_them() {
    let config = config(GROUPS);
    let rules = |id: &str| config.rules_for(&config.flows[0], person(&config.people.persons, id)).unwrap();
    let anna = rules("anna");
    assert_eq!((&anna.mapping.busy, &anna.mapping.oof), (&Row::from(State::Away), &Row::from(State::DoNotDisturb)));
    assert_eq!((&anna.mapping.tentative, anna.show_subject), (&Row::from(State::Away), false));
    let bert = rules("bert");
    assert_eq!((&bert.mapping.busy, &bert.mapping.oof), (&Row::from(State::DoNotDisturb), &Row::from(State::Busy)));
    assert_eq!(rules("carl"), config.rules["default"]);
}

#[test]
fn feat_p11_departments_of_directories_are_groups_with_defaults() {
    let text = "[people]\ndirectories = [{ connection = \"pbx\", groups = [\"all\"] }]\n\
                [groups.Sales]\nvip = true\nlanguage = \"fr\"\n[groups.all]\nlanguage = \"da\"\nzone = \"Europe/Copenhagen\"\n\
                [[people.person]]\naddress = \"anna@example.com\"\ngroups = [\"none\"]\n";
    let config = config(text);
    let people = config.people.with_directories(&BTreeMap::from([(
        "pbx".to_owned(),
        vec![listed("anna", "Sales"), listed("bert", "Sales"), listed("carl", "Support")],
    )]));
    let bert = person(&people, "bert@example.com");
    assert_eq!((bert.vip, bert.language.as_deref(), bert.zone.as_deref()), (true, Some("da"), Some("Europe/Copenhagen")));
    let carl = person(&people, "carl@example.com");
    assert_eq!((carl.vip, carl.language.as_deref()), (false, Some("da")));
    let anna = person(&people, "anna@example.com");
    assert_eq!((anna.vip, anna.language.as_deref()), (false, None), "the file's list of groups goes before the directory's");
}

#[test]
fn feat_p11_sources_of_people_join_calendars_whole_and_mappings_row_by_row() {
    let directory = tempfile::tempdir().unwrap();
    let csv = "id,address,sink,calendars\nanna,anna@example.com,pbx,room1@example.com | room2@example.com\nbert,bert@example.com,,\n";
    std::fs::write(directory.path().join("people.csv"), csv).unwrap();
    let path = directory.path().join("calport.toml");
    let text = "[people]\ncsv = \"people.csv\"\n[[people.person]]\nid = \"bert\"\nmapping = { busy = \"dnd\" }\n";
    std::fs::write(&path, format!("{SMALL}\n{text}")).unwrap();
    let people = load(&path).unwrap().config.people.persons;
    let anna = person(&people, "anna");
    let addresses: Vec<&str> = anna.calendars.iter().map(|calendar| calendar.address.as_str()).collect();
    assert_eq!((anna.sink.as_deref(), addresses), (Some("pbx"), vec!["room1@example.com", "room2@example.com"]));
    let bert = person(&people, "bert");
    assert_eq!((&bert.sink, bert.calendars.as_slice(), &bert.mapping.busy), (&None, [].as_slice(), &Some(State::DoNotDisturb.into())));
}

#[test]
fn feat_p15_the_flow_to_the_persons_sink_counts_and_active_flows_before_others() {
    let text = "[connections.pbx2]\nplugin = \"phone\"\n[[flows]]\nname = \"old\"\nsource = \"calendar\"\nsink = \"pbx\"\nactive = false\n\
                [[flows]]\nname = \"second\"\nsource = \"calendar\"\nsink = \"pbx2\"\nexcept = [\"carl\"]\n\
                [[people.person]]\nid = \"anna\"\nsink = \"pbx2\"\n[[people.person]]\nid = \"bert\"\nsink = \"pbx\"\n\
                [[people.person]]\nid = \"carl\"\n";
    let whole = SMALL.replace("name = \"presence\"", "name = \"presence\"\nrules = \"default\"");
    let config = load_str(Path::new("c"), &format!("{whole}\n{text}")).unwrap_or_else(|found| panic!("{found:?}")).config;
    let flows: Vec<_> = config.flows.iter().rev().map(|flow| (flow, flow.selection())).collect();
    let names =
        |id: &str| -> Vec<&str> { flows_of(&flows, person(&config.people.persons, id)).iter().map(|flow| flow.name.as_str()).collect() };
    assert_eq!(names("anna"), ["second"]);
    assert_eq!(names("bert"), ["presence", "old"], "an active flow goes before one that is switched off");
    assert_eq!(names("carl"), ["presence", "old"]);
}

#[test]
fn feat_r06_alerts_have_the_documented_defaults() {
    let alerts = config("[alerts]\nconnection = \"calendar\"\nto = [\"admin@example.com\"]\n").alerts.unwrap();
    assert_eq!((alerts.after_s, alerts.repeat_s, alerts.sender), (900, 86_400, None));
    assert!(config("").alerts.is_none());
}

#[test]
fn feat_c09_timing_has_the_documented_defaults() {
    let timing = config("").timing;
    assert_eq!((timing.full_read_s, timing.full_read_at_start, timing.unknown_after_s), (604_800, false, 86_400));
    assert_eq!((timing.override_s, timing.call_s), (30, 5));
    assert_eq!(config("[timing]\nunknown_after_s = 0\n").timing.unknown_after_s, 0);
}

#[test]
fn feat_p09_flows_have_the_documented_defaults() {
    let config = config("");
    let flow = &config.flows[0];
    assert_eq!((flow.overrules, flow.synchronize_current, &flow.audience), (true, false, &None));
}

#[test]
fn a_hundred_thousand_people_in_groups_are_judged_in_seconds() {
    let directory = tempfile::tempdir().unwrap();
    let mut rows = String::from("id,address,user,groups,sink\n");
    for number in 0..100_000 {
        rows.push_str(&format!("p{number},p{number}@example.com,{number},g{}|all,pbx\n", number % 100));
    }
    std::fs::write(directory.path().join("people.csv"), rows).unwrap();
    let mut text = format!(
        "{SMALL}\n[people]\ncsv = \"people.csv\"\n[groups.all]\nmapping = {{ busy = \"dnd\" }}\ncalendars = [\"all@example.com\"]\n"
    );
    for number in 0..100 {
        text.push_str(&format!("[groups.g{number}]\nvip = true\nmapping = {{ oof = \"busy\" }}\n"));
    }
    let path = directory.path().join("calport.toml");
    std::fs::write(&path, text).unwrap();
    let began = std::time::Instant::now();
    let config = load(&path).unwrap_or_else(|found| panic!("{found:?}")).config;
    assert!(config.people.persons.iter().all(|person| person.vip && person.calendars.len() == 1));
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
}
