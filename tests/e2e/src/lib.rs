//! What the end-to-end suites share: simulated servers, a configuration in a directory of its own, and the real program as a child.
//!
//! Nothing here knows the inside of Calport: it is driven by its files and its command line, and judged by what the simulated
//! servers saw. The program is the one named by `CALPORT_BIN` (else `target/debug/calport`), the connectors are those of the
//! directory `CALPORT_PLUGINS` (else `target/plugins`). A condition is awaited by looking at it until a deadline; what has to stay
//! as it is, is looked at for a stated time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // a test's helper ends its test

pub mod front;

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use calport_simulators::demo::{self, Backend, World};
use calport_simulators::graph::{self, EventDraft, User};
use calport_simulators::pbx;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(40);
/// How long a service may take to come up, with connectors that are not compiled yet, on a busy machine.
const START: Duration = Duration::from_secs(90);
/// How long the service may take to end by itself.
const END: Duration = Duration::from_secs(30);
/// How long a change may take on a busy machine when nothing is broken.
pub const ARRIVE: Duration = Duration::from_secs(30);

/// What a command did.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Its exit code.
    pub code: i32,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

impl Ran {
    /// Its standard output as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("no JSON ({e}), exit code {}: {}\n{}", self.code, self.out, self.err))
    }
}

/// The program under test.
#[must_use]
pub fn program() -> PathBuf {
    let path = std::env::var_os("CALPORT_BIN").map_or_else(|| workspace().join("target/debug/calport"), PathBuf::from);
    assert!(path.exists(), "{} is not there: build it with `cargo build -p calport`, or name it in CALPORT_BIN", path.display());
    path
}

/// The directory of the connectors under test.
#[must_use]
pub fn connectors() -> PathBuf {
    let path = std::env::var_os("CALPORT_PLUGINS").map_or_else(|| workspace().join("target/plugins"), PathBuf::from);
    assert!(path.exists(), "{} is not there: build it with `cargo xtask plugins`, or name it in CALPORT_PLUGINS", path.display());
    path
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Runs the program in a directory with these arguments and this standard input.
pub async fn run(directory: &Path, arguments: &[&str], input: &str) -> Ran {
    let mut command = tokio::process::Command::from(prepared(directory));
    let mut child =
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A command that reads nothing has closed the pipe: no error of the test.
    stdin.write_all(input.as_bytes()).await.ok();
    drop(stdin);
    let output = tokio::time::timeout(START, child.wait_with_output()).await.expect("the command did not end").unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The program, without what the caller's environment would add.
fn prepared(directory: &Path) -> Command {
    let mut command = Command::new(program());
    command.current_dir(directory);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CALPORT_") || name.to_string_lossy().to_ascii_lowercase().ends_with("_proxy") {
            command.env_remove(name);
        }
    }
    command
}

/// An address that is free now. Not from the ports the system hands out by itself, which a test beside this one could get.
#[must_use]
pub fn free_address() -> SocketAddr {
    loop {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, rand::random_range(20_000..32_000)));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// People with empty calendars, and a PBX that knows them.
pub async fn empty_world(people: u16) -> World {
    world_of(people, graph::Simulator::builder(), pbx::Simulator::builder()).await
}

/// The same, with a door of its own to the mailboxes where Calport does not go by Graph.
pub async fn empty_world_by(people: u16, backend: Backend) -> World {
    let mut world = empty_world(people).await;
    world.ews = demo::door(&world.calendar, backend).await.unwrap();
    world
}

/// The same on servers with settings of their own.
pub async fn world_of(people: u16, calendar: graph::Builder, pbx: pbx::Builder) -> World {
    let members = demo::members(people);
    let calendar = calendar.start().await.unwrap();
    for member in &members {
        let mut user = User::new(&member.address, &member.name).zone(member.windows_zone);
        member.locale.clone_into(&mut user.locale);
        calendar.add_user(user).unwrap();
    }
    let pbx = members.iter().fold(pbx, |builder, member| builder.user(&member.user)).start().await.unwrap();
    World { calendar, ews: None, pbx, members }
}

/// A time as drafts of appointments take it, in UTC and whole seconds.
#[must_use]
pub fn utc(at: Timestamp) -> String {
    at.to_zoned(jiff::tz::TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

/// An appointment that began two minutes ago and goes on for 50 minutes.
#[must_use]
pub fn now_draft(subject: &str) -> EventDraft {
    minutes_draft(subject, -2, 50)
}

/// An appointment from and to so many minutes from now.
#[must_use]
pub fn minutes_draft(subject: &str, from: i64, to: i64) -> EventDraft {
    let now = Timestamp::now();
    EventDraft::new(subject, &utc(now + SignedDuration::from_mins(from)), &utc(now + SignedDuration::from_mins(to)), "UTC")
}

/// Looks until a condition holds.
///
/// # Errors
/// When it did not hold within the time.
pub async fn until(most: Duration, mut condition: impl AsyncFnMut() -> bool) -> Result<Duration, Duration> {
    let began = Instant::now();
    loop {
        if condition().await {
            return Ok(began.elapsed());
        }
        if began.elapsed() > most {
            return Err(began.elapsed());
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Simulated servers, a directory with configuration and secrets, and (once started) the service.
pub struct Rig {
    /// The servers and their people.
    pub world: World,
    /// Everything of this Calport lives here.
    pub directory: tempfile::TempDir,
    service: Option<Child>,
    log: Arc<Mutex<String>>,
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Rig {
    /// Servers with so many people, configuration, connectors and secrets; the service does not run yet.
    pub async fn new(people: u16) -> Self {
        Self::over(empty_world(people).await).await
    }

    /// The same, and the service runs with everybody in step.
    pub async fn started(people: u16) -> Self {
        Self::started_by(people, Backend::Graph).await
    }

    /// The same by a door of one's choice.
    pub async fn started_by(people: u16, backend: Backend) -> Self {
        let mut rig = Self::over(empty_world_by(people, backend).await).await;
        rig.start().await;
        rig.settled().await;
        rig
    }

    /// Configuration, connectors and the world's own secrets for these servers.
    pub async fn over(world: World) -> Self {
        let rig = Self::bare(world);
        for (name, value) in rig.world.secrets() {
            rig.set_secret(name, &value).await;
        }
        rig
    }

    /// Configuration and connectors, no secret.
    #[must_use]
    pub fn bare(world: World) -> Self {
        let directory = tempfile::Builder::new().prefix("calport-e2e-").tempdir().unwrap();
        let plugins = directory.path().join("plugins");
        std::fs::create_dir(&plugins).unwrap();
        for entry in std::fs::read_dir(connectors()).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|e| e == "wasm") {
                std::fs::copy(&path, plugins.join(path.file_name().unwrap())).unwrap();
            }
        }
        // Compiled connectors are shared by all tests: the name of a file there is a hash of what it was made from.
        let cache = workspace().join("target/e2e-cache");
        std::fs::create_dir_all(&cache).unwrap();
        let text = world.configuration(Path::new("plugins"), free_address(), free_address());
        let text = text.replace("[host]\n", &format!("[host]\ncache_dir = {:?}\n", cache.canonicalize().unwrap()));
        std::fs::write(directory.path().join("calport.toml"), text).unwrap();
        Self { world, directory, service: None, log: Arc::default() }
    }

    /// A path below the rig's directory.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A connector's file in the drop-in directory.
    #[must_use]
    pub fn plugin(&self, file: &str) -> PathBuf {
        self.path("plugins").join(file)
    }

    /// Changes the configuration.
    pub fn edit(&self, change: impl FnOnce(String) -> String) {
        let file = self.path("calport.toml");
        let before = std::fs::read_to_string(&file).unwrap();
        let after = change(before.clone());
        assert_ne!(before, after, "the configuration was not changed");
        std::fs::write(&file, after).unwrap();
    }

    /// Stores a secret as an administrator would.
    pub async fn set_secret(&self, name: &str, value: &str) {
        let ran = run(self.directory.path(), &["secret", "set", name], value).await;
        assert_eq!(ran.code, 0, "{}", ran.err);
    }

    /// Runs a command.
    pub async fn command(&self, arguments: &[&str]) -> Ran {
        run(self.directory.path(), arguments, "").await
    }

    /// Runs a command that must succeed, and gives its JSON.
    pub async fn json(&self, arguments: &[&str]) -> Value {
        let ran = self.command(&[arguments, &["--json"]].concat()).await;
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.err);
        ran.json()
    }

    /// `calport status --json`; null while no service answers.
    pub async fn status(&self) -> Value {
        let ran = self.command(&["status", "--people", "--json"]).await;
        if ran.code == 0 { ran.json() } else { Value::Null }
    }

    /// Starts the service and waits until it answers.
    pub async fn start(&mut self) {
        let mut command = prepared(self.directory.path());
        let mut child = command.arg("serve").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        let log = self.log.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
                log.push_str(&line);
                log.push('\n');
            }
        });
        self.service = Some(child);
        let came = until(START, async || !self.status().await.is_null()).await;
        assert!(came.is_ok(), "the service did not come up:\n{}", self.log());
    }

    /// The process id of the service.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.service.as_ref().map(Child::id).expect("the service runs")
    }

    /// Whether the service still runs.
    pub fn runs(&mut self) -> bool {
        self.service.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    /// Ends the service as a service manager does (SIGTERM) and gives its exit code.
    pub async fn stop(&mut self) -> Option<i32> {
        let mut child = self.service.take().expect("the service runs");
        let signalled = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
        assert!(signalled.success());
        let mut code = None;
        let ended = until(END, async || {
            code = child.try_wait().unwrap();
            code.is_some()
        })
        .await;
        if ended.is_err() {
            child.kill().ok();
            child.wait().ok();
            panic!("the service did not end within {} s:\n{}", END.as_secs(), self.log());
        }
        code.and_then(|status| status.code())
    }

    /// Kills the service as a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.service.take() {
            child.kill().ok();
            child.wait().ok();
        }
    }

    /// What the service wrote to standard error so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks until a condition holds; the test fails with the log when it does not within the time.
    pub async fn until(&self, what: &str, most: Duration, condition: impl AsyncFnMut() -> bool) -> Duration {
        match until(most, condition).await {
            Ok(took) => took,
            Err(took) => panic!("{what}: not within {} s\n{}", took.as_secs(), self.report().await),
        }
    }

    /// Looks for a time that a condition holds all the while.
    pub async fn holds(&self, what: &str, time: Duration, mut condition: impl AsyncFnMut() -> bool) {
        if until(time, async || !condition().await).await.is_ok() {
            panic!("{what}: it did not stay so\n{}", self.report().await);
        }
    }

    async fn report(&self) -> String {
        let log = self.log();
        let tail: Vec<&str> = log.lines().rev().take(40).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        let status = serde_json::to_string_pretty(&self.status().await).unwrap();
        format!("status: {status}\nlast lines of the log:\n{}", tail.join("\n"))
    }

    /// Waits until everybody's calendar is followed and the PBX shows what it should.
    pub async fn settled(&self) {
        self.until("everybody in step", START, async || {
            let status = self.status().await;
            let people = list(&status, "people");
            !people.is_empty()
                && people.iter().all(|p| p["feed"] == "live" && p["in_step"] == true && !p["shown"].is_null())
                && list(&status, "connections").iter().all(|c| {
                    let told = c["mode"] == "polling" || c["mailboxes"] == c["subscriptions"];
                    c["state"] == "online" && told
                })
        })
        .await;
    }

    /// One connection of the status.
    pub async fn connection(&self, id: &str) -> Value {
        list(&self.status().await, "connections").iter().find(|c| c["id"] == id).cloned().unwrap_or_default()
    }

    /// One person of the status.
    pub async fn person(&self, id: &str) -> Value {
        list(&self.status().await, "people").iter().find(|p| p["id"] == id).cloned().unwrap_or_default()
    }

    /// Waits until a connection is in a state.
    pub async fn connection_is(&self, id: &str, state: &str, most: Duration) -> Value {
        let mut last = Value::Null;
        self.until(&format!("{id} is {state}"), most, async || {
            last = self.connection(id).await;
            last["state"] == state
        })
        .await;
        last
    }

    /// Adds an appointment to the calendar of the person of this number; gives its id.
    pub fn add(&self, member: usize, draft: EventDraft) -> String {
        self.world.calendar.add_event(&self.world.members[member].address, draft).unwrap()
    }

    /// What the PBX shows of the person of this number: state and message.
    #[must_use]
    pub fn shown(&self, member: usize) -> (String, String) {
        self.world.shown(&self.world.members[member].user).unwrap_or_default()
    }

    /// Whether the message of a person names this text as what is on now.
    #[must_use]
    pub fn shows(&self, member: usize, text: &str) -> bool {
        self.shown(member).1.contains(text)
    }

    /// Waits until the message of a person holds a text.
    pub async fn arrives(&self, member: usize, text: &str) -> Duration {
        self.until(&format!("\"{text}\" on the PBX, which shows {:?}", self.shown(member)), ARRIVE, async || self.shows(member, text)).await
    }

    /// Waits until the message of a person no longer holds a text.
    pub async fn leaves(&self, member: usize, text: &str) -> Duration {
        self.until(&format!("the end of \"{text}\" on the PBX"), ARRIVE, async || !self.shows(member, text)).await
    }

    /// Accepted writes for a person so far.
    #[must_use]
    pub fn writes(&self, member: usize) -> Vec<pbx::Write> {
        let user = &self.world.members[member].user;
        self.world.pbx.writes().into_iter().filter(|w| &w.user == user).collect()
    }

    /// How often an operation was requested for a person's mailbox.
    #[must_use]
    pub fn count(&self, operation: &str, member: usize) -> u64 {
        self.world.calendar.count(operation, Some(&self.world.members[member].address))
    }
}

/// A list in a JSON object; empty when there is none.
#[must_use]
pub fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}
