//! Texts of people's items.

use std::fmt;

use zeroize::Zeroize;

/// A subject, a place or a reply text. `Debug` shows its length only; there is no `Display` (SEMANTICS B-51).
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct PrivateText(String);

impl PrivateText {
    /// Takes a text in.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself. Whoever calls this answers for where it goes.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for PrivateText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} characters]", self.0.chars().count())
    }
}

impl Drop for PrivateText {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b51_a_private_text_cannot_be_printed() {
        let text = PrivateText::new("Zahnarzt");
        assert_eq!(format!("{text:?}"), "[8 characters]");
        assert_eq!(text.expose(), "Zahnarzt");
    }
}
