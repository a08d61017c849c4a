//! States set by hand at a sink (SEMANTICS P-22, P-22a). What they are is the engine's business: here they are text.

use jiff::Timestamp;
use sqlx::Row;

use crate::{Result, Store, instant, millis};

/// A state set by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverrideRow {
    /// The person.
    pub person: String,
    /// Its id, unique for the person.
    pub id: String,
    /// When it was set.
    pub set_at: Timestamp,
    /// The rest, as JSON.
    pub body: String,
}

impl Store {
    /// All of them, by person and time.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn overrides(&self) -> Result<Vec<OverrideRow>> {
        let rows = sqlx::query("SELECT * FROM overrides ORDER BY person, set_at, id").fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| {
                Ok(OverrideRow {
                    person: row.try_get("person")?,
                    id: row.try_get("id")?,
                    set_at: instant(row.try_get("set_at")?)?,
                    body: row.try_get("body")?,
                })
            })
            .collect()
    }

    /// Makes what is stored of a person be exactly these, in one transaction.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn set_overrides(&self, person: &str, overrides: &[OverrideRow]) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        sqlx::query("DELETE FROM overrides WHERE person = ?").bind(person).execute(&mut *tx).await?;
        for row in overrides {
            sqlx::query("INSERT INTO overrides (person, id, set_at, body) VALUES (?, ?, ?, ?)")
                .bind(person)
                .bind(&row.id)
                .bind(millis(row.set_at))
                .bind(&row.body)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(())
    }
}
