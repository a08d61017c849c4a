//! Exchange Web Services, as much of it as Calport's connectors need: requests from types, types from answers.
//!
//! There is no I/O here, no clock and no credential: a connector sends [`Request::body`] with [`Call::headers`] and hands
//! the bytes that come back to [`answer`]. It runs in a sandbox as well as natively.
//!
//! ```
//! use calport_ews_protocol::folder::{Folder, KnownFolder};
//! use calport_ews_protocol::item::event::CalendarItem;
//! use calport_ews_protocol::operation::{FindItem, View};
//! use calport_ews_protocol::{Call, ServerVersion, answer};
//!
//! let window = View::Window { start: 1_774_735_200_000, end: 1_775_340_000_000, max: 1_000 };
//! let find = FindItem::<CalendarItem>::new(Folder::known(KnownFolder::Calendar), window);
//! let request = Call::new(ServerVersion::Exchange2016).request(&find).unwrap();
//! assert!(String::from_utf8(request.body).unwrap().contains("CalendarView"));
//!
//! let error = answer::<FindItem<CalendarItem>>(b"<html>Sign in</html>").unwrap_err();
//! assert!(error.to_string().contains("login form"));
//! ```
//!
//! # What it promises
//!
//! * **Reading is tolerant.** Elements are known by their local names, wherever namespaces are declared, in any order;
//!   unknown ones are skipped; what is optional may be missing. An item that cannot be read is set aside with a reason
//!   and does not stop the others.
//! * **Writing is exact.** Requests are valid against the vendor's schemas (`tests/schema.rs`), hold what was asked for and
//!   nothing else, and leave out what the server's version lacks, saying so.
//! * **Nobody is mailed** unless the caller allows it (SEMANTICS B-35), and **no version is overwritten** that was not named
//!   (SEMANTICS B-34).
//! * **Days stay days** (SEMANTICS B-20), and **zones stay what they were** (SEMANTICS B-21, B-55).
//!
//! # What it refuses
//!
//! Answers of more than [`MAX_ANSWER_BYTES`], of more than 100 nested elements, with a document type, with entities, in
//! encodings other than UTF-8, UTF-16 and ISO-8859-1, cut short, or of HTML: each by its name in [`ReadError`].
//!
//! Answers are read in one pass without building a tree. Values that connectors share (zones, spans, people) are those of
//! `calport-sdk`; what only EWS has is in [`item`] and [`operation`]. How a server says that something changed is in
//! [`operation::notifications`], how it is found in [`autodiscover`].

pub mod autodiscover;
pub mod categories;
mod error;
mod failure;
pub mod folder;
pub mod item;
pub mod operation;
mod path;
pub mod recurrence;
mod soap;
mod value;
mod version;
mod words;
mod xml;
pub mod zone;

pub use error::{ReadError, Unreadable, WriteError};
pub use failure::{Failure, FailureKind, Reach};
pub use path::ExtendedField;
pub use soap::{Answer, Call, Done, Impersonation, Operation, Reply, Request, answer};
pub use version::{ServerBuild, ServerVersion};

/// Most bytes of an answer. The host bounds bodies as well; real pages of 1,000 items with bodies stay below half of it.
pub const MAX_ANSWER_BYTES: usize = 32 << 20;
