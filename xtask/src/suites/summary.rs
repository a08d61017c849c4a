//! Counting what test runners report on their last lines.
//!
//! The formats are those of cargo-nextest, of libtest (`cargo test`) and of pytest. Each parser looks for the runner's
//! own summary line only; a text without one gives nothing, and the caller treats that as a failure.

use super::Counts;

/// cargo-nextest: `Summary [ 1.2s] 7 tests run: 5 passed (1 slow), 1 failed, 1 timed out, 3 skipped`.
///
/// Its `skipped` counts tests that the filter left out, which are no skips of ours; ignored tests are forbidden by
/// `cargo xtask tidy`. A run stopped by `--max-fail` says `5/7 tests run`.
pub fn nextest(text: &str) -> Option<Counts> {
    let line = text.lines().rev().find(|line| line.trim_start().starts_with("Summary ["))?;
    let (_, results) = line.split_once("run:")?;
    let mut counts = Counts::default();
    for (number, word) in pairs(results) {
        match word {
            "passed" => counts.passed += number,
            "failed" | "timed" | "exec" => counts.failed += number,
            _ => {}
        }
    }
    Some(counts)
}

/// libtest: one line `test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; ...` per binary.
pub fn libtest(text: &str) -> Option<Counts> {
    let mut results = text.lines().filter_map(|line| line.trim_start().strip_prefix("test result:")).peekable();
    results.peek()?;
    let mut counts = Counts::default();
    for (number, word) in results.flat_map(pairs) {
        match word {
            "passed" => counts.passed += number,
            "failed" => counts.failed += number,
            "ignored" => counts.skipped += number,
            _ => {}
        }
    }
    Some(counts)
}

/// pytest: `==== 2 failed, 5 passed, 1 skipped, 1 error in 0.52s ====`.
pub fn pytest(text: &str) -> Option<Counts> {
    let line = text.lines().rev().find(|line| line.contains(" in ") && !pairs(line.trim_matches(['=', ' '])).is_empty())?;
    let (results, _) = line.trim_matches(['=', ' ']).rsplit_once(" in ")?;
    let mut counts = Counts::default();
    for (number, word) in pairs(results) {
        match word {
            "passed" | "xfailed" => counts.passed += number,
            "failed" | "error" | "errors" | "xpassed" => counts.failed += number,
            "skipped" => counts.skipped += number,
            _ => {}
        }
    }
    Some(counts)
}

/// Every number of a text with the word after it: `5 passed (1 slow), 1 failed` gives (5, passed), (1, slow), (1, failed).
fn pairs(text: &str) -> Vec<(u64, &str)> {
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '(' | ')')).filter(|word| !word.is_empty()).collect();
    let next = words.iter().skip(1);
    words.iter().zip(next).filter_map(|(number, word)| Some((number.parse().ok()?, *word))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(passed: u64, failed: u64, skipped: u64) -> Option<Counts> {
        Some(Counts { passed, failed, skipped })
    }

    #[test]
    fn nextest_summaries_are_read() {
        let green = "  PASS [ 0.1s] x\n------------\n     Summary [   0.005s] 3 tests run: 3 passed, 12 skipped\n";
        assert_eq!(nextest(green), counts(3, 0, 0));
        let red = "     Summary [  10.1s] 7 tests run: 4 passed (1 slow, 1 flaky), 1 failed, 1 exec failed, 1 timed out, 3 skipped\n";
        assert_eq!(nextest(red), counts(4, 3, 0));
        let stopped = "     Summary [   1.1s] 2/9 tests run: 1 passed, 1 failed, 0 skipped\n  FAIL [ 0.1s] y";
        assert_eq!(nextest(stopped), counts(1, 1, 0));
    }

    #[test]
    fn libtest_results_are_added_up() {
        let text = "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
                    \n   Doc-tests x\n\ntest result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 4 filtered out; finished in 1.0s\n";
        assert_eq!(libtest(text), counts(7, 1, 1));
    }

    #[test]
    fn pytest_summaries_are_read() {
        assert_eq!(pytest("...\n===== 2 failed, 5 passed, 1 skipped, 1 error in 0.52s =====\n"), counts(5, 3, 1));
        assert_eq!(pytest(".s\n1 passed, 1 skipped in 65.03s (0:01:05)\n"), counts(1, 0, 1));
    }

    #[test]
    fn a_text_without_a_summary_gives_nothing() {
        for text in ["", "error: could not compile `x`", "3 tests failed in spirit"] {
            assert_eq!(nextest(text), None, "{text}");
            assert_eq!(libtest(text), None, "{text}");
        }
        assert_eq!(pytest("ERROR: file not found: x\n"), None);
    }
}
