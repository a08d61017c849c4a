//! What requests hold, and what they must not hold.

use calport_ews_protocol::item::event::{CalendarItem, EventKind, ShowAs};
use calport_ews_protocol::item::event_write::{EventField, EventTime};
use calport_ews_protocol::item::{ItemId, Target};
use calport_ews_protocol::operation::*;
use calport_ews_protocol::{Call, Impersonation, Operation, ServerVersion, WriteError};
use calport_sdk::common::{DateSpan, Moment, Span, TimedSpan, Zone, ZonedTime};
use jiff::tz::TimeZoneDatabase;
use proptest::prelude::*;

use crate::corpus::{corpus, custom, patterns, targets, times};
use crate::support::event;

const LATEST: Call = Call::new(ServerVersion::LATEST);

fn text<O: Operation>(call: &Call, operation: &O) -> String {
    String::from_utf8(call.request(operation).unwrap().body).unwrap()
}

fn update(fields: Vec<EventField>) -> UpdateItem<CalendarItem> {
    let target = Target::Item(ItemId { id: "e1".into(), change_key: "k1".into() });
    UpdateItem { target, fields, mail: AttendeeMail::Never }
}

fn create(fields: Vec<EventField>) -> CreateItem<CalendarItem> {
    CreateItem { folder: None, fields, mail: AttendeeMail::Never }
}

#[test]
fn b37_a_change_of_the_subject_is_one_field() {
    let request = text(&LATEST, &update(vec![EventField::Subject("New".into())]));
    assert_eq!(request.matches("<t:SetItemField>").count(), 1);
    assert!(request.contains("<t:FieldURI FieldURI=\"item:Subject\"/><t:CalendarItem><t:Subject>New</t:Subject></t:CalendarItem>"));
    for other in ["t:Start", "TimeZone", "t:Body", "DeleteItemField"] {
        assert!(!request.contains(other), "{other}: {request}");
    }
}

#[test]
fn b35_nobody_is_mailed_unless_it_is_allowed_in_any_request() {
    for (name, body) in corpus().requests {
        let body = String::from_utf8(body).unwrap();
        let writes = ["<m:CreateItem", "<m:UpdateItem", "<m:DeleteItem"].iter().any(|write| body.contains(write));
        if !writes || body.contains("SendToAllAndSaveCopy") || body.contains("<t:Message>") {
            continue;
        }
        let silent = body.contains("=\"SendToNone\"") || body.contains("MessageDisposition=\"SaveOnly\"");
        assert!(silent || body.contains("MessageDisposition=\"SendAndSaveCopy\"><m:Items><t:"), "{name}: {body}");
    }
    let default = AttendeeMail::default();
    let request = text(&LATEST, &CreateItem::<CalendarItem> { folder: None, fields: Vec::new(), mail: default });
    assert!(request.contains("SendMeetingInvitations=\"SendToNone\""));
    let request = text(&LATEST, &DeleteItem { targets: targets(), mail: default, tasks: false });
    assert!(request.contains("SendMeetingCancellations=\"SendToNone\""));
    let item = ItemId { id: "e1".into(), change_key: "k1".into() };
    let request = text(&LATEST, &AnswerInvitation { item, answer: Invitation::Decline, mail: default });
    assert!(request.contains("MessageDisposition=\"SaveOnly\""));
}

#[test]
fn b34_updates_are_conditional_and_never_overwrite() {
    let request = text(&LATEST, &update(vec![EventField::Location("R".into())]));
    assert!(request.contains("ConflictResolution=\"NeverOverwrite\"") && request.contains("Id=\"e1\" ChangeKey=\"k1\""));
    assert!(corpus().requests.iter().all(|(_, body)| !String::from_utf8_lossy(body).contains("AlwaysOverwrite")));
}

#[test]
fn b16_one_occurrence_is_named_and_the_series_left_alone() {
    let master = ItemId { id: "m".into(), change_key: "k".into() };
    let request =
        text(&LATEST, &DeleteItem { targets: vec![Target::Occurrence { master, index: 3 }], mail: AttendeeMail::Never, tasks: false });
    assert!(request.contains("<t:OccurrenceItemId RecurringMasterId=\"m\" ChangeKey=\"k\" InstanceIndex=\"3\"/>"), "{request}");
    let target = Target::Occurrence { master: ItemId::unversioned("m"), index: 0 };
    let wrong = LATEST.request(&DeleteItem { targets: vec![target], mail: AttendeeMail::Never, tasks: false });
    assert!(matches!(wrong, Err(WriteError::Invalid { field: "target", .. })));
}

#[test]
fn what_is_cleared_is_removed_by_a_change_and_not_mentioned_when_new() {
    let cleared = vec![EventField::Location(String::new()), EventField::Body(None), EventField::Attendees(Vec::new())];
    let request = text(&LATEST, &update(cleared.clone()));
    assert_eq!(request.matches("<t:DeleteItemField>").count(), 5, "{request}");
    assert!(text(&LATEST, &create(cleared)).contains("<t:CalendarItem></t:CalendarItem>"));
    assert_eq!(LATEST.request(&update(Vec::new())), Err(WriteError::Nothing { operation: "UpdateItem" }));
}

#[test]
fn what_a_version_lacks_is_left_out_and_reported() {
    let fields = vec![EventField::ShowAs(ShowAs::WorkingElsewhere), EventField::Subject("S".into()), EventField::Time(times().remove(3))];
    let old = Call::new(ServerVersion::Exchange2007Sp1).request(&create(fields.clone())).unwrap();
    assert_eq!(old.left_out, ["show-as `working elsewhere`: Exchange 2013 or later"]);
    let old = String::from_utf8(old.body).unwrap();
    assert!(
        !old.contains("WorkingElsewhere") && !old.contains("StartTimeZone") && old.contains("TimeZoneName=\"W. Europe Standard Time\"")
    );
    let new = LATEST.request(&create(fields)).unwrap();
    assert_eq!(new.left_out, Vec::<&str>::new());
    assert!(String::from_utf8(new.body).unwrap().contains("WorkingElsewhere"));
    let custom = EventTime { start_zone: Some(custom()), ..times().remove(0) };
    let old = Call::new(ServerVersion::Exchange2007).request(&create(vec![EventField::Time(custom)])).unwrap();
    assert_eq!(old.left_out, ["a zone given by its rules: Exchange 2010 or later"]);
    let only = update(vec![EventField::ShowAs(ShowAs::WorkingElsewhere)]);
    let missing = "show-as `working elsewhere`: Exchange 2013 or later";
    assert_eq!(Call::new(ServerVersion::Exchange2010).request(&only), Err(WriteError::LeftOut { missing }));
    let zones = Call::new(ServerVersion::Exchange2007Sp1).request(&GetServerTimeZones { ids: Vec::new() });
    let needed = ServerVersion::Exchange2010;
    let version = ServerVersion::Exchange2007Sp1;
    assert_eq!(zones, Err(WriteError::Version { operation: "GetServerTimeZones", needed, version }));
}

#[test]
fn the_header_names_version_mailbox_and_zone_and_http_the_anchor() {
    let impersonate = Some(Impersonation::SmtpAddress("a&b@example.com".into()));
    let call = Call { version: ServerVersion::Exchange2013, impersonate, zone: Some(Zone::Named("Europe/Berlin".into())) };
    let request = text(&call, &GetFolder { folders: vec![calport_ews_protocol::folder::Folder::Id("f".into())] });
    assert!(request.contains("<t:RequestServerVersion Version=\"Exchange2013\"/>"));
    assert!(request.contains("<t:ConnectingSID><t:SmtpAddress>a&amp;b@example.com</t:SmtpAddress></t:ConnectingSID>"));
    assert!(request.contains("<t:TimeZoneDefinition Id=\"W. Europe Standard Time\"/>"));
    assert!(request.contains("PropertyTag=\"0x670a\"") && request.contains("PropertyTag=\"0x670b\""), "the probe of C-12");
    let headers = call.headers::<GetFolder>(Some("anchor@example.com"));
    let action = "\"http://schemas.microsoft.com/exchange/services/2006/messages/GetFolder\"";
    assert_eq!(headers[1], ("soapaction", action.to_owned()));
    assert_eq!(headers[2], ("x-anchormailbox", "anchor@example.com".to_owned()));
    assert_eq!(call.headers::<GetFolder>(Some("a@example.com\r\nX-Evil: 1")).len(), 2);
}

#[test]
fn b21_a_wall_time_goes_out_as_its_instant_beside_its_zone() {
    let request = text(&LATEST, &create(vec![EventField::Time(times().remove(3))]));
    // 02:30 does not exist on that day: the clock stands at 03:30.
    assert!(request.contains("<t:Start>2026-03-29T01:30:00Z</t:Start>"), "{request}");
    assert!(request.contains("<t:StartTimeZone Id=\"W. Europe Standard Time\"/>"));
    let local = Moment::Wall(ZonedTime { local: "2026-03-29T02:30:00".into(), zone: Zone::Named("Mars Standard Time".into()) });
    let span = Span::Timed(TimedSpan { start: local.clone(), end: local });
    let unknown = EventTime { span, start_zone: None, end_zone: None, recurrence: None };
    assert!(matches!(LATEST.request(&create(vec![EventField::Time(unknown)])), Err(WriteError::Invalid { field: "time.zone", .. })));
}

#[test]
fn values_that_ews_cannot_hold_are_refused_by_field() {
    let refused = |field| match LATEST.request(&create(vec![field])) {
        Err(WriteError::Invalid { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    let time = |span| EventField::Time(EventTime { span, start_zone: None, end_zone: None, recurrence: None });
    assert_eq!(refused(time(Span::Timed(TimedSpan { start: Moment::At(1), end: Moment::At(0) }))), "time");
    assert_eq!(refused(time(Span::AllDay(DateSpan { start: "2026-02-30".into(), end: "2026-03-01".into() }))), "time");
    assert_eq!(refused(EventField::ShowAs(ShowAs::NoData)), "show-as");
    assert_eq!(refused(EventField::Reminder(Some(u32::MAX))), "reminder");
    let floating = EventTime { start_zone: Some(Zone::Floating), ..times().remove(0) };
    assert_eq!(refused(EventField::Time(floating)), "time.zone");
}

/// The element of the item in a request, as a server would give it back.
fn echoed(time: EventTime) -> String {
    let request = text(&LATEST, &create(vec![EventField::Time(time)]));
    let (_, rest) = request.split_once("<t:CalendarItem>").unwrap();
    rest.split_once("</t:CalendarItem>").unwrap().0.to_owned()
}

#[test]
fn b18_every_series_that_was_written_is_read_as_it_was() {
    for (time, pattern) in times().into_iter().skip(7).zip(patterns()) {
        let elements = format!("{}<t:CalendarItemType>RecurringMaster</t:CalendarItemType>", echoed(time.clone()));
        let read = event(&elements).unwrap();
        assert_eq!((read.kind, read.recurrence.clone()), (EventKind::Master, time.recurrence));
        assert_eq!(read.recurrence.unwrap().pattern, pattern);
    }
}

#[test]
fn b20_a_zone_that_goes_out_under_another_places_name_keeps_its_days() {
    // Kanton lay on the other side of the date line in 1990; its Windows name is Tonga's.
    let span = Span::AllDay(DateSpan { start: "1990-01-01".into(), end: "1990-01-02".into() });
    let start_zone = Some(Zone::Named("Pacific/Kanton".into()));
    let time = EventTime { span: span.clone(), start_zone, end_zone: None, recurrence: None };
    assert_eq!(event(&echoed(time)).unwrap().span, span);
}

fn zones() -> Vec<String> {
    TimeZoneDatabase::bundled().available().map(|name| name.as_str().to_owned()).collect()
}

proptest! {
    #[test]
    fn b20_a_day_that_is_written_is_the_day_that_is_read(zone in proptest::sample::select(zones()), day in 0..20_000_i32, length in 1..10_i32) {
        let date = |days: i32| jiff::civil::date(1990, 1, 1).checked_add(jiff::Span::new().days(days)).unwrap().to_string();
        let span = Span::AllDay(DateSpan { start: date(day), end: date(day + length) });
        let start_zone = Some(Zone::Named(zone.clone()));
        let time = EventTime { span: span.clone(), start_zone, end_zone: None, recurrence: None };
        prop_assert_eq!(event(&echoed(time)).unwrap().span, span, "{}", zone);
    }

    #[test]
    fn an_instant_that_is_written_is_the_instant_that_is_read(start in 0..4_102_444_800_000_i64, length in 0..10_000_000_000_i64) {
        let span = Span::Timed(TimedSpan { start: Moment::At(start), end: Moment::At(start + length) });
        let time = EventTime { span: span.clone(), start_zone: Some(Zone::Named("Europe/Berlin".into())), end_zone: None, recurrence: None };
        let read = event(&echoed(time)).unwrap();
        prop_assert_eq!(read.span, span);
        prop_assert_eq!(read.start_zone, Some(Zone::Named("W. Europe Standard Time".into())));
    }
}
