//! The inbound side: which connections take hooks, under which URLs.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use calport_engine::{EngineHandle, HookSecrets};
use calport_model::ConnectorApi as _;
use calport_model::descriptor::{HookAnswer, HookProfile, HookSecret};
use calport_store::{Store, StoreError};
use calport_web::hooks::{HookTarget, HookTargets};

use super::connections::Live;

/// The random part of each connection's URL, made once and kept.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn randoms(store: &Store, connections: impl Iterator<Item = &String>) -> Result<BTreeMap<String, String>, StoreError> {
    let mut randoms = BTreeMap::new();
    for name in connections {
        let key = format!("hook.{name}");
        let random = match store.meta(&key).await? {
            Some(random) => random,
            None => {
                let random = format!("{:032x}", rand::random::<u128>());
                store.set_meta(&key, &random).await?;
                random
            }
        };
        randoms.insert(name.clone(), random);
    }
    Ok(randoms)
}

/// The URL under which a connection's hooks come in.
pub fn url(public_url: &str, connection: &str, random: &str) -> String {
    format!("{}/hooks/{connection}/{random}", public_url.trim_end_matches('/'))
}

/// What the receiver asks.
pub struct Targets {
    targets: RwLock<BTreeMap<String, Arc<HookTarget>>>,
    secrets: HookSecrets,
    engine: EngineHandle,
}

impl Targets {
    /// None yet.
    pub fn new(secrets: HookSecrets, engine: EngineHandle) -> Self {
        Self { targets: RwLock::default(), secrets, engine }
    }

    /// Takes the present connections.
    pub fn set(&self, live: &BTreeMap<String, Live>, randoms: &BTreeMap<String, String>) {
        let targets = live
            .iter()
            .filter_map(|(name, live)| {
                let profile = live.connector.descriptor().hook.clone()?;
                Some((name.clone(), Arc::new(HookTarget { profile, random: randoms.get(name)?.clone() })))
            })
            .collect();
        *self.targets.write().unwrap_or_else(PoisonError::into_inner) = targets;
    }
}

impl HookTargets for Targets {
    fn target(&self, connection: &str) -> Option<Arc<HookTarget>> {
        self.targets.read().unwrap_or_else(PoisonError::into_inner).get(connection).cloned()
    }

    fn knows_secret(&self, connection: &str, secret: &str) -> bool {
        self.secrets.knows(connection, secret)
    }

    fn arrived(&self, connection: &str) {
        self.engine.hook_arrived(connection);
    }
}

/// A target that only answers the probe of `calport check`: no secret is known.
struct ProbeTarget {
    connection: String,
    target: Arc<HookTarget>,
}

/// Targets for `calport check` while no service runs.
pub fn probe_targets(connection: &str, random: &str) -> Arc<dyn HookTargets> {
    let profile = HookProfile {
        handshake: None,
        acknowledgement: HookAnswer { status: 202, content_type: String::new(), body: String::new() },
        secret: HookSecret::JsonPointer("/none".to_owned()),
        farewell: None,
        heartbeats: false,
    };
    Arc::new(ProbeTarget { connection: connection.to_owned(), target: Arc::new(HookTarget { profile, random: random.to_owned() }) })
}

impl HookTargets for ProbeTarget {
    fn target(&self, connection: &str) -> Option<Arc<HookTarget>> {
        (connection == self.connection).then(|| self.target.clone())
    }

    fn knows_secret(&self, _: &str, _: &str) -> bool {
        false
    }

    fn arrived(&self, _: &str) {}
}
