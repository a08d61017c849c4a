//! The places a secret may come from, in the order in which they are asked.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::vault::Vault;
use crate::{Secret, SecretsError, check_name, environment_variable, files};

/// What every environment variable with a secret starts with.
pub(crate) const VARIABLE_PREFIX: &str = "CALPORT_SECRET_";
/// Where systemd puts the credentials of a service.
const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

/// The kind of a source, for lists and messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// The encrypted file, the only one that Calport changes.
    EncryptedFile,
    /// A variable `CALPORT_SECRET_NAME`.
    Environment,
    /// A file in the directory that systemd prepared for this service.
    SystemdCredential,
    /// A file in a mounted directory, as container orchestrators give it.
    MountedFile,
}

impl SourceKind {
    /// The word used in lists and `--json` output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EncryptedFile => "encrypted-file",
            Self::Environment => "environment",
            Self::SystemdCredential => "systemd-credential",
            Self::MountedFile => "mounted-file",
        }
    }
}

/// One place to look for a secret.
pub struct Source(pub(crate) Place);

pub(crate) enum Place {
    File(Box<Vault>),
    Environment(BTreeMap<String, Secret>),
    Directory(SourceKind, PathBuf),
}

impl Source {
    /// An encrypted file and the key file that opens it. Neither has to exist yet: the first `set` makes both.
    ///
    /// # Errors
    /// [`SecretsError::KeyBesideData`] if the key lies in or below the directory of the encrypted file.
    pub fn encrypted_file(path: impl Into<PathBuf>, identity: impl Into<PathBuf>) -> Result<Self, SecretsError> {
        Ok(Self(Place::File(Box::new(Vault::new(path.into(), identity.into())?))))
    }

    /// Variables handed in by the caller; those that do not start with `CALPORT_SECRET_` are dropped.
    pub fn environment(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let kept = variables.into_iter().filter(|(name, _)| name.starts_with(VARIABLE_PREFIX));
        Self(Place::Environment(kept.map(|(name, value)| (name, Secret::new(value))).collect()))
    }

    /// The directory of systemd credentials; one file for each secret.
    pub fn systemd_credentials(directory: impl Into<PathBuf>) -> Self {
        Self(Place::Directory(SourceKind::SystemdCredential, directory.into()))
    }

    /// A mounted directory; one file for each secret, a final line break is not part of the value.
    pub fn mounted_files(directory: impl Into<PathBuf>) -> Self {
        Self(Place::Directory(SourceKind::MountedFile, directory.into()))
    }

    /// The kind of this source.
    #[must_use]
    pub fn kind(&self) -> SourceKind {
        match &self.0 {
            Place::File(_) => SourceKind::EncryptedFile,
            Place::Environment(_) => SourceKind::Environment,
            Place::Directory(kind, _) => *kind,
        }
    }

    pub(crate) fn get(&self, name: &str) -> Result<Option<Secret>, SecretsError> {
        match &self.0 {
            Place::File(vault) => vault.get(name),
            Place::Environment(variables) => Ok(variables.get(&environment_variable(name)).cloned()),
            Place::Directory(_, directory) => from_directory(directory, name),
        }
    }

    pub(crate) fn names(&self) -> Result<Vec<String>, SecretsError> {
        match &self.0 {
            Place::File(vault) => vault.names(),
            Place::Environment(variables) => Ok(variables
                .keys()
                .filter_map(|name| name.strip_prefix(VARIABLE_PREFIX))
                .map(|name| name.to_ascii_lowercase().replace('_', "-"))
                .filter(|name| check_name(name).is_ok())
                .collect()),
            Place::Directory(_, directory) => names_in(directory),
        }
    }

    /// Where this source would look for a name, for the message that nothing was found.
    pub(crate) fn describe(&self, name: &str) -> String {
        match &self.0 {
            Place::File(vault) => format!("encrypted file {}", vault.path().display()),
            Place::Environment(_) => format!("environment variable {}", environment_variable(name)),
            Place::Directory(SourceKind::SystemdCredential, directory) => {
                format!("systemd credential {}", directory.join(name).display())
            }
            Place::Directory(_, directory) => format!("mounted file {}", directory.join(name).display()),
        }
    }
}

fn from_directory(directory: &Path, name: &str) -> Result<Option<Secret>, SecretsError> {
    let path = directory.join(name);
    let Some(bytes) = files::read(&path)? else { return Ok(None) };
    let bad = |reason| SecretsError::Value { name: name.to_owned(), origin: path.display().to_string(), reason };
    if bytes.len() > files::LONGEST_VALUE {
        return Err(bad("is longer than 64 KiB"));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| bad("is not UTF-8 text"))?;
    let text = text.strip_suffix('\n').map_or(text, |cut| cut.strip_suffix('\r').unwrap_or(cut));
    Ok(Some(Secret::new(text)))
}

fn names_in(directory: &Path) -> Result<Vec<String>, SecretsError> {
    let failed = |error: &std::io::Error| files::failed("list", directory, error);
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(&error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| failed(&error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if check_name(&name).is_ok() && entry.path().is_file() {
            names.push(name);
        }
    }
    Ok(names)
}

/// The ordered list of sources; the first that has a name gives its value.
#[derive(Default)]
pub struct Sources {
    pub(crate) list: Vec<Source>,
}

impl Sources {
    /// No source at all.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What the process itself offers: the environment, then systemd credentials. The only place that looks around.
    #[must_use]
    pub fn from_process() -> Self {
        let text = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let sources = Self::new().then(Source::environment(text));
        match std::env::var_os(CREDENTIALS_DIRECTORY) {
            Some(directory) => sources.then(Source::systemd_credentials(directory)),
            None => sources,
        }
    }

    /// Adds a source that is asked before the others.
    #[must_use]
    pub fn first(mut self, source: Source) -> Self {
        self.list.insert(0, source);
        self
    }

    /// Adds a source that is asked after the others.
    #[must_use]
    pub fn then(mut self, source: Source) -> Self {
        self.list.push(source);
        self
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind().as_str())
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.list).finish()
    }
}
