//! The server's side of NTLM version 2, as Microsoft's MS-NLMP describes it: written for tests, so that clients meet something
//! that is not the library they are made of.
//!
//! Refused: version 1, answers without a user, a wrong message integrity code, a wrong or missing channel binding where one is demanded.

mod crypto;
mod message;
#[cfg(test)]
pub(super) mod tests;

use jiff::Timestamp;

use self::crypto::Key;
pub(crate) use self::crypto::{Side, Signer};
use self::message::{Authenticate, Names, Negotiate};

/// What every message begins with.
const SIGNATURE: &[u8; 8] = b"NTLMSSP\0";

/// Whether a token is a message of NTLM as such.
pub(crate) fn is_plain(token: &[u8]) -> bool {
    token.starts_with(SIGNATURE)
}

/// Whether such a message is the last of a login.
pub(crate) fn is_third(token: &[u8]) -> bool {
    token.get(SIGNATURE.len()) == Some(&3)
}

/// Why a login is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("malformed message")]
    Malformed,
    #[error("a third message without a second")]
    OutOfTurn,
    #[error("anonymous")]
    Anonymous,
    #[error("version 1")]
    Version1,
    #[error("unknown user")]
    Unknown,
    #[error("wrong password")]
    Password,
    #[error("wrong integrity code")]
    Integrity,
    #[error("wrong or missing channel binding")]
    Binding,
    #[error("Kerberos ticket")]
    Kerberos,
}

/// A login whose second message is out.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    first: Vec<u8>,
    second: Vec<u8>,
    nonce: [u8; 8],
    unicode: bool,
}

/// A login that holds.
pub(crate) struct Passed<T> {
    pub account: T,
    /// Signs what the two say to each other from here on.
    pub signer: Signer,
}

/// Answers the first message.
///
/// # Errors
/// It is none.
pub(crate) fn challenge(domain: &str, dns_domain: &str, first: &[u8], nonce: [u8; 8], now: Timestamp) -> Result<Pending, Refusal> {
    let negotiate = Negotiate::read(first).ok_or(Refusal::Malformed)?;
    let second = message::challenge(&negotiate, &Names { domain, dns_domain }, nonce, now);
    Ok(Pending { first: first.to_vec(), second, nonce, unicode: negotiate.unicode() })
}

impl Pending {
    /// The second message.
    pub fn message(&self) -> &[u8] {
        &self.second
    }

    /// Judges the third message. `find` gives an account by user and domain, with its password.
    ///
    /// # Errors
    /// The login is refused.
    pub fn judge<T>(
        &self,
        third: &[u8],
        binding: Option<&[u8]>,
        find: impl FnOnce(&str, &str) -> Option<(T, String)>,
    ) -> Result<Passed<T>, Refusal> {
        let said = Authenticate::read(third, self.unicode).ok_or(Refusal::Malformed)?;
        if said.user.is_empty() || said.response.is_empty() {
            return Err(Refusal::Anonymous);
        }
        // Version 1 answers with exactly 24 bytes; version 2 with 16 of proof and a structure of 28 and more.
        let (proof, blob) = match said.response.split_first_chunk::<16>() {
            Some((proof, blob)) if blob.len() >= 28 => (proof, blob),
            _ => return Err(Refusal::Version1),
        };
        let pairs = message::pairs(blob.get(28..).unwrap_or_default()).ok_or(Refusal::Malformed)?;
        let (account, password) = find(&said.user, &said.domain).ok_or(Refusal::Unknown)?;
        let key = Key::of(&password, &said.user, &said.domain);
        if key.proof(&self.nonce, blob) != *proof {
            return Err(Refusal::Password);
        }
        let exported = key.session(proof, &said.session_key, said.flags).ok_or(Refusal::Malformed)?;
        if pairs.promises_integrity() {
            let code = said.integrity(third).ok_or(Refusal::Integrity)?;
            if crypto::integrity(&exported, &[&self.first, &self.second, &code.without]) != code.value {
                return Err(Refusal::Integrity);
            }
        }
        if binding.is_some_and(|b| pairs.binding != Some(crypto::binding(b))) {
            return Err(Refusal::Binding);
        }
        Ok(Passed { account, signer: Signer::new(exported, said.flags) })
    }
}
