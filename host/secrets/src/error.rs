//! What can go wrong with secrets: what was tried, what refused it, what to do. Never a value.

use std::path::PathBuf;

use thiserror::Error;

/// An error about secrets. All of these are the configuration's or the machine's, never a plugin's.
#[derive(Debug, Clone, Error)]
pub enum SecretsError {
    /// The name breaks the rule for names.
    #[error("`{name}` is not a name for a secret: use 1 to 64 of a-z, 0-9, `.`, `_`, `-`, starting with a letter or digit")]
    Name {
        /// The name, cut to the longest allowed length.
        name: String,
    },
    /// No source has it.
    #[error("secret `{name}` was not found; asked: {}; set it with: calport secret set {name}", list(.asked))]
    NotFound {
        /// The secret's name.
        name: String,
        /// One description for each source that was asked, in order.
        asked: Vec<String>,
    },
    /// A command would change secrets, but no encrypted file is configured.
    #[error(
        "no encrypted secrets file is configured, so nothing can be changed here; environment, systemd credentials and \
         mounted files are changed where they are kept"
    )]
    NoFile,
    /// The secret exists, but in a source that Calport only reads.
    #[error("secret `{name}` comes from {source_name} and must be changed there; the encrypted file does not hold it")]
    ReadOnly {
        /// The secret's name.
        name: String,
        /// Where it comes from.
        source_name: String,
    },
    /// A file or directory could not be read or written.
    #[error("cannot {action} {}: {reason}", .path.display())]
    File {
        /// What was tried: `read`, `write`, `lock`, ...
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The value is too long or no text.
    #[error("the value of secret `{name}` in {origin} {reason}")]
    Value {
        /// The secret's name.
        name: String,
        /// Where the value came from.
        origin: String,
        /// Which bound it breaks.
        reason: &'static str,
    },
    /// The key lies where the data lies, so that one stolen directory opens everything.
    #[error(
        "the key file {} lies inside the data directory {}: move it out (for example to /etc/calport) and change \
         `secrets.identity`",
        .identity.display(), .data.display()
    )]
    KeyBesideData {
        /// The key file.
        identity: PathBuf,
        /// The directory that holds the encrypted file.
        data: PathBuf,
    },
    /// The key file is missing although the encrypted file exists.
    #[error(
        "the key file {} is missing, so the secrets cannot be opened: restore it from your backup, or move the encrypted \
         file away and set every secret again",
        .path.display()
    )]
    KeyMissing {
        /// The key file.
        path: PathBuf,
    },
    /// Others may read or change the key file.
    #[error("the key file {} may be read or changed by others (mode {mode:o}): run: chmod 600 {}", .path.display(), .path.display())]
    KeyExposed {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The key file holds no usable key.
    #[error("the key file {} holds no usable key: it needs a line that starts with AGE-SECRET-KEY-1", .path.display())]
    KeyUnreadable {
        /// The key file.
        path: PathBuf,
    },
    /// The encrypted file does not open with this key, or is damaged.
    #[error("the secrets file {} cannot be opened: {reason}", .path.display())]
    Undecryptable {
        /// The encrypted file.
        path: PathBuf,
        /// Wrong key or damage, in words.
        reason: &'static str,
    },
    /// A sealed private text does not open: another key, or damage.
    #[error(
        "a sealed private text cannot be opened: it was sealed with another key or is damaged; it can be read again from \
         the calendar by a full synchronisation"
    )]
    Sealed,
    /// The machine refused randomness or the cipher failed; nothing was written.
    #[error("sealing failed: the system gave no randomness or the text is too long")]
    Sealing,
}

fn list(asked: &[String]) -> String {
    if asked.is_empty() { "no source is configured".to_owned() } else { asked.join(", ") }
}
