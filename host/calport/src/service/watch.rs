//! What the service reacts to by itself: the configuration file, the connectors' directory, directories of people.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

use calport_config::Loaded;
use notify::{RecursiveMode, Watcher as _};
use tokio::sync::{broadcast, mpsc};

use super::{DIRECTORIES, DIRECTORIES_RETRY, Service};

/// How long a changed file must be at rest before it is read.
const REST: Duration = Duration::from_millis(150);
/// How often files are looked at even without a word from the system.
const SWEEP: Duration = Duration::from_secs(15);

impl Service {
    pub(super) fn spawn_watchers(self: &Arc<Self>) {
        let service = self.clone();
        let mut events = self.plugins.subscribe();
        tokio::spawn(async move {
            loop {
                let event = tokio::select! {
                    () = service.stop.cancelled() => break,
                    event = events.recv() => event,
                };
                match event {
                    Ok(event) => service.plugin_changed(event).await,
                    Err(broadcast::error::RecvError::Lagged(_)) => service.rebuild().await,
                    Err(broadcast::error::RecvError::Closed) => break,
                }
            }
        });
        let service = self.clone();
        tokio::spawn(async move {
            loop {
                let complete = service.ask_directories().await;
                tokio::select! {
                    () = service.stop.cancelled() => break,
                    () = tokio::time::sleep(if complete { DIRECTORIES } else { DIRECTORIES_RETRY }) => {}
                }
            }
        });
        tokio::spawn(super::discovery::keep_found(self.clone()));
        tokio::spawn(watch_configuration(self.clone()));
    }

    /// Reads the configuration again. A bad one leaves the old one running (FEATURES R05).
    ///
    /// # Errors
    /// The mistakes, rendered for people.
    pub async fn reload(&self) -> Result<Vec<String>, String> {
        match calport_config::load(&self.file) {
            Err(diagnostics) => {
                let text = calport_config::render(&diagnostics, false);
                tracing::error!(code = "configuration-refused", "the changed configuration is refused, the old one runs on:\n{text}");
                Err(text)
            }
            Ok(new) => Ok(self.take(new).await),
        }
    }

    async fn take(&self, new: Loaded) -> Vec<String> {
        let changes: Vec<String> = calport_config::diff(&self.loaded().config, &new.config).iter().map(ToString::to_string).collect();
        for warning in &new.warnings {
            tracing::warn!(code = "configuration-warning", "{warning}");
        }
        if changes.is_empty() {
            return changes;
        }
        for change in &changes {
            tracing::info!(code = "configuration-changed", "{change}");
        }
        *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
        self.rebuild().await;
        changes
    }
}

fn stamp(paths: &[PathBuf]) -> Vec<Option<(u64, SystemTime)>> {
    paths.iter().map(|path| std::fs::metadata(path).ok().and_then(|m| Some((m.len(), m.modified().ok()?)))).collect()
}

fn watched(service: &Service) -> Vec<PathBuf> {
    let loaded = service.loaded();
    std::iter::once(service.file.clone()).chain(loaded.config.people.csv.clone()).collect()
}

async fn watch_configuration(service: Arc<Service>) {
    let (wake, mut woken) = mpsc::channel::<()>(1);
    let mut watcher = notify::recommended_watcher(move |_| {
        let _ = wake.try_send(());
    })
    .ok();
    let mut paths = watched(&service);
    let mut known = stamp(&paths);
    for path in &paths {
        let directory = path.parent().filter(|p| !p.as_os_str().is_empty()).map_or_else(|| PathBuf::from("."), PathBuf::from);
        if let Some(watcher) = &mut watcher {
            let _ = watcher.watch(&directory, RecursiveMode::NonRecursive);
        }
    }
    loop {
        tokio::select! {
            () = service.stop.cancelled() => break,
            Some(()) = woken.recv() => {}
            () = tokio::time::sleep(SWEEP) => {}
        }
        if stamp(&paths) == known {
            continue;
        }
        loop {
            let before = stamp(&paths);
            tokio::time::sleep(REST).await;
            if stamp(&paths) == before {
                break;
            }
        }
        let _ = service.reload().await;
        paths = watched(&service);
        known = stamp(&paths);
    }
}
