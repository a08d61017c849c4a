//! Appointments.

use calport_sdk::common::{Importance, Instant, OriginalStart, Participant, Sensitivity, Span, TextBody, Zone};

use super::ItemId;
use crate::recurrence::Recurrence;

/// An appointment as the server has it.
#[derive(Debug, Clone, PartialEq)]
pub struct CalendarItem {
    /// Its id and version.
    pub id: ItemId,
    /// The id that all copies of a meeting and all occurrences of a series share, or empty.
    pub uid: String,
    /// Which part of a series it is.
    pub kind: EventKind,
    /// When it takes place; whole days are dates in the item's zone (SEMANTICS B-20).
    pub span: Span,
    /// The zone in which the start was entered.
    pub start_zone: Option<Zone>,
    /// The zone in which the end was entered.
    pub end_zone: Option<Zone>,
    /// The series; of masters that were read whole.
    pub recurrence: Option<Recurrence>,
    /// Of masters: occurrences that differ.
    pub modified_occurrences: Vec<ModifiedOccurrence>,
    /// Of masters: where deleted occurrences stood.
    pub deleted_occurrences: Vec<OriginalStart>,
    /// The subject, or empty.
    pub subject: String,
    /// The body; absent when it was not read.
    pub body: Option<TextBody>,
    /// Where it takes place, or empty.
    pub location: String,
    /// Whether the time counts as taken.
    pub show_as: ShowAs,
    /// Who may see the content.
    pub sensitivity: Sensitivity,
    /// How important it is.
    pub importance: Importance,
    /// Names of categories.
    pub categories: Vec<String>,
    /// Who organizes it.
    pub organizer: Option<Participant>,
    /// Whether the owner of the calendar is the organizer.
    pub is_organizer: bool,
    /// Who is invited; absent from searches.
    pub attendees: Vec<Attendee>,
    /// What the owner of the calendar answered.
    pub response: Response,
    /// Whether the organizer cancelled it.
    pub cancelled: bool,
    /// The link to join online, or empty. Exchange 2013 on.
    pub join_url: String,
    /// Minutes before the start; absent without a reminder.
    pub reminder: Option<u32>,
    /// The tag given at creation.
    pub tag: Option<String>,
    /// The operation that made it.
    pub operation: Option<String>,
    /// When it was made.
    pub created: Option<Instant>,
    /// When it was last changed.
    pub modified: Option<Instant>,
}

/// Which part of a series an appointment is. EWS does not name the master: [`super::Target::MasterOf`] finds it, and
/// all parts share the `uid`.
#[derive(Debug, Clone, PartialEq)]
pub enum EventKind {
    /// A single one.
    Single,
    /// The master of a series.
    Master,
    /// An occurrence as the master has it. Where it stood, if the server said so; else its start is it.
    Occurrence(Option<OriginalStart>),
    /// An occurrence that differs, with where it stood.
    Exception(OriginalStart),
}

/// An occurrence that differs, as its master tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct ModifiedOccurrence {
    /// Its id.
    pub id: ItemId,
    /// When it takes place now.
    pub span: Span,
    /// Where it stood.
    pub original: OriginalStart,
}

/// Whether the time counts as taken (SEMANTICS P-03).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShowAs {
    /// Free.
    Free,
    /// Tentative.
    Tentative,
    /// Busy.
    Busy,
    /// Out of office.
    OutOfOffice,
    /// Working elsewhere; Exchange 2013 on.
    WorkingElsewhere,
    /// The server told nothing, or a value that this version does not know. It is never written.
    NoData,
}

impl ShowAs {
    /// By the word of the schema.
    pub(crate) fn of(word: &str) -> Self {
        match word.trim().to_ascii_lowercase().as_str() {
            "free" => Self::Free,
            "tentative" => Self::Tentative,
            "busy" => Self::Busy,
            "oof" => Self::OutOfOffice,
            "workingelsewhere" => Self::WorkingElsewhere,
            _ => Self::NoData,
        }
    }
}

/// What somebody answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Response {
    /// Nothing yet, or there is nothing to answer.
    None,
    /// They are the organizer.
    Organizer,
    /// Accepted.
    Accepted,
    /// Tentatively accepted.
    Tentative,
    /// Declined.
    Declined,
}

impl Response {
    /// By the word of the schema.
    pub(crate) fn of(word: &str) -> Self {
        match word.trim() {
            "Organizer" => Self::Organizer,
            "Accept" => Self::Accepted,
            "Tentative" => Self::Tentative,
            "Decline" => Self::Declined,
            _ => Self::None,
        }
    }
}

/// Somebody who is invited.
#[derive(Debug, Clone, PartialEq)]
pub struct Attendee {
    /// Who.
    pub who: Participant,
    /// As what.
    pub role: AttendeeRole,
    /// What they answered.
    pub response: Response,
}

/// What an attendee is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttendeeRole {
    /// Required.
    Required,
    /// Optional.
    Optional,
    /// A room or a piece of equipment.
    Equipment,
}
