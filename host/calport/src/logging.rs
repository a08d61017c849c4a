//! Where log lines go: standard error, and the ring that `calport log` reads.

use std::sync::Arc;

use calport_config::{LogFormat, LogLevel};
use calport_model::SystemClock;
use calport_web::logring::{KEPT, LogRing};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

/// Libraries say what they do only when something is wrong.
fn filter(level: LevelFilter) -> Targets {
    let ours =
        ["calport", "calport_runtime", "calport_engine", "calport_egress", "calport_store", "calport_web", "calport_secrets", "plugin"];
    Targets::new().with_default(LevelFilter::WARN.min(level)).with_targets(ours.map(|target| (target, level)))
}

fn level(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

/// Starts logging; `None` writes nothing to standard error, only to the ring.
pub fn start(log: Option<&calport_config::Log>) -> LogRing {
    let ring = LogRing::new(KEPT, Arc::new(SystemClock));
    let registry = tracing_subscriber::registry().with(ring.clone().with_filter(filter(log.map_or(LevelFilter::INFO, |l| level(l.level)))));
    let Some(log) = log else {
        registry.init();
        return ring;
    };
    let errors = fmt::layer().with_writer(std::io::stderr).with_target(false);
    match log.format {
        LogFormat::Json => registry.with(errors.json().flatten_event(true).with_filter(filter(level(log.level)))).init(),
        LogFormat::Text => {
            let colour = std::io::IsTerminal::is_terminal(&std::io::stderr());
            registry.with(errors.with_ansi(colour).with_filter(filter(level(log.level)))).init();
        }
    }
    ring
}
