//! `GetUserSettings`, as Exchange 2010 brought it.

use super::{Facts, Reply, Told};
use crate::ews::log::Seen;
use crate::ews::server::Answer;
use crate::ews::soap::document;
use crate::ews::version::Version;
use crate::ews::xml::{Element, SOAP, parse};

const NAMESPACE: &str = "http://schemas.microsoft.com/exchange/2010/Autodiscover";
const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";
const ADDRESSING: &str = "http://www.w3.org/2005/08/addressing";
const KIND: &str = "text/xml; charset=utf-8";
/// Mailboxes in one request at most.
const MOST: usize = 90;

/// Names of settings that a server knows and this one has no value for.
const WITHOUT_VALUE: &[&str] = &[
    "ActiveDirectoryServer",
    "AlternateMailboxes",
    "CrossOrganizationSharingEnabled",
    "EcpDeliveryReportUrlFragment",
    "EcpEmailSubscriptionsUrlFragment",
    "EcpPublishingUrlFragment",
    "EcpTextMessagingUrlFragment",
    "EcpVoicemailUrlFragment",
    "EwsPartnerUrl",
    "ExternalEcpUrl",
    "ExternalImap4Connections",
    "ExternalOABUrl",
    "ExternalPhotosUrl",
    "ExternalPop3Connections",
    "ExternalPublicFolderUrl",
    "ExternalSmtpConnections",
    "ExternalUMUrl",
    "ExternalWebClientUrls",
    "InternalEcpUrl",
    "InternalImap4Connections",
    "InternalOABUrl",
    "InternalPhotosUrl",
    "InternalPop3Connections",
    "InternalSmtpConnections",
    "InternalUMUrl",
    "InternalWebClientUrls",
    "MobileMailboxPolicy",
    "MobileMailboxPolicyInterval",
    "PublicFolderServer",
    "ShowGalAsDefaultView",
    "UserMSOnline",
];

/// The value of a setting.
///
/// # Errors
/// The code for a setting without one.
fn value(facts: &Facts, name: &str) -> Result<String, &'static str> {
    let schemas = || {
        let known = Version::ALL.iter().filter(|v| **v <= facts.version).filter_map(|v| v.schema());
        known.collect::<Vec<_>>().join(", ")
    };
    let (a, b, c, d, _) = facts.version.info();
    Ok(match name {
        "UserDisplayName" => facts.name.clone(),
        "UserDN" => facts.dn(),
        "UserDeploymentId" => "5d4fd5c2-9c5c-4c3e-a2f1-5f3a4c8a9d10".to_owned(),
        "AutoDiscoverSMTPAddress" => facts.address.clone(),
        "MailboxDN" => format!("{}/cn=Microsoft Private MDB", Facts::server_dn()),
        "InternalMailboxServer" => Facts::server().to_owned(),
        "InternalMailboxServerDN" => Facts::server_dn().to_owned(),
        "ExternalMailboxServer" => Facts::server().to_owned(),
        "ExternalMailboxServerRequiresSSL" => "True".to_owned(),
        "ExternalMailboxServerAuthenticationMethods" => facts.package.to_owned(),
        "ExternalEwsUrl" => facts.external.clone(),
        "InternalEwsUrl" => facts.internal.clone(),
        "ExternalEwsVersion" | "CasVersion" => format!("{a}.{b}.{c}.{d}"),
        "EwsSupportedSchemas" => schemas(),
        "GroupingInformation" if facts.version >= Version::Exchange2013 => facts.grouping.clone(),
        "GroupingInformation" => return Err("SettingIsNotAvailable"),
        other if WITHOUT_VALUE.contains(&other) => return Err("SettingIsNotAvailable"),
        _ => return Err("InvalidSetting"),
    })
}

/// Answers a request; `tell` gives what is known of an address.
///
/// # Errors
/// What comes in place of an answer.
pub(super) fn answer(body: &[u8], version: Version, here: &str, tell: impl Fn(&str) -> Told, seen: &mut Seen) -> Result<Answer, Reply> {
    let Ok(root) = parse(body) else { return Ok(Answer::bare(400)) };
    let request = root.at(&["Body", "GetUserSettingsRequestMessage", "Request"]);
    let Some(request) = request.filter(|_| root.name == "s:Envelope") else { return Ok(fault(version)) };
    "GetUserSettings".clone_into(&mut seen.operation);
    let header = root.child("Header");
    let asked_version = header.and_then(|h| h.value("RequestedServerVersion")).filter(|v| !v.is_empty());
    seen.version = asked_version.map(str::to_owned);
    let addresses: Vec<&str> =
        request.child("Users").map(|u| u.all("User").filter_map(|u| u.value("Mailbox")).collect()).unwrap_or_default();
    let wanted: Vec<&str> =
        request.child("RequestedSettings").map(|s| s.all("Setting").map(|s| s.text.trim()).collect()).unwrap_or_default();
    seen.mailbox = addresses.first().map(|a| (*a).to_owned());
    let refusal = if asked_version.is_none() {
        Some("The header 'RequestedServerVersion' is missing or its value is invalid.")
    } else if addresses.is_empty() || wanted.is_empty() {
        Some("The request is missing users or requested settings.")
    } else if addresses.len() > MOST {
        Some("The request asks for the settings of too many users.")
    } else {
        None
    };
    if let Some(text) = refusal {
        let response = Element::new("Response").with_text("ErrorCode", "InvalidRequest").with_text("ErrorMessage", text);
        return Ok(write(version, response));
    }
    let mut responses = Element::new("UserResponses");
    for address in addresses {
        responses = responses.with(user(tell(address), &wanted, here)?);
    }
    let response = Element::new("Response").with_text("ErrorCode", "NoError").with(Element::new("ErrorMessage")).with(responses);
    Ok(write(version, response))
}

fn user(told: Told, wanted: &[&str], here: &str) -> Result<Element, Reply> {
    let refused = |code: &str, text: &str, target: Option<String>| {
        Element::new("UserResponse")
            .with_text("ErrorCode", code)
            .with_text("ErrorMessage", text)
            .with(target.map_or_else(|| Element::new("RedirectTarget").attr("i:nil", "true"), |t| Element::of("RedirectTarget", t)))
            .with(Element::new("UserSettingErrors"))
            .with(Element::new("UserSettings"))
    };
    Ok(match told {
        Told::Facts(facts) => settings(&facts, wanted),
        Told::Address(to) => refused("RedirectAddress", "Redirection address.", Some(to)),
        Told::Url(to) => refused("RedirectUrl", "Redirection URL.", Some(to)),
        Told::Error(code) => refused(&code, "The user's settings are not available.", None),
        Told::Other(Reply::Loop) => refused("RedirectUrl", "Redirection URL.", Some(here.to_owned())),
        Told::Other(reply) => return Err(reply),
    })
}

fn settings(facts: &Facts, wanted: &[&str]) -> Element {
    let mut errors = Element::new("UserSettingErrors");
    let mut values = Element::new("UserSettings");
    for name in wanted {
        match value(facts, name) {
            Ok(value) => {
                let one = Element::new("UserSetting").attr("i:type", "StringSetting");
                values = values.with(one.with_text("Name", name).with_text("Value", value));
            }
            Err(code) => {
                let one = Element::new("UserSettingError").with_text("ErrorCode", code);
                errors = errors
                    .with(one.with_text("ErrorMessage", format!("The setting {name} is not available.")).with_text("SettingName", name));
            }
        }
    }
    Element::new("UserResponse")
        .with_text("ErrorCode", "NoError")
        .with_text("ErrorMessage", "No error.")
        .with(Element::new("RedirectTarget").attr("i:nil", "true"))
        .with(errors)
        .with(values)
}

fn envelope(version: Version, action: &str, content: Element) -> String {
    let (major, minor, build, revision, _) = version.info();
    let info = Element::new("h:ServerVersionInfo")
        .attr("xmlns:h", NAMESPACE)
        .with_text("h:MajorVersion", major)
        .with_text("h:MinorVersion", minor)
        .with_text("h:MajorBuildNumber", build)
        .with_text("h:MinorBuildNumber", revision)
        .with_text("h:Version", version.schema().unwrap_or("Exchange2016"));
    let action = Element::of("a:Action", format!("{NAMESPACE}/Autodiscover/{action}")).attr("s:mustUnderstand", 1);
    let header = Element::new("s:Header").with(action).with(info);
    let root = Element::new("s:Envelope").attr("xmlns:s", SOAP).attr("xmlns:a", ADDRESSING);
    document(&root.with(header).with(Element::new("s:Body").with(content)))
}

fn write(version: Version, response: Element) -> Answer {
    let response = Element { attributes: vec![("xmlns:i".to_owned(), INSTANCE.to_owned())], ..response };
    let message = Element::new("GetUserSettingsResponseMessage").attr("xmlns", NAMESPACE).with(response);
    Answer::text(200, KIND, envelope(version, "GetUserSettingsResponse", message))
}

/// For what is none of its operations.
fn fault(version: Version) -> Answer {
    let content = Element::new("s:Fault")
        .with_text("faultcode", "s:Client")
        .with(Element::of("faultstring", "The message with this action cannot be processed at the receiver.").attr("xml:lang", "en-US"));
    Answer::text(500, KIND, envelope(version, "fault", content))
}
