//! Cursors: what the window held, by ids, or by one hash of everything.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::hash::Hasher as _;

use calport_ews_protocol::item::event::CalendarItem;
use calport_sdk::common::{Error, ErrorKind, ItemId};
use calport_sdk::error;
use siphasher::sip::SipHasher13;

use super::window::Place;

/// Bytes that a cursor may have; the host takes 64 KiB.
const CURSOR_LIMIT: usize = 60 << 10;

/// What begins the place of a cursor without ids.
const DIGEST: char = '#';

/// What begins the place of a cursor in the middle of the first read.
const PART: char = '>';

/// The version of what could not be read: it is never that of anything, so that the item is looked at again.
const UNREAD: &str = "-";

/// Ids with their versions.
pub type Known = HashMap<String, String>;

/// What stood in a part of the window, by id.
pub struct Listing(Vec<(String, String)>);

impl Listing {
    /// Of what was found there, readable or not. What has no id is told by nobody.
    pub fn of(items: &[CalendarItem], unreadable: &[(ItemId, String)]) -> Self {
        let read = items.iter().map(|item| (item.id.id.clone(), version(item)));
        let aside = unreadable.iter().filter(|(id, _)| !id.is_empty()).map(|(id, _)| (id.clone(), UNREAD.to_owned()));
        let mut all: Vec<(String, String)> = read.chain(aside).collect();
        all.sort_unstable();
        Self(all)
    }

    /// The ids.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(id, _)| id.as_str())
    }

    /// One hash of everything, and of the parts before.
    pub fn digest(&self, before: &str) -> String {
        let all = self.0.iter().flat_map(|(id, version)| [id.as_str(), version.as_str()]);
        digest(std::iter::once(before).chain(all))
    }

    /// The place of a cursor that knows all of it, or one hash of it where that would be too long. Those set aside are tried again:
    /// the cursor does not know their versions.
    ///
    /// Each id is told by what it does not share with the one before it: ids of one folder begin alike.
    pub fn place(&self, aside: &[(ItemId, String)]) -> String {
        let again: HashSet<&str> = aside.iter().map(|(id, _)| id.as_str()).collect();
        let (mut text, mut last) = (String::new(), "");
        for (id, version) in &self.0 {
            let version = if !again.is_empty() && again.contains(id.as_str()) { UNREAD } else { version };
            let shared = last.bytes().zip(id.bytes()).take_while(|(a, b)| a == b).count();
            let shared = (0..=shared).rev().find(|at| id.is_char_boundary(*at)).unwrap_or_default();
            // Writing to a text cannot fail.
            let _ = writeln!(text, "{shared} {version} {}", id.get(shared..).unwrap_or_default());
            // A line end in an id would begin another one.
            if text.len() > CURSOR_LIMIT || id.contains('\n') {
                return of_digest(&self.digest(""));
            }
            last = id;
        }
        text
    }
}

/// The place of a cursor that knows one hash.
pub fn of_digest(digest: &str) -> String {
    format!("{DIGEST}{digest}")
}

/// The place of a cursor in the middle of the first read; the hash of what was read before.
pub fn of_part(at: &Place, digest: &str) -> String {
    format!("{PART}{} {} {digest}", at.start, at.length)
}

/// Where a feed stands.
#[derive(Debug, PartialEq)]
pub enum Stand {
    /// The window held these.
    Ids(Known),
    /// The window held what hashes to this.
    Digest(String),
    /// The first read goes on here; the hash of what was read before.
    Part {
        /// Where.
        at: Place,
        /// The hash.
        digest: String,
    },
}

impl Stand {
    /// From the place of a cursor.
    ///
    /// # Errors
    /// `cursor-expired` for one that nobody wrote.
    pub fn read(place: &str) -> Result<Self, Error> {
        let expired = || error::mailbox(ErrorKind::CursorExpired, "the stored cursor cannot be read; the window is read again");
        if let Some(digest) = place.strip_prefix(DIGEST) {
            return Ok(Self::Digest(digest.to_owned()));
        }
        if let Some(part) = place.strip_prefix(PART) {
            let mut words = part.split(' ');
            let mut number = || words.next().and_then(|word| word.parse::<i64>().ok());
            let at = number().zip(number()).filter(|(_, length)| *length > 0).map(|(start, length)| Place { start, length });
            let digest = words.next().unwrap_or_default().to_owned();
            return Ok(Self::Part { at: at.ok_or_else(expired)?, digest });
        }
        let mut known = Known::new();
        let mut last = String::new();
        for line in place.split_terminator('\n') {
            let id = line.split_once(' ').and_then(|(shared, rest)| {
                let (version, rest) = rest.split_once(' ')?;
                let begin = last.get(..shared.parse().ok()?)?;
                Some((format!("{begin}{rest}"), version.to_owned()))
            });
            let (id, version) = id.ok_or_else(expired)?;
            known.insert(id.clone(), version);
            last = id;
        }
        Ok(Self::Ids(known))
    }
}

/// What differs when an item does: its change key; where the server gives none, what is read of it.
pub fn version(item: &CalendarItem) -> String {
    if item.id.change_key.is_empty() { digest([&*format!("{item:?}")]) } else { digest([&*item.id.change_key]) }
}

/// 64 bits of a hash, as 16 digits: the same in every release, since cursors outlive them.
fn digest<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = SipHasher13::new();
    for text in texts {
        hash.write(text.as_bytes());
        hash.write(&[0]);
    }
    format!("{:016x}", hash.finish())
}
