//! What a mailbox holds beside its calendars: folders, and items kept as the elements they are written as.
//!
//! Calendars and their events live in the state shared with Graph; here is what only EWS shows.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use super::ids::FolderKey;
use super::notifications::Subscriptions;
use super::xml::Element;

/// A folder that is no calendar.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    /// Its distinguished name, such as `tasks`; none for one that a client made.
    pub distinguished: Option<&'static str>,
    pub name: String,
    /// Such as `IPF.Task`.
    pub class: String,
    pub parent: u32,
    pub deleted: bool,
}

/// An item that is no event.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub folder: u32,
    /// `t:Task`, `t:Contact` or `t:Message` with its parts as written, without `t:ItemId` and the like.
    pub element: Element,
    /// The change by which it came into its folder.
    pub born: u64,
    /// The latest change.
    pub change: u64,
    pub created: Timestamp,
    pub modified: Timestamp,
}

/// An item that is gone from a folder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gone {
    pub key: u64,
    pub folder: u32,
    pub change: u64,
    pub at: Timestamp,
}

/// A user configuration.
#[derive(Clone, Debug, Default)]
pub(crate) struct Configuration {
    /// `t:Dictionary` as it was written.
    pub dictionary: Option<Element>,
    pub xml: Option<Vec<u8>>,
    pub binary: Option<Vec<u8>>,
}

/// The part of one mailbox.
#[derive(Clone, Debug)]
pub(crate) struct Shelf {
    /// By number; a folder's number never changes.
    pub folders: Vec<Folder>,
    pub items: BTreeMap<u64, Item>,
    pub gone: Vec<Gone>,
    /// What each state of the folder hierarchy knew: folders with their names.
    pub hierarchies: Vec<BTreeMap<FolderKey, String>>,
    /// By folder and name.
    pub configurations: BTreeMap<(FolderKey, String), Configuration>,
    /// Number of the latest change of an item or a folder.
    pub change: u64,
    pub next_key: u64,
}

/// Number of the root of everything a person sees.
pub(crate) const TOP: u32 = 1;

/// The folders every mailbox has: distinguished name, shown name, class, parent.
const DEFAULT: &[(&str, &str, &str, u32)] = &[
    ("root", "Root", "", 0),
    ("msgfolderroot", "Top of Information Store", "IPF.Note", 0),
    ("inbox", "Inbox", "IPF.Note", TOP),
    ("drafts", "Drafts", "IPF.Note", TOP),
    ("sentitems", "Sent Items", "IPF.Note", TOP),
    ("deleteditems", "Deleted Items", "IPF.Note", TOP),
    ("outbox", "Outbox", "IPF.Note", TOP),
    ("tasks", "Tasks", "IPF.Task", TOP),
    ("contacts", "Contacts", "IPF.Contact", TOP),
    ("junkemail", "Junk Email", "IPF.Note", TOP),
    ("notes", "Notes", "IPF.StickyNote", TOP),
    ("journal", "Journal", "IPF.Journal", TOP),
];

impl Default for Shelf {
    fn default() -> Self {
        let folder = |(name, shown, class, parent): &(&'static str, &str, &str, u32)| Folder {
            distinguished: Some(name),
            name: (*shown).to_owned(),
            class: (*class).to_owned(),
            parent: *parent,
            deleted: false,
        };
        Self {
            folders: DEFAULT.iter().map(folder).collect(),
            items: BTreeMap::new(),
            gone: Vec::new(),
            hierarchies: Vec::new(),
            configurations: BTreeMap::new(),
            change: 0,
            next_key: 1,
        }
    }
}

impl Shelf {
    /// The number of a distinguished folder.
    pub fn distinguished(&self, name: &str) -> Option<u32> {
        let at = self.folders.iter().position(|f| f.distinguished == Some(name))?;
        u32::try_from(at).ok()
    }

    /// A folder that is there.
    pub fn folder(&self, number: u32) -> Option<&Folder> {
        self.folders.get(number as usize).filter(|f| !f.deleted)
    }

    /// Numbers of the folders directly in another.
    pub fn children(&self, parent: u32) -> Vec<u32> {
        let inside = |(n, f): &(usize, &Folder)| !f.deleted && f.parent == parent && *n as u64 != u64::from(parent);
        self.folders.iter().enumerate().filter(inside).filter_map(|(n, _)| u32::try_from(n).ok()).collect()
    }

    /// The items of a folder, oldest first.
    pub fn items_in(&self, folder: u32) -> impl Iterator<Item = (u64, &Item)> {
        self.items.iter().filter(move |(_, i)| i.folder == folder).map(|(k, i)| (*k, i))
    }

    /// Takes up an item; gives its key.
    pub fn add(&mut self, folder: u32, element: Element, now: Timestamp) -> u64 {
        let key = self.next_key;
        self.next_key += 1;
        self.change += 1;
        let item = Item { folder, element, born: self.change, change: self.change, created: now, modified: now };
        self.items.insert(key, item);
        key
    }

    /// Takes an item away; whether it was there.
    pub fn remove(&mut self, key: u64, now: Timestamp) -> bool {
        let Some(item) = self.items.remove(&key) else { return false };
        self.change += 1;
        self.gone.push(Gone { key, folder: item.folder, change: self.change, at: now });
        true
    }
}

/// What all mailboxes hold.
#[derive(Debug, Default)]
pub(crate) struct Store {
    shelves: HashMap<u32, Shelf>,
    /// Who is told of changes.
    pub subscriptions: Subscriptions,
}

impl Store {
    /// The part of a mailbox.
    pub fn shelf(&mut self, mailbox: u32) -> &mut Shelf {
        self.shelves.entry(mailbox).or_default()
    }
}
