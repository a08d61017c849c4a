//! Writes: what the host wants, in the words of the package, and what comes back.
//!
//! A value that no connector could carry out is refused here, before anything is sent. The mail policy is always *never*
//! (SEMANTICS B-35).

use calport_model::event::Span;
use calport_model::presence::CallState;
use calport_model::write::{Category, EventDraft, EventField, MailMessage, WriteTarget, Written};
use calport_model::zone::{self, Resolved};
use calport_model::{ConnectorError, ErrorKind, ErrorScope, Event, OriginalStart, PrivateText, Sensitivity, ShowAs};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::error::broken;
use super::{Bad, calendar as convert_calendar, exact, id, name, names, time};
use crate::bindings::exports::{calendar, categories, mail, presence};
use crate::bindings::imports::common;
use crate::limits::ValueLimits;

/// The highest number of a preset colour (`categories.wit`).
const LAST_COLOUR: u8 = 24;

fn invalid(field: &str, reason: impl Into<String>) -> ConnectorError {
    let reason = reason.into();
    let message = format!("writing an appointment: `{field}` was not sent: {reason}");
    ConnectorError::new(ErrorKind::Invalid { field: field.to_owned(), reason }, ErrorScope::Item, message)
}

/// A draft for a guest.
///
/// # Errors
/// `Invalid` for a time that cannot be written.
pub(crate) fn draft(draft: EventDraft) -> Result<calendar::EventDraft, ConnectorError> {
    Ok(calendar::EventDraft {
        operation: draft.operation,
        tag: draft.tag,
        fields: fields(draft.fields)?,
        mail: calendar::AttendeeMail::Never,
    })
}

/// Fields for a guest.
///
/// # Errors
/// `Invalid` for a time that cannot be written.
pub(crate) fn fields(fields: Vec<EventField>) -> Result<Vec<calendar::EventField>, ConnectorError> {
    fields.into_iter().map(field).collect()
}

fn field(field: EventField) -> Result<calendar::EventField, ConnectorError> {
    let plain = |text: &PrivateText| text.expose().to_owned();
    Ok(match field {
        EventField::Time { span, zone } => calendar::EventField::Time(event_time(span, &zone)?),
        EventField::Subject(subject) => calendar::EventField::Subject(plain(&subject)),
        EventField::ShowAs(show_as) => calendar::EventField::ShowAs(match show_as {
            ShowAs::Free => calendar::ShowAs::Free,
            ShowAs::Tentative => calendar::ShowAs::Tentative,
            ShowAs::Busy => calendar::ShowAs::Busy,
            ShowAs::OutOfOffice => calendar::ShowAs::OutOfOffice,
            ShowAs::WorkingElsewhere => calendar::ShowAs::WorkingElsewhere,
            ShowAs::NoData => return Err(invalid("show-as", "`no-data` is nothing that can be stored")),
        }),
        EventField::Sensitivity(sensitivity) => calendar::EventField::Sensitivity(match sensitivity {
            Sensitivity::Normal => common::Sensitivity::Normal,
            Sensitivity::Personal => common::Sensitivity::Personal,
            Sensitivity::Private => common::Sensitivity::Private,
            Sensitivity::Confidential => common::Sensitivity::Confidential,
        }),
        EventField::Categories(categories) => calendar::EventField::Categories(categories),
        EventField::Reminder(minutes) => calendar::EventField::Reminder(minutes),
        EventField::Body(body) => {
            calendar::EventField::Body(body.map(|b| common::TextBody { format: common::TextFormat::Plain, content: plain(&b) }))
        }
        EventField::Location(location) => {
            calendar::EventField::Location(location.map(|l| calendar::Location { name: plain(&l), address: String::new() }))
        }
    })
}

/// A span with the zone it is written with: wall times, so that the zone stays with the appointment (SEMANTICS B-21).
fn event_time(span: Span, zone_name: &str) -> Result<calendar::EventTime, ConnectorError> {
    let Resolved::Known(zone) = zone::resolve(zone_name) else {
        return Err(invalid("time", format!("the zone `{zone_name}` is not known; give an IANA name such as Europe/Berlin")));
    };
    let named = if zone == TimeZone::UTC { common::Zone::Utc } else { common::Zone::Named(zone_name.to_owned()) };
    let (span, named) = match span {
        Span::Timed { start, end } if start > end => return Err(invalid("time", "it ends before it starts")),
        Span::Timed { start, end } => match wall(start, &zone).zip(wall(end, &zone)) {
            Some((start, end)) if zone != TimeZone::UTC => {
                let moment = |local| common::Moment::Wall(common::ZonedTime { local, zone: named.clone() });
                (common::Span::Timed(common::TimedSpan { start: moment(start), end: moment(end) }), named)
            }
            _ => {
                let moment = |at| common::Moment::At(time::millis(at));
                (common::Span::Timed(common::TimedSpan { start: moment(start), end: moment(end) }), common::Zone::Utc)
            }
        },
        Span::AllDay { start, end } if start >= end => return Err(invalid("time", "it has no day")),
        Span::AllDay { start, end } => (common::Span::AllDay(common::DateSpan { start: start.to_string(), end: end.to_string() }), named),
    };
    Ok(calendar::EventTime { span, start_zone: Some(named.clone()), end_zone: Some(named), recurrence: None })
}

/// What the clock in the zone shows; `None` in the second of two equal hours, which a wall time cannot name: the instant
/// matters more than the zone then.
fn wall(at: Timestamp, zone: &TimeZone) -> Option<String> {
    let local = zone.to_datetime(at);
    let same = zone.to_timestamp(local).is_ok_and(|read| read == at);
    same.then(|| local.strftime("%Y-%m-%dT%H:%M:%S%.f").to_string())
}

/// A target for a guest.
pub(crate) fn target(target: WriteTarget) -> calendar::WriteTarget {
    match target {
        WriteTarget::Item(id) => calendar::WriteTarget::Item(id),
        WriteTarget::Occurrence { master, original } => calendar::WriteTarget::Occurrence(calendar::OccurrenceRef {
            master,
            original: match original {
                OriginalStart::Timed(at) => common::OriginalStart::Timed(common::Moment::At(time::millis(at))),
                OriginalStart::Day(day) => common::OriginalStart::Day(day.to_string()),
            },
        }),
    }
}

/// What a write left.
///
/// # Errors
/// `Plugin` when it cannot be believed. The write has taken effect all the same.
pub(crate) fn written(written: common::Written, limits: &ValueLimits) -> Result<Written, ConnectorError> {
    let wrong = |reason: Bad| broken(ErrorScope::Item, format!("{reason} (the write itself was done)"));
    Ok(Written {
        id: id("id", written.id, limits).map_err(wrong)?,
        version: written.version.map(|v| exact("version", v, limits.id)).transpose().map_err(wrong)?,
        truncated: names(&written.truncated, limits),
    })
}

/// The appointments found by a tag; one that cannot be read makes the answer useless, because an empty one means *not there*.
pub(crate) fn found(events: Vec<calendar::Event>, limits: &ValueLimits) -> Result<Vec<Event>, ConnectorError> {
    if events.len() > limits.items {
        return Err(broken(ErrorScope::Mailbox, format!("more than {} appointments with one tag", limits.items)));
    }
    let read = events.into_iter().map(|event| convert_calendar::event(event, limits)).collect::<Result<_, Bad>>();
    read.map_err(|reason| broken(ErrorScope::Mailbox, reason))
}

/// A mail for a guest.
pub(crate) fn message(message: MailMessage) -> mail::Message {
    mail::Message {
        sender: message.sender,
        recipients: message.recipients.into_iter().map(|address| common::Participant { name: String::new(), address }).collect(),
        subject: message.subject,
        body: common::TextBody { format: common::TextFormat::Plain, content: message.body },
        operation: message.operation,
        keep_copy: message.keep_copy,
    }
}

/// Whether somebody is on the telephone.
pub(crate) fn call_state(state: presence::CallState) -> CallState {
    match state {
        presence::CallState::Idle => CallState::Idle,
        presence::CallState::Ringing => CallState::Ringing,
        presence::CallState::OnCall => CallState::OnCall,
        presence::CallState::Unreachable => CallState::Unreachable,
        presence::CallState::Unknown => CallState::Unknown,
    }
}

/// Categories, and how many were left out because their name cannot be one. A colour that is none counts as *without*.
pub(crate) fn categories(list: Vec<categories::Category>, limits: &ValueLimits) -> Result<(Vec<Category>, usize), ConnectorError> {
    if list.len() > limits.items {
        return Err(broken(ErrorScope::Mailbox, format!("a mailbox with more than {} categories", limits.items)));
    }
    let said = list.len();
    let kept: Vec<Category> = list
        .into_iter()
        .filter(|one| !one.name.is_empty() && name(&one.name, limits) == one.name)
        .map(|one| Category { name: one.name, colour: one.colour.filter(|colour| *colour <= LAST_COLOUR) })
        .collect();
    let left_out = said - kept.len();
    Ok((kept, left_out))
}

/// A category for a guest.
///
/// # Errors
/// `Invalid` for a colour that is none, or without a name.
pub(crate) fn category(category: Category) -> Result<categories::Category, ConnectorError> {
    if category.name.is_empty() {
        return Err(invalid("name", "a category needs one"));
    }
    if category.colour.is_some_and(|colour| colour > LAST_COLOUR) {
        return Err(invalid("colour", format!("preset colours are 0 to {LAST_COLOUR}")));
    }
    Ok(categories::Category { name: category.name, colour: category.colour, rgb: String::new() })
}

#[cfg(test)]
mod tests;
