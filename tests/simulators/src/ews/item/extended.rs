//! Extended properties: the path of EWS beside the id of Graph, so that one finds what the other wrote.

use serde_json::{Value, json};

use crate::ews::soap::Trouble;
use crate::ews::xml::Element;

/// Distinguished property sets.
const SETS: [(&str, &str); 10] = [
    ("Meeting", "6ed8da90-450b-101b-98da-00aa003f1305"),
    ("Appointment", "00062002-0000-0000-c000-000000000046"),
    ("Common", "00062008-0000-0000-c000-000000000046"),
    ("PublicStrings", "00020329-0000-0000-c000-000000000046"),
    ("Address", "00062004-0000-0000-c000-000000000046"),
    ("InternetHeaders", "00020386-0000-0000-c000-000000000046"),
    ("CalendarAssistant", "11000e07-b51b-40d6-af21-caa85edab1d0"),
    ("UnifiedMessaging", "4442858e-a9e3-4e80-b900-317a210cc15b"),
    ("Task", "00062003-0000-0000-c000-000000000046"),
    ("Sharing", "00062040-0000-0000-c000-000000000046"),
];

fn invalid() -> Trouble {
    Trouble::new("ErrorInvalidExtendedProperty", "The extended property attribute combination is invalid.")
}

/// Graph's id of the property that an `ExtendedFieldURI` names.
///
/// # Errors
/// `ErrorInvalidExtendedProperty` for a combination of attributes that names nothing.
pub(crate) fn id(path: &Element) -> Result<String, Trouble> {
    let kind = path.attribute("PropertyType").ok_or_else(invalid)?;
    let number = |text: &str| match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    };
    let set = match (path.attribute("DistinguishedPropertySetId"), path.attribute("PropertySetId")) {
        (Some(name), None) => Some(SETS.iter().find(|(n, _)| *n == name).map(|(_, g)| (*g).to_owned()).ok_or_else(invalid)?),
        (None, Some(guid)) => Some(guid.to_ascii_lowercase()),
        (None, None) => None,
        (Some(_), Some(_)) => return Err(invalid()),
    };
    let (tag, name, number_in_set) = (path.attribute("PropertyTag"), path.attribute("PropertyName"), path.attribute("PropertyId"));
    Ok(match (set, tag, name, number_in_set) {
        (None, Some(tag), None, None) => format!("{kind} 0x{:04x}", number(tag).ok_or_else(invalid)?),
        (Some(set), None, Some(name), None) => format!("{kind} {{{set}}} Name {name}"),
        (Some(set), None, None, Some(id)) => format!("{kind} {{{set}}} Id 0x{:04x}", number(id).ok_or_else(invalid)?),
        _ => return Err(invalid()),
    })
}

/// The properties that `t:ExtendedProperty` elements set, as Graph keeps them.
///
/// # Errors
/// A bad path, or a list of values.
pub(crate) fn read<'a>(elements: impl Iterator<Item = &'a Element>) -> Result<Vec<Value>, Trouble> {
    let mut out = Vec::new();
    for element in elements {
        let path = element.child("ExtendedFieldURI").ok_or_else(invalid)?;
        let value = element
            .child("Value")
            .ok_or_else(|| Trouble::new("ErrorUnsupportedMapiPropertyType", "The property type is not supported."))?;
        out.push(json!({"id": id(path)?, "value": value.text}));
    }
    Ok(out)
}

/// The wanted ones among the properties that are there.
pub(crate) fn write(all: Option<&Value>, wanted: &[Element]) -> Vec<Element> {
    let all = all.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let one = |path: &Element| {
        let id = id(path).ok()?;
        let found = all.iter().find(|p| crate::graph::render::same_property(p, &id))?;
        let value = found.get("value").and_then(Value::as_str)?;
        let mut path = path.clone();
        "t:ExtendedFieldURI".clone_into(&mut path.name);
        Some(Element::new("t:ExtendedProperty").with(path).with_text("t:Value", value))
    };
    wanted.iter().filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s14_a_property_has_the_id_that_graph_has_for_it() {
        let path = |pairs: &[(&str, &str)]| pairs.iter().fold(Element::new("t:ExtendedFieldURI"), |e, (n, v)| e.attr(n, v));
        let named =
            path(&[("PropertySetId", "66F5A359-4659-4830-9070-00047EC6AC6E"), ("PropertyName", "Color"), ("PropertyType", "String")]);
        assert_eq!(id(&named).unwrap(), "String {66f5a359-4659-4830-9070-00047ec6ac6e} Name Color");
        let numbered = path(&[("DistinguishedPropertySetId", "Appointment"), ("PropertyId", "33332"), ("PropertyType", "String")]);
        assert_eq!(id(&numbered).unwrap(), "String {00062002-0000-0000-c000-000000000046} Id 0x8234");
        assert_eq!(id(&path(&[("PropertyTag", "0x3a45"), ("PropertyType", "String")])).unwrap(), "String 0x3a45");
        assert!(id(&path(&[("PropertyTag", "0x3a45"), ("PropertyName", "x"), ("PropertyType", "String")])).is_err());
    }
}
