//! Looking secrets up by name, and the changes that the `calport secret` commands make.

use std::collections::BTreeMap;

use crate::sources::Place;
use crate::vault::Vault;
use crate::{Keyring, Secret, SecretsError, Source, SourceKind, Sources, check_name, files};

/// Where the host's HTTP side asks for a secret by name. A map of names and values serves tests and demos.
pub trait SecretSource: Send + Sync {
    /// The value now; it may change between two calls.
    ///
    /// # Errors
    /// [`SecretsError::NotFound`] with the places that were asked and the command that sets it, or why a place failed.
    fn get(&self, name: &str) -> Result<Secret, SecretsError>;
}

impl SecretSource for BTreeMap<String, Secret> {
    fn get(&self, name: &str) -> Result<Secret, SecretsError> {
        let missing = || SecretsError::NotFound { name: name.to_owned(), asked: vec!["memory".to_owned()] };
        self.get(name).cloned().ok_or_else(missing)
    }
}

/// One line of `calport secret list`: never a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The name. From the environment it is rebuilt with hyphens, because a variable does not tell `-`, `.` and `_` apart.
    pub name: String,
    /// Where it comes from.
    pub source: SourceKind,
    /// An earlier source has the same name and wins.
    pub shadowed: bool,
}

/// Secrets by name from an ordered list of sources.
#[derive(Debug)]
pub struct SecretStore {
    sources: Sources,
}

impl SecretStore {
    /// A store over these sources.
    #[must_use]
    pub fn new(sources: Sources) -> Self {
        Self { sources }
    }

    /// The value from the first source that has the name.
    ///
    /// # Errors
    /// [`SecretsError::NotFound`] with every place asked; a source that cannot be read is an error of its own and is not
    /// passed over, because a later source might hold a stale value.
    pub fn get(&self, name: &str) -> Result<Secret, SecretsError> {
        check_name(name)?;
        match self.find(name)? {
            Some((_, secret)) => Ok(secret),
            None => Err(self.not_found(name)),
        }
    }

    /// All names with their source, in the order of the sources, then by name.
    ///
    /// # Errors
    /// The first source that cannot be read.
    pub fn list(&self) -> Result<Vec<Listed>, SecretsError> {
        let mut listed: Vec<Listed> = Vec::new();
        for source in &self.sources.list {
            let mut names = source.names()?;
            names.sort();
            for name in names {
                let shadowed = listed.iter().any(|earlier| earlier.name == name);
                listed.push(Listed { name, source: source.kind(), shadowed });
            }
        }
        Ok(listed)
    }

    /// Writes a value into the encrypted file; makes the file and its key at the first call.
    ///
    /// # Errors
    /// [`SecretsError::NoFile`] without an encrypted file; [`SecretsError::Value`] for an empty or overlong value.
    pub fn set(&self, name: &str, value: Secret) -> Result<(), SecretsError> {
        check_name(name)?;
        let bad = |reason| SecretsError::Value { name: name.to_owned(), origin: "the input".to_owned(), reason };
        if value.expose().is_empty() {
            return Err(bad("is empty"));
        }
        if value.expose().len() > files::LONGEST_VALUE {
            return Err(bad("is longer than 64 KiB"));
        }
        self.vault()?.set(name, value)
    }

    /// Removes a name from the encrypted file.
    ///
    /// # Errors
    /// [`SecretsError::ReadOnly`] if only another source has it, [`SecretsError::NotFound`] if none has.
    pub fn remove(&self, name: &str) -> Result<(), SecretsError> {
        check_name(name)?;
        if self.vault()?.remove(name)? {
            return Ok(());
        }
        Err(match self.find(name)? {
            Some((source, _)) => SecretsError::ReadOnly { name: name.to_owned(), source_name: source.describe(name) },
            None => self.not_found(name),
        })
    }

    /// Encrypts the file for a new key. The old key is kept in the key file until the result was read back.
    /// Sealed private texts stay readable: their data key is inside the file.
    ///
    /// # Errors
    /// As for reading and writing; after any error the file still opens.
    pub fn rekey(&self) -> Result<(), SecretsError> {
        self.vault()?.rekey()
    }

    /// The keyring for private texts (SEMANTICS B-51); its key is made at the first call.
    ///
    /// # Errors
    /// [`SecretsError::NoFile`] without an encrypted file: there is no place for the key, so nothing can be sealed.
    pub fn keyring(&self) -> Result<Keyring, SecretsError> {
        Ok(Keyring::from_key(&*self.vault()?.data_key()?))
    }

    fn find(&self, name: &str) -> Result<Option<(&Source, Secret)>, SecretsError> {
        for source in &self.sources.list {
            if let Some(secret) = source.get(name)? {
                return Ok(Some((source, secret)));
            }
        }
        Ok(None)
    }

    fn not_found(&self, name: &str) -> SecretsError {
        let asked = self.sources.list.iter().map(|source| source.describe(name)).collect();
        SecretsError::NotFound { name: name.to_owned(), asked }
    }

    fn vault(&self) -> Result<&Vault, SecretsError> {
        self.sources
            .list
            .iter()
            .find_map(|source| match &source.0 {
                Place::File(vault) => Some(vault.as_ref()),
                _ => None,
            })
            .ok_or(SecretsError::NoFile)
    }
}

impl SecretSource for SecretStore {
    fn get(&self, name: &str) -> Result<Secret, SecretsError> {
        Self::get(self, name)
    }
}
