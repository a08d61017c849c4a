//! Names of accounts. `DOMAIN\name` with the domain's short or DNS name, `name@domain` and, for the server's own domain, the bare
//! name are the same account, in any case of letters.

use super::Doors;
use crate::ews::auth::Identity;
use crate::ews::config::{Account, Config};
use crate::graph::state::State;

/// Name and domain in one form.
fn parts(doors: &Doors, user: &str, domain: &str) -> (String, String) {
    let (name, domain) = match (domain.is_empty(), user.split_once('\\'), user.rsplit_once('@')) {
        (true, Some((domain, name)), _) | (true, None, Some((name, domain))) => (name, domain),
        _ => (user, domain),
    };
    let own = domain.is_empty() || domain == "." || domain.eq_ignore_ascii_case(&doors.domain);
    let domain = if own { &doors.dns_domain } else { domain };
    (name.to_lowercase(), domain.to_lowercase())
}

/// The account that a name means; `domain` is empty where the name holds it.
pub(crate) fn known<'a>(config: &'a Config, user: &str, domain: &str) -> Option<&'a Account> {
    let asked = parts(&config.doors, user, domain);
    config.accounts.iter().find(|a| parts(&config.doors, &a.user, "") == asked)
}

/// Who an account is: by its own name, or by the address that its name stands for if somebody has it.
pub(crate) fn identity(config: &Config, state: &State, account: &Account) -> Identity {
    let (name, domain) = parts(&config.doors, &account.user, "");
    let address = format!("{name}@{domain}");
    let user = if state.user(&account.user).is_err() && state.user(&address).is_ok() { address } else { account.user.clone() };
    Identity::Account { user, impersonation: account.impersonation }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c05_every_form_of_a_name_means_the_same_account() {
        let accounts = vec![Account::service("svc@example.test", "p"), Account::person("OTHER\\straße", "q")];
        let config = Config { accounts, ..Config::default() };
        let found = |user: &str, domain: &str| known(&config, user, domain).map(|a| a.user.as_str());
        for (user, domain) in
            [("svc", "EXAMPLE"), ("SVC", "example.test"), ("svc@Example.Test", ""), ("example\\svc", ""), ("svc", ""), ("svc", ".")]
        {
            assert_eq!(found(user, domain), Some("svc@example.test"), "{domain} {user}");
        }
        assert_eq!(found("Straße", "other"), Some("OTHER\\straße"));
        for (user, domain) in [("svc", "OTHER"), ("svc@other.test", ""), ("strasse", "OTHER"), ("straße", "")] {
            assert_eq!(found(user, domain), None, "{domain} {user}");
        }
    }
}
