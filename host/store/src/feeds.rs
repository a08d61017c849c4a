//! Feeds: cursor, window and health of each mailbox (SEMANTICS C-01).

use calport_model::{Absence, AbsenceState, Window};
use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::{Result, Store, StoreError, instant, instant_opt, millis};

/// Which mailbox of which connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FeedKey {
    /// The connection's id.
    pub connection: String,
    /// The mailbox's id at the other side.
    pub mailbox: String,
}

impl FeedKey {
    /// A key.
    pub fn new(connection: impl Into<String>, mailbox: impl Into<String>) -> Self {
        Self { connection: connection.into(), mailbox: mailbox.into() }
    }
}

/// The stored state of a feed.
#[derive(Clone, Debug, PartialEq)]
pub struct Feed {
    /// Which mailbox.
    pub key: FeedKey,
    /// The window that the cursor belongs to.
    pub window: Window,
    /// Where the feed stands; `None` before the first page.
    pub cursor: Option<String>,
    /// The format of the cursor (SEMANTICS K-06).
    pub cursor_format: u32,
    /// Whether the first full read is complete.
    pub complete: bool,
    /// Whether a notification is not yet answered by a read.
    pub dirty: bool,
    /// When the mirror was last known to be right (SEMANTICS P-26).
    pub last_verified: Option<Timestamp>,
    /// When the whole window was read last (FEATURES C09).
    pub full_read: Option<Timestamp>,
    /// The mailbox's zone, as the server names it.
    pub zone: Option<String>,
    /// The mailbox's language.
    pub language: Option<String>,
    /// The out-of-office setting as last read, and when.
    pub absence: Option<(Absence, Timestamp)>,
}

impl Feed {
    /// A feed of which nothing has been read.
    pub fn new(key: FeedKey, window: Window, cursor_format: u32) -> Self {
        Self {
            key,
            window,
            cursor: None,
            cursor_format,
            complete: false,
            dirty: false,
            last_verified: None,
            full_read: None,
            zone: None,
            language: None,
            absence: None,
        }
    }
}

fn absence_of(row: &SqliteRow) -> Result<Option<(Absence, Timestamp)>> {
    let Some(state) = row.try_get::<Option<String>, _>("absence")? else { return Ok(None) };
    let Some(read) = instant_opt(row.try_get("absence_read")?)? else { return Ok(None) };
    let state = match state.as_str() {
        "disabled" => AbsenceState::Disabled,
        "enabled" => AbsenceState::Enabled,
        "scheduled" => match (instant_opt(row.try_get("absence_start")?)?, instant_opt(row.try_get("absence_end")?)?) {
            (Some(start), Some(end)) => AbsenceState::Scheduled { start, end },
            _ => return Err(StoreError::corrupt("absence", "scheduled without times")),
        },
        other => return Err(StoreError::corrupt("absence", other)),
    };
    Ok(Some((Absence { state }, read)))
}

fn feed_of(row: &SqliteRow) -> Result<Feed> {
    Ok(Feed {
        key: FeedKey { connection: row.try_get("connection")?, mailbox: row.try_get("mailbox")? },
        window: Window { start: instant(row.try_get("window_start")?)?, end: instant(row.try_get("window_end")?)? },
        cursor: row.try_get("cursor")?,
        cursor_format: row.try_get("cursor_format")?,
        complete: row.try_get("complete")?,
        dirty: row.try_get("dirty")?,
        last_verified: instant_opt(row.try_get("last_verified")?)?,
        full_read: instant_opt(row.try_get("full_read")?)?,
        zone: row.try_get("zone")?,
        language: row.try_get("language")?,
        absence: absence_of(row)?,
    })
}

impl Store {
    /// All feeds.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn feeds(&self) -> Result<Vec<Feed>> {
        let rows = sqlx::query("SELECT * FROM feeds").fetch_all(&self.pool).await?;
        rows.iter().map(feed_of).collect()
    }

    /// One feed.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn feed(&self, key: &FeedKey) -> Result<Option<Feed>> {
        let row = sqlx::query("SELECT * FROM feeds WHERE connection = ? AND mailbox = ?")
            .bind(&key.connection)
            .bind(&key.mailbox)
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(feed_of).transpose()
    }

    /// Stores a new feed; one that is there stays as it is.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn add_feed(&self, feed: &Feed) -> Result<()> {
        sqlx::query(
            "INSERT INTO feeds (connection, mailbox, window_start, window_end, cursor_format) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT DO NOTHING",
        )
        .bind(&feed.key.connection)
        .bind(&feed.key.mailbox)
        .bind(millis(feed.window.start))
        .bind(millis(feed.window.end))
        .bind(feed.cursor_format)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Removes a feed with its mirror and its subscriptions.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn remove_feed(&self, key: &FeedKey) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        for sql in [
            "DELETE FROM events WHERE connection = ? AND mailbox = ?",
            "DELETE FROM subscriptions WHERE connection = ? AND mailbox = ?",
            "DELETE FROM feeds WHERE connection = ? AND mailbox = ?",
        ] {
            sqlx::query(sql).bind(&key.connection).bind(&key.mailbox).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Marks feeds as having unread changes, so that a restart reads them.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn mark_dirty(&self, keys: &[FeedKey]) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        for key in keys {
            sqlx::query("UPDATE feeds SET dirty = 1 WHERE connection = ? AND mailbox = ?")
                .bind(&key.connection)
                .bind(&key.mailbox)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// The mirror of a mailbox was proved to be right without being read (SEMANTICS C-12).
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn set_verified(&self, key: &FeedKey, at: Timestamp) -> Result<()> {
        sqlx::query("UPDATE feeds SET last_verified = ? WHERE connection = ? AND mailbox = ?")
            .bind(millis(at))
            .bind(&key.connection)
            .bind(&key.mailbox)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Stores what a mailbox says of itself.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn set_mailbox_info(&self, key: &FeedKey, zone: Option<&str>, language: Option<&str>) -> Result<()> {
        sqlx::query("UPDATE feeds SET zone = ?, language = ? WHERE connection = ? AND mailbox = ?")
            .bind(zone)
            .bind(language)
            .bind(&key.connection)
            .bind(&key.mailbox)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Stores out-of-office settings as read at `read`. `None` means that the right to read them is missing (SEMANTICS P-21, B-53).
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn set_absences(&self, read: Timestamp, absences: &[(FeedKey, Option<Absence>)]) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        for (key, absence) in absences {
            let (state, start, end) = match absence.map(|a| a.state) {
                None => (None, None, None),
                Some(AbsenceState::Disabled) => (Some("disabled"), None, None),
                Some(AbsenceState::Enabled) => (Some("enabled"), None, None),
                Some(AbsenceState::Scheduled { start, end }) => (Some("scheduled"), Some(millis(start)), Some(millis(end))),
            };
            sqlx::query(
                "UPDATE feeds SET absence = ?, absence_start = ?, absence_end = ?, absence_read = ? WHERE connection = ? AND mailbox = ?",
            )
            .bind(state)
            .bind(start)
            .bind(end)
            .bind(millis(read))
            .bind(&key.connection)
            .bind(&key.mailbox)
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(())
    }
}
