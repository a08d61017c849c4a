//! Hosts and URLs of the procedure: which may have the credential, and how a URL is shown.

use std::collections::BTreeSet;

use url::{Host, Url};

/// Longest URL that is followed.
const MOST_URL: usize = 2_048;

/// Longest mail address (RFC 5321: 64 before the `@`, 255 behind it).
const MOST_ADDRESS: usize = 320;

/// Longest URL that is shown, in characters.
const SHOWN_CHARS: usize = 300;

/// The domain of a mail address in its form on the wire; none if it has none.
pub fn domain_of(address: &str) -> Option<String> {
    let address = address.trim();
    let (local, domain) = address.rsplit_once('@').filter(|_| address.len() <= MOST_ADDRESS)?;
    let fine = !local.is_empty() && !address.chars().any(|c| c.is_control() || c.is_whitespace());
    host_name(domain).filter(|_| fine)
}

/// A host name in its form on the wire; none for addresses and for what is no name.
pub fn host_name(name: &str) -> Option<String> {
    let name = name.trim().trim_end_matches('.');
    match Host::parse(name) {
        Ok(Host::Domain(domain)) if domain.len() <= 253 && !domain.starts_with('.') => Some(domain),
        _ => None,
    }
}

/// The host of a URL as it is compared, without a dot at its end.
pub fn host_of(url: &Url) -> String {
    url.host_str().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase()
}

/// A URL that may be asked with a credential as far as its form goes: https, a host, no user inside, not too long.
pub fn secure(url: &str) -> Option<Url> {
    let url = Url::parse(url.trim()).ok().filter(|_| url.len() <= MOST_URL)?;
    is_secure(&url).then_some(url)
}

/// As [`secure`], of a URL that was already read.
pub fn is_secure(url: &Url) -> bool {
    url.scheme() == "https" && !host_of(url).is_empty() && url.username().is_empty() && url.password().is_none()
}

/// Where a redirect leads; none for what is no URL or too long a one.
pub fn joined(base: &Url, location: &str) -> Option<Url> {
    let location = location.trim();
    (location.len() <= MOST_URL).then(|| base.join(location).ok()).flatten()
}

/// A URL for people: without query, fragment and user, which may hold secrets.
pub fn shown(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let parts = [url.scheme(), "://", url.host_str().unwrap_or_default(), &port, url.path()];
    parts.iter().flat_map(|part| part.chars()).take(SHOWN_CHARS).collect()
}

/// Hosts that may have the credential.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// Exact names.
    hosts: BTreeSet<String>,
    /// Names with everything below them.
    domains: BTreeSet<String>,
    /// Names that were refused.
    refused: BTreeSet<String>,
}

/// Whether a host may have the credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Yes,
    Ask,
    No,
}

impl Trust {
    /// Trusts one host.
    pub fn add_host(&mut self, host: String) {
        self.hosts.insert(host);
    }

    /// Trusts a domain with the hosts below it. Below a name without a dot anybody may have a host.
    pub fn add_domain(&mut self, domain: String) {
        if domain.contains('.') && Host::parse(&domain).is_ok_and(|host| matches!(host, Host::Domain(_))) {
            self.domains.insert(domain.clone());
        }
        self.hosts.insert(domain);
    }

    /// Keeps what somebody said about a host.
    pub fn decide(&mut self, host: String, agreed: bool) {
        if agreed {
            self.hosts.insert(host);
        } else {
            self.refused.insert(host);
        }
    }

    pub fn verdict(&self, host: &str) -> Verdict {
        let below = |domain: &String| host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.'));
        if self.hosts.contains(host) || self.domains.iter().any(below) {
            Verdict::Yes
        } else if self.refused.contains(host) {
            Verdict::No
        } else {
            Verdict::Ask
        }
    }

    /// The hosts that were refused.
    pub fn refused(&self) -> Vec<String> {
        self.refused.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b48_only_hosts_of_the_domain_are_trusted() {
        let mut trust = Trust::default();
        trust.add_domain("contoso.com".into());
        trust.add_domain("corp".into());
        for (host, verdict) in [
            ("contoso.com", Verdict::Yes),
            ("mail.contoso.com", Verdict::Yes),
            ("evilcontoso.com", Verdict::Ask),
            ("contoso.com.evil.net", Verdict::Ask),
            ("corp", Verdict::Yes),
            ("evil.corp", Verdict::Ask),
        ] {
            assert_eq!(trust.verdict(host), verdict, "{host}");
        }
        trust.decide("a.b".into(), false);
        assert_eq!(trust.verdict("a.b"), Verdict::No);
    }

    #[test]
    fn b48_a_domain_is_a_name_and_nothing_else() {
        assert_eq!(domain_of("a@Contoso.COM."), Some("contoso.com".into()));
        assert_eq!(domain_of("a@müller.de"), Some("xn--mller-kva.de".into()));
        for wrong in
            ["contoso.com", "@contoso.com", "a@", "a@1.2.3.4", "a@[::1]", "a@b.com/x", "a@b.com:443", "a b@c.de", "a@b\r\nc", "a@.de"]
        {
            assert_eq!(domain_of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn b48_urls_for_a_credential_are_https_without_a_user() {
        assert!(secure("https://a.b/c").is_some());
        for wrong in ["http://a.b/", "https://user@a.b/", "https://user:pw@a.b/", "ftp://a.b", "//a.b", "https://", ""] {
            assert!(secure(wrong).is_none(), "{wrong}");
        }
        assert_eq!(shown(&Url::parse("https://u:p@a.b:8443/x?token=1#f").unwrap()), "https://a.b:8443/x");
    }
}
