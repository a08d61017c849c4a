//! `calport demo`: the whole of Calport on simulated servers.
//!
//! Real connectors from the drop-in directory, the real service, real HTTP; only the servers are simulated. Everything lives
//! in a temporary directory that goes away with the demo.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use calport_secrets::Secret;
use calport_simulators::demo::{Applied, Kind, Script, World};
use jiff::Timestamp;
use serde_json::json;

use crate::cli::Demo;
use crate::exit::{Exit, Failure, Outcome};
use crate::logging;
use crate::service::Service;
use crate::service::secrets::secret_store;

use super::{say, say_json};

mod view;

/// How long everything may take to settle at the beginning.
const SETTLE: Duration = Duration::from_secs(180);
/// How long one change may take.
const ARRIVE: Duration = Duration::from_secs(60);
/// How often the PBX is looked at while a change is on its way.
const LOOK: Duration = Duration::from_millis(10);
/// Changes of a run with `--once`; every kind is among them.
const CHANGES: usize = 24;

/// Everything that runs.
struct Running {
    world: World,
    service: Arc<Service>,
    plugins: PathBuf,
    ring: calport_web::logring::LogRing,
    _directory: tempfile::TempDir,
}

/// Runs the demo.
pub async fn run(json: bool, options: Demo) -> Outcome {
    let terminal = std::io::IsTerminal::is_terminal(&std::io::stdout());
    let ring = logging::start(None);
    let running = start(&options, ring.clone(), json || options.once).await?;
    if options.once {
        let result = once(&running, json).await;
        running.service.end().await;
        return result;
    }
    let result = view::run(&running.world, &running.service, &ring, terminal).await;
    running.service.end().await;
    result
}

fn copy_connectors(from: &Path, to: &Path) -> Result<usize, Failure> {
    std::fs::create_dir_all(to)?;
    let missing = |why: String| {
        Failure::new(
            Exit::Failed,
            format!(
                "there are no connectors in {}: {why}; `cargo xtask demo` builds them, or name their directory with --plugins",
                from.display()
            ),
        )
    };
    let mut count = 0;
    for entry in std::fs::read_dir(from).map_err(|e| missing(e.to_string()))? {
        let path = entry?.path();
        if let (Some("wasm"), Some(name)) = (path.extension().and_then(|e| e.to_str()), path.file_name()) {
            std::fs::copy(&path, to.join(name))?;
            count += 1;
        }
    }
    if count == 0 { Err(missing("no .wasm file".to_owned())) } else { Ok(count) }
}

fn free_address() -> std::io::Result<SocketAddr> {
    std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()
}

async fn start(options: &Demo, ring: calport_web::logring::LogRing, quiet: bool) -> Result<Running, Failure> {
    let directory = tempfile::Builder::new().prefix("calport-demo-").tempdir()?;
    let plugins = directory.path().join("plugins");
    let connectors = copy_connectors(&options.plugins, &plugins)?;
    let world = World::start(options.people, options.backend, Timestamp::now()).await?;
    if !quiet {
        say(format!("{} people on simulated servers, {connectors} connectors from {}.", world.members.len(), options.plugins.display()));
    }
    let file = directory.path().join("calport.toml");
    std::fs::write(&file, world.configuration(&plugins, free_address()?, free_address()?))?;
    let loaded = super::load(&file, false)?;
    let store = secret_store(&loaded.config)?;
    for (name, value) in world.secrets() {
        store.set(name, Secret::new(value))?;
    }
    let service = Service::start(&file, loaded, ring.clone()).await?;
    Ok(Running { world, service, plugins, ring, _directory: directory })
}

/// Waits until a condition holds, looking at it again and again.
async fn until(what: &str, most: Duration, mut condition: impl AsyncFnMut() -> bool) -> Result<Duration, Failure> {
    let began = Instant::now();
    while began.elapsed() < most {
        if condition().await {
            return Ok(began.elapsed());
        }
        tokio::time::sleep(LOOK).await;
    }
    Err(Failure::new(Exit::Failed, format!("{what} did not happen within {} s", most.as_secs())))
}

async fn all_in_step(service: &Service, people: usize) -> bool {
    service.engine.status().await.is_ok_and(|status| {
        status.people.len() == people && status.people.iter().all(|p| p.feed == "live" && p.in_step && p.shown.is_some())
    })
}

async fn once(running: &Running, json: bool) -> Outcome {
    let Running { world, service, plugins, .. } = running;
    let step = |text: String| {
        if !json {
            say(text);
        }
    };
    let people = world.members.len();
    let took = until("the first synchronisation of everybody", SETTLE, async || all_in_step(service, people).await).await?;
    step(format!("{people} people are in step after {:.1} s.", took.as_secs_f64()));
    let mut script = Script::new();
    let mut latencies = Vec::new();
    let mut made: BTreeMap<Kind, usize> = BTreeMap::new();
    let mut lost = Vec::new();
    for _ in 0..CHANGES {
        let change = script.step(world, Timestamp::now())?;
        *made.entry(change.kind).or_default() += 1;
        match arrival(world, &change).await {
            Ok(took) => {
                step(format!("{:>6} ms  {}", took.as_millis(), change.title));
                latencies.push(took);
            }
            Err(failure) => {
                step(format!("  LOST     {}", change.title));
                lost.push(failure.message);
            }
        }
    }
    let swapped = swap(world, service, plugins, &mut script, &mut made).await;
    match &swapped {
        Ok(took) => {
            step(format!("{:>6} ms  a change made while the connector's file was away, after the file came back", took.as_millis()));
            latencies.push(*took);
        }
        Err(failure) => lost.push(failure.message.clone()),
    }
    report(running, json, &made, &mut latencies, &lost)
}

async fn arrival(world: &World, change: &Applied) -> Result<Duration, Failure> {
    until(&change.title, ARRIVE, async || change.has_arrived(world)).await
}

/// Takes the calendar connector's file away, makes a change, puts the file back: nothing may be lost (FEATURES X01).
async fn swap(
    world: &World,
    service: &Service,
    plugins: &Path,
    script: &mut Script,
    made: &mut BTreeMap<Kind, usize>,
) -> Result<Duration, Failure> {
    let loaded = service.loaded();
    let source = loaded.config.flows.first().map(|f| f.source.clone()).unwrap_or_default();
    let file = service.connections.get(&source).and_then(|live| live.connector.plugin()).map(|plugin| plugin.file.clone());
    let file = file.ok_or_else(|| Failure::new(Exit::Failed, "the calendar connection has no connector"))?;
    let (place, aside) = (plugins.join(&file), plugins.join(format!("{file}.aside")));
    std::fs::rename(&place, &aside)?;
    let state =
        async |wanted: &str| service.engine.status().await.is_ok_and(|s| s.connections.iter().any(|c| c.id == source && c.state == wanted));
    until("the pause of the connection without its file", ARRIVE, async || state("offline").await).await?;
    let change = script.step(world, Timestamp::now())?;
    *made.entry(change.kind).or_default() += 1;
    std::fs::rename(&aside, &place)?;
    let took = arrival(world, &change).await?;
    until("the return of the connection", ARRIVE, async || state("online").await).await?;
    Ok(took)
}

fn report(running: &Running, json: bool, made: &BTreeMap<Kind, usize>, latencies: &mut [Duration], lost: &[String]) -> Outcome {
    latencies.sort_unstable();
    let quantile = |share: f64| {
        let rank = (latencies.len() as f64 * share).ceil() as usize;
        latencies.get(rank.saturating_sub(1)).map(|d| d.as_millis() as u64)
    };
    let changes: usize = made.values().sum();
    let mails = running.world.calendar.mails_sent();
    let feed = running.ring.feed();
    let events = feed.last.iter().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let of_calendar = events.filter(|event| event.get("connection").and_then(|id| id.as_str()) == Some("calendar"));
    let value = json!({
        "people": running.world.members.len(),
        "plugins": running.service.plugins.list().into_iter().filter_map(|f| f.plugin.map(|p| p.descriptor().name.clone())).collect::<Vec<_>>(),
        "changes_made": changes,
        "changes_by_kind": made,
        "changes_propagated": latencies.len(),
        "latency_ms": { "p50": quantile(0.5), "p99": quantile(0.99) },
        "mails_sent": mails,
        "lost": lost,
        "log": of_calendar.collect::<Vec<_>>(),
    });
    if json {
        say_json(&value)?;
    } else {
        say(format!(
            "{} of {changes} changes arrived; p50 {} ms, p99 {} ms; {mails} mails sent.",
            latencies.len(),
            quantile(0.5).unwrap_or_default(),
            quantile(0.99).unwrap_or_default()
        ));
    }
    let good = lost.is_empty() && latencies.len() == changes && mails == 0;
    if good { Ok(()) } else { Err(Failure::new(Exit::Failed, format!("not everything arrived: {}", lost.join("; ")))) }
}
