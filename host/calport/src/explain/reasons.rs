//! What each rule says, in one place and in plain words.

use calport_rules::presence::ReasonCode;

/// Why an appointment does not count, or does not show.
pub fn against(code: ReasonCode) -> &'static str {
    match code {
        ReasonCode::NoDuration => "it ends when it begins, or before",
        ReasonCode::SeriesMaster => "it is the pattern of a series; its occurrences count",
        ReasonCode::Cancelled => "the organizer cancelled it",
        ReasonCode::Declined => "the person declined it",
        ReasonCode::IgnorePrefix => "its title begins with `ignore_prefix`",
        ReasonCode::Private => "it is private, and `skip_private` leaves private appointments out",
        ReasonCode::Free => "it is shown as free",
        ReasonCode::MappingIgnore => "its row of the mapping is `ignore`",
        ReasonCode::OutsideWindow => "it lies outside of the time that is loaded",
        ReasonCode::RecurringDaysAhead => "it belongs to a series and begins later than `recurring_days_ahead` allows",
        ReasonCode::OwnMirror => "Calport wrote it itself, for a state set by hand",
        ReasonCode::OnlyEvent => "nothing else is there",
        ReasonCode::Keyword => "the other has a word of `must_words`, or this one a word of `must_not_words`",
        ReasonCode::Severity => "the state of the other stands before its own in `severity`",
        ReasonCode::TimedBeatsAllDay => "it lasts all day, the other has times",
        ReasonCode::LaterStart => "the other began later",
        ReasonCode::EarlierEnd => "both began together, the other ends earlier",
        ReasonCode::SmallerId => "all else is equal, and one of them has to be chosen: that with the smaller id",
        ReasonCode::MergeGap => "the gap after the appointment before is not longer than `merge_gap_minutes`",
        ReasonCode::NoEvent => "there is no appointment that counts",
        ReasonCode::OofSetting => "automatic replies are on, and they go before appointments",
        ReasonCode::Override => "a state set by hand goes before appointments",
        ReasonCode::LaterEnd => "the other ends later",
        ReasonCode::Promoted => "the other began later",
        ReasonCode::DoesNotComeBack => "another appointment or a state set by hand took its place, and it does not come back",
    }
}

/// Why something shows.
pub fn in_favour(code: ReasonCode) -> &'static str {
    match code {
        ReasonCode::OnlyEvent => "it is the only one that counts",
        ReasonCode::Keyword => "it has a word of `must_words`, or the strongest of the others has one of `must_not_words`",
        ReasonCode::Severity => "its state stands before that of the strongest of the others in `severity`",
        ReasonCode::TimedBeatsAllDay => "it has times, the strongest of the others lasts all day",
        ReasonCode::LaterStart => "it began later than the strongest of the others",
        ReasonCode::EarlierEnd => "it began with the strongest of the others and ends earlier",
        ReasonCode::MergeGap => "the gap after it is not longer than `merge_gap_minutes`, so it goes on showing",
        ReasonCode::OofSetting => "automatic replies are on",
        ReasonCode::Override => "a state set by hand goes before appointments",
        ReasonCode::LaterEnd => "it ends later than the strongest of the others",
        ReasonCode::Promoted => "it began later than the others",
        ReasonCode::OutsideWindow => "this moment lies outside of the time that is loaded",
        ReasonCode::NoDuration
        | ReasonCode::SeriesMaster
        | ReasonCode::Cancelled
        | ReasonCode::Declined
        | ReasonCode::IgnorePrefix
        | ReasonCode::Private
        | ReasonCode::Free
        | ReasonCode::MappingIgnore
        | ReasonCode::RecurringDaysAhead
        | ReasonCode::OwnMirror
        | ReasonCode::SmallerId
        | ReasonCode::NoEvent
        | ReasonCode::DoesNotComeBack => against(code),
    }
}
