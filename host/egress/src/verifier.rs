//! Who judges a server's certificate (FEATURES C19).
//!
//! Either the platform, whose refusal of a certificate that signed itself is completed with the fingerprint to compare; or the
//! fingerprints in the configuration and nothing else. A pinned certificate needs no known issuer and no fitting name, since it
//! is the very one that the administrator looked at; its period of validity and the proof that the server holds its key count.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};

use crate::certificate::{Fingerprint, fingerprint, judge_period, shown, signed_by_itself};
use crate::tls::{TlsProblem, certificate_problem};

/// Our own words for a refusal, carried through the TLS library.
#[derive(Debug)]
pub(crate) struct Explained(pub(crate) TlsProblem);

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Explained {}

fn refuse(problem: TlsProblem) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(Explained(problem)))))
}

/// The platform's judgement.
#[derive(Debug)]
pub(crate) struct Explaining(pub(crate) Arc<dyn ServerCertVerifier>);

impl ServerCertVerifier for Explaining {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.0.verify_server_cert(leaf, between, name, ocsp, now).map_err(|error| match &error {
            Error::InvalidCertificate(why)
                if matches!(certificate_problem(why), TlsProblem::UnknownIssuer | TlsProblem::CaAsServer) && signed_by_itself(leaf) =>
            {
                refuse(TlsProblem::SelfSigned(shown(&fingerprint(leaf))))
            }
            _ => error,
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// Certificates named one by one.
#[derive(Debug)]
pub(crate) struct Pinned {
    pub(crate) prints: Vec<Fingerprint>,
    pub(crate) provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        _between: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let print = fingerprint(leaf);
        if !self.prints.contains(&print) {
            return Err(refuse(TlsProblem::NotPinned(shown(&print))));
        }
        judge_period(leaf, now).map_err(refuse)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
