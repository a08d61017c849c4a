use calport_ews_protocol::folder::{Folder, KnownFolder};
use calport_sdk::common::{DateSpan, Participant, Span, TimedSpan, Zone};
use calport_sdk::http::HttpError;
use calport_sdk::testing::{Recorded, take_log};

use super::*;
use crate::bindings::exports::calport::connector::calendar::{Attendee, AttendeeRole, EventTime, Response};
use crate::tests::{ANNA, answer, answers, body, client, fault, found, found_some, good, got, item, refusal};

fn done(operation: &str, id: &str, version: &str) -> String {
    answer(operation, &[&format!(r#"<m:Items><t:CalendarItem><t:ItemId Id="{id}" ChangeKey="{version}"/></t:CalendarItem></m:Items>"#)])
}

fn tagged(id: &str, operation: &str, tag: &str) -> String {
    let property = |name: &str, value: &str| {
        let uri = crate_field(name);
        format!("<t:ExtendedProperty>{uri}<t:Value>{value}</t:Value></t:ExtendedProperty>")
    };
    item(id, "v1", 9, &[property("Operation", operation), property("Tag", tag)].concat())
}

/// The field as the connector itself writes it.
fn crate_field(name: &str) -> String {
    let (client, http) = client(good(&[]));
    let field = if name == "Tag" { ExtendedField::Tag } else { ExtendedField::Operation };
    let search = FindItem::<CalendarItem>::having(Folder::known(KnownFolder::Calendar), field, "x".to_owned());
    let _nothing_recorded = client.single(&search, &client.reading("looking", ANNA));
    let body = body(&http, 0);
    let condition = &body[body.find("<t:IsEqualTo>").unwrap() + 13..];
    condition[..condition.find("<t:FieldURIOrConstant>").unwrap()].to_owned()
}

fn draft(mail: AttendeeMail) -> EventDraft {
    let at = |hour: i64| Moment::At(1_772_409_600_000 + hour * 3_600_000);
    let span = Span::Timed(TimedSpan { start: at(9), end: at(10) });
    let time = EventTime { span, start_zone: Some(Zone::Named("W. Europe Standard Time".into())), end_zone: None, recurrence: None };
    let fields = vec![EventField::Time(time), EventField::Subject("Focus".into())];
    EventDraft { operation: "op-1".into(), tag: Some("tag-1".into()), fields, mail }
}

fn target(id: &str) -> WriteTarget {
    WriteTarget::Item(id.to_owned())
}

fn title() -> Vec<EventField> {
    vec![EventField::Subject("New".into())]
}

fn attendees() -> EventField {
    let who = Participant { name: String::new(), address: "bea@example.com".into() };
    EventField::Attendees(vec![Attendee { who, role: AttendeeRole::Required, response: Response::None }])
}

#[test]
fn s14_a_create_looks_for_its_operation_first_and_stores_it() {
    let (client, http) = client(good(&[found(""), done("CreateItem", "new", "v1")]));
    let written = create(&client, ANNA, None, &draft(AttendeeMail::Never)).unwrap();
    assert_eq!((written.id.as_str(), written.version.as_deref()), ("new", Some("v1")));
    assert!(body(&http, 0).contains("<m:FindItem") && body(&http, 0).contains(r#"Constant Value="op-1""#));
    let create = body(&http, 1);
    assert!(create.contains("<t:Value>op-1</t:Value>") && create.contains("<t:Value>tag-1</t:Value>"), "{create}");
    assert!(create.contains(r#"SendMeetingInvitations="SendToNone""#), "{create}");
    assert!(!http.requests()[1].safe_to_repeat && http.requests()[0].safe_to_repeat);
}

#[test]
fn b40_a_create_after_a_lost_answer_makes_no_second_event() {
    let lost = HttpError::OutcomeUnknown("the connection broke".into());
    let http = good(&[found("")]).on_failure("POST", "", lost).on("POST", "", 200, &found(&tagged("made", "op-1", "tag-1")));
    let (client, http) = client(http);
    assert_eq!(create(&client, ANNA, None, &draft(AttendeeMail::Never)).unwrap_err().kind, ErrorKind::OutcomeUnknown);
    assert_eq!(create(&client, ANNA, None, &draft(AttendeeMail::Never)).unwrap().id, "made");
    assert_eq!(http.left(), 0);
}

#[test]
fn b40_a_server_that_ignores_the_search_makes_no_doubles_either() {
    let others = [tagged("x", "op-0", "t"), tagged("mine", "op-1", "t")].concat();
    let (among, _) = client(good(&[found_some(&others, false)]));
    assert_eq!(create(&among, ANNA, None, &draft(AttendeeMail::Never)).unwrap().id, "mine");
    let (more, http) = client(good(&[found_some(&tagged("x", "op-0", "t"), false)]));
    let error = create(&more, ANNA, None, &draft(AttendeeMail::Never)).unwrap_err();
    assert_eq!((error.kind, http.requests().len()), (ErrorKind::Refused("search-ignored".into()), 1));
    let unreadable = tagged("made", "op-1", "t").replace("T09:30:00Z", "T01:00:00Z");
    let (unread, _) = client(good(&[found(&unreadable)]));
    assert_eq!(create(&unread, ANNA, None, &draft(AttendeeMail::Never)).unwrap().id, "made", "it is there, though it cannot be read");
}

#[test]
fn b35_inviting_without_permission_is_refused_and_nothing_is_sent() {
    let (client, http) = client(good(&[]));
    let invited = EventDraft { fields: [draft(AttendeeMail::Never).fields, vec![attendees()]].concat(), ..draft(AttendeeMail::Never) };
    let would_mail = ErrorKind::Refused("would-mail".into());
    assert_eq!(create(&client, ANNA, None, &invited).unwrap_err().kind, would_mail);
    assert_eq!(update(&client, ANNA, &target("a"), &[attendees()], None, AttendeeMail::Never).unwrap_err().kind, would_mail);
    assert!(http.requests().is_empty());
}

#[test]
fn b35_mails_leave_only_where_they_are_allowed() {
    let current = || got(&[item("a", "v1", 9, "")]);
    for (mail, word) in [(AttendeeMail::Never, "SendToNone"), (AttendeeMail::Allowed, "SendToAllAndSaveCopy")] {
        let (client, http) = client(good(&[current(), done("UpdateItem", "a", "v2"), answer("DeleteItem", &[""])]));
        update(&client, ANNA, &target("a"), &title(), Some("v1"), mail).unwrap();
        delete(&client, ANNA, &target("a"), None, mail).unwrap();
        assert!(body(&http, 1).contains(&format!(r#"SendMeetingInvitationsOrCancellations="{word}""#)), "{}", body(&http, 1));
        assert!(body(&http, 2).contains(&format!(r#"SendMeetingCancellations="{word}""#)), "{}", body(&http, 2));
    }
}

#[test]
fn b36_b37_a_title_only_edit_sends_one_field() {
    let (client, http) = client(good(&[got(&[item("a", "v1", 9, "")]), done("UpdateItem", "a", "v2")]));
    let written = update(&client, ANNA, &target("a"), &title(), Some("v1"), AttendeeMail::Never).unwrap();
    assert_eq!(written.version.as_deref(), Some("v2"));
    let sent = body(&http, 1);
    assert_eq!((sent.matches("SetItemField>").count(), sent.matches("DeleteItemField").count()), (2, 0), "{sent}");
    assert!(sent.contains(r#"FieldURI="item:Subject""#) && sent.contains(r#"Id="a" ChangeKey="v1""#), "{sent}");
    assert!(sent.contains(r#"ConflictResolution="NeverOverwrite""#), "{sent}");
    assert!(!sent.contains("t:Start") && !sent.contains("TimeZone"), "B-21: {sent}");
}

#[test]
fn b34_a_conflict_is_found_before_and_at_the_write() {
    let (stale, http) = client(good(&[got(&[item("a", "v2", 9, "")])]));
    let error = update(&stale, ANNA, &target("a"), &title(), Some("v1"), AttendeeMail::Never).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict(Some("v2".into())), "also where the server would not look at it");
    assert_eq!(http.requests().len(), 1);
    let (raced, _) = client(good(&[got(&[item("a", "v1", 9, "")]), refusal("UpdateItem", "ErrorIrresolvableConflict")]));
    let error = update(&raced, ANNA, &target("a"), &title(), Some("v1"), AttendeeMail::Never).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict(None));
    let (deleting, http) = client(good(&[got(&[item("a", "v2", 9, "")])]));
    let error = delete(&deleting, ANNA, &target("a"), Some("v1"), AttendeeMail::Never).unwrap_err();
    assert_eq!((error.kind, http.requests().len()), (ErrorKind::Conflict(Some("v2".into())), 1));
}

#[test]
fn b34_versions_that_do_not_change_are_reported_and_not_believed() {
    let (client, _) = client(good(&[got(&[item("a", "v1", 9, "")]), done("UpdateItem", "a", "v1")]));
    take_log();
    let written = update(&client, ANNA, &target("a"), &title(), Some("v1"), AttendeeMail::Never).unwrap();
    assert_eq!(written.version, None, "the host reads it back");
    assert!(take_log().iter().any(|line| line.message.contains("versions prove nothing")));
}

#[test]
fn b41_what_is_gone_already_counts_as_deleted() {
    let gone = || refusal("DeleteItem", "ErrorItemNotFound");
    let denied = || refusal("DeleteItem", "ErrorAccessDenied");
    for all in [vec![gone()], vec![denied(), refusal("GetItem", "ErrorItemNotFound")]] {
        let (client, http) = client(good(&all));
        delete(&client, ANNA, &target("a"), None, AttendeeMail::Never).unwrap();
        assert_eq!(http.left(), 0);
    }
    let (there, _) = client(good(&[denied(), got(&[item("a", "v1", 9, "")])]));
    assert_eq!(delete(&there, ANNA, &target("a"), None, AttendeeMail::Never).unwrap_err().kind, ErrorKind::Forbidden);
    let (no_mailbox, _) = client(answers(&[(500, fault("15.20", "ErrorNonExistentMailbox"))]));
    let error = delete(&no_mailbox, ANNA, &target("a"), None, AttendeeMail::Never).unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound, "a mailbox that is not there is another matter");
}

#[test]
fn b17_an_occurrence_past_its_neighbour_is_named() {
    let (client, _) = client(good(&[got(&[item("a", "v1", 9, "")]), refusal("UpdateItem", "ErrorOccurrenceCrossingBoundary")]));
    let error = update(&client, ANNA, &target("a"), &title(), None, AttendeeMail::Never).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Refused("occurrence-crosses-neighbour".into()));
}

#[test]
fn b16_one_occurrence_is_written_by_its_number_and_the_rest_stays() {
    let series = "<t:CalendarItemType>RecurringMaster</t:CalendarItemType><t:StartTimeZone Id=\"W. Europe Standard Time\"/><t:Recurrence>\
                  <t:WeeklyRecurrence><t:Interval>1</t:Interval><t:DaysOfWeek>Monday</t:DaysOfWeek></t:WeeklyRecurrence><t:NoEndRecurrence>\
                  <t:StartDate>2026-03-02</t:StartDate></t:NoEndRecurrence></t:Recurrence>";
    let master = || item("m", "v1", 9, series);
    // Six Mondays later the clocks have changed: ten o'clock in Berlin is eight in UTC.
    let original = OriginalStart::Timed(Moment::At(1_775_462_400_000));
    let place = WriteTarget::Occurrence(OccurrenceRef { master: "m".into(), original });
    let (good_one, http) = client(good(&[got(&[master()]), got(&[item("o6", "v1", 8, "")]), done("UpdateItem", "o6", "v2")]));
    update(&good_one, ANNA, &place, &title(), None, AttendeeMail::Never).unwrap();
    assert!(body(&http, 1).contains(r#"RecurringMasterId="m" InstanceIndex="6""#), "{}", body(&http, 1));
    assert!(body(&http, 2).contains(r#"Id="o6" ChangeKey="v1""#));
    let never = OriginalStart::Day("2026-04-07".into());
    let place = WriteTarget::Occurrence(OccurrenceRef { master: "m".into(), original: never });
    let (missing, _) = client(good(&[got(&[master()])]));
    assert_eq!(update(&missing, ANNA, &place, &title(), None, AttendeeMail::Never).unwrap_err().kind, ErrorKind::NotFound);
}

#[test]
fn s14_events_are_found_by_their_tag() {
    let all = [tagged("a", "op", "tag-1"), tagged("b", "op", "tag-2")].concat();
    let (client, http) = client(good(&[found(&all)]));
    let ids: Vec<String> = find_by_tag(&client, ANNA, "tag-1").unwrap().into_iter().map(|e| e.id).collect();
    assert_eq!(ids, ["a"], "also where the server ignores the condition");
    assert!(body(&http, 0).contains(r#"Constant Value="tag-1""#));
}

#[test]
fn b20_whole_days_are_written_from_midnight_to_midnight_of_their_zone() {
    let time = |zone: &str| {
        let span = Span::AllDay(DateSpan { start: "2026-03-29".into(), end: "2026-03-30".into() });
        vec![EventField::Time(EventTime { span, start_zone: Some(Zone::Named(zone.into())), end_zone: None, recurrence: None })]
    };
    for (zone, start, end) in [
        ("Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"),
        ("Asia/Kathmandu", "2026-03-28T18:15:00Z", "2026-03-29T18:15:00Z"),
    ] {
        let (client, http) = client(good(&[got(&[item("a", "v1", 9, "")]), done("UpdateItem", "a", "v2")]));
        update(&client, ANNA, &target("a"), &time(zone), None, AttendeeMail::Never).unwrap();
        let sent = body(&http, 1);
        assert!(sent.contains(&format!("<t:Start>{start}</t:Start>")) && sent.contains(&format!("<t:End>{end}</t:End>")), "{sent}");
    }
}

#[test]
fn b40_every_unclear_answer_to_a_write_is_an_unknown_outcome() {
    let current = || (200, got(&[item("a", "v1", 9, "")]));
    let cut = done("UpdateItem", "a", "v2");
    for bad in [(200, cut[..cut.len() / 2].to_owned()), (504, String::new()), (500, fault("15.20", "ErrorInternalServerError"))] {
        let (client, _) = client(answers(&[current(), bad]));
        let error = update(&client, ANNA, &target("a"), &title(), Some("v1"), AttendeeMail::Never).unwrap_err();
        assert_eq!(error.kind, ErrorKind::OutcomeUnknown);
    }
    let too_large = answers(&[current()]).on_failure("POST", "", HttpError::TooLarge(1));
    let (client, _) = crate::tests::client(too_large);
    let error = update(&client, ANNA, &target("a"), &title(), Some("v1"), AttendeeMail::Never).unwrap_err();
    assert_eq!(error.kind, ErrorKind::OutcomeUnknown);
    let busy = Recorded::new().on("POST", "", 500, &fault("15.20", "ErrorServerBusy"));
    let (client, _) = crate::tests::client(busy);
    assert_eq!(update(&client, ANNA, &target("a"), &title(), None, AttendeeMail::Never).unwrap_err().kind, ErrorKind::Throttled(None));
}
