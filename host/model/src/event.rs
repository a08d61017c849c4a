//! Events as the host holds them: instants and dates, no vendor's zones.

use jiff::{Timestamp, civil};

use crate::PrivateText;

/// A half-open range of instants, `[start, end)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// The first instant inside.
    pub start: Timestamp,
    /// The first instant outside.
    pub end: Timestamp,
}

impl Window {
    /// Whether `[start, end)` shares an instant with the window (SEMANTICS B-06: overlap, not containment).
    pub fn overlaps(&self, start: Timestamp, end: Timestamp) -> bool {
        start < self.end && end > self.start
    }
}

/// Whether the time counts as taken (SEMANTICS P-03).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ShowAs {
    /// Free.
    Free,
    /// Tentative.
    Tentative,
    /// Busy.
    Busy,
    /// Out of office.
    OutOfOffice,
    /// Working elsewhere.
    WorkingElsewhere,
    /// Nothing known, or a value that is not known.
    NoData,
}

/// Who may see the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sensitivity {
    /// Everybody who may see the calendar.
    Normal,
    /// Personal.
    Personal,
    /// The owner only.
    Private,
    /// As private.
    Confidential,
}

impl Sensitivity {
    /// Whether texts must be masked before anybody else sees them (SEMANTICS P-20, B-51).
    pub fn is_private(self) -> bool {
        matches!(self, Self::Private | Self::Confidential)
    }
}

/// Who somebody is in an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Response {
    /// Nothing answered.
    None,
    /// The owner organizes it.
    Organizer,
    /// Accepted.
    Accepted,
    /// Tentatively accepted.
    Tentative,
    /// Declined: dropped by rule P-06.
    Declined,
}

/// Where an occurrence stood before it was moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OriginalStart {
    /// A timed occurrence.
    Timed(Timestamp),
    /// An all-day occurrence.
    Day(civil::Date),
}

/// Which part of a series an event is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// A single event.
    Single,
    /// The master of a series: never present itself, a change of it makes the host read the instances again (SEMANTICS C-07).
    Master,
    /// An occurrence.
    Occurrence {
        /// The id of the master.
        master: String,
        /// Its place in the series.
        original: OriginalStart,
    },
    /// An occurrence that differs from the master.
    Exception {
        /// The id of the master.
        master: String,
        /// Its place in the series.
        original: OriginalStart,
    },
}

impl EventKind {
    /// The id of the master, for a member of a series.
    pub fn master(&self) -> Option<&str> {
        match self {
            Self::Occurrence { master, .. } | Self::Exception { master, .. } => Some(master),
            Self::Single | Self::Master => None,
        }
    }

    /// The place in the series.
    pub fn original(&self) -> Option<OriginalStart> {
        match self {
            Self::Occurrence { original, .. } | Self::Exception { original, .. } => Some(*original),
            Self::Single | Self::Master => None,
        }
    }
}

/// When an event takes place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Span {
    /// `[start, end)` (SEMANTICS P-01).
    Timed {
        /// The first instant.
        start: Timestamp,
        /// The first instant after it.
        end: Timestamp,
    },
    /// Whole days in the mailbox's zone (SEMANTICS P-04).
    AllDay {
        /// The first day.
        start: civil::Date,
        /// The day after the last.
        end: civil::Date,
    },
}

/// A person in an event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Participant {
    /// Display name, or empty.
    pub name: PrivateText,
    /// SMTP address, or empty.
    pub address: String,
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Event {
    /// The id at the other side.
    pub id: String,
    /// The version (etag, change key), or empty.
    pub version: String,
    /// The id all copies of a meeting share, or empty.
    pub uid: String,
    /// Which part of a series it is.
    pub kind: EventKind,
    /// When it takes place.
    pub span: Span,
    /// Whether a zone was not known and an instant was assumed (SEMANTICS B-55).
    pub zone_assumed: bool,
    /// The subject.
    pub subject: PrivateText,
    /// Where it takes place.
    pub location: PrivateText,
    /// Whether the time counts as taken.
    pub show_as: ShowAs,
    /// Who may see it.
    pub sensitivity: Sensitivity,
    /// Categories.
    pub categories: Vec<String>,
    /// The organizer.
    pub organizer: Option<Participant>,
    /// What the calendar's owner answered.
    pub response: Response,
    /// Whether the organizer cancelled it.
    pub cancelled: bool,
}
