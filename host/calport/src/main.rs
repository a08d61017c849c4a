//! `calport`: keeps calendars and the systems around them in step.

mod cli;
mod commands;
mod exit;
mod explain;
mod logging;
mod preview;
mod service;

use std::process::ExitCode;

use clap::Parser as _;

use cli::{Cli, Command};
use exit::{Exit, Failure, Outcome};

fn main() -> ExitCode {
    let cli = Cli::parse();
    // A second provider cannot be there yet: this is the first thing that happens.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.message.is_empty() {
                eprintln!("{failure}");
            }
            failure.exit.into()
        }
    }
}

fn run(cli: Cli) -> Outcome {
    let (config, json) = (cli.config.as_path(), cli.json);
    match cli.command {
        Command::Secret(command) => commands::secret::run(config, json, command),
        Command::Config(cli::Config::Schema) => commands::docs::schema(),
        Command::Config(cli::Config::Import(options)) => commands::import::run(json, &options),
        Command::Completions { shell } => commands::docs::completions(shell),
        Command::Man { directory } => commands::docs::man(&directory),
        Command::Plugin(cli::Plugin::Precompile { input, output }) => {
            calport_runtime::child_main(&input, &output).map_err(|reason| Failure::new(Exit::Failed, reason))
        }
        command => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            let result = runtime.block_on(run_async(config, json, command));
            runtime.shutdown_timeout(std::time::Duration::from_secs(2));
            result
        }
    }
}

async fn run_async(config: &std::path::Path, json: bool, command: Command) -> Outcome {
    match command {
        Command::Init(options) => commands::init::run(config, options).await,
        Command::Serve => commands::serve::run(config, json).await,
        Command::Demo(options) => commands::demo::run(json, options).await,
        Command::Check(options) => commands::check::run(config, json, options).await,
        Command::Status(options) => commands::control::status(config, json, options).await,
        Command::Explain(options) => commands::explain::run(config, json, options).await,
        Command::Preview(options) => commands::preview::run(json, options).await,
        Command::Activate(name) => commands::control::activate(config, json, &name.connection, true).await,
        Command::Deactivate(name) => commands::control::activate(config, json, &name.connection, false).await,
        Command::Sync(options) => commands::control::sync(config, json, options.connection.as_deref()).await,
        Command::Log(options) => commands::control::log(config, json, options).await,
        Command::Trace(trace) => commands::control::trace(config, json, trace).await,
        Command::Plugin(command) => commands::plugin::run(config, json, command).await,
        Command::Sim(options) => commands::sim::run(json, options).await,
        Command::Secret(_) | Command::Config(_) | Command::Completions { .. } | Command::Man { .. } => Ok(()),
    }
}
