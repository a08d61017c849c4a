//! FEATURES R05: what a changed file changes, and nothing else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails says so")]

use std::path::Path;

use calport_config::{Change, Config, Restart, diff, load_str};

const BASE: &str = r#"
[host]
data_dir = "data"
zone = "UTC"
publish = true

[connections.calendar]
plugin = "cal"
settings = { tenant = "a" }
[connections.calendar.endpoints.api]
url = "https://cal.example.com/"

[connections.pbx]
plugin = "phone"
active = true

[[people.person]]
id = "anna"
address = "anna@example.com"

[[people.person]]
id = "bert"
address = "bert@example.com"

[[flows]]
name = "presence"
source = "calendar"
sink = "pbx"

[rules.default]
show_subject = true
"#;

fn config(text: &str) -> Config {
    load_str(Path::new("calport.toml"), text).unwrap_or_else(|found| panic!("{found:?}")).config
}

fn changes(edits: &[(&str, &str)]) -> Vec<Change> {
    let mut text = BASE.to_owned();
    for (from, to) in edits {
        assert!(text.contains(from), "{from:?} is not in the file");
        text = text.replacen(from, to, 1);
    }
    diff(&config(BASE), &config(&text))
}

fn name(name: &str) -> String {
    name.to_owned()
}

#[test]
fn feat_r05_nothing_changed_means_no_change_whatever_became_of_comments_and_order() {
    assert_eq!(changes(&[]), []);
    assert_eq!(changes(&[("[rules.default]\nshow_subject = true\n", "# a comment\n")]), []);
    assert_eq!(changes(&[("address = \"anna@example.com\"", "address = \"anna@example.com\" # same")]), []);
}

#[test]
fn feat_r05_a_changed_mapping_names_its_rules_only() {
    assert_eq!(changes(&[("show_subject = true", "show_subject = false")]), [Change::Rules { name: name("default") }]);
    assert_eq!(
        changes(&[("[rules.default]", "[rules.default.mapping]\ntentative = \"busy\"\n[rules.default]")]),
        [Change::Rules { name: name("default") }]
    );
}

#[test]
fn feat_r05_connections_tell_settings_from_limits_from_the_switch() {
    assert_eq!(changes(&[("tenant = \"a\"", "tenant = \"b\"")]), [Change::ConnectionSettings { name: name("calendar") }]);
    assert_eq!(changes(&[("https://cal.", "https://cal2.")]), [Change::ConnectionSettings { name: name("calendar") }]);
    assert_eq!(changes(&[("active = true", "active = false")]), [Change::ConnectionActive { name: name("pbx"), on: false }]);
    assert_eq!(changes(&[("active = true", "poll_s = 60")]), [Change::ConnectionTuning { name: name("pbx") }]);
    assert_eq!(changes(&[("active = true", "notify = \"polling\"")]), [Change::ConnectionTuning { name: name("pbx") }]);
    assert_eq!(changes(&[("\"phone\"", "\"phone2\"")]), [Change::ConnectionReplaced { name: name("pbx") }]);
    assert_eq!(
        changes(&[("[[flows]]", "[connections.spare]\nplugin = \"x\"\n[[flows]]")]),
        [Change::ConnectionAdded { name: name("spare") }]
    );
    let spare = format!("{BASE}\n[connections.spare]\nplugin = \"x\"\n");
    assert_eq!(diff(&config(&spare), &config(BASE)), [Change::ConnectionRemoved { name: name("spare") }]);
}

#[test]
fn feat_r05_limits_of_the_host_reach_only_connections_without_their_own() {
    let own = BASE.replace("active = true", "limits = { cpu_ms = 50 }");
    let lower = format!("{own}\n[limits]\ncpu_ms = 100\n");
    assert_eq!(diff(&config(&own), &config(&lower)), [Change::ConnectionTuning { name: name("calendar") }]);
}

#[test]
fn feat_r05_people_come_go_and_change_by_id() {
    let found = changes(&[("id = \"bert\"", "id = \"carl\""), ("anna@", "anna.b@")]);
    let set = |id: &str| [name(id)].into();
    assert_eq!(
        found,
        [Change::PeopleAdded { ids: set("carl") }, Change::PeopleRemoved { ids: set("bert") }, Change::PeopleChanged { ids: set("anna") }]
    );
    assert_eq!(
        changes(&[("[[people.person]]", "[people]\ndirectories = [{ connection = \"pbx\" }]\n[[people.person]]")]),
        [Change::Directories]
    );
}

#[test]
fn feat_r05_flows_come_go_and_change_by_name() {
    assert_eq!(changes(&[("sink = \"pbx\"", "sink = \"pbx\"\nexcept = [\"bert\"]")]), [Change::FlowChanged { name: name("presence") }]);
    assert_eq!(
        changes(&[("name = \"presence\"", "name = \"states\"")]),
        [Change::FlowRemoved { name: name("presence") }, Change::FlowAdded { name: name("states") }]
    );
}

#[test]
fn feat_r05_the_host_applies_what_it_can_and_names_what_needs_a_restart() {
    assert_eq!(changes(&[("publish = true", "publish = false")]), [Change::Publish { on: false }]);
    assert_eq!(changes(&[("zone = \"UTC\"", "zone = \"Europe/Berlin\"")]), [Change::Defaults]);
    assert_eq!(changes(&[("publish = true", "window_days_ahead = 7")]), [Change::Window]);
    assert_eq!(changes(&[("publish = true", "log = { level = \"debug\" }")]), [Change::LogLevel]);
    assert_eq!(changes(&[("[[flows]]", "[timing]\nabsence_s = 60\n[[flows]]")]), [Change::Timing]);
    let table = [
        ("data_dir = \"data\"", "data_dir = \"state\"", Restart::DataDir),
        ("publish = true", "plugins_dir = \"drop\"", Restart::PluginsDir),
        ("publish = true", "cache_dir = \"compiled\"", Restart::CacheDir),
        ("publish = true", "control = \"127.0.0.1:9000\"", Restart::Control),
        ("publish = true", "log = { format = \"json\" }", Restart::LogFormat),
        ("[[flows]]", "[hooks]\nlisten = \"127.0.0.1:9001\"\npublic_url = \"https://x.example\"\n[[flows]]", Restart::Hooks),
        ("[[flows]]", "[secrets]\ndir = \"/run/secrets\"\n[[flows]]", Restart::Secrets),
    ];
    for (from, to, key) in table {
        let found = changes(&[(from, to)]);
        assert_eq!(found, [Change::NeedsRestart { key }], "{to}");
        assert!(found[0].to_string().contains(key.as_str()) && found[0].to_string().contains("restart"));
    }
}

#[test]
fn feat_r05_groups_audiences_and_alerts_are_told_by_name() {
    let group = "[groups.sales]\nvip = true\n[[flows]]";
    let member = ("address = \"bert@example.com\"", "address = \"bert@example.com\"\ngroups = [\"sales\"]");
    let base = BASE.replacen(member.0, member.1, 1);
    let with = base.replacen("[[flows]]", group, 1);
    let found = diff(&config(&base), &config(&with));
    assert_eq!(found, [Change::PeopleChanged { ids: [name("bert")].into() }, Change::Group { name: name("sales") }]);
    assert_eq!(found[1].to_string(), "defaults of the group `sales` changed");

    let audience = "audience = \"public\"\n[audiences.public]\nshow_next = false\n";
    let found = changes(&[("sink = \"pbx\"", &format!("sink = \"pbx\"\n{audience}"))]);
    assert_eq!(found, [Change::Audience { name: name("public") }, Change::FlowChanged { name: name("presence") }]);

    let alerts = "[alerts]\nconnection = \"calendar\"\nto = [\"admin@example.com\"]\n[[flows]]";
    assert_eq!(changes(&[("[[flows]]", alerts)]), [Change::Alerts]);
    assert_eq!(changes(&[("[[flows]]", "[timing]\nfull_read_s = 86400\nunknown_after_s = 0\n[[flows]]")]), [Change::Timing]);
    assert_eq!(
        changes(&[("sink = \"pbx\"", "sink = \"pbx\"\nsynchronize_current = true")]),
        [Change::FlowChanged { name: name("presence") }]
    );
}

#[test]
fn feat_r05_a_persons_mapping_sink_and_calendars_change_the_person_only() {
    for line in ["mapping = { busy = \"dnd\" }", "sink = \"pbx\"", "calendars = [\"room@example.com\"]"] {
        let found = changes(&[("id = \"anna\"", &format!("id = \"anna\"\n{line}"))]);
        assert_eq!(found, [Change::PeopleChanged { ids: [name("anna")].into() }], "{line}");
    }
}

#[test]
fn feat_r05_changes_have_a_form_for_json_output() {
    let found = changes(&[("publish = true", "publish = false"), ("data_dir = \"data\"", "data_dir = \"state\"")]);
    assert_eq!(
        serde_json::to_value(found).unwrap(),
        serde_json::json!([{"kind": "needs-restart", "key": "host.data_dir"}, {"kind": "publish", "on": false}])
    );
}
