//! What must be shown, minute by minute, from the true calendar: written without a line of the rules' own code.
//!
//! Every time in a calendar is a whole minute, so what is shown changes at whole minutes and when somebody changes something.

use calport_rules::presence::{Config, Profile, Row, State, Target};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::truth::{Flat, ShowAs};

/// Automatic replies, as their owner set them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replies {
    Off,
    On,
    Between(Timestamp, Timestamp),
}

/// A state and a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    pub state: State,
    pub text: String,
}

/// The stretch of time that is looked at: longer than any calendar of the week reaches.
#[derive(Clone, Copy)]
pub struct Frame {
    pub start: Timestamp,
    pub minutes: usize,
}

impl Frame {
    /// The minute of an instant, held inside the frame.
    pub fn minute(&self, at: Timestamp) -> usize {
        let minutes = (at.as_second() - self.start.as_second()).div_euclid(60);
        usize::try_from(minutes).unwrap_or(0).min(self.minutes)
    }

    fn instant(&self, minute: usize) -> Timestamp {
        Timestamp::from_second(self.start.as_second() + minute as i64 * 60).unwrap()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Show {
    Nothing,
    Event(u16),
    Replies,
}

struct Entry {
    start: usize,
    end: usize,
    begins: Timestamp,
    state: State,
    title: Option<String>,
    rank: (usize, u8, u8, bool, usize, std::cmp::Reverse<usize>),
}

/// A painted calendar.
pub struct Painted {
    frame: Frame,
    zone: TimeZone,
    entries: Vec<Entry>,
    minutes: Vec<Show>,
    replies: Option<State>,
    next_within: usize,
}

fn state_of(row: &Row) -> Option<State> {
    match row {
        Row::Ignore => None,
        Row::Show(Target::State(state)) => Some(*state),
        Row::Show(Target::Template(_)) => panic!("the week has no templates"),
    }
}

fn entry(one: &Flat, rules: &Config, frame: Frame) -> Option<Entry> {
    let row = match one.show_as {
        ShowAs::Free => return None,
        ShowAs::Tentative => &rules.mapping.tentative,
        ShowAs::Busy => &rules.mapping.busy,
        ShowAs::Oof => &rules.mapping.oof,
        ShowAs::Elsewhere => &rules.mapping.working_elsewhere,
        ShowAs::Unknown => &rules.mapping.no_data,
    };
    let state = state_of(row)?;
    if one.subject.starts_with('*') || (rules.skip_private && one.private) || one.end <= one.start {
        return None;
    }
    let (start, end) = (frame.minute(one.start), frame.minute(one.end));
    if end == 0 || start >= frame.minutes {
        return None;
    }
    let title = one.subject.to_lowercase();
    let must = u8::from(rules.must_words.iter().any(|word| title.contains(word)));
    let strength = match state {
        State::DoNotDisturb => 4,
        State::Away => 3,
        State::Busy => 2,
        State::Available => 1,
    };
    let last = if rules.profile == Profile::LastEnd { end } else { 0 };
    Some(Entry {
        start,
        end,
        begins: one.start,
        state,
        title: if one.private { rules.private_word.clone() } else { Some(one.subject.clone()) },
        rank: (last, must, strength, !one.all_day, start, std::cmp::Reverse(end)),
    })
}

fn word(state: Option<State>) -> &'static str {
    match state {
        None | Some(State::Available) => "Available",
        Some(State::Busy) => "Busy",
        Some(State::Away) => "Away",
        Some(State::DoNotDisturb) => "Do not disturb",
    }
}

impl Painted {
    /// Paints a calendar and automatic replies.
    pub fn new(flats: &[Flat], replies: Replies, rules: &Config, zone: &TimeZone, frame: Frame) -> Self {
        let entries: Vec<Entry> = flats.iter().filter_map(|one| entry(one, rules, frame)).collect();
        let mut painted = Self {
            frame,
            zone: zone.clone(),
            minutes: vec![Show::Nothing; frame.minutes],
            entries,
            replies: state_of(&rules.mapping.oof_setting),
            next_within: usize::from(rules.next_within_hours) * 60,
        };
        painted.paint();
        painted.bridge(usize::from(rules.merge_gap_minutes));
        let (from, to) = match replies {
            Replies::Off => (0, 0),
            Replies::On => (0, frame.minutes),
            Replies::Between(start, end) => (frame.minute(start), frame.minute(end)),
        };
        if painted.replies.is_some() {
            painted.minutes[from..to.max(from)].fill(Show::Replies);
        }
        painted
    }

    /// Minute by minute the strongest of those that run.
    fn paint(&mut self) {
        let mut something = vec![false; self.frame.minutes + 1];
        for one in &self.entries {
            something[one.start] = true;
            something[one.end] = true;
        }
        for (now, something) in something.into_iter().enumerate().take(self.frame.minutes) {
            if now > 0 && !something {
                self.minutes[now] = self.minutes[now - 1];
                continue;
            }
            let running = self.entries.iter().enumerate().filter(|(_, one)| one.start <= now && now < one.end);
            let strongest = running.max_by_key(|(_, one)| one.rank);
            self.minutes[now] = strongest.map_or(Show::Nothing, |(index, _)| Show::Event(index as u16));
        }
    }

    fn bridge(&mut self, longest: usize) {
        let mut now = 0;
        while now < self.frame.minutes {
            let begin = now;
            while now < self.frame.minutes && self.minutes[now] == Show::Nothing {
                now += 1;
            }
            let length = now - begin;
            if length > 0 && length <= longest && begin > 0 && now < self.frame.minutes {
                let (before, after) = (self.minutes[begin - 1], self.minutes[now]);
                if self.state(before) == self.state(after) {
                    self.minutes[begin..now].fill(before);
                }
            }
            now += 1;
        }
    }

    fn state(&self, show: Show) -> Option<State> {
        match show {
            Show::Nothing => None,
            Show::Event(index) => Some(self.entries[usize::from(index)].state),
            Show::Replies => self.replies,
        }
    }

    fn title(&self, show: Show) -> Option<&str> {
        match show {
            Show::Event(index) => self.entries[usize::from(index)].title.as_deref(),
            Show::Nothing | Show::Replies => None,
        }
    }

    fn run_end(&self, from: usize) -> usize {
        let state = self.state(self.minutes[from]);
        (from..self.frame.minutes).find(|&now| self.state(self.minutes[now]) != state).unwrap_or(self.frame.minutes)
    }

    /// Whether an appointment that counts starts after `from` and not after `to`: it ends what was set by hand.
    pub fn starts_between(&self, from: Timestamp, to: Timestamp) -> bool {
        self.entries.iter().any(|one| one.begins > from && one.begins <= to)
    }

    /// What is shown at an instant.
    pub fn shown(&self, at: Timestamp) -> Shown {
        let now = self.frame.minute(at);
        let show = self.minutes[now];
        let state = self.state(show);
        let mut text = match self.title(show) {
            Some(title) if word(state) == "Available" => title.to_owned(),
            Some(title) => format!("{}: {title}", word(state)),
            None => word(state).to_owned(),
        };
        let end = self.run_end(now);
        if end < self.frame.minutes {
            text += &self.until(now, end);
            text += &self.next(end);
        }
        Shown { state: state.unwrap_or(State::Available), text }
    }

    fn next(&self, end: usize) -> String {
        let mut from = end;
        while from < self.frame.minutes {
            let to = self.run_end(from);
            if let Some(first) = self.minutes[from..to].iter().find(|show| **show != Show::Nothing) {
                if from - end > self.next_within {
                    return String::new();
                }
                let word = word(self.state(*first));
                return self.title(*first).map_or_else(|| format!(" ({word})"), |title| format!(" ({word}: {title})"));
            }
            from = to;
        }
        String::new()
    }

    fn until(&self, now: usize, end: usize) -> String {
        let local = |minute: usize| self.zone.to_datetime(self.frame.instant(minute));
        let (today, last, at) = (local(now).date(), local(end - 1).date(), local(end));
        let whole_day = last != at.date();
        let day = if whole_day { last } else { at.date() };
        let far = day.strftime(if day.year() == today.year() { "%-d %B" } else { "%-d %B %Y" });
        match ((day - today).get_days(), whole_day) {
            (0, true) => " until midnight".to_owned(),
            (0, false) => format!(" until {}", at.strftime("%H:%M")),
            (1..=6, true) => format!(" until the end of {}", day.strftime("%A")),
            (1..=6, false) => format!(" until {} {}", day.strftime("%A"), at.strftime("%H:%M")),
            (_, true) => format!(" until the end of {far}"),
            (_, false) => format!(" until {far}"),
        }
    }
}
