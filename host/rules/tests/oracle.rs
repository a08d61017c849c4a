//! Presence minute by minute: an oracle that shares no code with the function, compared with it over random weeks.
//!
//! `PRESENCE_WEEKS` sets how many weeks each profile gets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails says so")]

mod support;

use calport_model::event::Response;
use calport_model::{AbsenceState, Event, EventKind, Sensitivity, ShowAs, Span};
use calport_rules::presence::{EventKey, Layer, OofRank, OverrideUntil, Profile, State, Target, evaluate};
use jiff::Timestamp;
use rand::prelude::*;
use support::random::{Kinds, WEEK, Week, plus};

/// What shows in one minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Show {
    Nothing,
    Event(usize),
    Oof,
    Override(usize),
}

/// An event that counts, in minutes of the week.
struct Entry {
    index: usize,
    start: i64,
    end: i64,
    state: State,
    keyword: i32,
    strength: usize,
    timed: bool,
    title: Option<String>,
}

struct Oracle<'a> {
    week: &'a Week,
    entries: Vec<Entry>,
    minutes: Vec<Show>,
}

fn minute(week: &Week, instant: Timestamp) -> i64 {
    (instant.as_second() - week.start.as_second()).div_euclid(60)
}

/// The local date of every quarter of an hour, some days before and after the week too: an all-day event covers those of its dates.
fn dates(week: &Week) -> Vec<(i64, jiff::civil::Date)> {
    (-5 * 96..12 * 96).map(|quarter| (quarter * 15, week.mailbox_zone.to_datetime(plus(week.start, quarter * 15)).date())).collect()
}

impl<'a> Oracle<'a> {
    fn new(week: &'a Week) -> Self {
        let dates = dates(week);
        let entries = week.events.iter().enumerate().filter_map(|(index, event)| entry(week, &dates, index, event)).collect();
        let mut oracle = Self { week, entries, minutes: vec![Show::Nothing; WEEK as usize] };
        oracle.paint_calendar();
        oracle.bridge();
        oracle.paint_above();
        oracle
    }

    fn entry(&self, index: usize) -> &Entry {
        self.entries.iter().find(|entry| entry.index == index).unwrap()
    }

    /// Bigger is stronger.
    fn strength(&self, entry: &Entry) -> impl Ord + use<'a> {
        let event = &self.week.events[entry.index];
        let last = if self.week.config.profile == Profile::LastEnd { entry.end } else { 0 };
        (
            last,
            entry.keyword,
            entry.strength,
            entry.timed,
            entry.start,
            -entry.end,
            std::cmp::Reverse((event.id.clone(), event.kind.original())),
        )
    }

    fn paint_calendar(&mut self) {
        for now in 0..WEEK {
            let running = self.entries.iter().filter(|entry| entry.start <= now && now < entry.end);
            // Nothing changes but where something starts or ends.
            if now > 0 && !self.entries.iter().any(|entry| entry.start == now || entry.end == now) {
                self.minutes[now as usize] = self.minutes[now as usize - 1];
                continue;
            }
            let shown = if self.week.config.profile == Profile::Promote {
                let latest = self.entries.iter().map(|entry| entry.start).filter(|&start| start <= now).max();
                let started = self.entries.iter().filter(|entry| Some(entry.start) == latest);
                started.max_by_key(|entry| self.strength(entry)).filter(|entry| now < entry.end).map(|entry| entry.index)
            } else {
                running.max_by_key(|entry| self.strength(entry)).map(|entry| entry.index)
            };
            self.minutes[now as usize] = shown.map_or(Show::Nothing, Show::Event);
        }
    }

    fn bridge(&mut self) {
        let longest = i64::from(self.week.config.merge_gap_minutes);
        let mut since: Option<(i64, usize)> = None;
        for now in 0..WEEK {
            match self.minutes[now as usize] {
                Show::Event(index) => {
                    if let Some((last, before)) = since
                        && now - last - 1 <= longest
                        && self.entry(before).state == self.entry(index).state
                    {
                        (last + 1..now).for_each(|gap| self.minutes[gap as usize] = Show::Event(before));
                    }
                    since = Some((now, index));
                }
                _ => continue,
            }
        }
    }

    fn paint_above(&mut self) {
        let week = self.week;
        let held: Vec<(usize, i64, i64)> =
            (0..week.overrides.len()).map(|index| (index, minute(week, week.overrides[index].set_at), self.override_end(index))).collect();
        if week.config.profile == Profile::Promote {
            for now in 0..WEEK {
                if let Show::Event(index) = self.minutes[now as usize]
                    && held.iter().any(|&(_, set, end)| end > set && self.entry(index).start <= set && set <= now)
                {
                    self.minutes[now as usize] = Show::Nothing;
                }
            }
        }
        let oof = week.config.mapping.oof_setting.target().is_some();
        for now in 0..WEEK {
            let shown = &mut self.minutes[now as usize];
            let on = match week.absence.map(|absence| absence.state) {
                Some(AbsenceState::Enabled) => true,
                Some(AbsenceState::Scheduled { start, end }) => minute(week, start) <= now && now < minute(week, end),
                Some(AbsenceState::Disabled) | None => false,
            };
            if on && oof && (week.config.oof_rank == OofRank::Wins || *shown == Show::Nothing) {
                *shown = Show::Oof;
            }
            for &(index, set, end) in &held {
                if set <= now && now < end {
                    *shown = Show::Override(index);
                }
            }
        }
    }

    /// Walks from the minute it was set until something ends it.
    fn override_end(&self, index: usize) -> i64 {
        let week = self.week;
        let manual = &week.overrides[index];
        let set = minute(week, manual.set_at);
        let mut now = set;
        loop {
            let replaced = week.overrides.iter().enumerate().any(|(other, later)| {
                let at = minute(week, later.set_at);
                other != index && at <= now && (at, &later.id) > (set, &manual.id)
            });
            let started = !manual.blocks_appointments && now > set && self.entries.iter().any(|entry| entry.start == now);
            let expired = matches!(manual.until, OverrideUntil::Time(end) if minute(week, end) <= now);
            let ended = manual.ended_at.is_some_and(|end| minute(week, end) <= now);
            if replaced || started || expired || ended || now >= WEEK {
                return now;
            }
            now += 1;
        }
    }

    fn state(&self, show: Show) -> Option<State> {
        let plain = |target: &Target| match target {
            Target::State(state) => *state,
            Target::Template(name) => panic!("random weeks have no template {name}"),
        };
        match show {
            Show::Nothing => None,
            Show::Event(index) => Some(self.entry(index).state),
            Show::Oof => self.week.config.mapping.oof_setting.target().map(plain),
            Show::Override(index) => Some(plain(&self.week.overrides[index].target)),
        }
    }

    fn title(&self, show: Show) -> Option<String> {
        match show {
            Show::Nothing | Show::Oof => None,
            Show::Event(index) => self.entry(index).title.clone(),
            Show::Override(index) => self.week.overrides[index].note.clone(),
        }
    }

    /// The first minute after the run.
    fn run_end(&self, from: i64) -> i64 {
        let state = self.state(self.minutes[from as usize]);
        (from..WEEK).find(|&now| self.state(self.minutes[now as usize]) != state).unwrap_or(WEEK)
    }

    fn text(&self, now: i64) -> String {
        let show = self.minutes[now as usize];
        let state = self.state(show);
        let words = |state: Option<State>| match state {
            None | Some(State::Available) => "Available",
            Some(State::Busy) => "Busy",
            Some(State::Away) => "Away",
            Some(State::DoNotDisturb) => "Do not disturb",
        };
        let mut text = match self.title(show) {
            Some(title) if words(state) == "Available" => title,
            Some(title) => format!("{}: {title}", words(state)),
            None => words(state).to_owned(),
        };
        let end = self.run_end(now);
        if end == WEEK {
            return text;
        }
        text += &self.until(now, end);
        let mut next = end;
        while next < WEEK {
            let run_end = self.run_end(next);
            if let Some(first) =
                self.minutes[next as usize..run_end as usize].iter().find(|show| matches!(show, Show::Event(_) | Show::Oof))
            {
                if next - end <= i64::from(self.week.config.next_within_hours) * 60 {
                    let word = words(self.state(*first));
                    text += &self.title(*first).map_or_else(|| format!(" ({word})"), |title| format!(" ({word}: {title})"));
                }
                break;
            }
            next = run_end;
        }
        text
    }

    fn until(&self, now: i64, end: i64) -> String {
        let local = |minute: i64| self.week.presence_zone.to_datetime(plus(self.week.start, minute));
        let (today, last, at) = (local(now).date(), local(end - 1).date(), local(end));
        let whole_day = last != at.date();
        let day = if whole_day { last } else { at.date() };
        let ahead = (day - today).get_days();
        let month = |day: jiff::civil::Date| day.strftime(if day.year() == today.year() { "%-d %B" } else { "%-d %B %Y" }).to_string();
        match (ahead, whole_day) {
            (0, true) => " until midnight".to_owned(),
            (0, false) => format!(" until {}", at.strftime("%H:%M")),
            (1..=6, true) => format!(" until the end of {}", day.strftime("%A")),
            (1..=6, false) => format!(" until {} {}", day.strftime("%A"), at.strftime("%H:%M")),
            (_, true) => format!(" until the end of {}", month(day)),
            (_, false) => format!(" until {}", month(day)),
        }
    }
}

fn entry(week: &Week, dates: &[(i64, jiff::civil::Date)], index: usize, event: &Event) -> Option<Entry> {
    let config = &week.config;
    let (start, end) = match event.span {
        Span::Timed { start, end } => (minute(week, start), minute(week, end)),
        Span::AllDay { start, end } => {
            let first = |day| dates.iter().find(|(_, date)| *date >= day).unwrap().0;
            (first(start), first(end))
        }
    };
    let title = event.subject.expose().to_owned();
    let private = match event.sensitivity {
        Sensitivity::Normal => false,
        Sensitivity::Personal => config.personal_is_private,
        Sensitivity::Private | Sensitivity::Confidential => true,
    };
    let by_hr = event.organizer.as_ref().is_some_and(|organizer| organizer.address.to_lowercase() == "hr@example.com");
    let row = match event.show_as {
        ShowAs::Free => return None,
        ShowAs::Tentative if by_hr => &config.mapping.tentative_exception,
        ShowAs::Tentative => &config.mapping.tentative,
        ShowAs::Busy => &config.mapping.busy,
        ShowAs::OutOfOffice => &config.mapping.oof,
        ShowAs::WorkingElsewhere => &config.mapping.working_elsewhere,
        ShowAs::NoData => &config.mapping.no_data,
    };
    let Some(Target::State(state)) = row.target() else { return None };
    let out = end <= start
        || event.kind == EventKind::Master
        || event.cancelled
        || event.response == Response::Declined
        || title.trim().starts_with('*')
        || (config.skip_private && private)
        || end <= 0
        || start >= WEEK;
    if out {
        return None;
    }
    let seen = if private && !config.keywords_see_private { String::new() } else { title.to_lowercase() };
    let has = |words: &[String]| {
        words.iter().any(|word| match config.whole_word {
            true => seen.split(|c: char| !c.is_alphanumeric()).any(|part| part == word.to_lowercase()),
            false => seen.contains(&word.to_lowercase()),
        })
    };
    let shown = if private { config.private_word.clone() } else { Some(title.split_whitespace().collect::<Vec<_>>().join(" ")) };
    Some(Entry {
        index,
        start,
        end,
        state: *state,
        keyword: if has(&config.must_not_words) { -1 } else { i32::from(has(&config.must_words)) },
        strength: 9 - config.severity.iter().position(|listed| listed == state).unwrap(),
        timed: matches!(event.span, Span::Timed { .. }),
        title: shown.filter(|title| config.show_subject && !title.is_empty()),
    })
}

fn compare(week: &Week, rng: &mut StdRng) {
    let oracle = Oracle::new(week);
    let outcome = evaluate(&week.input(week.random_moment(rng)));
    let mut from = 0;
    for segment in &outcome.segments {
        assert_eq!(minute(week, segment.start), from, "no gaps");
        let end = minute(week, segment.end);
        assert!(end > from);
        let layer = |show| match show {
            Show::Nothing | Show::Event(_) => Layer::Calendar,
            Show::Oof => Layer::Oof,
            Show::Override(_) => Layer::Override,
        };
        for now in from..end {
            let show = oracle.minutes[now as usize];
            let winner = match show {
                Show::Event(index) => Some(EventKey::of(&week.events[index])),
                _ => None,
            };
            assert_eq!((&segment.winner, segment.layer), (&winner, layer(show)), "minute {now}");
        }
        let target = oracle.state(oracle.minutes[from as usize]).map(Target::State);
        let until = Some(oracle.run_end(from)).filter(|&end| end < WEEK);
        assert_eq!((&segment.target, segment.until.map(|until| minute(week, until))), (&target, until), "minute {from}");
        from = end;
    }
    assert_eq!(from, WEEK);
    let ends: Vec<i64> = outcome.segments.iter().map(|segment| minute(week, segment.start)).collect();
    for _ in 0..4 {
        let now = if rng.random_bool(0.5) { *ends.choose(rng).unwrap() } else { rng.random_range(0..WEEK) };
        let at = |now: i64| evaluate(&week.input(plus(week.start, now)));
        let outcome = at(now);
        assert_eq!(outcome.current.value.text, oracle.text(now), "minute {now}");
        let boundary = minute(week, outcome.next_boundary.unwrap());
        assert!(boundary > now);
        let still = at(rng.random_range(now..boundary)).current;
        assert_eq!((still.value, still.target, still.winner), (outcome.current.value, outcome.current.target, outcome.current.winner));
        if boundary < WEEK {
            assert_eq!(at(boundary).current.value.text, oracle.text(boundary), "boundary {boundary}");
        }
    }
}

fn weeks() -> u64 {
    std::env::var("PRESENCE_WEEKS").ok().and_then(|count| count.parse().ok()).unwrap_or(300)
}

fn compare_many(profile: Profile) {
    for seed in 0..weeks() {
        let mut rng = StdRng::seed_from_u64(seed);
        let kinds = Kinds { profile, overrides: seed % 3 > 0, absence: seed % 2 > 0, merge_gap: true };
        let week = Week::random(&mut rng, kinds);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| compare(&week, &mut rng)));
        assert!(result.is_ok(), "week of seed {seed}: {:?} {:?} {:?} {:?}", week.events, week.overrides, week.absence, week.config);
    }
}

#[test]
fn rule_p15_ranked_agrees_with_the_oracle() {
    compare_many(Profile::Ranked);
}

#[test]
fn rule_p24a_last_end_agrees_with_the_oracle() {
    compare_many(Profile::LastEnd);
}

#[test]
fn rule_p24a_promote_agrees_with_the_oracle() {
    compare_many(Profile::Promote);
}
