//! The audit trail: what was written where, when and why (FEATURES X08).

use jiff::Timestamp;
use sqlx::Row;

use crate::{Result, Store, instant, millis};

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// Whom or what it is about: a person, a connection.
    pub subject: String,
    /// What was done, such as `presence.set`.
    pub action: String,
    /// From which change.
    pub cause: String,
    /// The value before; masked, never a private text.
    pub before: Option<String>,
    /// The value after; masked, never a private text.
    pub after: Option<String>,
}

impl Store {
    /// Adds entries.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn add_audit(&self, entries: &[AuditEntry]) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        for entry in entries {
            sqlx::query("INSERT INTO audit (at, subject, action, cause, before, after) VALUES (?, ?, ?, ?, ?, ?)")
                .bind(millis(entry.at))
                .bind(&entry.subject)
                .bind(&entry.action)
                .bind(&entry.cause)
                .bind(&entry.before)
                .bind(&entry.after)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// The newest entries about a subject (all, when `None`), newest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn audit(&self, subject: Option<&str>, most: u32) -> Result<Vec<AuditEntry>> {
        let rows = sqlx::query("SELECT * FROM audit WHERE ?1 IS NULL OR subject = ?1 ORDER BY number DESC LIMIT ?2")
            .bind(subject)
            .bind(most)
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(AuditEntry {
                    at: instant(row.try_get("at")?)?,
                    subject: row.try_get("subject")?,
                    action: row.try_get("action")?,
                    cause: row.try_get("cause")?,
                    before: row.try_get("before")?,
                    after: row.try_get("after")?,
                })
            })
            .collect()
    }
}
