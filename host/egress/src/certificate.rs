//! What a server's certificate tells besides its validity: its fingerprint, whether it signed itself, and the value that binds
//! a login to its TLS connection (RFC 5929, `tls-server-end-point`; SEMANTICS B-47).

use rustls::pki_types::{CertificateDer, UnixTime};
use sha2::{Digest, Sha256, Sha384, Sha512};
use x509_cert::Certificate;
use x509_cert::der::{Decode, Encode};

use crate::tls::TlsProblem;

/// Put before the hash in the application data of a channel binding.
const PREFIX: &[u8] = b"tls-server-end-point:";

/// What an entry of `certificate_sha256` stands for: the SHA-256 of one whole certificate.
pub(crate) type Fingerprint = [u8; 32];

/// SHA-256 over the whole certificate.
pub(crate) fn fingerprint(certificate: &CertificateDer<'_>) -> Fingerprint {
    Sha256::digest(certificate.as_ref()).into()
}

/// As `openssl x509 -fingerprint -sha256` prints it.
pub(crate) fn shown(fingerprint: &Fingerprint) -> String {
    let pairs: Vec<String> = fingerprint.iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}

/// Reads 64 hexadecimal digits in either case; colons and blanks between them do not count.
pub(crate) fn parse_fingerprint(text: &str) -> Result<Fingerprint, String> {
    let wrong = || {
        let start: String = text.chars().take(100).collect();
        format!(
            "`{start}` is no SHA-256 of a certificate: 64 hexadecimal digits are expected, as `openssl x509 -noout -fingerprint -sha256` prints them"
        )
    };
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| !matches!(c, ':' | ' '))
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()).ok_or_else(wrong))
        .collect::<Result<_, _>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    let bytes: Vec<u8> = pairs.iter().map(|[high, low]| high * 16 + low).collect();
    if rest.is_empty() { bytes.try_into().map_err(|_| wrong()) } else { Err(wrong()) }
}

/// Whether the certificate names itself as its issuer.
pub(crate) fn signed_by_itself(certificate: &CertificateDer<'_>) -> bool {
    Certificate::from_der(certificate.as_ref())
        .is_ok_and(|certificate| certificate.tbs_certificate.issuer == certificate.tbs_certificate.subject)
}

/// The period of validity alone, for a certificate whose issuer nobody asks about.
pub(crate) fn judge_period(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), TlsProblem> {
    let certificate =
        Certificate::from_der(certificate.as_ref()).map_err(|_| TlsProblem::Other("the certificate is unreadable".to_owned()))?;
    let validity = certificate.tbs_certificate.validity;
    let (start, end) = (validity.not_before.to_unix_duration().as_secs(), validity.not_after.to_unix_duration().as_secs());
    if now.as_secs() < start {
        return Err(TlsProblem::NotYetValid(crate::tls::instant(start)));
    }
    if now.as_secs() > end { Err(TlsProblem::Expired(crate::tls::instant(end))) } else { Ok(()) }
}

/// The channel binding of a TLS connection to this server: the prefix and the certificate's hash, taken with the hash of its
/// signature, and SHA-256 in place of MD5 and SHA-1. `None` where the standard defines no value, as for Ed25519.
pub(crate) fn binding(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let der = certificate.as_ref();
    let read = Certificate::from_der(der).ok()?;
    let hash = match signature_hash(&read)? {
        Hash::Sha256 => Sha256::digest(der).to_vec(),
        Hash::Sha384 => Sha384::digest(der).to_vec(),
        Hash::Sha512 => Sha512::digest(der).to_vec(),
    };
    Some([PREFIX, &hash].concat())
}

enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

fn signature_hash(certificate: &Certificate) -> Option<Hash> {
    let algorithm = &certificate.signature_algorithm;
    let oid = algorithm.oid.to_string();
    match oid.as_str() {
        // RSA with MD5, SHA-1 and SHA-256; DSA and ECDSA with SHA-1 and SHA-256.
        "1.2.840.113549.1.1.4"
        | "1.2.840.113549.1.1.5"
        | "1.2.840.113549.1.1.11"
        | "1.2.840.10040.4.3"
        | "2.16.840.1.101.3.4.3.2"
        | "1.2.840.10045.4.1"
        | "1.2.840.10045.4.3.2" => Some(Hash::Sha256),
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => Some(Hash::Sha384),
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => Some(Hash::Sha512),
        // RSASSA-PSS names its hash in the parameters, which begin with it; SHA-1 if it does not.
        "1.2.840.113549.1.1.10" => {
            let parameters = algorithm.parameters.as_ref()?.to_der().ok()?;
            let names = |hash: &[u8]| parameters.windows(hash.len()).any(|part| part == hash);
            if names(&PSS_SHA384) {
                Some(Hash::Sha384)
            } else if names(&PSS_SHA512) {
                Some(Hash::Sha512)
            } else {
                Some(Hash::Sha256)
            }
        }
        _ => None,
    }
}

/// The object identifiers of SHA-384 and SHA-512 in DER. In the parameters hash and mask hash are the same in practice.
const PSS_SHA384: [u8; 11] = [0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02];
const PSS_SHA512: [u8; 11] = [0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03];

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519};

    fn made(algorithm: &'static rcgen::SignatureAlgorithm) -> CertificateDer<'static> {
        let key = KeyPair::generate_for(algorithm).unwrap();
        CertificateParams::new(vec!["mail.example".to_owned()]).unwrap().self_signed(&key).unwrap().der().clone()
    }

    #[test]
    fn b47_the_binding_uses_the_hash_of_the_signature() {
        let certificate = made(&PKCS_ECDSA_P256_SHA256);
        assert_eq!(binding(&certificate).unwrap(), [PREFIX, &Sha256::digest(&certificate)].concat());
        let certificate = made(&PKCS_ECDSA_P384_SHA384);
        assert_eq!(binding(&certificate).unwrap(), [PREFIX, &Sha384::digest(&certificate)].concat());
        assert_eq!(binding(&made(&PKCS_ED25519)), None, "no value is defined");
        assert_eq!(binding(&CertificateDer::from(vec![1, 2, 3])), None);
    }

    #[test]
    fn feat_c19_a_fingerprint_is_read_as_tools_print_it() {
        let certificate = made(&PKCS_ECDSA_P256_SHA256);
        let print = fingerprint(&certificate);
        let text = shown(&print);
        assert_eq!(parse_fingerprint(&text), Ok(print));
        assert_eq!(parse_fingerprint(&text.replace(':', "").to_lowercase()), Ok(print));
        for wrong in ["", "AB", &text[3..], &format!("{text}:00"), "sha256", &"ä".repeat(64)] {
            assert!(parse_fingerprint(wrong).unwrap_err().contains("openssl"), "{wrong}");
        }
        assert!(signed_by_itself(&certificate));
    }
}
