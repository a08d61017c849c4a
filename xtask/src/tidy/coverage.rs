//! Rule `coverage`: `docs/coverage.md` has one line per feature, and says nothing that is not so.
//!
//! A line is `| C01 | what it is | proof |`. The proof is `not yet`, or names of tests in backticks. Each named test
//! exists, and is named after what it proves: at least one carries the feature as `feat_c01`; others may carry a rule
//! (`rule_p13`) or a behaviour (`b07`) instead.

use std::collections::BTreeMap;

use super::Finding;
use super::tests_named::tests_of;
use super::tree::{File, Tree};

/// The page.
const PAGE: &str = "docs/coverage.md";

/// What stands for a feature without proof.
const NOT_YET: &str = "not yet";

/// The features: a letter and how many.
const FEATURES: &[(char, u8)] = &[('C', 20), ('P', 15), ('E', 17), ('R', 8), ('X', 13)];

/// Checks the page against the list of features and the tests of the tree.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let Some(page) = tree.file(PAGE) else {
        return vec![Finding::error("coverage", PAGE, 1, "is missing: one line per feature, `| C01 | what | not yet |`")];
    };
    let tests = tests_of(tree);
    let mut lines_of: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut findings = Vec::new();
    for (number, row) in rows(page) {
        lines_of.entry(row.id.to_owned()).or_default().push(number);
        let say = |message| Finding::error("coverage", PAGE, number, message);
        findings.extend(problems(&row, |name| tests.contains(name)).into_iter().map(say));
    }
    findings.extend(presence_of_ids(&lines_of));
    findings
}

/// One line of the table.
struct Row<'a> {
    id: &'a str,
    proof: &'a str,
}

/// The lines of the table whose first cell looks like a feature.
fn rows(page: &File) -> impl Iterator<Item = (usize, Row<'_>)> {
    page.lines().filter_map(|(number, line)| {
        let mut cells = line.trim().strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim);
        let (id, _, proof) = (cells.next()?, cells.next()?, cells.next()?);
        let mut chars = id.chars();
        let looks_like_one = chars.next().is_some_and(|c| c.is_ascii_uppercase()) && chars.all(|c| c.is_ascii_digit()) && id.len() == 3;
        looks_like_one.then_some((number, Row { id, proof }))
    })
}

fn problems(row: &Row<'_>, exists: impl Fn(&str) -> bool) -> Vec<String> {
    if row.proof == NOT_YET {
        return Vec::new();
    }
    let names: Vec<&str> = row.proof.split('`').skip(1).step_by(2).collect();
    if names.is_empty() {
        return vec![format!("{}: neither `{NOT_YET}` nor the name of a test in backticks", row.id)];
    }
    let mut problems = Vec::new();
    let mark = format!("feat_{}", row.id.to_lowercase());
    for name in &names {
        if !exists(name) {
            problems.push(format!("{}: no test `{name}` in the tree", row.id));
        }
        if !has_mark(name, &mark) && !names_a_rule(name) {
            problems.push(format!("{}: the name `{name}` carries neither `{mark}` nor a rule (rule_p13, b07)", row.id));
        }
    }
    if !names.iter().any(|name| has_mark(name, &mark)) {
        problems.push(format!("{}: none of its tests carries `{mark}` in its name", row.id));
    }
    problems
}

/// Whether a mark stands in a name, bounded by underscores or its ends.
fn has_mark(name: &str, mark: &str) -> bool {
    let bounded = |at: usize| {
        let before = name.get(..at).is_some_and(|text| text.is_empty() || text.ends_with('_'));
        let after = name.get(at + mark.len()..).is_some_and(|text| text.is_empty() || text.starts_with('_'));
        before && after
    };
    name.match_indices(mark).any(|(at, _)| bounded(at))
}

/// Whether a name carries a rule of SEMANTICS: `rule_p13`, `rule_c03`, or a behaviour `b07`.
fn names_a_rule(name: &str) -> bool {
    let mut parts = name.split('_').peekable();
    while let Some(part) = parts.next() {
        let after_rule = part == "rule" && parts.peek().is_some_and(|next| is_id(next));
        if after_rule || (part.starts_with('b') && is_id(part)) {
            return true;
        }
    }
    false
}

/// A small letter and at least two digits.
fn is_id(part: &str) -> bool {
    let digits = part.strip_prefix(|c: char| c.is_ascii_lowercase());
    digits.is_some_and(|digits| digits.len() >= 2 && digits.chars().all(|c| c.is_ascii_digit()))
}

fn presence_of_ids(lines_of: &BTreeMap<String, Vec<usize>>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for id in ids() {
        match lines_of.get(&id).map_or(&[][..], Vec::as_slice) {
            [] => findings.push(Finding::error("coverage", PAGE, 1, format!("{id} has no line"))),
            [_] => {}
            [_, again, ..] => findings.push(Finding::error("coverage", PAGE, *again, format!("{id} has more than one line"))),
        }
    }
    for (id, lines) in lines_of {
        if !ids().any(|known| known == *id) {
            let line = lines.first().copied().unwrap_or(1);
            findings.push(Finding::error("coverage", PAGE, line, format!("{id} is no feature")));
        }
    }
    findings
}

fn ids() -> impl Iterator<Item = String> {
    FEATURES.iter().flat_map(|(letter, count)| (1..=*count).map(move |number| format!("{letter}{number:02}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(change: impl Fn(&str) -> Option<String>) -> String {
        let lines = ids().map(|id| change(&id).unwrap_or_else(|| format!("| {id} | something | not yet |")));
        format!("# Coverage\n\n| ID | what | proof |\n|---|---|---|\n{}\n", lines.collect::<Vec<_>>().join("\n"))
    }

    fn found(page: &str, tests: &str) -> Vec<String> {
        check(&Tree::of(&[(PAGE, page), ("host/x/src/lib.rs", tests)])).into_iter().map(|one| one.message).collect()
    }

    const TESTS: &str = "#[test]\nfn feat_c03_works() {}\n#[tokio::test]\nasync fn rule_p13_works() {}\nfn feat_c03_helper() {}\n";

    fn with_proof(proof: &str) -> String {
        page(|id| (id == "C03").then(|| format!("| C03 | something | {proof} |")))
    }

    #[test]
    fn a_complete_page_is_clean() {
        assert_eq!(found(&page(|_| None), ""), Vec::<String>::new());
        assert_eq!(found(&with_proof("`feat_c03_works`, `rule_p13_works`"), TESTS), Vec::<String>::new());
    }

    #[test]
    fn a_missing_page_and_missing_double_and_unknown_lines_are_found() {
        assert_eq!(check(&Tree::of(&[])).len(), 1);
        assert_eq!(found(&page(|id| (id == "E17").then(String::new)), ""), ["E17 has no line"]);
        let double = page(|id| (id == "R02").then(|| "| R02 | a | not yet |\n| R02 | b | not yet |".to_owned()));
        assert_eq!(found(&double, ""), ["R02 has more than one line"]);
        let unknown = page(|id| (id == "X13").then(|| "| X13 | a | not yet |\n| X14 | b | not yet |".to_owned()));
        assert_eq!(found(&unknown, ""), ["X14 is no feature"]);
    }

    #[test]
    fn a_named_test_must_exist_as_a_test() {
        assert_eq!(found(&with_proof("`feat_c03_gone`"), TESTS), ["C03: no test `feat_c03_gone` in the tree"]);
        assert_eq!(found(&with_proof("`feat_c03_helper`"), TESTS), ["C03: no test `feat_c03_helper` in the tree"]);
    }

    #[test]
    fn a_proof_must_carry_the_feature() {
        let problems = found(&with_proof("`rule_p13_works`"), TESTS);
        assert_eq!(problems, ["C03: none of its tests carries `feat_c03` in its name"]);
        assert_eq!(found(&with_proof("soon"), TESTS).len(), 1);
    }

    #[test]
    fn marks_are_bounded() {
        assert!(has_mark("feat_c03_works", "feat_c03") && has_mark("all_feat_c03", "feat_c03"));
        assert!(!has_mark("feat_c031_works", "feat_c03") && !has_mark("xfeat_c03", "feat_c03"));
        assert!(names_a_rule("b07_removed") && names_a_rule("rule_p13_x") && !names_a_rule("rule_of_thumb") && !names_a_rule("base64_b6"));
    }
}
