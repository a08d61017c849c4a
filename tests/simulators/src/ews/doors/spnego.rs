//! What Negotiate wraps around NTLM (RFC 4178): an offer of mechanisms first, answers after it. Only what is needed of DER.

/// SPNEGO, 1.3.6.1.5.5.2.
const SPNEGO: &[u8] = &[0x2b, 6, 1, 5, 5, 2];
/// NTLM, 1.3.6.1.4.1.311.2.2.10.
const NTLM: &[u8] = &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 10];

const SEQUENCE: u8 = 0x30;
const OCTETS: u8 = 0x04;
const IDENTIFIER: u8 = 0x06;
const ENUMERATED: u8 = 0x0a;
const APPLICATION: u8 = 0x60;

/// What a client says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// The mechanisms offered, as they were written; none after the first message.
    pub mechanisms: Option<Vec<u8>>,
    /// Whether NTLM is among them, and whether it is the first, for which the token is.
    pub ntlm: Option<Place>,
    pub token: Option<Vec<u8>>,
    /// The signature of the mechanisms.
    pub signature: Option<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    First,
    Later,
}

/// Takes one value from the front: its tag and its content.
fn take<'a>(bytes: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let count = usize::from(first & 0x7f);
        let digits = rest.get(..count).filter(|_| count <= 4)?;
        (digits.iter().fold(0, |sum, d| sum << 8 | usize::from(*d)), rest.get(count..)?)
    };
    let content = rest.get(..length)?;
    *bytes = rest.get(length..)?;
    Some((tag, content))
}

fn inside(mut bytes: &[u8], tag: u8) -> Option<&[u8]> {
    take(&mut bytes).filter(|(t, _)| *t == tag).map(|(_, content)| content)
}

/// Where NTLM stands in a list of mechanisms, if it does; none for what is no list.
#[allow(clippy::option_option, reason = "unreadable and without NTLM are two things")]
fn place(mechanisms: &[u8]) -> Option<Option<Place>> {
    let mut all = inside(mechanisms, SEQUENCE)?;
    let (mut found, mut place) = (None, Place::First);
    while !all.is_empty() {
        let (_, mechanism) = take(&mut all)?;
        if mechanism == NTLM && found.is_none() {
            found = Some(place);
        }
        place = Place::Later;
    }
    Some(found)
}

/// Whether the list must be signed: somebody between the two could have put another mechanism before NTLM, or taken one away.
pub(crate) fn wants_signature(mechanisms: &[u8]) -> bool {
    place(mechanisms) != Some(Some(Place::First))
}

/// Reads a token of Negotiate; none for what is no such token, as a Kerberos ticket alone is none.
pub(crate) fn read(token: &[u8]) -> Option<Said> {
    let mut bytes = token;
    let (tag, content) = take(&mut bytes)?;
    let body = if tag == APPLICATION {
        let mut content = content;
        take(&mut content).filter(|found| *found == (IDENTIFIER, SPNEGO))?;
        inside(content, 0xa0)?
    } else if tag == 0xa1 {
        content
    } else {
        return None;
    };
    let mut parts = inside(body, SEQUENCE)?;
    let mut said = Said { mechanisms: None, ntlm: None, token: None, signature: None };
    while !parts.is_empty() {
        let (number, part) = take(&mut parts)?;
        match number {
            0xa0 if tag == APPLICATION => {
                said.ntlm = place(part)?;
                said.mechanisms = Some(part.to_vec());
            }
            0xa2 => said.token = Some(inside(part, OCTETS)?.to_vec()),
            0xa3 => said.signature = Some(inside(part, OCTETS)?.to_vec()),
            _ => {}
        }
    }
    Some(said)
}

fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match content.len() {
        short @ 0..0x80 => out.extend(u8::try_from(short)),
        long => {
            let digits: Vec<u8> = long.to_be_bytes().into_iter().skip_while(|d| *d == 0).collect();
            out.push(0x80 | u8::try_from(digits.len()).unwrap_or(0x7f));
            out.extend(digits);
        }
    }
    out.extend(content);
    out
}

/// What the server thinks of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Completed,
    Incomplete,
    /// Goes on with a mechanism that was not the client's first, so the list must be signed.
    RequestSignature,
}

/// An answer. The mechanism is named as long as the login is not over.
pub(crate) fn write(state: State, token: Option<&[u8]>, signature: Option<&[u8]>) -> Vec<u8> {
    let number = match state {
        State::Completed => 0,
        State::Incomplete => 1,
        State::RequestSignature => 3,
    };
    let mut parts = value(0xa0, &value(ENUMERATED, &[number]));
    if state != State::Completed {
        parts.extend(value(0xa1, &value(IDENTIFIER, NTLM)));
    }
    parts.extend(token.map(|t| value(0xa2, &value(OCTETS, t))).unwrap_or_default());
    parts.extend(signature.map(|s| value(0xa3, &value(OCTETS, s))).unwrap_or_default());
    value(0xa1, &value(SEQUENCE, &parts))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An offer of Kerberos first and NTLM second, with a token for Kerberos; and its list.
    pub fn offer(token: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let kerberos = value(IDENTIFIER, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2]);
        let list = value(SEQUENCE, &[kerberos, value(IDENTIFIER, NTLM)].concat());
        let body = [value(0xa0, &list), value(0xa2, &value(OCTETS, token))].concat();
        (value(APPLICATION, &[value(IDENTIFIER, SPNEGO), value(0xa0, &value(SEQUENCE, &body))].concat()), list)
    }

    #[test]
    fn an_offer_is_read_and_a_ticket_alone_is_none() {
        let (offer, list) = offer(&[1; 300]);
        let said = read(&offer).unwrap();
        assert_eq!((said.ntlm, said.token, said.mechanisms), (Some(Place::Later), Some(vec![1; 300]), Some(list)));
        let kerberos = value(IDENTIFIER, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2]);
        assert!(read(&value(APPLICATION, &[kerberos, vec![1, 0]].concat())).is_none());
        for end in 0..offer.len() {
            assert!(read(&offer[..end]).is_none());
        }
    }

    #[test]
    fn an_answer_is_read_as_one() {
        let said = read(&write(State::Incomplete, Some(b"token"), Some(b"signed"))).unwrap();
        assert_eq!((said.mechanisms, said.token, said.signature), (None, Some(b"token".to_vec()), Some(b"signed".to_vec())));
    }
}
