//! TLS set-up and the translation of its errors (FEATURES C19).
//!
//! Certificates are judged by the platform's roots plus the endpoint's private CA. There is no switch that turns the check off.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{CertificateError, ClientConfig, InvalidMessage, RootCertStore};
use rustls_platform_verifier::Verifier;

use crate::certificate::Fingerprint;
use crate::error::Blame;
use crate::verifier::{Explained, Explaining, Pinned};

/// What is wrong between the two ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsProblem {
    /// Signed by nobody we trust.
    UnknownIssuer,
    /// Signed by itself, with its SHA-256 as the configuration wants it.
    SelfSigned(String),
    /// Another certificate than those the configuration names, with its SHA-256.
    NotPinned(String),
    /// Not valid any more, with the end if known.
    Expired(Option<String>),
    /// Not valid yet; often our own clock.
    NotYetValid(Option<String>),
    /// Made for other names; those it was made for.
    WrongName(Vec<String>),
    /// Signed with an algorithm that is no longer safe.
    WeakSignature,
    /// A CA certificate used as a server's.
    CaAsServer,
    /// The server revoked it.
    Revoked,
    /// The port speaks without TLS.
    NotTls,
    /// Anything else, in the library's words.
    Other(String),
}

impl TlsProblem {
    pub(crate) fn blame(&self) -> Blame {
        match self {
            Self::UnknownIssuer | Self::SelfSigned(_) | Self::NotPinned(_) | Self::WrongName(_) | Self::NotTls => Blame::Configuration,
            _ => Blame::Server,
        }
    }
}

impl fmt::Display for TlsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownIssuer => f.write_str(
                "the server's certificate is signed by a CA that this machine does not trust; if it is your own CA, name its certificate in the endpoint's `ca_file`",
            ),
            Self::SelfSigned(print) => write!(
                f,
                "the server's certificate is signed by itself; compare its SHA-256 with that at the server, and if they are equal write in the endpoint `certificate_sha256 = [\"{print}\"]`"
            ),
            Self::NotPinned(print) => write!(
                f,
                "the server's certificate is none of those in the endpoint's `certificate_sha256`; if it was renewed at the server, compare there and add \"{print}\""
            ),
            Self::Expired(Some(end)) => write!(f, "the server's certificate expired at {end}; it must be renewed at the server"),
            Self::Expired(None) => f.write_str("the server's certificate expired; it must be renewed at the server"),
            Self::NotYetValid(Some(start)) => {
                write!(f, "the server's certificate is only valid from {start}; compare the clocks of this machine and the server")
            }
            Self::NotYetValid(None) => {
                f.write_str("the server's certificate is not valid yet; compare the clocks of this machine and the server")
            }
            Self::WrongName(names) if names.is_empty() => f.write_str(
                "the server's certificate names no host (no subject alternative name); it must be issued again with the name of the endpoint",
            ),
            Self::WrongName(names) => write!(
                f,
                "the server's certificate is for {}; use one of these in the endpoint's `url`, or have it issued for this name",
                names.join(", ")
            ),
            Self::WeakSignature => {
                f.write_str("the server's certificate is signed with an algorithm that is no longer accepted (such as SHA-1); renew it with SHA-256")
            }
            Self::CaAsServer => f.write_str(
                "the server uses a CA certificate (CA:TRUE) as its own; issue a server certificate (CA:FALSE, with subject alternative name) from it",
            ),
            Self::Revoked => f.write_str("the server's certificate was revoked; it must be replaced at the server"),
            Self::NotTls => f.write_str("the port answers without TLS; use the TLS port, or `http://` together with `plain_http = true`"),
            Self::Other(text) => write!(f, "TLS failed: {text}"),
        }
    }
}

/// Builds client configurations; the platform's roots are read once.
#[derive(Default)]
pub(crate) struct TlsFactory {
    platform: OnceLock<Arc<dyn ServerCertVerifier>>,
    reading: Mutex<()>,
}

impl TlsFactory {
    /// A configuration with the platform's roots and the given private CA certificates, or for the pinned certificates alone.
    /// `needed` is false for an endpoint without TLS, which also works on a machine without any root.
    pub(crate) fn config(&self, ca: &[CertificateDer<'static>], pins: &[Fingerprint], needed: bool) -> Result<ClientConfig, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS cannot be set up: {error}"))?;
        let judge = if pins.is_empty() {
            self.verifier(ca, provider).map(|verifier| Arc::new(Explaining(verifier)) as Arc<dyn ServerCertVerifier>)
        } else {
            Ok(Arc::new(Pinned { prints: pins.to_vec(), provider }) as Arc<dyn ServerCertVerifier>)
        };
        let mut config = match judge {
            Ok(verifier) => builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth(),
            Err(_) if !needed => builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth(),
            Err(why) => return Err(why),
        };
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    fn verifier(&self, ca: &[CertificateDer<'static>], provider: Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, String> {
        if !ca.is_empty() {
            let merged = Verifier::new_with_extra_roots(ca.iter().cloned(), provider)
                .map_err(|error| format!("the private CA cannot be used: {error}"))?;
            return Ok(Arc::new(merged));
        }
        let _one_at_a_time = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(verifier) = self.platform.get() {
            return Ok(Arc::clone(verifier));
        }
        let verifier: Arc<dyn ServerCertVerifier> = Arc::new(Verifier::new(provider).map_err(|error| {
            format!("this machine has no root certificates ({error}); install them (Debian: ca-certificates) or name a CA in the endpoint's `ca_file`")
        })?);
        Ok(Arc::clone(self.platform.get_or_init(|| verifier)))
    }
}

/// The certificates of a PEM text.
pub(crate) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let list: Vec<_> =
        CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|error| format!("is no valid PEM: {error}"))?;
    if list.is_empty() { Err("holds no certificate (a line BEGIN CERTIFICATE is expected)".to_owned()) } else { Ok(list) }
}

/// Finds the TLS error inside another error. `io::Error` hides its payload from `source`, so it is opened by hand.
pub(crate) fn find(error: &(dyn Error + 'static)) -> Option<TlsProblem> {
    crate::chain::find(error, |link| link.downcast_ref::<rustls::Error>().map(translate))
}

fn translate(error: &rustls::Error) -> TlsProblem {
    match error {
        rustls::Error::InvalidCertificate(certificate) => certificate_problem(certificate),
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => TlsProblem::NotTls,
        other => TlsProblem::Other(shorten(&other.to_string())),
    }
}

pub(crate) fn certificate_problem(error: &CertificateError) -> TlsProblem {
    match error {
        // The last two: an authority of the same name as the issuer, but with another key.
        CertificateError::UnknownIssuer
        | CertificateError::BadSignature
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => TlsProblem::UnknownIssuer,
        CertificateError::Expired => TlsProblem::Expired(None),
        CertificateError::ExpiredContext { not_after, .. } => TlsProblem::Expired(instant(not_after.as_secs())),
        CertificateError::NotValidYet => TlsProblem::NotYetValid(None),
        CertificateError::NotValidYetContext { not_before, .. } => TlsProblem::NotYetValid(instant(not_before.as_secs())),
        CertificateError::NotValidForName => TlsProblem::WrongName(Vec::new()),
        CertificateError::NotValidForNameContext { presented, .. } => {
            TlsProblem::WrongName(presented.iter().take(8).map(|name| shorten(&plain_name(name))).collect())
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. } => TlsProblem::WeakSignature,
        CertificateError::Revoked => TlsProblem::Revoked,
        CertificateError::Other(other) => match other.0.downcast_ref::<Explained>() {
            Some(Explained(problem)) => problem.clone(),
            None if format!("{other:?}").contains("CaUsedAsEndEntity") => TlsProblem::CaAsServer,
            None => TlsProblem::Other(shorten(&other.to_string())),
        },
        other => TlsProblem::Other(shorten(&other.to_string())),
    }
}

/// `DnsName("pbx.example")` is shown as `pbx.example`.
fn plain_name(shown: &str) -> String {
    shown.split_once("(\"").and_then(|(_, rest)| rest.strip_suffix("\")")).unwrap_or(shown).to_owned()
}

pub(crate) fn instant(seconds: u64) -> Option<String> {
    jiff::Timestamp::from_second(i64::try_from(seconds).ok()?).ok().map(|at| at.to_string())
}

fn shorten(text: &str) -> String {
    text.chars().take(200).collect()
}
