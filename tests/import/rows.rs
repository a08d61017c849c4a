//! Every row of the manuals' tables is there, and none that they do not have.

use calport_import::{Kind, Preset, Status, empty_form};

use super::{golden, imported, loaded, preset, read, row, said};

/// The tables of the Calendar app's manual: part and row. The ids of the registered application are told in another page.
const INNOVAPHONE: &[(&str, &str)] = &[
    ("PBX & Presence", "Master PBX Name"),
    ("PBX & Presence", "Presence language"),
    ("PBX & Presence", "Presence timezone"),
    ("PBX & Presence", "Subject"),
    ("PBX & Presence", "Prioritized appointments need to contain in title"),
    ("PBX & Presence", "Prioritized appointments must not contain in title"),
    ("Exchange Sync", "Sync-Type"),
    ("Exchange Sync", "User"),
    ("Exchange Sync", "Password"),
    ("Exchange Sync", "Autodiscover Server URL"),
    ("Exchange Sync", "Exchange-Server to use"),
    ("Exchange Sync", "User for name resolving"),
    ("Exchange Sync", "Max subscriptions per connection"),
    ("Exchange Sync", "EWS debugging protocol"),
    ("Presence mapping", "Tentative exceptions"),
    ("Mappings", "Busy"),
    ("Mappings", "Tentative"),
    ("Mappings", "Tentative exceptions"),
    ("Mappings", "Out of office"),
    ("Mappings", "Working elsewhere"),
    ("Mappings", "No data"),
];

/// The tables of the manual of Totalview's connectors.
const TOTALVIEW: &[(&str, &str)] = &[
    ("Exchange365", "Tenant id"),
    ("Exchange365", "Client id"),
    ("Exchange365", "Secret"),
    ("Email Settings", "Sender from-address"),
    ("Exchange Online OAuth2", "Tenant id"),
    ("Exchange Online OAuth2", "Client id"),
    ("Exchange Online OAuth2", "Secret"),
    ("Exchange Online OAuth2", "Test user"),
    ("On-premise Exchange", "URI (using EWS)"),
    ("On-premise Exchange", "URI (using Exchange Online)"),
    ("On-premise Exchange", "Username"),
    ("On-premise Exchange", "Password"),
    ("On-premise Exchange", "Scrambled"),
    ("On-premise Exchange", "Domain"),
    ("On-premise Exchange", "Use FBA"),
    ("Synchronization settings", "Recurring days ahead"),
    ("Synchronization settings", "Busy template"),
    ("Synchronization settings", "Out of office template"),
    ("Synchronization settings", "Tentative"),
    ("Synchronization settings", "Working elsewhere"),
    ("Synchronization settings", "Synchronize current"),
    ("Synchronization settings", "Valid until end"),
    ("Synchronization settings", "Exchange version (Deprecated)"),
    ("Synchronization settings", "Ignore char"),
];

/// The window of Calendar Integration, and what its manual says of users.
const SAMSUNG: &[(&str, &str)] = &[
    ("Calendar Integration", "Status"),
    ("Calendar Integration", "Activate Microsoft Exchange integration / Force now"),
    ("Calendar Integration", "Exchange Server"),
    ("Calendar Integration", "Callback URL"),
    ("Calendar Integration", "Username"),
    ("Calendar Integration", "Password"),
    ("Calendar Integration", "Log"),
    ("Users", "Email address"),
    ("Users", "Calendar Integration"),
];

/// What is asked beside the tables, because Graph needs it.
const ADDED: &[&str] = &["Tenant id", "Client id", "Client secret"];

fn rows(preset: &Preset, extra: bool) -> Vec<(&str, &str)> {
    let title = |id: &str| preset.sections.iter().find(|section| section.id == id).unwrap().title.as_str();
    let settings = preset.settings.iter().filter(|setting| setting.extra == extra);
    settings.map(|setting| (title(&setting.section), setting.name.as_str())).collect()
}

#[test]
fn every_row_of_each_manual_is_there_and_no_other() {
    for (name, wanted, added) in [("innovaphone", INNOVAPHONE, ADDED), ("totalview", TOTALVIEW, &[]), ("samsung", SAMSUNG, ADDED)] {
        let preset = preset(name);
        assert_eq!(rows(preset, false), wanted, "{name}");
        let extra: Vec<&str> = rows(preset, true).into_iter().map(|(_, row)| row).collect();
        assert_eq!(extra, added, "{name}");
    }
}

#[test]
fn every_row_stands_in_the_report_once_given_or_not() {
    for (name, wanted) in [("innovaphone", INNOVAPHONE), ("totalview", TOTALVIEW), ("samsung", SAMSUNG)] {
        let example = read(&format!("presets/examples/{name}.txt"));
        let of_one = example.split("[Connection Factory]").next().unwrap().replace("[Connection Head office]", "");
        for form in [String::new(), empty_form(preset(name)), of_one] {
            let imported = imported(name, &form);
            let rows = &imported.report.rows;
            for (section, setting) in wanted {
                let same = |row: &&calport_import::Row| row.section.as_deref() == Some(section) && row.setting.as_deref() == Some(setting);
                assert_eq!(rows.iter().filter(same).count(), 1, "{name}: [{section}] {setting}");
                let row = row(&imported, section, setting);
                assert!(!row.message.is_empty() || !row.keys.is_empty(), "{name}: nothing is said of [{section}] {setting}");
            }
        }
    }
}

#[test]
fn an_empty_form_gives_the_defaults_of_the_product_and_nothing_wrong() {
    for name in calport_import::names() {
        let form = empty_form(preset(name));
        for setting in preset(name).settings.iter().filter(|setting| setting.kind != Kind::View) {
            assert!(form.contains(&format!("\n{} =\n", setting.name)), "{name}: {} is not asked", setting.name);
        }
        let (empty, filled_with_nothing) = (imported(name, ""), imported(name, &form));
        assert_eq!(empty, filled_with_nothing, "{name}");
        assert!(!empty.report.has_problems(), "{}", empty.report.text());
        assert_eq!(empty.report.count(Status::TakenOver), 1, "the connection: {}", empty.report.text());
        loaded(&empty);
        golden(&format!("presets/examples/{name}.empty.txt"), &form);
    }
}

#[test]
fn all_names_are_found_in_their_own_section_whatever_case_and_punctuation() {
    for name in calport_import::names() {
        let preset = preset(name);
        for setting in preset.settings.iter().filter(|setting| !matches!(setting.kind, Kind::View)) {
            let section = preset.sections.iter().find(|section| section.id == setting.section).unwrap();
            for title in std::iter::once(&section.title).chain(&section.aliases) {
                for written in std::iter::once(&setting.name).chain(&setting.aliases) {
                    let spelled = written.to_uppercase().replace(' ', "_");
                    let value = setting.choices.first().map_or("5", |choice| choice.word.as_str());
                    let imported = imported(name, &format!("[{}]\n{spelled}: {value}", title.to_lowercase()));
                    let line = imported.report.rows.iter().find(|row| row.line == Some(2)).unwrap();
                    assert_eq!(line.setting.as_deref(), Some(setting.name.as_str()), "{name}: [{title}] {spelled}");
                    assert_ne!(line.status, Status::Unknown, "{name}: [{title}] {spelled}");
                }
            }
        }
    }
}

#[test]
fn two_settings_of_one_name_are_told_apart_by_header_or_value() {
    let with = |form: &str| {
        let config = loaded(&imported("innovaphone", form));
        let rules = config.rules["default"].clone();
        (rules.tentative_exceptions, rules.mapping.tentative_exception.to_string())
    };
    let both = (vec!["hr@example.com".to_owned()], "busy".to_owned());
    assert_eq!(with("[Presence mapping]\nTentative exceptions = hr@example.com\n[Mappings]\nTentative exceptions = Busy"), both);
    assert_eq!(with("[Presence mapping]\nTentative exceptions = hr@example.com\nTentative exceptions = Busy"), both);
    assert_eq!(with("Tentative exceptions = Busy\nTentative exceptions = hr@example.com"), both);

    let ambiguous = imported("totalview", "Tenant id = example.com");
    assert_eq!(
        said(&ambiguous, Status::Invalid),
        ["Tenant id: there are several of this name: put it below a line [Exchange365] or [Exchange Online OAuth2]"]
    );
}
