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
    let service = Service::start(file, loaded, ring).await?;
    let config = service.loaded();
    tracing::info!(
        code = "serving",
        control = %config.config.host.control,
        publish = config.config.host.publish,
        "Calport {} serves; see `calport status`",
        env!("CARGO_PKG_VERSION")
    );
    wait(&service).await?;
    tracing::info!(code = "ending", "Calport ends");
    service.end().await;
    Ok(())
}

async fn wait(service: &Service) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        let mut reload = signal(SignalKind::hangup())?;
        loop {
            tokio::select! {
                () = service.stop.cancelled() => return Ok(()),
                result = tokio::signal::ctrl_c() => return result,
                _ = terminate.recv() => return Ok(()),
                _ = reload.recv() => { let _ = service.reload().await; }
            }
        }
    }
    #[cfg(not(unix))]
    tokio::select! {
        () = service.stop.cancelled() => Ok(()),
        result = tokio::signal::ctrl_c() => result,
    }
}
