#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails says so")]

use std::path::Path;

use calport_config::load_str;
use calport_model::directory::EntryKind;
use calport_rules::Language;
use calport_rules::presence::{Row, State};

use super::*;

const BASE: &str = r#"
[connections.calendar]
plugin = "cal"
[connections.onprem]
plugin = "cal"
[connections.pbx]
plugin = "phone"
[connections.pbx2]
plugin = "phone"

[host]
language = "da"

[[flows]]
name = "presence"
source = "calendar"
sink = "pbx"
"#;

const SECOND: &str = "[[flows]]\nname = \"second\"\nsource = \"onprem\"\nsink = \"pbx2\"\n";
const DIRECTORIES: &str = "[people]\ndirectories = [{ connection = \"pbx\" }, { connection = \"pbx2\" }]\n";

fn config(text: &str) -> Config {
    load_str(Path::new("calport.toml"), &format!("{BASE}\n{text}")).unwrap_or_else(|found| panic!("{found:?}")).config
}

fn planned(text: &str) -> (BTreeMap<String, PersonPlan>, Vec<Left>) {
    plan(&config(text), &BTreeMap::new())
}

fn entry(id: &str, address: &str, department: &str) -> Entry {
    Entry {
        id: id.to_owned(),
        kind: EntryKind::PbxUser,
        name: id.to_owned(),
        address: address.to_owned(),
        other_addresses: Vec::new(),
        login: String::new(),
        active: true,
        zone: None,
        language: Some("sv".to_owned()),
        department: department.to_owned(),
    }
}

fn listed(entries: &[(&str, Entry)]) -> BTreeMap<String, Vec<Entry>> {
    let mut listed: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    for (connection, entry) in entries {
        listed.entry((*connection).to_owned()).or_default().push(entry.clone());
    }
    listed
}

#[test]
fn feat_p11_what_groups_give_reaches_the_plan() {
    let (plans, left) = planned(
        "[groups.sales]\nvip = true\nlanguage = \"fr\"\nzone = \"Europe/Paris\"\nactive = false\nmapping = { oof = \"busy\" }\n\
         [[people.person]]\nid = \"anna\"\nuser = \"100\"\ngroups = [\"sales\"]\nactive = true\nmapping = { busy = \"dnd\" }\n\
         [[people.person]]\nid = \"bert\"\nuser = \"101\"\ngroups = [\"sales\"]\n[[people.person]]\nid = \"carl\"\nuser = \"102\"\n",
    );
    assert_eq!(left, []);
    let (anna, bert, carl) = (&plans["anna"], &plans["bert"], &plans["carl"]);
    assert_eq!((anna.vip, anna.language.map(Language::tag), anna.active), (true, Some("fr"), true));
    assert_eq!(anna.zone.as_ref().and_then(|zone| zone.iana_name()), Some("Europe/Paris"));
    assert_eq!((&anna.rules.mapping.busy, &anna.rules.mapping.oof), (&Row::from(State::DoNotDisturb), &Row::from(State::Busy)));
    assert!(!bert.active, "the group switches its people off");
    assert_eq!((carl.vip, carl.language, carl.active), (false, None, true));
    assert_eq!(*carl.rules, presence::Config::default());
}

#[test]
fn people_with_the_same_result_share_their_rules() {
    let mut text = String::from("[groups.sales]\nmapping = { oof = \"busy\" }\n");
    for number in 0..4 {
        let groups = if number < 2 { "[\"sales\"]" } else { "[]" };
        text.push_str(&format!("[[people.person]]\nid = \"p{number}\"\nuser = \"{number}\"\ngroups = {groups}\n"));
    }
    let (plans, _) = planned(&text);
    assert!(Arc::ptr_eq(&plans["p0"].rules, &plans["p1"].rules) && Arc::ptr_eq(&plans["p2"].rules, &plans["p3"].rules));
    assert!(!Arc::ptr_eq(&plans["p0"].rules, &plans["p2"].rules));
}

#[test]
fn feat_p09_p10_a_flow_gives_overrules_and_audience() {
    let person = "[[people.person]]\nid = \"anna\"\nuser = \"100\"\n";
    let (plans, _) = planned(person);
    assert!(plans["anna"].overrules && !plans["anna"].synchronize_current && plans["anna"].audience.is_none());
    let text = format!("{person}[audiences.public]\nshow_subject = false\n[audiences.public.aliases]\ndnd = \"busy\"\n");
    let whole = BASE.replace("sink = \"pbx\"", "sink = \"pbx\"\nsynchronize_current = true\naudience = \"public\"");
    let config = load_str(Path::new("c"), &format!("{whole}{text}")).unwrap().config;
    let (plans, _) = plan(&config, &BTreeMap::new());
    assert!(plans["anna"].synchronize_current);
    assert_eq!(plans["anna"].audience.as_deref(), config.audiences.get("public"));
    let off = whole.replace("audience = \"public\"", "overrules = false");
    let (plans, _) = plan(&load_str(Path::new("c"), &format!("{off}{person}")).unwrap().config, &BTreeMap::new());
    assert!(!plans["anna"].overrules && !plans["anna"].synchronize_current, "there is no state set by hand to write");
}

#[test]
fn further_calendars_are_at_the_source_unless_told_and_each_counts_once() {
    let (plans, _) = planned(
        "[groups.team]\ncalendars = [\"anna@example.com\", \"team@example.com\"]\n\
         [[people.person]]\naddress = \"anna@example.com\"\nuser = \"100\"\ngroups = [\"team\"]\n\
         [[people.person]]\naddress = \"bert@example.com\"\nuser = \"101\"\ncalendars = [\"room@example.com\", \
         { address = \"bert@example.com\", connection = \"onprem\" }, { address = \"Room@example.com\", connection = \"calendar\" }]\n",
    );
    let at = |connection: &str, address: &str| CalendarPlan { connection: connection.to_owned(), address: address.to_owned() };
    assert_eq!(plans["anna@example.com"].calendars, [at("calendar", "team@example.com")], "the own mailbox counts anyway");
    assert_eq!(plans["bert@example.com"].calendars, [at("calendar", "room@example.com"), at("onprem", "bert@example.com")]);
}

#[test]
fn feat_p15_the_flow_to_the_persons_sink_shows_the_person_and_nobody_is_missed() {
    let (plans, left) = planned(&format!(
        "{SECOND}[groups.north]\nsink = \"pbx2\"\n[[people.person]]\nid = \"anna\"\nuser = \"100\"\nsink = \"pbx\"\n\
         [[people.person]]\nid = \"bert\"\nuser = \"100\"\ngroups = [\"north\"]\n"
    ));
    assert_eq!(left, []);
    assert_eq!((plans["anna"].sink.as_str(), plans["anna"].source.as_str()), ("pbx", "calendar"));
    assert_eq!((plans["bert"].sink.as_str(), plans["bert"].source.as_str()), ("pbx2", "onprem"));
}

#[test]
fn feat_p15_people_of_directories_are_shown_where_they_have_a_user() {
    let config = config(&format!("{SECOND}{DIRECTORIES}"));
    let (plans, left) = plan(
        &config,
        &listed(&[
            ("pbx", entry("1", "anna@example.com", "")),
            ("pbx2", entry("2", "bert@example.com", "")),
            ("pbx", entry("3", "carl@example.com", "")),
            ("pbx2", entry("4", "carl@example.com", "")),
        ]),
    );
    let sinks: BTreeMap<&str, &str> = plans.iter().map(|(id, plan)| (id.as_str(), plan.sink.as_str())).collect();
    let expected = [("anna@example.com", "pbx"), ("bert@example.com", "pbx2"), ("carl@example.com", "pbx")];
    assert_eq!(sinks, BTreeMap::from(expected));
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!((left[0].person.as_str(), left[0].flow.as_str()), ("carl@example.com", "second"));
    assert!(left[0].reason.contains("sink = \"pbx2\""), "{}", left[0].reason);
    assert_eq!(plans["anna@example.com"].language, None, "a directory's language without texts falls back to the mailbox's or the host's");
}

#[test]
fn feat_p15_a_group_of_a_directory_names_the_sink() {
    let text = format!("{SECOND}{DIRECTORIES}[groups.North]\nsink = \"pbx2\"\n");
    let (plans, left) =
        plan(&config(&text), &listed(&[("pbx", entry("3", "carl@example.com", "North")), ("pbx2", entry("4", "carl@example.com", ""))]));
    assert_eq!((plans["carl@example.com"].user.as_str(), plans["carl@example.com"].sink.as_str()), ("4", "pbx2"));
    assert_eq!(left, []);
    let only = text.replace("sink = \"pbx2\"\n[people]", "sink = \"pbx2\"\npeople = [\"group:South\"]\n[people]");
    let (plans, left) = plan(&config(&only), &listed(&[("pbx", entry("3", "carl@example.com", "North"))]));
    assert!(plans.is_empty());
    assert_eq!((left.len(), left[0].flow.as_str()), (1, "presence"));
    assert!(left[0].reason.contains("no flow to pbx2"), "{}", left[0].reason);
}

#[test]
fn feat_p15_an_active_flow_counts_before_one_that_is_switched_off() {
    let person = "[[people.person]]\nid = \"anna\"\nuser = \"100\"\n";
    let off = BASE.replace("name = \"presence\"", "name = \"presence\"\nactive = false");
    let with = |text: &str| load_str(Path::new("c"), &format!("{off}{text}")).unwrap_or_else(|found| panic!("{found:?}")).config;
    let (plans, left) = plan(&with(&format!("{SECOND}{person}")), &BTreeMap::new());
    assert_eq!((plans["anna"].sink.as_str(), plans["anna"].active, left.len()), ("pbx2", true, 0));
    let (plans, left) = plan(&with(person), &BTreeMap::new());
    assert_eq!((plans["anna"].sink.as_str(), plans["anna"].active, left.len()), ("pbx", false, 0), "it is cleared there");
}

#[test]
fn whoever_has_no_user_is_left_out_with_the_reason_unless_switched_off() {
    let (plans, left) = planned("[[people.person]]\nid = \"anna\"\n[[people.person]]\nid = \"bert\"\nactive = false\n");
    assert!(plans.is_empty());
    assert_eq!((left.len(), left[0].person.as_str(), left[0].flow.as_str()), (1, "anna", "presence"));
    assert!(left[0].reason.contains("users.pbx"), "{}", left[0].reason);
}

#[test]
fn two_users_with_an_address_of_the_person_are_nobodys() {
    let config = config("[[people.person]]\naddress = \"anna@example.com\"\n");
    let one = entry("1", "ANNA@example.com", "");
    let (plans, _) = plan(&config, &listed(&[("pbx", one.clone())]));
    assert_eq!(plans["anna@example.com"].user, "1");
    let (plans, left) = plan(&config, &listed(&[("pbx", one), ("pbx", entry("2", "anna@example.com", ""))]));
    assert_eq!((plans.len(), left.len()), (0, 1));
}

#[test]
fn a_mapping_that_does_not_fit_what_a_directory_joined_is_not_used() {
    // Each group is good for the rules that the file knows of it; only a directory's person has both.
    let config = config(
        "[people]\ndirectories = [{ connection = \"pbx\", groups = [\"strict\"] }]\n[groups.strict]\nrules = \"strict\"\n\
         [groups.Sales]\nmapping = { oof = \"template:trip\" }\n[rules.strict]\nshow_subject = false\n\
         [rules.default.templates.trip]\navailability = \"away\"\n",
    );
    let (plans, _) = plan(&config, &listed(&[("pbx", entry("1", "anna@example.com", "Sales"))]));
    assert_eq!(*plans["anna@example.com"].rules, config.rules["strict"]);
}
