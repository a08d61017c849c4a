//! Why a connector's file is not used, or a connection cannot be made.

use std::path::PathBuf;

use calport_model::Blame;

/// What went wrong outside of a connector's calls; the calls themselves answer with `ConnectorError`.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The engine could not be made: this machine cannot run connectors.
    #[error("the WebAssembly engine cannot start: {0}; Calport needs a 64-bit processor and the right to map executable memory")]
    Engine(String),
    /// A file or directory of the host cannot be used.
    #[error("cannot {action} {path}: {source}", path = path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file is not a WebAssembly component.
    #[error("{file} is refused: {reason}")]
    NotAComponent {
        /// The file's name.
        file: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The compiler refused the file or ran out of its bounds.
    #[error("{file} cannot be compiled: {reason}")]
    Compile {
        /// The file's name.
        file: String,
        /// What the compiler said.
        reason: String,
    },
    /// The component asks for imports that the host does not give.
    #[error(
        "{file} asks for {import}, which the host does not give; a connector gets `calport:connector/http`, `dns` and `log`, \
         and WASI 0.2 without files, environment and sockets"
    )]
    Import {
        /// The file's name.
        file: String,
        /// The first such import.
        import: String,
    },
    /// An export is missing, incomplete, or of another type than the WIT package says.
    #[error("{file} does not fit `calport:connector@0.1.0`: {reason}; build it against the WIT package of this release")]
    Contract {
        /// The file's name.
        file: String,
        /// What does not fit.
        reason: String,
    },
    /// The component fails when it is started or asked who it is.
    #[error("{file} fails at its first call: {reason}")]
    Trial {
        /// The file's name.
        file: String,
        /// How.
        reason: String,
    },
    /// What the connector says about itself is not true or not allowed.
    #[error("{file} describes itself wrongly: {field} {reason}")]
    Descriptor {
        /// The file's name.
        file: String,
        /// The field of the descriptor.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The settings of a connection do not fit the connector's schema.
    #[error("connection `{connection}`: {at} {reason}")]
    Settings {
        /// The connection.
        connection: String,
        /// Where in the settings, such as `settings.batch`.
        at: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
}

impl RuntimeError {
    /// Who has to act.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Engine(_) | Self::Io { .. } => Blame::Host,
            Self::Settings { .. } => Blame::Configuration,
            Self::NotAComponent { .. }
            | Self::Compile { .. }
            | Self::Import { .. }
            | Self::Contract { .. }
            | Self::Trial { .. }
            | Self::Descriptor { .. } => Blame::Plugin,
        }
    }
}
