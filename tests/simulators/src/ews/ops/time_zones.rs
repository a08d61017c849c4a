//! `GetServerTimeZones`: the Windows zones that CLDR knows, with the rules that they have this year.

use std::collections::BTreeSet;

use jiff::Timestamp;
use windows_timezones::WindowsTimezone;

use crate::ews::context::Context;
use crate::ews::soap::{Fault, Trouble, response};
use crate::ews::xml::Element;
use crate::ews::zone;

/// All zones, or those that are asked for.
pub(crate) fn run(context: &mut Context<'_>, request: &Element) -> Result<Element, Fault> {
    let full = request.attribute("ReturnFullTimeZoneData").is_none_or(|f| f == "true" || f == "1").then_some(context.now);
    let definition = |name: &str| {
        let unknown = || Trouble::new("ErrorInvalidRequest", format!("The time zone '{name}' is not known to the server."));
        definition(name, full).ok_or_else(unknown)
    };
    let found: Result<Vec<Element>, Trouble> = match request.child("Ids") {
        Some(ids) => ids.children.iter().map(|id| definition(id.text.trim())).collect(),
        None => names().into_iter().map(definition).collect(),
    };
    let message = found.map(|zones| vec![Element::new("m:TimeZoneDefinitions").with_all(zones)]);
    Ok(response("GetServerTimeZones", vec![message]))
}

/// The names in order.
fn names() -> BTreeSet<&'static str> {
    chrono_tz::TZ_VARIANTS.iter().filter_map(|zone| WindowsTimezone::try_from(*zone).ok()).map(WindowsTimezone::name).collect()
}

fn definition(name: &str, rules: Option<Timestamp>) -> Option<Element> {
    let shown = match name {
        "UTC" => "(UTC) Coordinated Universal Time",
        other => other.parse::<WindowsTimezone>().ok()?.description(),
    };
    let zone = zone::known(name)?;
    let out = Element::new("t:TimeZoneDefinition").attr("Name", shown).attr("Id", name);
    Some(out.with_all(rules.map(|at| zone::definition(&zone, at)).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b55_every_name_has_a_definition() {
        assert!(names().len() > 130, "{}", names().len());
        for name in names() {
            let whole = definition(name, Some(Timestamp::UNIX_EPOCH));
            assert_eq!(whole.map(|w| w.children.len()), Some(3), "{name}");
        }
        assert!(definition("Europe/Berlin", None).is_none() && definition("Nowhere Standard Time", None).is_none());
    }
}
