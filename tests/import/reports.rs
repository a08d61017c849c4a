//! What is said of settings that are wrong, that cannot be together, or that need something else.

use calport_import::Status;

use super::{imported, loaded, row, said};

fn status(product: &str, form: &str, section: &str, setting: &str) -> Status {
    let imported = imported(product, form);
    loaded(&imported);
    row(&imported, section, setting).status
}

#[test]
fn a_wrong_value_is_told_with_its_line_and_what_was_expected() {
    for (product, line, part) in [
        ("innovaphone", "Sync-Type = Hybrid", "expected one of: On-Premises, Cloud"),
        ("innovaphone", "Presence timezone = Atlantis", "Europe/Berlin"),
        ("innovaphone", "Subject = perhaps", "expected on or off"),
        ("innovaphone", "Max subscriptions per connection = many", "whole number from 1"),
        ("innovaphone", "Tentative exceptions organizer = nobody at all", "mail address"),
        ("innovaphone", "Busy = purple", "expected one of: Available"),
        ("innovaphone", "Tenant id = a/b", "GUID"),
        ("totalview", "Recurring days ahead = 0", "from 1 to 3660"),
        ("totalview", "Busy template = Meeting [purple]", "[available]"),
        ("totalview", "Sender from-address = me", "mail address"),
        ("totalview", "Ignore char = this is a whole sentence", "up to 20 characters"),
        ("totalview", "URI (using EWS) = http://user:pw@server/", "without user, password"),
        ("samsung", "Callback URL = ftp://x", "name or URL of a server"),
        ("samsung", "Status = zebra", "cannot be set"),
    ] {
        let imported = imported(product, &format!("\n{line}\n"));
        loaded(&imported);
        let wrong: Vec<_> = imported.report.rows.iter().filter(|row| row.status == Status::Invalid).collect();
        assert_eq!(wrong.len(), 1, "{product}: {line}: {}", imported.report.text());
        assert!(wrong[0].line == Some(2) && wrong[0].message.contains(part), "{line}: {}", wrong[0].message);
        let value = line.split_once('=').unwrap().1.trim();
        assert!(value.len() < 3 || !imported.report.text().contains(value) && !imported.config.contains(value), "{value} is repeated");
    }
}

#[test]
fn a_misspelled_name_is_told_with_the_nearest_one_and_another_word_without() {
    let imported = imported("totalview", "Busy tmplate = Meeting\nhunter2-is-my-password = x\n[Email setings]\n[hunter2]\n");
    let rows: Vec<_> = imported.report.rows.iter().filter(|row| row.status == Status::Unknown).collect();
    let told: Vec<_> = rows.iter().map(|row| (row.line.unwrap(), row.setting.as_deref(), row.message.contains("did you mean"))).collect();
    assert_eq!(told, [(1, Some("Busy tmplate"), true), (2, None, false), (3, Some("Email setings"), true), (4, None, false)]);
    assert!(!imported.report.text().contains("hunter2"));
}

#[test]
fn settings_that_cannot_be_together_are_told_and_not_used() {
    let basic = |rest: &str| format!("[On-premise Exchange]\n{rest}");
    for (product, form, setting, part) in [
        ("innovaphone", "Sync-Type = Cloud\nPassword = x".to_owned(), "Password", "On-Premises only"),
        ("totalview", basic("Username = a@b.onmicrosoft.com\nDomain = B"), "Domain", "Exchange Online, where no domain"),
        ("totalview", basic("Username = a@b.onmicrosoft.com\nUse FBA = yes"), "Use FBA", "no login by a form"),
        ("totalview", basic("URI (using EWS) = http://s/\nPassword = x"), "Password", "service credentials"),
        ("totalview", basic("Password = x\nDomain = B"), "Domain", "With Exchange Online they cannot be used"),
        (
            "totalview",
            basic("URI (using EWS) = http://s/\nURI (using Exchange Online) = y"),
            "URI (using Exchange Online)",
            "On premises is assumed",
        ),
        ("totalview", format!("[Exchange365]\nTenant id = b.example\n{}", basic("Username = a")), "Username", "[Connection NAME]"),
    ] {
        let imported = imported(product, &form);
        loaded(&imported);
        let told = said(&imported, Status::Invalid);
        assert!(told.iter().any(|row| row.starts_with(setting) && row.contains(part)), "{form}: {told:?}");
    }
    // The same without the other one is fine.
    for form in [basic("URI (using EWS) = http://s/\nDomain = B\nUse FBA = yes"), basic("Username = a@b.example\nPassword = x")] {
        assert!(!imported("totalview", &form).report.has_problems(), "{form}");
    }
}

#[test]
fn an_on_premises_connection_is_reported_and_all_the_rest_is_written() {
    for (product, form) in [
        ("innovaphone", "Sync-Type = On-Premises\nUser = svc\nPassword = x\nSubject = no\nEWS debugging protocol = on\n"),
        (
            "totalview",
            "URI (using EWS) = https://exchange.example.com/\nUsername = svc\nPassword = x\nDomain = EXAMPLE\nUse FBA = yes\nIgnore char = %\n",
        ),
        ("samsung", "Exchange Server = 10.0.0.5\nUsername = svc@example.com\nPassword = x\n"),
    ] {
        let imported = imported(product, form);
        let config = loaded(&imported);
        assert!(!imported.report.has_problems(), "{}", imported.report.text());
        assert!(!config.connections.contains_key("calendar") && config.flows.is_empty(), "{product}");
        assert!(config.connections.contains_key("pbx") && config.rules.contains_key("default"), "{product}");
        let to_do = said(&imported, Status::ToDo);
        assert!(to_do.iter().any(|row| row.contains("add it by hand with the connector `exchange-onprem`")), "{to_do:?}");
        assert!(imported.config.contains("# - Connection: Exchange on premises: the import does not write"), "{}", imported.config);
        assert_eq!(imported.config.matches("the import does not write").count(), 1, "once, and not for each setting: {}", imported.config);
    }
    let rules = loaded(&imported("totalview", "URI (using EWS) = https://e/\nIgnore char = %\n")).rules;
    assert_eq!(rules["default"].ignore_prefix, "%");
}

#[test]
fn exchange_online_by_ews_becomes_graph_with_the_ids_that_are_known() {
    let form = "[Exchange Online OAuth2]\nTenant id = t.example\nClient id = c-1\nSecret = x\nTest user = test@example.com\n";
    let imported = imported("totalview", form);
    let config = loaded(&imported);
    let auth = serde_json::to_value(&config.connections["calendar"].endpoints["graph"].auth).unwrap();
    assert_eq!(auth["token_url"], "https://login.microsoftonline.com/t.example/oauth2/v2.0/token");
    assert_eq!((auth["client_id"].as_str(), auth["secret"].as_str()), (Some("c-1"), Some("calendar-client")));
    assert!(said(&imported, Status::TakenOver)[0].contains("Graph takes the place of EWS"));
    assert!(said(&imported, Status::ToDo).iter().any(|row| row.contains("calport secret set calendar-client")));

    let basic = super::imported("totalview", "Username = a@b.onmicrosoft.com\nPassword = x\nScrambled = yes\n");
    assert!(said(&basic, Status::TakenOver)[0].contains("takes no passwords any more"), "{}", basic.report.text());
    assert!(said(&basic, Status::Different).iter().any(|row| row.starts_with("Scrambled") && row.contains("enter the password itself")));
    loaded(&basic);
}

#[test]
fn a_setting_that_is_given_twice_is_told_and_the_first_holds() {
    let imported = imported("innovaphone", "Busy = Away\nBusy = Busy\nTentative = Busy\nTentative = Busy\n");
    assert_eq!(said(&imported, Status::Invalid), ["Busy: it is given in line 1 already, which holds; remove one of the two"]);
    assert_eq!(loaded(&imported).rules["default"].mapping.busy.to_string(), "away");
}

#[test]
fn several_connections_have_their_own_rules_and_share_what_stands_before_them() {
    let form = "Subject = no\nPresence language = German\n[Connection Nürnberg]\nTenant id = n.example\nBusy = Away\n\
                [connection: pbx]\nTenant id = p.example\nPresence language = French\n[Connection]\n[Connection]\n";
    let imported = imported("innovaphone", form);
    let config = loaded(&imported);
    let names: Vec<&str> = config.connections.keys().map(String::as_str).collect();
    assert_eq!(names, ["calendar", "calendar-2", "nuernberg", "pbx", "pbx-2"]);
    assert_eq!(config.rules["nuernberg"].mapping.busy.to_string(), "away");
    assert_eq!(config.rules["pbx-2"].mapping.busy.to_string(), "busy");
    assert!(!config.rules["nuernberg"].show_subject && !config.rules["calendar-2"].show_subject);
    assert_eq!(config.host.language, "de");
    assert_eq!(config.flows.len(), 4);
    assert!(
        config.flows.iter().all(|flow| flow.rules == flow.source && flow.people.as_ref().unwrap() == &[format!("group:{}", flow.source)])
    );
    let different = said(&imported, Status::Different);
    assert!(different.iter().any(|row| row.contains("host.language is one for the whole host; \"de\"")), "{different:?}");
}

#[test]
fn a_language_without_texts_is_told_and_english_is_written() {
    let imported = imported("innovaphone", "Presence language = Klingon");
    assert!(said(&imported, Status::Different).iter().any(|row| row.contains("no texts in this language yet")));
    assert_eq!(loaded(&imported).host.language, "en");
    assert_eq!(status("innovaphone", "Presence language = Dansk", "PBX & Presence", "Presence language"), Status::TakenOver);
}

#[test]
fn what_has_no_place_in_the_form_is_asked_for() {
    for product in calport_import::names() {
        let todo = said(&imported(product, ""), Status::ToDo);
        for part in ["[connections.pbx]", "`asterisk` or `sip-presence`", "TENANT-ID", "APPLICATION-ID", "[hooks]", "calport preview"] {
            assert!(todo.iter().any(|row| row.contains(part)), "{product}: {part}: {todo:?}");
        }
    }
    let callback = imported("samsung", "Callback URL = uc.example.com");
    assert_eq!(loaded(&callback).hooks.unwrap().public_url, "https://uc.example.com");
    assert!(!said(&callback, Status::ToDo).iter().any(|row| row.contains("add [hooks]")));
}

#[test]
fn feat_c10_recurring_days_ahead_reach_as_far_as_appointments_are_read() {
    for (days, window) in [(10, 35), (60, 60), (900, 370)] {
        let config = loaded(&imported("totalview", &format!("Recurring days ahead = {days}")));
        assert_eq!((config.rules["default"].recurring_days_ahead, config.host.window_days_ahead), (Some(days), window));
    }
}
