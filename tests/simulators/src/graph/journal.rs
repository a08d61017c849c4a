//! What happened to events, in order, for those who are told later.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Notify;

use super::ids::ItemId;
use super::state::Happened;

/// Entries kept; who is further behind has missed some.
const MOST: usize = 100_000;

/// Something that happened to an event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub id: ItemId,
    pub what: Happened,
    pub at: Timestamp,
}

/// All of it. Places in it are numbers that only grow.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    entries: VecDeque<Entry>,
    first: u64,
    /// Told of every new entry.
    pub changed: Arc<Notify>,
}

impl Journal {
    /// Adds an entry.
    pub fn add(&mut self, entry: Entry) {
        if self.entries.len() >= MOST {
            self.entries.pop_front();
            self.first += 1;
        }
        self.entries.push_back(entry);
        self.changed.notify_waiters();
    }

    /// The place after the last entry.
    pub fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// The entries from a place on; none where some of them are gone.
    pub fn since(&self, place: u64) -> Option<impl Iterator<Item = &Entry>> {
        let skip = usize::try_from(place.checked_sub(self.first)?).ok()?;
        Some(self.entries.iter().skip(skip))
    }
}
