//! `calport serve`.

use std::path::Path;

use crate::exit::Outcome;
use crate::logging;
use crate::service::Service;

use super::load;

/// Runs the service until it is told to end.
pub async fn run(file: &Path, json: bool) -> Outcome {
    let loaded = load(file, json)?;
    let ring = logging::start(Some(&loaded.config.host.log));
    for warning in &loaded.warnings {
        tracing::warn!(code = "configuration-warning", "{warning}");
    }
    // Before anything answers: whoever sees the service up may end it in order at once.
    let mut signals = Signals::listen()?;
    let service = Service::start(file, loaded, ring).await?;
    let config = service.loaded();
    tracing::info!(
        code = "serving",
        control = %config.config.host.control,
        publish = config.config.host.publish,
        "Calport {} serves; see `calport status`",
        env!("CARGO_PKG_VERSION")
    );
    signals.wait(&service).await?;
    tracing::info!(code = "ending", "Calport ends");
    service.end().await;
    Ok(())
}

/// What tells the service to end or to read its configuration again.
#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    reload: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            reload: signal(SignalKind::hangup())?,
        })
    }

    async fn wait(&mut self, service: &Service) -> std::io::Result<()> {
        loop {
            tokio::select! {
                () = service.stop.cancelled() => return Ok(()),
                _ = self.interrupt.recv() => return Ok(()),
                _ = self.terminate.recv() => return Ok(()),
                _ = self.reload.recv() => { let _ = service.reload().await; }
            }
        }
    }
}

/// What tells the service to end.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn wait(&mut self, service: &Service) -> std::io::Result<()> {
        tokio::select! {
            () = service.stop.cancelled() => Ok(()),
            result = tokio::signal::ctrl_c() => result,
        }
    }
}
