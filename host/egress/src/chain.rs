//! Looking into a chain of errors, including what `io::Error` hides.

use std::error::Error;

/// The first answer that `pick` gives for a link of the chain.
pub(crate) fn find<T>(error: &(dyn Error + 'static), pick: impl Fn(&(dyn Error + 'static)) -> Option<T> + Copy) -> Option<T> {
    /// Longer chains do not occur; a cycle would not end.
    const LONGEST: usize = 32;
    let mut current = Some(error);
    for _ in 0..LONGEST {
        let link = current?;
        if let Some(found) = pick(link) {
            return Some(found);
        }
        let hidden = link.downcast_ref::<std::io::Error>().and_then(|io| io.get_ref());
        if let Some(found) = hidden.and_then(|inner| find(inner, pick)) {
            return Some(found);
        }
        current = link.source();
    }
    None
}

/// The innermost message, which names the cause; outer ones repeat the URL with its query.
pub(crate) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut current = error;
    while let Some(next) = current.source() {
        current = next;
    }
    current.to_string().chars().take(200).collect()
}
