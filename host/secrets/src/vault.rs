//! The encrypted file: an age-encrypted JSON map from name to value, replaced as a whole.
//!
//! One reserved entry, which no name can spell, holds the data key of [`Keyring`](crate::Keyring). Writers hold a lock file,
//! so that two commands at once lose nothing; readers need no lock because the file is replaced by rename.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use age::x25519::Identity;
use zeroize::Zeroizing;

use crate::{Secret, SecretsError, files, identity, keyring};

/// Upper case, so it is never a valid name for a secret.
const DATA_KEY: &str = "DATA-KEY";

type Map = BTreeMap<String, Secret>;

/// Tells one state of the encrypted file from the next without reading it.
#[derive(Clone, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

/// The encrypted file with its key file.
pub(crate) struct Vault {
    path: PathBuf,
    identity: PathBuf,
    cache: Mutex<Option<(Stamp, Map)>>,
}

impl Vault {
    pub(crate) fn new(path: PathBuf, identity: PathBuf) -> Result<Self, SecretsError> {
        let data = real(&files::parent(&path));
        if real(&files::parent(&identity)).starts_with(&data) {
            return Err(SecretsError::KeyBesideData { identity, data });
        }
        Ok(Self { path, identity, cache: Mutex::new(None) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn get(&self, name: &str) -> Result<Option<Secret>, SecretsError> {
        self.with_map(|map| map.get(name).cloned())
    }

    pub(crate) fn names(&self) -> Result<Vec<String>, SecretsError> {
        self.with_map(|map| map.keys().filter(|name| *name != DATA_KEY).cloned().collect())
    }

    pub(crate) fn set(&self, name: &str, value: Secret) -> Result<(), SecretsError> {
        self.change(|map| Ok(map.insert(name.to_owned(), value))).map(drop)
    }

    /// Whether the name was there.
    pub(crate) fn remove(&self, name: &str) -> Result<bool, SecretsError> {
        if self.get(name)?.is_none() {
            return Ok(false);
        }
        self.change(|map| Ok(map.remove(name))).map(|old| old.is_some())
    }

    /// The data key, made and stored at the first call.
    pub(crate) fn data_key(&self) -> Result<Zeroizing<[u8; keyring::KEY]>, SecretsError> {
        let stored = match self.get(DATA_KEY)? {
            Some(stored) => stored,
            None => self.change(|map| {
                if let Some(other) = map.get(DATA_KEY) {
                    return Ok(other.clone());
                }
                let fresh = Secret::new(to_hex(keyring::random_key()?.as_slice()));
                map.insert(DATA_KEY.to_owned(), fresh.clone());
                Ok(fresh)
            })?,
        };
        from_hex(stored.expose()).ok_or_else(|| self.undecryptable("its data key is damaged"))
    }

    /// Encrypts the file for a new key. The old key stays in the key file until the result was read back with the new one.
    pub(crate) fn rekey(&self) -> Result<(), SecretsError> {
        let _lock = self.lock()?;
        let map = self.read()?;
        let fresh = self.add_key()?;
        self.write(&map, &fresh)?;
        let again = self.read_with(std::slice::from_ref(&fresh))?;
        let same = again.len() == map.len() && again.iter().zip(&map).all(|(a, b)| a.0 == b.0 && a.1.expose() == b.1.expose());
        if !same {
            return Err(self.undecryptable("it does not read back with the new key; the old key was kept"));
        }
        identity::write(&self.identity, &[&fresh])
    }

    /// The first step of a change of keys: from here on the new key encrypts, and the old ones still open.
    fn add_key(&self) -> Result<Identity, SecretsError> {
        let fresh = Identity::generate();
        let old = identity::read(&self.identity)?.unwrap_or_default();
        let keys: Vec<&Identity> = std::iter::once(&fresh).chain(&old).collect();
        identity::write(&self.identity, &keys)?;
        Ok(fresh)
    }

    fn with_map<T>(&self, take: impl FnOnce(&Map) -> T) -> Result<T, SecretsError> {
        let stamp = stamp(&self.path);
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(now), Some((then, map))) = (&stamp, cache.as_ref())
            && now == then
        {
            return Ok(take(map));
        }
        let map = self.read()?;
        let taken = take(&map);
        *cache = stamp.map(|stamp| (stamp, map));
        Ok(taken)
    }

    fn change<T>(&self, edit: impl FnOnce(&mut Map) -> Result<T, SecretsError>) -> Result<T, SecretsError> {
        let _lock = self.lock()?;
        let mut map = self.read()?;
        let result = edit(&mut map)?;
        let keys = match identity::read(&self.identity)? {
            Some(keys) => keys,
            None => {
                let fresh = Identity::generate();
                identity::write(&self.identity, &[&fresh])?;
                vec![fresh]
            }
        };
        let first = keys.first().ok_or_else(|| SecretsError::KeyUnreadable { path: self.identity.clone() })?;
        self.write(&map, first)?;
        *self.cache.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(result)
    }

    fn read(&self) -> Result<Map, SecretsError> {
        if !self.path.try_exists().map_err(|error| files::failed("read", &self.path, &error))? {
            return Ok(Map::new());
        }
        let keys = identity::read(&self.identity)?.ok_or_else(|| SecretsError::KeyMissing { path: self.identity.clone() })?;
        self.read_with(&keys)
    }

    fn read_with(&self, keys: &[Identity]) -> Result<Map, SecretsError> {
        let Some(sealed) = files::read(&self.path)? else { return Ok(Map::new()) };
        let decryptor = age::Decryptor::new(sealed.as_slice()).map_err(|_| self.undecryptable("it is damaged"))?;
        let mut reader = decryptor.decrypt(keys.iter().map(|key| key as &dyn age::Identity)).map_err(|error| {
            self.undecryptable(match error {
                age::DecryptError::NoMatchingKeys => "it was encrypted for another key than the one in the key file",
                _ => "it is damaged; restore it from your backup",
            })
        })?;
        let mut text = Zeroizing::new(String::new());
        reader.read_to_string(&mut text).map_err(|_| self.undecryptable("it is damaged or cut short"))?;
        let plain: BTreeMap<String, String> =
            serde_json::from_str(&text).map_err(|_| self.undecryptable("it does not hold a map of names and texts"))?;
        Ok(plain.into_iter().map(|(name, value)| (name, Secret::new(value))).collect())
    }

    fn write(&self, map: &Map, key: &Identity) -> Result<(), SecretsError> {
        let plain: BTreeMap<&str, &str> = map.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
        let json = Zeroizing::new(serde_json::to_vec(&plain).map_err(|_| SecretsError::Sealing)?);
        let sealed = age::encrypt(&key.to_public(), &json).map_err(|_| SecretsError::Sealing)?;
        files::replace(&self.path, &sealed)
    }

    fn lock(&self) -> Result<File, SecretsError> {
        let directory = files::parent(&self.path);
        std::fs::create_dir_all(&directory).map_err(|error| files::failed("create", &directory, &error))?;
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(".lock");
        let path = directory.join(name);
        let open = || -> std::io::Result<File> {
            let file = File::options().create(true).truncate(false).write(true).open(&path)?;
            file.lock()?;
            Ok(file)
        };
        open().map_err(|error| files::failed("lock", &path, &error))
    }

    fn undecryptable(&self, reason: &'static str) -> SecretsError {
        SecretsError::Undecryptable { path: self.path.clone(), reason }
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let meta = std::fs::metadata(path).ok()?;
    #[cfg(unix)]
    let inode = std::os::unix::fs::MetadataExt::ino(&meta);
    #[cfg(not(unix))]
    let inode = 0;
    Some(Stamp { modified: meta.modified().ok(), length: meta.len(), inode })
}

/// The path with its existing part resolved, so that links and `..` do not hide where a file lies.
fn real(path: &Path) -> PathBuf {
    let mut missing = Vec::new();
    let mut current = path;
    loop {
        if let Ok(found) = std::fs::canonicalize(current) {
            return missing.iter().rev().fold(found, |path: PathBuf, part| path.join(part));
        }
        match (current.parent(), current.file_name()) {
            (Some(parent), Some(name)) => {
                missing.push(name.to_owned());
                current = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            }
            _ => return path.to_owned(),
        }
    }
}

fn to_hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn from_hex(text: &str) -> Option<Zeroizing<[u8; keyring::KEY]>> {
    let mut key = Zeroizing::new([0_u8; keyring::KEY]);
    if text.len() != keyring::KEY * 2 {
        return None;
    }
    for (byte, at) in key.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feat_r04_the_file_opens_after_each_step_of_a_change_of_keys() {
        let root = tempfile::tempdir().unwrap();
        let open = || Vault::new(root.path().join("data/secrets.age"), root.path().join("etc/identity.txt")).unwrap();
        let vault = open();
        vault.set("pbx", Secret::new("value")).unwrap();
        let fresh = vault.add_key().unwrap();
        assert_eq!(open().get("pbx").unwrap().unwrap().expose(), "value", "the file is still under the old key");
        vault.write(&open().read().unwrap(), &fresh).unwrap();
        assert_eq!(open().get("pbx").unwrap().unwrap().expose(), "value", "the file is under the new key");
        vault.rekey().unwrap();
        assert_eq!(open().get("pbx").unwrap().unwrap().expose(), "value", "a second attempt ends what the first began");
        assert_eq!(identity::read(&open().identity).unwrap().unwrap().len(), 1);
    }
}
