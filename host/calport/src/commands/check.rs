//! `calport check`: configuration, connections, permissions, people and the public URL, each with the next step. Nothing is changed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use calport_config::{Config, Loaded};
use calport_egress::{Egress, NoTrace};
use calport_engine::{PersonPlan, resolve_people};
use calport_model::descriptor::Severity;
use calport_model::{Capability, ConnectorApi as _, SystemClock};
use calport_runtime::{ChildProcess, PluginDirectory, Runtime, RuntimeConfig};
use calport_store::{ResolutionState, Store};
use serde_json::{Value, json};

use crate::cli::Check;
use crate::exit::{Exit, Failure, Outcome};
use crate::service::connections::{Connections, Live};
use crate::service::{people, probe, secrets};

use super::{load, say, say_json};

mod discovery;

/// What was found.
#[derive(Default)]
struct Findings {
    rows: Vec<Value>,
    problems: usize,
    quiet: bool,
    pins: Vec<discovery::Pin>,
}

impl Findings {
    fn add(&mut self, severity: Severity, about: &str, message: impl Into<String>, remedy: impl Into<String>) {
        let (message, remedy) = (message.into(), remedy.into());
        if severity == Severity::Problem {
            self.problems += 1;
        }
        if !self.quiet {
            let mark = match severity {
                Severity::Info => "ok  ",
                Severity::Warning => "warn",
                Severity::Problem => "FAIL",
            };
            say(format!("{mark} {about}: {message}"));
            if !remedy.is_empty() {
                say(format!("     {remedy}"));
            }
        }
        self.rows.push(json!({ "severity": severity.as_str(), "about": about, "message": message, "remedy": remedy }));
    }

    fn good(&mut self, about: &str, message: impl Into<String>) {
        self.add(Severity::Info, about, message, "");
    }

    fn bad(&mut self, about: &str, message: impl Into<String>, remedy: impl Into<String>) {
        self.add(Severity::Problem, about, message, remedy);
    }
}

/// Runs the command.
pub async fn run(file: &Path, json: bool, options: Check) -> Outcome {
    let loaded = load(file, json)?;
    let mut findings = Findings { quiet: json, ..Findings::default() };
    findings.good("configuration", format!("{} is good", file.display()));
    for warning in &loaded.warnings {
        findings.add(Severity::Warning, "configuration", warning.to_string(), "");
    }
    let store = secrets::secret_store(&loaded.config)?;
    for (name, users) in loaded.config.secrets_in_use() {
        match store.get(name) {
            Ok(_) => findings.good("secret", format!("\"{name}\" is there")),
            Err(error) => {
                findings.bad("secret", format!("\"{name}\" for {}: {error}", users.join(", ")), format!("calport secret set {name}"))
            }
        }
    }
    if !options.offline {
        online(&loaded, Arc::new(store), &mut findings).await?;
    }
    if options.pin && !json {
        findings.pins.iter().for_each(|pin| say(pin.lines()));
    }
    if json {
        let pins: Vec<Value> = findings.pins.iter().map(discovery::Pin::json).collect();
        say_json(&json!({ "problems": findings.problems, "findings": findings.rows, "found": pins }))?;
    } else if findings.problems == 0 {
        say("\nNo problems.");
    } else {
        say(format!("\n{} problem{}.", findings.problems, if findings.problems == 1 { "" } else { "s" }));
    }
    if findings.problems > 0 { Err(Failure::said(Exit::Problems)) } else { Ok(()) }
}

async fn online(loaded: &Loaded, store: Arc<calport_secrets::SecretStore>, findings: &mut Findings) -> Outcome {
    let config = &loaded.config;
    let program = std::env::current_exe()?;
    let compiler = ChildProcess { program, arguments: vec!["plugin".to_owned(), "precompile".to_owned()] };
    let cache = tempfile::tempdir()?;
    let runtime =
        Runtime::new(RuntimeConfig { cache: cache.path().to_owned(), compiler: Arc::new(compiler), clock: Arc::new(SystemClock) })?;
    let plugins = PluginDirectory::watch(runtime.clone(), &config.host.plugins_dir).await?;
    for file in plugins.list() {
        if let Some(reason) = file.refused {
            findings.bad("connector", reason, "replace the file, or remove it");
        }
    }
    let egress = Egress::new(Arc::new(calport_egress::SystemClock::new()), Arc::new(NoTrace));
    let connections = Connections::new(runtime, egress, store);
    let unfound = discovery::run(loaded, &connections, &plugins, findings).await;
    connections.rebuild(loaded, &plugins);
    for (name, reason) in connections.problems() {
        if unfound.contains(&name) {
            continue;
        }
        let used = config.connections.get(&name).is_some_and(|c| c.active);
        findings.add(if used { Severity::Problem } else { Severity::Warning }, &name, reason, "");
    }
    let mut listed = BTreeMap::new();
    let mut up = BTreeMap::new();
    for (name, live) in connections.all() {
        if !config.connections.get(&name).is_some_and(|c| c.active) {
            findings.add(Severity::Warning, &name, "the connection is switched off (active = false)", "");
            continue;
        }
        if connection(&name, &live, findings).await {
            if live.connector.descriptor().has(Capability::Directory) && needs_directory(config, &name) {
                match crate::service::list(live.connector.as_ref()).await {
                    Ok(entries) => {
                        findings.good(&name, format!("the directory lists {} entries", entries.len()));
                        listed.insert(name.clone(), entries);
                    }
                    Err(error) => findings.bad(&name, format!("the directory cannot be read: {}", error.message), ""),
                }
            }
            up.insert(name, live);
        }
    }
    alerts(config, &connections, findings);
    persons(config, &up, &listed, findings).await;
    public_url(config, &up, findings).await;
    Ok(())
}

/// Whether the connection of `[alerts]` can send mail at all (FEATURES R06).
fn alerts(config: &Config, connections: &Connections, findings: &mut Findings) {
    let Some(alerts) = &config.alerts else { return };
    let Some(live) = connections.get(&alerts.connection) else { return };
    let descriptor = live.connector.descriptor();
    if descriptor.has(Capability::Mail) {
        findings.good("alerts", format!("{} sends them to {}", alerts.connection, alerts.to.join(", ")));
    } else {
        findings.add(
            Severity::Warning,
            "alerts",
            format!("{} cannot send them: its connector {} does not know how to send mail", alerts.connection, descriptor.name),
            "name a connection whose connector has the capability `mail` as `connection` in [alerts]; `calport plugin inspect FILE` shows capabilities",
        );
    }
}

/// Directories of people, and of sinks; those of calendars are asked person by person.
fn needs_directory(config: &Config, name: &str) -> bool {
    config.people.directories.iter().any(|d| d.connection == name) || config.flows.iter().any(|f| f.sink == name)
}

async fn connection(name: &str, live: &Live, findings: &mut Findings) -> bool {
    let descriptor = live.connector.descriptor();
    let reached = match live.connector.check().await {
        Ok(report) => {
            let what =
                if report.server.starts_with(&descriptor.display_name) { String::new() } else { format!("{} ", descriptor.display_name) };
            findings.good(name, format!("connected to {what}{} {}", report.server, report.version).trim_end().to_owned());
            for finding in report.findings {
                findings.add(finding.severity, name, finding.message, finding.remedy);
            }
            true
        }
        Err(error) => {
            let code = error.code.as_ref().map(|c| format!(" ({c})")).unwrap_or_default();
            findings.bad(name, format!("{}{code}", error.message), remedy(error.blame()));
            false
        }
    };
    for endpoint in live.egress.policy().endpoints.iter().map(|e| e.name.clone()).collect::<Vec<_>>() {
        match live.egress.token_roles(&endpoint).await {
            Ok(Some(roles)) => permissions(name, &descriptor, &roles, findings),
            Ok(None) => {}
            Err(error) if reached => findings.add(Severity::Warning, name, error.to_string(), ""),
            Err(_) => {}
        }
    }
    reached
}

fn remedy(blame: calport_model::Blame) -> &'static str {
    match blame {
        calport_model::Blame::Configuration => "correct the connection's settings, secret or permissions",
        calport_model::Blame::Network => "check the URL, name service, firewall and certificate",
        calport_model::Blame::Server => "the server answered wrongly: look at its log, or trace the connection with `calport trace on`",
        calport_model::Blame::Plugin => "the connector failed: replace its file, or report it to its maker",
        calport_model::Blame::Host => "try again; if it stays, report it",
    }
}

/// Names each missing permission (FEATURES C03), from the token's roles, which no connector sees.
fn permissions(name: &str, descriptor: &calport_model::Descriptor, roles: &[String], findings: &mut Findings) {
    let has = |wanted: &str| roles.iter().any(|role| role == wanted);
    let mut granted = Vec::new();
    for permission in &descriptor.permissions {
        let names = std::iter::once(&permission.name).chain(&permission.alternatives);
        if let Some(held) = names.into_iter().find(|n| has(n)) {
            if !granted.contains(held) {
                granted.push(held.clone());
            }
            continue;
        }
        let severity = if permission.required { Severity::Problem } else { Severity::Warning };
        let other =
            if permission.alternatives.is_empty() { String::new() } else { format!(" or {}", permission.alternatives.join(" or ")) };
        findings.add(
            severity,
            name,
            format!("the permission {}{other} is missing; it is needed for {}", permission.name, permission.needed_for),
            "grant it and give consent as an administrator (it may take hours to spread); a right given by a role assignment at the server is not in the token, then ignore this",
        );
    }
    if !granted.is_empty() {
        findings.good(name, format!("permissions granted and used: {}", granted.join(", ")));
    }
}

async fn persons(
    config: &Config,
    up: &BTreeMap<String, Live>,
    listed: &BTreeMap<String, Vec<calport_model::directory::Entry>>,
    findings: &mut Findings,
) {
    let (plans, left) = people::plan(config, listed);
    for one in left {
        findings.bad(&one.person, one.reason, "");
    }
    let mut by_source: BTreeMap<String, Vec<PersonPlan>> = BTreeMap::new();
    for plan in plans.into_values().filter(|p| p.active) {
        if let Some(entries) = listed.get(&plan.sink)
            && !entries.iter().any(|e| e.id == plan.user)
        {
            findings.bad(
                &plan.id,
                format!("{} has no user \"{}\"", plan.sink, plan.user),
                format!("correct `users.{}` of the person", plan.sink),
            );
        }
        by_source.entry(plan.source.clone()).or_default().push(plan);
    }
    for (source, people) in by_source {
        let Some(live) = up.get(&source) else { continue };
        let mut found = 0;
        for chunk in people.chunks(50) {
            match resolve_people(live.connector.as_ref(), chunk, jiff::Timestamp::now()).await {
                Ok(rows) => {
                    for row in rows {
                        if row.resolution == ResolutionState::Resolved {
                            found += 1;
                        } else {
                            findings.bad(&row.person, format!("{}: {}", row.resolution.as_str(), row.detail), "");
                        }
                    }
                }
                Err(error) => findings.bad(&source, format!("people could not be looked up: {}", error.message), ""),
            }
        }
        findings.good(&source, format!("{found} of {} people have a mailbox", people.len()));
    }
}

/// Calls the host's own public URL, as servers will.
async fn public_url(config: &Config, up: &BTreeMap<String, Live>, findings: &mut Findings) {
    let takes_hooks = |name: &str, live: &Live| {
        let descriptor = live.connector.descriptor();
        let chosen = config.connections.get(name).and_then(|connection| connection.notify);
        descriptor.hook.is_some() && chosen.map_or(descriptor.streams.is_none(), |way| way == calport_config::Notify::Hooks)
    };
    let hooked: Vec<&String> = up.iter().filter(|(name, live)| takes_hooks(name, live)).map(|(name, _)| name).collect();
    let Some(name) = hooked.first() else { return };
    let Some(hooks) = &config.hooks else {
        findings.add(
            Severity::Warning,
            "hooks",
            format!(
                "no [hooks]: {} are polled, changes show after `poll_s` seconds",
                hooked.iter().map(|n| n.as_str()).collect::<Vec<_>>().join(", ")
            ),
            "add [hooks] with listen and public_url where servers can reach this host",
        );
        return;
    };
    let random = match tokio::net::TcpListener::bind(hooks.listen).await {
        Ok(listener) => temporary_receiver(listener, hooks, name).await,
        Err(_) => running_random(config, name).await,
    };
    let result = match random {
        Ok((random, _stop)) => probe::probe(&format!("{}/hooks/{name}/{random}", hooks.public_url.trim_end_matches('/'))).await,
        Err(reason) => Err(reason),
    };
    match result {
        Ok(took) => findings.good("hooks", format!("{} leads here ({} ms)", hooks.public_url, took.as_millis())),
        Err(reason) => findings.bad("hooks", reason, "without it mailboxes are not subscribed; remove [hooks] to poll instead"),
    }
}

type Receiver = Result<(String, Option<tokio_util::sync::DropGuard>), String>;

/// No service runs: answers the probe itself for a moment.
async fn temporary_receiver(listener: tokio::net::TcpListener, hooks: &calport_config::Hooks, name: &str) -> Receiver {
    let random = format!("{:032x}", rand::random::<u128>());
    let store = Store::in_memory(Arc::new(calport_store::NoSeal)).await.map_err(|e| e.to_string())?;
    let targets = crate::service::probe_targets(name, &random);
    let receiver =
        calport_web::hooks::HookReceiver::new(targets, Arc::new(store), Arc::new(SystemClock), calport_web::hooks::HookLimits::default());
    let base = url::Url::parse(&hooks.public_url).map(|u| u.path().to_owned()).unwrap_or_default();
    let router = receiver.router(&base).map_err(|e| e.to_string())?;
    let tls = match &hooks.tls {
        Some(files) => Some(
            calport_web::Tls::open(calport_web::TlsFiles { certificate: files.cert.clone(), key: files.key.clone() })
                .map_err(|e| e.to_string())?,
        ),
        None => None,
    };
    let stop = tokio_util::sync::CancellationToken::new();
    tokio::spawn(calport_web::serve(listener, router, tls, calport_web::ServerLimits::default(), stop.clone()));
    Ok((random, Some(stop.drop_guard())))
}

/// A service runs on the address: its own URL is asked.
async fn running_random(config: &Config, name: &str) -> Receiver {
    let file = config.host.data_dir.join("calport.sqlite");
    if !file.exists() {
        return Err(format!("the address for notifications is in use, but not by the service of {}", config.host.data_dir.display()));
    }
    let store = Store::open(&file, Arc::new(calport_store::NoSeal)).await.map_err(|e| e.to_string())?;
    let random = store.meta(&format!("hook.{name}")).await.map_err(|e| e.to_string())?;
    store.close().await;
    Ok((random.ok_or_else(|| "the running service does not know this connection yet".to_owned())?, None))
}
