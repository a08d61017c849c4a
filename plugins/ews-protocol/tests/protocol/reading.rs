//! Appointments as servers send them, tidy and not.

use calport_ews_protocol::item::ItemId;
use calport_ews_protocol::item::event::{AttendeeRole, CalendarItem, EventKind, Response, ShowAs};
use calport_ews_protocol::operation::{FindItem, SyncFolderItems};
use calport_ews_protocol::recurrence::Pattern;
use calport_ews_protocol::{Operation, answer};
use calport_sdk::common::{DateSpan, Moment, OriginalStart, Sensitivity, Span, TextFormat, TimedSpan, Zone};

use crate::support::{HOUR, envelope, event, items};

fn all_day(start: &str, end: &str, more: &str) -> Span {
    let elements = format!("<t:IsAllDayEvent>true</t:IsAllDayEvent><t:Start>{start}</t:Start><t:End>{end}</t:End>{more}");
    event(&elements).unwrap().span
}

fn days(start: &str, end: &str) -> Span {
    Span::AllDay(DateSpan { start: start.into(), end: end.into() })
}

const BERLIN: &str = r#"<t:StartTimeZone Id="W. Europe Standard Time"/>"#;

#[test]
fn b20_whole_days_are_dates_of_the_items_zone() {
    assert_eq!(all_day("2026-03-28T23:00:00Z", "2026-03-30T22:00:00Z", BERLIN), days("2026-03-29", "2026-03-31"));
    let apia = r#"<t:StartTimeZone Id="Samoa Standard Time"/>"#;
    assert_eq!(all_day("2026-07-01T11:00:00Z", "2026-07-02T11:00:00Z", apia), days("2026-07-02", "2026-07-03"), "UTC+13");
    let west = r#"<t:StartTimeZone Id="Dateline Standard Time"/>"#;
    assert_eq!(all_day("2026-07-01T12:00:00Z", "2026-07-02T12:00:00Z", west), days("2026-07-01", "2026-07-02"), "UTC-12");
}

#[test]
fn b20_whole_days_made_in_another_zone_or_without_one_are_the_nearest() {
    assert_eq!(all_day("2026-03-29T00:00:00Z", "2026-03-30T00:00:00Z", BERLIN), days("2026-03-29", "2026-03-30"));
    assert_eq!(all_day("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", ""), days("2026-03-29", "2026-03-30"));
    let unknown = r#"<t:StartTimeZone Id="Customized Time Zone"/>"#;
    assert_eq!(all_day("2026-03-29T07:00:00Z", "2026-03-30T07:00:00Z", unknown), days("2026-03-29", "2026-03-30"));
    assert_eq!(all_day("2026-03-29T00:00:00Z", "2026-03-29T00:00:00Z", ""), days("2026-03-29", "2026-03-30"), "no length is one day");
    assert_eq!(all_day("2026-03-29T00:00:00", "2026-03-31T00:00:00", BERLIN), days("2026-03-29", "2026-03-31"), "wall times");
}

#[test]
fn times_are_instants_whatever_their_form() {
    let span = Span::Timed(TimedSpan { start: Moment::At(1_774_767_600_000), end: Moment::At(1_774_771_200_000) });
    assert_eq!(event(HOUR).unwrap().span, span);
    let other = "<t:End>2026-03-29T10:00:00.0000000000+02:00</t:End><t:Start>2026-03-29T09:00:00.000+02:00</t:Start>";
    assert_eq!(event(other).unwrap().span, span);
    let wall = format!("<t:Start>2026-03-29T09:00:00</t:Start><t:End>2026-03-29T10:00:00</t:End>{BERLIN}");
    assert_eq!(event(&wall).unwrap().span, span, "a wall time is one of the item's zone");
}

#[test]
fn b55_zones_are_handed_on_and_ends_have_their_own() {
    let got = event(&format!(r#"{HOUR}{BERLIN}<t:EndTimeZone Id="Tokyo Standard Time"/>"#)).unwrap();
    assert_eq!(got.start_zone, Some(Zone::Named("W. Europe Standard Time".into())));
    assert_eq!(got.end_zone, Some(Zone::Named("Tokyo Standard Time".into())));
    let got = event(&format!(r#"{HOUR}<t:StartTimeZone Id="tzone://Microsoft/Utc" Name="UTC"/>"#)).unwrap();
    assert_eq!((got.start_zone, got.end_zone), (Some(Zone::Utc), Some(Zone::Utc)));
    let old = event(&format!(r#"{HOUR}<t:TimeZone>Pacific Standard Time</t:TimeZone>"#)).unwrap();
    assert_eq!(old.start_zone, Some(Zone::Named("Pacific Standard Time".into())), "Exchange 2007");
    let display = event(&format!(r#"{HOUR}<t:TimeZone>(UTC+01:00) Amsterdam, Berlin</t:TimeZone>"#)).unwrap();
    assert_eq!(display.start_zone, None, "a name for people is none of a zone");
    let meeting = event(&format!(r#"{HOUR}<t:MeetingTimeZone TimeZoneName="Tokyo Standard Time"/>"#)).unwrap();
    assert_eq!(meeting.start_zone, Some(Zone::Named("Tokyo Standard Time".into())));
}

#[test]
fn b01_exceptions_have_their_original_start() {
    let kind = |elements: &str| event(&format!("{HOUR}{elements}")).map(|item| item.kind);
    let moved = "<t:CalendarItemType>Exception</t:CalendarItemType><t:OriginalStart>2026-03-28T08:00:00Z</t:OriginalStart>";
    let original = OriginalStart::Timed(Moment::At(1_774_684_800_000));
    assert_eq!(kind(moved).unwrap(), EventKind::Exception(original.clone()));
    let by_id = "<t:RecurrenceId>2026-03-28T08:00:00Z</t:RecurrenceId><t:CalendarItemType>Exception</t:CalendarItemType>";
    assert_eq!(kind(by_id).unwrap(), EventKind::Exception(original));
    assert_eq!(kind("<t:CalendarItemType>Exception</t:CalendarItemType>").unwrap_err().reason, "no original start");
    assert_eq!(kind("<t:CalendarItemType>Occurrence</t:CalendarItemType>").unwrap(), EventKind::Occurrence(None));
    let unknown = kind("<t:CalendarItemType>Lunar</t:CalendarItemType>").unwrap_err();
    assert_eq!((unknown.id.as_str(), unknown.reason.as_str()), ("e1", "an appointment of an unknown type"));
}

#[test]
fn b16_masters_tell_what_was_moved_and_deleted() {
    let master = event(&format!(
        r#"{BERLIN}<t:IsAllDayEvent>true</t:IsAllDayEvent><t:Start>2026-03-27T23:00:00Z</t:Start><t:End>2026-03-28T23:00:00Z</t:End>
        <t:CalendarItemType>RecurringMaster</t:CalendarItemType><t:Recurrence><t:DailyRecurrence><t:Interval>1</t:Interval>
        </t:DailyRecurrence><t:NoEndRecurrence><t:StartDate>2026-03-28+01:00</t:StartDate></t:NoEndRecurrence></t:Recurrence>
        <t:ModifiedOccurrences><t:Occurrence><t:ItemId Id="o" ChangeKey="k"/><t:Start>2026-03-30T22:00:00Z</t:Start>
        <t:End>2026-03-31T22:00:00Z</t:End><t:OriginalStart>2026-03-29T22:00:00Z</t:OriginalStart></t:Occurrence></t:ModifiedOccurrences>
        <t:DeletedOccurrences><t:DeletedOccurrence><t:Start>2026-04-01T22:00:00Z</t:Start></t:DeletedOccurrence></t:DeletedOccurrences>"#
    ))
    .unwrap();
    assert_eq!(master.kind, EventKind::Master);
    assert_eq!(master.recurrence.unwrap().pattern, Pattern::Daily { interval: 1 });
    let moved = &master.modified_occurrences[0];
    assert_eq!((moved.original.clone(), moved.span.clone()), (OriginalStart::Day("2026-03-30".into()), days("2026-03-31", "2026-04-01")));
    assert_eq!(moved.id, ItemId { id: "o".into(), change_key: "k".into() });
    assert_eq!(master.deleted_occurrences, [OriginalStart::Day("2026-04-02".into())]);
}

#[test]
fn b18_a_series_of_an_unknown_pattern_is_read_and_one_without_a_range_is_not() {
    let series =
        |inner: &str| event(&format!("{HOUR}<t:CalendarItemType>RecurringMaster</t:CalendarItemType><t:Recurrence>{inner}</t:Recurrence>"));
    let lunar = series("<t:LunarRecurrence/><t:NoEndRecurrence><t:StartDate>2026-03-29</t:StartDate></t:NoEndRecurrence>").unwrap();
    assert_eq!(lunar.recurrence.unwrap().pattern, Pattern::Unreadable("LunarRecurrence".into()));
    assert_eq!(series("<t:DailyRecurrence/>").unwrap_err().reason, "a series without its range");
}

#[test]
fn everything_an_appointment_holds_is_read() {
    let got = event(&format!(
        r#"{HOUR}<t:UID>u</t:UID><t:Subject>S &amp; T</t:Subject><t:Sensitivity>Confidential</t:Sensitivity>
        <t:Body BodyType="HTML">&lt;p&gt;x</t:Body><t:Categories><t:String>Red</t:String><t:String>Blue</t:String></t:Categories>
        <t:Importance>High</t:Importance><t:DateTimeCreated>2026-01-01T00:00:00Z</t:DateTimeCreated>
        <t:LastModifiedTime>2026-01-02T00:00:00Z</t:LastModifiedTime><t:ReminderIsSet>true</t:ReminderIsSet>
        <t:ReminderMinutesBeforeStart>15</t:ReminderMinutesBeforeStart><t:LegacyFreeBusyStatus>OOF</t:LegacyFreeBusyStatus>
        <t:Location>R1</t:Location><t:AppointmentState>7</t:AppointmentState><t:MyResponseType>Decline</t:MyResponseType>
        <t:Organizer><t:Mailbox><t:Name>O</t:Name><t:EmailAddress>o@example.com</t:EmailAddress><t:RoutingType>SMTP</t:RoutingType>
        </t:Mailbox></t:Organizer><t:RequiredAttendees><t:Attendee><t:Mailbox><t:Name>Old</t:Name>
        <t:EmailAddress>/O=ORG/CN=OLD</t:EmailAddress><t:RoutingType>EX</t:RoutingType></t:Mailbox></t:Attendee></t:RequiredAttendees>
        <t:OptionalAttendees><t:Attendee><t:Mailbox><t:EmailAddress>a@example.com</t:EmailAddress></t:Mailbox>
        <t:ResponseType>Tentative</t:ResponseType></t:Attendee></t:OptionalAttendees>
        <t:JoinOnlineMeetingUrl>https://meet.example/1</t:JoinOnlineMeetingUrl>
        <t:ExtendedProperty><t:ExtendedFieldURI PropertySetId="5F1C7F0E-3D0A-4A49-9C52-7B8F2E6D41A3" PropertyName="CalportTag"
        PropertyType="String"/><t:Value>tag 1</t:Value></t:ExtendedProperty>
        <t:ExtendedProperty><t:ExtendedFieldURI PropertySetId="5f1c7f0e-3d0a-4a49-9c52-7b8f2e6d41a3" PropertyName="CalportOperation"
        PropertyType="String"/><t:Value>op</t:Value></t:ExtendedProperty>
        <t:ExtendedProperty><t:ExtendedFieldURI PropertyTag="0x1000" PropertyType="String"/><t:Value>no</t:Value></t:ExtendedProperty>"#
    ))
    .unwrap();
    assert_eq!((got.uid.as_str(), got.subject.as_str(), got.location.as_str()), ("u", "S & T", "R1"));
    assert_eq!((got.sensitivity, got.show_as, got.response), (Sensitivity::Confidential, ShowAs::OutOfOffice, Response::Declined));
    assert_eq!(got.categories, ["Red", "Blue"]);
    assert!(got.cancelled && !got.is_organizer, "by the state's bits");
    assert_eq!(got.organizer.unwrap().address, "o@example.com");
    assert_eq!((got.attendees[0].who.address.as_str(), got.attendees[0].who.name.as_str()), ("", "Old"), "no path of a directory");
    assert_eq!((got.attendees[1].role, got.attendees[1].response), (AttendeeRole::Optional, Response::Tentative));
    assert_eq!((got.tag.as_deref(), got.operation.as_deref()), (Some("tag 1"), Some("op")));
    assert_eq!((got.created, got.modified), (Some(1_767_225_600_000), Some(1_767_312_000_000)));
    let body = got.body.unwrap();
    assert_eq!((body.format, body.content.as_str()), (TextFormat::Html, "<p>x"));
    assert_eq!((got.reminder, got.join_url.as_str()), (Some(15), "https://meet.example/1"));
}

#[test]
fn s10_the_organizer_is_told_by_word_by_answer_or_by_the_state() {
    let is_organizer = |elements: &str| event(&format!("{HOUR}{elements}")).unwrap().is_organizer;
    assert!(is_organizer("<t:AppointmentState>1</t:AppointmentState><t:MyResponseType>Unknown</t:MyResponseType>"));
    assert!(!is_organizer("<t:AppointmentState>3</t:AppointmentState>"));
    assert!(is_organizer("<t:MyResponseType>Organizer</t:MyResponseType>"));
    assert!(!is_organizer("<t:IsOrganizer>false</t:IsOrganizer><t:AppointmentState>1</t:AppointmentState>"));
}

#[test]
fn p03_what_is_unknown_is_no_data_and_p20_masked() {
    let got = event(&format!(
        "{HOUR}<t:LegacyFreeBusyStatus>Dreaming</t:LegacyFreeBusyStatus><t:Sensitivity>TopSecret</t:Sensitivity>
        <t:MyResponseType>Perhaps</t:MyResponseType><t:ReminderMinutesBeforeStart>15</t:ReminderMinutesBeforeStart><t:New><t:Deep/></t:New>"
    ))
    .unwrap();
    assert_eq!((got.show_as, got.sensitivity, got.response), (ShowAs::NoData, Sensitivity::Private, Response::None));
    assert_eq!(got.reminder, None, "it is not set");
    assert_eq!(event(HOUR).unwrap().show_as, ShowAs::NoData);
}

#[test]
fn one_bad_item_is_set_aside_and_the_others_are_used() {
    let item = |id: &str, start: &str, end: &str| {
        format!("<t:CalendarItem><t:ItemId Id=\"{id}\"/><t:Start>{start}</t:Start><t:End>{end}</t:End></t:CalendarItem>")
    };
    let (eight, nine) = ("2026-03-29T08:00:00Z", "2026-03-29T09:00:00Z");
    let content = [
        item("good", eight, nine),
        item("", eight, nine),
        item("backwards", nine, eight),
        item("soon", "soon", nine),
        "<t:CalendarItem/>".to_owned(),
        "<t:Message><t:ItemId Id=\"mail\"/></t:Message>".to_owned(),
        item("instant", eight, eight),
    ]
    .concat();
    let read = items(&content);
    assert_eq!(read.items.iter().map(|item| item.id.id.as_str()).collect::<Vec<_>>(), ["good", "instant"]);
    let reasons: Vec<(&str, &str)> = read.unreadable.iter().map(|one| (one.id.as_str(), one.reason.as_str())).collect();
    assert_eq!(
        reasons,
        [
            ("", "an appointment without an id"),
            ("backwards", "an end before its start"),
            ("soon", "a time that cannot be read: start"),
            ("", "an appointment without an id"),
            ("mail", "a Message where an appointment was expected"),
        ]
    );
}

#[test]
fn prefixes_namespaces_and_order_do_not_matter() {
    let body = r#"<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body><x:FindItemResponse xmlns:x="urn:m"
        xmlns:y="urn:t"><x:ResponseMessages><x:FindItemResponseMessage ResponseClass="Success"><x:RootFolder
        IncludesLastItemInRange="true"><y:Items><CalendarItem xmlns="urn:other"><End>2026-03-29T08:00:00Z</End><!-- a comment -->
        <Subject><![CDATA[A & B]]></Subject><Start>2026-03-29T07:00:00Z</Start><ItemId ChangeKey="k" Id="e1"></ItemId></CalendarItem>
        </y:Items></x:RootFolder><x:ResponseCode>NoError</x:ResponseCode></x:FindItemResponseMessage></x:ResponseMessages>
        </x:FindItemResponse></Body><Header/></Envelope>"#;
    let page = answer::<FindItem<CalendarItem>>(body.as_bytes()).unwrap().single().unwrap();
    assert_eq!((page.items[0].subject.as_str(), page.last), ("A & B", true));
}

#[test]
fn c08_a_sync_gives_masters_and_keeps_the_state_of_a_page_with_a_bad_item() {
    let content = "<m:SyncState>s2</m:SyncState><m:IncludesLastItemInRange>false</m:IncludesLastItemInRange><m:Changes>
        <t:Create><t:CalendarItem><t:ItemId Id=\"bad\"/></t:CalendarItem></t:Create>
        <t:Delete><t:ItemId Id=\"gone\"/></t:Delete></m:Changes>";
    let body = envelope::<SyncFolderItems<CalendarItem>>(content);
    let changes = answer::<SyncFolderItems<CalendarItem>>(body.as_bytes()).unwrap().single().unwrap();
    assert_eq!((changes.state.as_str(), changes.last, changes.changes.len()), ("s2", false, 1));
    assert_eq!(changes.unreadable[0].id, "bad");
    assert_eq!(<SyncFolderItems<CalendarItem> as Operation>::NAME, "SyncFolderItems");
}

const WEEKLY: &str = r#"<t:CalendarItemType>RecurringMaster</t:CalendarItemType><t:Recurrence><t:WeeklyRecurrence>
    <t:Interval>1</t:Interval><t:DaysOfWeek>Monday</t:DaysOfWeek></t:WeeklyRecurrence><t:NoEndRecurrence>
    <t:StartDate>2026-03-16</t:StartDate></t:NoEndRecurrence></t:Recurrence>"#;

const DAY: i64 = 86_400_000;

#[test]
fn b15_b16_a_series_is_expanded_in_its_zone_without_what_was_deleted_or_moved() {
    // Mondays at nine in Berlin; the clocks change on 29 March.
    let master = event(&format!(
        r#"{WEEKLY}{BERLIN}<t:Start>2026-03-16T08:00:00Z</t:Start><t:End>2026-03-16T09:30:00Z</t:End>
        <t:ModifiedOccurrences><t:Occurrence><t:ItemId Id="o"/><t:Start>2026-04-08T07:00:00Z</t:Start><t:End>2026-04-08T08:30:00Z</t:End>
        <t:OriginalStart>2026-04-06T07:00:00Z</t:OriginalStart></t:Occurrence></t:ModifiedOccurrences><t:DeletedOccurrences>
        <t:DeletedOccurrence><t:Start>2026-04-13T07:00:00Z</t:Start></t:DeletedOccurrence></t:DeletedOccurrences>"#
    ))
    .unwrap();
    let monday = 1_774_249_200_000; // 2026-03-23T07:00:00Z
    let starts: Vec<(u32, i64)> = master
        .occurrences(monday, monday + 30 * DAY)
        .map(|one| match one.span {
            Span::Timed(TimedSpan { start: Moment::At(start), end: Moment::At(end) }) if end - start == 5_400_000 => (one.index, start),
            other => panic!("{other:?}"),
        })
        .collect();
    let hour = 3_600_000;
    assert_eq!(starts, [(2, monday + hour), (3, monday + 7 * DAY), (6, monday + 28 * DAY)], "nine stays nine");
    let deleted = OriginalStart::Timed(Moment::At(monday + 21 * DAY));
    assert_eq!(master.occurrence_index(&deleted), Some(5), "deleted ones keep their number");
    let running = monday + hour + 1;
    assert_eq!(master.occurrences(running, running + 1).count(), 1, "what has begun overlaps");
    assert_eq!(master.occurrences(running + 2 * hour, running + 3 * hour).count(), 0);
    assert_eq!(event(HOUR).unwrap().occurrences(0, i64::MAX).count(), 0, "no series");
}

#[test]
fn b20_a_series_of_whole_days_is_expanded_to_dates() {
    let master = event(&format!(
        "{WEEKLY}{BERLIN}<t:IsAllDayEvent>true</t:IsAllDayEvent><t:Start>2026-03-15T23:00:00Z</t:Start><t:End>2026-03-17T23:00:00Z</t:End>"
    ))
    .unwrap();
    let second = master.occurrences(1_774_735_200_000, 1_774_735_200_000 + 3 * DAY).next().unwrap();
    assert_eq!(
        (second.index, second.span, second.original),
        (3, days("2026-03-30", "2026-04-01"), OriginalStart::Day("2026-03-30".into()))
    );
    assert_eq!(master.occurrence_index(&OriginalStart::Day("2026-03-31".into())), None);
}
