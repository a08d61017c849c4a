//! Made-up calendars for the benchmarks.

use calport_model::event::Response;
use calport_model::{Event, EventKind, PrivateText, Sensitivity, ShowAs, Span};
use calport_sdk::http::{self, Http, HttpError, Request, StreamedResponse};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::bare::Answer;

/// Events of the page that is measured. EWS gives at most 1,000 at once, and as many are taken for a part only.
pub const EVENTS: usize = 999;
/// Whose calendar it is.
pub const MAILBOX: &str = "anna@contoso.example";

/// A connector with what its server answers.
pub struct Server {
    /// The component's file.
    pub file: &'static str,
    /// The name of its endpoint.
    pub endpoint: &'static str,
    /// Its settings, JSON.
    pub settings: &'static str,
    /// The only page of the window, with so many events.
    pub page: fn(usize) -> Answer,
    /// Reads a page outside the sandbox: how many changes are in it.
    pub native: fn(&Answer) -> usize,
}

/// Microsoft Graph.
pub const GRAPH: Server = Server {
    file: "graph.wasm",
    endpoint: "graph",
    settings: "{}",
    page: |events| Answer { media_type: "application/json", body: graph(events).into() },
    native: |answer| calport_plugin_graph::read_page(&answer.body, false).unwrap().changes.len(),
};

/// Exchange Web Services.
pub const EWS: Server = Server {
    file: "ews.wasm",
    endpoint: "ews",
    settings: EWS_SETTINGS,
    page: |events| Answer { media_type: "text/xml; charset=utf-8", body: super::ews_page::ews(events).into() },
    native: |answer| {
        let window = calport_sdk::common::Window { start: 1_772_323_200_000, end: 1_775_433_600_000 };
        calport_plugin_ews::read_window(Box::new(Canned(answer.body.to_vec())), EWS_SETTINGS, MAILBOX, window).unwrap().changes.len()
    },
};

const EWS_SETTINGS: &str = r#"{"test_user":"anna@contoso.example"}"#;

/// The manager interface of Asterisk; it has no pages.
pub const ASTERISK: Server = Server { file: "asterisk.wasm", endpoint: "ami", settings: "{}", page: |_| Answer::default(), native: |_| 0 };

/// One answer to every request, outside the sandbox.
struct Canned(Vec<u8>);

impl Http for Canned {
    fn send(&self, _: &Request) -> Result<http::Response, HttpError> {
        let headers = vec![("content-type".to_owned(), "text/xml; charset=utf-8".to_owned())];
        Ok(http::Response { status: 200, headers, body: self.0.clone() })
    }

    fn open(&self, _: &Request) -> Result<StreamedResponse, HttpError> {
        Err(HttpError::Denied("no streams here".to_owned()))
    }

    fn read_body(&self, _: u32, _: u32) -> Result<Option<Vec<u8>>, HttpError> {
        Ok(None)
    }

    fn close_body(&self, _: u32) {}
}

/// When an event begins: 35 days with eight each.
pub fn start(number: usize) -> Timestamp {
    let monday: Timestamp = "2026-03-02T07:00:00Z".parse().unwrap();
    let (day, slot) = (number / 8 % 35, number % 8);
    monday + SignedDuration::from_hours(i64::try_from(day * 24 + slot).unwrap())
}

fn local(at: Timestamp) -> String {
    at.to_zoned(jiff::tz::TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S.0000000").to_string()
}

/// A last page of the calendar feed with so many whole events, as the server writes them.
fn graph(events: usize) -> Vec<u8> {
    let value: Vec<_> = (0..events)
        .map(|number| {
            let at = start(number);
            json!({
                "@odata.type": "#microsoft.graph.event",
                "@odata.etag": format!("W/\"etag-{number}\""),
                "id": format!("AAkALgAAAAAAHYQDEapmEc2byACqAC-EWg0A-immutable-{number:06}"),
                "createdDateTime": "2026-02-01T08:00:00.0000000Z",
                "lastModifiedDateTime": "2026-02-02T08:00:00.0000000Z",
                "changeKey": format!("change-{number}"),
                "categories": ["Blue category"],
                "transactionId": null,
                "originalStartTimeZone": "W. Europe Standard Time",
                "originalEndTimeZone": "W. Europe Standard Time",
                "iCalUId": format!("040000008200E00074C5B7101A82E008{number:024}"),
                "reminderMinutesBeforeStart": 15,
                "isReminderOn": true,
                "hasAttachments": false,
                "subject": format!("Project review {number} with the people from Zürich"),
                "bodyPreview": "Agenda: status, risks, next steps. Please bring your numbers.",
                "importance": "normal",
                "sensitivity": "normal",
                "isAllDay": false,
                "isCancelled": false,
                "isOrganizer": true,
                "responseRequested": true,
                "seriesMasterId": null,
                "showAs": "busy",
                "type": "singleInstance",
                "webLink": "https://server.example.com/calendar/item",
                "onlineMeetingUrl": null,
                "isOnlineMeeting": false,
                "allowNewTimeProposals": true,
                "recurrence": null,
                "responseStatus": { "response": "organizer", "time": "0001-01-01T00:00:00Z" },
                "body": { "contentType": "html", "content": "<html><body><p>Agenda: status, risks, next steps. Please bring your numbers.</p></body></html>" },
                "start": { "dateTime": local(at), "timeZone": "UTC" },
                "end": { "dateTime": local(at + SignedDuration::from_mins(50)), "timeZone": "UTC" },
                "location": { "displayName": "Room 2", "locationType": "default", "uniqueIdType": "unknown" },
                "attendees": [
                    { "type": "required", "status": { "response": "accepted", "time": "2026-02-02T08:00:00Z" }, "emailAddress": { "name": "Ben Brandt", "address": "ben@contoso.example" } },
                    { "type": "optional", "status": { "response": "none", "time": "0001-01-01T00:00:00Z" }, "emailAddress": { "name": "Clara Castro", "address": "clara@contoso.example" } }
                ],
                "organizer": { "emailAddress": { "name": "Anna Acker", "address": "anna@contoso.example" } }
            })
        })
        .collect();
    let link = "https://server.example.com/v1.0/users/anna/calendarView/delta?$deltatoken=abc";
    serde_json::to_vec(&json!({ "@odata.context": "https://server.example.com/v1.0/$metadata#Collection(event)", "value": value, "@odata.deltaLink": link }))
        .unwrap()
}

/// A week of so many events as the host holds it: five days, the events of each one after the other from seven o'clock.
pub fn week(events: usize) -> Vec<Event> {
    let monday: Timestamp = "2026-03-02T07:00:00Z".parse().unwrap();
    let place = |number: usize| {
        let minutes = i64::try_from(number % 5 * 24 * 60 + number / 5 * 55).unwrap();
        monday + SignedDuration::from_mins(minutes)
    };
    (0..events)
        .map(|number| Event {
            id: format!("event-{number}"),
            version: String::new(),
            uid: String::new(),
            kind: EventKind::Single,
            span: Span::Timed { start: place(number), end: place(number) + SignedDuration::from_mins(50) },
            zone_assumed: false,
            subject: PrivateText::new(format!("Project review {number}")),
            location: PrivateText::default(),
            show_as: if number % 7 == 3 { ShowAs::Tentative } else { ShowAs::Busy },
            sensitivity: Sensitivity::Normal,
            categories: Vec::new(),
            organizer: None,
            response: Response::Organizer,
            cancelled: false,
        })
        .collect()
}
