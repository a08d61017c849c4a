//! A stateful Asterisk: the manager interface over HTTP (AMI) and the REST interface (ARI), as far as presence needs them.
//!
//! Promise: it answers as Asterisk 20 to 22 does, traps included (see the tests `trap_…`): Digest sessions, a comma that starts the
//! options, Base64 cut at 255 bytes, refused values that REST answers with success, unknown users that read as `not_set`, a database
//! that survives a restart and no expiry. Only two things are kinder than the original: a wait for events ends at once instead of
//! within a second, and nothing is written to a disk.
//!
//! ```no_run
//! # async fn demo() -> std::io::Result<()> {
//! use calport_simulators::pbx::Simulator;
//! let pbx = Simulator::builder().user("alice").user("bob").start().await?;
//! let mut writes = pbx.subscribe();
//! println!("{}/arawman", pbx.url());
//! # drop(writes.recv().await); Ok(()) }
//! ```

mod admin;
mod ami;
mod ari;
mod device;
mod digest;
mod http;
mod presence;
mod session;
mod state;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use base64::Engine as _;
use serde::Serialize;
use tokio::sync::{Notify, broadcast};

use crate::clock::Clock;
use crate::fault::Faults;
use crate::serve::{self, Running};
pub use presence::{Presence, STATES};
use session::Event;
use state::{Account, Author, Core, PRESENCE_PREFIX};
pub use state::{Hint, Source, Write};

/// Counters of a simulator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Requests answered, admin ones not counted.
    pub requests: u64,
    /// Accepted writes of presence.
    pub writes: u64,
    /// Manager sessions made so far.
    pub sessions_made: u64,
    /// Manager sessions alive.
    pub sessions_live: u64,
    /// Sessions that wait for an event which has not come yet.
    pub waiting: u64,
    /// Answers with `stale=true`.
    pub stale: u64,
    /// Requests that came while another of the same session was under way.
    pub overlapping: u64,
}

/// What all parts share.
#[derive(Debug)]
struct Shared {
    core: Mutex<Core>,
    clock: Clock,
    faults: Faults,
    /// Wakes whoever waits for an event or a write.
    wake: Notify,
    writes: broadcast::Sender<Write>,
    version: String,
    prefix: String,
}

impl Shared {
    /// Changes the state and tells those who wait.
    fn change<T>(&self, f: impl FnOnce(&mut Core) -> T) -> T {
        let (value, new) = self.change_quietly(|core| {
            let before = core.writes.len();
            let value = f(core);
            (value, core.writes.iter().skip(before).cloned().collect::<Vec<_>>())
        });
        for write in new {
            // Nobody listens: not an error.
            self.writes.send(write).ok();
        }
        self.wake.notify_waiters();
        value
    }

    /// Reads or changes the state without telling anybody.
    fn change_quietly<T>(&self, f: impl FnOnce(&mut Core) -> T) -> T {
        f(&mut self.core.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add_hint(&self, exten: &str, context: &str, hint: &str) {
        let hint = Hint { exten: exten.to_owned(), context: context.to_owned(), hint: hint.to_owned() };
        self.change(|core| {
            core.hints.retain(|h| (&h.exten, &h.context) != (&hint.exten, &hint.context));
            core.hints.push(hint);
        });
    }

    fn remove_hint(&self, exten: &str) {
        self.change(|core| core.hints.retain(|h| h.exten != exten));
    }

    fn by_hand(&self, user: &str, state: &str, subtype: &str, message: &str) -> bool {
        let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
        let value = format!("{state},{},{},e", encode(subtype), encode(message));
        self.dialplan(&format!("PRESENCE_STATE({PRESENCE_PREFIX}{user})"), &value)
    }

    fn dialplan(&self, variable: &str, value: &str) -> bool {
        let now = self.clock.now();
        self.change(|core| core.set_variable(variable, value.as_bytes(), &Author::by_hand(), now))
    }

    fn call(&self, user: &str, state: &str) -> bool {
        let Some(state) = device::state_of_call(state) else { return false };
        self.change(|core| core.telephone_of(user).map(|device| core.set_device(&device, state))).is_some()
    }

    fn stir(&self) {
        let text = b"Event: VarSet\r\nPrivilege: dialplan,all\r\nChannel: PJSIP/11-00000001\r\nVariable: X\r\nValue: 1\r\n\r\n".to_vec();
        self.change(|core| core.sessions.publish(&Event { class: "dialplan", text }));
    }

    fn restart(&self) {
        let now = self.clock.now();
        self.change(|core| core.restart(now));
    }

    fn stats(&self) -> Stats {
        self.change_quietly(|core| Stats {
            requests: core.requests,
            writes: core.writes.len() as u64,
            sessions_made: core.sessions.made,
            sessions_live: core.sessions.live() as u64,
            waiting: core.sessions.waiting() as u64,
            stale: core.sessions.stale,
            overlapping: core.sessions.overlapping,
        })
    }
}

/// Builds a [`Simulator`].
#[derive(Debug)]
pub struct Builder {
    address: SocketAddr,
    clock: Clock,
    version: String,
    prefix: String,
    accounts: Vec<Account>,
    hints: Vec<Hint>,
}

impl Builder {
    /// Listens on this address instead of a free port of the loopback.
    #[must_use]
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Follows this clock instead of the system's.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Calls itself by this version instead of `22.0.0`.
    #[must_use]
    pub fn version(mut self, version: &str) -> Self {
        self.version = version.to_owned();
        self
    }

    /// Puts everything but the admin door below this path, such as `/asterisk` (`prefix` in the PBX's web configuration).
    #[must_use]
    pub fn prefix(mut self, prefix: &str) -> Self {
        self.prefix = prefix.trim_end_matches('/').to_owned();
        self
    }

    /// Adds an account for both interfaces, with its manager classes (`all`, `call`, `reporting`, `system`, `user`). The first
    /// replaces the account `calport` with the secret `calport-secret` and all classes.
    #[must_use]
    pub fn account(mut self, name: &str, secret: &str, read: &[&str], write: &[&str]) -> Self {
        let classes = |list: &[&str]| list.iter().map(|c| (*c).to_owned()).collect();
        self.accounts.push(Account { name: name.to_owned(), secret: secret.to_owned(), read: classes(read), write: classes(write) });
        self
    }

    /// Adds a user: an extension of this name with the hint `Custom:NAME,CustomPresence:NAME`.
    #[must_use]
    pub fn user(self, name: &str) -> Self {
        self.hint(name, "default", &format!("Custom:{name},{PRESENCE_PREFIX}{name}"))
    }

    /// Adds a hint as it would stand in the dialplan.
    #[must_use]
    pub fn hint(mut self, exten: &str, context: &str, hint: &str) -> Self {
        self.hints.push(Hint { exten: exten.to_owned(), context: context.to_owned(), hint: hint.to_owned() });
        self
    }

    /// Starts serving.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub async fn start(mut self) -> io::Result<Simulator> {
        if self.accounts.is_empty() {
            self = self.account("calport", "calport-secret", &["all"], &["all"]);
        }
        let core = Core { hints: self.hints, accounts: self.accounts, started: self.clock.now(), ..Core::default() };
        let shared = Arc::new(Shared {
            core: Mutex::new(core),
            clock: self.clock,
            faults: Faults::default(),
            wake: Notify::new(),
            writes: broadcast::channel(1024).0,
            version: self.version,
            prefix: self.prefix,
        });
        let router = Router::new().fallback(http::serve).with_state(Arc::clone(&shared));
        let running = serve::start(serve::bind(self.address).await?, router)?;
        Ok(Simulator { shared, running })
    }
}

/// A running PBX. Dropping it closes its listener and every connection.
#[derive(Debug)]
pub struct Simulator {
    shared: Arc<Shared>,
    running: Running,
}

impl Simulator {
    /// A PBX without users, with the account `calport`, on a free port of the loopback.
    #[must_use]
    pub fn builder() -> Builder {
        Builder {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            clock: Clock::system(),
            version: "22.0.0".to_owned(),
            prefix: String::new(),
            accounts: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// The base URL, without a slash at its end and with the prefix.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}{}", self.running.address(), self.shared.prefix)
    }

    /// The base URL of the admin door, without a slash at its end.
    #[must_use]
    pub fn admin_url(&self) -> String {
        format!("http://{}/_admin", self.running.address())
    }

    /// Its clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// Its fault rules.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// Adds a user while running.
    pub fn add_user(&self, name: &str) {
        self.shared.add_hint(name, "default", &format!("Custom:{name},{PRESENCE_PREFIX}{name}"));
    }

    /// Removes a user's hint; what the user's presence was stays, as in the real product.
    pub fn remove_user(&self, name: &str) {
        self.shared.remove_hint(name);
    }

    /// Sets a presence as a user would by hand. `false`: the PBX refuses the state.
    pub fn set_by_hand(&self, user: &str, state: &str, subtype: &str, message: &str) -> bool {
        self.shared.by_hand(user, state, subtype, message)
    }

    /// Sets a variable or a function as `Set(variable=value)` of a dialplan does, such as a feature code: `dialplan_set(
    /// "PRESENCE_STATE(CustomPresence:alice)", "dnd,,Lunch")`. `false`: the PBX refuses it.
    pub fn dialplan_set(&self, variable: &str, value: &str) -> bool {
        self.shared.dialplan(variable, value)
    }

    /// Lets the telephone of a user, that is the first device of the hint, be in a state such as `Idle`, `InUse`, `Ringing`,
    /// `InUse&Ringing`, `Hold`, `Busy` or `Unavailable`. `false`: there is no such state, or no telephone.
    pub fn call(&self, user: &str, state: &str) -> bool {
        self.shared.call(user, state)
    }

    /// The live presence of a user; absent when none was ever set.
    #[must_use]
    pub fn presence(&self, user: &str) -> Option<Presence> {
        self.shared.change_quietly(|core| core.presence.get(&format!("{PRESENCE_PREFIX}{user}")).cloned())
    }

    /// The state of a device, such as `Stasis:bob` or `Custom:alice`; `UNKNOWN` when none was set.
    #[must_use]
    pub fn device_state(&self, device: &str) -> String {
        self.shared.change_quietly(|core| core.device_state(device))
    }

    /// A value of the database.
    #[must_use]
    pub fn database_value(&self, family: &str, key: &str) -> Option<Vec<u8>> {
        self.shared.change_quietly(|core| core.database.get(&(family.to_owned(), key.to_owned())).cloned())
    }

    /// Writes to the database as an administrator would on the console.
    pub fn put_database(&self, family: &str, key: &str, value: &str) {
        self.shared.change(|core| core.database.insert((family.to_owned(), key.to_owned()), value.as_bytes().to_vec()));
    }

    /// Every accepted write so far, in order.
    #[must_use]
    pub fn writes(&self) -> Vec<Write> {
        self.shared.change_quietly(|core| core.writes.clone())
    }

    /// Accepted writes from now on; a receiver more than 1,024 behind loses the oldest.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Write> {
        self.shared.writes.subscribe()
    }

    /// Refuses every credential, or accepts the good ones again.
    pub fn refuse_credentials(&self, refuse: bool) {
        self.shared.change(|core| core.refuse_credentials = refuse);
    }

    /// Lets a call set a variable: an event of the class `dialplan`, of which a busy PBX has hundreds a second.
    pub fn stir(&self) {
        self.shared.stir();
    }

    /// Stops and starts the PBX: sessions and variables are gone, live presence comes from the database.
    pub fn restart(&self) {
        self.shared.restart();
    }

    /// Counters.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }
}
