//! Mailboxes, events, series and windows of the Graph simulator.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod graph_support;

use calport_simulators::graph::{EventDraft, User};
use graph_support::{ALICE, BOB, started, subjects, tenant, view};
use serde_json::{Value, json};

const BERLIN: &str = "W. Europe Standard Time";

#[tokio::test]
async fn users_are_listed_by_pages_filtered_and_selected() {
    let (sim, client) = started().await;
    for n in 0..7 {
        sim.add_user(User::new(&format!("u{n}@example.test"), &format!("User {n}")).disabled()).unwrap();
    }
    let (mut names, mut link) = (Vec::new(), "/v1.0/users?$top=4&$select=id,userPrincipalName,proxyAddresses,accountEnabled".to_owned());
    let mut pages = 0;
    while !link.is_empty() {
        let page = client.get(&link).await.is(200);
        names.extend(page["value"].as_array().unwrap().iter().map(|u| u["userPrincipalName"].as_str().unwrap().to_owned()));
        link = page["@odata.nextLink"].as_str().unwrap_or_default().to_owned();
        pages += 1;
    }
    assert_eq!((names.len(), pages), (9, 3));
    let by = |filter: &str| format!("/v1.0/users?$filter={}", filter.replace(' ', "%20"));
    for (filter, count) in [
        ("mail eq 'ALICE@example.test'", 1),
        ("proxyAddresses/any(p:p eq 'smtp:a.adler@example.test')", 1),
        ("userPrincipalName eq 'bob@example.test' or mail eq 'alice@example.test'", 2),
        ("accountEnabled eq true", 2),
        ("mail eq 'nobody@example.test'", 0),
    ] {
        assert_eq!(client.get(&by(filter)).await.is(200)["value"].as_array().unwrap().len(), count, "{filter}");
    }
    assert_eq!(client.get(&by("displayName like 'x'")).await.code(400), "BadRequest");
    assert_eq!(client.get("/v1.0/users?$select=shoeSize").await.code(400), "BadRequest");
    assert_eq!(client.get("/v1.0/users?$top=1000").await.code(400), "BadRequest");
    let one = client.get(&format!("/v1.0/users/{ALICE}")).await.is(200);
    assert!(one.get("proxyAddresses").is_none(), "only the default properties without a select");
    assert_eq!(client.get("/v1.0/users/a.adler@example.test").await.code(404), "Request_ResourceNotFound");
    assert_eq!(client.get("/v1.0/organization").await.is(200)["value"][0]["id"], json!(sim.config().tenant));
}

#[tokio::test]
async fn mailbox_settings_are_read_and_changed() {
    let (sim, client) = started().await;
    let path = format!("/v1.0/users/{ALICE}/mailboxSettings");
    let before = client.get(&path).await.is(200);
    assert_eq!((before["timeZone"].as_str(), before["automaticRepliesSetting"]["status"].as_str()), (Some(BERLIN), Some("disabled")));
    let change = json!({"automaticRepliesSetting": {"status": "Scheduled", "externalAudience": "All", "internalReplyMessage": "away",
        "scheduledStartDateTime": {"dateTime": "2026-03-05T07:00:00", "timeZone": "UTC"}, "scheduledEndDateTime": {"dateTime": "2026-03-09T07:00:00", "timeZone": "UTC"}},
        "timeZone": "Europe/Vienna"});
    let after = client.patch(&path, &change).await.is(200);
    assert_eq!(
        (after["timeZone"].as_str(), after["automaticRepliesSetting"]["status"].as_str()),
        (Some("Europe/Vienna"), Some("scheduled"))
    );
    assert_eq!(after["automaticRepliesSetting"]["scheduledStartDateTime"]["dateTime"], "2026-03-05T07:00:00.0000000");
    assert_eq!(client.patch(&path, &json!({"timeZone": "Middle Earth"})).await.code(400), "TimeZoneNotSupportedException");
    assert_eq!(client.patch(&path, &json!({"colour": 1})).await.code(400), "RequestBodyRead");
    sim.set_automatic_replies(ALICE, None).unwrap();
    assert_eq!(client.get(&path).await.is(200)["automaticRepliesSetting"]["status"], "disabled");
    sim.add_user(User::new("none@example.test", "No Box").without_mailbox()).unwrap();
    assert_eq!(client.get("/v1.0/users/none@example.test/mailboxSettings").await.code(404), "MailboxNotEnabledForRESTAPI");
    assert_eq!(client.get("/v1.0/users/ghost@example.test/events").await.code(404), "ErrorInvalidUser");
}

#[tokio::test]
async fn an_event_is_created_once_per_transaction_changed_and_deleted() {
    let (sim, client) = started().await;
    let path = format!("/v1.0/users/{ALICE}/events");
    let body = json!({"subject": "Plan", "start": {"dateTime": "2026-03-02T10:00:00", "timeZone": BERLIN}, "end": {"dateTime": "2026-03-02T11:00:00", "timeZone": BERLIN},
        "showAs": "OOF", "body": {"contentType": "HTML", "content": "<p>Hello <b>you</b></p>"}, "location": {"displayName": "R 1"}, "transactionId": "t-1", "categories": ["Red"],
        "singleValueExtendedProperties": [{"id": "String {6666AA44-4659-4830-9070-00047EC6AC6E} Name Calport", "value": "x1"}]});
    let made = client.post(&path, &body).await.is(201);
    assert_eq!(
        (made["showAs"].as_str(), made["bodyPreview"].as_str(), made["type"].as_str()),
        (Some("oof"), Some("Hello you"), Some("singleInstance"))
    );
    assert_eq!(made["start"], json!({"dateTime": "2026-03-02T09:00:00.0000000", "timeZone": "UTC"}));
    assert_eq!(made["originalStartTimeZone"], BERLIN);
    assert_eq!(client.post(&path, &body).await.is(201)["id"], made["id"], "the same transaction gives the same event");
    let one = format!("{path}/{}", made["id"].as_str().unwrap());
    let filter = "?$filter=singleValueExtendedProperties/Any(ep:%20ep/id%20eq%20'string%20%7B6666AA44-4659-4830-9070-00047EC6AC6E%7D%20Name%20Calport'%20and%20ep/value%20eq%20'x1')";
    assert_eq!(client.get(&format!("{path}{filter}")).await.is(200)["value"].as_array().unwrap().len(), 1);
    let expand = "?$select=subject&$expand=singleValueExtendedProperties($filter=id%20eq%20'String%20%7B6666AA44-4659-4830-9070-00047EC6AC6E%7D%20Name%20Calport')";
    let shown = client.get(&format!("{one}{expand}")).await.is(200);
    assert_eq!(shown.get("showAs"), None);
    assert!(client.get(&one).await.is(200).get("singleValueExtendedProperties").is_none());
    let etag = made["@odata.etag"].as_str().unwrap();
    let changed = client.send("PATCH", &one, &[("if-match", etag)], Some(&json!({"subject": "Plan B", "location": null}))).await.is(200);
    assert_eq!((changed["subject"].as_str(), changed["location"]["displayName"].as_str()), (Some("Plan B"), Some("")));
    assert_eq!(
        client.send("PATCH", &one, &[("if-match", etag)], Some(&json!({"subject": "C"}))).await.code(412),
        "ErrorIrresolvableConflict"
    );
    assert_eq!(client.send("DELETE", &one, &[("if-match", etag)], None).await.code(412), "ErrorIrresolvableConflict");
    assert_eq!(
        client.get(&one.to_uppercase().replace("/V1.0/USERS/ALICE@EXAMPLE.TEST/EVENTS", &path)).await.code(400),
        "ErrorInvalidIdMalformed"
    );
    client.delete(&one).await.is(204);
    assert_eq!(client.get(&one).await.code(404), "ErrorItemNotFound");
    assert_eq!(sim.mails_sent(), 0, "no attendees, no mail");
}

#[tokio::test]
async fn bad_events_are_refused_by_name() {
    let (_sim, client) = started().await;
    let path = format!("/v1.0/users/{ALICE}/events");
    let times = |s: &str, e: &str, z: &str| json!({"start": {"dateTime": s, "timeZone": z}, "end": {"dateTime": e, "timeZone": z}});
    let with = |mut v: Value, name: &str, x: Value| {
        v[name] = x;
        v
    };
    let good = times("2026-03-02T10:00:00", "2026-03-02T11:00:00", "UTC");
    for (body, code) in [
        (with(good.clone(), "colour", json!(1)), "RequestBodyRead"),
        (with(good.clone(), "showAs", json!("sleeping")), "RequestBodyRead"),
        (with(good.clone(), "subject", json!(5)), "RequestBodyRead"),
        (with(good.clone(), "isAllDay", json!(true)), "ErrorPropertyValidationFailure"),
        (
            with(good.clone(), "recurrence", json!({"pattern": {"type": "weekly"}, "range": {"type": "noEnd"}})),
            "ErrorPropertyValidationFailure",
        ),
        (times("2026-03-02T12:00:00", "2026-03-02T11:00:00", "UTC"), "ErrorPropertyValidationFailure"),
        (times("2026-03-02T10:00:00", "2026-03-02T11:00:00", "Mars"), "TimeZoneNotSupportedException"),
        (times("yesterday", "2026-03-02T11:00:00", "UTC"), "RequestBodyRead"),
        (json!({"subject": "when?"}), "ErrorPropertyValidationFailure"),
        (json!([1]), "BadRequest"),
    ] {
        assert_eq!(client.post(&path, &body).await.code(400), code, "{body}");
    }
    assert_eq!(client.get(&format!("/v1.0/users/{ALICE}/calendarView")).await.code(400), "ErrorInvalidParameter");
    assert_eq!(client.get(&view(ALICE, "2026-03-01T00:00:00Z", "2020-01-01T00:00:00Z")).await.code(400), "ErrorInvalidParameter");
    assert_eq!(client.get("/v1.0/users/x/teapots").await.code(400), "BadRequest");
    assert_eq!(client.delete("/v1.0/users").await.code(405), "Request_BadRequest");
}

#[tokio::test]
async fn a_series_keeps_its_local_time_over_the_change_to_summer_time() {
    let (sim, client) = started().await;
    sim.add_event(ALICE, EventDraft::new("Jour fixe", "2026-03-23T09:00:00", "2026-03-23T10:00:00", BERLIN).weekly(&["monday"])).unwrap();
    let list = client.get(&view(ALICE, "2026-03-20T00:00:00Z", "2026-04-07T00:00:00Z")).await.is(200);
    let starts: Vec<&str> = list["value"].as_array().unwrap().iter().map(|e| e["start"]["dateTime"].as_str().unwrap()).collect();
    assert_eq!(starts, ["2026-03-23T08:00:00.0000000", "2026-03-30T07:00:00.0000000", "2026-04-06T07:00:00.0000000"]);
    let local = client
        .send(
            "GET",
            &view(ALICE, "2026-03-20T00:00:00Z", "2026-04-07T00:00:00Z"),
            &[("prefer", "outlook.timezone=\"Europe/Berlin\"")],
            None,
        )
        .await;
    assert_eq!(local.header("preference-applied"), "outlook.timezone=\"Europe/Berlin\"");
    for event in local.is(200)["value"].as_array().unwrap() {
        assert!(event["start"]["dateTime"].as_str().unwrap().ends_with("T09:00:00.0000000"));
        assert_eq!(event["start"]["timeZone"], "Europe/Berlin");
        assert_eq!(event["type"], "occurrence");
        assert_eq!(event["recurrence"], Value::Null);
    }
    assert_eq!(
        client.get(&view(ALICE, "2026-03-23T09:00:00%2B01:00", "2026-03-23T09:30:00%2B01:00")).await.is(200)["value"]
            .as_array()
            .unwrap()
            .len(),
        1,
        "offsets rule the window"
    );
}

#[tokio::test]
async fn an_all_day_event_is_a_range_of_dates_in_its_zone() {
    let (sim, client) = started().await;
    sim.add_event(ALICE, EventDraft::all_day("Holiday", "2026-03-10", "2026-03-12", BERLIN)).unwrap();
    for zone in ["UTC", "Asia/Tokyo", "Pacific Standard Time"] {
        let prefer = format!("outlook.timezone=\"{zone}\"");
        let list =
            client.send("GET", &view(ALICE, "2026-03-09T22:00:00Z", "2026-03-09T23:30:00Z"), &[("prefer", &prefer)], None).await.is(200);
        let event = &list["value"][0];
        assert_eq!(
            (event["isAllDay"].as_bool(), event["start"]["dateTime"].as_str(), event["end"]["dateTime"].as_str()),
            (Some(true), Some("2026-03-10T00:00:00.0000000"), Some("2026-03-12T00:00:00.0000000"))
        );
    }
    assert_eq!(
        client.get(&view(ALICE, "2026-03-11T23:00:00Z", "2026-03-12T23:00:00Z")).await.is(200)["value"],
        json!([]),
        "it ends at midnight in Berlin"
    );
}

#[tokio::test]
async fn occurrences_are_changed_and_cancelled_by_their_ids() {
    let (sim, client) = started().await;
    let series = sim
        .add_event(ALICE, EventDraft::new("Stand-up", "2026-03-02T09:00:00", "2026-03-02T09:15:00", BERLIN).daily(5).show_as("tentative"))
        .unwrap();
    let path = format!("/v1.0/users/{ALICE}/events/{series}");
    let list = client.get(&format!("{path}/instances?startDateTime=2026-03-01T00:00:00Z&endDateTime=2026-04-01T00:00:00Z")).await.is(200);
    let all = list["value"].as_array().unwrap();
    assert_eq!(all.len(), 5);
    let one = |n: usize| format!("/v1.0/users/{ALICE}/events/{}", all[n]["id"].as_str().unwrap());
    assert_eq!(
        all.iter().map(|e| e["iCalUId"].as_str().unwrap()).collect::<std::collections::BTreeSet<_>>().len(),
        5,
        "each occurrence has its own iCalUId"
    );
    let moved = json!({"start": {"dateTime": "2026-03-03T15:00:00", "timeZone": BERLIN}, "end": {"dateTime": "2026-03-03T15:30:00", "timeZone": BERLIN}, "subject": "Late stand-up"});
    let exception = client.patch(&one(1), &moved).await.is(200);
    assert_eq!(
        (exception["type"].as_str(), exception["originalStart"].as_str(), exception["showAs"].as_str()),
        (Some("exception"), Some("2026-03-03T08:00:00Z"), Some("tentative"))
    );
    assert_eq!(exception["id"], all[1]["id"]);
    assert_eq!(exception["seriesMasterId"], json!(series));
    client.delete(&one(3)).await.is(204);
    assert_eq!(client.get(&one(3)).await.code(404), "ErrorItemNotFound");
    assert_eq!(client.delete(&one(3)).await.code(404), "ErrorItemNotFound");
    let view = client.get(&view(ALICE, "2026-03-02T00:00:00Z", "2026-03-07T00:00:00Z")).await.is(200);
    assert_eq!(subjects(view["value"].as_array().unwrap()), ["Stand-up", "Late stand-up", "Stand-up", "Stand-up"]);
    let master = client.get(&format!("{path}?$select=subject,cancelledOccurrences")).await.is(200);
    assert_eq!(master["cancelledOccurrences"], json!([format!("OID.{series}.2026-03-05")]));
    assert!(client.get(&path).await.is(200).get("cancelledOccurrences").is_none(), "only when selected");
    let expanded = client.get(&format!("{path}?$expand=exceptionOccurrences")).await.is(200);
    assert_eq!(subjects(expanded["exceptionOccurrences"].as_array().unwrap()), ["Late stand-up"]);
    // A series whose time changes loses its exceptions and its occurrences get new ids.
    let later = json!({"start": {"dateTime": "2026-03-02T10:00:00", "timeZone": BERLIN}, "end": {"dateTime": "2026-03-02T10:15:00", "timeZone": BERLIN}});
    client.patch(&path, &later).await.is(200);
    let list = client.get(&format!("{path}/instances?startDateTime=2026-03-01T00:00:00Z&endDateTime=2026-04-01T00:00:00Z")).await.is(200);
    let new: Vec<&str> = list["value"].as_array().unwrap().iter().map(|e| e["id"].as_str().unwrap()).collect();
    assert_eq!(new.len(), 5);
    assert!(all.iter().all(|o| !new.contains(&o["id"].as_str().unwrap())));
}

#[tokio::test]
async fn only_immutable_ids_survive_a_move_to_another_calendar() {
    let (sim, client) = started().await;
    let usual = sim.add_event(ALICE, EventDraft::new("Box", "2026-03-02T09:00:00", "2026-03-02T10:00:00", "UTC")).unwrap();
    let immutable = [("prefer", "IdType=\"ImmutableId\"")];
    let stable = client.send("GET", &format!("/v1.0/users/{ALICE}/events/{usual}"), &immutable, None).await.is(200)["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_ne!(stable, usual);
    let other = sim.add_calendar(ALICE, "Projects").unwrap();
    let moved = sim.move_event(ALICE, &usual, &other).unwrap();
    assert_eq!(client.get(&format!("/v1.0/users/{ALICE}/events/{usual}")).await.code(404), "ErrorItemNotFound");
    assert_eq!(client.get(&format!("/v1.0/users/{ALICE}/events/{moved}")).await.is(200)["subject"], "Box");
    let same = client.send("GET", &format!("/v1.0/users/{ALICE}/events/{stable}"), &immutable, None).await.is(200);
    assert_eq!(same["id"], json!(stable));
    let calendars = client.get(&format!("/v1.0/users/{ALICE}/calendars")).await.is(200);
    assert_eq!(calendars["value"].as_array().unwrap().len(), 2);
    assert_eq!(client.get(&format!("/v1.0/users/{ALICE}/calendars/{other}")).await.is(200)["name"], "Projects");
    assert_eq!(client.get(&format!("/v1.0/users/{ALICE}/calendar")).await.is(200)["isDefaultCalendar"], true);
    assert_eq!(client.get(&format!("/v1.0/users/{ALICE}/calendars/{other}/events")).await.is(200)["value"].as_array().unwrap().len(), 1);
    assert_eq!(client.get(&format!("/v1.0/users/{ALICE}/events")).await.is(200)["value"], json!([]));
    assert_eq!(client.get(&format!("/v1.0/users/{BOB}/events/{moved}")).await.code(404), "ErrorItemNotFound");
}

#[tokio::test]
async fn a_window_comes_in_pages_and_loses_nothing() {
    let (sim, client) = started().await;
    for n in 0..23 {
        sim.add_event(
            ALICE,
            EventDraft::new(&format!("E{n:02}"), &format!("2026-03-02T{n:02}:00:00"), &format!("2026-03-02T{n:02}:30:00"), "UTC"),
        )
        .unwrap();
    }
    for (extra, headers, pages) in
        [("", vec![], 3), ("&$top=5", vec![], 5), ("", vec![("prefer", "odata.maxpagesize=7")], 4), ("&$top=1000", vec![], 1)]
    {
        let (mut seen, mut link, mut count) =
            (Vec::new(), view(ALICE, "2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z") + extra + "&$select=subject", 0);
        while !link.is_empty() {
            let page = client.send("GET", &link, &headers, None).await.is(200);
            seen.extend(subjects(page["value"].as_array().unwrap()).iter().map(|s| (*s).to_owned()));
            link = page["@odata.nextLink"].as_str().unwrap_or_default().to_owned();
            count += 1;
        }
        assert_eq!((seen.len(), count), (23, pages), "{extra}");
        assert!(seen.is_sorted());
    }
    let filtered = client
        .get(
            &(view(ALICE, "2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z")
                + "&$filter=start/dateTime%20ge%20'2026-03-02T20:00'&$orderby=start/dateTime%20desc"),
        )
        .await
        .is(200);
    assert_eq!(subjects(filtered["value"].as_array().unwrap()), ["E22", "E21", "E20"]);
}

#[tokio::test]
async fn meetings_and_mails_of_the_application_are_counted_others_not() {
    let (sim, client) = started().await;
    sim.add_event(ALICE, EventDraft::new("Own", "2026-03-02T09:00:00", "2026-03-02T10:00:00", "UTC").attendees(&[BOB])).unwrap();
    assert_eq!(sim.mails_sent(), 0, "what a person does is not the application's mail");
    let body = json!({"subject": "M", "start": {"dateTime": "2026-03-02T10:00:00", "timeZone": "UTC"}, "end": {"dateTime": "2026-03-02T11:00:00", "timeZone": "UTC"},
        "attendees": [{"emailAddress": {"address": BOB}}, {"emailAddress": {"address": "carol@example.test"}, "type": "Optional"}]});
    let made = client.post(&format!("/v1.0/users/{ALICE}/calendar/events"), &body).await.is(201);
    assert_eq!(sim.mails_sent(), 2);
    let one = format!("/v1.0/users/{ALICE}/events/{}", made["id"].as_str().unwrap());
    client.patch(&one, &json!({"categories": ["Blue"], "showAs": "free"})).await.is(200);
    assert_eq!(sim.mails_sent(), 2, "what only the owner sees is not mailed");
    client.patch(&one, &json!({"subject": "M2"})).await.is(200);
    client.delete(&one).await.is(204);
    assert_eq!(sim.mails_sent(), 6);
    let mail = json!({"message": {"subject": "x", "body": {"contentType": "Text", "content": "y"}, "toRecipients": [{"emailAddress": {"address": BOB}}]}});
    client.post(&format!("/v1.0/users/{ALICE}/sendMail"), &mail).await.is(202);
    assert_eq!(sim.mails_sent(), 7);
}

#[tokio::test]
async fn categories_and_free_busy_have_the_documented_form() {
    let (sim, client) = started().await;
    let path = format!("/v1.0/users/{ALICE}/outlook/masterCategories");
    client.post(&path, &json!({"displayName": "Phone", "color": "Preset3"})).await.is(201);
    assert_eq!(client.post(&path, &json!({"displayName": "phone", "color": "preset1"})).await.status, 409);
    assert_eq!(client.post(&path, &json!({"displayName": "x", "color": "pink"})).await.status, 400);
    assert_eq!(client.get(&path).await.is(200)["value"][0]["color"], "preset3");
    sim.add_event(ALICE, EventDraft::new("Secret", "2026-03-02T09:00:00", "2026-03-02T10:00:00", "UTC").sensitivity("private")).unwrap();
    sim.add_event(ALICE, EventDraft::new("Trip", "2026-03-02T09:30:00", "2026-03-02T11:00:00", "UTC").show_as("oof").location("Rome"))
        .unwrap();
    sim.add_event(ALICE, EventDraft::new("Home", "2026-03-02T11:30:00", "2026-03-02T12:00:00", "UTC").show_as("workingElsewhere")).unwrap();
    let ask = json!({"Schedules": [ALICE, "ghost@example.test"], "startTime": {"dateTime": "2026-03-02T08:30:00", "timeZone": "UTC"}, "endTime": {"dateTime": "2026-03-02T12:30:00", "timeZone": "UTC"}});
    let got = client.post(&format!("/v1.0/users/{BOB}/calendar/getSchedule"), &ask).await.is(200);
    assert_eq!(got["value"][0]["availabilityView"], "02333040");
    assert_eq!(got["value"][0]["scheduleItems"][0].get("subject"), None);
    assert_eq!(got["value"][1]["error"]["responseCode"], "ErrorMailRecipientNotFound");
}

#[tokio::test]
async fn ten_thousand_mailboxes_are_seeded_in_seconds() {
    let (builder, clock) = tenant();
    let sim = builder.start().await.unwrap();
    let began = std::time::Instant::now();
    sim.stress(10_000, 3, clock.now()).unwrap();
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
    let client = graph_support::Client::new(&sim).await;
    let got = client.get("/v1.0/users?$top=999&$count=true&$select=id").await.is(200);
    assert_eq!(got["@odata.count"], 10_002);
    let list = client.get(&view("user09999@example.test", "2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z")).await.is(200);
    assert_eq!(list["value"].as_array().unwrap().len(), 3);
}
