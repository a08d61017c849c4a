//! Sealing of private texts before they reach the store (SEMANTICS B-51).
//!
//! The data key is 32 random bytes kept inside the encrypted secrets file, so it follows a change of keys without
//! re-encrypting the store. The cipher is XChaCha20-Poly1305: its 24-byte nonces may be drawn at random for any number
//! of texts.

use std::fmt;

use chacha20poly1305::aead::{Aead, KeyInit, OsRng, rand_core::RngCore};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::SecretsError;

/// First byte of every sealed text; another cipher gets another number.
const VERSION: u8 = 1;
const NONCE: usize = 24;
pub(crate) const KEY: usize = 32;

/// The key for private texts. Prints nothing of itself; wiped when dropped.
#[derive(Clone)]
pub struct Keyring {
    cipher: XChaCha20Poly1305,
}

impl Keyring {
    /// A keyring with a fresh random key, for hosts without stored private texts (demo, tests).
    ///
    /// # Errors
    /// [`SecretsError::Sealing`] if the system gives no randomness.
    pub fn random() -> Result<Self, SecretsError> {
        Ok(Self::from_key(&*random_key()?))
    }

    pub(crate) fn from_key(key: &[u8; KEY]) -> Self {
        Self { cipher: XChaCha20Poly1305::new(key.into()) }
    }

    /// Encrypts and authenticates a private text: version byte, nonce, ciphertext with tag; 41 bytes longer than the text.
    ///
    /// # Errors
    /// [`SecretsError::Sealing`] if the system gives no randomness; the text is then not stored at all.
    pub fn seal(&self, bytes: &[u8]) -> Result<Vec<u8>, SecretsError> {
        let mut nonce = [0_u8; NONCE];
        OsRng.try_fill_bytes(&mut nonce).map_err(|_| SecretsError::Sealing)?;
        let sealed = self.cipher.encrypt(XNonce::from_slice(&nonce), bytes).map_err(|_| SecretsError::Sealing)?;
        let mut out = Vec::with_capacity(1 + NONCE + sealed.len());
        out.push(VERSION);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&sealed);
        Ok(out)
    }

    /// Opens what [`Keyring::seal`] made.
    ///
    /// # Errors
    /// [`SecretsError::Sealed`] if it was sealed with another key, cut or changed.
    pub fn open(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SecretsError> {
        let (version, rest) = sealed.split_first().ok_or(SecretsError::Sealed)?;
        let (nonce, text) = rest.split_at_checked(NONCE).ok_or(SecretsError::Sealed)?;
        if *version != VERSION {
            return Err(SecretsError::Sealed);
        }
        let opened = self.cipher.decrypt(XNonce::from_slice(nonce), text).map_err(|_| SecretsError::Sealed)?;
        Ok(Zeroizing::new(opened))
    }
}

/// A fresh data key.
pub(crate) fn random_key() -> Result<Zeroizing<[u8; KEY]>, SecretsError> {
    let mut key = Zeroizing::new([0_u8; KEY]);
    OsRng.try_fill_bytes(key.as_mut()).map_err(|_| SecretsError::Sealing)?;
    Ok(key)
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyring([secret])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b51_a_sealed_text_shows_nothing_and_opens_again() {
        let ring = Keyring::random().unwrap();
        let sealed = ring.seal("Arzttermin ä".as_bytes()).unwrap();
        assert!(!sealed.windows(4).any(|w| w == b"Arzt"));
        assert_eq!(ring.open(&sealed).unwrap().as_slice(), "Arzttermin ä".as_bytes());
        assert_ne!(sealed, ring.seal("Arzttermin ä".as_bytes()).unwrap(), "equal texts must not look equal");
    }

    #[test]
    fn b51_changed_cut_or_foreign_seals_are_refused() {
        let ring = Keyring::random().unwrap();
        let sealed = ring.seal(b"text").unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(ring.open(&changed).is_err(), "byte {at}");
            assert!(ring.open(&sealed[..at]).is_err(), "cut at {at}");
        }
        assert!(Keyring::random().unwrap().open(&sealed).is_err());
        assert_eq!(format!("{ring:?}"), "Keyring([secret])");
    }
}
