//! The drop-in directory: connectors are added, replaced and removed while the host runs (FEATURES X01).
//!
//! A file is taken when it has come to rest: its size and time are the same at two looks. One that cannot be used stays out
//! with its reason, and the version that runs goes on running. Only `.wasm` files are taken; compiled code is refused by its
//! name already, everything else is passed over.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecursiveMode, Watcher};
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

/// By what a file is known to be the same as before: size, time, and on Unix which file it is and when anything about it
/// changed. Tools that keep times put another file of the same size and time in its place.
type Stamp = (u64, Option<SystemTime>, u64, i64);

fn stamp(meta: &std::fs::Metadata) -> Stamp {
    #[cfg(unix)]
    let (file, changed) = {
        use std::os::unix::fs::MetadataExt as _;
        (meta.ino(), meta.ctime().wrapping_mul(1_000_000_000).wrapping_add(meta.ctime_nsec()))
    };
    #[cfg(not(unix))]
    let (file, changed) = (0, 0);
    (meta.len(), meta.modified().ok(), file, changed)
}

struct Known {
    stamp: Stamp,
    plugin: Option<Arc<Plugin>>,
    refused: Option<Refusal>,
}

/// Why a file is not used.
struct Refusal {
    reason: String,
    /// Whether only another file's name stands in its way: it is looked at again when that is gone.
    duplicate: bool,
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
        let (wake, mut woken) = mpsc::channel::<()>(1);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.as_ref().is_ok_and(|event| !tells_of_a_change(event.kind)) {
                return;
            }
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
        // Looked at after the watching began, so that nothing falls in between.
        shared.look(false).await.map_err(|e| failed("read the directory", e))?;
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
            .map(|(path, known)| PluginFile {
                file: file_name(path),
                plugin: known.plugin.clone(),
                refused: known.refused.as_ref().map(|r| r.reason.clone()),
            })
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

/// Whether something may be different: looking at the directory and loading a file are reported too, and must not lead to
/// another look.
fn tells_of_a_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
        _ => true,
    }
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension))
}

impl Shared {
    fn files(&self) -> std::sync::MutexGuard<'_, BTreeMap<PathBuf, Known>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn scan(&self) -> std::io::Result<BTreeMap<PathBuf, Stamp>> {
        let mut found = BTreeMap::new();
        let mut entries = tokio::fs::read_dir(&self.directory).await?;
        while let Some(entry) = entries.next_entry().await? {
            let path = entry.path();
            if (has_extension(&path, "wasm") || has_extension(&path, "cwasm"))
                && let Ok(meta) = tokio::fs::metadata(&path).await
                && meta.is_file()
            {
                found.insert(path, stamp(&meta));
            }
        }
        Ok(found)
    }

    /// One look: what is gone, what is new, what is different. `settle` waits for files to come to rest.
    async fn look(&self, settle: bool) -> std::io::Result<()> {
        let mut found = self.scan().await?;
        let differs = |found: &BTreeMap<PathBuf, Stamp>| {
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
        let mut name_freed = self.forget_missing(&found);
        for (path, stamp) in found {
            if self.files().get(&path).is_none_or(|known| known.stamp != stamp) {
                name_freed |= self.take(path, stamp).await;
            }
        }
        if name_freed {
            let waiting: Vec<(PathBuf, Stamp)> = {
                let files = self.files();
                let duplicates = files.iter().filter(|(_, known)| known.refused.as_ref().is_some_and(|refusal| refusal.duplicate));
                duplicates.map(|(path, known)| (path.clone(), known.stamp)).collect()
            };
            for (path, stamp) in waiting {
                self.take(path, stamp).await;
            }
        }
        Ok(())
    }

    /// Drops what is not there any more. Returns whether the name of a connector became free.
    fn forget_missing(&self, found: &BTreeMap<PathBuf, Stamp>) -> bool {
        let gone: Vec<(PathBuf, Option<Arc<Plugin>>)> = {
            let mut files = self.files();
            let paths: Vec<PathBuf> = files.keys().filter(|path| !found.contains_key(*path)).cloned().collect();
            paths.into_iter().filter_map(|path| files.remove(&path).map(|known| (path, known.plugin))).collect()
        };
        let mut name_freed = false;
        for (path, plugin) in gone {
            if let Some(plugin) = plugin {
                self.removed(&plugin, file_name(&path));
                name_freed = true;
            }
        }
        name_freed
    }

    fn removed(&self, plugin: &Plugin, file: String) {
        let name = plugin.descriptor().name.clone();
        tracing::warn!(
            code = "connector-removed",
            file,
            plugin = name,
            "the connector's file is gone; its connections pause until it is back"
        );
        let _ = self.events.send(PluginEvent::Removed { name, file });
    }

    /// Loads a file that is new or different. Returns whether the name of a connector became free.
    async fn take(&self, path: PathBuf, stamp: Stamp) -> bool {
        let file = file_name(&path);
        let loaded = if has_extension(&path, "wasm") {
            self.runtime.load(&path).await.map_err(|e| Refusal { reason: e.to_string(), duplicate: false })
        } else {
            let reason = format!("{file} is refused: compiled code is never loaded from this directory; put the .wasm component there");
            Err(Refusal { reason, duplicate: false })
        };
        let result = loaded.and_then(|plugin| match self.other_file_of(&path, &plugin) {
            Some(other) => {
                let name = &plugin.descriptor().name;
                Err(Refusal {
                    reason: format!("{file} is refused: {other} already holds a connector named `{name}`; remove one of them"),
                    duplicate: true,
                })
            }
            None => Ok(plugin),
        });
        let (event, other) = {
            let mut files = self.files();
            let old = files.remove(&path).and_then(|known| known.plugin);
            match result {
                Ok(plugin) => {
                    files.insert(path, Known { stamp, plugin: Some(plugin.clone()), refused: None });
                    match old {
                        Some(old) if old.sha256 == plugin.sha256 => return false,
                        Some(old) if old.descriptor().name == plugin.descriptor().name => (PluginEvent::Replaced(plugin), None),
                        other => (PluginEvent::Loaded(plugin), other),
                    }
                }
                Err(refusal) => {
                    let event = PluginEvent::Refused { file: file.clone(), reason: refusal.reason.clone() };
                    files.insert(path, Known { stamp, plugin: old, refused: Some(refusal) });
                    (event, None)
                }
            }
        };
        // A file that now holds a connector of another name: the former one is gone.
        let name_freed = other.is_some();
        if let Some(other) = other {
            self.removed(&other, file);
        }
        self.tell(event);
        name_freed
    }

    /// Logs an event and sends it.
    fn tell(&self, event: PluginEvent) {
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

#[cfg(test)]
mod tests {
    use notify::event::{CreateKind, ModifyKind};

    use super::*;

    #[cfg(unix)]
    #[test]
    fn feat_x01_another_file_of_the_same_size_and_time_is_another_file() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one.wasm"), folder.path().join("other"));
        let stamp_of = |path: &Path| stamp(&std::fs::metadata(path).unwrap());
        for path in [&one, &other] {
            std::fs::write(path, "same size").unwrap();
            std::fs::File::options().write(true).open(path).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        }
        let before = stamp_of(&one);
        assert_eq!(before, stamp_of(&one), "a look changes nothing");
        std::fs::rename(&other, &one).unwrap();
        let after = stamp_of(&one);
        assert_eq!((before.0, before.1), (after.0, after.1));
        assert_ne!(before, after);
    }

    #[test]
    fn feat_x01_looking_at_the_directory_does_not_lead_to_another_look() {
        for access in [AccessKind::Open(AccessMode::Any), AccessKind::Read, AccessKind::Close(AccessMode::Read), AccessKind::Any] {
            assert!(!tells_of_a_change(EventKind::Access(access)), "{access:?}");
        }
        for kind in [
            EventKind::Access(AccessKind::Close(AccessMode::Write)),
            EventKind::Create(CreateKind::File),
            EventKind::Modify(ModifyKind::Any),
            EventKind::Any,
        ] {
            assert!(tells_of_a_change(kind), "{kind:?}");
        }
    }
}
