//! The valid name that was probably meant.

/// The nearest of some names, if one is near enough to be a slip of the pen: at most a third of it differs, or it is the
/// beginning of the name.
pub(crate) fn nearest<'a>(given: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = given.to_lowercase();
    let distance = |name: &str| {
        let name = name.to_lowercase();
        let differ = strsim::damerau_levenshtein(&folded, &name);
        let begins = folded.len() >= SHORTEST_BEGINNING && name.starts_with(&folded);
        let near = differ <= (name.chars().count().max(given.chars().count()) / 3).max(1);
        (near || begins).then_some(differ)
    };
    names.into_iter().filter_map(|name| distance(name).map(|differ| (differ, name))).min().map(|(_, name)| name)
}

/// The remedy for an unknown name: the nearest one, else the list of them, shortened.
pub(crate) fn suggest<'a>(given: &str, names: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    if let Some(name) = nearest(given, names.clone()) {
        return Some(format!("did you mean `{name}`?"));
    }
    let mut shown: Vec<String> = names.clone().into_iter().take(MOST_SHOWN).map(|name| format!("`{name}`")).collect();
    if names.into_iter().nth(MOST_SHOWN).is_some() {
        shown.push("...".to_owned());
    }
    (!shown.is_empty()).then(|| format!("known here: {}", shown.join(", ")))
}

/// Shorter beginnings are chance.
const SHORTEST_BEGINNING: usize = 3;

/// Longer lists do not help the reader.
const MOST_SHOWN: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_name_and_another_word_does_not() {
        let names = ["data_dir", "plugins_dir", "cache_dir"];
        assert_eq!(nearest("dta_dir", names), Some("data_dir"));
        assert_eq!(nearest("Plugin_dir", names), Some("plugins_dir"));
        assert_eq!(nearest("cache", names), Some("cache_dir"));
        assert_eq!(nearest("colour", names), None);
        assert_eq!(suggest("colour", names).as_deref(), Some("known here: `data_dir`, `plugins_dir`, `cache_dir`"));
        assert_eq!(suggest("colour", []), None);
    }
}
