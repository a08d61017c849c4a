//! Where EWS is: from what an administrator writes to its URL (FEATURES C07).

use calport_sdk::common::{Error, ErrorScope};
use calport_sdk::error::{self, ErrorExt};
use url::Url;

/// Where EWS is on every server.
const PATH: &str = "/EWS/Exchange.asmx";

/// First parts of paths that are other services of the same server.
const OTHER_SERVICES: [&str; 8] = ["owa", "ecp", "autodiscover", "mapi", "rpc", "oab", "powershell", "microsoft-server-activesync"];

/// Hosts of Exchange Online, each with everything below it.
const ONLINE: [&str; 5] = ["outlook.office365.com", "outlook.office.com", "outlook.office365.us", "partner.outlook.cn", "outlook.com"];

/// The URL of EWS: a server's name or address is completed, a whole URL kept.
///
/// # Errors
/// `invalid` for another service of the server, and for Exchange Online.
pub fn completed(url: &str) -> Result<String, Error> {
    let invalid = |reason: String| error::invalid("endpoints.ews.url", reason).with_scope(ErrorScope::Connection);
    // A name alone is one of a server that speaks TLS.
    let whole = if url.contains("://") { url.to_owned() } else { format!("https://{url}") };
    let mut parsed = Url::parse(&whole).map_err(|e| invalid(format!("it is no URL: {e}; write a server's name or https://NAME{PATH}")))?;
    let host = parsed.host_str().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
    if is_online(&host) {
        return Err(invalid(format!(
            "{host} is Exchange Online, which takes no NTLM, Kerberos, login form or service credentials: use the connector `graph`, or `ews` \
             with `oauth2-client-credentials` until EWS ends there"
        )));
    }
    let path = parsed.path().trim_matches('/').to_ascii_lowercase();
    let first = path.split('/').next().unwrap_or_default();
    if OTHER_SERVICES.contains(&first) {
        let server = parsed.host_str().unwrap_or_default();
        return Err(invalid(format!("/{first} is another service of the server; EWS is at https://{server}{PATH}")));
    }
    if matches!(path.as_str(), "" | "ews") {
        parsed.set_path(PATH);
    }
    Ok(parsed.as_str().trim_end_matches('/').to_owned())
}

fn is_online(host: &str) -> bool {
    ONLINE.iter().any(|online| host == *online || host.strip_suffix(online).is_some_and(|rest| rest.ends_with('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feat_c07_a_name_or_an_address_becomes_the_url_of_ews() {
        for (written, meant) in [
            ("https://mail.example.com", "https://mail.example.com/EWS/Exchange.asmx"),
            ("https://mail.example.com/", "https://mail.example.com/EWS/Exchange.asmx"),
            ("https://mail.example.com/ews", "https://mail.example.com/EWS/Exchange.asmx"),
            ("https://mail.example.com/EWS/", "https://mail.example.com/EWS/Exchange.asmx"),
            ("https://10.1.2.3", "https://10.1.2.3/EWS/Exchange.asmx"),
            ("https://[fd00::7]:8443", "https://[fd00::7]:8443/EWS/Exchange.asmx"),
            ("mail", "https://mail/EWS/Exchange.asmx"),
            ("mail.example.com", "https://mail.example.com/EWS/Exchange.asmx"),
            ("http://mail.example.com:8080", "http://mail.example.com:8080/EWS/Exchange.asmx"),
            ("https://mail.example.com/ews/exchange.asmx", "https://mail.example.com/ews/exchange.asmx"),
            ("https://proxy.example.com/mail/EWS/Exchange.asmx", "https://proxy.example.com/mail/EWS/Exchange.asmx"),
        ] {
            assert_eq!(completed(written).unwrap(), meant, "{written}");
        }
    }

    #[test]
    fn feat_c07_other_services_are_refused_with_the_url_that_is_meant() {
        for path in ["owa", "OWA/auth/logon.aspx", "ecp/", "Autodiscover/Autodiscover.xml", "Microsoft-Server-ActiveSync"] {
            let error = completed(&format!("https://mail.example.com/{path}")).unwrap_err();
            assert!(error.message.contains("EWS is at https://mail.example.com/EWS/Exchange.asmx"), "{}", error.message);
            assert_eq!(error.scope, ErrorScope::Connection);
        }
        assert!(completed("https://").is_err());
    }

    #[test]
    fn feat_c05_exchange_online_takes_no_login_of_a_domain() {
        for host in ["outlook.office365.com", "Outlook.Office365.com.", "eur.outlook.com", "outlook.office365.us"] {
            let error = completed(&format!("https://{host}/EWS/Exchange.asmx")).unwrap_err();
            assert!(error.message.contains("service credentials") && error.message.contains("`graph`"), "{}", error.message);
        }
        completed("https://outlook.example.com").unwrap();
        completed("https://notoutlook.com").unwrap();
    }
}
