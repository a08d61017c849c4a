//! What somebody does, by the names of RFC 4480 3.2: the one table.

use calport_model::Availability;

use super::config::Class;

/// The activity of a state, unless a template names one.
///
/// | state | because of | activity |
/// |---|---|---|
/// | available | working elsewhere | `working` |
/// | available | anything else, or nothing | empty |
/// | busy | an appointment | `appointment` |
/// | busy | an override, the out-of-office setting | `busy` |
/// | away | anything | `away` |
/// | do not disturb | anything | `busy` |
///
/// Out of office is not `vacation`, and an appointment not `meeting`: neither is known, and the sink would say it.
pub(super) fn of(availability: Availability, class: Option<Class>) -> &'static str {
    match (availability, class) {
        (Availability::Available, Some(Class::WorkingElsewhere)) => "working",
        (Availability::Available | Availability::Unknown, _) => "",
        (Availability::Busy, Some(Class::OofSetting) | None) | (Availability::DoNotDisturb, _) => "busy",
        (Availability::Busy, Some(_)) => "appointment",
        (Availability::Away, _) => "away",
    }
}
