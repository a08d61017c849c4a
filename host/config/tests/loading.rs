//! What a loaded configuration holds: defaults, paths, people from several sources, settings against a connector's schema.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails says so")]

use std::collections::BTreeMap;
use std::path::Path;

use calport_config::{Auth, ConnectionDraft, Part, Severity, connection_section, load, load_str, template, template_for, to_json};
use calport_model::directory::{Entry, EntryKind};
use proptest::prelude::*;
use serde_json::json;

const SMALL: &str = include_str!("config/good_small.toml");

fn entry(id: &str, address: &str) -> Entry {
    Entry {
        id: id.to_owned(),
        kind: EntryKind::PbxUser,
        name: format!("Name of {id}"),
        address: address.to_owned(),
        other_addresses: Vec::new(),
        login: id.to_owned(),
        active: true,
        zone: None,
        language: Some("fr".to_owned()),
        department: "Sales".to_owned(),
    }
}

#[test]
fn an_empty_file_is_a_configuration_of_defaults_with_a_warning() {
    let loaded = load_str(Path::new("/etc/calport/calport.toml"), "").unwrap();
    let config = loaded.config;
    assert_eq!(config.host.data_dir, Path::new("/etc/calport/data"));
    assert_eq!(config.cache_dir(), Path::new("/etc/calport/data/cache"));
    assert_eq!(config.host.control.to_string(), "127.0.0.1:8090");
    assert_eq!((config.host.window_days_back, config.host.window_days_ahead), (1, 35));
    assert!(config.host.publish && config.rules.contains_key("default") && config.hooks.is_none());
    assert_eq!(loaded.warnings.len(), 1);
}

#[test]
fn the_template_is_accepted_and_safe() {
    let loaded = load_str(Path::new("calport.toml"), &template()).unwrap();
    assert!(!loaded.config.host.publish, "a new file must not write presence");
    assert!(!loaded.config.connections["calendar"].active);
    assert!(loaded.config.flows.is_empty());
}

#[test]
fn every_value_that_the_template_shows_is_the_default() {
    let shown = template();
    let defaults = load_str(Path::new("calport.toml"), "").unwrap().config;
    let given: String = shown
        .lines()
        .map(|line| {
            line.strip_prefix("# ")
                .filter(|rest| (rest.contains(" = ") && !rest.contains("NAME")) || rest.starts_with("[limits]"))
                .unwrap_or(line)
        })
        .filter(|line| {
            !line.contains("dir = \"/run/secrets\"") && !line.starts_with("csv") && !line.starts_with("[[") && !line.starts_with("name =")
        })
        .collect::<Vec<_>>()
        .join("\n");
    let head = &given[..given.find("# A connection:").unwrap()];
    let head = head.replace("publish = false", "").replace("listen = ", "#").replace("public_url = ", "#").replace("tls = {", "#");
    let rules = given[given.find("[rules.default]").unwrap()..].to_owned();
    let config = load_str(Path::new("calport.toml"), &format!("{head}\n{rules}")).unwrap().config;
    assert_eq!(config, defaults);
}

#[test]
fn a_file_for_the_first_connections_survives_hostile_answers() {
    let mut connection = load_str(Path::new("c"), SMALL).unwrap().config.connections["pbx"].clone();
    connection.settings.insert("tenant \"x\"".to_owned(), json!({"a": ["\\", "'\n"], "n": 1.5}));
    let endpoint = connection.endpoints.get_mut("api").unwrap();
    endpoint.auth = Auth::Basic { user: "DOMAIN\\\"user\"".to_owned(), secret: "pbx-password".to_owned() };
    endpoint.url = Some("http://127.0.0.1:8088/x".to_owned());
    endpoint.plain_http = true;
    endpoint.allow_addresses = vec!["loopback".to_owned()];
    let draft = ConnectionDraft { name: "pbx".to_owned(), note: "A phone system\n[evil]\r\nx = 1".to_owned(), connection };
    let text = template_for(std::slice::from_ref(&draft), Some(("pbx", "pbx")));
    let loaded = load_str(Path::new("calport.toml"), &text).unwrap_or_else(|found| panic!("{text}\n{found:?}"));
    assert_eq!(loaded.config.connections["pbx"], draft.connection);
    assert_eq!(loaded.config.flows[0].source, "pbx");
    assert!(connection_section(&draft).starts_with("# A phone system\n# [evil]\n"));
}

#[test]
fn feat_p11_people_of_the_file_win_over_csv_and_csv_over_directories_field_by_field() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(
        directory.path().join("people.csv"),
        "id,address,other_addresses,user:pbx,groups,vip\nanna,anna@example.com,a@example.com|an@example.com,100,sales|all,yes\nbert,bert@example.com,,101,,\n",
    )
    .unwrap();
    let path = directory.path().join("calport.toml");
    let text = format!(
        "{SMALL}\n[people]\ncsv = \"people.csv\"\ndirectories = [{{ connection = \"pbx\", domain = \"example.com\" }}]\n\
         [[people.person]]\nid = \"anna\"\nzone = \"Europe/Berlin\"\nvip = false\n"
    );
    std::fs::write(&path, text).unwrap();
    let config = load(&path).unwrap().config;
    let anna = &config.people.persons[0];
    assert_eq!(
        (anna.id.as_str(), anna.zone.as_deref(), anna.vip, anna.user_at("pbx")),
        ("anna", Some("Europe/Berlin"), false, Some("100"))
    );
    assert_eq!(anna.addresses, ["anna@example.com", "a@example.com", "an@example.com"]);
    assert_eq!(anna.groups, ["sales", "all"]);

    let mut gone = entry("199", "");
    gone.active = false;
    let listed = vec![entry("100", "ANNA@example.com"), entry("carl", ""), gone];
    let everybody = config.people.with_directories(&BTreeMap::from([("pbx".to_owned(), listed)]));
    let ids: Vec<&str> = everybody.iter().map(|person| person.id.as_str()).collect();
    assert_eq!(ids, ["anna", "bert", "carl@example.com"]);
    assert_eq!(everybody[0].language.as_deref(), Some("fr"), "the directory fills what nobody else gives");
    assert_eq!(everybody[0].addresses[0], "anna@example.com");
    assert_eq!((everybody[2].user_at("pbx"), everybody[2].groups.as_slice()), (Some("carl"), ["Sales".to_owned()].as_slice()));
}

#[test]
fn feat_p11_a_listed_user_is_the_person_configured_with_it_by_id_or_login() {
    let text = format!(
        "{SMALL}\n[people]\ndirectories = [{{ connection = \"pbx\" }}]\n[[people.person]]\naddress = \"anna@example.com\"\nuser = \"100\"\n\
         [[people.person]]\naddress = \"bert@example.com\"\nuser = \"777\"\n[[people.person]]\nid = \"carl\"\nuser = \"102\"\nusers = {{ pbx = \"202\" }}\n"
    );
    let people = load_str(Path::new("c"), &text).unwrap().config.people;
    let mut by_login = entry("SIP/100", "");
    by_login.login = "100".to_owned();
    let listed = vec![by_login, entry("101", "bert@example.com"), entry("102", ""), entry("202", "")];
    let everybody = people.with_directories(&BTreeMap::from([("pbx".to_owned(), listed)]));
    let said: Vec<(&str, Option<&str>)> = everybody.iter().map(|person| (person.id.as_str(), person.user_at("pbx"))).collect();
    assert_eq!(
        said,
        [("anna@example.com", Some("SIP/100")), ("bert@example.com", Some("777")), ("carl", Some("202")), ("pbx:102", Some("102")),]
    );
}

#[test]
fn a_selection_takes_ids_and_groups_and_leaves_exceptions_out() {
    let text = format!(
        "{SMALL}\npeople = [\"group:sales\", \"bert\"]\nexcept = [\"anna\"]\n[[people.person]]\nid = \"anna\"\ngroups = [\"sales\"]\n\
         [[people.person]]\nid = \"bert\"\n[[people.person]]\nid = \"carl\"\ngroups = [\"sales\"]\n[[people.person]]\nid = \"dora\"\n"
    );
    let config = load_str(Path::new("c"), &text).unwrap().config;
    let selection = config.flows[0].selection();
    let ids: Vec<&str> =
        config.people.persons.iter().filter(|person| selection.contains(person)).map(|person| person.id.as_str()).collect();
    assert_eq!(ids, ["bert", "carl"]);
}

#[test]
fn settings_are_judged_by_the_connectors_schema_at_their_lines() {
    let text = "[connections.a]\nplugin = \"x\"\n[connections.a.settings]\ntenent = \"t\"\nmode = \"fsat\"\n[connections.a.settings.nested]\ndeep = \"no\"\n";
    let loaded = load_str(Path::new("c.toml"), text).unwrap();
    let schema = json!({
        "type": "object",
        "properties": {
            "tenant": {"type": "string"},
            "mode": {"enum": ["fast", "safe"]},
            "nested": {"$ref": "#/$defs/nested"},
        },
        "required": ["tenant"],
        "additionalProperties": false,
        "$defs": {"nested": {"properties": {"deep": {"type": "integer"}}}},
    });
    let found = loaded.check_settings("a", &schema).unwrap_err();
    let said: Vec<String> =
        found.iter().map(|finding| format!("{}:{} {}", finding.line, finding.column, finding.help.as_deref().unwrap_or(""))).collect();
    assert_eq!(said, ["4:1 did you mean `tenant`?", "5:8 did you mean `fast`?", "7:8 write it without quotes"]);
    assert_eq!(loaded.document.position("/connections/a/settings/nested/deep", Part::Key), (7, 1));
    assert_eq!(loaded.document.position("/connections/a/settings/nested/absent/more", Part::Value), (6, 25));
    assert!(loaded.check_settings("b", &schema).is_err());
    assert!(loaded.check_settings("a", &json!(true)).is_ok());
}

#[test]
fn a_hostile_schema_ends() {
    let loaded = load_str(Path::new("c"), "[connections.a]\nplugin = \"x\"\nsettings = { a = { a = { a = \"aaaaaaaa\" } } }\n").unwrap();
    let endless = json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}});
    assert!(loaded.check_settings("a", &endless).is_ok());
    let choices: Vec<_> = (0..50).map(|_| json!({"$ref": "#"})).collect();
    let wide = json!({"anyOf": choices, "allOf": choices});
    assert!(loaded.check_settings("a", &wide).is_ok());
    let pattern = json!({"additionalProperties": {"additionalProperties": {"additionalProperties": {"pattern": "(a+)+{1000}{1000}$"}}}});
    assert!(loaded.check_settings("a", &pattern).is_ok());
}

#[test]
fn feat_r04_secrets_are_named_and_never_repeated() {
    for entry in std::fs::read_dir("tests/config").unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let Err(found) = load(&path) else { continue };
            let said =
                format!("{}{}{}{found:?}", to_json(&found), calport_config::render(&found, true), calport_config::render(&found, false));
            assert!(!said.contains("Hunter"), "{} repeats a secret: {said}", path.display());
        }
    }
    let text = SMALL.replace("v1\"", "v1\"\nauth = { scheme = \"bearer\", secret = \"cal-key\" }");
    let config = load_str(Path::new("c"), &text).unwrap().config;
    assert_eq!(config.secrets_in_use(), BTreeMap::from([("cal-key", vec!["calendar"])]));
}

#[test]
fn limits_of_a_connection_go_over_those_of_the_host() {
    let text = format!(
        "[limits]\nmemory_mib = 32\ncpu_ms = 100\n{}",
        SMALL.replace("plugin = \"cal\"", "plugin = \"cal\"\nlimits = { memory_mib = 256 }")
    );
    let config = load_str(Path::new("c"), &text).unwrap().config;
    let limits = config.limits(&config.connections["calendar"]);
    assert_eq!((limits.memory_mib, limits.cpu_ms, limits.wall_s), (256, 100, 180));
    assert_eq!(config.limits(&config.connections["pbx"]).memory_mib, 32);
}

#[test]
fn a_long_list_with_a_mistake_in_every_row_is_reported_in_short() {
    let directory = tempfile::tempdir().unwrap();
    let mut rows = String::from("id,address,user\n");
    for number in 0..100_000 {
        rows.push_str(&format!("{number},no-address,{number}\n"));
    }
    std::fs::write(directory.path().join("people.csv"), rows).unwrap();
    let path = directory.path().join("calport.toml");
    std::fs::write(&path, format!("{SMALL}\n[people]\ncsv = \"people.csv\"\n")).unwrap();
    let found = load(&path).unwrap_err();
    assert_eq!(found.len(), 200);
    assert_eq!(found[0].line, 2);
    assert_eq!(found[199].help.as_deref(), Some("and 99800 more findings, which are not shown"));
}

#[test]
fn a_missing_file_names_itself_and_the_remedy() {
    let found = load(Path::new("nowhere/calport.toml")).unwrap_err();
    assert_eq!((found.len(), found[0].line, found[0].severity), (1, 0, Severity::Error));
    assert!(found[0].to_string().contains("nowhere/calport.toml") && found[0].to_string().contains("calport init"));
    assert!(found[0].render(true).contains("cannot be read"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_text_makes_the_reader_fail_otherwise_than_by_findings(text in ".{0,200}") {
        let _ = load_str(Path::new("c"), &text).map_err(|found| prop_assert_findings(&found));
    }

    #[test]
    fn no_damage_to_a_good_file_goes_unplaced(at in 0usize..2000, cut in 0usize..40, with in "[\\[\\]{}=\"',.a-z0-9\r\n äß]{0,8}") {
        let whole = format!("{}{}", template(), SMALL.replace("[connections.calendar", "[connections.cal2"));
        let bytes: Vec<char> = whole.chars().collect();
        let at = at.min(bytes.len());
        let text: String = bytes[..at].iter().copied().chain(with.chars()).chain(bytes[(at + cut).min(bytes.len())..].iter().copied()).collect();
        let _ = load_str(Path::new("c"), &text).map_err(|found| prop_assert_findings(&found));
    }
}

fn prop_assert_findings(found: &[calport_config::Diagnostic]) {
    assert!(!found.is_empty() && found.iter().all(|finding| finding.line > 0));
    assert!(!calport_config::render(found, false).is_empty());
}

#[test]
fn b48_one_endpoint_without_a_url_is_found_by_the_domain_of_the_address() {
    let loaded = load_str(Path::new("calport.toml"), &std::fs::read_to_string("tests/config/discovery_good.toml").unwrap()).unwrap();
    let connections = &loaded.config.connections;
    let (endpoint, discovery) = connections["mail"].to_be_found().unwrap();
    assert_eq!((endpoint, discovery.domains()), ("ews", vec!["Example.com".to_owned()]));
    assert_eq!(connections["pinned"].discovery.as_ref().unwrap().domains(), ["example.com"]);
    assert!(connections["pinned"].to_be_found().is_none(), "its URL counts");
    let found = connections["mail"].with_found("https://mail.example.com/EWS");
    assert_eq!(found.endpoints["ews"].url.as_deref(), Some("https://mail.example.com/EWS"));
    assert!(found.to_be_found().is_none());
    let draft = ConnectionDraft { name: "mail".to_owned(), note: String::new(), connection: connections["mail"].clone() };
    let again = load_str(Path::new("calport.toml"), &calport_config::connection_section(&draft)).unwrap();
    assert_eq!(again.config.connections["mail"], connections["mail"]);
}
