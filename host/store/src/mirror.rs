//! The mirror: the events of each mailbox's window.

use calport_model::event::{Participant, Response};
use calport_model::{Event, EventKind, OriginalStart, PrivateText, Sensitivity, ShowAs, Span, Window};
use jiff::{Timestamp, civil};
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, Transaction};

use crate::{FeedKey, Result, Store, StoreError, instant, instant_opt, millis};

/// What a page of a feed changes, committed together with the cursor after it.
#[derive(Clone, Debug, Default)]
pub struct PageEffects {
    /// Events that are new or different.
    pub upserts: Vec<Event>,
    /// Ids of events that are gone; the id of a master takes its occurrences with it.
    pub deleted_ids: Vec<String>,
    /// Series read again: the master, with all the occurrences it has in the window (SEMANTICS C-07).
    pub series: Vec<(String, Vec<Event>)>,
    /// Whether the upserts are all there is: whatever else the mirror holds goes (SEMANTICS C-06).
    pub replace_all: bool,
    /// The cursor after the page.
    pub cursor: String,
    /// The format of the cursor.
    pub cursor_format: u32,
    /// Whether this was the last page: the feed is complete and verified.
    pub done: bool,
    /// The window the cursor belongs to.
    pub window: Option<Window>,
}

/// The identity of an event inside its mailbox (SEMANTICS B-01).
pub fn place_of(event: &Event) -> String {
    match &event.kind {
        EventKind::Single | EventKind::Master => format!("i {}", event.id),
        EventKind::Occurrence { master, original } | EventKind::Exception { master, original } => match original {
            OriginalStart::Timed(at) => format!("s {} {master}", at.as_millisecond()),
            OriginalStart::Day(day) => format!("s {day} {master}"),
        },
    }
}

#[derive(Serialize, Deserialize)]
struct Texts {
    #[serde(rename = "s")]
    subject: String,
    #[serde(rename = "l", default, skip_serializing_if = "String::is_empty")]
    location: String,
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    categories: Vec<String>,
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    organizer: Option<(String, String)>,
}

fn kind_code(kind: &EventKind) -> i64 {
    match kind {
        EventKind::Single => 0,
        EventKind::Master => 1,
        EventKind::Occurrence { .. } => 2,
        EventKind::Exception { .. } => 3,
    }
}

fn show_as_code(value: ShowAs) -> i64 {
    match value {
        ShowAs::Free => 0,
        ShowAs::Tentative => 1,
        ShowAs::Busy => 2,
        ShowAs::OutOfOffice => 3,
        ShowAs::WorkingElsewhere => 4,
        ShowAs::NoData => 5,
    }
}

fn show_as_of(code: i64) -> Result<ShowAs> {
    Ok(match code {
        0 => ShowAs::Free,
        1 => ShowAs::Tentative,
        2 => ShowAs::Busy,
        3 => ShowAs::OutOfOffice,
        4 => ShowAs::WorkingElsewhere,
        5 => ShowAs::NoData,
        other => return Err(StoreError::corrupt("show-as", other)),
    })
}

fn sensitivity_code(value: Sensitivity) -> i64 {
    match value {
        Sensitivity::Normal => 0,
        Sensitivity::Personal => 1,
        Sensitivity::Private => 2,
        Sensitivity::Confidential => 3,
    }
}

fn sensitivity_of(code: i64) -> Result<Sensitivity> {
    Ok(match code {
        0 => Sensitivity::Normal,
        1 => Sensitivity::Personal,
        2 => Sensitivity::Private,
        3 => Sensitivity::Confidential,
        other => return Err(StoreError::corrupt("sensitivity", other)),
    })
}

fn response_code(value: Response) -> i64 {
    match value {
        Response::None => 0,
        Response::Organizer => 1,
        Response::Accepted => 2,
        Response::Tentative => 3,
        Response::Declined => 4,
    }
}

fn response_of(code: i64) -> Result<Response> {
    Ok(match code {
        0 => Response::None,
        1 => Response::Organizer,
        2 => Response::Accepted,
        3 => Response::Tentative,
        4 => Response::Declined,
        other => return Err(StoreError::corrupt("response", other)),
    })
}

fn date(text: Option<String>) -> Result<Option<civil::Date>> {
    text.map(|t| t.parse().map_err(|_| StoreError::corrupt("date", t))).transpose()
}

impl Store {
    /// The events of a mailbox's mirror.
    ///
    /// # Errors
    /// When the file cannot be read or private texts cannot be opened.
    pub async fn events(&self, key: &FeedKey) -> Result<Vec<Event>> {
        let rows = sqlx::query("SELECT * FROM events WHERE connection = ? AND mailbox = ?")
            .bind(&key.connection)
            .bind(&key.mailbox)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(|row| self.event_of(row)).collect()
    }

    /// Ids of the mirror's events, masters of its occurrences included.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn event_ids(&self, key: &FeedKey) -> Result<Vec<(String, Option<String>)>> {
        let rows = sqlx::query("SELECT id, master FROM events WHERE connection = ? AND mailbox = ?")
            .bind(&key.connection)
            .bind(&key.mailbox)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(|row| Ok((row.try_get("id")?, row.try_get("master")?))).collect()
    }

    /// Whether the mirror holds anything under an id: an event, or occurrences of that master.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn knows_event(&self, key: &FeedKey, id: &str) -> Result<bool> {
        let found: i64 =
            sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM events WHERE connection = ?1 AND mailbox = ?2 AND (id = ?3 OR master = ?3))")
                .bind(&key.connection)
                .bind(&key.mailbox)
                .bind(id)
                .fetch_one(&self.pool)
                .await?;
        Ok(found != 0)
    }

    /// Applies a page and its cursor in one transaction (SEMANTICS C-05, K-03). `at` is when the page was read.
    ///
    /// # Errors
    /// When the file cannot be written: then nothing of the page is stored.
    pub async fn apply(&self, key: &FeedKey, effects: &PageEffects, at: Timestamp) -> Result<()> {
        let mut tx = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        if effects.replace_all {
            sqlx::query("DELETE FROM events WHERE connection = ? AND mailbox = ?")
                .bind(&key.connection)
                .bind(&key.mailbox)
                .execute(&mut *tx)
                .await?;
        }
        for id in &effects.deleted_ids {
            sqlx::query("DELETE FROM events WHERE connection = ?1 AND mailbox = ?2 AND (id = ?3 OR master = ?3)")
                .bind(&key.connection)
                .bind(&key.mailbox)
                .bind(id)
                .execute(&mut *tx)
                .await?;
        }
        for (master, instances) in &effects.series {
            sqlx::query("DELETE FROM events WHERE connection = ?1 AND mailbox = ?2 AND (master = ?3 OR id = ?3)")
                .bind(&key.connection)
                .bind(&key.mailbox)
                .bind(master)
                .execute(&mut *tx)
                .await?;
            for event in instances {
                self.upsert(&mut tx, key, event).await?;
            }
        }
        for event in &effects.upserts {
            self.upsert(&mut tx, key, event).await?;
        }
        sqlx::query(
            "UPDATE feeds SET cursor = ?, cursor_format = ?, complete = complete OR ?,
             dirty = CASE WHEN ? THEN 0 ELSE dirty END, last_verified = CASE WHEN ? THEN ? ELSE last_verified END,
             window_start = COALESCE(?, window_start), window_end = COALESCE(?, window_end),
             full_read = CASE WHEN ? THEN ? ELSE full_read END
             WHERE connection = ? AND mailbox = ?",
        )
        .bind(&effects.cursor)
        .bind(effects.cursor_format)
        .bind(effects.done)
        .bind(effects.done)
        .bind(effects.done)
        .bind(millis(at))
        .bind(effects.window.map(|w| millis(w.start)))
        .bind(effects.window.map(|w| millis(w.end)))
        .bind(effects.replace_all && effects.done)
        .bind(millis(at))
        .bind(&key.connection)
        .bind(&key.mailbox)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    async fn upsert(&self, tx: &mut Transaction<'_, Sqlite>, key: &FeedKey, event: &Event) -> Result<()> {
        let (start_at, end_at, start_day, end_day) = match event.span {
            Span::Timed { start, end } => (Some(millis(start)), Some(millis(end)), None, None),
            Span::AllDay { start, end } => (None, None, Some(start.to_string()), Some(end.to_string())),
        };
        let (original, original_day) = match event.kind.original() {
            Some(OriginalStart::Timed(at)) => (Some(millis(at)), None),
            Some(OriginalStart::Day(day)) => (None, Some(day.to_string())),
            None => (None, None),
        };
        let texts = serde_json::to_vec(&Texts {
            subject: event.subject.expose().to_owned(),
            location: event.location.expose().to_owned(),
            categories: event.categories.clone(),
            organizer: event.organizer.as_ref().map(|o| (o.name.expose().to_owned(), o.address.clone())),
        })
        .map_err(|_| StoreError::corrupt("text", "not serialisable"))?;
        let texts = if event.sensitivity.is_private() { self.sealer.seal(&texts) } else { texts };
        sqlx::query(
            "INSERT INTO events (connection, mailbox, place, id, version, uid, kind, master, original, original_day, start_at, end_at,
             start_day, end_day, zone_assumed, show_as, sensitivity, response, cancelled, texts)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (connection, mailbox, place) DO UPDATE SET id = excluded.id, version = excluded.version, uid = excluded.uid,
             kind = excluded.kind, start_at = excluded.start_at, end_at = excluded.end_at, start_day = excluded.start_day,
             end_day = excluded.end_day, zone_assumed = excluded.zone_assumed, show_as = excluded.show_as,
             sensitivity = excluded.sensitivity, response = excluded.response, cancelled = excluded.cancelled, texts = excluded.texts",
        )
        .bind(&key.connection)
        .bind(&key.mailbox)
        .bind(place_of(event))
        .bind(&event.id)
        .bind(&event.version)
        .bind(&event.uid)
        .bind(kind_code(&event.kind))
        .bind(event.kind.master())
        .bind(original)
        .bind(original_day)
        .bind(start_at)
        .bind(end_at)
        .bind(start_day)
        .bind(end_day)
        .bind(event.zone_assumed)
        .bind(show_as_code(event.show_as))
        .bind(sensitivity_code(event.sensitivity))
        .bind(response_code(event.response))
        .bind(event.cancelled)
        .bind(texts)
        .execute(&mut **tx)
        .await?;
        Ok(())
    }

    fn event_of(&self, row: &SqliteRow) -> Result<Event> {
        let sensitivity = sensitivity_of(row.try_get("sensitivity")?)?;
        let stored: Vec<u8> = row.try_get("texts")?;
        let plain = if sensitivity.is_private() { self.sealer.open(&stored).ok_or(StoreError::Sealed)? } else { stored };
        let texts: Texts = serde_json::from_slice(&plain).map_err(|_| StoreError::corrupt("text", "no JSON"))?;
        let span = match (date(row.try_get("start_day")?)?, date(row.try_get("end_day")?)?) {
            (Some(start), Some(end)) => Span::AllDay { start, end },
            _ => Span::Timed { start: instant(row.try_get("start_at")?)?, end: instant(row.try_get("end_at")?)? },
        };
        let original = match date(row.try_get("original_day")?)? {
            Some(day) => Some(OriginalStart::Day(day)),
            None => instant_opt(row.try_get("original")?)?.map(OriginalStart::Timed),
        };
        let kind: i64 = row.try_get("kind")?;
        let master: Option<String> = row.try_get("master")?;
        let kind = match (kind, master, original) {
            (0, _, _) => EventKind::Single,
            (1, _, _) => EventKind::Master,
            (2, Some(master), Some(original)) => EventKind::Occurrence { master, original },
            (3, Some(master), Some(original)) => EventKind::Exception { master, original },
            (other, _, _) => return Err(StoreError::corrupt("event kind", other)),
        };
        Ok(Event {
            id: row.try_get("id")?,
            version: row.try_get("version")?,
            uid: row.try_get("uid")?,
            kind,
            span,
            zone_assumed: row.try_get("zone_assumed")?,
            subject: PrivateText::new(texts.subject),
            location: PrivateText::new(texts.location),
            show_as: show_as_of(row.try_get("show_as")?)?,
            sensitivity,
            categories: texts.categories,
            organizer: texts.organizer.map(|(name, address)| Participant { name: PrivateText::new(name), address }),
            response: response_of(row.try_get("response")?)?,
            cancelled: row.try_get("cancelled")?,
        })
    }
}
