//! Conditions and orders of FindItem, on items as they are written: a property's texts are compared as times, numbers or words.

use std::cmp::Ordering;

use jiff::Timestamp;

use super::soap::Fault;
use super::xml::Element;

/// Gives the texts of the property that a path names; none if the item has no such property.
pub(crate) type Lookup<'a> = &'a dyn Fn(&Element) -> Vec<String>;

/// Properties that cannot be searched for.
const UNSEARCHABLE: &[&str] = &[
    "calendar:UID",
    "calendar:Recurrence",
    "calendar:FirstOccurrence",
    "calendar:LastOccurrence",
    "calendar:ModifiedOccurrences",
    "calendar:DeletedOccurrences",
    "calendar:StartTimeZone",
    "calendar:EndTimeZone",
];

fn bad(what: &str) -> Fault {
    Fault::new("ErrorInvalidRestriction", format!("The restriction specified is invalid: {what}."))
}

/// The property of a comparison.
fn path(expression: &Element) -> Result<&Element, Fault> {
    let paths = ["FieldURI", "ExtendedFieldURI", "IndexedFieldURI"];
    let path = expression.children.iter().find(|c| paths.contains(&c.local())).ok_or_else(|| bad("a path is missing"))?;
    if path.attribute("FieldURI").is_some_and(|u| UNSEARCHABLE.contains(&u)) {
        return Err(Fault::new("ErrorUnsupportedPathForQuery", "The property can not be used with this type of restriction."));
    }
    Ok(path)
}

/// Whether an item fits an expression.
///
/// # Errors
/// `ErrorInvalidRestriction` or `ErrorUnsupportedQueryFilter`.
pub(crate) fn fits(expression: &Element, lookup: Lookup<'_>) -> Result<bool, Fault> {
    let all = |any: bool| {
        for child in &expression.children {
            if fits(child, lookup)? == any {
                return Ok(any);
            }
        }
        Ok(!any)
    };
    match expression.local() {
        "And" => all(false),
        "Or" => all(true),
        "Not" => Ok(!fits(expression.children.first().ok_or_else(|| bad("Not is empty"))?, lookup)?),
        "Exists" => Ok(!lookup(path(expression)?).is_empty()),
        "Contains" => contains(expression, &lookup(path(expression)?)),
        name => {
            let wanted = expression.at(&["FieldURIOrConstant", "Constant"]).and_then(|c| c.attribute("Value"));
            let wanted = match (wanted, expression.child("FieldURIOrConstant").and_then(|c| c.children.first())) {
                (Some(value), _) => vec![value.to_owned()],
                (None, Some(other)) => lookup(other),
                (None, None) => return Err(bad("a constant is missing")),
            };
            let found = lookup(path(expression)?);
            let order = found.first().zip(wanted.first()).map(|(f, w)| compare(f, w));
            Ok(match name {
                "IsEqualTo" => found.iter().any(|f| wanted.iter().any(|w| compare(f, w).is_eq())),
                "IsNotEqualTo" => !order.is_some_and(Ordering::is_eq),
                "IsGreaterThan" => order.is_some_and(Ordering::is_gt),
                "IsGreaterThanOrEqualTo" => order.is_some_and(Ordering::is_ge),
                "IsLessThan" => order.is_some_and(Ordering::is_lt),
                "IsLessThanOrEqualTo" => order.is_some_and(Ordering::is_le),
                _ => return Err(Fault::new("ErrorUnsupportedQueryFilter", format!("The filter '{name}' is not supported."))),
            })
        }
    }
}

fn contains(expression: &Element, found: &[String]) -> Result<bool, Fault> {
    let wanted = expression.child("Constant").and_then(|c| c.attribute("Value")).ok_or_else(|| bad("a constant is missing"))?;
    let exact = matches!(expression.attribute("ContainmentComparison"), None | Some("Exact"));
    let fold = |t: &str| if exact { t.to_owned() } else { t.to_lowercase() };
    let wanted = fold(wanted);
    Ok(found.iter().map(|f| fold(f)).any(|f| match expression.attribute("ContainmentMode") {
        None | Some("FullString") => f == wanted,
        Some("Prefixed" | "PrefixOnWords") => f.starts_with(&wanted),
        _ => f.contains(&wanted),
    }))
}

/// Compares two texts as what they both are.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    if let (Ok(a), Ok(b)) = (a.parse::<Timestamp>(), b.parse::<Timestamp>()) {
        return a.cmp(&b);
    }
    if let (Ok(a), Ok(b)) = (a.parse::<i64>(), b.parse::<i64>()) {
        return a.cmp(&b);
    }
    a.to_lowercase().cmp(&b.to_lowercase())
}

/// The texts of everything in an item but its id: what a lookup of one property comes to.
pub(crate) fn texts(item: &Element) -> Vec<String> {
    let mut out = Vec::new();
    for part in item.children.iter().filter(|c| c.local() != "ItemId") {
        part.walk(&mut |e| {
            if e.children.is_empty() && e.local() != "ExtendedFieldURI" {
                out.push(e.text.clone());
            }
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_joined_and_compared_as_what_they_are() {
        let constant = |v: &str| Element::new("t:FieldURIOrConstant").with(Element::new("t:Constant").attr("Value", v));
        let path = || Element::new("t:FieldURI").attr("FieldURI", "calendar:Start");
        let one = |name: &str, v: &str| Element::new(name).with(path()).with(constant(v));
        let lookup = |_: &Element| vec!["2026-01-05T09:00:00Z".to_owned()];
        assert!(fits(&one("t:IsEqualTo", "2026-01-05T10:00:00+01:00"), &lookup).unwrap());
        assert!(fits(&one("t:IsGreaterThan", "2026-01-05T08:59:59Z"), &lookup).unwrap());
        assert!(fits(&Element::new("t:Not").with(one("t:IsLessThan", "2026-01-01T00:00:00Z")), &lookup).unwrap());
        let both = Element::new("t:And").with(one("t:IsEqualTo", "2026-01-05T09:00:00Z")).with(one("t:IsLessThan", "2000-01-01T00:00:00Z"));
        assert!(!fits(&both, &lookup).unwrap());
        assert!(fits(&Element::new("t:Or").with_all(both.children), &lookup).unwrap());
        assert!(fits(&Element::new("t:Excludes").with(path()).with(constant("1")), &lookup).is_err());
    }
}
