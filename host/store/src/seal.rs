//! Sealing of private texts (SEMANTICS B-51).

/// Encrypts and authenticates small texts. Implemented by the keeper of the secrets' key.
pub trait Sealer: Send + Sync {
    /// Seals.
    fn seal(&self, plain: &[u8]) -> Vec<u8>;

    /// Opens; `None` when the key is another one or the bytes were changed.
    fn open(&self, sealed: &[u8]) -> Option<Vec<u8>>;
}

/// Seals nothing. For tests and benchmarks that hold no person's data.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSeal;

impl Sealer for NoSeal {
    fn seal(&self, plain: &[u8]) -> Vec<u8> {
        plain.to_vec()
    }

    fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        Some(sealed.to_vec())
    }
}
