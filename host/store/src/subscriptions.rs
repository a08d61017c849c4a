//! Live subscriptions at the other sides (SEMANTICS C-10, R-05).

use jiff::Timestamp;
use sqlx::Row;

use crate::{Result, Store, StoreError, instant, instant_opt, millis};

/// A subscription with the secret that its notifications must carry.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredSubscription {
    /// The connection.
    pub connection: String,
    /// The id at the other side.
    pub id: String,
    /// The mailbox.
    pub mailbox: String,
    /// The secret.
    pub secret: String,
    /// When it was granted or last renewed.
    pub granted_at: Timestamp,
    /// When it ends.
    pub expires: Option<Timestamp>,
}

impl std::fmt::Debug for StoredSubscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredSubscription")
            .field("connection", &self.connection)
            .field("id", &self.id)
            .field("mailbox", &self.mailbox)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// All subscriptions.
    ///
    /// # Errors
    /// When the file cannot be read or a secret cannot be opened.
    pub async fn subscriptions(&self) -> Result<Vec<StoredSubscription>> {
        let rows = sqlx::query("SELECT * FROM subscriptions").fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| {
                let sealed: Vec<u8> = row.try_get("secret")?;
                let secret = self.sealer.open(&sealed).and_then(|b| String::from_utf8(b).ok()).ok_or(StoreError::Sealed)?;
                Ok(StoredSubscription {
                    connection: row.try_get("connection")?,
                    id: row.try_get("id")?,
                    mailbox: row.try_get("mailbox")?,
                    secret,
                    granted_at: instant(row.try_get("granted_at")?)?,
                    expires: instant_opt(row.try_get("expires")?)?,
                })
            })
            .collect()
    }

    /// Stores a subscription, in place of any other of that mailbox.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn set_subscription(&self, subscription: &StoredSubscription) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        sqlx::query("DELETE FROM subscriptions WHERE connection = ? AND mailbox = ?")
            .bind(&subscription.connection)
            .bind(&subscription.mailbox)
            .execute(&mut *tx)
            .await?;
        sqlx::query(
            "INSERT OR REPLACE INTO subscriptions (connection, id, mailbox, secret, granted_at, expires) VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(&subscription.connection)
        .bind(&subscription.id)
        .bind(&subscription.mailbox)
        .bind(self.sealer.seal(subscription.secret.as_bytes()))
        .bind(millis(subscription.granted_at))
        .bind(subscription.expires.map(millis))
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Forgets a subscription.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn remove_subscription(&self, connection: &str, id: &str) -> Result<()> {
        sqlx::query("DELETE FROM subscriptions WHERE connection = ? AND id = ?").bind(connection).bind(id).execute(&self.pool).await?;
        Ok(())
    }
}
