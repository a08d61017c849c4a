//! People, rooms and PBX users as a connector lists them.

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// A person's mailbox.
    Mailbox,
    /// A shared mailbox.
    SharedMailbox,
    /// A room or equipment.
    ResourceMailbox,
    /// A user of a PBX.
    PbxUser,
    /// An employee in an ERP.
    Employee,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The id that the other capabilities take.
    pub id: String,
    /// What it is.
    pub kind: EntryKind,
    /// Display name, or empty.
    pub name: String,
    /// Primary mail address, or empty.
    pub address: String,
    /// Further addresses.
    pub other_addresses: Vec<String>,
    /// Login name or extension, or empty.
    pub login: String,
    /// Whether it is in use.
    pub active: bool,
    /// The zone as the directory names it.
    pub zone: Option<String>,
    /// The language (BCP 47).
    pub language: Option<String>,
    /// The department, or empty.
    pub department: String,
}

/// A page of entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryPage {
    /// The entries.
    pub entries: Vec<Entry>,
    /// Where the next page begins; `None` after the last one.
    pub next: Option<String>,
}

/// What an address led to (SEMANTICS B-54).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Exactly one entry.
    Found(Box<Entry>),
    /// None.
    NotFound,
    /// Several; their ids.
    Ambiguous(Vec<String>),
    /// The credential may not read it; why.
    NotPermitted(String),
}

/// What is known about a mailbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailboxInfo {
    /// Its zone, as the server names it.
    pub zone: Option<String>,
    /// Its language (BCP 47).
    pub language: Option<String>,
    /// Mailboxes of one group are best asked together; empty without groups.
    pub affinity: String,
}
