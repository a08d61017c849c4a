//! The key file of the encrypted file: one or, during a change of keys, two age identities.
//!
//! The first key encrypts, every key may decrypt. A change of keys first adds the new key before the old one, so that a
//! crash at any step leaves a file that opens.

use std::path::Path;

use age::secrecy::ExposeSecret;
use age::x25519::Identity;
use zeroize::Zeroizing;

use crate::{SecretsError, files};

/// Reads the keys. `None` if the file does not exist.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<Identity>>, SecretsError> {
    let Some(bytes) = files::read(path)? else { return Ok(None) };
    refuse_exposed(path)?;
    let unreadable = || SecretsError::KeyUnreadable { path: path.to_owned() };
    let text = std::str::from_utf8(&bytes).map_err(|_| unreadable())?;
    let keys: Vec<Identity> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.parse::<Identity>().map_err(|_| unreadable()))
        .collect::<Result<_, _>>()?;
    if keys.is_empty() { Err(unreadable()) } else { Ok(Some(keys)) }
}

/// Writes the keys, the one that encrypts first.
pub(crate) fn write(path: &Path, keys: &[&Identity]) -> Result<(), SecretsError> {
    let mut text = Zeroizing::new(String::from("# Key of Calport's secrets file. Keep a copy in a safe place.\n"));
    for key in keys {
        text.push_str(key.to_string().expose_secret());
        text.push('\n');
    }
    files::replace(path, text.as_bytes())
}

/// A key that others can read protects nothing. The group may read (orchestrators mount secrets so), no more.
#[cfg(unix)]
fn refuse_exposed(path: &Path) -> Result<(), SecretsError> {
    use std::os::unix::fs::PermissionsExt;
    const FORBIDDEN: u32 = 0o037;
    let mode = std::fs::metadata(path).map_err(|error| files::failed("read", path, &error))?.permissions().mode();
    if mode & FORBIDDEN != 0 {
        return Err(SecretsError::KeyExposed { path: path.to_owned(), mode: mode & 0o777 });
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_exposed(_path: &Path) -> Result<(), SecretsError> {
    Ok(())
}
