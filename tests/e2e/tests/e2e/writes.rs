//! Writes through everything that carries them in the program: the host's trait, the sandbox with the real connector, the egress
//! with its own token, and a simulated server that counts what it would have mailed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use calport_e2e::connectors;
use calport_egress::{Auth, ClientStyle, Clock, ConnectionPolicy, Egress, EgressError, Endpoint, NoTrace, Request, headers_from_pairs};
use calport_model::write::{Category, EventDraft, EventField, MailMessage, WriteTarget, Written};
use calport_model::{ConnectorApi as _, ConnectorError, ErrorKind, OriginalStart, PrivateText, Sensitivity, ShowAs, Span, Window};
use calport_runtime::{
    Connection, ConnectionConfig, HttpError, HttpGate, HttpRequest, HttpResponse, HttpStream, InProcess, Limits, Runtime, RuntimeConfig,
};
use calport_secrets::Secret;
use calport_simulators::fault::{Kind, Rule};
use calport_simulators::graph::{EventDraft as Seed, Simulator, User};
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde_json::{Value, json};

const ANNA: &str = "anna@contoso.example";
const SENDER: &str = "calport@contoso.example";
const BERLIN: &str = "Europe/Berlin";

/// The egress's clock: it stands until a test lets a minute pass, so that no test waits for a server to recover.
#[derive(Default)]
struct Minutes(AtomicU64);

impl Minutes {
    fn pass(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Clock for Minutes {
    fn now(&self) -> Timestamp {
        at("2026-03-02T08:00:00Z") + self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(60 * self.0.load(Ordering::SeqCst))
    }
}

/// The way out, with the outcomes as the program's own gate tells them.
struct Gate(Arc<calport_egress::Connection>);

fn outcome(error: &EgressError) -> HttpError {
    match error {
        EgressError::Throttled { retry_after } => HttpError::Throttled(*retry_after),
        _ if error.outcome_unknown() => HttpError::OutcomeUnknown(error.to_string()),
        _ => HttpError::Unreachable(error.to_string()),
    }
}

impl HttpGate for Gate {
    fn send(&self, asked: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>> {
        Box::pin(async move {
            let mut request = Request::new(asked.method.parse().unwrap(), asked.url);
            request.headers = headers_from_pairs(asked.headers.iter().map(|(n, v)| (n.as_str(), v.as_bytes()))).unwrap();
            request.body = asked.body.unwrap_or_default();
            request.scope = asked.scope;
            request.safe_to_repeat = asked.safe_to_repeat;
            let answer = self.0.send(request).await.map_err(|e| outcome(&e))?;
            let text = |v: &http::HeaderValue| v.to_str().unwrap_or_default().to_owned();
            let headers = answer.headers.iter().map(|(n, v)| (n.to_string(), text(v))).collect();
            Ok(HttpResponse { status: answer.status.as_u16(), headers, body: answer.body })
        })
    }

    fn open(&self, _: HttpRequest) -> BoxFuture<'_, Result<HttpStream, HttpError>> {
        Box::pin(async { Err(HttpError::Denied("no streams here".to_owned())) })
    }
}

/// A simulated server and the connection to it.
struct World {
    server: Simulator,
    connection: Arc<Connection>,
    minutes: Arc<Minutes>,
}

impl World {
    async fn new() -> Self {
        let people = Simulator::builder().user(User::new(ANNA, "Anna Acker").zone("W. Europe Standard Time"));
        let server = people.user(User::new(SENDER, "Calport")).start().await.unwrap();
        let config = server.config();
        let auth = Auth::OAuth2ClientCredentials {
            token_url: server.token_url().parse().unwrap(),
            client_id: config.client_id.clone(),
            client_secret: "client".to_owned(),
            scope: "https://graph.microsoft.com/.default".to_owned(),
            parameters: Vec::new(),
            style: ClientStyle::Form,
        };
        let url = format!("{}/v1.0", server.base_url());
        let mut endpoint = Endpoint::new("graph", url.parse().unwrap(), auth);
        endpoint.allow_addresses = vec!["loopback".parse().unwrap()];
        endpoint.plain_http = true;
        let secrets = BTreeMap::from([("client".to_owned(), Secret::new(&config.client_secret))]);
        let minutes = Arc::new(Minutes::default());
        let egress = Egress::new(minutes.clone(), Arc::new(NoTrace));
        let out = egress.connection(ConnectionPolicy::new("calendar", vec![endpoint]), Arc::new(secrets)).unwrap();
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("writes-cache");
        let clock = Arc::new(calport_model::SystemClock);
        let runtime = Runtime::new(RuntimeConfig { cache, compiler: Arc::new(InProcess), clock }).unwrap();
        let plugin = runtime.load(&connectors().join("graph.wasm")).await.unwrap();
        let config = ConnectionConfig {
            id: "calendar".to_owned(),
            settings: json!({ "sender": SENDER }),
            endpoints: vec![("graph".to_owned(), url)],
            gate: Arc::new(Gate(out)),
            discovery_domains: Vec::new(),
            limits: Limits::default(),
        };
        Self { server, connection: runtime.connect(config, plugin).unwrap(), minutes }
    }

    async fn create(&self, draft: EventDraft) -> Result<Written, ConnectorError> {
        self.connection.create_event(ANNA.to_owned(), draft).await
    }

    async fn update(&self, target: WriteTarget, field: EventField, condition: Option<&str>) -> Result<Written, ConnectorError> {
        self.connection.update_event(ANNA.to_owned(), target, vec![field], condition.map(str::to_owned)).await
    }

    async fn delete(&self, target: WriteTarget, condition: Option<&str>) -> Result<(), ConnectorError> {
        self.connection.delete_event(ANNA.to_owned(), target, condition.map(str::to_owned)).await
    }

    async fn tagged(&self, tag: &str) -> Vec<String> {
        let found = self.connection.find_by_tag(ANNA.to_owned(), tag.to_owned()).await.unwrap();
        found.into_iter().map(|event| event.id).collect()
    }

    /// Ids of all that is in Anna's calendar.
    async fn ids(&self) -> Vec<String> {
        let window = Window { start: at("2026-01-01T00:00:00Z"), end: at("2027-01-01T00:00:00Z") };
        let page = self.connection.ids(ANNA.to_owned(), window, None).await.unwrap();
        page.ids.into_iter().map(|(id, _)| id).collect()
    }

    /// Bodies and conditions of what was written to calendars.
    fn writes(&self) -> Vec<(String, Value, Option<String>)> {
        let writes = self.server.requests().into_iter().filter(|r| r.operation.starts_with("events.") && r.method != "GET");
        writes.map(|r| (r.method, r.body.unwrap_or_default(), r.if_match)).collect()
    }

    /// The event as the server has it.
    fn stored(&self, id: &str) -> Value {
        self.server.event(ANNA, id).unwrap()
    }

    #[track_caller]
    fn nobody_was_mailed(&self) {
        assert_eq!(self.server.attendee_mails(), 0);
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn time(start: &str, end: &str) -> EventField {
    EventField::Time { span: Span::Timed { start: at(start), end: at(end) }, zone: BERLIN.to_owned() }
}

fn subject(text: &str) -> EventField {
    EventField::Subject(PrivateText::new(text))
}

fn draft(operation: &str) -> EventDraft {
    EventDraft {
        operation: operation.to_owned(),
        tag: Some(format!("tag of {operation}")),
        fields: vec![
            time("2026-03-30T07:00:00Z", "2026-03-30T08:00:00Z"),
            subject("Focus"),
            EventField::ShowAs(ShowAs::OutOfOffice),
            EventField::Sensitivity(Sensitivity::Private),
            EventField::Location(Some(PrivateText::new("Room 2"))),
            EventField::Reminder(None),
        ],
    }
}

fn item(id: &str) -> WriteTarget {
    WriteTarget::Item(id.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn b37_a_title_only_edit_sends_only_the_title_and_a_stale_one_nothing() {
    let world = World::new().await;
    let made = world.create(draft("op-1")).await.unwrap();
    let before = world.stored(&made.id);
    assert_eq!((before["originalStartTimeZone"].as_str(), before["showAs"].as_str()), (Some(BERLIN), Some("oof")));
    assert_eq!(before["start"]["dateTime"], "2026-03-30T07:00:00.0000000");

    let changed = world.update(item(&made.id), subject("Focus 2"), made.version.as_deref()).await.unwrap();
    let last = world.writes().pop().unwrap();
    assert_eq!(last, ("PATCH".to_owned(), json!({ "subject": "Focus 2" }), made.version.clone()));
    let after = world.stored(&made.id);
    for (name, value) in before.as_object().unwrap() {
        if !["subject", "@odata.etag", "changeKey", "lastModifiedDateTime"].contains(&name.as_str()) {
            assert_eq!(&after[name], value, "{name}");
        }
    }
    assert_eq!((after["subject"].as_str(), after["@odata.etag"].as_str()), (Some("Focus 2"), changed.version.as_deref()));

    let stale = world.update(item(&made.id), subject("Focus 3"), made.version.as_deref()).await.unwrap_err();
    assert_eq!(stale.kind, ErrorKind::Conflict(None), "{stale}");
    assert_eq!(world.delete(item(&made.id), made.version.as_deref()).await.unwrap_err().kind, ErrorKind::Conflict(None));
    assert_eq!(world.stored(&made.id), after, "nothing changed");
    world.delete(item(&made.id), changed.version.as_deref()).await.unwrap();
    world.delete(item(&made.id), None).await.unwrap();
    assert!(world.ids().await.is_empty());
    world.nobody_was_mailed();
}

#[tokio::test(flavor = "multi_thread")]
async fn b40_a_lost_answer_to_a_create_leaves_one_item() {
    let world = World::new().await;
    for (operation, status) in [("op-1", None), ("op-2", Some(504))] {
        world.server.fault(Rule::on_path("/events", 1, Kind::Lost { status }).for_method("POST"));
        let lost = world.create(draft(operation)).await.unwrap_err();
        assert_eq!(lost.kind, ErrorKind::OutcomeUnknown, "{lost}");
        // After a 504 the egress leaves the mailbox alone for some seconds.
        world.minutes.pass();
        let found = world.tagged(&format!("tag of {operation}")).await;
        assert_eq!(found.len(), 1, "{operation} was done, and reading shows it");
        assert_eq!(world.create(draft(operation)).await.unwrap().id, found[0], "the same operation makes no second one");
    }
    assert_eq!(world.ids().await.len(), 2);
    world.nobody_was_mailed();
}

#[tokio::test(flavor = "multi_thread")]
async fn b35_a_write_that_would_mail_is_refused_and_nothing_is_sent() {
    let world = World::new().await;
    let guest = "guest@contoso.example";
    let seed = Seed::new("Review", "2026-03-30T09:00:00", "2026-03-30T10:00:00", "W. Europe Standard Time");
    let meeting = world.server.add_event(ANNA, seed.attendees(&[guest])).unwrap();
    let before = world.stored(&meeting);
    let refused = [
        world.update(item(&meeting), subject("x"), None).await.map(drop),
        world.update(item(&meeting), time("2026-03-30T10:00:00Z", "2026-03-30T11:00:00Z"), None).await.map(drop),
        world.delete(item(&meeting), None).await,
    ];
    for result in refused {
        assert_eq!(result.unwrap_err().kind, ErrorKind::Refused("would-mail".to_owned()));
    }
    assert!(world.writes().is_empty(), "{:?}", world.writes());
    assert_eq!(world.stored(&meeting), before);
    world.update(item(&meeting), EventField::ShowAs(ShowAs::Free), None).await.unwrap();
    world.nobody_was_mailed();
}

#[tokio::test(flavor = "multi_thread")]
async fn b01_one_occurrence_is_changed_and_one_deleted_and_the_others_stay() {
    let world = World::new().await;
    let seed = Seed::new("Stand-up", "2026-03-27T09:00:00", "2026-03-27T09:15:00", "W. Europe Standard Time").daily(4);
    let master = world.server.add_event(ANNA, seed).unwrap();
    let at_start = |text: &str| WriteTarget::Occurrence { master: master.clone(), original: OriginalStart::Timed(at(text)) };
    let late = time("2026-03-28T14:00:00Z", "2026-03-28T14:30:00Z");
    world.update(at_start("2026-03-28T08:00:00Z"), late, None).await.unwrap();
    world.update(at_start("2026-03-28T08:00:00Z"), subject("Late"), None).await.unwrap();
    world.delete(at_start("2026-03-29T07:00:00Z"), None).await.unwrap();
    let window = Window { start: at("2026-03-27T00:00:00Z"), end: at("2026-04-02T00:00:00Z") };
    let left = world.connection.instances(ANNA.to_owned(), master.clone(), window).await.unwrap().events;
    let mut shown: Vec<String> = left.iter().map(|e| format!("{:?} {}", e.span, e.subject.expose())).collect();
    shown.sort();
    let wanted = [
        ("2026-03-27T08:00:00Z", "2026-03-27T08:15:00Z", "Stand-up"),
        ("2026-03-28T14:00:00Z", "2026-03-28T14:30:00Z", "Late"),
        ("2026-03-30T07:00:00Z", "2026-03-30T07:15:00Z", "Stand-up"),
    ];
    let wanted = wanted.map(|(start, end, text)| format!("{:?} {text}", Span::Timed { start: at(start), end: at(end) }));
    assert_eq!(shown, wanted);
    world.nobody_was_mailed();
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_c12_mails_leave_from_the_configured_sender_and_categories_are_made_once() {
    let world = World::new().await;
    let message = MailMessage {
        sender: String::new(),
        recipients: vec!["admin@contoso.example".to_owned()],
        subject: "Connection stopped".to_owned(),
        body: "Since noon.".to_owned(),
        operation: "op-1".to_owned(),
        keep_copy: true,
    };
    world.connection.send_mail(message).await.unwrap();
    let sent = world.server.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(
        (sent[0].sender.as_str(), sent[0].subject.as_str(), sent[0].content.as_str()),
        (SENDER, "Connection stopped", "Since noon.")
    );
    assert_eq!((sent[0].recipients.as_slice(), sent[0].kept), (["admin@contoso.example".to_owned()].as_slice(), true));

    let leave = Category { name: "Leave".to_owned(), colour: Some(7) };
    world.connection.create_category(ANNA.to_owned(), leave.clone()).await.unwrap();
    world.connection.create_category(ANNA.to_owned(), Category { colour: Some(3), ..leave.clone() }).await.unwrap();
    assert_eq!(world.connection.list_categories(ANNA.to_owned()).await.unwrap(), [leave]);
    world.nobody_was_mailed();
}
