//! Golden texts: what an administrator reads in telling cases. `CALPORT_BLESS=1` writes them anew, to be read before they count.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails says so")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use calport_engine::{Basis, CalendarStatus, ConnectionStatus, PersonPlan, PersonStatus};
use calport_model::event::Response;
use calport_model::{Absence, AbsenceState, Event, EventKind, PresenceValue, PrivateText, Sensitivity, ShowAs, Span, Window};
use calport_rules::Language;
use calport_rules::presence::{Audience, Config, Signal, State, Target};
use calport_store::AuditEntry;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::*;

const PRIVATE: &str = "Zebrafink";

fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").unwrap()
}

/// A time in Berlin on Monday, 23 November 2026; or with its date.
fn at(text: &str) -> Timestamp {
    let text = if text.contains('T') { text.to_owned() } else { format!("2026-11-23T{text}") };
    berlin().to_timestamp(text.parse().unwrap()).unwrap()
}

fn event(title: &str, start: &str, end: &str) -> Event {
    Event {
        id: format!("id-of-{}", title.len()),
        version: String::new(),
        uid: String::new(),
        kind: EventKind::Single,
        span: Span::Timed { start: at(start), end: at(end) },
        zone_assumed: false,
        subject: PrivateText::new(title),
        location: PrivateText::new("Room 1"),
        show_as: ShowAs::Busy,
        sensitivity: Sensitivity::Normal,
        categories: Vec::new(),
        organizer: None,
        response: Response::None,
        cancelled: false,
    }
}

/// A person with a calendar, a sink and a history, all of it well.
struct Case {
    basis: Option<Basis>,
    plan: PersonPlan,
    status: PersonStatus,
    connections: Vec<ConnectionStatus>,
    audit: Vec<AuditEntry>,
    origins: RowOrigins,
    now: Timestamp,
    at: Option<Timestamp>,
    publish: bool,
}

fn connection(id: &str) -> ConnectionStatus {
    ConnectionStatus {
        id: id.to_owned(),
        connector: "Calendar".to_owned(),
        connector_version: "1".to_owned(),
        state: "online",
        server: String::new(),
        reason: None,
        blame: None,
        next_try: None,
        mode: "hooks",
        mode_reason: None,
        expected_latency_s: Some(10),
        streams: 0,
        last_heartbeat: None,
        polled: 0,
        missed_notifications: 0,
        mailboxes: 1,
        troubled: 0,
        subscriptions: 1,
        in_flight: 0,
        limit: 4,
        waiting: 0,
    }
}

fn available(text: &str) -> PresenceValue {
    PresenceValue {
        availability: calport_model::Availability::Available,
        activity: String::new(),
        text: text.to_owned(),
        until: None,
        greeting: None,
        forwarding: None,
    }
}

impl Case {
    fn new(events: Vec<Event>) -> Self {
        let plan = PersonPlan {
            id: "anna".to_owned(),
            name: "Anna Albers".to_owned(),
            source: "cloud".to_owned(),
            addresses: vec!["anna@contoso.example".to_owned()],
            sink: "pbx".to_owned(),
            user: "201".to_owned(),
            zone: None,
            language: Some(Language::ENGLISH),
            vip: false,
            active: true,
            rules: Arc::new(Config::default()),
            calendars: Vec::new(),
            overrules: true,
            synchronize_current: false,
            audience: None,
        };
        let basis = Basis {
            person: "anna".to_owned(),
            events,
            absence: Some((Absence { state: AbsenceState::Disabled }, at("10:03"))),
            window: Window { start: at("2026-11-22T00:00"), end: at("2026-12-28T00:00") },
            presence_zone: berlin(),
            mailbox_zone: berlin(),
            language: Language::ENGLISH,
            rules: plan.rules.clone(),
            audience: None,
            overrides: Vec::new(),
            at_sink: BTreeMap::new(),
            signals: Vec::new(),
            verified: Some(at("10:14:10")),
            reconcile: Duration::from_secs(6 * 3600),
            unknown_after: Some(Duration::from_secs(86_400)),
        };
        let status = PersonStatus {
            id: "anna".to_owned(),
            name: "Anna Albers".to_owned(),
            source: "cloud".to_owned(),
            mailbox: Some("mailbox-7".to_owned()),
            resolution: "resolved",
            detail: String::new(),
            feed: "live",
            feed_reason: None,
            last_verified: Some(at("10:14:10")),
            sink: "pbx".to_owned(),
            user: "201".to_owned(),
            wanted: None,
            shown: None,
            in_step: true,
            sink_error: None,
            next_change: None,
            calendars: Vec::new(),
            overruled: false,
            freshness: None,
        };
        Self {
            basis: Some(basis),
            plan,
            status,
            connections: vec![connection("cloud"), connection("pbx")],
            audit: Vec::new(),
            origins: RowOrigins { rules: "default".to_owned(), ..RowOrigins::default() },
            now: at("10:15"),
            at: None,
            publish: true,
        }
    }

    fn basis(&mut self) -> &mut Basis {
        self.basis.as_mut().unwrap()
    }

    fn rules(&mut self, text: &str) {
        let rules: Config = toml::from_str(text).unwrap();
        rules.validate().unwrap();
        self.basis().rules = Arc::new(rules);
    }

    /// The sink has taken what is computed now, and before it something else.
    fn in_step(&mut self, since: &str) {
        let now = self.now;
        let value = self.basis().shown(now).value;
        let json = |value: &PresenceValue| serde_json::to_string(value).ok();
        let before = available("Available until 09:00 (Busy: Weekly)");
        let entry = |number: u8, time: &str, before: Option<&PresenceValue>, after: &PresenceValue| AuditEntry {
            at: at(time),
            subject: "anna".to_owned(),
            action: "presence.set".to_owned(),
            cause: format!("pbx/201 #{number}"),
            before: before.and_then(json),
            after: json(after),
        };
        self.audit = vec![entry(8, since, Some(&before), &value), entry(7, "2026-11-22T17:30", None, &before)];
        self.status.wanted = Some(value.clone());
        self.status.shown = Some(value);
    }

    fn explained(&self) -> Explained {
        let known =
            Circumstances { active: true, left_out: None, status: Some(&self.status), connections: &self.connections, not_made: &[] };
        let asked = Asked {
            who: Who {
                id: self.plan.id.clone(),
                name: self.plan.name.clone(),
                flow: Some("presence".to_owned()),
                source: Some(self.plan.source.clone()),
                mailbox: self.status.mailbox.clone(),
                sink: Some(self.plan.sink.clone()),
                user: Some(self.plan.user.clone()),
                rules: Some(self.origins.rules.clone()),
            },
            zone: berlin(),
            now: self.now,
            at: self.at,
            troubles: troubles(Some(&self.plan), known),
            status: Some(&self.status),
            publish: self.publish,
            audit: &self.audit,
            origins: self.origins.clone(),
            overrules: self.plan.overrules,
            absence_every: Duration::from_secs(900),
        };
        explained(asked, self.basis.clone())
    }

    /// Compares with `tests/explain/NAME.txt`, and that the way through JSON loses nothing.
    fn is(&self, name: &str) -> Explained {
        let made = self.explained();
        let json = serde_json::to_string(&made).unwrap();
        assert!(!json.contains(PRIVATE), "{json}");
        assert_eq!(serde_json::from_str::<Explained>(&json).unwrap(), made);
        let text = text(&made) + "\n";
        assert!(!text.contains(PRIVATE), "{text}");
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/explain/{name}.txt"));
        if std::env::var_os("CALPORT_BLESS").is_some() {
            std::fs::write(&file, &text).unwrap();
        }
        let golden = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(golden == text, "{}:\n{text}", file.display());
        made
    }
}

#[test]
fn feat_x06_a_meeting_with_all_that_it_beat() {
    let mut desk = event("At the desk in Hamburg", "08:00", "18:00");
    desk.show_as = ShowAs::WorkingElsewhere;
    let mut fair = event("Fair", "00:00", "00:01");
    fair.span = Span::AllDay { start: "2026-11-23".parse().unwrap(), end: "2026-11-26".parse().unwrap() };
    let mut free = event("Birthday of Ben", "00:00", "00:01");
    free.span = Span::AllDay { start: "2026-11-23".parse().unwrap(), end: "2026-11-24".parse().unwrap() };
    free.show_as = ShowAs::Free;
    let mut case = Case::new(vec![
        event("Weekly", "09:00", "10:30"),
        desk,
        fair,
        free,
        event("* Dentist", "10:00", "11:00"),
        event("Later on", "14:00", "15:00"),
    ]);
    case.origins.own.working_elsewhere = Some(State::Available.into());
    case.origins.groups = vec![("hamburg".to_owned(), case.origins.own.clone())];
    case.in_step("09:00:02");
    let made = case.is("meeting");
    let presence = made.presence.unwrap();
    let rules: Vec<&str> = presence.losers.iter().map(|loser| loser.rule.as_str()).collect();
    assert_eq!(rules, ["P-13.3 timed-beats-all-day", "P-13.2 severity"]);
    let dropped: Vec<&str> = presence.drops.iter().map(|drop| drop.rule.as_str()).collect();
    assert_eq!(dropped, ["P-09 free", "P-07 ignore-prefix"]);
}

#[test]
fn rule_p20_a_private_appointment_keeps_its_title() {
    let mut secret = event(PRIVATE, "09:00", "10:30");
    secret.sensitivity = Sensitivity::Private;
    let mut other = event("Zebrafink, the second of them", "09:30", "10:30");
    other.sensitivity = Sensitivity::Confidential;
    let mut dropped = event("Free Zebrafink", "10:00", "10:30");
    (dropped.sensitivity, dropped.show_as) = (Sensitivity::Private, ShowAs::Free);
    let mut case = Case::new(vec![secret, other, dropped]);
    case.rules("must_words = ['zebrafink']");
    case.in_step("09:30:01");
    let made = case.is("private");
    assert_eq!(made.presence.unwrap().winner.unwrap().hidden.as_deref(), Some("private"));
}

#[test]
fn rule_p22_a_state_set_by_hand_and_one_that_has_ended() {
    let mut case = Case::new(vec![event("Weekly", "09:00", "10:30"), event("Later on", "14:00", "15:00")]);
    let rules = Config::default();
    let mut old = rules.set_by_hand("sink:1".to_owned(), at("08:10"), State::Away, None, None);
    old.ended_at = Some(at("09:00"));
    let new = rules.set_by_hand("sink:2".to_owned(), at("10:02"), State::DoNotDisturb, Some("Writing".to_owned()), None);
    for one in [&old, &new] {
        case.basis()
            .at_sink
            .insert(one.id.clone(), PresenceValue { availability: calport_model::Availability::DoNotDisturb, ..available("Writing") });
    }
    case.basis().overrides = vec![old, new];
    case.in_step("10:02:20");
    case.audit[0].action = "presence.overruled".to_owned();
    case.audit[0].cause = "by hand at pbx/201".to_owned();
    let made = case.is("by-hand");
    let presence = made.presence.unwrap();
    assert_eq!(
        presence.by_hand.iter().map(|one| (one.holds, one.end)).collect::<Vec<_>>(),
        [(true, Some(at("14:00"))), (false, Some(at("09:00")))]
    );
    assert_eq!((presence.losers[0].rule.as_str(), presence.layer.as_str()), ("P-22 override", "override"));
}

#[test]
fn rule_p21_out_of_office_with_an_audience() {
    let mut case = Case::new(vec![event("Weekly", "09:00", "10:30")]);
    case.rules("oof_greeting = 'holiday'\n[mapping]\noof_setting = 'template:holiday'\n[templates.holiday]\navailability = 'away'\ntext = 'On holiday { $until }'");
    let absence = Absence { state: AbsenceState::Scheduled { start: at("2026-11-21T00:00"), end: at("2026-11-30T08:00") } };
    case.basis().absence = Some((absence, at("10:03")));
    case.basis().audience =
        Some(Arc::new(Audience { aliases: [("template:holiday".to_owned(), Target::State(State::Away))].into(), ..Audience::default() }));
    case.in_step("00:00:01");
    case.is("out-of-office");
}

#[test]
fn feat_x06_a_sink_that_refuses_and_a_calendar_that_cannot_be_reached() {
    let mut case = Case::new(vec![event("Weekly", "09:00", "10:30")]);
    case.basis().verified = Some(at("2026-11-22T12:00"));
    case.in_step("2026-11-22T17:30");
    case.status.shown = Some(available("Available until 09:00 (Busy: Weekly)"));
    case.audit.remove(0);
    case.status.in_step = false;
    case.status.sink_error = Some("user 201 is not known; create it, or correct `users.pbx` of the person".to_owned());
    case.connections[0].state = "offline";
    case.connections[0].reason = Some("graph.example does not answer; see whether the network lets the host out".to_owned());
    (case.status.feed, case.status.feed_reason) = ("degraded", Some("the last read failed".to_owned()));
    let made = case.is("trouble");
    assert_eq!(made.troubles.len(), 3);
    assert_eq!(made.presence.unwrap().freshness.unwrap().state, "stale");
}

#[test]
fn rule_p26_what_nothing_has_proved_for_a_day_is_not_claimed() {
    let mut case = Case::new(vec![event("Weekly", "09:00", "10:30")]);
    case.basis().verified = Some(at("2026-11-22T09:00"));
    case.in_step("09:00:01");
    let made = case.is("unknown");
    let presence = made.presence.unwrap();
    assert_eq!(
        (presence.layer.as_str(), presence.layers.iter().filter(|layer| layer.state == LayerState::Decides).count()),
        ("unknown", 0)
    );
}

#[test]
fn rule_p25_a_call_over_a_meeting() {
    let mut case = Case::new(vec![event("Weekly", "09:00", "10:30")]);
    case.rules("[signals]\ncall = 'dnd'");
    case.basis().signals = vec![Signal { layer: "call".to_owned(), target: Target::State(State::DoNotDisturb), until: None }];
    case.in_step("10:14:40");
    let made = case.is("call");
    assert_eq!(made.presence.unwrap().layers[0].state, LayerState::Decides);
    case.at = Some(at("10:15:30"));
    let later = case.explained().presence.unwrap();
    assert_eq!((later.layer.as_str(), later.freshness), ("calendar", None), "a call that is on now says nothing of later");
}

#[test]
fn feat_x06_another_time_leaves_out_what_is_only_true_now() {
    let mut case = Case::new(vec![event("Weekly", "09:00", "10:30"), event("Flight", "2026-11-24T06:40", "2026-11-24T08:05")]);
    case.in_step("09:00:02");
    case.at = Some(at("2026-11-24T07:00"));
    let made = case.is("tomorrow");
    assert!(!made.now && made.sink.is_none() && made.last_changes.is_empty());
    case.at = Some(at("2026-11-22T18:00"));
    let earlier = case.is("yesterday");
    assert_eq!(earlier.last_changes.len(), 1, "the audit trail says what was shown then");
    case.at = Some(at("2027-02-01T12:00"));
    case.is("not-loaded");
}

#[test]
fn feat_x06_without_a_mailbox_the_remedy_is_told() {
    let mut case = Case::new(Vec::new());
    case.basis = None;
    (case.status.resolution, case.status.feed, case.status.mailbox) = ("not-found", "", None);
    case.status.detail =
        "no mailbox under anna@contoso.example; correct the address, or add the mailbox's address to the person".to_owned();
    case.status.last_verified = None;
    let made = case.is("no-mailbox");
    assert!(made.presence.is_none());
}

#[test]
fn feat_x06_shadow_mode_is_told() {
    let mut case = Case::new(vec![event("Weekly", "09:00", "10:30")]);
    case.in_step("09:00:02");
    (case.status.shown, case.status.in_step, case.publish) = (None, false, false);
    let text = text(&case.explained());
    assert!(
        text.contains("Shown: nothing of Calport's at pbx, user 201.\nWanted: busy, \"Busy: Weekly until 10:30\"\n  SHADOW MODE"),
        "{text}"
    );
}

#[test]
fn feat_x06_every_reason_for_showing_nothing_has_a_remedy() {
    let case = Case::new(Vec::new());
    let known = Circumstances { active: true, left_out: None, status: Some(&case.status), connections: &case.connections, not_made: &[] };
    assert_eq!(troubles(Some(&case.plan), known), Vec::<String>::new());
    fn told(plan: Option<&PersonPlan>, known: Circumstances<'_>) -> String {
        troubles(plan, known).join(" | ")
    }
    assert!(told(None, known).contains("`people` of a flow"));
    assert!(told(None, Circumstances { active: false, ..known }).contains("active = true"));
    assert_eq!(told(None, Circumstances { left_out: Some("no user"), ..known }), "nothing is shown: no user");
    let off = PersonPlan { active: false, ..case.plan.clone() };
    assert!(told(Some(&off), known).contains("the flow"));
    assert!(told(Some(&off), Circumstances { active: false, ..known }).contains("for this person"));
    assert!(told(Some(&case.plan), Circumstances { status: None, ..known }).contains("ask again"));
    let not_made = [("cloud".to_owned(), "there is no connector".to_owned())];
    assert!(
        told(Some(&case.plan), Circumstances { not_made: &not_made, ..known })
            .contains("calendar connection cloud cannot be used: there is no connector")
    );
    for (state, word) in [("inactive", "calport activate cloud"), ("offline", "see `calport status`"), ("checking", "ask again")] {
        let connections = [ConnectionStatus { state, ..connection("cloud") }];
        let told = told(Some(&case.plan), Circumstances { connections: &connections, ..known });
        assert!(told.contains(word), "{state}: {told}");
    }
    for (resolution, detail, word) in [
        ("resolved", "", "room1 does not count yet: it is being read"),
        ("unresolved", "", "room1 does not count yet: it is being looked for"),
        ("not-permitted", "grant the right", "room1 does not count (not-permitted): grant the right"),
    ] {
        let (connection, address) = ("cloud".to_owned(), "room1".to_owned());
        let room = CalendarStatus { connection, address, resolution, detail: detail.to_owned(), counts: false };
        let status = PersonStatus { calendars: vec![room], ..case.status.clone() };
        let told = told(Some(&case.plan), Circumstances { status: Some(&status), ..known });
        assert!(told.contains(word), "{resolution}: {told}");
    }
    for (resolution, feed, word) in [
        ("resolved", "initialising", "for the first time"),
        ("resolved", "blocked", "see `calport log`"),
        ("unresolved", "", "being looked for"),
        ("ambiguous", "", "no mailbox to read (ambiguous)"),
    ] {
        let status = PersonStatus { resolution, feed, ..case.status.clone() };
        let told = told(Some(&case.plan), Circumstances { status: Some(&status), ..known });
        assert!(told.contains(word), "{resolution} {feed}: {told}");
    }
}

#[test]
fn feat_x06_rows_of_the_mapping_name_where_they_are_from() {
    use calport_rules::presence::{Class, MappingOverride};
    let own = MappingOverride { busy: Some(State::DoNotDisturb.into()), oof: Some(State::Busy.into()), ..MappingOverride::default() };
    let group = MappingOverride { oof: Some(State::Busy.into()), ..MappingOverride::default() };
    let origins = RowOrigins { rules: "sales".to_owned(), own, groups: vec![("field".to_owned(), group)] };
    let from: Vec<String> = [Class::Tentative, Class::Busy, Class::Oof].into_iter().map(|class| origins.of(class)).collect();
    assert_eq!(from, ["rules sales", "the person's own mapping", "mapping of the person or of the group field"]);
}

#[test]
fn feat_x06_long_titles_and_control_characters_do_not_break_the_lines() {
    let mut case = Case::new(vec![event(&format!("A\u{1b}[31m\nB{}", "x".repeat(500)), "09:00", "10:30")]);
    case.in_step("09:00:02");
    let text = text(&case.explained());
    assert!(!text.contains('\u{1b}') && text.lines().all(|line| line.chars().count() < 320), "{text}");
}

#[test]
fn feat_x06_the_documentation_shows_what_is_printed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("../../docs/explain.md")).unwrap();
    for name in ["meeting", "by-hand", "out-of-office", "private", "trouble", "no-mailbox", "unknown", "tomorrow"] {
        let golden = std::fs::read_to_string(root.join(format!("tests/explain/{name}.txt"))).unwrap();
        assert!(page.contains(&golden), "docs/explain.md does not show tests/explain/{name}.txt");
    }
}
