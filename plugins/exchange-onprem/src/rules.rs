//! From settings to a connection, and what cannot be together.

use calport_ews_connector::{Access, Asker, Lookup, Manner, Opening, Remedies, Version};
use calport_ews_protocol::ServerVersion;
use calport_ews_protocol::autodiscover::{Discovery, Options, UrlChoice};
use calport_sdk::common::{Error, ErrorScope};
use calport_sdk::error::{self, ErrorExt};

use crate::place;
use crate::settings::{Prefer, ResolveBy, Settings};

/// The connection that the settings mean.
///
/// # Errors
/// `invalid` with the reason.
pub fn opening(settings: Settings, url: &str) -> Result<Opening, Error> {
    let searched = url.is_empty();
    let url = if searched { String::new() } else { place::completed(url)? };
    let search = search(&settings, searched)?;
    rights(&settings)?;
    let lookup = Lookup { asker: asker(&settings), domains: domains(&settings)?, opens: true };
    let access = if settings.impersonation { Access::Impersonation } else { Access::Sharing };
    let remedies = Remedies { product: crate::product, findings: crate::findings, ..Remedies::default() };
    Ok(Opening { url, settings: settings.common, manner: Manner { access, lookup, remedies }, search })
}

fn refused(field: &str, reason: impl Into<String>) -> Error {
    error::invalid(format!("settings.{field}"), reason).with_scope(ErrorScope::Connection)
}

fn search(settings: &Settings, searched: bool) -> Result<Options, Error> {
    let told = settings.autodiscover_url.as_deref();
    if let (Some(false), Some(_)) = (settings.autodiscover, told) {
        let reason = "it says where to search for the server, and `autodiscover = false` that nobody searches; take one of them out";
        return Err(refused("autodiscover_url", reason));
    }
    if let (true, Some(false)) = (searched, settings.autodiscover) {
        let reason = "the endpoint has no `url`, so the server is searched for; give the URL, or take this setting out";
        return Err(refused("autodiscover", reason));
    }
    let wanted = settings.autodiscover.unwrap_or(told.is_some());
    if let (false, Some(_)) = (wanted, settings.prefer) {
        let reason = "it chooses between the two URLs that Autodiscover tells; add `autodiscover = true`, or take it out";
        return Err(refused("prefer", reason));
    }
    let version = settings.common.version.map_or(ServerVersion::LATEST, Version::server);
    if version < ServerVersion::Exchange2010 && told.is_some_and(|url| url.to_ascii_lowercase().ends_with(".svc")) {
        let reason =
            "Exchange 2007 has no Autodiscover by SOAP; name its URL that ends in /autodiscover/autodiscover.xml, or the server alone";
        return Err(refused("autodiscover_url", reason));
    }
    let choice = match settings.prefer {
        Some(Prefer::Internal) => UrlChoice::Internal,
        Some(Prefer::External) => UrlChoice::External,
        None => UrlChoice::default(),
    };
    let options = Options { url: told.map(str::to_owned), choice, version, ..Options::default() };
    if wanted || searched {
        let field = if told.is_some() && settings.common.test_user.contains('@') { "autodiscover_url" } else { "test_user" };
        Discovery::new(&settings.common.test_user, options.clone()).map_err(|e| refused(field, e.to_string()))?;
    }
    Ok(options)
}

/// What needs impersonation.
fn rights(settings: &Settings) -> Result<(), Error> {
    if settings.impersonation {
        return Ok(());
    }
    if settings.resolve_by == ResolveBy::Candidates {
        let reason = "people are asked for in their own name only by impersonation, which `impersonation = false` forbids";
        return Err(refused("resolve_by", reason));
    }
    if settings.common.sender.is_some() {
        let reason = "a mail leaves from a chosen mailbox only by impersonation; with `impersonation = false` it leaves from the account's own, \
             so take `sender` out";
        return Err(refused("sender", reason));
    }
    Ok(())
}

const fn asker(settings: &Settings) -> Asker {
    match settings.resolve_by {
        ResolveBy::TestUser => Asker::TestUser,
        ResolveBy::Candidates => Asker::Candidate,
    }
}

fn domains(settings: &Settings) -> Result<Vec<String>, Error> {
    let one = |domain: &String| {
        let domain = domain.trim();
        let fine = !domain.is_empty()
            && domain.len() <= 253
            && !domain.contains(|c: char| c.is_whitespace() || c.is_control() || "@\\/:".contains(c));
        let reason =
            || refused("login_domains", format!("`{domain}` is no mail domain; write what stands behind the @, such as example.com"));
        fine.then(|| domain.to_owned()).ok_or_else(reason)
    };
    settings.login_domains.iter().map(one).collect()
}
