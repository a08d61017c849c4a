//! How the rest of the host speaks to the engine.

use calport_store::{AuditEntry, Store, StoreError};
use tokio::sync::{mpsc, oneshot};

use crate::basis::Basis;
use crate::compute::fill;
use crate::plan::Plan;
use crate::status::Status;

/// What the engine can be asked.
pub(crate) enum Message {
    /// Work by this plan from now on.
    Apply(Box<Plan>, oneshot::Sender<()>),
    /// A hook request of this connection is on disk.
    Hook(String),
    /// Use a connection, or not.
    Activate(String, bool, oneshot::Sender<bool>),
    /// Read now: one connection's mailboxes, or all.
    SyncNow(Option<String>, oneshot::Sender<usize>),
    /// The connector behind a connection is another one, or is back.
    ConnectorChanged(String),
    /// How things are.
    Status(oneshot::Sender<Status>),
    /// What a person's presence is made of.
    Basis(String, oneshot::Sender<Option<Box<crate::compute::ComputeOrder>>>),
    /// Answer when there is nothing to do at the present time.
    Settle(oneshot::Sender<()>),
    /// End after the jobs under way.
    Stop(oneshot::Sender<()>),
}

/// The engine has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the engine has ended; start Calport again")]
pub struct Gone;

/// Why a basis cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum BasisError {
    /// The engine has ended.
    #[error(transparent)]
    Gone(#[from] Gone),
    /// The mirror cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A way to speak to a running engine. Cheap to clone.
#[derive(Clone)]
pub struct EngineHandle {
    pub(crate) store: Store,
    pub(crate) inbox: mpsc::Sender<Message>,
}

impl EngineHandle {
    async fn ask<T>(&self, message: impl FnOnce(oneshot::Sender<T>) -> Message) -> Result<T, Gone> {
        let (answer, wait) = oneshot::channel();
        self.inbox.send(message(answer)).await.map_err(|_| Gone)?;
        wait.await.map_err(|_| Gone)
    }

    /// Works by this plan from now on; what it no longer names is cleared at the sinks (SEMANTICS P-30).
    ///
    /// # Errors
    /// When the engine has ended.
    pub async fn apply(&self, plan: Plan) -> Result<(), Gone> {
        self.ask(|answer| Message::Apply(Box::new(plan), answer)).await
    }

    /// Says that a hook request of a connection is on disk. Never waits: when the inbox is full the engine looks by itself.
    pub fn hook_arrived(&self, connection: &str) {
        let _ = self.inbox.try_send(Message::Hook(connection.to_owned()));
    }

    /// Switches a connection on or off (FEATURES R01); false when there is none of that name.
    ///
    /// # Errors
    /// When the engine has ended.
    pub async fn activate(&self, connection: &str, active: bool) -> Result<bool, Gone> {
        self.ask(|answer| Message::Activate(connection.to_owned(), active, answer)).await
    }

    /// Reads mailboxes now (FEATURES R01); the number of mailboxes.
    ///
    /// # Errors
    /// When the engine has ended.
    pub async fn sync_now(&self, connection: Option<String>) -> Result<usize, Gone> {
        self.ask(|answer| Message::SyncNow(connection, answer)).await
    }

    /// Says that the connector behind a connection is another one, or is back.
    ///
    /// # Errors
    /// When the engine has ended.
    pub async fn connector_changed(&self, connection: &str) -> Result<(), Gone> {
        self.inbox.send(Message::ConnectorChanged(connection.to_owned())).await.map_err(|_| Gone)
    }

    /// How things are.
    ///
    /// # Errors
    /// When the engine has ended.
    pub async fn status(&self) -> Result<Status, Gone> {
        self.ask(Message::Status).await
    }

    /// What a person's presence is made of now; `None` for somebody who is not there, is switched off, or whose calendar is not
    /// read yet ([`EngineHandle::status`] tells which).
    ///
    /// # Errors
    /// When the engine has ended, or the mirror cannot be read.
    pub async fn basis(&self, person: &str) -> Result<Option<Basis>, BasisError> {
        let order = self.ask(|answer| Message::Basis(person.to_owned(), answer)).await?;
        match order {
            Some(order) => Ok(Some(fill(&self.store, *order).await?)),
            None => Ok(None),
        }
    }

    /// The newest entries of the audit trail about a person, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn audit(&self, person: &str, most: u32) -> Result<Vec<AuditEntry>, StoreError> {
        self.store.audit(Some(person), most).await
    }

    /// Waits until there is nothing to do at the present time of the engine's clock.
    ///
    /// # Errors
    /// When the engine has ended.
    pub async fn settle(&self) -> Result<(), Gone> {
        self.ask(Message::Settle).await
    }

    /// Ends the engine after the jobs under way.
    ///
    /// # Errors
    /// When it has ended already.
    pub async fn stop(&self) -> Result<(), Gone> {
        self.ask(Message::Stop).await
    }
}
