//! The messages of NTLM, version 2 only: the library's client has no code for version 1.
//!
//! What the library takes for something else is kept from it: a password that begins like a key of it becomes that key's hash
//! here, and a user name whose capital letters it would count differently than servers do is refused before any attempt.

use calport_secrets::Secret;
use md4::{Digest, Md4};
use sspi::ntlm::NtlmHash;
use sspi::{
    AuthIdentityBuffers, BufferType, ClientRequestFlags, DataRepresentation, NTLM_HASH_PREFIX, Ntlm, SecurityBuffer, Sspi, SspiImpl,
};

/// Messages of servers are a few hundred bytes; names inside are limited to 64 KiB by the format.
const LONGEST: usize = 64 * 1024;

/// A user as NTLM names him.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    user: String,
    domain: String,
}

impl Account {
    /// Reads `DOMAIN\user` with the domain's NetBIOS name or its DNS name, `user@domain`, which goes out whole, or a bare name.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (domain, user) = text.split_once('\\').unwrap_or(("", text));
        if user.is_empty() {
            return Err(format!("`{text}` names no user: write DOMAIN\\user or user@domain"));
        }
        if let Some(wide) = user.chars().find(|c| c.to_uppercase().count() > 1) {
            return Err(format!(
                "NTLM cannot be used with `{wide}` in a user name, because programs do not agree on its capital letter; use the account's \
                 other name (user@domain or the one without this letter), or scheme negotiate with a keytab"
            ));
        }
        Ok(Self { user: user.to_owned(), domain: domain.to_owned() })
    }
}

/// One login of one connection.
pub(super) struct Handshake {
    context: Ntlm,
    credentials: Option<AuthIdentityBuffers>,
}

impl Handshake {
    /// `binding` ties the login to the TLS connection, so that nobody in between can use it elsewhere.
    pub(super) fn new(account: &Account, password: &Secret, binding: Option<&[u8]>) -> Self {
        let mut context = Ntlm::new();
        if let Some(binding) = binding {
            context.set_channel_bindings(binding);
        }
        let (user, domain, password) = (&account.user, &account.domain, password.expose());
        let credentials = if password.starts_with(NTLM_HASH_PREFIX) {
            AuthIdentityBuffers::from_utf8_with_hash(user, domain, &NtlmHash::from_bytes(nt_hash(password)))
        } else {
            AuthIdentityBuffers::from_utf8(user, domain, password)
        };
        Self { context, credentials: Some(credentials) }
    }

    /// The first message; it names nobody.
    pub(super) fn first(&mut self) -> Result<Vec<u8>, String> {
        self.step(None)
    }

    /// The answer to the server's challenge, which is hostile until read.
    pub(super) fn answer(&mut self, challenge: Vec<u8>) -> Result<Vec<u8>, String> {
        if challenge.len() > LONGEST {
            return Err(format!("it has {} bytes", challenge.len()));
        }
        self.step(Some(challenge))
    }

    fn step(&mut self, input: Option<Vec<u8>>) -> Result<Vec<u8>, String> {
        let plain = |error: sspi::Error| error.to_string().chars().filter(|c| !c.is_control()).take(200).collect::<String>();
        let mut output = [SecurityBuffer::new(Vec::new(), BufferType::Token)];
        let mut given = input.map(|token| [SecurityBuffer::new(token, BufferType::Token)]);
        let mut builder = self
            .context
            .initialize_security_context()
            .with_credentials_handle(&mut self.credentials)
            .with_context_requirements(ClientRequestFlags::empty())
            .with_target_data_representation(DataRepresentation::Native)
            .with_output(&mut output);
        if let Some(given) = given.as_mut() {
            builder = builder.with_input(given);
        }
        self.context.initialize_security_context_impl(&mut builder).map_err(plain)?.resolve_to_result().map_err(plain)?;
        let [token] = output;
        Ok(token.buffer)
    }
}

/// MD4 over the password in UTF-16, which is what NTLM knows of a password.
fn nt_hash(password: &str) -> [u8; 16] {
    let bytes: Vec<u8> = password.encode_utf16().flat_map(u16::to_le_bytes).collect();
    Md4::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    /// As Samba gives it.
    const CHALLENGE: &str = "TlRMTVNTUAACAAAABAAEADgAAAAFgoqiFguEH7YWGNcAAAAAAAAAACwALAA8AAAABgEAAAAAAA9WAE0AAgAEAFYATQABAAQAVgBNAAQAAAADAAQAdgBtAAcACACQsvQ1qHndAQAAAAA=";

    fn answer(challenge: Vec<u8>) -> Result<Vec<u8>, String> {
        let account = Account::parse("EXAMPLE\\anna").unwrap();
        let mut handshake = Handshake::new(&account, &Secret::new("Passw0rd"), Some(b"tls-server-end-point:x"));
        let first = handshake.first().unwrap();
        assert!(first.starts_with(b"NTLMSSP\0\x01"));
        handshake.answer(challenge)
    }

    #[test]
    fn b47_a_user_is_split_at_the_first_backslash_and_never_at_the_at_sign() {
        let account = |user: &str, domain: &str| Ok(Account { user: user.to_owned(), domain: domain.to_owned() });
        assert_eq!(Account::parse("EXAMPLE\\anna"), account("anna", "EXAMPLE"));
        assert_eq!(Account::parse("example.test\\an\\na@x"), account("an\\na@x", "example.test"));
        assert_eq!(Account::parse("anna@example.test"), account("anna@example.test", ""));
        assert!(Account::parse("EXAMPLE\\").is_err() && Account::parse("straße").unwrap_err().contains("negotiate"));
    }

    #[test]
    fn the_hash_of_a_password_is_that_of_the_specification() {
        let expected = [0xa4, 0xf4, 0x9c, 0x40, 0x65, 0x10, 0xbd, 0xca, 0xb6, 0x82, 0x4e, 0xe7, 0xc3, 0x0f, 0xd8, 0x52];
        assert_eq!(nt_hash("Password"), expected);
    }

    proptest! {
        #[test]
        fn feat_x02_no_challenge_can_stop_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = answer(bytes);
        }

        #[test]
        fn feat_x02_no_changed_challenge_can_stop_the_reader(changes in proptest::collection::vec((8..120_usize, any::<u8>()), 1..6), end in 0..120_usize) {
            let mut challenge = STANDARD.decode(CHALLENGE).unwrap();
            for (at, byte) in changes {
                if let Some(slot) = challenge.get_mut(at) {
                    *slot = byte;
                }
            }
            let _ = answer(challenge.clone());
            challenge.truncate(end);
            let _ = answer(challenge);
        }
    }
}
