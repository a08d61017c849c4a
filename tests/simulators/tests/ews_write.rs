//! What a client of the EWS simulator writes, and what Graph then shows: create, change, delete, answer, move.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod ews_support;

use calport_simulators::ews::Version;
use calport_simulators::graph::EventDraft;
use ews_support::*;
use serde_json::{Value, json};

const ZONE: &str = "<t:StartTimeZone Id=\"W. Europe Standard Time\"/><t:EndTimeZone Id=\"W. Europe Standard Time\"/>";

fn item(parts: &str) -> String {
    format!("<t:CalendarItem>{parts}</t:CalendarItem>")
}

/// Graph's view of the only event.
fn only(bench: &Bench) -> Value {
    let all = bench.graph.events(ALICE).unwrap();
    assert_eq!(all.len(), 1, "{all:#?}");
    all.into_iter().next().unwrap()
}

#[tokio::test]
async fn what_ews_creates_graph_shows_and_nobody_is_told() {
    let bench = Bench::start().await;
    let guid = "11111111-2222-3333-4444-555555555555";
    let parts = format!(
        "<t:Subject>Planning &amp; review</t:Subject><t:Sensitivity>Confidential</t:Sensitivity><t:Body BodyType=\"Text\">one &lt; two</t:Body><t:Categories><t:String>Blue</t:String></t:Categories><t:Importance>High</t:Importance><t:ReminderIsSet>true</t:ReminderIsSet><t:ReminderMinutesBeforeStart>30</t:ReminderMinutesBeforeStart><t:ExtendedProperty><t:ExtendedFieldURI PropertySetId=\"{guid}\" PropertyName=\"Operation\" PropertyType=\"String\"/><t:Value>op-7</t:Value></t:ExtendedProperty><t:Start>2026-03-30T09:00:00</t:Start><t:End>2026-03-30T10:30:00</t:End><t:LegacyFreeBusyStatus>WorkingElsewhere</t:LegacyFreeBusyStatus><t:Location>Room 7</t:Location><t:RequiredAttendees><t:Attendee><t:Mailbox><t:EmailAddress>{BOB}</t:EmailAddress></t:Mailbox></t:Attendee></t:RequiredAttendees>{ZONE}"
    );
    let made = bench.call(&create("SendToNone", &item(&parts))).await;
    assert_eq!(made.ids().len(), 1);
    let event = only(&bench);
    assert_eq!(event["subject"], "Planning & review");
    assert_eq!(event["start"]["dateTime"], "2026-03-30T07:00:00.0000000");
    assert_eq!(event["end"]["dateTime"], "2026-03-30T08:30:00.0000000");
    assert_eq!(event["originalStartTimeZone"], "W. Europe Standard Time");
    assert_eq!(event["showAs"], "workingElsewhere");
    assert_eq!(event["sensitivity"], "confidential");
    assert_eq!(event["importance"], "high");
    assert_eq!(event["location"]["displayName"], "Room 7");
    assert_eq!(event["categories"], json!(["Blue"]));
    assert_eq!(event["attendees"][0]["emailAddress"]["address"], BOB);
    assert_eq!(event["reminderMinutesBeforeStart"], 30);
    assert_eq!(bench.graph.mails_sent(), 0);
    let told = bench.call(&create("SendToAllAndSaveCopy", &item(&parts))).await;
    assert_eq!(bench.graph.attendee_mails(), 1, "one attendee is told");
    let shape = format!(
        "{ALL}<t:AdditionalProperties><t:ExtendedFieldURI PropertySetId=\"{guid}\" PropertyName=\"Operation\" PropertyType=\"String\"/></t:AdditionalProperties>"
    );
    let got = bench.call(&get(&shape, &item_id(&told.ids()[0]))).await;
    assert_eq!((got.text_of("t:Value"), got.text_of("t:Body")), ("op-7".to_owned(), "one < two".to_owned()));
    assert_eq!(bench.ews.count("CreateItem", Some(ALICE)), 2);
    bench.judge();
}

#[tokio::test]
async fn b21_b37_an_update_of_the_subject_leaves_everything_else() {
    let bench = Bench::start().await;
    let id = bench
        .graph
        .add_event(
            ALICE,
            EventDraft::new("Old", "2026-03-30T09:00:00", "2026-03-30T10:00:00", "W. Europe Standard Time")
                .show_as("oof")
                .location("Here")
                .attendees(&[BOB]),
        )
        .unwrap();
    let before = bench.graph.event(ALICE, &id).unwrap();
    let found = bench.call(&window("2026-03-01T00:00:00Z", "2026-05-01T00:00:00Z", IDS, "")).await;
    let old = found.ids()[0].clone();
    let subject = |text: &str| set("item:Subject", &format!("<t:Subject>{text}</t:Subject>"));
    let done = bench.call(&update("NeverOverwrite", "SendToNone", &item_id(&old), &subject("New"))).await;
    let mut after = bench.graph.event(ALICE, &id).unwrap();
    assert_eq!(after["subject"], "New");
    for name in ["subject", "changeKey", "@odata.etag", "lastModifiedDateTime"] {
        after[name] = before[name].clone();
    }
    assert_eq!(after, before);
    assert_eq!(bench.graph.mails_sent(), 0);
    // The old key is stale now, the new one is not.
    let stale = bench.call(&update("NeverOverwrite", "SendToNone", &item_id(&old), &subject("Stale"))).await;
    assert_eq!(stale.codes(), ["ErrorIrresolvableConflict"]);
    let without = format!("<t:ItemId Id=\"{}\"/>", old.0);
    assert_eq!(
        bench.call(&update("NeverOverwrite", "SendToNone", &without, &subject("Stale"))).await.codes(),
        ["ErrorChangeKeyRequiredForWriteOperations"]
    );
    assert_eq!(bench.call(&update("AlwaysOverwrite", "SendToNone", &item_id(&old), &subject("Forced"))).await.codes(), ["NoError"]);
    let newest = bench.call(&get(IDS, &item_id(&done.ids()[0]))).await.ids()[0].clone();
    bench.graph.update_event(ALICE, &id, EventDraft::patch().subject("By a person")).unwrap();
    assert_eq!(
        bench.call(&update("NeverOverwrite", "SendToNone", &item_id(&newest), &subject("Late"))).await.codes(),
        ["ErrorIrresolvableConflict"],
        "a change over Graph makes the key stale"
    );
    bench.ews.configure(|c| c.deviations.ignore_change_key = true);
    assert_eq!(bench.call(&update("NeverOverwrite", "SendToNone", &item_id(&newest), &subject("Late"))).await.codes(), ["NoError"]);
    assert_eq!(bench.graph.event(ALICE, &id).unwrap()["subject"], "Late");
    // Telling all, and telling those who come and go.
    let now = bench.call(&get(IDS, &item_id(&newest))).await.ids()[0].clone();
    bench.call(&update("AlwaysOverwrite", "SendToAllAndSaveCopy", &item_id(&now), &subject("Told"))).await;
    assert_eq!(bench.graph.attendee_mails(), 1);
    let people = "<t:RequiredAttendees><t:Attendee><t:Mailbox><t:EmailAddress>bob@example.test</t:EmailAddress></t:Mailbox></t:Attendee><t:Attendee><t:Mailbox><t:EmailAddress>carol@example.test</t:EmailAddress></t:Mailbox></t:Attendee></t:RequiredAttendees>";
    bench.call(&update("AlwaysOverwrite", "SendToChangedAndSaveCopy", &item_id(&now), &set("calendar:RequiredAttendees", people))).await;
    assert_eq!(bench.graph.attendee_mails(), 2, "only who is new");
    bench.judge();
}

#[tokio::test]
async fn fields_are_taken_away_and_times_are_moved() {
    let bench = Bench::start().await;
    let guid = "11111111-2222-3333-4444-555555555555";
    let path = format!("<t:ExtendedFieldURI PropertySetId=\"{guid}\" PropertyName=\"Tag\" PropertyType=\"String\"/>");
    let parts = format!(
        "<t:Subject>A</t:Subject><t:Categories><t:String>Blue</t:String></t:Categories><t:ExtendedProperty>{path}<t:Value>x</t:Value></t:ExtendedProperty><t:Start>2026-01-07T08:00:00Z</t:Start><t:End>2026-01-07T09:00:00Z</t:End><t:Location>Here</t:Location>{ZONE}"
    );
    let made = bench.call(&create("SendToNone", &item(&parts))).await.ids()[0].clone();
    let gone = format!(
        "<t:DeleteItemField><t:FieldURI FieldURI=\"calendar:Location\"/></t:DeleteItemField><t:DeleteItemField><t:FieldURI FieldURI=\"item:Categories\"/></t:DeleteItemField><t:DeleteItemField>{path}</t:DeleteItemField>"
    );
    let bare = bench.call(&update("NeverOverwrite", "SendToNone", &item_id(&made), &gone)).await.ids()[0].clone();
    let shape = format!("{ALL}<t:AdditionalProperties>{path}</t:AdditionalProperties>");
    let got = bench.call(&get(&shape, &item_id(&bare))).await;
    for name in ["t:Location", "t:Categories", "t:Value"] {
        assert!(got.inside(name).is_empty(), "{name}: {}", got.text);
    }
    // Start and end on another clock, then whole days.
    let moved = set("calendar:Start", "<t:Start>2026-07-07T08:00:00Z</t:Start>")
        + &set("calendar:End", "<t:End>2026-07-07T09:00:00Z</t:End>")
        + &set("calendar:StartTimeZone", "<t:StartTimeZone Id=\"Pacific Standard Time\"/>");
    let id = bench.call(&update("NeverOverwrite", "SendToNone", &item_id(&bare), &moved)).await.ids()[0].clone();
    let event = only(&bench);
    assert_eq!(
        (event["start"]["dateTime"].as_str(), event["originalStartTimeZone"].as_str()),
        (Some("2026-07-07T08:00:00.0000000"), Some("Pacific Standard Time"))
    );
    let all_day = set("calendar:IsAllDayEvent", "<t:IsAllDayEvent>true</t:IsAllDayEvent>");
    let id = bench.call(&update("NeverOverwrite", "SendToNone", &item_id(&id), &all_day)).await.ids()[0].clone();
    let got = bench.call(&get(ALL, &item_id(&id))).await;
    assert_eq!((got.text_of("t:Start"), got.text_of("t:End")), ("2026-07-07T07:00:00Z".to_owned(), "2026-07-08T07:00:00Z".to_owned()));
    // What cannot be.
    let backwards = set("calendar:End", "<t:End>2020-01-01T00:00:00Z</t:End>");
    assert_eq!(
        bench.call(&update("NeverOverwrite", "SendToNone", &item_id(&id), &backwards)).await.codes(),
        ["ErrorCalendarEndDateIsEarlierThanStartDate"]
    );
    let read_only = set("calendar:IsMeeting", "<t:IsMeeting>true</t:IsMeeting>");
    assert_eq!(bench.call(&update("NeverOverwrite", "SendToNone", &item_id(&id), &read_only)).await.codes(), ["ErrorInvalidPropertySet"]);
    let other = set("item:Subject", "<t:Location>x</t:Location>");
    assert_eq!(bench.call(&update("NeverOverwrite", "SendToNone", &item_id(&id), &other)).await.codes(), ["ErrorUpdatePropertyMismatch"]);
    let order = create("SendToNone", &item("<t:Start>2026-01-07T08:00:00Z</t:Start><t:Subject>A</t:Subject>"));
    assert_eq!(bench.send(&order, &How::alice()).await.fault(), "ErrorSchemaValidation");
    bench.judge();
}

#[tokio::test]
async fn b18_every_pattern_written_is_read_back_and_expanded_alike_by_graph() {
    let bench = Bench::start().await;
    let patterns = [
        "<t:DailyRecurrence><t:Interval>3</t:Interval></t:DailyRecurrence>",
        "<t:WeeklyRecurrence><t:Interval>2</t:Interval><t:DaysOfWeek>Monday Friday</t:DaysOfWeek><t:FirstDayOfWeek>Monday</t:FirstDayOfWeek></t:WeeklyRecurrence>",
        "<t:AbsoluteMonthlyRecurrence><t:Interval>1</t:Interval><t:DayOfMonth>31</t:DayOfMonth></t:AbsoluteMonthlyRecurrence>",
        "<t:RelativeMonthlyRecurrence><t:Interval>1</t:Interval><t:DaysOfWeek>Weekday</t:DaysOfWeek><t:DayOfWeekIndex>Last</t:DayOfWeekIndex></t:RelativeMonthlyRecurrence>",
        "<t:AbsoluteYearlyRecurrence><t:DayOfMonth>29</t:DayOfMonth><t:Month>February</t:Month></t:AbsoluteYearlyRecurrence>",
        "<t:RelativeYearlyRecurrence><t:DaysOfWeek>Thursday</t:DaysOfWeek><t:DayOfWeekIndex>Fourth</t:DayOfWeekIndex><t:Month>November</t:Month></t:RelativeYearlyRecurrence>",
    ];
    let ranges = [
        ("<t:NoEndRecurrence><t:StartDate>2026-03-20</t:StartDate></t:NoEndRecurrence>", "t:NoEndRecurrence"),
        (
            "<t:EndDateRecurrence><t:StartDate>2026-03-20</t:StartDate><t:EndDate>2031-03-20</t:EndDate></t:EndDateRecurrence>",
            "t:EndDateRecurrence",
        ),
        (
            "<t:NumberedRecurrence><t:StartDate>2026-03-20</t:StartDate><t:NumberOfOccurrences>4</t:NumberOfOccurrences></t:NumberedRecurrence>",
            "t:NumberedRecurrence",
        ),
    ];
    let mut count = 0;
    for pattern in patterns {
        for (range, name) in ranges {
            let parts = format!(
                "<t:Subject>Series</t:Subject><t:Start>2026-03-20T09:00:00</t:Start><t:End>2026-03-20T10:00:00</t:End><t:Recurrence>{pattern}{range}</t:Recurrence>{ZONE}"
            );
            let made = bench.call(&create("SendToNone", &item(&parts))).await.ids()[0].clone();
            let got = bench.call(&get(ALL, &item_id(&made))).await;
            let (kind, body) = pattern[1..].split_once('>').unwrap();
            assert_eq!(got.inside(kind), [body.strip_suffix(&format!("</{kind}>")).unwrap()], "{pattern}");
            assert_eq!(got.inside(name).len(), 1);
            assert_eq!(got.inside("t:LastOccurrence").len(), usize::from(name != "t:NoEndRecurrence"));
            count += 1;
        }
    }
    assert_eq!(bench.graph.events(ALICE).unwrap().len(), count);
    let bad = "<t:Subject>S</t:Subject><t:Start>2026-03-20T09:00:00Z</t:Start><t:End>2026-03-20T10:00:00Z</t:End><t:Recurrence><t:DailyRecurrence><t:Interval>0</t:Interval></t:DailyRecurrence><t:NoEndRecurrence><t:StartDate>2026-03-20</t:StartDate></t:NoEndRecurrence></t:Recurrence>";
    assert_eq!(bench.call(&create("SendToNone", &item(bad))).await.codes(), ["ErrorCalendarInvalidRecurrence"]);
    bench.judge();
}

#[tokio::test]
async fn b16_b17_single_occurrences_are_changed_and_deleted() {
    let bench = Bench::start().await;
    let parts = format!(
        "<t:Subject>Daily</t:Subject><t:Start>2026-03-27T09:00:00</t:Start><t:End>2026-03-27T10:00:00</t:End><t:Recurrence><t:DailyRecurrence><t:Interval>1</t:Interval></t:DailyRecurrence><t:NumberedRecurrence><t:StartDate>2026-03-27</t:StartDate><t:NumberOfOccurrences>5</t:NumberOfOccurrences></t:NumberedRecurrence></t:Recurrence>{ZONE}"
    );
    bench.call(&create("SendToNone", &item(&parts))).await;
    let all = window("2026-03-01T00:00:00Z", "2026-05-01T00:00:00Z", "<t:BaseShape>Default</t:BaseShape>", "");
    let found = bench.call(&all).await;
    assert_eq!(found.texts("t:Start")[1..3], ["2026-03-28T08:00:00Z", "2026-03-29T07:00:00Z"], "nine o'clock stays nine o'clock");
    let third = found.ids()[2].clone();
    let later =
        set("calendar:Start", "<t:Start>2026-03-29T15:00:00Z</t:Start>") + &set("calendar:End", "<t:End>2026-03-29T16:00:00Z</t:End>");
    let done = bench.call(&update("NeverOverwrite", "SendToNone", &item_id(&third), &later)).await;
    assert_eq!(done.ids()[0].0, third.0, "an exception keeps the id of its occurrence");
    let past =
        set("calendar:Start", "<t:Start>2026-03-30T15:00:00Z</t:Start>") + &set("calendar:End", "<t:End>2026-03-30T16:00:00Z</t:End>");
    let key = done.ids()[0].clone();
    assert_eq!(
        bench.call(&update("NeverOverwrite", "SendToNone", &item_id(&key), &past)).await.codes(),
        ["ErrorOccurrenceCrossingBoundary"]
    );
    let fourth = found.ids()[3].clone();
    assert_eq!(bench.call(&delete("SendToNone", &item_id(&fourth))).await.codes(), ["NoError"]);
    assert_eq!(bench.call(&delete("SendToNone", &item_id(&fourth))).await.codes(), ["ErrorItemNotFound"], "B-41: gone is gone");
    let now = bench.call(&all).await;
    assert_eq!(now.texts("t:CalendarItemType"), ["Occurrence", "Occurrence", "Exception", "Occurrence"]);
    assert_eq!(now.texts("t:Start")[2], "2026-03-29T15:00:00Z");
    let master = bench.call(&get(IDS, &format!("<t:RecurringMasterItemId OccurrenceId=\"{}\"/>", third.0))).await.ids()[0].clone();
    assert_eq!(bench.call(&delete("SendToNone", &item_id(&master))).await.codes(), ["NoError"]);
    assert!(bench.call(&all).await.ids().is_empty());
    assert_eq!(bench.graph.mails_sent(), 0);
    bench.judge();
}

#[tokio::test]
async fn b55_inline_zones_and_the_2007_form_are_honoured() {
    let bench = Bench::start().await;
    let inline = "<t:StartTimeZone Id=\"Customized Time Zone\" Name=\"mine\"><t:Periods><t:Period Bias=\"-PT2H\" Name=\"Standard\" Id=\"Std\"/><t:Period Bias=\"-PT3H\" Name=\"Daylight\" Id=\"Dlt\"/></t:Periods><t:TransitionsGroups><t:TransitionsGroup Id=\"0\"><t:RecurringDayTransition><t:To Kind=\"Period\">Dlt</t:To><t:TimeOffset>PT3H</t:TimeOffset><t:Month>4</t:Month><t:DayOfWeek>Sunday</t:DayOfWeek><t:Occurrence>1</t:Occurrence></t:RecurringDayTransition><t:RecurringDayTransition><t:To Kind=\"Period\">Std</t:To><t:TimeOffset>PT4H</t:TimeOffset><t:Month>9</t:Month><t:DayOfWeek>Sunday</t:DayOfWeek><t:Occurrence>-1</t:Occurrence></t:RecurringDayTransition></t:TransitionsGroup></t:TransitionsGroups><t:Transitions><t:Transition><t:To Kind=\"Group\">0</t:To></t:Transition></t:Transitions></t:StartTimeZone>";
    let parts = |month: &str| {
        format!("<t:Subject>S</t:Subject><t:Start>2026-{month}-15T09:00:00</t:Start><t:End>2026-{month}-15T10:00:00</t:End>{inline}")
    };
    bench.call(&create("SendToNone", &format!("{}{}", item(&parts("01")), item(&parts("07"))))).await;
    let got = bench.call(&window("2026-01-01T00:00:00Z", "2026-12-01T00:00:00Z", ALL, "")).await;
    assert_eq!(got.texts("t:Start"), ["2026-01-15T07:00:00Z", "2026-07-15T06:00:00Z"]);
    assert_eq!(attributes(&got.text, "t:StartTimeZone", "Id"), ["Customized Time Zone", "Customized Time Zone"]);
    let unknown = item(
        "<t:Subject>S</t:Subject><t:Start>2026-01-15T09:00:00</t:Start><t:End>2026-01-15T10:00:00</t:End><t:StartTimeZone Id=\"Europe/Berlin\"/>",
    );
    assert_eq!(bench.call(&create("SendToNone", &unknown)).await.codes(), ["ErrorTimeZone"]);
    bench.judge();
    let old = Bench::version(Version::Exchange2007Sp1).await;
    let how = How { version: Some("Exchange2007_SP1"), ..How::alice() };
    let meeting = item(
        "<t:Subject>S</t:Subject><t:Start>2026-07-15T09:00:00</t:Start><t:End>2026-07-15T10:00:00</t:End><t:MeetingTimeZone TimeZoneName=\"Pacific Standard Time\"/>",
    );
    old.call_how(&create("SendToNone", &meeting), &how).await;
    let got = old.call_how(&window("2026-01-01T00:00:00Z", "2026-12-01T00:00:00Z", ALL, ""), &how).await;
    assert_eq!(got.text_of("t:Start"), "2026-07-15T16:00:00Z");
    let modern = item(&format!("<t:Subject>S</t:Subject><t:Start>2026-07-15T09:00:00</t:Start><t:End>2026-07-15T10:00:00</t:End>{ZONE}"));
    assert_eq!(old.send(&create("SendToNone", &modern), &how).await.fault(), "ErrorSchemaValidation");
    old.judge();
}

#[tokio::test]
async fn meetings_are_answered_cancelled_and_moved() {
    let bench = Bench::start().await;
    let invited = |subject: &str, day: u32| {
        let (start, end) = (format!("2026-01-{day:02}T09:00:00"), format!("2026-01-{day:02}T10:00:00"));
        bench
            .graph
            .add_event(
                ALICE,
                EventDraft::new(subject, &start, &end, "UTC").organized_by(BOB, "Bob Brown", "notResponded").attendees(&[ALICE]),
            )
            .unwrap()
    };
    let first = invited("Accept me", 12);
    invited("Decline me", 13);
    bench
        .graph
        .add_event(
            ALICE,
            EventDraft::new("Own", "2026-01-14T09:00:00", "2026-01-14T10:00:00", "UTC").attendees(&[BOB, "carol@example.test"]),
        )
        .unwrap();
    let ids = bench.call(&window("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", IDS, "")).await.ids();
    let answer = |kind: &str, disposition: &str, id: &(String, String)| {
        format!(
            "<m:CreateItem MessageDisposition=\"{disposition}\"><m:Items><t:{kind}><t:ReferenceItemId Id=\"{}\" ChangeKey=\"{}\"/></t:{kind}></m:Items></m:CreateItem>",
            id.0, id.1
        )
    };
    assert_eq!(bench.call(&answer("AcceptItem", "SaveOnly", &ids[0])).await.codes(), ["NoError"]);
    assert_eq!(bench.graph.event(ALICE, &first).unwrap()["responseStatus"]["response"], "accepted");
    assert_eq!(bench.graph.mails_sent(), 0);
    assert_eq!(bench.call(&answer("DeclineItem", "SendAndSaveCopy", &ids[1])).await.codes(), ["NoError"]);
    assert_eq!(bench.graph.attendee_mails(), 1, "the organiser is told");
    assert_eq!(bench.call(&answer("AcceptItem", "SaveOnly", &ids[2])).await.codes(), ["ErrorCalendarIsOrganizerForAccept"]);
    assert_eq!(bench.call(&answer("CancelCalendarItem", "SaveOnly", &ids[0])).await.codes(), ["ErrorCalendarIsNotOrganizer"]);
    let calendar = bench.graph.add_calendar(ALICE, "Second").unwrap();
    let second = bench.graph.add_event(ALICE, EventDraft::new("Elsewhere", "2026-01-16T09:00:00", "2026-01-16T10:00:00", "UTC")).unwrap();
    bench.graph.move_event(ALICE, &second, &calendar).unwrap();
    assert_eq!(bench.call(&answer("CancelCalendarItem", "SendAndSaveCopy", &ids[2])).await.codes(), ["NoError"]);
    assert_eq!(bench.graph.attendee_mails(), 3);
    let left = bench.call(&window("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "<t:BaseShape>Default</t:BaseShape>", "")).await;
    assert_eq!(left.texts("t:Subject"), ["Accept me"], "what Graph moved is no longer in this folder");
    let item = left.ids()[0].clone();
    let to_inbox = format!(
        "<m:MoveItem><m:ToFolderId><t:DistinguishedFolderId Id=\"inbox\"/></m:ToFolderId><m:ItemIds>{}</m:ItemIds></m:MoveItem>",
        item_id(&item)
    );
    assert_eq!(bench.call(&to_inbox).await.codes(), ["ErrorMoveCopyFailed"]);
    let required = create("SendToNone", "<t:CalendarItem><t:Subject>x</t:Subject></t:CalendarItem>")
        .replace(" SendMeetingInvitations=\"SendToNone\"", "");
    assert_eq!(bench.call(&required).await.codes(), ["ErrorSendMeetingInvitationsRequired"]);
    bench.judge();
}
