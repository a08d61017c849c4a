//! A person of the week: the true calendar with what of it may still be unknown, and the account of wrong seconds.

use std::collections::HashMap;
use std::sync::Arc;

use calport_rules::presence::Config;
use calport_simulators::demo::Member;
use jiff::Timestamp;

use super::oracle::{Frame, Painted, Replies, Shown};
use super::truth::{Calendar, Flat, plus};

/// After a notification: gathering for 2 s, 10 s at the most (SEMANTICS C-04).
pub const GATHERING: i64 = 10;

/// Why what is shown is not what is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// The provider has not yet told of the change.
    Late,
    /// The provider never tells: until the next read that is due by the settings.
    Lost,
    /// Nobody tells of automatic replies: until they are read by the settings.
    Replies,
    /// The provider refuses to answer.
    Refused,
    /// The PBX cannot be reached.
    Pbx,
    /// The host is down.
    Host,
    /// After any of the three: until the next try.
    Backoff,
    /// Gathering of notifications, pace of reading the PBX, spread after a start.
    Small,
    /// None of these: a mistake.
    Own,
}

impl Cause {
    /// All of them, in the order of the report.
    pub const ALL: [Self; 9] =
        [Self::Late, Self::Lost, Self::Replies, Self::Refused, Self::Pbx, Self::Host, Self::Backoff, Self::Small, Self::Own];
}

/// A state of the calendar.
struct Version {
    number: u32,
    flats: Vec<Flat>,
    /// When the provider tells of it; never, when `None`.
    told: Option<Timestamp>,
    /// When it must be known.
    due: Timestamp,
}

/// A state of the automatic replies.
struct Setting {
    number: u32,
    replies: Replies,
    due: Timestamp,
}

/// A state set by hand.
pub struct Held {
    /// When it counts from: an appointment that starts later ends it.
    pub from: Timestamp,
    pub shown: Shown,
    pub ended: bool,
}

/// What else has to do with it that something is wrong at a time.
pub struct Circumstances {
    /// The host, or what is down, at this time or shortly before.
    pub excuse: Option<Cause>,
    /// Whether the provider refuses right now.
    pub refused: bool,
}

/// A person.
pub struct Person {
    pub member: Member,
    pub rules: Arc<Config>,
    pub vip: bool,
    pub calendar: Calendar,
    pub held: Option<Held>,
    /// Until when a value that was taken away by hand may be missing.
    pub released: Timestamp,
    pub next_action: Timestamp,
    frame: Frame,
    versions: Vec<Version>,
    settings: Vec<Setting>,
    painted: HashMap<(u32, u32), Painted>,
    numbers: u32,
    expected: Option<(i64, Shown)>,
    /// Wrong seconds by day and cause.
    pub wrong: HashMap<(i64, Cause), u64>,
}

impl Person {
    /// Somebody whose calendar is known.
    pub fn new(member: Member, rules: Arc<Config>, vip: bool, calendar: Calendar, frame: Frame, now: Timestamp) -> Self {
        let versions = vec![Version { number: 0, flats: calendar.flat(), told: Some(now), due: now }];
        let settings = vec![Setting { number: 0, replies: Replies::Off, due: now }];
        Self {
            member,
            rules,
            vip,
            calendar,
            held: None,
            released: now,
            next_action: now,
            frame,
            versions,
            settings,
            painted: HashMap::new(),
            numbers: 0,
            expected: None,
            wrong: HashMap::new(),
        }
    }

    /// The calendar has changed.
    pub fn changed(&mut self, told: Option<Timestamp>, due: Timestamp) {
        self.numbers += 1;
        self.versions.push(Version { number: self.numbers, flats: self.calendar.flat(), told, due });
        self.expected = None;
    }

    /// The automatic replies have changed.
    pub fn replies_changed(&mut self, replies: Replies, due: Timestamp) {
        self.numbers += 1;
        self.settings.push(Setting { number: self.numbers, replies, due });
        self.expected = None;
    }

    /// The automatic replies as they are.
    pub fn replies(&self) -> Replies {
        self.settings.last().map_or(Replies::Off, |setting| setting.replies)
    }

    /// Every change of the calendar so far must be known by then, whoever told.
    pub fn known_by(&mut self, due: Timestamp) {
        for version in &mut self.versions {
            version.due = version.due.min(due);
        }
    }

    /// Everything that was changed so far must be known by then: the host has started.
    pub fn all_known_by(&mut self, due: Timestamp) {
        self.known_by(due);
        for setting in &mut self.settings {
            setting.due = setting.due.min(due);
        }
    }

    /// A notification that was to come late could not be sent: there is no subscription. The mailbox is polled then.
    pub fn not_told(&mut self, at: Timestamp, due: Timestamp) {
        for version in self.versions.iter_mut().filter(|version| version.told == Some(at)) {
            (version.told, version.due) = (None, due);
        }
    }

    /// Whether all that is true must be known.
    pub fn is_known(&self, now: Timestamp, extended: impl Fn(Timestamp) -> Timestamp) -> bool {
        self.versions.last().is_none_or(|version| extended(version.due) <= now)
    }

    /// Somebody set a state by hand.
    pub fn set_by_hand(&mut self, from: Timestamp, shown: Shown) {
        self.held = Some(Held { from, shown, ended: false });
        self.expected = None;
    }

    /// Somebody set the presence back to automatic.
    pub fn release(&mut self, until: Timestamp) {
        self.held = None;
        self.released = until;
        self.expected = None;
    }

    /// Whether a state set by hand holds.
    pub fn is_held(&self) -> bool {
        self.held.as_ref().is_some_and(|held| !held.ended)
    }

    fn paint(&mut self, version: usize, setting: usize) -> &Painted {
        let (version, setting) = (&self.versions[version], &self.settings[setting]);
        self.painted
            .entry((version.number, setting.number))
            .or_insert_with(|| Painted::new(&version.flats, setting.replies, &self.rules, &self.calendar.zone, self.frame))
    }

    /// What must be shown, by everything that is true.
    pub fn expected(&mut self, now: Timestamp) -> Shown {
        let minute = now.as_second().div_euclid(60);
        if let Some((at, shown)) = &self.expected
            && *at == minute
        {
            return shown.clone();
        }
        let (version, setting) = (self.versions.len() - 1, self.settings.len() - 1);
        if let Some(from) = self.held.as_ref().filter(|held| !held.ended).map(|held| held.from) {
            let ended = self.paint(version, setting).starts_between(from, now);
            self.held.iter_mut().for_each(|held| held.ended = ended);
        }
        let shown = match self.held.as_ref().filter(|held| !held.ended) {
            Some(held) => held.shown.clone(),
            None => self.paint(version, setting).shown(now),
        };
        self.expected = Some((minute, shown.clone()));
        shown
    }

    /// Judges a second in which `shown` is shown.
    pub fn judge(
        &mut self,
        now: Timestamp,
        shown: Option<&Shown>,
        around: &Circumstances,
        extended: impl Fn(Timestamp) -> Timestamp,
    ) -> Option<Cause> {
        if shown == Some(&self.expected(now)) {
            self.forget(now, extended);
            return None;
        }
        let known = self.versions.iter().rposition(|version| extended(version.due) <= now).unwrap_or(0);
        let set = self.settings.iter().rposition(|setting| extended(setting.due) <= now).unwrap_or(0);
        for version in (known..self.versions.len()).rev() {
            for setting in (set..self.settings.len()).rev() {
                let from = self.held.as_ref().map(|held| held.from);
                let painted = self.paint(version, setting);
                let by_calendar = shown == Some(&painted.shown(now));
                let holds = from.is_some_and(|from| !painted.starts_between(from, now));
                let by_hand = holds && shown == self.held.as_ref().map(|held| &held.shown);
                if by_calendar || by_hand {
                    return Some(self.cause(version, setting, now, around));
                }
            }
        }
        let released = (now < self.released).then_some(Cause::Small);
        Some(around.excuse.or(released).unwrap_or(Cause::Own))
    }

    /// Why a state of calendar and replies that is not the newest one may be shown.
    fn cause(&self, version: usize, setting: usize, now: Timestamp, around: &Circumstances) -> Cause {
        let waiting = around.excuse.unwrap_or(if around.refused { Cause::Refused } else { Cause::Backoff });
        match (self.versions.get(version + 1), self.settings.get(setting + 1)) {
            (Some(next), _) => match next.told {
                None if now < next.due => Cause::Lost,
                Some(told) if now < told => Cause::Late,
                Some(told) if now < told + jiff::SignedDuration::from_secs(GATHERING) => Cause::Small,
                _ => waiting,
            },
            (None, Some(next)) if now < next.due => Cause::Replies,
            (None, Some(_)) => waiting,
            // What is true is known, and yet not shown.
            (None, None) => around.excuse.unwrap_or(Cause::Own),
        }
    }

    /// Forgets states that must not be shown any more.
    fn forget(&mut self, now: Timestamp, extended: impl Fn(Timestamp) -> Timestamp) {
        if self.painted.len() < 12 {
            return;
        }
        let known = self.versions.iter().rposition(|version| extended(version.due) <= now).unwrap_or(0);
        let set = self.settings.iter().rposition(|setting| extended(setting.due) <= now).unwrap_or(0);
        self.versions.drain(..known);
        self.settings.drain(..set);
        let (versions, settings) = (&self.versions, &self.settings);
        self.painted.retain(|(version, setting), _| {
            versions.iter().any(|one| one.number == *version) && settings.iter().any(|one| one.number == *setting)
        });
    }

    /// Notes a wrong second.
    pub fn note(&mut self, day: i64, cause: Cause) {
        *self.wrong.entry((day, cause)).or_default() += 1;
    }

    /// What is known of a mistake, for its report.
    pub fn account(&self, now: Timestamp) -> String {
        let near = |one: &&Flat| one.end > plus(now, -120) && one.start < plus(now, 1500);
        let flats: Vec<String> = self.versions.last().map_or_else(Vec::new, |version| {
            let near = version.flats.iter().filter(near);
            near.map(|one| {
                format!(
                    "\n        {} - {} {:?}{} {}",
                    one.start,
                    one.end,
                    one.show_as,
                    if one.private { " private" } else { "" },
                    one.subject
                )
            })
            .collect()
        });
        let versions: Vec<_> =
            self.versions.iter().map(|version| (version.number, version.told.map(|t| t.to_string()), version.due.to_string())).collect();
        let settings: Vec<_> = self.settings.iter().map(|setting| (setting.replies, setting.due.to_string())).collect();
        let held = self.held.as_ref().map(|held| format!("{:?} from {}, ended: {}", held.shown, held.from, held.ended));
        format!("versions {versions:?}\n      replies {settings:?}\n      by hand {held:?}\n      appointments:{}", flats.concat())
    }
}
