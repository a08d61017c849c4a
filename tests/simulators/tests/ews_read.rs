//! What the EWS simulator shows of the mailboxes that Graph shows too: windows, items, series, folders, sync.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod ews_support;

use calport_simulators::ews::Version;
use calport_simulators::graph::EventDraft;
use ews_support::*;
use serde_json::json;

const W_EUROPE: &str = "W. Europe Standard Time";

/// A weekly series over the change of the clocks, one occurrence moved, one cancelled.
fn weekly(bench: &Bench) -> String {
    let draft = EventDraft::new("Weekly", "2026-03-16T09:00:00", "2026-03-16T10:00:00", W_EUROPE).recurring(
        json!({"type": "weekly", "interval": 1, "daysOfWeek": ["monday"], "firstDayOfWeek": "monday"}),
        json!({"type": "numbered", "numberOfOccurrences": 5}),
    );
    let id = bench.graph.add_event(ALICE, draft).unwrap();
    let moved = bench.graph.occurrence_id(ALICE, &id, "2026-03-30T09:00:00").unwrap();
    bench
        .graph
        .update_event(ALICE, &moved, EventDraft::patch().times("2026-03-30T14:00:00", "2026-03-30T15:00:00", W_EUROPE).subject("Moved"))
        .unwrap();
    bench.graph.delete_occurrence(ALICE, &id, "2026-04-06T09:00:00").unwrap();
    id
}

#[tokio::test]
async fn a_window_holds_occurrences_and_never_their_master() {
    let bench = Bench::start().await;
    weekly(&bench);
    bench
        .graph
        .add_event(ALICE, EventDraft::new("Single", "2026-03-24T09:00:00", "2026-03-24T10:00:00", "UTC").show_as("workingElsewhere"))
        .unwrap();
    let got = bench.call(&window("2026-03-01T00:00:00Z", "2026-05-01T00:00:00Z", ALL, "")).await;
    assert_eq!(got.texts("t:CalendarItemType"), ["Occurrence", "Occurrence", "Single", "Exception", "Occurrence"]);
    assert_eq!(
        got.texts("t:Start"),
        ["2026-03-16T08:00:00Z", "2026-03-23T08:00:00Z", "2026-03-24T09:00:00Z", "2026-03-30T12:00:00Z", "2026-04-13T07:00:00Z"]
    );
    assert_eq!(got.texts("t:OriginalStart").len(), 4);
    assert_eq!(got.texts("t:LegacyFreeBusyStatus")[2], "WorkingElsewhere");
    let ids = got.ids();
    let mut unique: Vec<&String> = ids.iter().map(|(id, _)| id).collect();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), 5, "every occurrence has an id of its own");
    assert!(!got.text.contains("t:Body"), "a table has no bodies");
    let capped = bench.call(&window("2026-03-01T00:00:00Z", "2026-05-01T00:00:00Z", IDS, "MaxEntriesReturned=\"2\"")).await;
    assert_eq!(capped.ids().len(), 2);
    assert!(capped.text.contains("TotalItemsInView=\"5\" IncludesLastItemInRange=\"false\""), "{}", capped.text);
    bench.judge();
}

#[tokio::test]
async fn get_item_gives_masters_with_what_differs_and_what_is_gone() {
    let bench = Bench::start().await;
    let series = weekly(&bench);
    let found = bench.call(&window("2026-03-01T00:00:00Z", "2026-05-01T00:00:00Z", IDS, "")).await;
    let occurrence = found.ids()[0].clone();
    let master = bench.call(&get(ALL, &format!("<t:RecurringMasterItemId OccurrenceId=\"{}\"/>", occurrence.0))).await;
    assert_eq!(master.text_of("t:CalendarItemType"), "RecurringMaster");
    assert_eq!(
        master.inside("t:Recurrence"),
        [
            "<t:WeeklyRecurrence><t:Interval>1</t:Interval><t:DaysOfWeek>Monday</t:DaysOfWeek><t:FirstDayOfWeek>Monday</t:FirstDayOfWeek></t:WeeklyRecurrence><t:NumberedRecurrence><t:StartDate>2026-03-16+01:00</t:StartDate><t:NumberOfOccurrences>5</t:NumberOfOccurrences></t:NumberedRecurrence>"
        ]
    );
    assert_eq!(texts(&master.inside("t:ModifiedOccurrences")[0], "t:OriginalStart"), ["2026-03-30T07:00:00Z"]);
    assert_eq!(texts(&master.inside("t:DeletedOccurrences")[0], "t:Start"), ["2026-04-06T07:00:00Z"]);
    assert_eq!(texts(&master.inside("t:FirstOccurrence")[0], "t:Start"), ["2026-03-16T08:00:00Z"]);
    assert_eq!(texts(&master.inside("t:LastOccurrence")[0], "t:Start"), ["2026-04-13T07:00:00Z"]);
    assert_eq!(attributes(&master.text, "t:StartTimeZone", "Id"), [W_EUROPE]);
    let id = attributes(&master.text, "t:ItemId", "Id")[0].clone();
    let by_number = |n: u32| format!("<t:OccurrenceItemId RecurringMasterId=\"{id}\" InstanceIndex=\"{n}\"/>");
    let ids = [1, 3, 4, 6].map(by_number).join("");
    let got = bench.call(&get("<t:BaseShape>Default</t:BaseShape><t:BodyType>Text</t:BodyType>", &ids)).await;
    assert_eq!(
        got.codes(),
        ["NoError", "NoError", "ErrorCalendarOccurrenceIsDeletedFromRecurrence", "ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange"]
    );
    assert_eq!(got.texts("t:Subject"), ["Weekly", "Moved"]);
    assert_ne!(id, series, "EWS ids are not Graph's");
    let bad = bench.call(&get(IDS, "<t:ItemId Id=\"AAMk\"/>")).await;
    assert_eq!(bad.codes(), ["ErrorInvalidIdMalformed"]);
    bench.judge();
}

#[tokio::test]
async fn every_kind_of_item_is_shown_with_the_words_of_ews() {
    let bench = Bench::start().await;
    let guid = "11111111-2222-3333-4444-555555555555";
    let meeting = EventDraft::new("Invited & <asked>", "2026-01-06T09:00:00", "2026-01-06T09:30:00", W_EUROPE)
        .organized_by(BOB, "Bob Brown", "tentativelyAccepted")
        .attendees(&[ALICE])
        .sensitivity("private")
        .categories(&["Blue", "Red"])
        .set("isCancelled", true)
        .set("onlineMeeting", json!({"joinUrl": "https://meet.example.test/1"}))
        .set("body", json!({"contentType": "html", "content": "<p>Hello &amp; welcome</p>"}))
        .set("singleValueExtendedProperties", json!([{"id": format!("String {{{guid}}} Name CalportTag"), "value": "mine"}]));
    bench.graph.add_event(ALICE, meeting).unwrap();
    bench.graph.add_event(ALICE, EventDraft::all_day("Holiday", "2026-03-29", "2026-03-31", W_EUROPE).show_as("oof")).unwrap();
    let shape = format!(
        "{ALL}<t:BodyType>Best</t:BodyType><t:AdditionalProperties><t:FieldURI FieldURI=\"calendar:MeetingTimeZone\"/><t:ExtendedFieldURI PropertySetId=\"{guid}\" PropertyName=\"CalportTag\" PropertyType=\"String\"/></t:AdditionalProperties>"
    );
    let found = bench.call(&window("2026-01-01T00:00:00Z", "2026-05-01T00:00:00Z", IDS, "")).await;
    let ids: String = found.ids().iter().map(item_id).collect();
    let got = bench.call(&get(&shape, &ids)).await;
    assert_eq!(got.texts("t:Subject"), ["Invited & <asked>", "Holiday"]);
    assert_eq!(got.texts("t:Sensitivity"), ["Private", "Normal"]);
    assert_eq!(got.texts("t:MyResponseType"), ["Tentative", "Organizer"]);
    assert_eq!(got.texts("t:IsCancelled"), ["true", "false"]);
    assert_eq!(got.texts("t:AppointmentState"), ["7", "0"]);
    assert_eq!(got.texts("t:JoinOnlineMeetingUrl"), ["https://meet.example.test/1"]);
    assert_eq!(got.texts("t:IsAllDayEvent"), ["false", "true"]);
    assert_eq!(got.texts("t:Start"), ["2026-01-06T08:00:00Z", "2026-03-28T23:00:00Z"]);
    assert_eq!(got.texts("t:End"), ["2026-01-06T08:30:00Z", "2026-03-30T22:00:00Z"]);
    assert_eq!(got.texts("t:LegacyFreeBusyStatus"), ["Busy", "OOF"]);
    assert_eq!(got.texts("t:Value"), ["mine"]);
    assert_eq!(texts(&got.inside("t:Organizer")[0], "t:EmailAddress"), [BOB]);
    assert!(got.texts("t:UID")[0].starts_with("040000008200E00074C5B7101A82E008"));
    assert_eq!(got.texts("t:String"), ["Blue", "Red"]);
    // The zone of the context rules how times are written.
    let context =
        How { header: "<t:TimeZoneContext><t:TimeZoneDefinition Id=\"Pacific Standard Time\"/></t:TimeZoneContext>", ..How::alice() };
    let got = bench.call_how(&get(&shape, &ids), &context).await;
    assert_eq!(got.texts("t:Start")[0], "2026-01-06T00:00:00-08:00");
    bench.judge();
}

#[tokio::test]
async fn limits_of_a_search_are_refused_by_their_own_codes() {
    let bench = Bench::start().await;
    for hour in 0..6 {
        let (start, end) = (format!("2026-01-06T0{hour}:00:00"), format!("2026-01-06T0{hour}:30:00"));
        bench.graph.add_event(ALICE, EventDraft::new(&format!("Event {hour}"), &start, &end, "UTC")).unwrap();
    }
    bench.ews.configure(|c| c.find_limit = 4);
    let all = |more: &str| window("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", IDS, more);
    assert_eq!(bench.call(&all("")).await.codes(), ["ErrorExceededFindCountLimit"]);
    assert_eq!(bench.call(&all("MaxEntriesReturned=\"5\"")).await.codes(), ["ErrorExceededFindCountLimit"]);
    assert_eq!(bench.call(&all("MaxEntriesReturned=\"4\"")).await.ids().len(), 4);
    assert_eq!(bench.call(&all("MaxEntriesReturned=\"0\"")).await.codes(), ["ErrorInvalidPagingMaxRows"]);
    let old = How { version: Some("Exchange2007_SP1"), ..How::alice() };
    let partial = bench.call_how(&all(""), &old).await;
    assert!(partial.ids().len() == 4 && partial.text.contains("IncludesLastItemInRange=\"false\""), "{}", partial.text);
    let too_long = window("2026-01-01T00:00:00Z", "2028-03-01T00:00:00Z", IDS, "");
    assert_eq!(bench.call(&too_long).await.codes(), ["ErrorCalendarViewRangeTooBig"]);
    let backwards = window("2026-02-01T00:00:00Z", "2026-01-01T00:00:00Z", IDS, "");
    assert_eq!(bench.call(&backwards).await.codes(), ["ErrorCalendarEndDateIsEarlierThanStartDate"]);
    let inbox = all("").replace("Id=\"calendar\"", "Id=\"inbox\"");
    assert_eq!(bench.call(&inbox).await.codes(), ["ErrorCalendarFolderIsInvalidForCalendarView"]);
    let body = window(
        "2026-01-01T00:00:00Z",
        "2026-01-02T00:00:00Z",
        "<t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties><t:FieldURI FieldURI=\"item:Body\"/></t:AdditionalProperties>",
        "",
    );
    assert_eq!(bench.call(&body).await.codes(), ["ErrorInvalidPropertyRequest"]);
    bench.judge();
}

#[tokio::test]
async fn s14_an_item_is_found_by_its_extended_property_and_pages_hold_masters() {
    let bench = Bench::start().await;
    weekly(&bench);
    let guid = "11111111-2222-3333-4444-555555555555";
    let path = format!("<t:ExtendedFieldURI PropertySetId=\"{guid}\" PropertyName=\"Operation\" PropertyType=\"String\"/>");
    for n in 0..3 {
        let draft =
            EventDraft::new(&format!("Made {n}"), &format!("2026-01-0{}T09:00:00", 8 - n), &format!("2026-01-0{}T10:00:00", 8 - n), "UTC")
                .set(
                    "singleValueExtendedProperties",
                    json!([{"id": format!("String {{{guid}}} Name Operation"), "value": format!("op-{n}")}]),
                );
        bench.graph.add_event(ALICE, draft).unwrap();
    }
    let find = |view: &str, rest: &str| {
        format!(
            "<m:FindItem Traversal=\"Shallow\"><m:ItemShape><t:BaseShape>Default</t:BaseShape></m:ItemShape>{view}{rest}<m:ParentFolderIds><t:DistinguishedFolderId Id=\"calendar\"/></m:ParentFolderIds></m:FindItem>"
        )
    };
    let page = |max: u32, offset: u32| {
        format!("<m:IndexedPageItemView MaxEntriesReturned=\"{max}\" Offset=\"{offset}\" BasePoint=\"Beginning\"/>")
    };
    let equal = format!(
        "<m:Restriction><t:IsEqualTo>{path}<t:FieldURIOrConstant><t:Constant Value=\"op-1\"/></t:FieldURIOrConstant></t:IsEqualTo></m:Restriction>"
    );
    assert_eq!(bench.call(&find(&page(100, 0), &equal)).await.texts("t:Subject"), ["Made 1"]);
    let none = equal.replace("op-1", "op-9");
    assert_eq!(bench.call(&find(&page(100, 0), &none)).await.texts("t:Subject"), Vec::<String>::new());
    let sorted = "<m:SortOrder><t:FieldOrder Order=\"Ascending\"><t:FieldURI FieldURI=\"calendar:Start\"/></t:FieldOrder></m:SortOrder>";
    let first = bench.call(&find(&page(3, 0), sorted)).await;
    assert_eq!(first.texts("t:Subject"), ["Made 2", "Made 1", "Made 0"]);
    assert!(first.text.contains("IndexedPagingOffset=\"3\" TotalItemsInView=\"4\" IncludesLastItemInRange=\"false\""), "{}", first.text);
    let second = bench.call(&find(&page(3, 3), sorted)).await;
    assert_eq!(second.texts("t:CalendarItemType"), ["RecurringMaster"]);
    let after = "<m:Restriction><t:IsGreaterThan><t:FieldURI FieldURI=\"calendar:Start\"/><t:FieldURIOrConstant><t:Constant Value=\"2026-01-07T00:00:00Z\"/></t:FieldURIOrConstant></t:IsGreaterThan></m:Restriction>";
    assert_eq!(bench.call(&find("", after)).await.ids().len(), 3);
    let mixed = find("", &equal)
        .replace("<m:Restriction>", "<m:CalendarView StartDate=\"2026-01-01T00:00:00Z\" EndDate=\"2026-01-02T00:00:00Z\"/><m:Restriction>");
    assert_eq!(bench.send(&mixed, &How::alice()).await.fault(), "ErrorInvalidRequest");
    bench.judge();
}

#[tokio::test]
async fn c12_a_folder_shows_that_its_content_changed() {
    let bench = Bench::start().await;
    let probe = "<m:GetFolder><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties><t:ExtendedFieldURI PropertyTag=\"0x670a\" PropertyType=\"SystemTime\"/><t:ExtendedFieldURI PropertyTag=\"0x670b\" PropertyType=\"Integer\"/></t:AdditionalProperties></m:FolderShape><m:FolderIds><t:DistinguishedFolderId Id=\"calendar\"/></m:FolderIds></m:GetFolder>";
    let id = bench.graph.add_event(ALICE, EventDraft::new("One", "2026-01-06T09:00:00", "2026-01-06T10:00:00", "UTC")).unwrap();
    let before = bench.call(probe).await.texts("t:Value");
    assert_eq!(before, ["2026-01-05T08:00:00Z", "0"]);
    bench.graph.clock().advance(std::time::Duration::from_secs(60));
    bench.graph.delete_event(ALICE, &id).unwrap();
    assert_eq!(bench.call(probe).await.texts("t:Value"), ["2026-01-05T08:01:00Z", "1"]);
    let all = "<m:GetFolder><m:FolderShape><t:BaseShape>AllProperties</t:BaseShape></m:FolderShape><m:FolderIds><t:DistinguishedFolderId Id=\"calendar\"/><t:DistinguishedFolderId Id=\"tasks\"/><t:DistinguishedFolderId Id=\"msgfolderroot\"/><t:DistinguishedFolderId Id=\"publicfoldersroot\"/><t:DistinguishedFolderId Id=\"calendar\"><t:Mailbox><t:EmailAddress>bob@example.test</t:EmailAddress></t:Mailbox></t:DistinguishedFolderId></m:FolderIds></m:GetFolder>";
    let got = bench.call(all).await;
    assert_eq!(
        got.codes(),
        ["NoError", "NoError", "NoError", "ErrorFolderNotFound", "ErrorAccessDenied"],
        "who is impersonated has that person's rights"
    );
    let names =
        bench.call("<m:ResolveNames ReturnFullContactData=\"true\"><m:UnresolvedEntry>amber</m:UnresolvedEntry></m:ResolveNames>").await;
    assert_eq!(names.texts("t:EmailAddress"), [ALICE]);
    let many =
        bench.call("<m:ResolveNames ReturnFullContactData=\"false\"><m:UnresolvedEntry>b</m:UnresolvedEntry></m:ResolveNames>").await;
    assert_eq!(many.codes(), ["NoError"]);
    let none =
        bench.call("<m:ResolveNames ReturnFullContactData=\"false\"><m:UnresolvedEntry>zebra</m:UnresolvedEntry></m:ResolveNames>").await;
    assert_eq!(none.codes(), ["ErrorNameResolutionNoResults"]);
    bench.judge();
}

fn sync(state: &str, most: u32) -> String {
    let state = if state.is_empty() { String::new() } else { format!("<m:SyncState>{state}</m:SyncState>") };
    format!(
        "<m:SyncFolderItems><m:ItemShape>{IDS}</m:ItemShape><m:SyncFolderId><t:DistinguishedFolderId Id=\"calendar\"/></m:SyncFolderId>{state}<m:MaxChangesReturned>{most}</m:MaxChangesReturned></m:SyncFolderItems>"
    )
}

#[tokio::test]
async fn sync_gives_new_changed_and_gone_in_pages_and_expires() {
    let bench = Bench::start().await;
    let add = |n: u32| {
        bench.graph.add_event(ALICE, EventDraft::new(&format!("Event {n}"), "2026-01-06T09:00:00", "2026-01-06T10:00:00", "UTC")).unwrap()
    };
    let ids: Vec<String> = (0..5).map(add).collect();
    let series = weekly(&bench);
    let mut state = String::new();
    let mut pages = Vec::new();
    loop {
        let got = bench.call(&sync(&state, 2)).await;
        assert_eq!(got.inside("t:Update").len() + got.inside("t:Delete").len(), 0, "{}", got.text);
        pages.push(got.inside("t:Create").len());
        state = got.text_of("m:SyncState");
        if pages.len() == 2 {
            // A change in the middle of a round belongs to the next.
            bench.graph.update_event(ALICE, &ids[0], EventDraft::patch().subject("Other")).unwrap();
        }
        if got.text_of("m:IncludesLastItemInRange") == "true" {
            break;
        }
    }
    assert_eq!(pages, [2, 2, 2], "five events and one master");
    bench.graph.delete_event(ALICE, &ids[1]).unwrap();
    bench.graph.delete_occurrence(ALICE, &series, "2026-04-13T09:00:00").unwrap();
    add(9);
    let got = bench.call(&sync(&state, 512)).await;
    assert_eq!((got.inside("t:Create").len(), got.inside("t:Update").len(), got.inside("t:Delete").len()), (1, 2, 1), "{}", got.text);
    state = got.text_of("m:SyncState");
    let quiet = bench.call(&sync(&state, 512)).await;
    assert_eq!(quiet.inside("m:Changes"), [""]);
    bench.graph.expire_delta(Some(ALICE));
    assert_eq!(bench.call(&sync(&state, 512)).await.codes(), ["ErrorInvalidSyncStateData"]);
    assert_eq!(bench.call(&sync("H4sIAAA=", 512)).await.codes(), ["ErrorInvalidSyncStateData"]);
    bench.judge();
}

#[tokio::test]
async fn what_a_version_lacks_is_refused_or_left_out() {
    for (version, asked) in [
        (Version::Exchange2007Sp1, "Exchange2007_SP1"),
        (Version::Exchange2010Sp2, "Exchange2010_SP2"),
        (Version::Exchange2013, "Exchange2013"),
        (Version::SubscriptionEdition, "V2017_07_11"),
    ] {
        let bench = Bench::version(version).await;
        bench
            .graph
            .add_event(
                ALICE,
                EventDraft::new("Elsewhere", "2026-01-06T09:00:00", "2026-01-06T10:00:00", W_EUROPE).show_as("workingElsewhere"),
            )
            .unwrap();
        let how = How { version: Some(asked), ..How::alice() };
        let found = bench.call_how(&window("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", ALL, ""), &how).await;
        let modern = version >= Version::Exchange2013;
        assert_eq!(found.text_of("t:LegacyFreeBusyStatus"), if modern { "WorkingElsewhere" } else { "NoData" });
        assert_eq!(found.text.contains("t:StartTimeZone"), version >= Version::Exchange2010, "{version:?}");
        assert_eq!(found.text.contains("t:Periods"), version == Version::Exchange2010Sp2, "2010 writes whole definitions");
        assert_eq!(found.text.contains("t:MeetingTimeZone"), version < Version::Exchange2010);
        let newer = How { version: Some("Exchange2099"), ..How::alice() };
        assert_eq!(
            bench.send(&window("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", IDS, ""), &newer).await.fault(),
            "ErrorInvalidServerVersion"
        );
        if version < Version::SubscriptionEdition {
            let newer = How { version: Some("Exchange2016"), ..How::alice() };
            assert_eq!(
                bench.send(&window("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", IDS, ""), &newer).await.fault(),
                "ErrorInvalidServerVersion"
            );
        }
        let shape = "<t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties><t:FieldURI FieldURI=\"calendar:StartTimeZone\"/></t:AdditionalProperties>";
        let got = bench.send(&window("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", shape, ""), &how).await;
        assert_eq!(got.status == 200, version >= Version::Exchange2010, "{}", got.text);
        let unknown = bench.send("<m:GetSparkles/>", &how).await;
        assert_eq!(unknown.fault(), "ErrorSchemaValidation");
        bench.judge();
    }
}
