//! The token of the control API.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Characters of the shortest token that is taken: 128 bits in hexadecimal.
const SHORTEST: usize = 32;

/// The token: whoever has it controls Calport. It does not print, and its memory is wiped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Token(String);

/// A text that is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the control token is damaged: it must be 32 to 128 letters and digits; start `calport serve` again, which writes a new one")]
pub struct TokenError;

impl Token {
    /// A new token of 256 random bits.
    pub fn generate() -> Self {
        Self(format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>()))
    }

    /// A token as read from its file; white space around it is ignored.
    ///
    /// # Errors
    /// When it is no token.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        let fits = (SHORTEST..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
        if fits { Ok(Self(text.to_owned())) } else { Err(TokenError) }
    }

    /// The token itself: for its file and for the header of a request.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether a text is the token; in constant time for texts as long as the token.
    pub(super) fn is(&self, text: &str) -> bool {
        self.0.as_bytes().ct_eq(text.as_bytes()).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[token]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feat_r01_a_token_is_long_random_and_silent() {
        let (one, other) = (Token::generate(), Token::generate());
        assert_eq!(one.expose().len(), 64);
        assert!(!one.is(other.expose()) && !one.is("") && one.is(one.expose()));
        assert_eq!(format!("{one:?}"), "[token]");
        assert!(Token::parse(&format!("{}\n", one.expose())).unwrap().is(one.expose()));
        for wrong in ["", "short", &"x".repeat(129), &format!("{}\r\nX: y", one.expose())] {
            assert!(Token::parse(wrong).is_err(), "{wrong}");
        }
    }
}
