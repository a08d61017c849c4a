//! `calport completions`, `calport man`, `calport config schema`: what is made from the program itself.

use std::path::Path;

use clap::CommandFactory as _;

use crate::cli::Cli;
use crate::exit::Outcome;

use super::{say, say_json};

/// Writes a completion script to standard output.
pub fn completions(shell: clap_complete::Shell) -> Outcome {
    clap_complete::generate(shell, &mut Cli::command(), "calport", &mut std::io::stdout());
    Ok(())
}

/// Writes a manual page for each command.
pub fn man(directory: &Path) -> Outcome {
    std::fs::create_dir_all(directory)?;
    clap_mangen::generate_to(Cli::command(), directory)?;
    say(format!("Manual pages are in {}; read one with: man -l {}", directory.display(), directory.join("calport.1").display()));
    Ok(())
}

/// Writes the configuration's schema to standard output.
pub fn schema() -> Outcome {
    say_json(&calport_config::schema())
}
