//! Every response of the vendor's documentation is read. A sample that is new and not listed here is a failure.

use std::fs;

use calport_ews_protocol::item::event::{CalendarItem, EventKind};
use calport_ews_protocol::item::{ItemId, ItemRef};
use calport_ews_protocol::operation::*;
use calport_ews_protocol::recurrence::{Pattern, RecurrenceEnd};
use calport_ews_protocol::{Answer, Failure, FailureKind, Operation, Reach, ReadError, ServerVersion, answer};
use calport_sdk::common::{Span, Weekday};

use crate::support::reference;

pub fn sample(path: &str) -> Option<Vec<u8>> {
    Some(fs::read(reference()?.join("samples/ews").join(path)).unwrap())
}

pub fn read<O: Operation>(name: &str) -> Option<Answer<O::Reply>> {
    let body = sample(&format!("response/{name}.xml"))?;
    Some(answer::<O>(&body).unwrap_or_else(|error| panic!("{name}: {error}")))
}

pub fn refused<T>(answer: Answer<T>) -> Failure {
    answer.single().err().unwrap()
}

#[test]
fn golden_no_sample_is_forgotten() {
    let Some(reference) = reference() else { return };
    let here = concat!(include_str!("samples.rs"), include_str!("notifications.rs"));
    for folder in ["response", "fault"] {
        for file in fs::read_dir(reference.join("samples/ews").join(folder)).unwrap() {
            let name = file.unwrap().file_name().into_string().unwrap();
            let name = name.strip_suffix(".xml").unwrap();
            assert!(here.contains(&format!("\"{name}\"")) || here.contains(&format!("fault/{name}.xml")), "{name} is not read");
        }
    }
}

#[test]
fn golden_every_code_that_is_sorted_is_one_of_the_vendors() {
    let Some(reference) = reference() else { return };
    let schema = fs::read_to_string(reference.join("ews/messages.xsd")).unwrap();
    let source = include_str!("../../src/failure.rs").split_once("#[cfg(test)]").unwrap().0;
    let codes: Vec<&str> = source.split('"').filter(|word| word.starts_with("Error") && !word.contains(' ')).collect();
    assert!(codes.len() > 40, "{codes:?}");
    for code in codes {
        assert!(schema.contains(&format!("value=\"{code}\"")), "{code}");
    }
}

#[test]
fn golden_windows_are_read() {
    let Some(window) = read::<FindItem<CalendarItem>>("finditem-calendarview") else { return };
    let server = window.server.unwrap();
    assert_eq!((server.to_string().as_str(), server.speaks()), ("v15.00.0731.0010", ServerVersion::Exchange2013));
    let page = window.single().unwrap();
    assert_eq!((page.items.len(), page.unreadable.len(), page.last), (5, 0, false), "the window was cut short");
    assert_eq!(page.items[0].subject, "Contoso devs team meeting");
    let page = read::<FindItem<CalendarItem>>("finditem-occurrences").unwrap().single().unwrap();
    assert!(page.items.iter().all(|item| item.kind == EventKind::Occurrence(None)) && page.items.len() == 5 && page.last);
    let page = read::<FindItem<CalendarItem>>("finditem-recurring-masters").unwrap().single().unwrap();
    assert_eq!((page.items[0].kind.clone(), page.next_offset), (EventKind::Master, Some(1)));
    let page = read::<FindItem<ItemRef>>("finditem-with-categories").unwrap().single().unwrap();
    assert!(page.items.len() > 4 && page.items.iter().all(|item| item.kind == "Message"), "items in groups");
}

#[test]
fn golden_items_are_read() {
    let Some(answer) = read::<GetItem<CalendarItem>>("getitem-calendar-item") else { return };
    let item = answer.single().unwrap().items.remove(0);
    assert_eq!(item.id, ItemId { id: "ASUAdT".into(), change_key: "otlIqB==".into() });
    assert_eq!(item.organizer.unwrap().address, "someone@example.com");
    assert_eq!(item.reminder, Some(15));
    assert!(item.is_organizer && !item.cancelled);
    let items = read::<GetItem<CalendarItem>>("getitem-recurring-master").unwrap().single().unwrap();
    let master = &items.items[0];
    let recurrence = master.recurrence.clone().unwrap();
    assert_eq!(recurrence.pattern, Pattern::Weekly { interval: 1, days: vec![Weekday::Saturday], week_start: None });
    assert_eq!((recurrence.start.as_str(), recurrence.end), ("2014-03-08", RecurrenceEnd::Count(10)));
    assert!(matches!(&master.span, Span::Timed(_)), "that of the first occurrence");
    // The sample was made with a shape that leaves out the times.
    let items = read::<GetItem<CalendarItem>>("getitem-meeting").unwrap().single().unwrap();
    assert_eq!((items.items.len(), items.unreadable[0].reason.as_str()), (0, "no start"));
    let items = read::<GetItem<ItemRef>>("getitem-meeting-response-tentative").unwrap().single().unwrap();
    assert_eq!(items.items[0].kind, "MeetingRequest");
}

#[test]
fn golden_writes_are_read() {
    let Some(created) = read::<CreateItem<CalendarItem>>("createitem-meeting") else { return };
    assert_eq!(created.single().unwrap().items[0].id, ItemId { id: "AAMkA".into(), change_key: "DwAAA".into() });
    let updated = read::<UpdateItem<CalendarItem>>("updateitem-meeting").unwrap().single().unwrap();
    assert_eq!(updated.items[0].kind, "CalendarItem");
    assert!(read::<DeleteItem>("deleteitem").unwrap().single().is_ok());
    let gone = refused(read::<DeleteItem>("deleteitem-error-item-not-found").unwrap());
    assert_eq!((gone.kind(), gone.reach()), (FailureKind::ItemNotFound, Reach::Item));
}

#[test]
fn golden_sync_is_read() {
    let Some(first) = read::<SyncFolderItems<ItemRef>>("syncfolderitems-initial") else { return };
    let first = first.single().unwrap();
    assert_eq!((first.state.as_str(), first.last, first.changes.len()), ("H4sIAAA==", true, 5));
    let later = read::<SyncFolderItems<ItemRef>>("syncfolderitems-create-update-delete-readflag").unwrap().single().unwrap();
    assert_eq!(later.changes.last(), Some(&Change::Removed(" q1AwAAAA==".into())), "ids are not trimmed");
    assert_eq!(later.changes.iter().filter(|c| matches!(c, Change::Upsert(_))).count(), 3);
    assert_eq!(later.changes.len(), 4, "that something was read is no change");
    let lost = refused(read::<SyncFolderItems<ItemRef>>("syncfolderitems-error-invalid-sync-state").unwrap());
    assert_eq!(lost.kind(), FailureKind::SyncStateInvalid);
}

#[test]
fn golden_absence_and_free_busy_are_read() {
    let Some(oof) = read::<GetUserOofSettings>("getuseroofsettings") else { return };
    let settings = oof.single().unwrap().settings.unwrap();
    assert_eq!((settings.state, settings.audience), (OofState::Disabled, ExternalAudience::All));
    assert!(settings.internal_reply.unwrap().contains("internal"));
    assert!(read::<SetUserOofSettings>("setuseroofsettings").unwrap().single().is_ok());
    let busy = read::<GetUserAvailability>("getuseravailability").unwrap();
    assert_eq!(busy.parts.len(), 2);
    let second = busy.parts[1].as_ref().unwrap();
    assert_eq!((second.spans.len(), second.unreadable), (4, 0));
    let zone = second.zone.as_ref().unwrap();
    assert_eq!((zone.standard_offset, zone.daylight.as_ref().unwrap().offset), (-480, -420));
}

#[test]
fn golden_faults_are_read() {
    let fault = |path: &str| match answer::<GetUserOofSettings>(&sample(path)?) {
        Err(ReadError::Fault(failure)) => Some(failure),
        other => panic!("{path}: {other:?}"),
    };
    let Some(denied) = fault("fault/error-impersonate-user-denied.xml") else { return };
    assert_eq!((denied.kind(), denied.reach()), (FailureKind::ImpersonationDenied, Reach::Mailbox));
    assert_eq!(fault("fault/error-server-busy.xml").unwrap().kind(), FailureKind::Throttled(Some(297_749)));
    let old = fault("fault/getuseroofsettings-access-denied.xml").unwrap();
    assert_eq!((old.kind(), old.code.as_str()), (FailureKind::AccessDenied, ""));
}
