//! Where secrets come from, and types that cannot be printed (FEATURES R04, SEMANTICS B-52).
//!
//! Promise: a secret is referred to by name everywhere; its value lives in [`Secret`], which prints as `[secret]`, is not
//! serialisable and is wiped when dropped. Values come from an ordered list of [`Source`]s: an encrypted file, the
//! environment, systemd credentials, mounted files. Private texts that the store must keep are sealed by a [`Keyring`]
//! whose key lives in the same encrypted file (SEMANTICS B-51).
//!
//! Refusals: the key of the encrypted file never lies beside the data it opens; a key that others may read is not used;
//! a source that cannot be read is an error and is not skipped silently, so a stale value further down never wins.
//!
//! Library code asks nothing of the process: environment and directories are handed in with [`Sources`], and only
//! [`Sources::from_process`] looks around.

mod error;
mod files;
mod identity;
mod keyring;
mod name;
mod secret;
mod sources;
mod store;
mod vault;

pub use error::SecretsError;
pub use keyring::Keyring;
pub use name::{check_name, environment_variable};
pub use secret::Secret;
pub use sources::{Source, SourceKind, Sources};
pub use store::{Listed, SecretSource, SecretStore};
