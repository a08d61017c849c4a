//! Audiences, live signals and explanations.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails says so")]

mod support;

use calport_model::{Absence, AbsenceState, Availability, Event, PrivateText, Sensitivity, ShowAs};
use calport_rules::Language;
use calport_rules::presence::{
    Audience, Config, Input, LayerOrder, Override, OverrideUntil, Profile, ReasonCode, Signal, State, Status, Target, evaluate, explain,
    shown_signal, signal_value, value_for,
};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use support::{busy, instant, zone};

struct Day {
    zone: TimeZone,
    events: Vec<Event>,
    overrides: Vec<Override>,
    absence: Option<Absence>,
    config: Config,
}

impl Day {
    fn new() -> Self {
        Self { zone: zone("Europe/Berlin"), events: Vec::new(), overrides: Vec::new(), absence: None, config: Config::default() }
    }

    fn at(&self, time: &str) -> Timestamp {
        instant(&format!("2026-05-04T{time}"), &self.zone)
    }

    fn event(&mut self, id: &str, start: &str, end: &str) -> &mut Event {
        let event = busy(id, self.at(start), self.at(end));
        self.events.push(event);
        self.events.last_mut().unwrap()
    }

    fn input(&self, time: &str) -> Input<'_> {
        Input {
            events: &self.events,
            absence: self.absence,
            now: self.at(time),
            horizon: instant("2026-05-18T00:00", &self.zone),
            lookback: instant("2026-05-03T00:00", &self.zone),
            presence_zone: &self.zone,
            mailbox_zone: &self.zone,
            language: Language::ENGLISH,
            config: &self.config,
            overrides: &self.overrides,
        }
    }

    fn manual(&mut self, set_at: &str) {
        let set_at = self.at(set_at);
        let target = Target::State(State::DoNotDisturb);
        let (note, greeting, forwarding) = (None, None, None);
        let until = OverrideUntil::Cleared;
        self.overrides.push(Override {
            id: "o".to_owned(),
            set_at,
            until,
            blocks_appointments: true,
            ended_at: None,
            target,
            note,
            greeting,
            forwarding,
        });
    }
}

fn sick_day() -> Day {
    let mut day = Day::new();
    day.config = toml::from_str(
        "[mapping]\noof = 'template:sick'\n[templates.sick]\navailability = 'away'\ntext = 'Sick { $until }'\nactivity = 'permanent-absence'\ngreeting = 'sick'\n\
         [templates.unavailable]\navailability = 'away'\ntext = { en = 'Unavailable', de = 'Nicht erreichbar' }",
    )
    .unwrap();
    day.event("Flu", "08:00", "18:00").show_as = ShowAs::OutOfOffice;
    day.event("Talk", "18:00", "19:00");
    day
}

#[test]
fn rule_p24b_an_audience_sees_an_alias_and_nothing_of_the_original() {
    let day = sick_day();
    let colleagues = evaluate(&day.input("10:00")).current.value;
    assert_eq!((colleagues.text.as_str(), colleagues.greeting.as_deref()), ("Sick until 18:00", Some("sick")));
    let audience: Audience = toml::from_str("[aliases]\n'template:sick' = 'template:unavailable'").unwrap();
    audience.validate(&day.config).unwrap();
    let outside = value_for(&day.input("10:00"), &audience);
    assert_eq!(
        (outside.text.as_str(), outside.availability, outside.greeting, outside.activity.as_str()),
        ("Unavailable", Availability::Away, None, "away")
    );
    assert_eq!(outside.until, colleagues.until, "the timeline is the same for all");
}

#[test]
fn rule_p24b_what_comes_next_is_masked_too() {
    let mut day = sick_day();
    day.config.templates.clear();
    day.config.mapping = Config::default().mapping;
    let aliased: Audience = toml::from_str("[aliases]\naway = 'busy'").unwrap();
    assert_eq!(value_for(&day.input("07:00"), &aliased).text, "Available until 08:00 (Busy)");
    assert_eq!(value_for(&day.input("10:00"), &aliased).text, "Busy until 18:00 (Busy: Talk)", "runs are those of the computation");
    let strangers = Audience { show_subject: false, show_next: false, ..Audience::default() };
    assert_eq!(value_for(&day.input("10:00"), &strangers).text, "Away until 18:00");
    assert_eq!(value_for(&day.input("10:00"), &Audience::default()), evaluate(&day.input("10:00")).current.value);
}

#[test]
fn rule_p24b_aliases_of_what_does_not_exist_are_refused() {
    let audience: Audience = toml::from_str("[aliases]\nawya = 'busy'\naway = 'template:none'").unwrap();
    let errors = audience.validate(&Config::default()).unwrap_err();
    assert_eq!(errors.iter().map(|error| error.field.as_str()).collect::<Vec<_>>(), ["aliases.away", "aliases.awya"]);
}

#[test]
fn rule_p25_the_declared_order_decides() {
    let mut day = Day::new();
    day.event("A", "10:00", "11:00");
    let call = Signal { layer: "call".to_owned(), target: Target::State(State::Busy), until: None };
    let teams = Signal { layer: "teams".to_owned(), target: Target::State(State::Away), until: None };
    let shown = |day: &Day, time: &str, order: &[&str]| {
        let order = LayerOrder(order.iter().map(|name| (*name).to_owned()).collect());
        order.validate().unwrap();
        let signals = [teams.clone(), call.clone()];
        shown_signal(&evaluate(&day.input(time)), &signals, &order, day.config.oof_rank).map(|signal| signal.layer.clone())
    };
    let default = ["call", "override", "oof-wins", "calendar", "oof-base"];
    let low = ["override", "oof-wins", "calendar", "teams", "oof-base"];
    assert_eq!(shown(&day, "10:30", &default).as_deref(), Some("call"));
    assert_eq!(shown(&day, "10:30", &low), None, "the calendar is stronger");
    assert_eq!(shown(&day, "12:00", &low).as_deref(), Some("teams"), "nothing is no layer");
    day.absence = Some(Absence { state: AbsenceState::Enabled });
    assert_eq!(shown(&day, "12:00", &low), None, "out of office wins by default");
    day.config.oof_rank = calport_rules::presence::OofRank::Base;
    assert_eq!(shown(&day, "12:00", &low).as_deref(), Some("teams"));
    day.manual("10:10");
    assert_eq!(shown(&day, "10:30", &default).as_deref(), Some("call"));
    assert_eq!(shown(&day, "10:30", &["override", "call", "oof-wins", "calendar", "oof-base"]), None);
    let posing = [Signal { layer: "override".to_owned(), ..call.clone() }];
    assert_eq!(
        shown_signal(&evaluate(&day.input("09:00")), &posing, &LayerOrder::default(), day.config.oof_rank),
        None,
        "a signal is no own layer"
    );
    let value = signal_value(&day.input("10:30"), &call);
    assert_eq!((value.text.as_str(), value.availability, value.until), ("Busy", Availability::Busy, None));
}

#[test]
fn rule_p25_an_order_that_misses_a_layer_is_refused() {
    LayerOrder::default().validate().unwrap();
    for order in [
        vec!["call"],
        vec!["calendar", "override", "oof-wins", "oof-base"],
        vec!["call", "override", "call", "oof-wins", "calendar", "oof-base"],
    ] {
        let order = LayerOrder(order.into_iter().map(str::to_owned).collect());
        assert_eq!(order.validate().unwrap_err()[0].field, "layers");
    }
}

#[test]
fn feat_x06_an_explanation_names_every_appointment_and_its_rule() {
    let mut day = Day::new();
    day.config.must_words = vec!["geheim".to_owned()];
    let secret = day.event("secret", "10:00", "12:00");
    secret.subject = PrivateText::new("Geheim");
    secret.sensitivity = Sensitivity::Private;
    day.event("trip", "10:00", "11:00").show_as = ShowAs::OutOfOffice;
    day.event("free", "10:00", "11:00").show_as = ShowAs::Free;
    day.event("elsewhere", "14:00", "15:00").show_as = ShowAs::Free;
    day.event("later", "13:00", "14:00");
    let explained = explain(&day.input("10:30"));
    let winner = explained.winner.clone().unwrap();
    assert_eq!(
        (winner.appointment.event.id.as_str(), winner.appointment.title, winner.keyword, winner.status),
        ("secret", None, 2, Status::Promoted)
    );
    assert_eq!(winner.appointment.reason, ReasonCode::Keyword);
    assert_eq!(explained.losers.len(), 1);
    assert_eq!(
        (explained.losers[0].appointment.title.as_deref(), explained.losers[0].appointment.reason),
        (Some("trip"), ReasonCode::Keyword)
    );
    assert_eq!(explained.losers[0].status, Status::StartedNotPromoted);
    assert_eq!(explained.drops.len(), 1, "only what covers the moment: {:?}", explained.drops);
    assert_eq!((explained.drops[0].event.id.as_str(), explained.drops[0].reason), ("free", ReasonCode::Free));
    assert_eq!(explained.layer, "calendar");
    let json = serde_json::to_value(&explained).unwrap();
    assert_eq!(json["losers"][0]["reason"], "P-13.1 keyword");
    assert_eq!(json["losers"][0]["row"], "oof");
    assert_eq!(json["profile"], "ranked");
}

#[test]
fn rule_p24_the_list_depends_on_valid_until_end() {
    let mut day = Day::new();
    day.event("long", "09:00", "12:00");
    day.event("short", "10:00", "11:00");
    day.event("later", "13:00", "14:00");
    let list = |day: &Day, time: &str| -> Vec<(String, Status)> {
        explain(&day.input(time)).listed.into_iter().map(|listed| (listed.appointment.event.id, listed.status)).collect()
    };
    day.config.profile = Profile::LastEnd;
    let item = |id: &str, status| (id.to_owned(), status);
    assert_eq!(
        list(&day, "10:30"),
        [item("long", Status::Promoted), item("short", Status::StartedNotPromoted), item("later", Status::NotStarted)]
    );
    day.config.profile = Profile::Promote;
    assert_eq!(list(&day, "10:30"), [item("later", Status::NotStarted)]);
    day.config.profile = Profile::LastEnd;
    day.manual("10:10");
    assert_eq!(
        list(&day, "10:30"),
        [item("long", Status::Overridden), item("short", Status::Overridden), item("later", Status::NotStarted)]
    );
    let explained = explain(&day.input("10:30"));
    assert_eq!((explained.layer, explained.overrides[0].shown, explained.winner), ("override", true, None));
}
