//! What only the master of a series has: its rule, its first and last occurrence, what differs and what is gone.

use jiff::Timestamp;
use jiff::civil::DateTime;

use super::recurrence;
use super::shown::Shown;
use crate::ews::time::{instant, offset};
use crate::ews::xml::Element;
use crate::graph::event::{Event, Instance, Series};

/// Farthest look ahead for the last occurrence of a series that ends.
const END_OF_TIME: &str = "2200-01-01T00:00:00Z";

fn master<'a>(shown: &Shown<'a>) -> Option<&'a Series> {
    shown.event.series.as_ref().filter(|_| shown.instance.is_none())
}

/// `t:Recurrence`.
pub(crate) fn recurrence(shown: &Shown<'_>) -> Option<Element> {
    let series = master(shown)?;
    let zone = &shown.event.when.zone;
    let rule = series.rule.render(&zone.name);
    let suffix = offset(zone.rules.to_offset(shown.event.when.starts()));
    Some(recurrence::write(&rule, &suffix, shown.view.version))
}

/// The occurrences that are left, in the order of their original starts; none for a series without end.
pub(crate) fn all(event: &Event) -> Option<Vec<Instance<'_>>> {
    let series = event.series.as_ref()?;
    let ends = series.rule.render("UTC").pointer("/range/type").and_then(|t| t.as_str().map(|t| t != "noEnd"))?;
    ends.then(|| event.instances(Timestamp::UNIX_EPOCH, END_OF_TIME.parse().unwrap_or(Timestamp::MAX)))
}

/// The occurrence by its number, from 1 and counting those that are gone; `Err` for one that is gone.
pub(crate) fn by_number(event: &Event, number: usize) -> Option<Result<Instance<'_>, DateTime>> {
    let series = event.series.as_ref()?;
    let first = series.rule.first()?;
    let reach = jiff::ToSpan::years(200);
    let date = series.rule.dates(first.saturating_add(reach)).into_iter().nth(number.checked_sub(1)?)?;
    let original = date.to_datetime(event.when.start.time());
    Some(event.occurrence(original).ok_or(original))
}

fn info(shown: &Shown<'_>, name: &str, instance: &Instance<'_>) -> Option<Element> {
    Shown { view: shown.view, event: shown.event, instance: Some(instance) }.occurrence_info(name)
}

/// `t:FirstOccurrence`.
pub(crate) fn first(shown: &Shown<'_>) -> Option<Element> {
    let series = master(shown)?;
    let start = shown.event.when.starts();
    // Enough for every pattern, and for a few occurrences that are gone.
    let reach = start.saturating_add(jiff::SignedDuration::from_hours(24 * 366 * 13)).unwrap_or(Timestamp::MAX);
    let instances = if series.cancelled.len() > 8 { all(shown.event)? } else { shown.event.instances(Timestamp::UNIX_EPOCH, reach) };
    info(shown, "t:FirstOccurrence", instances.first()?)
}

/// `t:LastOccurrence`.
pub(crate) fn last(shown: &Shown<'_>) -> Option<Element> {
    master(shown)?;
    info(shown, "t:LastOccurrence", all(shown.event)?.last()?)
}

/// `t:ModifiedOccurrences`.
pub(crate) fn modified(shown: &Shown<'_>) -> Option<Element> {
    let series = master(shown)?;
    let all: Vec<Element> =
        series.exceptions.keys().filter_map(|o| shown.event.occurrence(*o)).filter_map(|i| info(shown, "t:Occurrence", &i)).collect();
    (!all.is_empty()).then(|| Element::new("t:ModifiedOccurrences").with_all(all))
}

/// `t:DeletedOccurrences`.
pub(crate) fn deleted(shown: &Shown<'_>) -> Option<Element> {
    let series = master(shown)?;
    let zone = &shown.event.when.zone;
    let one = |o: &DateTime| Element::new("t:DeletedOccurrence").with_text("t:Start", instant(zone.instant(*o)));
    let all: Vec<Element> = series.cancelled.iter().map(one).collect();
    (!all.is_empty()).then(|| Element::new("t:DeletedOccurrences").with_all(all))
}
