//! The occurrences of a master, for servers whose window does not expand series, and the number of an occurrence.
//!
//! A series is expanded in its own zone and converted afterwards (SEMANTICS B-16): nine o'clock stays nine o'clock when the
//! clocks change. What overlaps a window counts, not where the series begins (SEMANTICS B-15).

use calport_sdk::common::{DateSpan, Instant, Moment, OriginalStart, Span, TimedSpan};
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::event::CalendarItem;
use crate::zone;

/// An occurrence as its master has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Expanded {
    /// Its number, for [`super::Target::Occurrence`].
    pub index: u32,
    /// When it takes place.
    pub span: Span,
    /// Where it stands.
    pub original: OriginalStart,
}

/// What all occurrences of a master share.
struct Shape {
    zone: TimeZone,
    time: Time,
    /// By the clock on the wall.
    length: SignedDuration,
    all_day: bool,
}

impl CalendarItem {
    /// The occurrences that overlap `[start, end)`, first to last: all that the series has, but for those that were
    /// deleted or differ. Those that differ are `modified_occurrences`. Empty for anything but a master with its series.
    /// A zone that nobody knows counts as UTC (SEMANTICS B-55).
    pub fn occurrences(&self, start: Instant, end: Instant) -> impl Iterator<Item = Expanded> + '_ {
        let all = self.all_occurrences().skip_while(move |(_, span)| span.1 <= start).take_while(move |(_, span)| span.0 < end);
        all.map(|(one, _)| one).filter(|one| !self.is_exception(&one.original))
    }

    /// The number of the occurrence that stood there, deleted and moved ones included.
    pub fn occurrence_index(&self, original: &OriginalStart) -> Option<u32> {
        self.all_occurrences().map(|(one, _)| one).find(|one| one.original == *original).map(|one| one.index)
    }

    fn is_exception(&self, original: &OriginalStart) -> bool {
        self.deleted_occurrences.contains(original) || self.modified_occurrences.iter().any(|one| one.original == *original)
    }

    /// Every occurrence, with its instants.
    fn all_occurrences(&self) -> impl Iterator<Item = (Expanded, (Instant, Instant))> + '_ {
        let series = self.recurrence.as_ref().and_then(|series| Some((series, self.shape()?)));
        series.into_iter().flat_map(|(series, shape)| series.days().map_while(move |day| shape.place(day.index, day.day)))
    }

    fn shape(&self) -> Option<Shape> {
        let zone = self.start_zone.as_ref().and_then(zone::to_time_zone).unwrap_or(TimeZone::UTC);
        match &self.span {
            Span::AllDay(days) => {
                let (start, end): (Date, Date) = (days.start.parse().ok()?, days.end.parse().ok()?);
                Some(Shape { zone, time: Time::midnight(), length: start.duration_until(end), all_day: true })
            }
            Span::Timed(TimedSpan { start: Moment::At(start), end: Moment::At(end) }) => {
                let wall = |at: &Instant| Timestamp::from_millisecond(*at).ok().map(|at| zone.to_datetime(at));
                let (start, end) = (wall(start)?, wall(end)?);
                let length = start.duration_until(end);
                Some(Shape { zone, time: start.time(), length, all_day: false })
            }
            Span::Timed(_) => None,
        }
    }
}

impl Shape {
    fn instant(&self, wall: DateTime) -> Option<Instant> {
        self.zone.to_ambiguous_timestamp(wall).compatible().ok().map(Timestamp::as_millisecond)
    }

    fn place(&self, index: u32, day: Date) -> Option<(Expanded, (Instant, Instant))> {
        let from = day.to_datetime(self.time);
        let to = from.checked_add(self.length).ok()?;
        let start = self.instant(from)?;
        // An hour that the clocks skip must not turn an occurrence around.
        let end = self.instant(to)?.max(start);
        let (span, original) = if self.all_day {
            let days = DateSpan { start: day.to_string(), end: to.date().to_string() };
            (Span::AllDay(days), OriginalStart::Day(day.to_string()))
        } else {
            let span = TimedSpan { start: Moment::At(start), end: Moment::At(end) };
            (Span::Timed(span), OriginalStart::Timed(Moment::At(start)))
        };
        Some((Expanded { index, span, original }, (start, end)))
    }
}
