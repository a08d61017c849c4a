//! `cargo xtask`: the project's chores as a program.
//!
//! Promise: every chore that README, CONTRIBUTING or `.ci/run` names is one subcommand here, says what it is doing and
//! for how long, and ends with an exit code that can be trusted (0 only if everything asked for was done).
//! Everything it says about its own work goes to standard error; standard output carries results only, so that
//! `cargo xtask demo -- --once --json` can be piped into another program.
//!
//! It knows the layout of the tree and the tools around it (cargo, rustup, python3), and nothing of Calport's own code.

mod bench;
mod demo;
mod plugins;
mod process;
mod suites;
mod tidy;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::suites::Suite;
use crate::workspace::Workspace;

/// Build, try, test and check Calport.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build everything and run the demonstration.
    ///
    /// Builds the connectors to WebAssembly, then the `calport` binary, then starts `calport demo` with the connectors
    /// just built. Simulated servers, 25 people, no account and no network needed. Arguments after `--` go to
    /// `calport demo`; standard output is the demo's own.
    #[command(after_help = "Examples:\n  cargo xtask demo\n  cargo xtask demo -- --once --json")]
    Demo {
        /// Arguments for `calport demo`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
        args: Vec<String>,
    },

    /// Run the test suites, and end with a table and the line "N passed, N failed, N skipped".
    ///
    /// Without `--suite` all of them run, one after the other; a failing one does not stop the next. A suite that lacks
    /// something on this machine is counted as skipped and says what is missing and how to get it.
    #[command(after_help = "Examples:\n  cargo xtask test\n  cargo xtask test --suite unit --suite lint\n  \
        cargo xtask test --require-all\n\nEnvironment:\n  CALPORT_REFERENCE  folder with the vendors' contracts \
        (default ../shared/reference beside the tree)\n  CI=true            the same as --require-all\n\n\
        Exit codes: 0 all passed (skips allowed unless --require-all), 1 otherwise.")]
    Test {
        /// Run only this suite; may be given several times.
        #[arg(long, value_enum, value_name = "NAME")]
        suite: Vec<Suite>,
        /// Treat everything that was skipped as a failure.
        #[arg(long)]
        require_all: bool,
        /// Print the suites, what each one runs and needs, and stop.
        #[arg(long)]
        list: bool,
    },

    /// Build the connectors to WebAssembly components.
    ///
    /// Builds every crate below `plugins/` that is a component (crate type `cdylib`) for wasm32-wasip2 and puts it as
    /// NAME.wasm into `target/plugins`, complete from the first moment it is seen there, so that a running host can use
    /// that folder as its drop-in directory. The Rust target is added by rustup if it is missing.
    #[command(after_help = "Examples:\n  cargo xtask plugins\n  cargo xtask plugins --profile dev --out /srv/calport/plugins")]
    Plugins {
        /// How to build: `plugin` is small and fast to load, `dev` builds quicker and keeps names for backtraces.
        #[arg(long, value_enum, default_value_t = plugins::Profile::Plugin)]
        profile: plugins::Profile,
        /// Where the connectors go. Default: `plugins` in the target directory.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// Build the misbehaving connectors of `tests/hostile/` too, into `hostile` in the target directory.
        #[arg(long)]
        hostile: bool,
    },

    /// Run the benchmarks and write docs/benchmarks.md.
    ///
    /// Builds the connectors and the benchmark program in release mode and runs it. The table that it prints is shown
    /// and stored. All figures of one table come from one run on one machine: compare ratios, not times.
    #[command(after_help = "Examples:\n  cargo xtask bench\n  cargo xtask bench --dry-run -- --only host-call")]
    Bench {
        /// Show the table without touching docs/benchmarks.md.
        #[arg(long)]
        dry_run: bool,
        /// Arguments for the benchmark program.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
        args: Vec<String>,
    },

    /// Check the house rules over the whole tree.
    ///
    /// File sizes, layering of the crates, vendor names, documentation of every WIT item, leftovers (markers for later,
    /// debug macros, ignored tests, commented-out code, paths of one machine), and docs/coverage.md: one line per
    /// feature, and each test it names exists. Each finding is one line, `file:line: rule: what is wrong`.
    #[command(after_help = "Exit codes: 0 clean (notes allowed), 1 at least one finding.")]
    Tidy,
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let workspace = Workspace::load()?;
    match cli.command {
        Command::Demo { args } => demo::run(&workspace, &args),
        Command::Test { list: true, .. } => {
            suites::print_list();
            Ok(ExitCode::SUCCESS)
        }
        Command::Test { suite, require_all, list: false } => suites::run(&workspace, &suite, require_all),
        Command::Plugins { profile, out, hostile } => {
            let out = out.unwrap_or_else(|| workspace.plugins_dir());
            plugins::build(&workspace, plugins::Kind::Connector, profile, &out)?;
            if hostile {
                plugins::build(&workspace, plugins::Kind::Hostile, profile, &workspace.hostile_dir())?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Bench { dry_run, args } => bench::run(&workspace, dry_run, &args),
        Command::Tidy => tidy::run(&workspace),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn arguments_after_two_dashes_belong_to_the_demo() {
        let cli = Cli::try_parse_from(["xtask", "demo", "--", "--once", "--json"]).unwrap();
        let Command::Demo { args } = cli.command else { panic!("not the demo") };
        assert_eq!(args, ["--once", "--json"]);
    }
}
