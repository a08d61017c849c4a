//! TLS of the hook receiver: a chain and a key from files, read again when they change.
//!
//! Certificates are renewed every few weeks by other programs. A renewed file is used without a restart; a broken one leaves
//! the old one in use and says so.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::WebError;

/// How often, at most, the files are looked at for a change.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// Where the certificate and its key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain in PEM, the server's own certificate first.
    pub certificate: PathBuf,
    /// Its private key in PEM.
    pub key: PathBuf,
}

impl TlsFiles {
    fn changed(&self) -> Option<[SystemTime; 2]> {
        let of = |file: &Path| file.metadata().and_then(|m| m.modified()).ok();
        Some([of(&self.certificate)?, of(&self.key)?])
    }

    fn read(&self) -> Result<Arc<ServerConfig>, WebError> {
        let certificate = |reason: String| WebError::Tls { what: "certificate", file: self.certificate.clone(), reason };
        let chain: Vec<_> =
            CertificateDer::pem_file_iter(&self.certificate).and_then(Iterator::collect).map_err(|error| certificate(error.to_string()))?;
        if chain.is_empty() {
            return Err(certificate("no certificate is in it".to_owned()));
        }
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| WebError::Tls {
            what: "key",
            file: self.key.clone(),
            reason: error.to_string(),
        })?;
        let refused = |error: rustls::Error| WebError::TlsPair {
            certificate: self.certificate.clone(),
            key: self.key.clone(),
            reason: error.to_string(),
        };
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(refused)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(refused)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

struct Current {
    config: Arc<ServerConfig>,
    changed: Option<[SystemTime; 2]>,
    looked: Instant,
}

/// TLS ready to accept. Cheap to clone.
#[derive(Clone)]
pub struct Tls {
    files: Arc<TlsFiles>,
    current: Arc<Mutex<Current>>,
}

impl Tls {
    /// Reads the files. Must run within tokio.
    ///
    /// # Errors
    /// When a file cannot be read, is no PEM, or the key belongs to another certificate.
    pub fn open(files: TlsFiles) -> Result<Self, WebError> {
        let current = Current { changed: files.changed(), config: files.read()?, looked: Instant::now() };
        Ok(Self { files: Arc::new(files), current: Arc::new(Mutex::new(current)) })
    }

    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(self.config()).accept(stream).await
    }

    fn config(&self) -> Arc<ServerConfig> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.looked.elapsed() >= LOOK_AGAIN {
            current.looked = Instant::now();
            let changed = self.files.changed();
            if changed.is_some() && changed != current.changed {
                current.changed = changed;
                match self.files.read() {
                    Ok(config) => {
                        current.config = config;
                        tracing::info!(code = "certificate-renewed", "the renewed TLS certificate is in use");
                    }
                    Err(error) => {
                        tracing::error!(code = "certificate-refused", %error, "the TLS certificate in use until now stays");
                    }
                }
            }
        }
        Arc::clone(&current.config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(files: &TlsFiles) -> CertificateDer<'static> {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(&files.certificate, made.cert.pem()).unwrap();
        std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
        made.cert.der().clone()
    }

    fn files(place: &Path) -> TlsFiles {
        TlsFiles { certificate: place.join("chain.pem"), key: place.join("key.pem") }
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewed_certificate_is_used_and_a_broken_one_is_not() {
        let place = tempfile::tempdir().unwrap();
        let files = files(place.path());
        write(&files);
        let tls = Tls::open(files.clone()).unwrap();
        let first = tls.config();

        let later = SystemTime::now() + Duration::from_secs(10);
        write(&files);
        std::fs::File::options().write(true).open(&files.key).unwrap().set_modified(later).unwrap();
        assert!(Arc::ptr_eq(&first, &tls.config()), "the files are looked at once a minute");
        tokio::time::advance(LOOK_AGAIN).await;
        let second = tls.config();
        assert!(!Arc::ptr_eq(&first, &second));

        std::fs::write(&files.certificate, "half a fi").unwrap();
        tokio::time::advance(LOOK_AGAIN).await;
        assert!(Arc::ptr_eq(&second, &tls.config()));
    }

    #[tokio::test]
    async fn a_missing_file_is_named_with_the_setting() {
        let place = tempfile::tempdir().unwrap();
        let files = files(place.path());
        let error = Tls::open(files.clone()).err().unwrap().to_string();
        assert!(error.contains("chain.pem") && error.contains("[hooks] tls"), "{error}");
        write(&files);
        let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(&files.key, other.signing_key.serialize_pem()).unwrap();
        let error = Tls::open(files).err().unwrap().to_string();
        assert!(error.contains("key.pem"), "{error}");
    }
}
