use calport_sdk::common::{ErrorKind, Moment, ZonedTime};
use calport_sdk::testing::Recorded;

use super::*;
use crate::tests::client;

const TIMES: &str = r#""start":{"dateTime":"2026-01-05T08:00:00.0000000","timeZone":"UTC"},
    "end":{"dateTime":"2026-01-05T09:00:00.0000000","timeZone":"UTC"}"#;

fn master() -> String {
    format!(
        r#"{{"id":"m1","type":"seriesMaster","subject":"S","showAs":"busy",{TIMES},"recurrence":{{
        "pattern":{{"type":"daily","interval":1}},
        "range":{{"type":"noEnd","startDate":"2026-01-05","recurrenceTimeZone":"W. Europe Standard Time"}}}}}}"#
    )
}

const WINDOW: Window = Window { start: 1_767_225_600_000, end: 1_769_904_000_000 };

#[test]
fn b07_get_tells_what_exists_what_is_gone_and_what_may_not_be_read() {
    let body = format!(
        r#"{{"responses":[
        {{"id":"0","status":200,"body":{{"id":"s1","type":"singleInstance","subject":"S","showAs":"busy",{TIMES}}}}},
        {{"id":"1","status":404,"body":{{"error":{{"code":"ErrorItemNotFound","message":"x"}}}}}},
        {{"id":"2","status":200,"body":{{"id":"s3"}}}}]}}"#
    );
    let (client, _) = client(Recorded::new().on("POST", "/$batch", 200, &body));
    let got = get_events(&client, "u", &["s1".into(), "s2".into(), "s3".into()]);
    assert_eq!(got[0].as_ref().unwrap().event.id, "s1");
    let gone = got[1].as_ref().unwrap_err();
    assert_eq!((&gone.kind, gone.scope), (&ErrorKind::NotFound, ErrorScope::Item));
    let unreadable = got[2].as_ref().unwrap_err();
    assert!(matches!(unreadable.kind, ErrorKind::Protocol(_)));
    assert_eq!(unreadable.scope, ErrorScope::Item);
}

#[test]
fn b01_a_master_comes_with_its_exceptions_and_deleted_occurrences_at_their_wall_time() {
    let exception =
        format!(r#"{{"id":"x1","type":"exception","seriesMasterId":"m1","originalStart":"2026-01-07T08:00:00Z","showAs":"busy",{TIMES}}}"#);
    let differences = format!(r#"{{"id":"m1","cancelledOccurrences":["OID.a.b=.2026-01-08"],"exceptionOccurrences":[{exception}]}}"#);
    let start = r#"{"id":"m1","start":{"dateTime":"2026-01-05T09:00:00.0000000","timeZone":"W. Europe Standard Time"}}"#;
    let (client, http) = client(
        Recorded::new()
            .on("GET", "/events/m1?$select=id,changeKey", 200, &master())
            .on("GET", "cancelledOccurrences", 200, &differences)
            .on("GET", "$select=id%2Cstart", 200, start),
    );
    let detail = get_events(&client, "u", &["m1".into()]).remove(0).unwrap();
    assert_eq!(detail.exceptions[0].id, "x1");
    let zone = Zone::Named("W. Europe Standard Time".into());
    let wall = ZonedTime { local: "2026-01-08T09:00:00".into(), zone };
    assert_eq!(detail.cancelled, [OriginalStart::Timed(Moment::Wall(wall))]);
    let asked = http.requests();
    let prefer = asked.last().unwrap().headers.iter().find(|(n, _)| n == "prefer").unwrap();
    assert!(prefer.1.contains("outlook.timezone=\"W. Europe Standard Time\""));
}

#[test]
fn c07_instances_are_read_over_all_pages_and_an_unreadable_one_is_logged() {
    let good = format!(r#"{{"id":"o1","type":"occurrence","seriesMasterId":"m1","showAs":"busy",{TIMES}}}"#);
    let next = "https://graph.example/v1.0/next";
    let first = format!(r#"{{"value":[{good},{{"id":"bad"}}],"@odata.nextLink":"{next}"}}"#);
    let second = format!(r#"{{"value":[{}]}}"#, good.replace("o1", "o2"));
    let (client, _) =
        client(Recorded::new().on("GET", "/events/m1/instances?startDateTime=", 200, &first).on("GET", "/next", 200, &second));
    let got = instances(&client, "u", "m1", WINDOW).unwrap();
    assert_eq!(got.iter().map(|e| e.id.as_str()).collect::<Vec<_>>(), ["o1", "o2"]);
    let log = calport_sdk::testing::take_log();
    assert!(log.iter().any(|l| l.fields.contains(&("event".into(), "bad".into()))), "{log:?}");
}

#[test]
fn ids_carry_versions_as_the_feed_does() {
    let body = r#"{"value":[{"@odata.etag":"W/\"k1\"","id":"a","changeKey":"k1"},{"id":"b","changeKey":"k2"}],
        "@odata.nextLink":"https://graph.example/v1.0/more"}"#;
    let (client, _) = client(Recorded::new().on("GET", "/calendarView?", 200, body).on("GET", "/more", 200, r#"{"value":[]}"#));
    let first = ids(&client, "u", None, WINDOW, None).unwrap();
    assert_eq!(first.ids[0].version, "W/\"k1\"");
    assert_eq!(first.ids[1].version, "W/\"k2\"");
    assert!(ids(&client, "u", None, WINDOW, first.next.as_ref()).unwrap().next.is_none());
}

#[test]
fn mailbox_zones_come_in_order_as_the_server_names_them() {
    let body = r#"{"responses":[
        {"id":"1","status":403,"body":{"error":{"code":"ErrorAccessDenied","message":"Access is denied."}}},
        {"id":"0","status":200,"body":{"timeZone":"Customized Time Zone","language":{"locale":"de-DE"}}}]}"#;
    let (client, _) = client(Recorded::new().on("POST", "/$batch", 200, body));
    let got = mailbox_infos(&client, &["a".into(), "b".into()]);
    assert_eq!(got[0].as_ref().unwrap().zone.as_deref(), Some("Customized Time Zone"));
    assert_eq!(got[0].as_ref().unwrap().language.as_deref(), Some("de-DE"));
    let denied = got[1].as_ref().unwrap_err();
    assert!(denied.message.contains("MailboxSettings.Read"), "{}", denied.message);
}

#[test]
fn calendars_are_listed() {
    let body = r#"{"value":[{"id":"c1","name":"Calendar","isDefaultCalendar":true,"canEdit":true,
        "owner":{"name":"A","address":"a@example.com"}},{"id":"c2"}]}"#;
    let (client, _) = client(Recorded::new().on("GET", "/users/u/calendars?", 200, body));
    let got = calendars(&client, "u").unwrap();
    assert!(got[0].default && got[0].writable && got[0].owner_address == "a@example.com");
    assert!(!got[1].default && !got[1].writable);
}
