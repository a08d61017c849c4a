//! The older protocol, plain XML made for Outlook.

use super::{Facts, Reply, Told};
use crate::ews::log::Seen;
use crate::ews::server::Answer;
use crate::ews::soap::document;
use crate::ews::version::Version;
use crate::ews::xml::{Element, parse};

const OUTER: &str = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006";
const INNER: &str = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a";

/// Answers a request; `tell` gives what is known of an address.
///
/// # Errors
/// What comes in place of an answer.
pub(super) fn answer(body: &[u8], tell: impl Fn(&str) -> Told, seen: &mut Seen) -> Result<Answer, Reply> {
    "Autodiscover".clone_into(&mut seen.operation);
    let root = parse(body).ok().filter(|r| r.local() == "Autodiscover");
    let request = root.as_ref().and_then(|r| r.child("Request"));
    let address = request.and_then(|r| r.value("EMailAddress")).filter(|a| a.contains('@'));
    let (Some(request), Some(address)) = (request, address) else { return Ok(error(600, "Invalid Request")) };
    seen.mailbox = Some(address.to_owned());
    if request.value("AcceptableResponseSchema") != Some(INNER) {
        return Ok(error(601, "The requested schema version is not supported."));
    }
    Ok(match tell(address) {
        Told::Facts(facts) => write(&settings(&facts)),
        Told::Address(to) => write(&[redirect("redirectAddr", "RedirectAddr", &to)]),
        Told::Url(to) => write(&[redirect("redirectUrl", "RedirectUrl", &to)]),
        Told::Error(code) => match code.as_str() {
            "InvalidUser" => error(500, "The email address can't be found."),
            "InvalidRequest" => error(600, "Invalid Request"),
            _ => error(603, "The Autodiscover service has failed."),
        },
        Told::Other(reply) => return Err(reply),
    })
}

fn redirect(action: &str, name: &str, to: &str) -> Element {
    Element::new("Account").with_text("AccountType", "email").with_text("Action", action).with_text(name, to)
}

fn write(parts: &[Element]) -> Answer {
    let response = Element::new("Response").attr("xmlns", INNER).with_all(parts.iter().cloned());
    text(response)
}

fn error(code: u16, message: &str) -> Answer {
    let error = Element::new("Error").attr("Time", "08:00:00.0000000").attr("Id", "2477272013");
    let error = error.with_text("ErrorCode", code).with_text("Message", message).with(Element::new("DebugData"));
    text(Element::new("Response").with(error))
}

fn text(response: Element) -> Answer {
    let root = Element::new("Autodiscover").attr("xmlns", OUTER).with(response);
    Answer::text(200, "text/xml; charset=utf-8", document(&root))
}

fn settings(facts: &Facts) -> [Element; 2] {
    let user = Element::new("User")
        .with_text("DisplayName", &facts.name)
        .with_text("LegacyDN", facts.dn())
        .with_text("AutoDiscoverSMTPAddress", &facts.address)
        .with_text("DeploymentId", "5d4fd5c2-9c5c-4c3e-a2f1-5f3a4c8a9d10");
    let (a, b, c, _, _) = facts.version.info();
    // The number that Outlook reads: seven bits each for major and minor version, then the build.
    let number = a << 25 | b << 18 | 0x8000 | (c & 0x7fff);
    let inside = Element::new("Protocol")
        .with_text("Type", "EXCH")
        .with_text("Server", Facts::server())
        .with_text("ServerDN", Facts::server_dn())
        .with_text("ServerVersion", format!("{number:08X}"))
        .with_text("MdbDN", format!("{}/cn=Microsoft Private MDB", Facts::server_dn()))
        .with_all(urls(facts, &facts.internal));
    let outside = Element::new("Protocol")
        .with_text("Type", "EXPR")
        .with_text("Server", Facts::server())
        .with_text("SSL", "On")
        .with_text("AuthPackage", facts.package)
        .with_all(urls(facts, &facts.external));
    let both = |url: &str| {
        let protocol = Element::new("Protocol").with_text("Type", "EXHTTP").with_text("Server", Facts::server()).with_text("SSL", "On");
        protocol.with_text("AuthPackage", facts.package).with_all(urls(facts, url))
    };
    let mut account = Element::new("Account").with_text("AccountType", "email").with_text("Action", "settings").with(inside).with(outside);
    if facts.version >= Version::Exchange2013 {
        account = account.with(both(&facts.internal)).with(both(&facts.external));
    }
    let account = account.with_text("MicrosoftOnline", if facts.version == Version::Online { "True" } else { "False" });
    [user, account]
}

fn urls(facts: &Facts, url: &str) -> Vec<Element> {
    let mut all = vec![Element::of("ASUrl", url), Element::of("OOFUrl", url)];
    // Versions before 2010 name the service by its first use only.
    if facts.version >= Version::Exchange2010 {
        all.push(Element::of("EwsUrl", url));
    }
    all
}
