//! Automatic replies, free/busy, zones and user configurations over EWS, and the same through Graph's handle.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod ews_support;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use calport_simulators::graph::EventDraft;
use ews_support::*;
use serde_json::json;

const GET_OOF: &str =
    "<m:GetUserOofSettingsRequest><t:Mailbox><t:Address>alice@example.test</t:Address></t:Mailbox></m:GetUserOofSettingsRequest>";

fn bob() -> How<'static> {
    How { person: Some(("SmtpAddress", BOB)), ..How::alice() }
}

/// Nobody is impersonated.
fn service() -> How<'static> {
    How { person: None, ..How::alice() }
}

fn old() -> How<'static> {
    How { version: Some("Exchange2007_SP1"), ..How::alice() }
}

fn set_oof(settings: &str) -> String {
    format!(
        "<m:SetUserOofSettingsRequest><t:Mailbox><t:Address>{ALICE}</t:Address></t:Mailbox><t:UserOofSettings>{settings}</t:UserOofSettings></m:SetUserOofSettingsRequest>"
    )
}

#[tokio::test]
async fn automatic_replies_are_those_of_graph() {
    let bench = Bench::start().await;
    assert_eq!(bench.call(GET_OOF).await.texts("t:OofState")[0], "Disabled");
    let settings = json!({
        "status": "scheduled", "externalAudience": "contactsOnly", "internalReplyMessage": "<p>away & out</p>",
        "scheduledStartDateTime": {"dateTime": "2026-07-01T08:00:00", "timeZone": "W. Europe Standard Time"},
        "scheduledEndDateTime": {"dateTime": "2026-07-09T18:00:00", "timeZone": "UTC"},
    });
    bench.graph.set_automatic_replies(ALICE, Some(settings)).unwrap();
    let answer = bench.call(GET_OOF).await;
    assert_eq!([&answer.texts("t:OofState")[0], &answer.texts("t:ExternalAudience")[0]], ["Scheduled", "Known"]);
    assert_eq!([&answer.texts("t:StartTime")[0], &answer.texts("t:EndTime")[0]], ["2026-07-01T06:00:00Z", "2026-07-09T18:00:00Z"]);
    assert_eq!(answer.texts("t:Message"), ["<p>away & out</p>", ""]);
    let old = bench.call_how(GET_OOF, &old()).await;
    assert_eq!(old.texts("t:StartTime")[0], "2026-07-01T06:00:00", "the first version says UTC without saying so");
    let answer = bench.call(&set_oof("<t:OofState>Enabled</t:OofState><t:ExternalAudience>All</t:ExternalAudience>")).await;
    assert_eq!(answer.codes(), ["NoError"]);
    let answer = bench.call(GET_OOF).await;
    assert_eq!([&answer.texts("t:OofState")[0], &answer.texts("t:ExternalAudience")[0]], ["Enabled", "All"]);
    bench.judge();
}

#[tokio::test]
async fn b53_automatic_replies_of_another_mailbox_are_refused() {
    let bench = Bench::start().await;
    assert_eq!(bench.call_how(GET_OOF, &bob()).await.codes(), ["ErrorAccessDenied"]);
    assert_eq!(bench.call_how(GET_OOF, &service()).await.codes(), ["ErrorAccessDenied"]);
    let nobody = GET_OOF.replace(ALICE, "nobody@example.test");
    assert_eq!(bench.call(&nobody).await.codes(), ["ErrorMailRecipientNotFound"]);
    bench.judge();
}

#[tokio::test]
async fn an_absence_that_ends_before_it_begins_is_refused() {
    let bench = Bench::start().await;
    let times = "<t:Duration><t:StartTime>2026-07-02T00:00:00Z</t:StartTime><t:EndTime>2026-07-01T00:00:00Z</t:EndTime></t:Duration>";
    let head = "<t:OofState>Scheduled</t:OofState><t:ExternalAudience>None</t:ExternalAudience>";
    assert_eq!(bench.call(&set_oof(&format!("{head}{times}"))).await.codes(), ["ErrorInvalidScheduledOofDuration"]);
    assert_eq!(bench.call(&set_oof(head)).await.codes(), ["ErrorInvalidScheduledOofDuration"]);
    let unknown = "<t:OofState>Perhaps</t:OofState><t:ExternalAudience>None</t:ExternalAudience>";
    assert_eq!(bench.send(&set_oof(unknown), &How::alice()).await.fault(), "ErrorSchemaValidation");
    assert_eq!(bench.call(GET_OOF).await.texts("t:OofState")[0], "Disabled");
    bench.judge();
}

fn availability(mailboxes: &[&str], from: &str, to: &str, options: &str) -> String {
    let data = mailboxes.iter().map(|a| {
        format!("<t:MailboxData><t:Email><t:Address>{a}</t:Address></t:Email><t:AttendeeType>Required</t:AttendeeType></t:MailboxData>")
    });
    let change = |name: &str, bias: i32, time: &str, month: u8| {
        format!(
            "<t:{name}><t:Bias>{bias}</t:Bias><t:Time>{time}</t:Time><t:DayOrder>5</t:DayOrder><t:Month>{month}</t:Month><t:DayOfWeek>Sunday</t:DayOfWeek></t:{name}>"
        )
    };
    let zone = format!(
        "<t:TimeZone><t:Bias>-60</t:Bias>{}{}</t:TimeZone>",
        change("StandardTime", 0, "03:00:00", 10),
        change("DaylightTime", -60, "02:00:00", 3)
    );
    let window = format!("<t:TimeWindow><t:StartTime>{from}</t:StartTime><t:EndTime>{to}</t:EndTime></t:TimeWindow>");
    format!(
        "<m:GetUserAvailabilityRequest>{zone}<m:MailboxDataArray>{}</m:MailboxDataArray><t:FreeBusyViewOptions>{window}{options}</t:FreeBusyViewOptions></m:GetUserAvailabilityRequest>",
        data.collect::<String>()
    )
}

const DETAILED: &str =
    "<t:MergedFreeBusyIntervalInMinutes>60</t:MergedFreeBusyIntervalInMinutes><t:RequestedView>DetailedMerged</t:RequestedView>";

fn event(subject: &str, hours: (u8, u8), show_as: &str) -> EventDraft {
    let at = |hour: u8| format!("2026-03-30T{hour:02}:00:00");
    EventDraft::new(subject, &at(hours.0), &at(hours.1), "W. Europe Standard Time").show_as(show_as)
}

#[tokio::test]
async fn free_busy_is_local_to_the_zone_of_the_request_over_a_change_of_clocks() {
    let bench = Bench::start().await;
    bench.graph.add_event(ALICE, event("Review", (9, 11), "tentative").location("Room 4")).unwrap();
    bench.graph.add_event(ALICE, event("Doctor", (10, 12), "oof").sensitivity("private")).unwrap();
    bench.graph.add_event(ALICE, event("Home", (13, 14), "workingElsewhere")).unwrap();
    let answer = bench.call(&availability(&[ALICE], "2026-03-30T08:00:00", "2026-03-30T15:00:00", DETAILED)).await;
    assert_eq!(answer.texts("t:FreeBusyViewType")[0], "DetailedMerged");
    assert_eq!(answer.texts("t:MergedFreeBusy")[0], "0133040");
    assert_eq!(answer.texts("t:StartTime"), ["2026-03-30T09:00:00", "2026-03-30T10:00:00", "2026-03-30T13:00:00"]);
    assert_eq!(answer.texts("t:BusyType"), ["Tentative", "OOF", "WorkingElsewhere"]);
    assert_eq!(answer.texts("t:IsPrivate"), ["false", "true", "false"]);
    assert!(answer.text.contains("Review") && !answer.text.contains("Doctor"), "{}", answer.text);
    assert_eq!([&answer.texts("t:StartTimeInMinutes")[0], &answer.texts("t:EndTimeInMinutes")[0]], ["480", "1020"]);
    assert_eq!(texts(&answer.inside("t:WorkingHours")[0], "t:Bias")[0], "-60");
    bench.judge();
}

#[tokio::test]
async fn free_busy_of_strangers_has_times_and_no_details() {
    let bench = Bench::start().await;
    bench.graph.add_event(BOB, event("Secret", (9, 10), "busy").weekly(&["monday"])).unwrap();
    let asked = availability(&[BOB, "nobody@example.test"], "2026-03-30T00:00:00", "2026-04-14T00:00:00", DETAILED);
    let answer = bench.call(&asked).await;
    assert_eq!(answer.codes(), ["NoError", "ErrorMailRecipientNotFound"]);
    assert_eq!(answer.texts("t:FreeBusyViewType"), ["FreeBusyMerged", "None"]);
    assert_eq!(answer.texts("t:CalendarEvent").len(), 3);
    assert!(!answer.text.contains("Secret"), "{}", answer.text);
    assert_eq!(bench.call_how(&asked, &bob()).await.texts("t:IsRecurring"), ["true"; 3]);
    bench.judge();
}

#[tokio::test]
async fn free_busy_beyond_its_limits_is_refused() {
    let bench = Bench::start().await;
    let code = async |body: String| bench.send(&body, &How::alice()).await.fault();
    let view = "<t:RequestedView>FreeBusy</t:RequestedView>";
    assert_eq!(code(availability(&[ALICE], "2026-03-01T00:00:00", "2026-05-04T00:00:00", view)).await, "ErrorTimeIntervalTooBig");
    assert_eq!(code(availability(&[ALICE], "2026-03-02T00:00:00", "2026-03-01T00:00:00", view)).await, "ErrorInvalidTimeInterval");
    assert_eq!(code(availability(&[], "2026-03-01T00:00:00", "2026-03-02T00:00:00", view)).await, "ErrorMailboxDataArrayEmpty");
    assert_eq!(code(availability(&[ALICE; 101], "2026-03-01T00:00:00", "2026-03-02T00:00:00", view)).await, "ErrorMailboxDataArrayTooBig");
    let short = "<t:MergedFreeBusyIntervalInMinutes>4</t:MergedFreeBusyIntervalInMinutes><t:RequestedView>MergedOnly</t:RequestedView>";
    assert_eq!(
        code(availability(&[ALICE], "2026-03-01T00:00:00", "2026-03-02T00:00:00", short)).await,
        "ErrorInvalidMergedFreeBusyInterval"
    );
}

#[tokio::test]
async fn b55_the_server_gives_names_or_whole_definitions_of_zones() {
    let bench = Bench::start().await;
    let names = bench.call("<m:GetServerTimeZones ReturnFullTimeZoneData=\"false\"/>").await;
    assert!(names.text.matches("<t:TimeZoneDefinition ").count() > 130, "{}", names.text);
    assert!(!names.text.contains("t:Periods"));
    let ids = "<m:Ids><t:Id>W. Europe Standard Time</t:Id><t:Id>India Standard Time</t:Id></m:Ids>";
    let full = bench.call(&format!("<m:GetServerTimeZones ReturnFullTimeZoneData=\"true\">{ids}</m:GetServerTimeZones>")).await;
    assert_eq!(attributes(&full.text, "t:TimeZoneDefinition", "Id")[0], "W. Europe Standard Time");
    assert_eq!(full.texts("t:RecurringDayTransition").len(), 2);
    assert_eq!(full.texts("t:Month"), ["3", "10"]);
    let unknown = bench.call("<m:GetServerTimeZones><m:Ids><t:Id>Nowhere Standard Time</t:Id></m:Ids></m:GetServerTimeZones>").await;
    assert_eq!(unknown.codes(), ["ErrorInvalidRequest"]);
    assert_eq!(bench.send("<m:GetServerTimeZones/>", &old()).await.fault(), "ErrorSchemaValidation", "2010 brought it");
    bench.judge();
}

const CALENDAR: &str = "<t:DistinguishedFolderId Id=\"calendar\"/>";

fn get_configuration(name: &str, folder: &str, what: &str) -> String {
    format!(
        "<m:GetUserConfiguration><m:UserConfigurationName Name=\"{name}\">{folder}</m:UserConfigurationName><m:UserConfigurationProperties>{what}</m:UserConfigurationProperties></m:GetUserConfiguration>"
    )
}

fn write_configuration(operation: &str, name: &str, xml: &str) -> String {
    let data = STANDARD.encode(xml);
    format!(
        "<m:{operation}><m:UserConfiguration><t:UserConfigurationName Name=\"{name}\">{CALENDAR}</t:UserConfigurationName><t:XmlData>{data}</t:XmlData></m:UserConfiguration></m:{operation}>"
    )
}

#[tokio::test]
async fn feat_c15_categories_are_those_of_graph() {
    let bench = Bench::start().await;
    let get = get_configuration("CategoryList", CALENDAR, "XmlData");
    assert_eq!(bench.call(&get).await.codes(), ["ErrorItemNotFound"]);
    let list = "<?xml version=\"1.0\"?><categories xmlns=\"CategoryList.xsd\" default=\"Red\"><category name=\"Red\" color=\"0\" own=\"kept\"/></categories>";
    assert_eq!(bench.call(&write_configuration("UpdateUserConfiguration", "CategoryList", list)).await.codes(), ["ErrorItemNotFound"]);
    assert_eq!(bench.call(&write_configuration("CreateUserConfiguration", "CategoryList", list)).await.codes(), ["NoError"]);
    assert_eq!(bench.call(&write_configuration("CreateUserConfiguration", "CategoryList", list)).await.codes(), ["ErrorItemSave"]);
    let text = |answer: &Got| String::from_utf8(STANDARD.decode(answer.text_of("t:XmlData")).unwrap()).unwrap();
    assert_eq!(text(&bench.call(&get).await), list, "to the byte");
    let more = list.replace("</categories>", "<category name=\"Blue\" color=\"7\"/></categories>");
    assert_eq!(bench.call(&write_configuration("UpdateUserConfiguration", "CategoryList", &more)).await.codes(), ["NoError"]);
    assert_eq!(text(&bench.call(&get).await), more);
    let delete = format!(
        "<m:DeleteUserConfiguration><m:UserConfigurationName Name=\"CategoryList\">{CALENDAR}</m:UserConfigurationName></m:DeleteUserConfiguration>"
    );
    assert_eq!(bench.call(&delete).await.codes(), ["NoError"]);
    assert_eq!(bench.call(&get).await.codes(), ["ErrorItemNotFound"]);
    bench.judge();
}

#[tokio::test]
async fn the_options_of_the_web_client_say_the_zone_of_the_mailbox() {
    let bench = Bench::start().await;
    let root = "<t:DistinguishedFolderId Id=\"root\"/>";
    let answer = bench.call(&get_configuration("OWA.UserOptions", root, "All")).await;
    assert_eq!(answer.texts("t:Value"), ["timezone", "W. Europe Standard Time"]);
    assert_eq!(bench.call(&get_configuration("OWA.UserOptions", CALENDAR, "All")).await.codes(), ["ErrorItemNotFound"]);
    bench.judge();
}
