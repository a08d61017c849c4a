//! Names of secrets: what the configuration writes, and how each source spells it.

use crate::SecretsError;

/// Longest name; file names, environment variables and messages stay readable.
const LONGEST: usize = 64;

/// Accepts a name of 1 to 64 of `a-z 0-9 . _ -` that starts with a letter or digit, so that no name is a path.
///
/// # Errors
/// [`SecretsError::Name`] with the rule.
pub fn check_name(name: &str) -> Result<(), SecretsError> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    let starts_well = name.chars().next().is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if starts_well && name.len() <= LONGEST && name.chars().all(allowed) {
        Ok(())
    } else {
        Err(SecretsError::Name { name: name.chars().take(LONGEST).collect() })
    }
}

/// The environment variable that may carry this secret: `calendar-client` is `CALPORT_SECRET_CALENDAR_CLIENT`.
/// Dots and hyphens both become underscores, so `a-b` and `a.b` share a variable.
#[must_use]
pub fn environment_variable(name: &str) -> String {
    let spelled: String = name.chars().map(|c| if matches!(c, '-' | '.') { '_' } else { c.to_ascii_uppercase() }).collect();
    format!("{}{spelled}", crate::sources::VARIABLE_PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feat_r04_names_are_bounded_and_never_paths() {
        let longest = "a".repeat(64);
        for good in ["a", "calendar-client", "pbx.manager_1", "0", longest.as_str()] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        let too_long = "a".repeat(65);
        for bad in ["", ".", "..", "../x", "a/b", "A", "ä", "a b", "-a", "_a", "a\n", too_long.as_str()] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn feat_r04_the_variable_is_upper_case_with_underscores() {
        assert_eq!(environment_variable("calendar-client.2"), "CALPORT_SECRET_CALENDAR_CLIENT_2");
    }
}
