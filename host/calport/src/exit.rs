//! Exit codes, and the one way in which commands fail.

use std::fmt;
use std::process::ExitCode;

/// Shown under `--help`.
pub const HELP: &str =
    "Exit codes: 0 done · 1 failed · 2 wrong usage · 3 configuration refused · 4 no service is running · 5 a check found problems";

/// Why a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It failed.
    Failed = 1,
    /// The configuration was refused.
    Configuration = 3,
    /// No service is running where the command looked for it.
    NotRunning = 4,
    /// A check ran and found problems.
    Problems = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A failed command: the code, and what to print.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What is printed to standard error; empty when everything has been said.
    pub message: String,
}

impl Failure {
    /// A failure with a message.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    /// A failure of which everything has been said.
    pub fn said(exit: Exit) -> Self {
        Self { exit, message: String::new() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(Exit::Failed, error.to_string())
    }
}

/// The result of a command.
pub type Outcome = Result<(), Failure>;
