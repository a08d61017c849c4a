//! The connector against a simulated server over HTTP: what is sent is judged by whoever receives it.

mod deviations;
mod events;
mod feed;
mod mailbox;
mod refusals;
mod sharing;

use calport_sdk::common::{Error, ErrorKind, Moment, Sensitivity, Span, TimedSpan, Window, Zone, ZonedTime};
use calport_sdk::http::{Http, HttpError, Request, Response, StreamedResponse};
use calport_simulators::clock::Clock;
use calport_simulators::ews::{Config, Kind, Simulator, Version};
use calport_simulators::graph::{Simulator as Mailboxes, User};
use serde_json::Value;

use crate::bindings::exports::calport::connector::calendar::{
    AttendeeMail, Change, Event, EventDraft, EventField, EventTime, FeedEnd, OccurrenceRef, ShowAs, WriteTarget,
};
use crate::client::Client;
use crate::settings::Settings;

/// The mailbox of most tests, in the zone of Berlin.
const ANNA: &str = "anna@example.test";
/// Another one.
const BEA: &str = "bea@example.test";
/// Who sends mails.
const SENDER: &str = "calport@example.test";
/// Whose mailbox `check` reads.
const TEST_USER: &str = "test@example.test";
const BERLIN: &str = "W. Europe Standard Time";
/// From 2026-01-01 to 2026-12-31 UTC.
const YEAR: Window = Window { start: 1_767_225_600_000, end: 1_798_675_200_000 };

/// Bytes of an answer that the tests' host takes.
const LARGEST: usize = 16 << 20;

/// The tests' way out: one request at a time, with a credential, and with the host's view of failures.
struct Wire {
    runtime: tokio::runtime::Handle,
    http: reqwest::Client,
    authorization: String,
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

    async fn answer(&self, request: &Request) -> Result<Result<Response, HttpError>, reqwest::Error> {
        let mut builder = self.http.request(request.method.parse().unwrap(), &request.url);
        builder = builder.header("authorization", &self.authorization);
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        if let Some(body) = &request.body {
            builder = builder.body(body.clone());
        }
        let mut answer = builder.send().await?;
        let status = answer.status().as_u16();
        let text = |v: &reqwest::header::HeaderValue| v.to_str().unwrap_or_default().to_owned();
        let headers = answer.headers().iter().map(|(n, v)| (n.to_string(), text(v))).collect();
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await? {
            body.extend(piece);
            if body.len() > LARGEST {
                return Ok(Err(HttpError::TooLarge(LARGEST as u64)));
            }
        }
        Ok(Ok(Response { status, headers, body }))
    }
}

impl Http for Wire {
    fn send(&self, request: &Request) -> Result<Response, HttpError> {
        self.runtime.block_on(self.answer(request)).unwrap_or_else(|e| Err(Self::failed(request, &e)))
    }

    fn open(&self, _: &Request) -> Result<StreamedResponse, HttpError> {
        Err(HttpError::Unreachable("no streams here".to_owned()))
    }

    fn read_body(&self, _: u32, _: u32) -> Result<Option<Vec<u8>>, HttpError> {
        Err(HttpError::Unreachable("no streams here".to_owned()))
    }

    fn close_body(&self, _: u32) {}
}

/// A simulated server with mailboxes, and a connection to it.
struct World {
    /// The mailboxes, as their owners see them.
    mailboxes: Mailboxes,
    /// The front door.
    sim: Simulator,
    client: Client,
    wire: std::rc::Rc<Wire>,
    // Dropped last: the simulators live on it.
    _runtime: tokio::runtime::Runtime,
}

impl World {
    fn new() -> Self {
        Self::with(Config::default())
    }

    /// The same with a server of another version.
    fn of_version(version: Version) -> Self {
        Self::with(Config { version, ..Config::default() })
    }

    fn with(config: Config) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let clock = Clock::manual("2026-03-02T08:00:00Z".parse().unwrap());
        let people = [
            User::new(ANNA, "Anna Acker").zone(BERLIN).alias("a.acker@example.test"),
            User::new(BEA, "Bea Busch").zone(BERLIN),
            User::new(SENDER, "Calport"),
            User::new(TEST_USER, "Test"),
        ];
        let builder = people.into_iter().fold(Mailboxes::builder().clock(clock), calport_simulators::graph::Builder::user);
        let mailboxes = runtime.block_on(builder.start()).unwrap();
        let sim = runtime.block_on(Simulator::beside(&mailboxes, config)).unwrap();
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let authorization = format!("Bearer {}", runtime.block_on(token(&mailboxes, &http)));
        let wire = std::rc::Rc::new(Wire { runtime: runtime.handle().clone(), http, authorization });
        let client = Client::new(Box::new(Shared(wire.clone())), sim.url(), settings());
        Self { mailboxes, sim, client, wire, _runtime: runtime }
    }

    /// Another connection to the same server, which knows nothing of the first one.
    fn client(&self, settings: Settings) -> Client {
        Client::new(Box::new(Shared(self.wire.clone())), self.sim.url(), settings)
    }

    /// Bodies of the requests for an operation.
    fn bodies(&self, operation: &str) -> Vec<String> {
        self.sim.requests().into_iter().filter(|r| r.operation == operation).map(|r| r.body.unwrap_or_default()).collect()
    }

    /// All that is in a mailbox's calendar over a year.
    fn events(&self) -> Vec<Event> {
        read_all(&self.client, ANNA, YEAR).unwrap()
    }

    /// An event of Anna as the server has it, without what changes with every write.
    fn stored(&self, id: &str) -> Value {
        let mut event = self.mailboxes.event(ANNA, id).unwrap();
        for name in ["@odata.etag", "changeKey", "lastModifiedDateTime"] {
            event.as_object_mut().unwrap().remove(name);
        }
        event
    }

    /// The only event of Anna as the server has it.
    fn only(&self) -> Value {
        let mut all = self.mailboxes.events(ANNA).unwrap();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    /// Not one mail went to an attendee (SEMANTICS B-35).
    #[track_caller]
    fn nobody_was_mailed(&self) {
        assert_eq!(self.mailboxes.attendee_mails(), 0);
    }

    fn create(&self, draft: &EventDraft) -> Result<String, Error> {
        crate::write::create(&self.client, ANNA, None, draft).map(|w| w.id)
    }

    fn update(&self, target: &WriteTarget, fields: &[EventField], condition: Option<&str>) -> Result<String, Error> {
        crate::write::update(&self.client, ANNA, target, fields, condition, AttendeeMail::Never).map(|w| w.id)
    }

    fn delete(&self, target: &WriteTarget, condition: Option<&str>) -> Result<(), Error> {
        crate::write::delete(&self.client, ANNA, target, condition, AttendeeMail::Never)
    }

    /// Ids of the events that carry a tag.
    fn tagged(&self, tag: &str) -> Vec<String> {
        crate::write::find_by_tag(&self.client, ANNA, tag).unwrap().into_iter().map(|e| e.id).collect()
    }

    fn get(&self, id: &str) -> Result<Event, Error> {
        crate::events::get_events(&self.client, ANNA, &[id.to_owned()]).remove(0).map(|detail| detail.event)
    }
}

struct Shared(std::rc::Rc<Wire>);

impl Http for Shared {
    fn send(&self, request: &Request) -> Result<Response, HttpError> {
        self.0.send(request)
    }
    fn open(&self, request: &Request) -> Result<StreamedResponse, HttpError> {
        self.0.open(request)
    }
    fn read_body(&self, body: u32, timeout_ms: u32) -> Result<Option<Vec<u8>>, HttpError> {
        self.0.read_body(body, timeout_ms)
    }
    fn close_body(&self, body: u32) {
        self.0.close_body(body);
    }
}

fn settings() -> Settings {
    let settings = format!(r#"{{ "test_user": "{TEST_USER}", "account": "svc-calport", "sender": "{SENDER}" }}"#);
    calport_sdk::settings::parse(&settings).unwrap()
}

/// Reads a calendar to the end of the feed; masters are expanded as the host does it.
fn read_all(client: &Client, mailbox: &str, window: Window) -> Result<Vec<Event>, Error> {
    let (mut events, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let page = crate::feed::changes(client, mailbox, None, window, cursor.as_deref())?;
        for change in page.changes {
            match change {
                Change::Upsert(event) if event.kind == crate::bindings::exports::calport::connector::calendar::EventKind::Master => {
                    events.extend(crate::series::instances(client, mailbox, &event.id, window)?);
                }
                Change::Upsert(event) => events.push(event),
                Change::Removed(id) => panic!("{id} was removed in a first read"),
            }
        }
        match page.end {
            FeedEnd::Done(_) => return Ok(events),
            FeedEnd::More(next) => cursor = Some(next),
        }
    }
}

async fn token(sim: &Mailboxes, http: &reqwest::Client) -> String {
    let config = sim.config();
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}&scope=https%3A%2F%2Foutlook.office365.com%2F.default",
        config.client_id, config.client_secret
    );
    let request = http.post(sim.token_url()).header("content-type", "application/x-www-form-urlencoded").body(form);
    let answer = request.send().await.unwrap().bytes().await.unwrap();
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
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
