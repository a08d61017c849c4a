//! Answers that differ from the documentation: what a switch or a fault rule does to a finished answer.

use super::config::Deviations;
use super::fault::Kind;
use super::xml::Element;

/// Items as they stand in answers.
const ITEMS: &[&str] = &["CalendarItem", "Task", "Contact", "Message"];
/// What an item can do without.
const OPTIONAL: &[&str] = &[
    "LastModifiedTime",
    "DateTimeCreated",
    "Size",
    "IsMeeting",
    "IsRecurring",
    "MyResponseType",
    "AppointmentState",
    "AppointmentSequenceNumber",
    "MeetingRequestWasSent",
    "ReminderIsSet",
    "Importance",
    "Culture",
    "EffectiveRights",
];

fn is_item(e: &Element) -> bool {
    ITEMS.contains(&e.local()) && e.name.starts_with("t:")
}

/// Applies the switches.
pub(crate) fn answer(root: &mut Element, on: &Deviations) {
    if *on == Deviations::default() {
        return;
    }
    root.change(&mut |e| {
        if let Some(digits) = on.fraction_digits {
            e.text = fraction(&e.text, digits).unwrap_or_else(|| std::mem::take(&mut e.text));
        }
        if !is_item(e) {
            return;
        }
        if on.missing_optional {
            e.children.retain(|c| !OPTIONAL.contains(&c.local()));
        }
        if on.other_order {
            e.children.reverse();
        }
        if on.unknown_elements {
            e.attributes.push(("Sparkle".to_owned(), "7".to_owned()));
            e.children.insert(0, Element::new("t:Novelty").attr("Of", "2031").with_text("t:Subject", "not the subject"));
            e.children.push(Element::of("x:Foreign", "none of ours").attr("xmlns:x", "urn:calport:unknown"));
        }
    });
}

/// A time in UTC with that many digits of fraction; none for anything else.
fn fraction(text: &str, digits: u8) -> Option<String> {
    let whole = text.strip_suffix('Z').filter(|w| w.len() == 19 && w.as_bytes().get(10) == Some(&b'T'))?;
    (digits > 0).then(|| format!("{whole}.{}Z", "0".repeat(usize::from(digits))))
}

/// Spoils the first item, if the fault says so.
pub(crate) fn item(root: &mut Element, fault: Option<&Kind>) {
    let mut spoiled = false;
    let mut spoil = |change: &dyn Fn(&mut Element)| {
        root.change(&mut |e| {
            if is_item(e) && !spoiled {
                spoiled = true;
                change(e);
            }
        });
    };
    match fault {
        Some(Kind::NoItemId) => spoil(&|e| e.children.retain(|c| c.local() != "ItemId")),
        Some(Kind::UnknownValue) => spoil(&|e| {
            for c in &mut e.children {
                if ["LegacyFreeBusyStatus", "Sensitivity", "CalendarItemType", "MyResponseType"].contains(&c.local()) {
                    "Quantum".clone_into(&mut c.text);
                }
            }
        }),
        Some(Kind::EndBeforeStart) => spoil(&|e| {
            let start = e.value("Start").map(str::to_owned);
            for c in &mut e.children {
                if c.local() == "End" && start.is_some() {
                    "1999-12-31T23:00:00Z".clone_into(&mut c.text);
                }
            }
        }),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_times_get_digits() {
        assert_eq!(fraction("2026-01-05T09:00:00Z", 7).as_deref(), Some("2026-01-05T09:00:00.0000000Z"));
        for other in ["2026-01-05T09:00:00+01:00", "NoError", "2026-01-05 09:00:00Z", "ZZZZZZZZZZZZZZZZZZZZ"] {
            assert_eq!(fraction(other, 7), None, "{other}");
        }
    }
}
