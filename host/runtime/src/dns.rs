//! Service lookups (RFC 2782) for connectors, of the domains that the connection allows.
//!
//! A name that is asked for reaches name servers on the way, so a free choice of names would let a connector carry data
//! out. Only `_service._proto.` of a domain that the connection lists, and of its sub-domains, is asked for.

use std::time::Duration;

use futures::future::BoxFuture;
use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::RData;
use tokio::sync::OnceCell;

/// A service record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SrvRecord {
    /// Lower is tried first.
    pub priority: u16,
    /// Share among equals.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// The host name, without a dot at the end.
    pub target: String,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SrvError {
    /// The name does not exist, or has no service records.
    #[error("there are no service records of this name")]
    None,
    /// No name server answered, or not in time.
    #[error("{0}")]
    Failed(String),
}

/// Looks service records up.
pub trait SrvLookup: Send + Sync {
    /// The records of a name, in any order.
    fn srv(&self, name: String) -> BoxFuture<'_, Result<Vec<SrvRecord>, SrvError>>;
}

/// The name servers of the machine's configuration.
#[derive(Default)]
pub struct SystemSrv {
    resolver: OnceCell<TokioResolver>,
}

/// A lookup takes milliseconds where it works; a dead name server must not hold a call longer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Records of one answer; more than this is no service anybody runs.
const RECORDS: usize = 64;

impl SrvLookup for SystemSrv {
    fn srv(&self, name: String) -> BoxFuture<'_, Result<Vec<SrvRecord>, SrvError>> {
        Box::pin(async move {
            let failed = |error: String| SrvError::Failed(format!("the machine's name servers: {error}"));
            let resolver = self
                .resolver
                .get_or_try_init(|| async { TokioResolver::builder_tokio()?.build() })
                .await
                .map_err(|error| failed(error.to_string()))?;
            let answer = tokio::time::timeout(PATIENCE, resolver.srv_lookup(format!("{name}.")))
                .await
                .map_err(|_| failed(format!("no answer within {} s", PATIENCE.as_secs())))?;
            let lookup = match answer {
                Ok(lookup) => lookup,
                Err(error) if error.is_no_records_found() || error.is_nx_domain() => return Err(SrvError::None),
                Err(error) => return Err(failed(error.to_string())),
            };
            let records = lookup.answers().iter().filter_map(|record| match &record.data {
                RData::SRV(srv) => Some(SrvRecord {
                    priority: srv.priority,
                    weight: srv.weight,
                    port: srv.port,
                    target: srv.target.to_ascii().trim_end_matches('.').to_owned(),
                }),
                _ => None,
            });
            Ok(records.take(RECORDS).collect())
        })
    }
}

/// Whether a name may be asked for; the reason if not.
pub(crate) fn check(name: &str, domains: &[String]) -> Result<String, String> {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let letters = |text: &str| {
        !text.is_empty() && text.len() <= 63 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    let label = |text: Option<&str>| text.and_then(|text| text.strip_prefix('_')).is_some_and(letters);
    let mut parts = name.splitn(3, '.');
    let (service, protocol, domain) = (parts.next(), parts.next(), parts.next().unwrap_or_default());
    if name.len() > 253 || !label(service) || !label(protocol) || !domain.split('.').all(letters) {
        return Err(format!("`{}` is no service name such as `_service._tcp.example.com`", crate::guest_log::clean(&name, 80)));
    }
    let allowed = domains.iter().map(|allowed| allowed.trim_matches('.').to_ascii_lowercase()).any(|allowed| {
        !allowed.is_empty() && (domain == allowed || domain.strip_suffix(allowed.as_str()).is_some_and(|rest| rest.ends_with('.')))
    });
    if allowed {
        Ok(name)
    } else {
        Err(format!("the connection's discovery rule does not list the domain `{domain}`; add it there to allow lookups"))
    }
}

/// Best first: by priority, then by weight.
pub(crate) fn order(records: &mut [SrvRecord]) {
    records.sort_by(|a, b| a.priority.cmp(&b.priority).then(b.weight.cmp(&a.weight)).then_with(|| a.target.cmp(&b.target)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feat_x02_lookups_reach_only_listed_domains() {
        let domains = ["Example.com".to_owned()];
        assert_eq!(check("_autodiscover._tcp.EXAMPLE.com.", &domains).as_deref(), Ok("_autodiscover._tcp.example.com"));
        assert!(check("_autodiscover._tcp.mail.example.com", &domains).is_ok());
        for name in [
            "_autodiscover._tcp.notexample.com",
            "_autodiscover._tcp.example.com.evil.org",
            "example.com",
            "secret.example.com",
            "_a._tcp.",
            "_a._tcp..example.com",
            "_a b._tcp.example.com",
        ] {
            assert!(check(name, &domains).is_err(), "{name}");
        }
        assert!(check("_autodiscover._tcp.example.com", &[]).is_err());
    }

    #[test]
    fn feat_x02_records_come_best_first() {
        let record = |priority, weight| SrvRecord { priority, weight, port: 443, target: String::new() };
        let mut records = [record(10, 1), record(0, 1), record(10, 9)];
        order(&mut records);
        assert_eq!(records, [record(0, 1), record(10, 9), record(10, 1)]);
    }
}
