//! The total order of events (SEMANTICS P-13, P-24a).

use std::cmp::Ordering;

use super::config::Profile;
use super::eligible::Candidate;
use super::outcome::ReasonCode;

/// Compares two events by P-13: `Less` when `a` is the stronger one, with the rule that decides.
pub(super) fn by_p13(a: &Candidate<'_>, b: &Candidate<'_>) -> (Ordering, ReasonCode) {
    let steps: [(Ordering, ReasonCode); 5] = [
        (b.keyword.cmp(&a.keyword), ReasonCode::Keyword),
        (b.severity.cmp(&a.severity), ReasonCode::Severity),
        (a.all_day().cmp(&b.all_day()), ReasonCode::TimedBeatsAllDay),
        (b.start.cmp(&a.start), ReasonCode::LaterStart),
        (a.end.cmp(&b.end), ReasonCode::EarlierEnd),
    ];
    steps.into_iter().find(|(order, _)| order.is_ne()).unwrap_or_else(|| {
        // Rust compares strings by code point, `None` before `Some`.
        let id = a.event.id.cmp(&b.event.id).then_with(|| a.event.kind.original().cmp(&b.event.kind.original()));
        (id, ReasonCode::SmallerId)
    })
}

/// Compares two events in a profile: `Less` when `a` is the stronger one, with the rule that decides.
pub(super) fn compare(profile: Profile, a: &Candidate<'_>, b: &Candidate<'_>) -> (Ordering, ReasonCode) {
    let first = match profile {
        Profile::Ranked => None,
        Profile::LastEnd => Some((b.end.cmp(&a.end), ReasonCode::LaterEnd)),
        Profile::Promote => Some((b.start.cmp(&a.start), ReasonCode::Promoted)),
    };
    first.filter(|(order, _)| order.is_ne()).unwrap_or_else(|| by_p13(a, b))
}
