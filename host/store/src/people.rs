//! People and what became of matching them to a mailbox (FEATURES C16, SEMANTICS B-54).

use jiff::Timestamp;
use sqlx::Row;

use crate::{Result, Store, StoreError, instant, millis};

/// What became of matching a person to a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResolutionState {
    /// Exactly one mailbox.
    Resolved,
    /// No mailbox under any of the addresses.
    NotFound,
    /// Several mailboxes.
    Ambiguous,
    /// A mailbox that may not be read.
    NotPermitted,
    /// A mailbox that is on another server now, or on its way there.
    Moved,
    /// Not asked yet, or the connection did not answer.
    Unresolved,
}

impl ResolutionState {
    /// The word for people and `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resolved => "resolved",
            Self::NotFound => "not-found",
            Self::Ambiguous => "ambiguous",
            Self::NotPermitted => "not-permitted",
            Self::Moved => "moved",
            Self::Unresolved => "unresolved",
        }
    }

    fn parse(text: &str) -> Result<Self> {
        Ok(match text {
            "resolved" => Self::Resolved,
            "not-found" => Self::NotFound,
            "ambiguous" => Self::Ambiguous,
            "not-permitted" => Self::NotPermitted,
            "moved" => Self::Moved,
            "unresolved" => Self::Unresolved,
            other => return Err(StoreError::corrupt("resolution", other)),
        })
    }
}

/// A person's match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonRow {
    /// The person's id.
    pub person: String,
    /// The name for people.
    pub name: String,
    /// The connection of the calendar.
    pub source: String,
    /// The mailbox, when resolved.
    pub mailbox: Option<String>,
    /// What became of it.
    pub resolution: ResolutionState,
    /// Why, and what to do next.
    pub detail: String,
    /// When it was asked.
    pub resolved_at: Timestamp,
}

impl Store {
    /// All matches.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn people(&self) -> Result<Vec<PersonRow>> {
        let rows = sqlx::query("SELECT * FROM people ORDER BY person").fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| {
                Ok(PersonRow {
                    person: row.try_get("person")?,
                    name: row.try_get("name")?,
                    source: row.try_get("source")?,
                    mailbox: row.try_get("mailbox")?,
                    resolution: ResolutionState::parse(row.try_get("resolution")?)?,
                    detail: row.try_get("detail")?,
                    resolved_at: instant(row.try_get("resolved_at")?)?,
                })
            })
            .collect()
    }

    /// Stores matches.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn set_people(&self, people: &[PersonRow]) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        for row in people {
            sqlx::query(
                "INSERT INTO people (person, name, source, mailbox, resolution, detail, resolved_at) VALUES (?, ?, ?, ?, ?, ?, ?)
                 ON CONFLICT (person) DO UPDATE SET name = excluded.name, source = excluded.source, mailbox = excluded.mailbox,
                 resolution = excluded.resolution, detail = excluded.detail, resolved_at = excluded.resolved_at",
            )
            .bind(&row.person)
            .bind(&row.name)
            .bind(&row.source)
            .bind(&row.mailbox)
            .bind(row.resolution.as_str())
            .bind(&row.detail)
            .bind(millis(row.resolved_at))
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Forgets a person's match.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn remove_person(&self, person: &str) -> Result<()> {
        sqlx::query("DELETE FROM people WHERE person = ?").bind(person).execute(&self.pool).await?;
        Ok(())
    }
}
