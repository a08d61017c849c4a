//! Words of the schema for values that several kinds of items have. Reading ignores case; writing is exact.

use calport_sdk::common::{Importance, Sensitivity, Weekday};

/// The days from Monday, with their names.
pub const WEEKDAYS: [(Weekday, &str); 7] = [
    (Weekday::Monday, "Monday"),
    (Weekday::Tuesday, "Tuesday"),
    (Weekday::Wednesday, "Wednesday"),
    (Weekday::Thursday, "Thursday"),
    (Weekday::Friday, "Friday"),
    (Weekday::Saturday, "Saturday"),
    (Weekday::Sunday, "Sunday"),
];

/// The months from January.
pub const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

/// A day by its name.
pub fn weekday(name: &str) -> Option<Weekday> {
    WEEKDAYS.iter().find(|(_, word)| word.eq_ignore_ascii_case(name)).map(|(day, _)| *day)
}

/// A day's name.
pub fn weekday_name(day: Weekday) -> &'static str {
    WEEKDAYS.iter().find(|(other, _)| *other == day).map_or("Monday", |(_, word)| word)
}

/// A month's number, 1 to 12, by its name.
pub fn month(name: &str) -> Option<u8> {
    let index = MONTHS.iter().position(|word| word.eq_ignore_ascii_case(name))?;
    u8::try_from(index + 1).ok()
}

/// A sensitivity; one that this version does not know is private, because masking too much harms less.
pub fn sensitivity(word: &str) -> Sensitivity {
    match word.to_ascii_lowercase().as_str() {
        "normal" | "" => Sensitivity::Normal,
        "personal" => Sensitivity::Personal,
        "confidential" => Sensitivity::Confidential,
        _ => Sensitivity::Private,
    }
}

/// A sensitivity's word.
pub const fn sensitivity_word(value: Sensitivity) -> &'static str {
    match value {
        Sensitivity::Normal => "Normal",
        Sensitivity::Personal => "Personal",
        Sensitivity::Private => "Private",
        Sensitivity::Confidential => "Confidential",
    }
}

/// An importance; an unknown one is normal.
pub fn importance(word: &str) -> Importance {
    match word.to_ascii_lowercase().as_str() {
        "low" => Importance::Low,
        "high" => Importance::High,
        _ => Importance::Normal,
    }
}

/// An importance's word.
pub const fn importance_word(value: Importance) -> &'static str {
    match value {
        Importance::Low => "Low",
        Importance::Normal => "Normal",
        Importance::High => "High",
    }
}
