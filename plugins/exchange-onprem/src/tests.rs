//! Settings, what cannot be together, and what the connector says of itself.

use calport_ews_connector::{Access, Asker, Flavour, Opening};
use calport_ews_protocol::ServerBuild;
use calport_ews_protocol::autodiscover::UrlChoice;
use calport_sdk::common::{Error, ErrorKind, ErrorScope};

use super::*;

fn open_at(url: &str, settings: &str) -> Result<Opening, Error> {
    OnPremises::open(calport_sdk::settings::parse(settings)?, url.to_owned())
}

fn open(more: &str) -> Result<Opening, Error> {
    open_at("https://mail.example.com", &format!(r#"{{ "test_user": "test@example.com"{more} }}"#))
}

#[track_caller]
fn refused(more: &str, field: &str, because: &str) {
    let error = open(more).unwrap_err();
    let ErrorKind::Invalid(value) = &error.kind else { panic!("{error:?}") };
    assert_eq!((value.field.as_str(), error.scope), (format!("settings.{field}").as_str(), ErrorScope::Connection), "{error:?}");
    assert!(value.reason.contains(because), "{}", value.reason);
}

#[test]
fn feat_c05_without_further_settings_everybody_is_impersonated_and_nothing_is_searched_for() {
    let opened = open("").unwrap();
    assert_eq!(opened.url, "https://mail.example.com/EWS/Exchange.asmx");
    assert_eq!(
        (opened.manner.access, opened.manner.lookup.asker, opened.manner.lookup.opens),
        (Access::Impersonation, Asker::TestUser, true)
    );
    assert!(opened.search.url.is_none());
}

#[test]
fn feat_c07_a_url_of_autodiscover_means_that_it_is_used() {
    let told = open(r#", "autodiscover_url": "https://mail.example.com/autodiscover/autodiscover.xml""#).unwrap().search;
    assert_eq!(told.url.as_deref(), Some("https://mail.example.com/autodiscover/autodiscover.xml"));
    let chosen = |more| open(more).unwrap().search.choice;
    assert_eq!(chosen(r#", "autodiscover": true"#), UrlChoice::External);
    assert_eq!(chosen(r#", "autodiscover": true, "prefer": "internal""#), UrlChoice::Internal);
}

#[test]
fn feat_c07_without_a_url_the_connection_opens_to_be_searched_for() {
    assert_eq!(open_at("", r#"{ "test_user": "test@example.com" }"#).unwrap().url, "");
    let error = open_at("", r#"{ "test_user": "svc-calport" }"#).unwrap_err();
    assert!(error.message.contains("settings.test_user") && error.message.contains("no mail address"), "{}", error.message);
}

#[test]
fn feat_c05_feat_c07_what_cannot_be_together_is_refused_with_the_reason() {
    refused(r#", "autodiscover": false, "autodiscover_url": "https://a.example.com""#, "autodiscover_url", "take one of them out");
    refused(r#", "prefer": "internal""#, "prefer", "add `autodiscover = true`");
    refused(r#", "autodiscover_url": "http://a.example.com/""#, "autodiscover_url", "must begin with https://");
    let old = r#", "version": "Exchange2007_SP1", "autodiscover_url": "https://a.example.com/autodiscover/Autodiscover.svc""#;
    refused(old, "autodiscover_url", "autodiscover.xml");
    refused(r#", "impersonation": false, "resolve_by": "candidates""#, "resolve_by", "only by impersonation");
    refused(r#", "impersonation": false, "sender": "a@example.com""#, "sender", "the account's own");
    let searched = open_at("", r#"{ "test_user": "test@example.com", "autodiscover": false }"#).unwrap_err();
    assert!(searched.message.contains("settings.autodiscover") && searched.message.contains("no `url`"), "{}", searched.message);
    refused(r#", "login_domains": ["a@example.com"]"#, "login_domains", "behind the @");
    let error = open_at("https://mail.example.com", r#"{ "test_user": "svc-calport", "autodiscover": true }"#).unwrap_err();
    assert!(error.message.contains("settings.test_user") && error.message.contains("no mail address"), "{}", error.message);
}

#[test]
fn feat_settings_a_misspelt_or_a_missing_one_is_refused() {
    let unknown = open(r#", "autodiscovery": true"#).unwrap_err();
    assert!(unknown.message.contains("autodiscovery"), "{}", unknown.message);
    assert!(open_at("https://a", "{}").unwrap_err().message.contains("test_user"));
    assert!(open(r#", "prefer": "nearest""#).is_err());
}

#[test]
fn feat_c16_people_are_looked_for_as_the_settings_say() {
    let lookup = open(r#", "resolve_by": "candidates", "login_domains": ["example.com", " example.org "]"#).unwrap().manner.lookup;
    assert_eq!((lookup.asker, lookup.domains), (Asker::Candidate, vec!["example.com".to_owned(), "example.org".to_owned()]));
}

/// The descriptor, as `calport plugin inspect` shows it.
#[test]
fn golden_descriptor_of_exchange_on_premises() {
    let said = OnPremises::descriptor();
    assert_eq!((said.name.as_str(), said.display_name.as_str()), ("exchange-onprem", "EWS"));
    let [endpoint] = said.endpoints.as_slice() else { panic!("{:?}", said.endpoints) };
    assert_eq!((endpoint.name.as_str(), endpoint.usual_url.as_str(), endpoint.required), ("ews", "", true));
    assert_eq!(endpoint.schemes, ["ntlm", "negotiate", "fba", "basic"]);
    let needed: Vec<_> = said.permissions.iter().map(|p| (p.name.as_str(), p.needed_for.as_str(), p.required)).collect();
    let role = "ApplicationImpersonation";
    let expected = [("calendar", true), ("directory", true), ("absence", false), ("categories", false), ("mail", false)];
    assert_eq!(needed, expected.map(|(needed_for, required)| (role, needed_for, required)));
    let schema: serde_json::Value = serde_json::from_str(&said.settings_schema).unwrap();
    assert_eq!(schema["required"], serde_json::json!(["test_user"]));
    let mut names: Vec<&str> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    let own = ["autodiscover", "autodiscover_url", "impersonation", "login_domains", "prefer", "resolve_by"];
    let shared = ["account", "expand_series", "read_bodies", "sender", "test_user", "version"];
    assert!(own.iter().chain(&shared).all(|name| names.contains(name)), "{names:?}");
    assert!(schema["additionalProperties"] == false || schema["unevaluatedProperties"] == false, "{schema}");
    assert!(schema["properties"].as_object().unwrap().values().all(|p| p["description"].is_string()), "{schema:#}");
    assert!(!said.settings_schema.to_lowercase().contains("password"), "the host logs in");
}

#[test]
fn rule_1e_the_version_is_shown_as_it_always_was() {
    let build = ServerBuild { major: 15, minor: 2, build: 2562, revision: 17 };
    let (server, version) = product(build);
    assert_eq!(format!("{server}({version})"), "Microsoft Exchange(v15.02.2562.0017)");
    assert_eq!(findings(build)[0].message, "the server is Exchange 2019 or SE");
    let online = findings(ServerBuild { minor: 20, ..build });
    assert!(online[0].severity == Severity::Problem && online[0].remedy.contains("`graph`"), "{online:?}");
}
