//! URLs that discovery found, so that a start needs no new search (SEMANTICS B-48).

use jiff::Timestamp;
use sqlx::Row;

use crate::{Result, Store, instant, millis};

/// A URL that was found for an endpoint of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovered {
    /// The connection.
    pub connection: String,
    /// The endpoint.
    pub endpoint: String,
    /// Its URL; to be judged by the connection's rule of today before it is used.
    pub url: String,
    /// When it was found.
    pub found_at: Timestamp,
}

impl Store {
    /// All that was found.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn discovered(&self) -> Result<Vec<Discovered>> {
        let rows = sqlx::query("SELECT * FROM discovered ORDER BY connection, endpoint").fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| {
                Ok(Discovered {
                    connection: row.try_get("connection")?,
                    endpoint: row.try_get("endpoint")?,
                    url: row.try_get("url")?,
                    found_at: instant(row.try_get("found_at")?)?,
                })
            })
            .collect()
    }

    /// Stores what was found, in place of what was found before.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn set_discovered(&self, found: &Discovered) -> Result<()> {
        sqlx::query("INSERT OR REPLACE INTO discovered (connection, endpoint, url, found_at) VALUES (?, ?, ?, ?)")
            .bind(&found.connection)
            .bind(&found.endpoint)
            .bind(&found.url)
            .bind(millis(found.found_at))
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}
