//! The loop of the week: the clock, the faults, and the verdict after every second.

mod acts;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use calport_engine::{PersonPlan, Settings};
use calport_rules::Language;
use calport_rules::presence::{Config, Profile, State};
use calport_simulators::fault::{Kind, Match, Rule};
use calport_simulators::graph::{self, Lifecycle, User};
use calport_simulators::{demo, pbx};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rand::prelude::*;

use super::clock::Virtual;
use super::faults::{CALENDAR_BACKOFF, Fault, LOST_ANSWER, Outage, PBX_BACKOFF, Planned, SPREAD, plan};
use super::host::{Host, Servers};
use super::oracle::{Frame, Shown};
use super::person::{Cause, Circumstances, GATHERING, Person};
use super::report::{Counts, Report};
use super::truth::Calendar;
use super::{Options, changes};

/// A Friday; the clocks change on the Sunday after it.
const START: &str = "2026-03-27T00:00:00Z";
/// The host runs for so long before the week begins.
const BEFORE: i64 = 600;
/// Without a subscription a mailbox is read every 300 s, with a tenth more.
const POLLED: i64 = 332;
/// Automatic replies that are due are looked for every 15 s.
const SWEEPS: i64 = 40;
/// A value that was taken away at the PBX is noticed within a second and shown again.
const RELEASED: i64 = 3;
/// Mistakes that are told in full.
const TOLD: usize = 6;

fn seconds(count: i64) -> SignedDuration {
    SignedDuration::from_secs(count)
}

/// The run.
pub struct Run {
    options: Options,
    start: Timestamp,
    clock: Virtual,
    servers: Servers,
    host: Host,
    people: Vec<Person>,
    rng: StdRng,
    planned: Vec<Planned>,
    calendar_outages: Vec<Outage>,
    pbx_outage: Option<Outage>,
    host_outage: Option<Outage>,
    /// Answers of the PBX that are still to be lost, and until when a lost one may be felt.
    to_lose: u32,
    lost: Timestamp,
    /// Notifications that come late: when, and whose.
    late: Vec<(Timestamp, usize)>,
    shown: Vec<Option<Shown>>,
    writes: u64,
    settings: Settings,
    counts: Counts,
    stretches: Vec<Option<(Cause, u64)>>,
    longest: BTreeMap<Cause, u64>,
    told: usize,
    began: Instant,
    _directory: tempfile::TempDir,
}

fn rules(index: usize) -> Config {
    let plain = Config::default();
    match index % 4 {
        0 => plain,
        1 => Config { must_words: vec!["client call".to_owned(), "training".to_owned()], merge_gap_minutes: 5, ..plain },
        2 => Config { profile: Profile::LastEnd, private_word: Some("Private appointment".to_owned()), ..plain },
        _ => {
            let mut rules = Config { skip_private: true, next_within_hours: 4, ..plain };
            rules.mapping.tentative = State::Busy.into();
            rules
        }
    }
}

fn shown(presence: Option<pbx::Presence>) -> Option<Shown> {
    let presence = presence?;
    let state = match (presence.state, presence.subtype.as_slice()) {
        ("available" | "chat", _) => State::Available,
        ("dnd", b"" | b"do-not-disturb") => State::DoNotDisturb,
        ("dnd", _) => State::Busy,
        ("away" | "xa" | "unavailable", _) => State::Away,
        _ => return None,
    };
    Some(Shown { state, text: String::from_utf8_lossy(&presence.message).into_owned() })
}

impl Run {
    /// Servers, people with their first calendars, and a host that has settled.
    pub async fn new(options: Options, plugins: &Path, cache: &Path) -> Self {
        let start: Timestamp = START.parse().unwrap();
        let mut rng = StdRng::seed_from_u64(options.seed);
        let clock = Virtual::new(start - seconds(BEFORE));
        let members = demo::members(options.people);
        let calendar = graph::Simulator::builder().clock(clock.simulators()).configure(|config| config.attempts = 1).start().await.unwrap();
        let builder = members.iter().fold(pbx::Simulator::builder(), |builder, member| builder.user(&member.user));
        let servers = Servers { calendar, pbx: builder.clock(clock.simulators()).start().await.unwrap() };
        let frame = Frame { start: start - seconds(86_400), minutes: 36 * 1_440 };
        let settings = Settings { zone: TimeZone::UTC, ..Settings::default() };
        let mut people = Vec::new();
        let mut plans = BTreeMap::new();
        for (index, member) in members.into_iter().enumerate() {
            servers.calendar.add_user(User::new(&member.address, &member.name).zone(member.windows_zone)).unwrap();
            let zone = TimeZone::get(member.zone).unwrap();
            let mut own = Calendar { zone: zone.clone(), windows: member.windows_zone, appointments: Vec::new() };
            changes::first(&mut rng, &mut own, index, zone.to_datetime(start).date());
            changes::seed(&servers.calendar, &member.address, &mut own);
            let (rules, vip) = (Arc::new(rules(index)), index % 8 == 7);
            let plan = PersonPlan {
                id: member.user.clone(),
                name: member.name.clone(),
                source: "calendar".to_owned(),
                addresses: vec![member.address.clone()],
                sink: "pbx".to_owned(),
                user: member.user.clone(),
                zone: Some(zone),
                language: Some(Language::ENGLISH),
                vip,
                active: true,
                rules: rules.clone(),
                calendars: Vec::new(),
                overrules: true,
                synchronize_current: false,
                audience: None,
            };
            plans.insert(member.user.clone(), plan);
            let mut person = Person::new(member, rules, vip, own, frame, start);
            person.next_action = start + seconds(rng.random_range(60..7_200));
            people.push(person);
        }
        let directory = tempfile::tempdir().unwrap();
        let mut host = Host::new(&clock, directory.path(), cache, plugins, plans, settings.clone()).await;
        host.start(&servers).await;
        let planned = plan(&mut rng, i64::from(options.days) * 86_400, people.len());
        let count = people.len();
        Self {
            options,
            start,
            clock,
            servers,
            host,
            people,
            rng,
            planned,
            calendar_outages: Vec::new(),
            pbx_outage: None,
            host_outage: None,
            to_lose: 0,
            lost: start,
            late: Vec::new(),
            shown: vec![None; count],
            writes: 0,
            settings,
            counts: Counts::default(),
            stretches: vec![None; count],
            longest: BTreeMap::new(),
            told: 0,
            began: Instant::now(),
            _directory: directory,
        }
    }

    /// Runs the week.
    pub async fn go(mut self) -> Report {
        for second in -BEFORE..0 {
            self.clock.set(self.start + seconds(second));
            self.host.calm(&self.servers).await;
        }
        let end = i64::from(self.options.days) * 86_400;
        for second in 0..end {
            let now = self.start + seconds(second);
            self.clock.set(now);
            self.faults(second, now).await;
            self.late_notifications(now);
            for index in 0..self.people.len() {
                if self.people[index].next_action <= now {
                    self.act(index, now);
                }
            }
            self.host.calm(&self.servers).await;
            self.judge(second, now).await;
        }
        self.host.stop().await;
        self.counts.writes = self.servers.pbx.writes().iter().filter(|write| write.source != pbx::Source::Hand).count() as u64;
        self.counts.calendar_requests = self.servers.calendar.stats().operations.values().sum();
        self.counts.calls = self.host.calls.begun();
        let real = self.began.elapsed().as_secs_f64();
        Report::new(&self.people, self.options.days, self.options.seed, self.counts, self.longest, real)
    }

    async fn faults(&mut self, second: i64, now: Timestamp) {
        let faults = self.servers.calendar.faults();
        if self.calendar_outages.last().is_some_and(|outage| outage.to == now) {
            faults.clear();
        }
        if self.pbx_outage.is_some_and(|outage| outage.to == now) {
            self.servers.pbx.faults().clear();
        }
        if self.host_outage.is_some_and(|outage| outage.to == now) && !self.host.runs() {
            self.host.start(&self.servers).await;
            self.people.iter_mut().for_each(|person| person.all_known_by(now + seconds(SPREAD)));
        }
        let Some(one) = self.planned.first().copied().filter(|one| one.at <= second) else { return };
        self.planned.remove(0);
        let outage = Outage { from: now, to: now + seconds(one.seconds), asked: 0, only: None };
        let always = |fault, mailbox| Rule { matching: Match { mailbox, ..Match::default() }, times: None, fault };
        let name = match one.fault {
            Fault::Refuses { status, retry_after, only } => {
                let mailbox = only.map(|index| self.people[index].member.address.clone());
                faults.add(always(Kind::Status { status, retry_after: retry_after.map(f64::from) }, mailbox));
                self.calendar_outages.push(Outage { only, asked: i64::from(retry_after.unwrap_or_default()), ..outage });
                if status == 429 { "times throttling" } else { "times refusals" }
            }
            Fault::Resets => {
                faults.add(always(Kind::Reset, None));
                self.calendar_outages.push(outage);
                "times broken connections"
            }
            Fault::TokensExpire => {
                self.servers.calendar.expire_tokens();
                "times expired tokens"
            }
            Fault::CursorsExpire(only) => {
                self.servers.calendar.expire_delta(only.map(|index| self.people[index].member.address.as_str()));
                "times lost cursors"
            }
            Fault::SubscriptionRemoved(index) => {
                self.servers.calendar.lifecycle(Some(&self.people[index].member.address.clone()), Lifecycle::SubscriptionRemoved);
                self.people[index].known_by(now + seconds(GATHERING));
                "subscriptions removed"
            }
            Fault::Missed => {
                self.servers.calendar.lifecycle(None, Lifecycle::Missed);
                self.people.iter_mut().for_each(|person| person.known_by(now + seconds(GATHERING)));
                "times \"missed\""
            }
            Fault::PbxDown => {
                self.servers.pbx.restart();
                self.servers.pbx.faults().add(always(Kind::Reset, None));
                self.pbx_outage = Some(outage);
                "restarts of the PBX"
            }
            Fault::PbxAnswersLost(times) => {
                self.servers.pbx.faults().add(Rule::on_path("action=Setvar", times, Kind::Lost { status: None }));
                self.to_lose += times;
                "times lost answers of the PBX"
            }
            Fault::Stops => {
                self.host.stop().await;
                self.host_outage = Some(outage);
                "stops of the host"
            }
            Fault::Crashes(turns) => {
                self.host.crash(turns).await;
                self.host_outage = Some(outage);
                "crashes of the host"
            }
        };
        *self.counts.faults.entry(name).or_default() += 1;
    }

    fn late_notifications(&mut self, now: Timestamp) {
        let due: Vec<(Timestamp, usize)> = self.late.extract_if(.., |(at, _)| *at <= now).collect();
        for (at, index) in due {
            let person = &mut self.people[index];
            let before = self.servers.calendar.deliveries().queued;
            let id = person.calendar.appointments.first().map(|one| one.id.clone()).unwrap();
            self.servers.calendar.notify(&person.member.address, &id, 1).unwrap();
            if self.servers.calendar.deliveries().queued == before {
                person.not_told(at, now + seconds(POLLED));
            }
        }
    }

    /// When something that is due at a time can be expected, as outages are.
    fn extended(&self, index: usize, due: Timestamp) -> Timestamp {
        let mut due = due;
        for outage in self.calendar_outages.iter().filter(|outage| outage.only.is_none_or(|only| only == index)) {
            if outage.is_felt(due, CALENDAR_BACKOFF) {
                due = outage.to + seconds(outage.asked + CALENDAR_BACKOFF);
            }
        }
        match self.host_outage {
            Some(outage) if outage.is_felt(due, SPREAD) => outage.to + seconds(SPREAD),
            _ => due,
        }
    }

    /// Whether everything works, and will for so many seconds.
    fn all_is_well(&self, now: Timestamp, ahead: i64) -> bool {
        let next = self.planned.first().map(|one| self.start + seconds(one.at));
        self.host.runs()
            && next.is_none_or(|next| next > now + seconds(ahead))
            && !self.calendar_outages.iter().any(|outage| outage.is_felt(now, CALENDAR_BACKOFF))
            && !self.pbx_outage.is_some_and(|outage| outage.is_felt(now, PBX_BACKOFF))
            && !self.host_outage.is_some_and(|outage| outage.is_felt(now, SPREAD))
    }

    async fn judge(&mut self, second: i64, now: Timestamp) {
        let to_lose = self.servers.pbx.faults().list().iter().filter_map(|rule| rule.times).sum();
        if to_lose < std::mem::replace(&mut self.to_lose, to_lose) {
            self.lost = now + seconds(LOST_ANSWER);
        }
        let writes = self.servers.pbx.stats().writes;
        if writes != self.writes || self.pbx_outage.is_some_and(|outage| outage.from == now) {
            self.writes = writes;
            for (index, person) in self.people.iter().enumerate() {
                self.shown[index] = shown(self.servers.pbx.presence(&person.member.user));
            }
        }
        let excuse = match (self.host_outage, self.pbx_outage) {
            (Some(outage), _) if outage.is_felt(now, 0) => Some(Cause::Host),
            (Some(outage), _) if outage.is_felt(now, SPREAD) => Some(Cause::Small),
            (_, Some(outage)) if outage.is_felt(now, 0) => Some(Cause::Pbx),
            (_, Some(outage)) if outage.is_felt(now, PBX_BACKOFF) => Some(Cause::Backoff),
            _ if now < self.lost => Some(Cause::Backoff),
            _ => None,
        };
        for index in 0..self.people.len() {
            let concerns = |outage: &&Outage| outage.only.is_none_or(|only| only == index);
            let refused = self.calendar_outages.iter().filter(concerns).any(|outage| outage.is_felt(now, 0));
            let around = Circumstances { excuse, refused };
            let mut person = self.people.swap_remove(index);
            let cause = person.judge(now, self.shown[index].as_ref(), &around, |due| self.extended(index, due));
            if let Some(cause) = cause {
                person.note(second / 86_400, cause);
            }
            self.people.push(person);
            let last = self.people.len() - 1;
            self.people.swap(index, last);
            self.stretch(index, cause);
            if cause == Some(Cause::Own) {
                self.tell(index, now).await;
            }
        }
    }

    /// Follows how long somebody is wrong for one cause.
    fn stretch(&mut self, index: usize, cause: Option<Cause>) {
        let stretch = &mut self.stretches[index];
        *stretch = match (cause, *stretch) {
            (None, _) => None,
            (Some(cause), Some((same, length))) if same == cause => Some((cause, length + 1)),
            (Some(cause), _) => Some((cause, 1)),
        };
        if let Some((cause, length)) = *stretch {
            let longest = self.longest.entry(cause).or_default();
            *longest = length.max(*longest);
        }
    }

    /// Tells of a mistake when it begins.
    async fn tell(&mut self, index: usize, now: Timestamp) {
        if self.told >= TOLD || self.stretches[index] != Some((Cause::Own, 1)) {
            return;
        }
        self.told += 1;
        let expected = self.people[index].expected(now);
        let person = &self.people[index];
        eprintln!(
            "MISTAKE at {now}: {} shows {:?}
      instead of {expected:?}
      {}
      {}
      outages {:?} {:?} {:?}",
            person.member.user,
            self.shown[index],
            person.account(now),
            self.host.explain(&person.member.user).await,
            self.calendar_outages.last(),
            self.pbx_outage,
            self.host_outage,
        );
    }
}
