//! What is shown at the sinks, and what is to be shown (SEMANTICS P-27, P-30).

use calport_model::PresenceValue;
use jiff::Timestamp;
use sqlx::Row;

use crate::{Result, Store, StoreError, instant_opt, millis};

/// A person's presence at a sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresenceRow {
    /// The person.
    pub person: String,
    /// The connection of the sink.
    pub sink: String,
    /// The user at the sink.
    pub user: String,
    /// Rises with every new value.
    pub sequence: u64,
    /// What is to be shown; `None` means nothing of ours.
    pub wanted: Option<PresenceValue>,
    /// The highest sequence the sink has taken.
    pub acknowledged: u64,
    /// What the sink has taken last.
    pub shown: Option<PresenceValue>,
    /// The sink's token.
    pub token: Option<String>,
    /// When the sink took it.
    pub shown_at: Option<Timestamp>,
    /// Until when the sink keeps it by itself; `None` where it does for ever.
    pub expires: Option<Timestamp>,
}

fn value(text: Option<String>) -> Result<Option<PresenceValue>> {
    text.map(|t| serde_json::from_str(&t).map_err(|_| StoreError::corrupt("presence", "no JSON"))).transpose()
}

fn text(value: Option<&PresenceValue>) -> Result<Option<String>> {
    value.map(|v| serde_json::to_string(v).map_err(|_| StoreError::corrupt("presence", "not serialisable"))).transpose()
}

impl Store {
    /// All presence rows.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn presence(&self) -> Result<Vec<PresenceRow>> {
        let rows = sqlx::query("SELECT * FROM presence ORDER BY person").fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| {
                Ok(PresenceRow {
                    person: row.try_get("person")?,
                    sink: row.try_get("sink")?,
                    user: row.try_get("user")?,
                    sequence: row.try_get::<i64, _>("sequence")?.unsigned_abs(),
                    wanted: value(row.try_get("wanted")?)?,
                    acknowledged: row.try_get::<i64, _>("acknowledged")?.unsigned_abs(),
                    shown: value(row.try_get("shown")?)?,
                    token: row.try_get("token")?,
                    shown_at: instant_opt(row.try_get("shown_at")?)?,
                    expires: instant_opt(row.try_get("expires")?)?,
                })
            })
            .collect()
    }

    /// Stores rows as they are, in one transaction.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn set_presence(&self, rows: &[PresenceRow]) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        for row in rows {
            sqlx::query(
                "INSERT INTO presence (person, sink, user, sequence, wanted, acknowledged, shown, token, shown_at, expires)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                 ON CONFLICT (person) DO UPDATE SET sink = excluded.sink, user = excluded.user, sequence = excluded.sequence,
                 wanted = excluded.wanted, acknowledged = excluded.acknowledged, shown = excluded.shown, token = excluded.token,
                 shown_at = excluded.shown_at, expires = excluded.expires",
            )
            .bind(&row.person)
            .bind(&row.sink)
            .bind(&row.user)
            .bind(i64::try_from(row.sequence).map_err(|_| StoreError::corrupt("sequence", row.sequence))?)
            .bind(text(row.wanted.as_ref())?)
            .bind(i64::try_from(row.acknowledged).map_err(|_| StoreError::corrupt("sequence", row.acknowledged))?)
            .bind(text(row.shown.as_ref())?)
            .bind(&row.token)
            .bind(row.shown_at.map(millis))
            .bind(row.expires.map(millis))
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Forgets a row: nothing of ours is at the sink any more.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn remove_presence(&self, person: &str) -> Result<()> {
        sqlx::query("DELETE FROM presence WHERE person = ?").bind(person).execute(&self.pool).await?;
        Ok(())
    }
}
