//! The command line.

use std::path::PathBuf;

use calport_simulators::demo::Backend;
use clap::{Args, Parser, Subcommand};

/// Keeps calendars and the systems around them in step.
#[derive(Debug, Parser)]
#[command(name = "calport", version, about, max_term_width = 100, after_help = crate::exit::HELP)]
pub struct Cli {
    /// The configuration file.
    #[arg(short, long, global = true, value_name = "FILE", default_value = "calport.toml", env = "CALPORT_CONFIG")]
    pub config: PathBuf,
    /// Write JSON for programs.
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a commented calport.toml, ask for the first connection and test it
    Init(Init),
    /// Run the service
    Serve,
    /// Show it all at work on simulated servers: nothing to configure, nothing is reached
    Demo(Demo),
    /// Test configuration, connections, permissions and people; change nothing
    Check(Check),
    /// Show how the running service is
    Status(StatusArgs),
    /// Say why a person's presence is as it is
    Explain(Explain),
    /// Show what people's sinks will show, and what a draft of the configuration would change
    Preview(Preview),
    /// Use a connection again
    Activate(ConnectionName),
    /// Stop using a connection: what it shows is cleared
    Deactivate(ConnectionName),
    /// Read calendars now, without waiting for a notification
    Sync(Sync),
    /// Follow the log of the running service
    Log(Log),
    /// Record the protocol of a connection, with secrets redacted
    #[command(subcommand)]
    Trace(Trace),
    /// Connectors in the drop-in directory
    #[command(subcommand)]
    Plugin(Plugin),
    /// Passwords, client secrets and tokens
    #[command(subcommand)]
    Secret(Secret),
    /// The configuration file
    #[command(subcommand)]
    Config(Config),
    /// Simulated servers, for those who write connectors
    Sim(Sim),
    /// Write a completion script for a shell to standard output
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Write manual pages into a directory
    Man {
        /// The directory; it is made when it is not there.
        directory: PathBuf,
    },
}

/// `calport init`
#[derive(Debug, Args)]
pub struct Init {
    /// Replace a file that is there.
    #[arg(long)]
    pub force: bool,
    /// Ask nothing: write the commented template only.
    #[arg(long)]
    pub template: bool,
}

/// `calport demo`
#[derive(Debug, Args)]
pub struct Demo {
    /// Run once without a terminal: sync, change, wait for each change, say what came of it.
    #[arg(long)]
    pub once: bool,
    /// Where the connectors are.
    #[arg(long, value_name = "DIR", default_value = "plugins", env = "CALPORT_PLUGINS")]
    pub plugins: PathBuf,
    /// People.
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u16).range(4..=1000))]
    pub people: u16,
    /// What the calendars are reached by.
    #[arg(long, value_name = "NAME", default_value = "graph", value_parser = backends())]
    pub backend: Backend,
}

fn backends() -> impl clap::builder::TypedValueParser<Value = Backend> {
    use clap::builder::{PossibleValuesParser, TypedValueParser as _};
    PossibleValuesParser::new(Backend::ALL.map(Backend::name)).try_map(|name| name.parse())
}

/// `calport check`
#[derive(Debug, Args)]
pub struct Check {
    /// Check the file only; reach no server.
    #[arg(long)]
    pub offline: bool,
    /// Print the lines for the file that keep the servers that were found by discovery.
    #[arg(long, conflicts_with = "offline")]
    pub pin: bool,
}

/// `calport status`
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Show people, too.
    #[arg(long, short)]
    pub people: bool,
}

/// `calport explain`
#[derive(Debug, Args)]
pub struct Explain {
    /// Id, address, name, or user at the sink.
    pub person: String,
    /// Another moment than the present one: 14:00, 2026-11-21T14:00, 2026-11-21T14:00:00+01:00; without an offset in the
    /// person's zone.
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
}

/// `calport preview`
#[derive(Debug, Args)]
pub struct Preview {
    /// Id, address, name, or user at the sink.
    #[arg(required_unless_present = "all")]
    pub person: Option<String>,
    /// Everybody; with --json one object per line.
    #[arg(long, conflicts_with = "person")]
    pub all: bool,
    /// Days from now.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=35))]
    pub days: u32,
    /// A draft of the configuration: show what it would change. Nothing is applied.
    #[arg(long = "config", id = "draft", value_name = "DRAFT")]
    pub draft: Option<PathBuf>,
    // It has the id of the option that holds for all commands and so stands in its place; in this one `--config` is the draft.
    /// The configuration file of the running service.
    #[arg(
        short = 'c',
        long = "service-config",
        id = "config",
        value_name = "FILE",
        default_value = "calport.toml",
        env = "CALPORT_CONFIG"
    )]
    pub file: PathBuf,
}

/// A connection's name.
#[derive(Debug, Args)]
pub struct ConnectionName {
    /// The connection's name in the configuration.
    pub connection: String,
}

/// `calport sync`
#[derive(Debug, Args)]
pub struct Sync {
    /// Do it now (the only way there is).
    #[arg(long, required = true)]
    pub now: bool,
    /// One connection; all when left out.
    pub connection: Option<String>,
}

/// `calport log`
#[derive(Debug, Args)]
pub struct Log {
    /// Go on with what comes.
    #[arg(long, short)]
    pub follow: bool,
    /// How many of the last lines to begin with.
    #[arg(long, short = 'n', default_value_t = 50)]
    pub lines: usize,
}

/// `calport trace`
#[derive(Debug, Subcommand)]
pub enum Trace {
    /// Switch it on; it goes off by itself
    On {
        /// The connection's name in the configuration.
        connection: String,
        /// Minutes after which it goes off.
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=10_080))]
        minutes: u32,
    },
    /// Switch it off
    Off {
        /// The connection's name in the configuration.
        connection: String,
    },
}

/// `calport plugin`
#[derive(Debug, Subcommand)]
pub enum Plugin {
    /// List the connectors of the drop-in directory
    List {
        /// The directory; the configuration's when left out.
        #[arg(long, value_name = "DIR")]
        directory: Option<PathBuf>,
    },
    /// Load a connector file and show what it says of itself
    Inspect {
        /// The file.
        file: PathBuf,
    },
    /// Compile a connector (the service calls this on itself)
    #[command(hide = true)]
    Precompile {
        /// The connector.
        input: PathBuf,
        /// Where the code goes.
        output: PathBuf,
    },
}

/// `calport secret`
#[derive(Debug, Subcommand)]
pub enum Secret {
    /// Store a secret; it is read from standard input
    Set {
        /// Its name: lower-case letters, digits, `.`, `_`, `-`.
        name: String,
    },
    /// List names and where they come from, never values
    List,
    /// Remove a secret from the encrypted file
    Remove {
        /// Its name.
        name: String,
    },
    /// Encrypt the file with a new key
    Rekey,
}

/// `calport config`
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Write the JSON Schema of calport.toml to standard output
    Schema,
    /// Make a calport.toml from the settings of another product, and report what became of each
    Import(Import),
}

/// `calport config import`
#[derive(Debug, Args)]
pub struct Import {
    /// The product.
    #[arg(long, value_name = "NAME", value_parser = calport_import::names())]
    pub from: String,
    /// The filled form: a line `Setting = value` for each.
    #[arg(required_unless_present = "form")]
    pub file: Option<PathBuf>,
    /// Write an empty form to standard output, with each setting, its meaning and its default.
    #[arg(long, conflicts_with_all = ["file", "out", "force"])]
    pub form: bool,
    /// Where the configuration is written; standard output when left out.
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Replace a file that is there.
    #[arg(long, requires = "out")]
    pub force: bool,
}

/// `calport sim`
#[derive(Debug, Args)]
pub struct Sim {
    /// Which server.
    #[arg(value_parser = calport_simulators::demo::NAMES.to_vec())]
    pub server: String,
    /// Where it listens; loopback only.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: std::net::SocketAddr,
    /// People in it.
    #[arg(long, default_value_t = 25)]
    pub people: u16,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn feat_x07_config_is_the_draft_after_preview_and_the_service_before_it() {
        Cli::command().debug_assert();
        let files = |arguments: &[&str]| {
            let cli = Cli::try_parse_from([&["calport"], arguments].concat()).unwrap();
            let Command::Preview(preview) = cli.command else { unreachable!("{:?}", cli.command) };
            let text = |path: PathBuf| path.to_string_lossy().into_owned();
            assert_eq!(cli.config, preview.file);
            (text(preview.file), preview.draft.map(text))
        };
        let draft = || Some("draft.toml".to_owned());
        assert_eq!(files(&["--config", "a.toml", "preview", "anna", "--config", "draft.toml"]), ("a.toml".to_owned(), draft()));
        assert_eq!(files(&["-c", "a.toml", "preview", "--all", "--config=draft.toml"]), ("a.toml".to_owned(), draft()));
        assert_eq!(files(&["preview", "anna", "-c", "a.toml", "--config", "draft.toml"]), ("a.toml".to_owned(), draft()));
        assert_eq!(files(&["preview", "anna", "-c", "a.toml"]), ("a.toml".to_owned(), None));
    }

    #[test]
    fn feat_x07_one_person_or_all_and_at_most_what_is_loaded() {
        for wrong in [
            &["preview"][..],
            &["preview", "anna", "--all"],
            &["preview", "anna", "--days", "0"],
            &["preview", "anna", "--days", "36"],
            &["explain"],
        ] {
            assert!(Cli::try_parse_from([&["calport"], wrong].concat()).is_err(), "{wrong:?}");
        }
    }
}
