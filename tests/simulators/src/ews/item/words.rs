//! Enumerations of EWS beside those of the shared state (Graph's).

/// Graph's word and EWS's.
type Table = &'static [(&'static str, &'static str)];

/// `showAs` and `LegacyFreeBusyStatus`.
pub(crate) const SHOW_AS: Table = &[
    ("free", "Free"),
    ("tentative", "Tentative"),
    ("busy", "Busy"),
    ("oof", "OOF"),
    ("workingElsewhere", "WorkingElsewhere"),
    ("unknown", "NoData"),
];
/// Sensitivity.
pub(crate) const SENSITIVITY: Table =
    &[("normal", "Normal"), ("personal", "Personal"), ("private", "Private"), ("confidential", "Confidential")];
/// Importance.
pub(crate) const IMPORTANCE: Table = &[("low", "Low"), ("normal", "Normal"), ("high", "High")];
/// Responses.
pub(crate) const RESPONSES: Table = &[
    ("none", "Unknown"),
    ("organizer", "Organizer"),
    ("tentativelyAccepted", "Tentative"),
    ("accepted", "Accept"),
    ("declined", "Decline"),
    ("notResponded", "NoResponseReceived"),
];
/// Days of the week.
pub(crate) const DAYS: Table = &[
    ("sunday", "Sunday"),
    ("monday", "Monday"),
    ("tuesday", "Tuesday"),
    ("wednesday", "Wednesday"),
    ("thursday", "Thursday"),
    ("friday", "Friday"),
    ("saturday", "Saturday"),
];
/// Which of the matching days of a month.
pub(crate) const INDEXES: Table = &[("first", "First"), ("second", "Second"), ("third", "Third"), ("fourth", "Fourth"), ("last", "Last")];

/// EWS's word for one of Graph's.
pub(crate) fn ews(table: Table, graph: &str) -> Option<&'static str> {
    table.iter().find(|(g, _)| *g == graph).map(|(_, e)| *e)
}

/// Graph's word for one of EWS's.
pub(crate) fn graph(table: Table, ews: &str) -> Option<&'static str> {
    table.iter().find(|(_, e)| *e == ews).map(|(g, _)| *g)
}
