//! Calport's state in one SQLite file.
//!
//! Promise: a cursor is stored in the same transaction as the effects of the page it follows (SEMANTICS B-25, K-03), and a
//! hook request is on disk before it is acknowledged. Texts of private events are sealed before they are written (B-51).
//! The store decides nothing: it knows no rule, no connector and no clock.

mod audit;
mod discovered;
mod error;
mod feeds;
mod hooks;
mod mirror;
mod overrides;
mod people;
mod presence;
mod seal;
mod subscriptions;

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

pub use audit::AuditEntry;
pub use discovered::Discovered;
pub use error::StoreError;
pub use feeds::{Feed, FeedKey};
pub use hooks::StoredHook;
pub use mirror::{PageEffects, place_of};
pub use overrides::OverrideRow;
pub use people::{PersonRow, ResolutionState};
pub use presence::PresenceRow;
pub use seal::{NoSeal, Sealer};
pub use subscriptions::StoredSubscription;

/// Result of a store call.
pub type Result<T> = std::result::Result<T, StoreError>;

/// The store. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pool: SqlitePool,
    sealer: Arc<dyn Sealer>,
}

impl Store {
    /// Opens the file, makes it if it is not there, and brings it to the newest form.
    ///
    /// # Errors
    /// When the file cannot be opened or belongs to a newer Calport.
    pub async fn open(file: &Path, sealer: Arc<dyn Sealer>) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(Duration::from_secs(10))
            .foreign_keys(true);
        let name = file.display().to_string();
        prepare(&options, &name).await?;
        let pool = SqlitePoolOptions::new().max_connections(4);
        Self::connect(options, pool, sealer, &name).await
    }

    /// A store that lives as long as the value: for tests, previews and benchmarks.
    ///
    /// # Errors
    /// When SQLite refuses, which it does not.
    pub async fn in_memory(sealer: Arc<dyn Sealer>) -> Result<Self> {
        let options = SqliteConnectOptions::from_str("sqlite::memory:").map_err(|e| StoreError::open("memory", e))?;
        let pool = SqlitePoolOptions::new().max_connections(1).min_connections(1);
        let store = Self::connect(options, pool, sealer, "memory").await?;
        sqlx::migrate!().run(&store.pool).await.map_err(|e| StoreError::Migrate { file: "memory".to_owned(), source: e })?;
        Ok(store)
    }

    async fn connect(options: SqliteConnectOptions, pool: SqlitePoolOptions, sealer: Arc<dyn Sealer>, name: &str) -> Result<Self> {
        let pool = pool
            .idle_timeout(None)
            .max_lifetime(None)
            .acquire_timeout(Duration::from_secs(30))
            .connect_with(options)
            .await
            .map_err(|e| StoreError::open(name, e))?;
        Ok(Self { pool, sealer })
    }

    /// Closes the file after all that is under way.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// A named value of the host itself.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn meta(&self, name: &str) -> Result<Option<String>> {
        Ok(sqlx::query_scalar("SELECT value FROM meta WHERE name = ?").bind(name).fetch_optional(&self.pool).await?)
    }

    /// Stores a named value of the host itself.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn set_meta(&self, name: &str, value: &str) -> Result<()> {
        sqlx::query("INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
            .bind(name)
            .bind(value)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

/// Makes the file and brings it to the newest form, by one connection alone: a pool opens several side by side, and of two that
/// change a new file to write-ahead logging at once one is refused.
async fn prepare(options: &SqliteConnectOptions, name: &str) -> Result<()> {
    let alone = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone());
    let alone = alone.await.map_err(|e| StoreError::open(name, e))?;
    let migrated = sqlx::migrate!().run(&alone).await;
    alone.close().await;
    migrated.map_err(|e| StoreError::Migrate { file: name.to_owned(), source: e })
}

fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

fn instant(ms: i64) -> Result<Timestamp> {
    Timestamp::from_millisecond(ms).map_err(|_| StoreError::corrupt("instant", ms))
}

fn instant_opt(ms: Option<i64>) -> Result<Option<Timestamp>> {
    ms.map(instant).transpose()
}

#[cfg(test)]
mod tests;
