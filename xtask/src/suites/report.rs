//! What came of each step, and the table at the end.

use std::time::Duration;

use crate::process;

/// Numbers of tests.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Counts {
    /// Ran and held.
    pub passed: u64,
    /// Ran and did not hold, or could not be built.
    pub failed: u64,
    /// Did not run.
    pub skipped: u64,
}

/// One run of one tool.
#[derive(Debug)]
pub struct Step {
    suite: &'static str,
    name: String,
    outcome: Outcome,
}

/// How a step ended.
#[derive(Debug)]
pub enum Outcome {
    /// It ran; the counts are the tool's own.
    Ran {
        /// What the tool counted.
        counts: Counts,
        /// How long it ran, building included.
        elapsed: Duration,
    },
    /// It could not even begin, or ended without counting.
    Failed(String),
    /// This machine lacks something; the text says what, and how to get it.
    Skipped(String),
}

impl Step {
    /// A step with any outcome.
    pub fn new(suite: &'static str, name: impl Into<String>, outcome: Outcome) -> Self {
        Self { suite, name: name.into(), outcome }
    }

    /// A step that counts as one failure.
    pub fn failed(suite: &'static str, name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::new(suite, name, Outcome::Failed(reason.into()))
    }

    /// A step that counts as one skip.
    pub fn skipped(suite: &'static str, name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::new(suite, name, Outcome::Skipped(reason.into()))
    }

    fn counts(&self) -> Counts {
        match self.outcome {
            Outcome::Ran { counts, .. } => counts,
            Outcome::Failed(_) => Counts { failed: 1, ..Counts::default() },
            Outcome::Skipped(_) => Counts { skipped: 1, ..Counts::default() },
        }
    }
}

impl Outcome {
    /// The outcome of a tool that ended with success or not and printed a summary or none.
    ///
    /// A success without one single test is a failure: a filter that matches nothing must not look green.
    pub fn judge(success: bool, counts: Option<Counts>, elapsed: Duration) -> Self {
        let counts = counts.unwrap_or_default();
        if success && counts.passed + counts.failed + counts.skipped == 0 {
            return Self::Failed("ran no test".to_owned());
        }
        if !success && counts.failed == 0 {
            let text = format!("did not build, or was stopped ({} tests had passed): see its output above", counts.passed);
            return Self::Failed(text);
        }
        Self::Ran { counts, elapsed }
    }
}

/// The sum over all steps.
pub fn total(steps: &[Step]) -> Counts {
    steps.iter().map(Step::counts).fold(Counts::default(), |sum, one| Counts {
        passed: sum.passed + one.passed,
        failed: sum.failed + one.failed,
        skipped: sum.skipped + one.skipped,
    })
}

/// Prints the table, then each reason of a skip or a failure.
pub fn print(steps: &[Step]) {
    println!();
    for line in lines(steps) {
        println!("{line}");
    }
    println!();
}

fn lines(steps: &[Step]) -> Vec<String> {
    let width = steps.iter().map(|step| step.name.len()).max().unwrap_or(0).max(4);
    let mut lines = vec![format!("{:<9} {:<width$} {:>7} {:>7} {:>7} {:>12}", "suite", "step", "passed", "failed", "skipped", "time")];
    for step in steps {
        let counts = step.counts();
        let time = match &step.outcome {
            Outcome::Ran { elapsed, .. } => process::seconds(*elapsed),
            Outcome::Failed(_) | Outcome::Skipped(_) => "-".to_owned(),
        };
        lines.push(format!(
            "{:<9} {:<width$} {:>7} {:>7} {:>7} {time:>12}",
            step.suite, step.name, counts.passed, counts.failed, counts.skipped
        ));
    }
    for step in steps {
        match &step.outcome {
            Outcome::Failed(reason) => lines.push(format!("failed:  {} {}: {reason}", step.suite, step.name)),
            Outcome::Skipped(reason) => lines.push(format!("skipped: {} {}: {reason}", step.suite, step.name)),
            Outcome::Ran { counts, .. } if counts.skipped > 0 => {
                lines.push(format!("skipped: {} {}: {} tests by themselves, with reasons above", step.suite, step.name, counts.skipped));
            }
            Outcome::Ran { .. } => {}
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(passed: u64, failed: u64, skipped: u64) -> Outcome {
        Outcome::Ran { counts: Counts { passed, failed, skipped }, elapsed: Duration::from_secs(1) }
    }

    #[test]
    fn a_run_without_a_test_is_a_failure() {
        assert!(matches!(Outcome::judge(true, None, Duration::ZERO), Outcome::Failed(_)));
        assert!(matches!(Outcome::judge(true, Some(Counts::default()), Duration::ZERO), Outcome::Failed(_)));
    }

    #[test]
    fn a_tool_that_fails_after_passing_tests_is_a_failure() {
        let counts = Counts { passed: 5, ..Counts::default() };
        assert!(matches!(Outcome::judge(false, Some(counts), Duration::ZERO), Outcome::Failed(_)));
        assert!(matches!(Outcome::judge(true, Some(counts), Duration::ZERO), Outcome::Ran { .. }));
    }

    #[test]
    fn the_total_counts_broken_and_skipped_steps_once() {
        let steps = [
            Step::new("unit", "all", ran(10, 1, 2)),
            Step::failed("e2e", "build", "no compiler"),
            Step::skipped("deny", "deny", "no cargo-deny"),
        ];
        assert_eq!(total(&steps), Counts { passed: 10, failed: 2, skipped: 3 });
    }

    #[test]
    fn the_table_has_a_row_per_step_and_a_line_per_reason() {
        let steps = [Step::new("unit", "all", ran(10, 0, 0)), Step::skipped("deny", "deny", "no cargo-deny")];
        let lines = lines(&steps);
        assert_eq!(lines.len(), 4);
        assert!(lines.get(1).unwrap().contains("unit") && lines.get(1).unwrap().contains("10"));
        assert_eq!(lines.get(3).unwrap(), "skipped: deny deny: no cargo-deny");
    }
}
