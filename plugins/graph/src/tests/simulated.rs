//! The connector against a simulated server over HTTP: what is sent is judged by whoever receives it.

mod events;
mod mailbox;
mod refusals;

use calport_sdk::common::{Error, ErrorKind, Moment, Sensitivity, Span, TimedSpan, Window, Zone, ZonedTime};
use calport_sdk::http::{Http, HttpError, Request, Response, StreamedResponse};
use calport_simulators::clock::Clock;
use calport_simulators::graph::{Simulator, User};
use serde_json::Value;

use crate::bindings::exports::calport::connector::calendar::{
    AttendeeMail, EventDraft, EventField, EventTime, OccurrenceRef, ShowAs, WriteTarget,
};
use crate::client::Client;
use crate::settings::Settings;

/// The mailbox of most tests, in the zone of Berlin.
const ANNA: &str = "anna@example.test";
/// Who sends mails.
const SENDER: &str = "calport@example.test";
const BERLIN: &str = "W. Europe Standard Time";
/// From 2026-01-01 to 2026-12-31 UTC.
const YEAR: Window = Window { start: 1_767_225_600_000, end: 1_798_675_200_000 };

/// The tests' way out: one request at a time, with a token, and with the host's view of failures.
struct Wire {
    runtime: tokio::runtime::Handle,
    http: reqwest::Client,
    token: String,
}

impl Wire {
    fn failed(request: &Request, error: &reqwest::Error) -> HttpError {
        // As the egress: a write that left has an unknown outcome, everything else may be asked again.
        if error.is_connect() || request.safe_to_repeat {
            HttpError::Unreachable(error.to_string())
        } else {
            HttpError::OutcomeUnknown(error.to_string())
        }
    }
}

impl Http for Wire {
    fn send(&self, request: &Request) -> Result<Response, HttpError> {
        let sent = async {
            let mut builder = self.http.request(request.method.parse().unwrap(), &request.url).bearer_auth(&self.token);
            for (name, value) in &request.headers {
                builder = builder.header(name, value);
            }
            if let Some(body) = &request.body {
                builder = builder.body(body.clone());
            }
            let answer = builder.send().await?;
            let status = answer.status().as_u16();
            let text = |v: &reqwest::header::HeaderValue| v.to_str().unwrap_or_default().to_owned();
            let headers = answer.headers().iter().map(|(n, v)| (n.to_string(), text(v))).collect();
            Ok(Response { status, headers, body: answer.bytes().await?.to_vec() })
        };
        self.runtime.block_on(sent).map_err(|e| Self::failed(request, &e))
    }

    fn open(&self, _: &Request) -> Result<StreamedResponse, HttpError> {
        Err(HttpError::Unreachable("no streams here".to_owned()))
    }

    fn read_body(&self, _: u32, _: u32) -> Result<Option<Vec<u8>>, HttpError> {
        Err(HttpError::Unreachable("no streams here".to_owned()))
    }

    fn close_body(&self, _: u32) {}
}

/// A simulated server with two mailboxes, and a connection to it.
struct World {
    sim: Simulator,
    client: Client,
    // Dropped last: the simulator lives on it.
    _runtime: tokio::runtime::Runtime,
}

impl World {
    fn new() -> Self {
        Self::with_roles(calport_simulators::graph::DEFAULT_ROLES)
    }

    /// The same, where the application has only these permissions.
    fn with_roles(roles: &[&str]) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let clock = Clock::manual("2026-03-02T08:00:00Z".parse().unwrap());
        let builder = Simulator::builder().clock(clock).configure(|c| c.roles = roles.iter().map(|r| (*r).to_owned()).collect());
        let people = builder.user(User::new(ANNA, "Anna Acker").zone(BERLIN)).user(User::new(SENDER, "Calport"));
        let sim = runtime.block_on(people.start()).unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let token = runtime.block_on(token(&sim, &http));
        let wire = Wire { runtime: runtime.handle().clone(), http, token };
        let settings = Settings { sender: Some(SENDER.to_owned()), ..Settings::default() };
        let client = Client { http: Box::new(wire), base: format!("{}/v1.0", sim.base_url()), settings };
        Self { sim, client, _runtime: runtime }
    }

    /// Writes that reached the server: method, body, condition.
    fn writes(&self) -> Vec<(String, Value, Option<String>)> {
        let writes = self.sim.requests().into_iter().filter(|r| r.method != "GET" && r.operation != "oauth.token");
        writes.map(|r| (r.method, r.body.unwrap_or_default(), r.if_match)).collect()
    }

    /// Ids of all that is in Anna's calendar.
    fn ids(&self) -> Vec<String> {
        crate::events::ids(&self.client, ANNA, None, YEAR, None).unwrap().ids.into_iter().map(|one| one.id).collect()
    }

    /// An event of Anna as the server has it, without what changes with every write.
    fn stored(&self, id: &str) -> Value {
        let mut event = self.sim.event(ANNA, id).unwrap();
        for name in ["@odata.etag", "changeKey", "lastModifiedDateTime"] {
            event.as_object_mut().unwrap().remove(name);
        }
        event
    }

    /// The version of an event of Anna.
    fn version(&self, id: &str) -> String {
        self.sim.event(ANNA, id).unwrap()["@odata.etag"].as_str().unwrap().to_owned()
    }

    /// Not one mail went to an attendee (SEMANTICS B-35).
    #[track_caller]
    fn nobody_was_mailed(&self) {
        assert_eq!(self.sim.attendee_mails(), 0);
    }

    fn create(&self, draft: &EventDraft) -> Result<String, Error> {
        crate::write::create(&self.client, ANNA, None, draft).map(|w| w.id)
    }

    fn update(&self, target: &WriteTarget, fields: &[EventField], condition: Option<&String>) -> Result<String, Error> {
        crate::write::update(&self.client, ANNA, target, fields, condition, AttendeeMail::Never).map(|w| w.id)
    }

    fn delete(&self, target: &WriteTarget, condition: Option<&String>) -> Result<(), Error> {
        crate::write::delete(&self.client, ANNA, target, condition, AttendeeMail::Never)
    }

    /// Ids of the events that carry a tag.
    fn tagged(&self, tag: &str) -> Vec<String> {
        crate::write::find_by_tag(&self.client, ANNA, tag).unwrap().into_iter().map(|e| e.id).collect()
    }
}

async fn token(sim: &Simulator, http: &reqwest::Client) -> String {
    let config = sim.config();
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default",
        config.client_id, config.client_secret
    );
    let request = http.post(sim.token_url()).header("content-type", "application/x-www-form-urlencoded").body(form);
    let answer = request.send().await.unwrap().bytes().await.unwrap();
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    answer["access_token"].as_str().unwrap().to_owned()
}

fn wall(local: &str) -> Moment {
    Moment::Wall(ZonedTime { local: local.to_owned(), zone: Zone::Named(BERLIN.to_owned()) })
}

/// From and to a time of day in Berlin.
fn time(start: &str, end: &str) -> EventField {
    let zone = Some(Zone::Named(BERLIN.to_owned()));
    let span = Span::Timed(TimedSpan { start: wall(start), end: wall(end) });
    EventField::Time(EventTime { span, start_zone: zone.clone(), end_zone: zone, recurrence: None })
}

/// An appointment of an hour, as the host makes one.
fn draft(operation: &str, tag: Option<&str>) -> EventDraft {
    EventDraft {
        operation: operation.to_owned(),
        tag: tag.map(str::to_owned),
        fields: vec![
            time("2026-03-30T09:00:00", "2026-03-30T10:00:00"),
            EventField::Subject("Focus".to_owned()),
            EventField::ShowAs(ShowAs::OutOfOffice),
            EventField::Sensitivity(Sensitivity::Private),
            EventField::Categories(vec!["Calport".to_owned()]),
            EventField::Reminder(None),
        ],
        mail: AttendeeMail::Never,
    }
}

fn item(id: &str) -> WriteTarget {
    WriteTarget::Item(id.to_owned())
}

fn occurrence(master: &str, original: calport_sdk::common::OriginalStart) -> WriteTarget {
    WriteTarget::Occurrence(OccurrenceRef { master: master.to_owned(), original })
}

#[track_caller]
fn kind<T: std::fmt::Debug>(result: Result<T, Error>) -> ErrorKind {
    result.unwrap_err().kind
}
