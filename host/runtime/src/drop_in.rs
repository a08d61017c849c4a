//! The drop-in directory: connectors are added, replaced and removed while the host runs (FEATURES X01).
//!
//! Only `.wasm` files are looked at. A file is taken when it has come to rest: its size and time are the same at two looks.
//! One that cannot be used stays out with its reason, and the version that runs goes on running.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use notify::{RecursiveMode, Watcher};
use tokio::sync::{broadcast, mpsc};

use crate::error::RuntimeError;
use crate::plugin::{Plugin, file_name};
use crate::runtime::Runtime;

/// How long a file must be at rest. A copy writes without longer pauses; people do not notice it.
const REST: Duration = Duration::from_millis(80);
/// How often the directory is looked through even without a word from the system: network file systems say nothing.
const SWEEP: Duration = Duration::from_secs(10);

/// Something happened to a connector's file.
#[derive(Clone, Debug)]
pub enum PluginEvent {
    /// A connector is new.
    Loaded(Arc<Plugin>),
    /// A connector of this name has another version.
    Replaced(Arc<Plugin>),
    /// The connector's file is gone.
    Removed {
        /// The connector's name.
        name: String,
        /// The file.
        file: String,
    },
    /// A file stays out.
    Refused {
        /// The file.
        file: String,
        /// Why, and what to do.
        reason: String,
    },
}

/// A file of the directory.
#[derive(Clone, Debug)]
pub struct PluginFile {
    /// Its name.
    pub file: String,
    /// The connector in use from it.
    pub plugin: Option<Arc<Plugin>>,
    /// Why the file as it lies there is not used.
    pub refused: Option<String>,
}

struct Known {
    stamp: (u64, Option<SystemTime>),
    plugin: Option<Arc<Plugin>>,
    refused: Option<String>,
}

struct Shared {
    runtime: Arc<Runtime>,
    directory: PathBuf,
    files: Mutex<BTreeMap<PathBuf, Known>>,
    events: broadcast::Sender<PluginEvent>,
}

/// The watched directory. It is watched as long as the value lives.
pub struct PluginDirectory {
    shared: Arc<Shared>,
    _watcher: Option<notify::RecommendedWatcher>,
    task: tokio::task::JoinHandle<()>,
}

impl PluginDirectory {
    /// Loads what is there, then watches. Files that cannot be used are events, not errors.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub async fn watch(runtime: Arc<Runtime>, directory: &Path) -> Result<Self, RuntimeError> {
        let failed = |action, source| RuntimeError::Io { action, path: directory.to_owned(), source };
        tokio::fs::create_dir_all(directory).await.map_err(|e| failed("make the directory", e))?;
        let (events, _) = broadcast::channel(256);
        let shared = Arc::new(Shared { runtime, directory: directory.to_owned(), files: Mutex::default(), events });
        shared.look(false).await.map_err(|e| failed("read the directory", e))?;
        let (wake, mut woken) = mpsc::channel::<()>(1);
        let watcher = notify::recommended_watcher(move |_| {
            let _ = wake.try_send(());
        })
        .and_then(|mut watcher| watcher.watch(directory, RecursiveMode::NonRecursive).map(|()| watcher));
        let watcher = match watcher {
            Ok(watcher) => Some(watcher),
            Err(error) => {
                tracing::warn!(code = "directory-not-watched", %error, "new connectors are noticed within {} s only", SWEEP.as_secs());
                None
            }
        };
        let looking = shared.clone();
        let task = tokio::spawn(async move {
            loop {
                let told = tokio::time::timeout(SWEEP, woken.recv()).await;
                if matches!(told, Ok(None)) {
                    tokio::time::sleep(SWEEP).await;
                }
                if let Err(error) = looking.look(true).await {
                    tracing::warn!(code = "directory-unreadable", %error, "the connectors' directory cannot be read; what is loaded runs on");
                }
            }
        });
        Ok(Self { shared, _watcher: watcher, task })
    }

    /// The connector of a name.
    pub fn get(&self, name: &str) -> Option<Arc<Plugin>> {
        let files = self.shared.files();
        files.values().filter_map(|known| known.plugin.clone()).find(|plugin| plugin.descriptor().name == name)
    }

    /// All files.
    pub fn list(&self) -> Vec<PluginFile> {
        let files = self.shared.files();
        files
            .iter()
            .map(|(path, known)| PluginFile { file: file_name(path), plugin: known.plugin.clone(), refused: known.refused.clone() })
            .collect()
    }

    /// What happens from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<PluginEvent> {
        self.shared.events.subscribe()
    }
}

impl Drop for PluginDirectory {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn files(&self) -> std::sync::MutexGuard<'_, BTreeMap<PathBuf, Known>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn scan(&self) -> std::io::Result<BTreeMap<PathBuf, (u64, Option<SystemTime>)>> {
        let mut found = BTreeMap::new();
        let mut entries = tokio::fs::read_dir(&self.directory).await?;
        while let Some(entry) = entries.next_entry().await? {
            let path = entry.path();
            if path.extension().is_some_and(|e| e == "wasm")
                && let Ok(meta) = tokio::fs::metadata(&path).await
                && meta.is_file()
            {
                found.insert(path, (meta.len(), meta.modified().ok()));
            }
        }
        Ok(found)
    }

    /// One look: what is gone, what is new, what is different. `settle` waits for files to come to rest.
    async fn look(&self, settle: bool) -> std::io::Result<()> {
        let mut found = self.scan().await?;
        let differs = |found: &BTreeMap<PathBuf, (u64, Option<SystemTime>)>| {
            let files = self.files();
            found.len() != files.len() || found.iter().any(|(path, stamp)| files.get(path).is_none_or(|known| known.stamp != *stamp))
        };
        if !differs(&found) {
            return Ok(());
        }
        if settle {
            for _ in 0..100 {
                tokio::time::sleep(REST).await;
                let again = self.scan().await?;
                let rests = again == found;
                found = again;
                if rests {
                    break;
                }
            }
        }
        self.forget_missing(&found);
        for (path, stamp) in found {
            if self.files().get(&path).is_none_or(|known| known.stamp != stamp) {
                self.take(path, stamp).await;
            }
        }
        Ok(())
    }

    fn forget_missing(&self, found: &BTreeMap<PathBuf, (u64, Option<SystemTime>)>) {
        let gone: Vec<(PathBuf, Option<Arc<Plugin>>)> = {
            let mut files = self.files();
            let paths: Vec<PathBuf> = files.keys().filter(|path| !found.contains_key(*path)).cloned().collect();
            paths.into_iter().filter_map(|path| files.remove(&path).map(|known| (path, known.plugin))).collect()
        };
        for (path, plugin) in gone {
            let file = file_name(&path);
            if let Some(plugin) = plugin {
                let name = plugin.descriptor().name.clone();
                tracing::warn!(code = "connector-removed", file, plugin = name, "the connector's file is gone; its connections pause until it is back");
                let _ = self.events.send(PluginEvent::Removed { name, file });
            }
        }
    }

    async fn take(&self, path: PathBuf, stamp: (u64, Option<SystemTime>)) {
        let loaded = self.runtime.load(&path).await;
        let file = file_name(&path);
        let result = loaded.map_err(|e| e.to_string()).and_then(|plugin| match self.other_file_of(&path, &plugin) {
            Some(other) => Err(format!("{file} is refused: {other} already holds a connector named `{}`; remove one of them", plugin.descriptor().name)),
            None => Ok(plugin),
        });
        let event = {
            let mut files = self.files();
            let old = files.remove(&path).and_then(|known| known.plugin);
            match result {
                Ok(plugin) => {
                    files.insert(path, Known { stamp, plugin: Some(plugin.clone()), refused: None });
                    match old {
                        Some(old) if old.sha256 == plugin.sha256 => return,
                        Some(old) if old.descriptor().name == plugin.descriptor().name => PluginEvent::Replaced(plugin),
                        _ => PluginEvent::Loaded(plugin),
                    }
                }
                Err(reason) => {
                    files.insert(path, Known { stamp, plugin: old, refused: Some(reason.clone()) });
                    PluginEvent::Refused { file, reason }
                }
            }
        };
        match &event {
            PluginEvent::Loaded(plugin) | PluginEvent::Replaced(plugin) => {
                let descriptor = plugin.descriptor();
                tracing::info!(
                    code = "connector-loaded",
                    file = plugin.file,
                    plugin = descriptor.name,
                    version = descriptor.version,
                    sha256 = plugin.sha256,
                    compiled = plugin.compiled,
                    duration_ms = u64::try_from(plugin.load_time.as_millis()).unwrap_or(u64::MAX),
                    "connector {} is ready",
                    descriptor.display_name
                );
            }
            PluginEvent::Refused { file, reason } => {
                tracing::error!(code = "connector-refused", file, "a connector stays out: {reason}");
            }
            PluginEvent::Removed { .. } => {}
        }
        let _ = self.events.send(event);
    }

    fn other_file_of(&self, path: &Path, plugin: &Plugin) -> Option<String> {
        let name = plugin.descriptor().name.clone();
        let files = self.files();
        files
            .iter()
            .find(|(other, known)| other.as_path() != path && known.plugin.as_ref().is_some_and(|p| p.descriptor().name == name))
            .map(|(other, _)| file_name(other))
    }
}
