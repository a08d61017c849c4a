//! Which events count, with their span, class and target (SEMANTICS P-01, P-04 to P-11, P-23).

use calport_model::event::Response;
use calport_model::{Event, EventKind, Sensitivity, ShowAs, Span};
use jiff::Timestamp;

use super::config::{Class, Config};
use super::days::{day_of, first_instant};
use super::keyword::{Keywords, fold};
use super::outcome::{Drop, EventKey, ReasonCode};
use super::target::Target;
use super::{Input, OWN_TAG};

/// An event that counts.
pub(super) struct Candidate<'a> {
    pub(super) event: &'a Event,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    pub(super) class: Class,
    pub(super) target: &'a Target,
    /// Its texts are masked.
    pub(super) private: bool,
    /// 0, 1 or 2; the first element of its rank.
    pub(super) keyword: u8,
    /// Higher wins; the second element.
    pub(super) severity: usize,
}

impl Candidate<'_> {
    pub(super) fn all_day(&self) -> bool {
        matches!(self.event.span, Span::AllDay { .. })
    }

    /// P-01: half-open.
    pub(super) fn covers(&self, instant: Timestamp) -> bool {
        self.start <= instant && instant < self.end
    }
}

/// Whether the texts of an event are private (SEMANTICS P-08, P-20).
pub(super) fn is_private(event: &Event, config: &Config) -> bool {
    event.sensitivity.is_private() || (config.personal_is_private && event.sensitivity == Sensitivity::Personal)
}

/// The instants of an event; all-day ones in the mailbox's zone.
pub(super) fn instants(event: &Event, input: &Input<'_>) -> (Timestamp, Timestamp) {
    match event.span {
        Span::Timed { start, end } => (start, end),
        Span::AllDay { start, end } => (first_instant(start, input.mailbox_zone), first_instant(end, input.mailbox_zone)),
    }
}

/// Sorts the events into those that count and those that do not.
pub(super) fn eligible<'a>(input: &Input<'a>) -> (Vec<Candidate<'a>>, Vec<Drop>) {
    let keywords = Keywords::new(input.config);
    let exceptions: Vec<String> = input.config.tentative_exceptions.iter().map(|address| fold_address(address)).collect();
    let mut candidates = Vec::with_capacity(input.events.len());
    let mut drops = Vec::new();
    let recurring = recurring_end(input);
    for event in input.events {
        match judge(event, input, &keywords, &exceptions, recurring) {
            Ok(candidate) => candidates.push(candidate),
            Err(reason) => drops.push(Drop { event: EventKey::of(event), reason }),
        }
    }
    drops.sort_unstable();
    (candidates, drops)
}

/// Where occurrences of series cease to count: the first instant after the last local day looked at (FEATURES C10).
fn recurring_end(input: &Input<'_>) -> Option<Timestamp> {
    let days = i64::from(input.config.recurring_days_ahead?) + 1;
    let day = day_of(input.now, input.mailbox_zone).saturating_add(jiff::Span::new().days(days));
    Some(first_instant(day, input.mailbox_zone))
}

fn judge<'a>(
    event: &'a Event,
    input: &Input<'a>,
    keywords: &Keywords,
    exceptions: &[String],
    recurring: Option<Timestamp>,
) -> Result<Candidate<'a>, ReasonCode> {
    let config = input.config;
    let (start, end) = instants(event, input);
    if end <= start {
        return Err(ReasonCode::NoDuration);
    }
    if event.kind == EventKind::Master {
        return Err(ReasonCode::SeriesMaster);
    }
    if event.categories.iter().any(|category| category == OWN_TAG) {
        return Err(ReasonCode::OwnMirror);
    }
    if event.cancelled {
        return Err(ReasonCode::Cancelled);
    }
    if event.response == Response::Declined {
        return Err(ReasonCode::Declined);
    }
    let subject = event.subject.expose();
    if !config.ignore_prefix.is_empty() && subject.trim_start().starts_with(&config.ignore_prefix) {
        return Err(ReasonCode::IgnorePrefix);
    }
    let private = is_private(event, config);
    if config.skip_private && private {
        return Err(ReasonCode::Private);
    }
    let class = classify(event, exceptions).ok_or(ReasonCode::Free)?;
    let target = config.mapping.row(class).target().ok_or(ReasonCode::MappingIgnore)?;
    if event.kind.master().is_some() && recurring.is_some_and(|limit| start >= limit) {
        return Err(ReasonCode::RecurringDaysAhead);
    }
    if start >= input.horizon || end <= input.lookback {
        return Err(ReasonCode::OutsideWindow);
    }
    let keyword = keywords.rank(if private && !config.keywords_see_private { "" } else { subject });
    Ok(Candidate { event, start, end, class, target, private, keyword, severity: config.severity_of(target) })
}

/// The class (SEMANTICS P-05); `None` for free.
fn classify(event: &Event, exceptions: &[String]) -> Option<Class> {
    Some(match event.show_as {
        ShowAs::Free => return None,
        ShowAs::Tentative if is_exception(event, exceptions) => Class::TentativeException,
        ShowAs::Tentative => Class::Tentative,
        ShowAs::Busy => Class::Busy,
        ShowAs::OutOfOffice => Class::Oof,
        ShowAs::WorkingElsewhere => Class::WorkingElsewhere,
        ShowAs::NoData => Class::NoData,
    })
}

fn is_exception(event: &Event, exceptions: &[String]) -> bool {
    let address = event.organizer.as_ref().map(|organizer| fold_address(&organizer.address));
    address.is_some_and(|address| !address.is_empty() && exceptions.contains(&address))
}

/// An address as it is compared: case folded, without the `smtp:` of a proxy address.
fn fold_address(address: &str) -> String {
    let folded = fold(address.trim());
    folded.strip_prefix("smtp:").map(str::to_owned).unwrap_or(folded)
}
