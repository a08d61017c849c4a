//! Compiled code: made in a child process, kept in a private directory, mapped from there.
//!
//! Compiling is where a hostile file meets the largest piece of code, so the service does it in a process of its own with a
//! bound on memory and time. The cache directory belongs to the service's user alone (0700): its files are executed as they
//! are. They are named after the SHA-256 of the connector and the engine's compatibility hash, written beside their place
//! and renamed; nothing in the drop-in directory is ever executed without being compiled here.

use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::future::BoxFuture;
use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::error::RuntimeError;

/// A compilation may take this long; the slowest seen, a Python component, takes 12 s.
const PATIENCE: Duration = Duration::from_secs(120);
/// A compilation may use this much memory; the largest seen used 365 MB.
const MEMORY: u64 = 2 << 30;

/// Turns a component's bytes into code.
pub trait Compiler: Send + Sync {
    /// Compiles the file `input` into `output`. The error is the reason, for people.
    fn compile<'a>(&'a self, engine: &'a Engine, input: &'a Path, output: &'a Path) -> BoxFuture<'a, Result<(), String>>;
}

/// Compiles in this process: for tests and for `plugin inspect`.
#[derive(Clone, Copy, Debug, Default)]
pub struct InProcess;

impl Compiler for InProcess {
    fn compile<'a>(&'a self, engine: &'a Engine, input: &'a Path, output: &'a Path) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let (engine, input, output) = (engine.clone(), input.to_owned(), output.to_owned());
            tokio::task::spawn_blocking(move || precompile(&engine, &input, &output)).await.map_err(|e| e.to_string())?
        })
    }
}

/// Compiles by starting a program, usually this one again, with `ARGUMENTS INPUT OUTPUT`.
#[derive(Clone, Debug)]
pub struct ChildProcess {
    /// The program.
    pub program: PathBuf,
    /// What stands before the two paths.
    pub arguments: Vec<String>,
}

impl Compiler for ChildProcess {
    fn compile<'a>(&'a self, _: &'a Engine, input: &'a Path, output: &'a Path) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let child = tokio::process::Command::new(&self.program)
                .args(&self.arguments)
                .arg(input)
                .arg(output)
                .env_clear()
                .stdin(std::process::Stdio::null())
                .kill_on_drop(true)
                .output();
            match tokio::time::timeout(PATIENCE, child).await {
                Err(_) => Err(format!("compiling took longer than {} s and was stopped", PATIENCE.as_secs())),
                Ok(Err(error)) => Err(format!("the compiler could not be started: {error}")),
                Ok(Ok(output)) if output.status.success() => Ok(()),
                Ok(Ok(output)) => {
                    let said = crate::guest_log::clean(&String::from_utf8_lossy(&output.stderr), 500);
                    Err(if said.is_empty() { format!("the compiler ended with {}", output.status) } else { said })
                }
            }
        })
    }
}

/// What the child does: bounds its own memory, compiles, ends.
///
/// # Errors
/// The reason, for people.
pub fn child_main(input: &Path, output: &Path) -> Result<(), String> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let limit = Rlimit { current: Some(PATIENCE.as_secs()), maximum: Some(PATIENCE.as_secs()) };
        setrlimit(Resource::Cpu, limit).map_err(|e| format!("processor time could not be bounded: {e}"))?;
        let limit = Rlimit { current: Some(MEMORY), maximum: Some(MEMORY) };
        setrlimit(Resource::Data, limit).map_err(|e| format!("memory could not be bounded: {e}"))?;
    }
    let engine = crate::engine::make().map_err(|e| e.to_string())?;
    precompile(&engine, input, output)
}

fn precompile(engine: &Engine, input: &Path, output: &Path) -> Result<(), String> {
    let bytes = std::fs::read(input).map_err(|e| format!("cannot read {}: {e}", input.display()))?;
    let code = engine.precompile_component(&bytes).map_err(|e| crate::guest_log::clean(&format!("{e:#}"), 500))?;
    std::fs::write(output, code).map_err(|e| format!("cannot write {}: {e}", output.display()))
}

/// The digest of a file's bytes, in hexadecimal.
pub(crate) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// The private directory of compiled code.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    directory: PathBuf,
}

impl Cache {
    /// Makes the directory, readable by nobody else.
    pub(crate) fn open(directory: &Path) -> Result<Self, RuntimeError> {
        let failed = |action, source| RuntimeError::Io { action, path: directory.to_owned(), source };
        std::fs::create_dir_all(directory).map_err(|e| failed("make the directory", e))?;
        #[cfg(unix)]
        protect(directory).map_err(|e| failed("protect the directory", e))?;
        Ok(Self { directory: directory.to_owned() })
    }

    fn place(&self, engine: &Engine, digest: &str) -> PathBuf {
        let mut hasher = std::hash::DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        self.directory.join(format!("{digest}-{:016x}.cwasm", hasher.finish()))
    }

    /// The component, and whether it had to be compiled. Code that does not load is compiled again.
    pub(crate) async fn load(
        &self,
        engine: &Engine,
        compiler: &dyn Compiler,
        file: &str,
        bytes: &[u8],
        digest: &str,
    ) -> Result<(Component, bool), RuntimeError> {
        let place = self.place(engine, digest);
        if place.exists()
            && let Ok(component) = map(engine, &place)
        {
            return Ok((component, false));
        }
        let io = |action| move |source| RuntimeError::Io { action, path: self.directory.clone(), source };
        let input = tempfile::Builder::new().suffix(".wasm").tempfile_in(&self.directory).map_err(io("write into"))?;
        std::fs::write(input.path(), bytes).map_err(io("write into"))?;
        let output = tempfile::Builder::new().suffix(".tmp").tempfile_in(&self.directory).map_err(io("write into"))?;
        compiler
            .compile(engine, input.path(), output.path())
            .await
            .map_err(|reason| RuntimeError::Compile { file: file.to_owned(), reason })?;
        output.as_file().sync_all().map_err(io("write into"))?;
        let component = map(engine, output.path()).map_err(|e| {
            let reason = format!("the compiler made no usable code: {}", crate::guest_log::clean(&format!("{e:#}"), 400));
            RuntimeError::Compile { file: file.to_owned(), reason }
        })?;
        output.persist(&place).map_err(|e| io("write into")(e.error))?;
        Ok((component, true))
    }
}

/// Makes the directory private. Code in a directory that others could write until now may be theirs: it is thrown away.
#[cfg(unix)]
fn protect(directory: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let found = std::fs::metadata(directory)?;
    if found.uid() != rustix::process::geteuid().as_raw() {
        let reason = "it belongs to another user, who could put code into it; give it to the user that runs Calport, or choose another";
        return Err(std::io::Error::new(std::io::ErrorKind::PermissionDenied, reason));
    }
    std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o700))?;
    if found.mode() & 0o022 != 0 {
        for entry in std::fs::read_dir(directory)? {
            let path = entry?.path();
            if path.extension().is_some_and(|e| e == "cwasm") {
                std::fs::remove_file(path)?;
            }
        }
    }
    Ok(())
}

fn map(engine: &Engine, place: &Path) -> wasmtime::Result<Component> {
    #[allow(unsafe_code, reason = "mapping compiled code is unsafe by nature")]
    // SAFETY: the file lies in a directory that only the service's user can write (0700), was made there by this engine's
    // own compiler from a component that passed its checks, and is never changed in place: a new one is renamed over it.
    unsafe {
        Component::deserialize_file(engine, place)
    }
}
