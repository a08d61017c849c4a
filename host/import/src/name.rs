//! Names as people write them: compared by letters and digits alone.

/// Longest name that is compared or repeated, in characters: the longest of any product has 60.
pub(crate) const LONGEST: usize = 100;

/// The letters and digits of a name, in lower case: `E-Mail address` is `Email Address`.
pub(crate) fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The name that was probably meant: at most a third of it differs.
pub(crate) fn nearest<'a>(given: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if given.chars().count() > LONGEST {
        return None;
    }
    let given = plain(given);
    let near = names.into_iter().filter_map(|name| {
        let plain = plain(name);
        let differ = strsim::damerau_levenshtein(&given, &plain);
        (!given.is_empty() && differ <= plain.chars().count().max(given.chars().count()) / 3).then_some((differ, name))
    });
    near.min_by_key(|(differ, _)| *differ).map(|(_, name)| name)
}

/// A name for connections, flows and rules: `a-z`, `0-9` and `-`; empty when nothing is left.
pub(crate) fn slug(label: &str) -> String {
    let mapped = label.chars().flat_map(char::to_lowercase).map(|c| match c {
        'ä' => "ae".to_owned(),
        'ö' | 'ø' => "oe".to_owned(),
        'ü' => "ue".to_owned(),
        'å' => "aa".to_owned(),
        'æ' => "ae".to_owned(),
        'ß' => "ss".to_owned(),
        c if c.is_ascii_alphanumeric() => c.to_string(),
        _ => "-".to_owned(),
    });
    let joined: String = mapped.collect();
    let parts: Vec<&str> = joined.split('-').filter(|part| !part.is_empty()).collect();
    parts.join("-").chars().take(30).collect::<String>().trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_whatever_their_case_and_punctuation() {
        assert_eq!(plain("Sync-Type"), plain("sync type"));
        assert_eq!(plain("URI (using EWS)"), "uriusingews");
    }

    #[test]
    fn a_slip_finds_its_name_and_another_word_does_not() {
        assert_eq!(nearest("Tennant id", ["Client id", "Tenant id"]), Some("Tenant id"));
        assert_eq!(nearest("Colour", ["Client id", "Tenant id"]), None);
        assert_eq!(nearest(&"x".repeat(1_000_000), ["x"]), None);
        assert_eq!(nearest("", ["x"]), None);
    }

    #[test]
    fn a_label_becomes_a_name_of_the_configuration() {
        assert_eq!(slug("Køln / Süd 2"), "koeln-sued-2");
        assert_eq!(slug("日本"), "");
        assert!(slug(&"a-".repeat(50)).len() <= 30);
    }
}
