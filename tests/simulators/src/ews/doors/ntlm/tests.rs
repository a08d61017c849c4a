//! The server's side against the messages of an independent client (`sspi`), and against messages that no client should send.

use sspi::{AuthIdentityBuffers, BufferType, ClientRequestFlags, DataRepresentation, Ntlm, SecurityBuffer, Sspi, SspiImpl};

use super::*;

const BINDING: &[u8] = b"tls-server-end-point:0123456789abcdef";

pub struct Client {
    context: Ntlm,
    credentials: Option<AuthIdentityBuffers>,
}

impl Client {
    pub fn new(user: &str, domain: &str, password: &str, binding: Option<&[u8]>) -> Self {
        let mut context = Ntlm::new();
        if let Some(binding) = binding {
            context.set_channel_bindings(binding);
        }
        Self { context, credentials: Some(AuthIdentityBuffers::from_utf8(user, domain, password)) }
    }

    pub fn step(&mut self, input: Option<&[u8]>, flags: ClientRequestFlags) -> Vec<u8> {
        let mut output = [SecurityBuffer::new(Vec::new(), BufferType::Token)];
        let mut given = input.map(|token| [SecurityBuffer::new(token.to_vec(), BufferType::Token)]);
        let mut builder = self
            .context
            .initialize_security_context()
            .with_credentials_handle(&mut self.credentials)
            .with_context_requirements(flags)
            .with_target_data_representation(DataRepresentation::Native)
            .with_output(&mut output);
        if let Some(given) = given.as_mut() {
            builder = builder.with_input(given);
        }
        self.context.initialize_security_context_impl(&mut builder).unwrap().resolve_to_result().unwrap();
        let [token] = output;
        token.buffer
    }

    /// The second message, and the third.
    fn talk(mut self, flags: ClientRequestFlags) -> (Pending, Vec<u8>) {
        let first = self.step(None, flags);
        assert!(is_plain(&first) && !is_third(&first));
        let pending = challenge("EXAMPLE", "example.test", &first, [7; 8], "2026-01-05T08:00:00Z".parse().unwrap()).unwrap();
        let third = self.step(Some(pending.message()), flags);
        assert!(is_third(&third));
        (pending, third)
    }
}

/// What the sender of a third message signs a list of mechanisms with.
pub fn signature(third: &[u8], password: &str, list: &[u8]) -> [u8; 16] {
    let said = Authenticate::read(third, true).unwrap();
    let (proof, _) = said.response.split_first_chunk::<16>().unwrap();
    let key = Key::of(password, &said.user, &said.domain).session(proof, &said.session_key, said.flags).unwrap();
    Signer::new(key, said.flags).sign(Side::Client, list)
}

fn judged(pending: &Pending, third: &[u8], binding: Option<&[u8]>, password: &str) -> Result<String, Refusal> {
    let find = |user: &str, domain: &str| (user != "nobody").then(|| (format!("{domain}\\{user}"), password.to_owned()));
    pending.judge(third, binding, find).map(|passed| passed.account)
}

const WAYS: [ClientRequestFlags; 2] =
    [ClientRequestFlags::empty(), ClientRequestFlags::INTEGRITY.union(ClientRequestFlags::CONFIDENTIALITY)];

#[test]
fn c05_a_client_of_others_is_let_in_by_its_password_only() {
    for way in WAYS {
        for password in ["Passw0rd", "p\"ä€😀 \\%$&' x", " ", "日本語"] {
            let (pending, third) = Client::new("jürgen", "EXAMPLE", password, None).talk(way);
            assert_eq!(judged(&pending, &third, None, password), Ok("EXAMPLE\\jürgen".to_owned()));
            assert_eq!(judged(&pending, &third, None, "other"), Err(Refusal::Password));
        }
        let (pending, third) = Client::new("nobody", "", "p", None).talk(way);
        assert_eq!(judged(&pending, &third, None, "p"), Err(Refusal::Unknown));
    }
}

#[test]
fn b47_a_login_is_tied_to_its_channel_where_that_is_demanded() {
    for (sent, expected) in [
        (Some(BINDING), Ok("EXAMPLE\\anna".to_owned())),
        (Some(b"tls-server-end-point:other".as_slice()), Err(Refusal::Binding)),
        (None, Err(Refusal::Binding)),
    ] {
        let (pending, third) = Client::new("anna", "EXAMPLE", "p", sent).talk(ClientRequestFlags::empty());
        assert_eq!(judged(&pending, &third, Some(BINDING), "p"), expected);
        assert!(judged(&pending, &third, None, "p").is_ok(), "nothing is demanded");
    }
}

#[test]
fn a_changed_message_is_refused() {
    for way in WAYS {
        let (pending, third) = Client::new("anna", "EXAMPLE", "p", None).talk(way);
        for at in [60, 72, 87] {
            let mut changed = third.clone();
            changed[at] ^= 1;
            assert_eq!(judged(&pending, &changed, None, "p"), Err(Refusal::Integrity), "byte {at}");
        }
        let mut other = pending.clone();
        other.first[12] ^= 0x10;
        assert_eq!(judged(&other, &third, None, "p"), Err(Refusal::Integrity), "the first message is part of the sum");
        for end in 0..third.len() {
            assert!(judged(&pending, &third[..end], None, "p").is_err());
        }
    }
}

/// A third message with this answer to the nonce.
fn third(user: &str, response: &[u8]) -> Vec<u8> {
    let name: Vec<u8> = user.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut out = SIGNATURE.to_vec();
    out.extend(3_u32.to_le_bytes());
    let mut payload = Vec::new();
    for part in [&[], response, &[], &name, &[], &[]] {
        let length = u16::try_from(part.len()).unwrap().to_le_bytes();
        out.extend([length, length].concat());
        out.extend(u32::try_from(64 + payload.len()).unwrap().to_le_bytes());
        payload.extend_from_slice(part);
    }
    out.extend(1_u32.to_le_bytes());
    out.extend(payload);
    out
}

/// A structure of version 2 without pairs, proved for a user.
fn proved(pending: &Pending, user: &str, password: &str) -> Vec<u8> {
    let blob = [&[1, 1][..], &[0; 26], &[0; 8]].concat();
    [Key::of(password, user, "").proof(&pending.nonce, &blob).as_slice(), &blob].concat()
}

#[test]
fn b47_version_1_and_nobody_are_refused_and_an_older_client_of_version_2_is_not() {
    let first = [SIGNATURE.as_slice(), &[1, 0, 0, 0, 1, 2, 0, 0]].concat();
    let pending = challenge("EXAMPLE", "example.test", &first, [7; 8], Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(judged(&pending, &third("anna", &[9; 24]), None, "p"), Err(Refusal::Version1));
    assert_eq!(judged(&pending, &third("", &[0]), None, "p"), Err(Refusal::Anonymous));
    assert_eq!(judged(&pending, &third("anna", &[]), None, "p"), Err(Refusal::Anonymous));
    let good = third("anna", &proved(&pending, "anna", "p"));
    assert_eq!(judged(&pending, &good, None, "p"), Ok("\\anna".to_owned()));
    assert_eq!(judged(&pending, &good, Some(BINDING), "p"), Err(Refusal::Binding));
}

#[test]
fn c05_a_letter_without_a_capital_of_its_own_stays_as_windows_has_it() {
    let first = [SIGNATURE.as_slice(), &[1, 0, 0, 0, 1, 2, 0, 0]].concat();
    let pending = challenge("EXAMPLE", "example.test", &first, [7; 8], Timestamp::UNIX_EPOCH).unwrap();
    assert!(judged(&pending, &third("straße", &proved(&pending, "STRAßE", "p")), None, "p").is_ok());
    assert_eq!(judged(&pending, &third("straße", &proved(&pending, "STRASSE", "p")), None, "p"), Err(Refusal::Password));
}
