//! Events and pages.

use calport_model::connector::{Change, ChangePage, IdPage, Instances};
use calport_model::directory::MailboxInfo;
use calport_model::event::{Participant, Response};
use calport_model::{Absence, AbsenceState, ConnectorError, ErrorScope, Event, EventKind, PrivateText, Sensitivity, ShowAs};

use super::error::broken;
use super::{Bad, exact, id, name, names, text, time};
use crate::bindings::exports::{absence, calendar};
use crate::bindings::imports::common;
use crate::limits::ValueLimits;

fn show_as(value: calendar::ShowAs) -> ShowAs {
    match value {
        calendar::ShowAs::Free => ShowAs::Free,
        calendar::ShowAs::Tentative => ShowAs::Tentative,
        calendar::ShowAs::Busy => ShowAs::Busy,
        calendar::ShowAs::OutOfOffice => ShowAs::OutOfOffice,
        calendar::ShowAs::WorkingElsewhere => ShowAs::WorkingElsewhere,
        calendar::ShowAs::NoData => ShowAs::NoData,
    }
}

fn sensitivity(value: common::Sensitivity) -> Sensitivity {
    match value {
        common::Sensitivity::Normal => Sensitivity::Normal,
        common::Sensitivity::Personal => Sensitivity::Personal,
        common::Sensitivity::Private => Sensitivity::Private,
        common::Sensitivity::Confidential => Sensitivity::Confidential,
    }
}

fn response(value: calendar::Response) -> Response {
    match value {
        calendar::Response::None => Response::None,
        calendar::Response::Organizer => Response::Organizer,
        calendar::Response::Accepted => Response::Accepted,
        calendar::Response::Tentative => Response::Tentative,
        calendar::Response::Declined => Response::Declined,
    }
}

/// An event.
pub(crate) fn event(event: calendar::Event, limits: &ValueLimits) -> Result<Event, Bad> {
    let (span, zone_assumed) = time::span(&event.time.span)?;
    let place = |place: calendar::SeriesPlace| {
        Ok::<_, Bad>((id("series master", place.master, limits)?, time::original(place.original.as_ref(), span)?))
    };
    let kind = match event.kind {
        calendar::EventKind::Single => EventKind::Single,
        calendar::EventKind::Master => EventKind::Master,
        calendar::EventKind::Occurrence(at) => {
            let (master, original) = place(at)?;
            EventKind::Occurrence { master, original }
        }
        calendar::EventKind::Exception(at) => {
            let (master, original) = place(at)?;
            EventKind::Exception { master, original }
        }
    };
    Ok(Event {
        id: id("id", event.id, limits)?,
        version: exact("version", event.version, limits.id)?,
        uid: exact("uid", event.uid, limits.id)?,
        kind,
        span,
        zone_assumed,
        subject: PrivateText::new(text(&event.subject, limits)),
        location: PrivateText::new(event.location.map(|l| text(&l.name, limits)).unwrap_or_default()),
        show_as: show_as(event.show_as),
        sensitivity: sensitivity(event.sensitivity),
        categories: names(&event.categories, limits),
        organizer: event
            .organizer
            .map(|o| Participant { name: PrivateText::new(text(&o.name, limits)), address: name(&o.address, limits) }),
        response: response(event.response),
        cancelled: event.cancelled,
    })
}

/// A page. Events that cannot be read are set aside with the reason; the others are used.
pub(crate) fn page(page: calendar::ChangePage, limits: &ValueLimits) -> Result<ChangePage, ConnectorError> {
    let wrong = |reason: String| broken(ErrorScope::Mailbox, reason);
    if page.changes.len() > limits.items {
        return Err(wrong(format!("a page with more than {} changes", limits.items)));
    }
    let mut unreadable: Vec<(String, String)> =
        page.unreadable.into_iter().take(limits.list).map(|(id, why)| (name(&id, limits), text(&why, limits))).collect();
    let mut changes = Vec::with_capacity(page.changes.len());
    for change in page.changes {
        match change {
            calendar::Change::Upsert(event_) => {
                let shown = name(&event_.id, limits);
                match event(event_, limits) {
                    Ok(event) => changes.push(Change::Upsert(Box::new(event))),
                    Err(reason) => unreadable.push((shown, reason)),
                }
            }
            calendar::Change::Removed(gone) => match id("id", gone, limits) {
                Ok(gone) => changes.push(Change::Removed(gone)),
                Err(reason) => unreadable.push((String::new(), reason)),
            },
        }
    }
    let (more, cursor) = match page.end {
        calendar::FeedEnd::More(cursor) => (true, cursor),
        calendar::FeedEnd::Done(cursor) => (false, cursor),
    };
    let cursor = exact("the cursor", cursor, limits.cursor).map_err(wrong)?;
    Ok(ChangePage { changes, cursor, more, unreadable })
}

/// The occurrences of a series; those that cannot be read are named with the reason.
pub(crate) fn instances(events: Vec<calendar::Event>, limits: &ValueLimits) -> Result<Instances, ConnectorError> {
    if events.len() > limits.items {
        return Err(broken(ErrorScope::Mailbox, format!("a series with more than {} occurrences in the window", limits.items)));
    }
    let mut found = Instances::default();
    for one in events {
        let shown = name(&one.id, limits);
        match event(one, limits) {
            Ok(event) => found.events.push(event),
            Err(reason) => found.unreadable.push((shown, reason)),
        }
    }
    Ok(found)
}

/// A page of ids.
pub(crate) fn ids(page: calendar::IdPage, limits: &ValueLimits) -> Result<IdPage, ConnectorError> {
    let wrong = |reason: String| broken(ErrorScope::Mailbox, reason);
    if page.ids.len() > limits.items {
        return Err(wrong(format!("a page with more than {} ids", limits.items)));
    }
    let ids = page
        .ids
        .into_iter()
        .map(|one| Ok((id("id", one.id, limits)?, exact("version", one.version, limits.id)?)))
        .collect::<Result<_, Bad>>()
        .map_err(wrong)?;
    let next = page.next.map(|cursor| exact("the cursor", cursor, limits.cursor)).transpose().map_err(wrong)?;
    Ok(IdPage { ids, next })
}

/// What a mailbox says of itself.
pub(crate) fn mailbox_info(info: calendar::MailboxInfo, limits: &ValueLimits) -> MailboxInfo {
    MailboxInfo {
        zone: info.zone.map(|z| name(&z, limits)),
        language: info.language.map(|l| name(&l, limits)),
        affinity: name(&info.affinity, limits),
    }
}

/// An out-of-office setting; its texts stay outside.
pub(crate) fn absence(setting: &absence::AbsenceSetting) -> Result<Absence, Bad> {
    let state = match &setting.state {
        absence::AbsenceState::Disabled => AbsenceState::Disabled,
        absence::AbsenceState::Enabled => AbsenceState::Enabled,
        absence::AbsenceState::Scheduled(span) => {
            AbsenceState::Scheduled { start: time::moment(&span.start)?.0, end: time::moment(&span.end)?.0 }
        }
    };
    Ok(Absence { state })
}

#[cfg(test)]
mod tests;
