//! The vendor's own samples, when the reference folder is there: they must be read without a complaint.

use std::path::PathBuf;

use calport_ews_protocol::ServerVersion;
use calport_sdk::common::{ErrorKind, ErrorScope, Window};

use super::{ANNA, answers, client};
use crate::bindings::exports::calport::connector::absence::AbsenceState;
use crate::bindings::exports::calport::connector::calendar::{AttendeeMail, Change, EventField, EventKind, RecurrencePattern, WriteTarget};

/// July 2014, the time of the samples.
const JULY: Window = Window { start: 1_404_172_800_000, end: 1_406_851_200_000 };

fn sample(path: &str) -> Option<String> {
    let root = std::env::var_os("CALPORT_REFERENCE")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference"), PathBuf::from);
    if !root.is_dir() {
        eprintln!("skipped: there is no reference folder; CALPORT_REFERENCE names it");
        return None;
    }
    Some(std::fs::read_to_string(root.join("samples/ews").join(path)).unwrap())
}

#[test]
fn golden_occurrences_are_read_with_their_master() {
    let (Some(page), Some(master)) = (sample("response/finditem-occurrences.xml"), sample("response/getitem-recurring-master.xml")) else {
        return;
    };
    // The occurrences of the sample have no `uid`, so that each asks for its master; one answer holds one master.
    let (client, http) = client(answers(&[(200, page), (200, master)]));
    let page = crate::feed::changes(&client, ANNA, None, JULY, None).unwrap_err();
    assert!(page.message.contains("without an answer"), "a master for each occurrence was asked for: {}", page.message);
    assert_eq!(super::body(&http, 1).matches("RecurringMasterItemId").count(), 5);
    assert_eq!(client.version(), ServerVersion::Exchange2013Sp1, "the builds that answered are 15.0.939 and 15.0.893");
}

#[test]
fn golden_a_page_that_was_cut_short_is_searched_in_halves() {
    let (Some(cut), Some(whole)) = (sample("response/finditem-calendarview.xml"), sample("response/finditem-with-categories.xml")) else {
        return;
    };
    let (client, http) = client(answers(&[(200, cut), (200, whole)]));
    let page = crate::feed::changes(&client, ANNA, None, JULY, None).unwrap();
    assert!(matches!(page.end, crate::bindings::exports::calport::connector::calendar::FeedEnd::More(_)));
    assert!(page.changes.iter().all(|change| matches!(change, Change::Upsert(event) if !event.categories.is_empty())));
    assert!(super::body(&http, 1).contains(r#"EndDate="2014-07-16T12:00:00Z""#), "{}", super::body(&http, 1));
}

#[test]
fn golden_a_series_is_read_with_its_pattern() {
    let Some(master) = sample("response/getitem-recurring-master.xml") else { return };
    let (client, _) = client(answers(&[(200, master)]));
    let detail = crate::events::get_events(&client, ANNA, &["AAMkAD".to_owned()]).remove(0).unwrap();
    assert_eq!(detail.event.kind, EventKind::Master);
    let series = detail.event.time.recurrence.unwrap();
    assert!(matches!(series.pattern, RecurrencePattern::Weekly(ref weekly) if weekly.interval == 1), "{series:?}");
    assert_eq!(series.start, "2014-03-08");
}

#[test]
fn golden_automatic_replies_are_read_and_a_missing_right_is_told() {
    let (Some(good), Some(denied)) = (sample("response/getuseroofsettings.xml"), sample("fault/getuseroofsettings-access-denied.xml"))
    else {
        return;
    };
    let (client, _) = client(answers(&[(200, good), (500, denied)]));
    let setting = crate::absence::read(&client, ANNA).unwrap();
    assert_eq!(setting.state, AbsenceState::Disabled);
    assert_eq!(setting.internal_reply.unwrap().content, "I am out of office. This is my internal reply.");
    let refused = crate::absence::read(&client, ANNA).unwrap_err();
    assert_eq!((refused.kind, refused.scope), (ErrorKind::Forbidden, ErrorScope::Mailbox), "B-53: calendars go on");
    assert_eq!(client.version(), ServerVersion::Exchange2007);
}

#[test]
fn golden_writes_are_understood() {
    let (Some(now), Some(updated), Some(gone)) = (
        sample("response/getitem-meeting.xml"),
        sample("response/updateitem-meeting.xml"),
        sample("response/deleteitem-error-item-not-found.xml"),
    ) else {
        return;
    };
    // The sample asked for no times, without which an appointment is none.
    let now = now.replace("</t:Subject>", "</t:Subject><t:Start>2013-08-21T19:30:00Z</t:Start><t:End>2013-08-21T20:00:00Z</t:End>");
    let now = now.replace("DwAAA\"", "DwAAABEFORE\"");
    let (client, _) = client(answers(&[(200, now), (200, updated), (200, gone)]));
    let target = WriteTarget::Item("AAMkA".to_owned());
    let fields = [EventField::Subject("x".to_owned())];
    let written = crate::write::update(&client, ANNA, &target, &fields, Some("DwAAABEFORE"), AttendeeMail::Never).unwrap();
    assert_eq!(written.version.as_deref(), Some("DwAAA"));
    crate::write::delete(&client, ANNA, &target, None, AttendeeMail::Never).unwrap();
}

#[test]
fn golden_faults_stop_what_they_are_about() {
    let (Some(busy), Some(denied)) = (sample("fault/error-server-busy.xml"), sample("fault/error-impersonate-user-denied.xml")) else {
        return;
    };
    let (client, _) = client(answers(&[(500, busy), (500, denied)]));
    let busy = crate::events::probe(&client, ANNA).unwrap_err();
    assert_eq!((busy.kind, busy.scope), (ErrorKind::Throttled(Some(297_749)), ErrorScope::Connection));
    let denied = crate::events::probe(&client, ANNA).unwrap_err();
    assert_eq!((denied.kind, denied.scope), (ErrorKind::Forbidden, ErrorScope::Mailbox));
    assert!(denied.message.contains("-Role:ApplicationImpersonation -User:svc"), "{}", denied.message);
}
