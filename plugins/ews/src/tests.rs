//! What the connector says of itself, and the end of EWS in Exchange Online.

use calport_ews_connector::Opening;
use calport_sdk::testing::Recorded;

use super::*;

fn opened() -> Opening {
    Online::open(calport_sdk::settings::parse(r#"{ "test_user": "test@example.com", "account": "svc" }"#).unwrap(), String::new()).unwrap()
}

#[test]
fn feat_c06_schemes_and_the_usual_url_are_those_of_exchange_online() {
    let said = Online::descriptor();
    assert_eq!((said.name.as_str(), said.display_name.as_str()), ("ews", "Exchange Web Services"));
    assert_eq!(said.endpoints[0].schemes, ["oauth2-client-credentials", "basic"]);
    assert_eq!(said.endpoints[0].usual_url, "https://outlook.office365.com/EWS/Exchange.asmx");
    assert!(said.permissions.iter().all(|p| p.name == "full_access_as_app"), "{:?}", said.permissions);
}

#[test]
fn feat_descriptor_settings_need_a_test_user_and_know_the_versions() {
    let said = Online::descriptor();
    let schema: serde_json::Value = serde_json::from_str(&said.settings_schema).unwrap();
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["required"], serde_json::json!(["test_user"]));
    assert!(said.settings_schema.contains("Exchange2010_SP2"));
}

#[test]
fn b22_ews_switched_off_names_the_dates_and_the_way_out() {
    let off = Recorded::new().on("POST", "/EWS/", 403, "EWS is disabled for this organization.");
    let window = Window { start: 0, end: 86_400_000 };
    let error = read_window(Box::new(off), r#"{ "test_user": "test@example.com" }"#, "anna@example.com", window).unwrap_err();
    for part in ["2026-10-01", "2027-04-01", "`graph`", "Set-OrganizationConfig"] {
        assert!(error.message.contains(part), "{part}: {}", error.message);
    }
}

#[test]
fn b22_check_warns_of_the_end_only_where_it_comes() {
    let findings = opened().manner.remedies.findings;
    let build = |minor| ServerBuild { major: 15, minor, build: 1, revision: 1 };
    assert!(findings(build(2)).is_empty());
    assert_eq!(findings(build(20))[0].severity, Severity::Warning);
}

#[test]
fn feat_r07_the_remedy_names_the_permission_and_the_command() {
    let remedy = (opened().manner.remedies.impersonation)(Some("svc"), ServerVersion::LATEST);
    assert!(remedy.contains("full_access_as_app") && remedy.ends_with("-Role:ApplicationImpersonation -User:svc"), "{remedy}");
}
