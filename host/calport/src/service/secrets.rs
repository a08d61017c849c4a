//! Secrets as the configuration places them, and the key that seals private texts.

use calport_config::Config;
use calport_secrets::{Keyring, SecretStore, SecretsError, Source, Sources};
use calport_store::Sealer;

/// The sources in their order: encrypted file, environment, systemd credentials, mounted files.
///
/// # Errors
/// When the encrypted file's key lies where it must not.
pub fn secret_store(config: &Config) -> Result<SecretStore, SecretsError> {
    let file = Source::encrypted_file(&config.secrets.file, &config.secrets.identity)?;
    let mut sources = Sources::from_process().first(file);
    if let Some(directory) = &config.secrets.dir {
        sources = sources.then(Source::mounted_files(directory));
    }
    Ok(SecretStore::new(sources))
}

/// Seals with the keyring of the encrypted file (SEMANTICS B-51).
pub struct KeyringSealer(pub Keyring);

impl Sealer for KeyringSealer {
    fn seal(&self, plain: &[u8]) -> Vec<u8> {
        // Only a text longer than the cipher can take fails; the store bounds texts far below. An empty value opens as "changed".
        self.0.seal(plain).unwrap_or_default()
    }

    fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        self.0.open(sealed).ok().map(|plain| plain.to_vec())
    }
}
