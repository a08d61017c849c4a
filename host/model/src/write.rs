//! What the host writes: appointments, categories and mails.
//!
//! Promise: there is no field here that reaches anybody but the calendar's owner. Attendees, series and answers to
//! invitations cannot be named, and whoever carries a write out does so under the mail policy *never* (SEMANTICS B-35).
//! Fields that are not named stay as they are, to the byte (SEMANTICS B-36, B-37).

use crate::{OriginalStart, PrivateText, Sensitivity, ShowAs, Span};

/// A field with a new value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventField {
    /// When it takes place. One atomic field (SEMANTICS S-05): a write that changes no time must not name it (SEMANTICS B-21).
    Time {
        /// From when to when.
        span: Span,
        /// The IANA name of the zone that is written with start and end, such as `Europe/Berlin`. For whole days the zone of the
        /// mailbox; the dates themselves are never converted (SEMANTICS B-20).
        zone: String,
    },
    /// The subject.
    Subject(PrivateText),
    /// Whether the time counts as taken. [`ShowAs::NoData`] cannot be stored: connectors answer `Invalid`.
    ShowAs(ShowAs),
    /// Who may see it.
    Sensitivity(Sensitivity),
    /// All categories it shall have.
    Categories(Vec<String>),
    /// Minutes before the start at which the owner is reminded; `None` removes the reminder.
    Reminder(Option<u32>),
    /// The body as plain text; `None` clears it.
    Body(Option<PrivateText>),
    /// Where it takes place, as people read it; `None` clears it.
    Location(Option<PrivateText>),
}

/// A new appointment, without attendees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventDraft {
    /// The operation's id: the same id never makes a second appointment (SEMANTICS S-14). A server may forget it after some
    /// time: whoever is not sure of the outcome looks for the tag before creating again.
    pub operation: String,
    /// What it is found by again.
    pub tag: Option<String>,
    /// Its fields; those not named take the server's default.
    pub fields: Vec<EventField>,
}

/// What a write is aimed at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum WriteTarget {
    /// An appointment or a whole series, by its id.
    Item(String),
    /// One occurrence; the rest of the series stays as it is.
    Occurrence {
        /// The id of the master.
        master: String,
        /// Where the occurrence stood before anybody moved it (SEMANTICS B-01).
        original: OriginalStart,
    },
}

/// What a stored appointment has after a write.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Written {
    /// Its id; after an update it may differ from the one given.
    pub id: String,
    /// Its version now; `None` when the server tells none: then read it back (SEMANTICS S-13).
    pub version: Option<String>,
    /// Names of fields that the server stored shorter than given.
    pub truncated: Vec<String>,
}

/// A category of a mailbox.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Category {
    /// Its name: appointments refer to it by this.
    pub name: String,
    /// One of the 25 preset colours, 0 to 24; `None` without a colour or with another one.
    pub colour: Option<u8>,
}

/// A mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailMessage {
    /// The mailbox that sends it, by its id or address; empty for the one of the connection's settings.
    pub sender: String,
    /// Addresses of those who receive it, at least one.
    pub recipients: Vec<String>,
    /// The subject.
    pub subject: String,
    /// The text, plain.
    pub body: String,
    /// The operation's id: where the server allows it, the same id is sent once.
    pub operation: String,
    /// Whether a copy is kept with the sent messages.
    pub keep_copy: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b51_the_texts_of_a_draft_cannot_be_printed() {
        let private = || PrivateText::new("Zahnarzt");
        let draft = EventDraft {
            operation: "o".to_owned(),
            tag: None,
            fields: vec![EventField::Subject(private()), EventField::Body(Some(private())), EventField::Location(Some(private()))],
        };
        assert!(!format!("{draft:?}").contains("Zahnarzt"));
    }
}
