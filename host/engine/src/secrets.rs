//! Which secrets inbound requests may carry (SEMANTICS B-31).
//!
//! Secrets are kept as SHA-256 digests: looking one up tells an attacker nothing by its time.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use sha2::{Digest, Sha256};

/// The live secrets by connection. Cheap to clone; shared by the engine and the receiver of hooks.
#[derive(Clone, Default)]
pub struct HookSecrets(Arc<RwLock<HashMap<String, HashSet<[u8; 32]>>>>);

impl HookSecrets {
    /// Accepts a secret from now on.
    pub fn add(&self, connection: &str, secret: &str) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.entry(connection.to_owned()).or_default().insert(Sha256::digest(secret).into());
    }

    /// Accepts a secret no more.
    pub fn remove(&self, connection: &str, secret: &str) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(set) = all.get_mut(connection) {
            set.remove(&<[u8; 32]>::from(Sha256::digest(secret)));
        }
    }

    /// Whether a live subscription of the connection has this secret.
    pub fn knows(&self, connection: &str, secret: &str) -> bool {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.get(connection).is_some_and(|set| set.contains(&<[u8; 32]>::from(Sha256::digest(secret))))
    }
}

/// A new secret: 32 characters with 128 bits of chance.
pub(crate) fn new_secret() -> String {
    format!("{:032x}", rand::random::<u128>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b31_only_secrets_of_the_same_connection_are_known() {
        let secrets = HookSecrets::default();
        secrets.add("a", "s1");
        assert!(secrets.knows("a", "s1"));
        assert!(!secrets.knows("b", "s1"));
        assert!(!secrets.knows("a", "s2"));
        secrets.remove("a", "s1");
        assert!(!secrets.knows("a", "s1"));
    }
}
