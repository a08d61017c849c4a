//! Requests of other sides, on disk before they are acknowledged (SEMANTICS B-30).

use calport_model::notification::HookRequest;
use sqlx::Row;

use crate::{Result, Store, instant, millis};

/// A stored request.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredHook {
    /// Its number, rising.
    pub number: i64,
    /// The request.
    pub request: HookRequest,
}

impl Store {
    /// Stores a request. When this returns, it may be acknowledged.
    ///
    /// # Errors
    /// When the file cannot be written: the sender must be told to try again.
    pub async fn add_hook(&self, connection: &str, request: &HookRequest) -> Result<()> {
        sqlx::query("INSERT INTO hook_requests (connection, lifecycle, content_type, body, received) VALUES (?, ?, ?, ?, ?)")
            .bind(connection)
            .bind(request.lifecycle)
            .bind(&request.content_type)
            .bind(&request.body)
            .bind(millis(request.received))
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// The oldest requests of a connection that are not yet read.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn hooks(&self, connection: &str, most: u32) -> Result<Vec<StoredHook>> {
        let rows = sqlx::query("SELECT * FROM hook_requests WHERE connection = ? ORDER BY number LIMIT ?")
            .bind(connection)
            .bind(most)
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(StoredHook {
                    number: row.try_get("number")?,
                    request: HookRequest {
                        lifecycle: row.try_get("lifecycle")?,
                        content_type: row.try_get("content_type")?,
                        body: row.try_get("body")?,
                        received: instant(row.try_get("received")?)?,
                    },
                })
            })
            .collect()
    }

    /// Removes the requests of a connection up to a number: their hints are taken over.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn remove_hooks(&self, connection: &str, up_to: i64) -> Result<()> {
        sqlx::query("DELETE FROM hook_requests WHERE connection = ? AND number <= ?")
            .bind(connection)
            .bind(up_to)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}
