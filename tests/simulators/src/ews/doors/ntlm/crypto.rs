//! The sums of NTLM. Names are those of MS-NLMP where they are not words.

use hmac::{Hmac, Mac};
use md4::Md4;
use md5::{Digest, Md5};
use rc4::consts::U16;
use rc4::{KeyInit, Rc4, StreamCipher};

use super::message::{KEY_EXCHANGE, STRENGTH_56, STRENGTH_128};

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 16] {
    // Keys of every length are taken.
    let Ok(mut mac) = <Hmac<Md5> as Mac>::new_from_slice(key) else { return [0; 16] };
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

fn md5(parts: &[&[u8]]) -> [u8; 16] {
    let mut sum = Md5::new();
    parts.iter().for_each(|part| sum.update(part));
    sum.finalize().into()
}

fn utf16(text: impl Iterator<Item = char>) -> Vec<u8> {
    text.collect::<String>().encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// A letter's capital; one that would become several letters stays as it is, as Windows has it.
fn capital(c: char) -> char {
    let mut all = c.to_uppercase();
    match (all.next(), all.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

/// `NTOWFv2`: what stands for the password of a user of a domain.
pub(super) struct Key([u8; 16]);

impl Key {
    pub fn of(password: &str, user: &str, domain: &str) -> Self {
        let hash: [u8; 16] = Md4::digest(utf16(password.chars())).into();
        Self(hmac(&hash, &[&utf16(user.chars().map(capital).chain(domain.chars()))]))
    }

    /// `NTProofStr`.
    pub fn proof(&self, nonce: &[u8; 8], blob: &[u8]) -> [u8; 16] {
        hmac(&self.0, &[nonce, blob])
    }

    /// `ExportedSessionKey`; none if the message should hold one and does not.
    pub fn session(&self, proof: &[u8; 16], sent: &[u8], flags: u32) -> Option<[u8; 16]> {
        let base = hmac(&self.0, &[proof]);
        if flags & KEY_EXCHANGE == 0 {
            return Some(base);
        }
        let mut key: [u8; 16] = sent.try_into().ok()?;
        Rc4::<U16>::new(&base.into()).apply_keystream(&mut key);
        Some(key)
    }
}

/// `MIC`.
pub(super) fn integrity(key: &[u8; 16], messages: &[&[u8]]) -> [u8; 16] {
    hmac(key, messages)
}

/// `MsvAvChannelBindings` of application data: the digest of a binding structure without addresses.
pub(super) fn binding(data: &[u8]) -> [u8; 16] {
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    md5(&[&[0; 16], &length.to_le_bytes(), data])
}

/// Signs the first thing that either side says after the login.
pub(crate) struct Signer {
    key: [u8; 16],
    flags: u32,
}

/// Who signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

impl Signer {
    pub(super) fn new(key: [u8; 16], flags: u32) -> Self {
        Self { key, flags }
    }

    /// The signature with extended session security and the number 0.
    pub fn sign(&self, side: Side, text: &[u8]) -> [u8; 16] {
        let way = match side {
            Side::Client => "client-to-server",
            Side::Server => "server-to-client",
        };
        let number = 0_u32.to_le_bytes();
        let signing = md5(&[&self.key, format!("session key to {way} signing key magic constant\0").as_bytes()]);
        let [a, b, c, d, e, f, g, h, ..] = hmac(&signing, &[&number, text]);
        let mut sum = [a, b, c, d, e, f, g, h];
        if self.flags & KEY_EXCHANGE != 0 {
            let magic = format!("session key to {way} sealing key magic constant\0");
            let whole = md5(&[self.strength(), magic.as_bytes()]);
            Rc4::<U16>::new(&whole.into()).apply_keystream(&mut sum);
        }
        let mut out = [0; 16];
        out.iter_mut().zip(1_u32.to_le_bytes().into_iter().chain(sum).chain(number)).for_each(|(to, from)| *to = from);
        out
    }

    /// The part of the key that the agreed strength uses.
    fn strength(&self) -> &[u8] {
        let bytes = match self.flags {
            f if f & STRENGTH_128 != 0 => 16,
            f if f & STRENGTH_56 != 0 => 7,
            _ => 5,
        };
        self.key.get(..bytes).unwrap_or(&self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let pairs: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
        pairs.chunks(2).map(|p| u8::from_str_radix(&p.iter().collect::<String>(), 16).unwrap()).collect()
    }

    /// The values of MS-NLMP 4.2.4.
    #[test]
    fn the_sums_are_those_of_the_specification() {
        let key = Key::of("Password", "User", "Domain");
        assert_eq!(key.0.to_vec(), hex("0c868a403bfd7a93a3001ef22ef02e3f"));
        let blob = hex(
            "01010000000000000000000000000000aaaaaaaaaaaaaaaa0000000002000c0044006f006d00610069006e0001000c005300650072007600650072000000000000000000",
        );
        let proof = key.proof(&[0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef], &blob);
        assert_eq!(proof.to_vec(), hex("68cd0ab851e51c96aabc927bebef6a1c"));
        assert_eq!(key.session(&proof, &[], 0).unwrap().to_vec(), hex("8de40ccadbc14a82f15cb0ad0de95ca3"));
        let sent = hex("c5dad2544fc9799094ce1ce90bc9d03e");
        assert_eq!(key.session(&proof, &sent, KEY_EXCHANGE).unwrap(), [0x55; 16]);
    }

    #[test]
    fn a_capital_is_one_letter() {
        assert_eq!("straße äé".chars().map(capital).collect::<String>(), "STRAßE ÄÉ");
    }
}
