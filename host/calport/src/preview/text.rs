//! A preview as text: a line per stretch of time, by local days.

use std::fmt::Write as _;

use calport_engine::{Change, Moment, Seen};
use jiff::{Timestamp, civil};

use super::{Effect, Head, Preview, Summary};
use crate::explain::{Local, quoted, value, zone_of};

/// What is previewed; empty where there is nothing to be said.
pub fn head(head: &Head) -> String {
    let mut lines: Vec<String> = Vec::new();
    if let Some(draft) = &head.draft {
        lines.push(format!("Draft {draft}: nothing of it is applied."));
        if head.configuration.is_empty() {
            lines.push("  It says the same as the configuration in use.".to_owned());
        }
        lines.extend(head.configuration.iter().map(|change| format!("  {change}")));
    }
    lines.extend(head.warnings.iter().map(|warning| format!("Warning: {warning}")));
    lines.extend(head.notes.iter().map(|note| format!("Note: {note}.")));
    if !lines.is_empty() {
        lines.push(String::new());
    }
    lines.join("\n")
}

/// A person.
pub fn person(preview: &Preview) -> String {
    let local = Local::new(zone_of(&preview.zone), preview.from);
    let who = &preview.person;
    let name = if who.name.is_empty() || who.name == who.id { who.id.clone() } else { format!("{} ({})", who.name, who.id) };
    let place = match (&who.sink, &who.user) {
        (Some(sink), Some(user)) => format!(" · at {sink}, user {user}"),
        _ => String::new(),
    };
    let mut lines = vec![format!("{name}{place} · times in {}", preview.zone)];
    lines.extend(preview.troubles.iter().map(|trouble| format!("  TROUBLE: {trouble}.")));
    lines.extend(preview.effect.and_then(|effect| told(effect, preview)).map(|effect| format!("  {effect}")));
    lines.extend(preview.notes.iter().map(|note| format!("  Note: {note}.")));
    lines.extend(table(&local, preview));
    lines.join("\n")
}

/// The stretches of time, one below the other.
fn table(local: &Local, preview: &Preview) -> Vec<String> {
    let moments = preview.moments.iter().map(|Moment { start, end, seen }| (*start, *end, vec![told_value(seen)]));
    let side = |side: &Option<Seen>| side.as_ref().map_or_else(|| "nothing".to_owned(), told_value);
    let changes =
        preview.changes.iter().map(|Change { start, end, before, after }| (*start, *end, vec![side(before), format!("→ {}", side(after))]));
    let mut day = None;
    let rows: Vec<(String, String, Vec<String>)> = moments
        .chain(changes)
        .map(|(start, end, values)| {
            let times = format!("{}–{}", local.time(start), local.end_of(start, end));
            (day_column(local, &mut day, start), times, values)
        })
        .collect();
    let widest = rows.iter().map(|(_, times, _)| times.chars().count()).max().unwrap_or_default();
    let mut lines = Vec::new();
    for (day, times, values) in rows {
        let mut left = (day, times);
        for value in values {
            lines.push(format!("  {:<11} {:<widest$}  {value}", left.0, left.1));
            left = Default::default();
        }
    }
    lines
}

fn told(effect: Effect, preview: &Preview) -> Option<String> {
    let by = if preview.by.is_empty() { String::new() } else { format!(" ({})", preview.by.join(", ")) };
    match effect {
        Effect::Unchanged => Some(format!("Nothing changes in this time{by}.")),
        Effect::Changed => Some(format!("Changes{by}:")),
        Effect::NoLongerShown => Some(format!("No longer shown: what is there is cleared{by}.")),
        Effect::NewlyShown => Some(format!("Shown for the first time{by}.")),
        Effect::Moved => Some(format!("Moves to another sink or user{by}.")),
        Effect::NotForeseeable => Some(format!("Cannot be foreseen{by}.")),
    }
}

/// The day, where it is another one than in the line before.
fn day_column(local: &Local, last: &mut Option<civil::Date>, at: Timestamp) -> String {
    let day = local.day_of(at);
    if *last == Some(day) {
        return String::new();
    }
    *last = Some(day);
    local.day(day)
}

/// The value, with the appointment where its text does not name it, and the layer where it is not the calendar.
fn told_value(seen: &Seen) -> String {
    let mut line = value(&seen.value);
    if let Some(title) = seen.title.as_deref().filter(|title| !seen.value.text.contains(title)) {
        let _ = write!(line, " ({})", quoted(title));
    }
    if seen.layer != "calendar" {
        let _ = write!(line, " [{}]", seen.layer);
    }
    line
}

/// What it comes to.
pub fn summary(summary: &Summary, draft: bool) -> String {
    let mut lines = Vec::new();
    if draft {
        let of = |effect: Effect| summary.effects.get(&effect).copied().unwrap_or_default();
        let told = [
            (Effect::Changed, "change"),
            (Effect::NoLongerShown, "are no longer shown"),
            (Effect::NewlyShown, "are newly shown"),
            (Effect::Moved, "move to another sink or user"),
            (Effect::NotForeseeable, "cannot be foreseen"),
            (Effect::Unchanged, "stay as they are"),
        ];
        let counts: Vec<String> =
            told.into_iter().filter(|(effect, _)| of(*effect) > 0).map(|(effect, words)| format!("{} {words}", of(effect))).collect();
        lines.push(format!("Of {} people: {}.", summary.people, if counts.is_empty() { "nobody".to_owned() } else { counts.join(", ") }));
        let mut by: Vec<(&String, &usize)> = summary.by.iter().collect();
        by.sort_by(|(a, one), (b, other)| other.cmp(one).then_with(|| a.cmp(b)));
        lines.extend(by.into_iter().map(|(setting, count)| format!("  {setting}: {count}")));
    } else {
        lines.push(format!("{} people.", summary.people));
    }
    if summary.troubled > 0 {
        lines.push(format!("For {} nothing, or not what is right, is shown now: `calport explain PERSON` says why.", summary.troubled));
    }
    lines.join("\n")
}
