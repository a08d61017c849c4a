//! Finding the server of a connection whose endpoint has no URL, and finding it again after a mailbox moved (SEMANTICS B-48,
//! FEATURES C07).
//!
//! The connector knows the protocol; who may be asked with the credential is decided here and in the way out, by the
//! `discovery` of the configuration, before and after the connector spoke. What was found is stored and used until the other side
//! says that something moved; then it is looked for again, at most every ten minutes. A credential that a server refused during a
//! discovery is not tried again before its secret or the configuration changed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use calport_config::{Connection, Discovery, Loaded};
use calport_egress::DiscoveryRule;
use calport_model::ConnectorApi as _;
use calport_model::descriptor::DiscoveryStep;
use calport_runtime::{ConnectionConfig, PluginDirectory};
use calport_secrets::Secret;
use calport_store::Discovered;
use jiff::Timestamp;

use super::connections::{Connections, endpoints, runtime_limits, trace};
use super::gate::DiscoveryGate;
use super::{Service, egress};
use crate::exit::Failure;

/// How often it is seen whether something is to be found.
const LOOK: Duration = Duration::from_secs(2);
/// After a first failure; doubled with each further one.
const RETRY: Duration = Duration::from_secs(60);
/// The longest pause after failures, and the shortest between two searches because something moved.
const AGAIN: Duration = Duration::from_secs(600);

/// The rule of the configuration, as the way out judges by it.
pub fn rule(name: &str, discovery: &Discovery) -> DiscoveryRule {
    DiscoveryRule::new(name, &discovery.domains(), &discovery.hosts)
}

/// What a search brought.
pub struct Finding {
    /// The endpoint.
    pub endpoint: String,
    /// Its URL, or why there is none and what to do.
    pub url: Result<String, String>,
    /// The steps, in order.
    pub steps: Vec<DiscoveryStep>,
    /// A server refused the credential.
    pub credential_refused: bool,
}

impl Connections {
    /// Looks for the server of a connection; changes nothing. `None` if its endpoints have their URLs.
    pub async fn discover(&self, loaded: &Loaded, name: &str, plugins: &PluginDirectory) -> Option<Finding> {
        let connection = loaded.config.connections.get(name)?;
        let (endpoint, discovery) = connection.to_be_found()?;
        let finding = self.search(loaded, (name, connection), (endpoint, discovery), plugins).await;
        Some(finding.unwrap_or_else(|reason| Finding {
            endpoint: endpoint.to_owned(),
            url: Err(reason),
            steps: Vec::new(),
            credential_refused: false,
        }))
    }

    async fn search(
        &self,
        loaded: &Loaded,
        (name, connection): (&str, &Connection),
        (endpoint_name, discovery): (&str, &Discovery),
        plugins: &PluginDirectory,
    ) -> Result<Finding, String> {
        let plugin = plugins.get(&connection.plugin).ok_or_else(|| format!("there is no connector `{}`", connection.plugin))?;
        let configured = connection.endpoints.get(endpoint_name).ok_or("the endpoint is gone")?;
        let rule = rule(name, discovery);
        // The way out takes the servers it asks from the rule; this one only stands where an endpoint needs a URL.
        let stand_in = format!("https://{}/", rule.domains.first().ok_or("the discovery rule names no domain")?);
        let endpoint =
            egress::endpoint(&loaded.config, (name, connection), (endpoint_name, configured), &stand_in).map_err(|f| f.message)?;
        let way = calport_egress::Discovery::new(self.egress.clone(), rule.clone(), endpoint, self.secrets.clone());
        let way = Arc::new(way.traced(trace(connection)));
        let config = ConnectionConfig {
            id: name.to_owned(),
            settings: serde_json::Value::Object(connection.settings.clone()),
            endpoints: endpoints(connection),
            gate: Arc::new(DiscoveryGate(way.clone())),
            discovery_domains: rule.domains.clone(),
            limits: runtime_limits(&loaded.config.limits(connection)),
        };
        let connector = self.runtime.connect(config, plugin).map_err(|e| e.to_string())?;
        let hosts = rule.domains.iter().chain(&rule.hosts).cloned().collect();
        let said = connector.discover(discovery.address.clone(), hosts).await;
        let (url, steps) = match said {
            Ok(said) => (choose(&rule, &discovery.address, endpoint_name, &said.endpoints), said.steps),
            Err(error) => (Err(error.message), Vec::new()),
        };
        Ok(Finding { endpoint: endpoint_name.to_owned(), url, steps, credential_refused: way.credential_refused() })
    }
}

/// The first URL that the rule allows.
fn choose(rule: &DiscoveryRule, address: &str, endpoint: &str, found: &[(String, String)]) -> Result<String, String> {
    let mut refusal = None;
    for (_, url) in found.iter().filter(|(name, _)| name == endpoint) {
        match rule.accept(url) {
            Ok(url) => return Ok(url.as_str().trim_end_matches('/').to_owned()),
            Err(denied) => refusal = refusal.or(Some(denied)),
        }
    }
    Err(match refusal {
        Some(denied) => format!("a server was found and is not used: {denied}"),
        None => format!(
            "no server was found for {address}. Hosts of {} may be asked; a further one is allowed by its name in `hosts` of \
             [connections.{}.discovery]. Or give the `url` of the endpoint {endpoint}",
            rule.domains.iter().chain(&rule.hosts).map(String::as_str).collect::<Vec<_>>().join(", "),
            rule.connection,
        ),
    })
}

/// The searches for one connection so far.
struct Tries {
    /// The configuration they were made with.
    of: Connection,
    /// When the last one was made; monotonic.
    last: Option<Duration>,
    failures: u32,
    moved: bool,
    /// The password that a server refused.
    refused: Option<Secret>,
}

impl Tries {
    fn new(of: Connection) -> Self {
        Self { of, last: None, failures: 0, moved: false, refused: None }
    }

    /// Whether to search now. `known`: there is a URL that the rule allows.
    fn due(&self, known: bool, now: Duration) -> bool {
        if known && !self.moved {
            return false;
        }
        let doubled = RETRY.saturating_mul(1_u32.checked_shl(self.failures.saturating_sub(1)).unwrap_or(u32::MAX));
        let pause = if known { AGAIN } else { doubled.min(AGAIN) };
        self.last.is_none_or(|last| now.saturating_sub(last) >= pause)
    }

    fn note(&mut self, now: Duration, found: bool) {
        self.last = Some(now);
        self.moved = false;
        self.failures = if found { 0 } else { self.failures.saturating_add(1) };
    }
}

fn same(one: &Secret, other: &Secret) -> bool {
    one.expose() == other.expose()
}

/// Looks for what is to be found, until the service ends.
pub(super) async fn keep_found(service: Arc<Service>) {
    let mut tries = BTreeMap::new();
    loop {
        service.find_due(&mut tries).await;
        tokio::select! {
            () = service.stop.cancelled() => break,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

impl Service {
    /// Takes up what was found before the service was started.
    pub(super) async fn take_up_found(&self) -> Result<(), Failure> {
        let loaded = self.loaded();
        for found in self.store.discovered().await? {
            let wanted = loaded.config.connections.get(&found.connection).and_then(Connection::to_be_found);
            if wanted.is_some_and(|(endpoint, _)| endpoint == found.endpoint) {
                self.connections.set_found(&found.connection, Ok(found.url));
            }
        }
        Ok(())
    }

    async fn find_due(&self, tries: &mut BTreeMap<String, Tries>) {
        let loaded = self.loaded();
        let now = self.began.elapsed();
        let mut due = Vec::new();
        for (name, connection) in loaded.config.connections.iter().filter(|(_, connection)| connection.active) {
            if connection.to_be_found().is_none() || self.plugins.get(&connection.plugin).is_none() {
                continue;
            }
            let tried = tries.entry(name.clone()).or_insert_with(|| Tries::new(connection.clone()));
            if tried.of != *connection {
                *tried = Tries::new(connection.clone());
            }
            tried.moved |= self.connections.get(name).is_some_and(|live| live.connector.take_moved());
            let known = self.connections.effective(name, connection).is_ok();
            // A new password is tried at once, the one that was refused not again.
            let refused = tried.refused.as_ref();
            let changed = refused.map(|old| self.password(connection).is_none_or(|new| !same(old, &new)));
            if changed.unwrap_or_else(|| tried.due(known, now)) {
                due.push(name.clone());
            }
        }
        tries.retain(|name, _| loaded.config.connections.contains_key(name));
        let searches = due.iter().map(|name| self.connections.discover(&loaded, name, &self.plugins));
        let findings = futures::future::join_all(searches).await;
        let mut changed = false;
        for (name, finding) in due.iter().zip(findings) {
            let (Some(finding), Some(tried)) = (finding, tries.get_mut(name)) else { continue };
            tried.note(now, finding.url.is_ok());
            tried.refused = if finding.credential_refused { self.password(&tried.of) } else { None };
            changed |= self.take_finding(name, &tried.of, finding).await;
        }
        if changed {
            self.rebuild().await;
        }
    }

    /// The secret of the endpoint that is to be found.
    fn password(&self, connection: &Connection) -> Option<Secret> {
        let (endpoint, _) = connection.to_be_found()?;
        let name = connection.endpoints.get(endpoint)?.auth.secret()?;
        self.connections.secrets.get(name).ok()
    }

    /// Keeps what a search brought. Whether connections are to be made anew.
    async fn take_finding(&self, name: &str, connection: &Connection, finding: Finding) -> bool {
        let before = self.connections.effective(name, connection).ok().map(|c| endpoints(&c));
        for step in &finding.steps {
            tracing::debug!(code = "discovery-step", connection = name, "{}: {}", step.tried, step.outcome);
        }
        match finding.url {
            Ok(url) => {
                let found = Discovered { connection: name.to_owned(), endpoint: finding.endpoint, url, found_at: Timestamp::now() };
                self.connections.set_found(name, Ok(found.url.clone()));
                let changed = before != self.connections.effective(name, connection).ok().map(|c| endpoints(&c));
                let (endpoint, url) = (&found.endpoint, &found.url);
                if changed {
                    tracing::info!(code = "server-found", connection = name, endpoint, url, "the server was found");
                } else {
                    tracing::info!(
                        code = "server-unchanged",
                        connection = name,
                        endpoint,
                        url,
                        "the server was looked for again and is the same"
                    );
                }
                if let Err(error) = self.store.set_discovered(&found).await {
                    tracing::error!(code = "store-failed", %error, "the server's URL could not be stored; it is looked for again after a restart");
                }
                changed
            }
            Err(reason) => {
                let tail =
                    if finding.credential_refused { ". The credential was refused; it is tried again when it was changed" } else { "" };
                tracing::warn!(code = "server-not-found", connection = name, "{reason}{tail}; `calport check` shows the steps");
                if before.is_none() {
                    self.connections.set_found(name, Err(format!("{reason}{tail}")));
                }
                before.is_none()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection() -> Connection {
        let text =
            "[connections.mail]\nplugin = \"mail\"\ndiscovery = { address = \"anna@example.com\" }\n[connections.mail.endpoints.ews]\n";
        let loaded = calport_config::load_str(std::path::Path::new("calport.toml"), text).unwrap();
        loaded.config.connections["mail"].clone()
    }

    fn minutes(minutes: u64) -> Duration {
        Duration::from_secs(minutes * 60)
    }

    #[test]
    fn b48_a_move_leads_to_one_search_in_ten_minutes() {
        let mut tries = Tries::new(connection());
        assert!(!tries.due(true, minutes(0)), "it was stored");
        tries.moved = true;
        assert!(tries.due(true, minutes(1)));
        tries.note(minutes(1), true);
        assert!(!tries.due(true, minutes(60)), "nothing has moved since");
        tries.moved = true;
        assert!(tries.due(true, minutes(60)));
        tries.note(minutes(60), false);
        tries.moved = true;
        assert!(!tries.due(true, minutes(69)), "at most every ten minutes, found or not");
        assert!(tries.due(true, minutes(70)));
    }

    #[test]
    fn b48_what_was_not_found_is_looked_for_less_and_less_often() {
        let mut tries = Tries::new(connection());
        let mut now = minutes(0);
        let mut pauses = Vec::new();
        for _ in 0..40 {
            let before = now;
            while !tries.due(false, now) {
                now += minutes(1);
            }
            pauses.push((now - before).as_secs() / 60);
            tries.note(now, false);
        }
        assert_eq!(pauses[..6], [0, 1, 2, 4, 8, 10]);
        assert!(pauses[6..].iter().all(|pause| *pause == 10));
    }

    #[test]
    fn b48_the_first_url_that_the_rule_allows_is_taken() {
        let connection = connection();
        let (endpoint, discovery) = connection.to_be_found().unwrap();
        let rule = rule("mail", discovery);
        let chosen = |urls: &[(&str, &str)]| {
            let found: Vec<(String, String)> = urls.iter().map(|(name, url)| ((*name).to_owned(), (*url).to_owned())).collect();
            choose(&rule, &discovery.address, endpoint, &found)
        };
        let (evil, good) = ("https://mail.evil.test/EWS", "https://mail.example.com/EWS/");
        assert_eq!(chosen(&[("ews", evil), ("other", good), ("ews", good)]).unwrap(), "https://mail.example.com/EWS");
        let refused = chosen(&[("ews", evil)]).unwrap_err();
        assert!(refused.ends_with("[connections.mail.discovery]\nhosts = [\"mail.evil.test\"]"), "{refused}");
        let nothing = chosen(&[]).unwrap_err();
        assert!(nothing.contains("anna@example.com") && nothing.contains("[connections.mail.discovery]"), "{nothing}");
    }
}
