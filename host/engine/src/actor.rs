//! The actor: one table, one wheel, bounded jobs.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use calport_model::Clock;
use calport_store::{FeedKey, PresenceRow, Store, StoreError};
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::alert::Alerts;
use crate::backoff;
use crate::by_hand::ByHand;
use crate::calendars::CalendarEntry;
use crate::connection::Connection;
use crate::dispatch::Done;
use crate::feed::FeedEntry;
use crate::handle::{EngineHandle, Message};
use crate::latency::Latency;
use crate::people::PersonEntry;
use crate::plan::{Plan, Settings};
use crate::secrets::HookSecrets;
use crate::streams::Waited;
use crate::wheel::{Timer, Wheel};

/// Messages that may wait. More than this means that the engine is far behind; hooks then wait on disk.
const INBOX: usize = 1024;
/// The longest sleep: a jump of the wall clock is noticed within it (SEMANTICS C-16).
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// Counters since the start.
#[derive(Default)]
pub(crate) struct Counters {
    pub syncs: u64,
    pub full_reads: u64,
    pub computations: u64,
    pub published: u64,
}

/// The first full read.
pub(crate) struct Progress {
    pub began: Timestamp,
    pub done: usize,
    pub total: usize,
    pub said: usize,
}

/// The engine. Made with [`Engine::start`], spoken to through its handle.
pub struct Engine {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) secrets: HookSecrets,
    pub(crate) settings: Settings,
    pub(crate) connections: BTreeMap<String, Connection>,
    // Boxed: a table keeps places free for what it holds, and entries are large.
    pub(crate) feeds: HashMap<FeedKey, Box<FeedEntry>>,
    pub(crate) by_subscription: HashMap<(String, String), FeedKey>,
    pub(crate) people: BTreeMap<String, Box<PersonEntry>>,
    pub(crate) presence: BTreeMap<String, Box<PresenceRow>>,
    /// States set by hand, by person, in the order they were set.
    pub(crate) by_hand: BTreeMap<String, Vec<ByHand>>,
    /// Shared and room calendars, by the name they are matched under.
    pub(crate) calendars: BTreeMap<String, CalendarEntry>,
    /// Who a user of a sink is.
    pub(crate) by_user: HashMap<(String, String), String>,
    /// Sinks at which overrules of somebody count.
    pub(crate) watched_sinks: HashSet<String>,
    /// Users whose calls count, by sink.
    pub(crate) call_users: HashMap<String, Vec<String>>,
    pub(crate) alerts: Alerts,
    /// Whether what the store holds of presence was taken up with the first plan.
    pub(crate) taken_up: bool,
    pub(crate) compute: Vec<String>,
    pub(crate) computing: usize,
    pub(crate) wheel: Wheel,
    pub(crate) jobs: JoinSet<Done>,
    /// Waits on streams: they end by themselves, and nobody waits for them.
    pub(crate) streams: JoinSet<Waited>,
    pub(crate) change_latency: Latency,
    pub(crate) boundary_lag: Latency,
    pub(crate) counters: Counters,
    pub(crate) progress: Option<Progress>,
    inbox: mpsc::Receiver<Message>,
    settlers: Vec<oneshot::Sender<()>>,
    stopping: Vec<oneshot::Sender<()>>,
}

impl Engine {
    /// Starts an engine over a store. It takes up what the store holds and then works by the plans it is given.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn start(store: Store, clock: Arc<dyn Clock>, secrets: HookSecrets) -> Result<EngineHandle, StoreError> {
        let (sender, inbox) = mpsc::channel(INBOX);
        let mut engine = Self {
            store,
            clock,
            secrets,
            settings: Settings::default(),
            connections: BTreeMap::new(),
            feeds: HashMap::new(),
            by_subscription: HashMap::new(),
            people: BTreeMap::new(),
            presence: BTreeMap::new(),
            by_hand: BTreeMap::new(),
            calendars: BTreeMap::new(),
            by_user: HashMap::new(),
            watched_sinks: HashSet::new(),
            call_users: HashMap::new(),
            alerts: Alerts::default(),
            taken_up: false,
            compute: Vec::new(),
            computing: 0,
            wheel: Wheel::default(),
            jobs: JoinSet::new(),
            streams: JoinSet::new(),
            change_latency: Latency::default(),
            boundary_lag: Latency::default(),
            counters: Counters::default(),
            progress: None,
            inbox,
            settlers: Vec::new(),
            stopping: Vec::new(),
        };
        engine.load().await?;
        let store = engine.store.clone();
        tokio::spawn(engine.run());
        Ok(EngineHandle { store, inbox: sender })
    }

    async fn run(mut self) {
        loop {
            self.fire_due();
            self.dispatch();
            if self.is_settled() {
                for settler in self.settlers.drain(..) {
                    let _ = settler.send(());
                }
                if !self.stopping.is_empty() {
                    break;
                }
            } else if !self.stopping.is_empty() && self.jobs.is_empty() {
                break;
            }
            let sleep = self.sleep();
            tokio::select! {
                biased;
                Some(done) = self.jobs.join_next(), if !self.jobs.is_empty() => match done {
                    Ok(done) => self.finish(done).await,
                    Err(error) => tracing::error!(code = "job-lost", %error, "a job ended without a result; the mailbox or sink is tried again"),
                },
                Some(waited) = self.streams.join_next(), if !self.streams.is_empty() => match waited {
                    Ok(Waited::Sink(waited)) => self.waited(waited),
                    Ok(Waited::Stream(waited)) => self.stream_waited(waited).await,
                    // A stream that was given up takes its wait along.
                    Err(error) if error.is_cancelled() => {}
                    Err(error) => tracing::error!(code = "job-lost", %error, "listening to a sink ended without a result"),
                },
                message = self.inbox.recv() => match message {
                    Some(message) => self.receive(message).await,
                    None => break,
                },
                () = tokio::time::sleep(sleep) => {}
            }
        }
        for answer in self.stopping.drain(..) {
            let _ = answer.send(());
        }
    }

    fn sleep(&self) -> Duration {
        let now = self.clock.now();
        self.wheel.next().map_or(LONGEST_SLEEP, |next| (backoff::between(now, next) + Duration::from_millis(1)).min(LONGEST_SLEEP))
    }

    async fn receive(&mut self, message: Message) {
        match message {
            Message::Apply(plan, answer) => {
                self.apply(*plan).await;
                let _ = answer.send(());
            }
            Message::Hook(connection) => {
                self.hooks_due(&connection);
            }
            Message::Activate(id, active, answer) => {
                let _ = answer.send(self.activate(&id, active));
            }
            Message::SyncNow(connection, answer) => {
                let _ = answer.send(self.sync_now(connection.as_deref()));
            }
            Message::ConnectorChanged(id) => self.connector_changed(&id),
            Message::Basis(person, answer) => {
                let _ = answer.send(self.compute_order(&person).map(Box::new));
            }
            Message::Status(answer) => {
                let _ = answer.send(self.status());
            }
            Message::Settle(answer) => self.settlers.push(answer),
            Message::Stop(answer) => self.stopping.push(answer),
        }
    }

    /// Acts on every timer that is due. Each acts once, however late it is.
    fn fire_due(&mut self) {
        let now = self.clock.now();
        while let Some((at, timer)) = self.wheel.pop(now) {
            match timer {
                Timer::Feed(key) => self.feed_due(&key, now),
                Timer::Gap(key) => self.gap_due(&key, now),
                Timer::Boundary(person) => self.boundary_due(&person, at, now),
                Timer::Renew(connection, id) => self.renew_due(&connection, &id, now),
                Timer::Prepare(key) => self.prepare_due(&key),
                Timer::Absence(connection) => self.absence_due(&connection, now),
                Timer::Connection(_) | Timer::Publish(_) | Timer::Streams(_) => {}
                Timer::Recompute(person) => self.recompute(&person),
                Timer::Lease(person) => self.lease_due(&person, now),
                Timer::Alerts => self.alerts_due(now),
                Timer::Hooks(connection) => self.hooks_due(&connection),
                Timer::HookSweep(connection) => self.sweep_hooks(&connection, now),
                Timer::Republish(sink, person) => self.republish_due(&sink, &person),
                Timer::Resolve(connection) => self.resolve_due(&connection),
            }
        }
    }

    fn is_settled(&self) -> bool {
        let now = self.clock.now();
        self.jobs.is_empty()
            && self.compute.is_empty()
            && self.wheel.next().is_none_or(|next| next > now)
            && self.connections.values().all(|c| !c.is_open(now) || (c.waiting() == 0 && !c.hooks_waiting && !self.can_publish(c, now)))
    }

    async fn apply(&mut self, plan: Plan) {
        if let Err(error) = self.take_plan(plan).await {
            tracing::error!(code = "plan-failed", %error, "the new plan could not be taken over completely");
        }
    }
}
