//! Rule `size`: a source file that grows past its limit holds two things.

use super::Finding;
use super::tree::Tree;

/// Files longer than this are listed (STYLE: median under 150 lines, none over 800 in the trees we learn from).
const LISTED: usize = 500;

/// Files longer than this must be split.
const LIMIT: usize = 600;

/// Checks every source file.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.ending(&[".rs", ".py", ".wit", ".js", ".ts"]) {
        let lines = file.text.lines().count();
        if lines > LIMIT {
            let message = format!("{lines} lines, more than {LIMIT}: split it by topic");
            findings.push(Finding::error("size", &file.path, LIMIT + 1, message));
        } else if lines > LISTED {
            let message = format!("{lines} lines, more than {LISTED}: does it hold two things?");
            findings.push(Finding::note("size", &file.path, LISTED + 1, message));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_free_then_noted_then_refused() {
        let lines = |count: usize| "x\n".repeat(count);
        let (free, noted, refused) = (lines(500), lines(600), lines(601));
        let tree = Tree::of(&[("a.rs", &free), ("b.rs", &noted), ("c.rs", &refused), ("d.md", &refused)]);
        let found: Vec<(String, bool)> = check(&tree).into_iter().map(|one| (one.path, one.note)).collect();
        assert_eq!(found, [("b.rs".to_owned(), true), ("c.rs".to_owned(), false)]);
    }
}
