//! What can go wrong with the store.

/// A failed store call.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be opened.
    #[error(
        "the store {file} cannot be opened: {source}; check that the data directory exists, is writable, and that no other Calport uses it"
    )]
    Open {
        /// Which file.
        file: String,
        /// Why.
        source: sqlx::Error,
    },
    /// The file cannot be brought to the newest form.
    #[error("the store {file} cannot be brought to this version's form: {source}; if it was written by a newer Calport, use that one")]
    Migrate {
        /// Which file.
        file: String,
        /// Why.
        source: sqlx::migrate::MigrateError,
    },
    /// A statement failed.
    #[error("the store failed: {0}; check free space and permissions of the data directory")]
    Sql(#[from] sqlx::Error),
    /// A stored value is not what was written.
    #[error(
        "the store holds a {what} that cannot be read ({value}); stop Calport and restore the file from a copy, or remove it to read all calendars again"
    )]
    Corrupt {
        /// What kind of value.
        what: &'static str,
        /// The value, if it is no text of a person.
        value: String,
    },
    /// A sealed text cannot be opened.
    #[error(
        "private texts in the store cannot be opened with the present key; restore the identity file, or remove the store to read all calendars again"
    )]
    Sealed,
}

impl StoreError {
    pub(crate) fn open(file: &str, source: sqlx::Error) -> Self {
        Self::Open { file: file.to_owned(), source }
    }

    pub(crate) fn corrupt(what: &'static str, value: impl ToString) -> Self {
        Self::Corrupt { what, value: value.to_string() }
    }
}
