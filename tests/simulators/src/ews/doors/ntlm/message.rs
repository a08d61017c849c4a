//! Reading the first and the third message, writing the second. All numbers are little-endian; texts lie anywhere behind the head
//! and are found by length and offset.

use jiff::Timestamp;

use super::SIGNATURE;

const UNICODE: u32 = 0x1;
const OEM: u32 = 0x2;
const REQUEST_TARGET: u32 = 0x4;
const SIGN: u32 = 0x10;
const SEAL: u32 = 0x20;
const NTLM: u32 = 0x200;
const ALWAYS_SIGN: u32 = 0x8000;
const TARGET_IS_DOMAIN: u32 = 0x1_0000;
const EXTENDED: u32 = 0x8_0000;
const TARGET_INFO: u32 = 0x80_0000;
const VERSION: u32 = 0x200_0000;
pub(super) const STRENGTH_128: u32 = 0x2000_0000;
pub(super) const KEY_EXCHANGE: u32 = 0x4000_0000;
pub(super) const STRENGTH_56: u32 = 0x8000_0000;
/// What is agreed to if the client asks for it.
const ON_REQUEST: u32 = SIGN | SEAL | ALWAYS_SIGN | EXTENDED | STRENGTH_128 | KEY_EXCHANGE | STRENGTH_56;

const PAIR_END: u16 = 0;
const PAIR_MACHINE: u16 = 1;
const PAIR_DOMAIN: u16 = 2;
const PAIR_DNS_MACHINE: u16 = 3;
const PAIR_DNS_DOMAIN: u16 = 4;
const PAIR_FLAGS: u16 = 6;
const PAIR_TIME: u16 = 7;
const PAIR_BINDING: u16 = 10;
/// In [`PAIR_FLAGS`]: the third message has an integrity code.
const HAS_INTEGRITY: u32 = 2;

/// Short name of the machine that answers.
const MACHINE: &str = "SIMULATED01";
/// 100 ns between 1601 and 1970.
const EPOCH: i64 = 116_444_736_000_000_000;

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk::<2>().map(|b| u16::from_le_bytes(*b))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<4>().map(|b| u32::from_le_bytes(*b))
}

/// What a field of the head points to.
fn field(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let length = usize::from(short(bytes, at)?);
    let from = usize::try_from(long(bytes, at + 4)?).ok()?;
    bytes.get(from..from.checked_add(length)?)
}

fn of_type(bytes: &[u8], kind: u32) -> Option<()> {
    (bytes.starts_with(SIGNATURE) && long(bytes, 8)? == kind).then_some(())
}

/// The first message.
pub(super) struct Negotiate {
    flags: u32,
}

impl Negotiate {
    pub fn read(bytes: &[u8]) -> Option<Self> {
        of_type(bytes, 1)?;
        Some(Self { flags: long(bytes, 12)? })
    }

    /// Whether texts are UTF-16; a client that cannot do that sends one byte for each letter.
    pub fn unicode(&self) -> bool {
        self.flags & UNICODE != 0
    }
}

/// The domain that asks.
pub(super) struct Names<'a> {
    pub domain: &'a str,
    pub dns_domain: &'a str,
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn push_field(out: &mut Vec<u8>, length: usize, from: usize) {
    let length = u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes();
    out.extend(length);
    out.extend(length);
    out.extend(u32::try_from(from).unwrap_or(u32::MAX).to_le_bytes());
}

fn push_pair(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    out.extend(kind.to_le_bytes());
    out.extend(u16::try_from(value.len()).unwrap_or(u16::MAX).to_le_bytes());
    out.extend(value);
}

/// The second message.
pub(super) fn challenge(asked: &Negotiate, names: &Names<'_>, nonce: [u8; 8], now: Timestamp) -> Vec<u8> {
    let machine = format!("{}.{}", MACHINE.to_lowercase(), names.dns_domain);
    let ticks = now.as_microsecond().saturating_mul(10).saturating_add(EPOCH);
    let mut info = Vec::new();
    push_pair(&mut info, PAIR_DOMAIN, &wide(names.domain));
    push_pair(&mut info, PAIR_MACHINE, &wide(MACHINE));
    push_pair(&mut info, PAIR_DNS_DOMAIN, &wide(names.dns_domain));
    push_pair(&mut info, PAIR_DNS_MACHINE, &wide(&machine));
    push_pair(&mut info, PAIR_TIME, &ticks.to_le_bytes());
    push_pair(&mut info, PAIR_END, &[]);
    let target = if asked.unicode() { wide(names.domain) } else { names.domain.as_bytes().to_vec() };
    let charset = if asked.unicode() { UNICODE } else { OEM };
    let flags = charset | REQUEST_TARGET | NTLM | TARGET_IS_DOMAIN | TARGET_INFO | VERSION | (asked.flags & ON_REQUEST);

    let mut out = SIGNATURE.to_vec();
    out.extend(2_u32.to_le_bytes());
    let head = 56;
    push_field(&mut out, target.len(), head);
    out.extend(flags.to_le_bytes());
    out.extend(nonce);
    out.extend([0; 8]);
    push_field(&mut out, info.len(), head + target.len());
    // Windows 10.0, build 20348, revision 15 of NTLM.
    out.extend([10, 0, 0x7c, 0x4f, 0, 0, 0, 15]);
    out.extend(target);
    out.extend(info);
    out
}

/// The third message.
pub(super) struct Authenticate {
    pub user: String,
    pub domain: String,
    /// The answer to the nonce by the password's newer hash.
    pub response: Vec<u8>,
    pub session_key: Vec<u8>,
    pub flags: u32,
}

/// The integrity code, and the message as it was when the code was made.
pub(super) struct Integrity {
    pub value: [u8; 16],
    pub without: Vec<u8>,
}

/// Where the integrity code lies.
const INTEGRITY_AT: usize = 72;

fn text(bytes: &[u8], unicode: bool) -> Option<String> {
    if !unicode {
        return Some(bytes.iter().map(|b| char::from(*b)).collect());
    }
    let units: Vec<u16> = bytes.chunks(2).map(|c| short(c, 0)).collect::<Option<_>>()?;
    String::from_utf16(&units).ok()
}

impl Authenticate {
    pub fn read(bytes: &[u8], unicode: bool) -> Option<Self> {
        of_type(bytes, 3)?;
        Some(Self {
            response: field(bytes, 20)?.to_vec(),
            domain: text(field(bytes, 28)?, unicode)?,
            user: text(field(bytes, 36)?, unicode)?,
            session_key: field(bytes, 52).unwrap_or_default().to_vec(),
            flags: long(bytes, 60)?,
        })
    }

    /// The code that the message promises to have; none if there is no room for one.
    pub fn integrity(&self, bytes: &[u8]) -> Option<Integrity> {
        let value = *bytes.get(INTEGRITY_AT..)?.first_chunk::<16>()?;
        let mut without = bytes.to_vec();
        without.get_mut(INTEGRITY_AT..INTEGRITY_AT + 16)?.fill(0);
        Some(Integrity { value, without })
    }
}

/// What matters of the pairs that the client signs with its answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pairs {
    flags: u32,
    pub binding: Option<[u8; 16]>,
}

impl Pairs {
    pub fn promises_integrity(&self) -> bool {
        self.flags & HAS_INTEGRITY != 0
    }
}

/// Reads the pairs; none if they are cut off.
pub(super) fn pairs(bytes: &[u8]) -> Option<Pairs> {
    let mut found = Pairs::default();
    let mut rest = bytes;
    loop {
        let (kind, length) = (short(rest, 0)?, usize::from(short(rest, 2)?));
        let value = rest.get(4..4 + length)?;
        match kind {
            PAIR_END => return Some(found),
            PAIR_FLAGS => found.flags = long(value, 0)?,
            PAIR_BINDING => found.binding = value.first_chunk::<16>().copied().filter(|b| *b != [0; 16]),
            _ => {}
        }
        rest = rest.get(4 + length..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_message_that_is_cut_off_is_read() {
        let asked = Negotiate { flags: UNICODE | EXTENDED };
        let names = Names { domain: "EXAMPLE", dns_domain: "example.test" };
        let whole = challenge(&asked, &names, [7; 8], Timestamp::UNIX_EPOCH);
        assert_eq!(field(&whole, 12).map(|f| text(f, true)), Some(Some("EXAMPLE".to_owned())));
        assert_eq!(pairs(field(&whole, 40).unwrap()), Some(Pairs::default()));
        assert!(pairs(&field(&whole, 40).unwrap()[..20]).is_none());
        let mut third = whole;
        third[8] = 3;
        for end in 0..third.len() {
            let _ = Authenticate::read(&third[..end], true);
        }
        assert!(Authenticate::read(&third[..60], true).is_none());
    }
}
