//! Texts by the data files of the languages (SEMANTICS P-18, P-19). Each file is parsed once.

use std::sync::LazyLock;

use calport_model::Availability;
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};
use unic_langid::LanguageIdentifier;

use super::config::TimeFormat;
use super::days::{day_of, days_between, first_instant};
use super::pattern::{TextPattern, VARIABLES};
use crate::Language;

type Bundle = FluentBundle<FluentResource>;

static BUNDLES: LazyLock<Vec<Bundle>> = LazyLock::new(|| Language::all().map(bundle).collect());

fn bundle(language: Language) -> Bundle {
    let identifier: LanguageIdentifier = language.tag().parse().unwrap_or_default();
    let mut bundle = Bundle::new_concurrent(vec![identifier]);
    // Isolation marks are for mixed directions in rich text; a PBX shows them as boxes.
    bundle.set_use_isolating(false);
    // What does not parse is left out; a test reads every message of every file.
    let resource = FluentResource::try_new(language.source().to_owned()).unwrap_or_else(|(resource, _)| resource);
    bundle.add_resource_overriding(resource);
    bundle
}

/// Writes texts in one language, for one zone.
#[derive(Clone, Copy)]
pub(super) struct Writer<'a> {
    pub(super) language: Language,
    pub(super) zone: &'a TimeZone,
    pub(super) format: TimeFormat,
    pub(super) now: Timestamp,
}

/// What is said of a piece of the timeline.
#[derive(Clone, Copy)]
pub(super) struct Phrase<'a> {
    pub(super) availability: Availability,
    pub(super) title: Option<&'a str>,
}

impl Writer<'_> {
    /// The whole text (SEMANTICS P-18).
    pub(super) fn text(&self, now: Phrase<'_>, until: Option<Timestamp>, next: Option<Phrase<'_>>) -> String {
        let state = self.state(now.availability);
        let until = until.map(|until| self.until(until));
        let mut args = FluentArgs::with_capacity(3);
        args.set("state", state.as_str());
        if let Some(title) = now.title {
            args.set("title", title);
        }
        if let Some(until) = &until {
            args.set("until", until.as_str());
        }
        let id = match (now.title.is_some(), now.availability == Availability::Available, until.is_some()) {
            (true, true, true) => "text-title-until",
            (true, true, false) => "text-title",
            (true, false, true) => "text-state-title-until",
            (true, false, false) => "text-state-title",
            (false, _, true) => "text-state-until",
            (false, _, false) => "text-state",
        };
        let text = self.message(id, &args);
        match next {
            None => text,
            Some(next) => {
                let next = self.next(next);
                self.message("text-with-next", &FluentArgs::from_iter([("text", text), ("next", next)]))
            }
        }
    }

    /// The text by a template's own pattern; `None` when it has none for the language.
    pub(super) fn own(&self, pattern: &TextPattern, now: Phrase<'_>, until: Option<Timestamp>, next: Option<Phrase<'_>>) -> Option<String> {
        let until = until.map(|until| self.until(until));
        let next = next.map(|next| self.next(next));
        let has = |there: bool| if there { "yes" } else { "no" };
        let mut args = FluentArgs::with_capacity(VARIABLES.len());
        args.set("state", self.state(now.availability));
        args.set("has_title", has(now.title.is_some()));
        args.set("title", now.title.unwrap_or_default());
        args.set("has_until", has(until.is_some()));
        args.set("until", until.unwrap_or_default());
        args.set("has_next", has(next.is_some()));
        args.set("next", next.unwrap_or_default());
        pattern.write(self.language, &args)
    }

    /// What comes next: state and title.
    fn next(&self, next: Phrase<'_>) -> String {
        let state = self.state(next.availability);
        match next.title {
            Some(title) => self.message("text-state-title", &FluentArgs::from_iter([("state", state.as_str()), ("title", title)])),
            None => self.message("text-state", &FluentArgs::from_iter([("state", state)])),
        }
    }

    /// The word for a state.
    pub(super) fn state(&self, availability: Availability) -> String {
        let id = match availability {
            Availability::Available => "state-available",
            Availability::Busy => "state-busy",
            Availability::Away => "state-away",
            Availability::DoNotDisturb => "state-dnd",
            Availability::Unknown => "state-unknown",
        };
        self.message(id, &FluentArgs::new())
    }

    /// `until {t}` (SEMANTICS P-19).
    pub(super) fn until(&self, until: Timestamp) -> String {
        let end = End::of(until, self.zone);
        let today = day_of(self.now, self.zone);
        let args = |name: &'static str, value: String| FluentArgs::from_iter([(name, value)]);
        match (Distance::between(today, end.day), end.midnight) {
            (Distance::Today, true) => self.message("until-midnight", &FluentArgs::new()),
            (Distance::Today, false) => self.message("until-time", &args("time", self.time(until))),
            (Distance::Near, true) => self.message("until-end-of-weekday", &args("weekday", self.weekday(end.day))),
            (Distance::Near, false) => {
                let mut args = args("weekday", self.weekday(end.day));
                args.set("time", self.time(until));
                self.message("until-weekday", &args)
            }
            (Distance::Far, true) => self.message("until-end-of-date", &args("date", self.date(end.day, today))),
            (Distance::Far, false) => self.message("until-date", &args("date", self.date(end.day, today))),
        }
    }

    fn time(&self, instant: Timestamp) -> String {
        let time = self.zone.to_datetime(instant).time();
        let minute = format!("{:02}", time.minute());
        let (hour, id) = match (self.format, time.minute()) {
            (TimeFormat::H24, _) => (time.hour(), "time-24h"),
            (TimeFormat::H12, 0) => (hour_of_twelve(time), "time-12h-full"),
            (TimeFormat::H12, _) => (hour_of_twelve(time), "time-12h"),
        };
        let mut args = FluentArgs::with_capacity(4);
        args.set("hour", hour.to_string());
        args.set("hour2", format!("{hour:02}"));
        args.set("minute", minute);
        args.set("period", if time.hour() < 12 { "am" } else { "pm" });
        self.message(id, &args)
    }

    fn weekday(&self, day: civil::Date) -> String {
        self.message(&format!("weekday-{}", day.weekday().to_monday_one_offset()), &FluentArgs::new())
    }

    fn date(&self, day: civil::Date, today: civil::Date) -> String {
        let mut args = FluentArgs::with_capacity(3);
        args.set("day", FluentValue::from(day.day()));
        args.set("month", self.message(&format!("month-{}", day.month()), &FluentArgs::new()));
        args.set("year", day.year().to_string());
        self.message(if day.year() == today.year() { "date" } else { "date-year" }, &args)
    }

    /// A message of the language; of English, should a file lack it.
    fn message(&self, id: &str, args: &FluentArgs<'_>) -> String {
        let english = Language::ENGLISH;
        let found = [self.language, english].into_iter().find_map(|language| {
            let bundle = BUNDLES.get(language.index())?;
            let pattern = bundle.get_message(id)?.value()?;
            Some(bundle.format_pattern(pattern, Some(args), &mut Vec::new()).into_owned())
        });
        found.unwrap_or_default()
    }
}

fn hour_of_twelve(time: civil::Time) -> i8 {
    match time.hour() % 12 {
        0 => 12,
        hour => hour,
    }
}

/// The end of a run as it is shown: an end at local midnight belongs to the day before it.
struct End {
    day: civil::Date,
    midnight: bool,
}

impl End {
    fn of(until: Timestamp, zone: &TimeZone) -> Self {
        let day = day_of(until, zone);
        let midnight = first_instant(day, zone) == until;
        let before = until.checked_sub(jiff::SignedDuration::from_nanos(1)).unwrap_or(until);
        Self { day: if midnight { day_of(before, zone) } else { day }, midnight }
    }
}

/// How many local days ahead something is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Distance {
    Today,
    Near,
    Far,
}

/// So many days ahead a weekday is not ambiguous (SEMANTICS P-19).
const NEAR_DAYS: i32 = 6;

impl Distance {
    fn between(today: civil::Date, day: civil::Date) -> Self {
        match days_between(today, day) {
            days if days <= 0 => Self::Today,
            days if days <= NEAR_DAYS => Self::Near,
            _ => Self::Far,
        }
    }
}

/// The next local midnight after `now` at which `until {t}` reads differently (SEMANTICS P-19): when the end comes within
/// the days that have names, when it is today, and when its year begins.
pub(super) fn next_change(now: Timestamp, until: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let day = End::of(until, zone).day;
    let near = day.checked_sub(jiff::Span::new().days(NEAR_DAYS)).ok();
    [near, Some(day), Some(day.first_of_year())].into_iter().flatten().map(|day| first_instant(day, zone)).filter(|&at| at > now).min()
}

#[cfg(test)]
mod tests;
