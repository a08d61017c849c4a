//! Reading a mailbox: pages, removals, series, and the re-read after a lost cursor.

use calport_model::connector::{Change, ChangePage, Instances};
use calport_model::{ConnectorApi, ConnectorError, ErrorKind, ErrorScope, Event, EventKind, Span, Window};
use calport_store::{Feed, PageEffects, Store, StoreError};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The most events a mailbox may have in its window before reading stops with an alarm (SEMANTICS B-19).
const MOST_EVENTS: usize = 20_000;

/// The most pages of one read: a server that always says "more" is not followed for ever.
const MOST_PAGES: usize = 2_000;

/// What a read did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyncOutcome {
    /// Pages read.
    pub pages: usize,
    /// Events taken over.
    pub upserts: usize,
    /// Removals that were confirmed.
    pub removed: usize,
    /// Reported removals that were none, because the event is there or was never in the mirror (SEMANTICS B-07).
    pub not_removed: usize,
    /// Whether the window was read again after the cursor was lost (SEMANTICS C-06).
    pub reset: bool,
    /// Events that could not be read: id and reason.
    pub unreadable: Vec<(String, String)>,
}

/// Why a read ended early. What was committed stays.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The connector or the server.
    #[error(transparent)]
    Connector(#[from] ConnectorError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads a mailbox from its cursor to the end of the feed, page by page, each committed with its cursor.
///
/// `window` is the one for a first read or a re-read; a feed with a cursor keeps the window of that cursor.
///
/// # Errors
/// Whatever the connector or the store answers; the feed stands where the last committed page left it.
pub async fn sync_feed(
    store: &Store,
    api: &dyn ConnectorApi,
    feed: &Feed,
    window: Window,
    zone: &TimeZone,
    now: Timestamp,
) -> Result<SyncOutcome, SyncError> {
    let reader = Reader { store, api, feed, zone, now };
    let mut outcome = SyncOutcome::default();
    let mut cursor = match usable_cursor(api, feed).await {
        Ok(cursor) => cursor,
        Err(error) if error.kind == ErrorKind::CursorExpired => return reader.read_again(window, outcome).await,
        Err(error) => return Err(error.into()),
    };
    if cursor.is_none() {
        return reader.read_again(window, outcome).await;
    }
    loop {
        let page = match api.changes(feed.key.mailbox.clone(), feed.window, cursor).await {
            Ok(page) => page,
            Err(error) if error.kind == ErrorKind::CursorExpired => return reader.read_again(window, outcome).await,
            Err(error) => return Err(error.into()),
        };
        outcome.pages += 1;
        if outcome.pages > MOST_PAGES {
            return Err(endless().into());
        }
        let (more, next) = (page.more, page.cursor.clone());
        let effects = reader.effects_of(page, &mut outcome).await?;
        store.apply(&feed.key, &effects, now).await?;
        if !more {
            return Ok(outcome);
        }
        cursor = Some(next);
    }
}

fn endless() -> ConnectorError {
    ConnectorError::new(
        ErrorKind::Protocol { expected: "an end of the feed".into(), got: format!("{MOST_PAGES} pages with more to come") },
        ErrorScope::Mailbox,
        format!("reading the calendar was stopped after {MOST_PAGES} pages that all announced more"),
    )
}

/// The cursor, rewritten when an older version of the connector made it (SEMANTICS K-06).
async fn usable_cursor(api: &dyn ConnectorApi, feed: &Feed) -> Result<Option<String>, ConnectorError> {
    let Some(cursor) = feed.cursor.clone() else { return Ok(None) };
    if feed.cursor_format == api.descriptor().cursor_format {
        return Ok(Some(cursor));
    }
    api.migrate_cursor(feed.cursor_format, cursor).await.map(Some)
}

struct Reader<'a> {
    store: &'a Store,
    api: &'a dyn ConnectorApi,
    feed: &'a Feed,
    zone: &'a TimeZone,
    now: Timestamp,
}

impl Reader<'_> {
    /// Turns a page into effects: series are read again, removals are confirmed.
    async fn effects_of(&self, page: ChangePage, outcome: &mut SyncOutcome) -> Result<PageEffects, SyncError> {
        let mut effects = PageEffects {
            cursor: page.cursor,
            cursor_format: self.api.descriptor().cursor_format,
            done: !page.more,
            ..PageEffects::default()
        };
        outcome.unreadable.extend(page.unreadable);
        let mut masters = Vec::new();
        let mut removed = Vec::new();
        for change in page.changes {
            match change {
                Change::Upsert(event) if event.kind == EventKind::Master => masters.push(event.id.clone()),
                Change::Upsert(event) => effects.upserts.push(*event),
                Change::Removed(id) => removed.push(id),
            }
        }
        self.confirm(removed, &mut masters, &mut effects, outcome).await?;
        masters.sort_unstable();
        masters.dedup();
        for master in masters {
            self.reread_series(master, &mut effects, outcome).await?;
        }
        outcome.upserts += effects.upserts.len();
        Ok(effects)
    }

    /// C-07: a changed master means that its occurrences in the window are read again.
    async fn reread_series(&self, master: String, effects: &mut PageEffects, outcome: &mut SyncOutcome) -> Result<(), SyncError> {
        match self.api.instances(self.feed.key.mailbox.clone(), master.clone(), self.feed.window).await {
            Ok(found) => {
                let instances = self.with_kept(&master, found, outcome).await?;
                outcome.upserts += instances.len();
                effects.series.push((master, instances));
            }
            Err(error) if error.kind == ErrorKind::NotFound => {
                outcome.removed += 1;
                effects.deleted_ids.push(master);
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// The occurrences read, and in place of those that cannot be read what the mirror knows of them: bad input loses nothing.
    async fn with_kept(&self, master: &str, found: Instances, outcome: &mut SyncOutcome) -> Result<Vec<Event>, SyncError> {
        let mut events = found.events;
        if !found.unreadable.is_empty() {
            let unreadable = |event: &Event| found.unreadable.iter().any(|(id, _)| *id == event.id);
            let mirror = self.store.events(&self.feed.key).await?;
            events.extend(mirror.into_iter().filter(|event| event.kind.master() == Some(master) && unreadable(event)));
            outcome.unreadable.extend(found.unreadable);
        }
        Ok(events)
    }

    /// B-07: a reported removal counts only when the item is gone, or is there but outside the window.
    async fn confirm(
        &self,
        removed: Vec<String>,
        masters: &mut Vec<String>,
        effects: &mut PageEffects,
        outcome: &mut SyncOutcome,
    ) -> Result<(), SyncError> {
        let mut known = Vec::new();
        for id in removed {
            if self.store.knows_event(&self.feed.key, &id).await? {
                known.push(id);
            } else {
                outcome.not_removed += 1;
            }
        }
        if self.api.descriptor().feed.as_ref().is_some_and(|f| f.deletions_certain) {
            outcome.removed += known.len();
            effects.deleted_ids.extend(known);
            return Ok(());
        }
        for ids in known.chunks(20) {
            let answers = self.api.get_events(self.feed.key.mailbox.clone(), ids.to_vec()).await?;
            for (id, answer) in ids.iter().zip(answers) {
                match answer {
                    Err(error) if error.kind == ErrorKind::NotFound => {
                        outcome.removed += 1;
                        effects.deleted_ids.push(id.clone());
                    }
                    Err(error) => return Err(error.into()),
                    Ok(event) if event.kind == EventKind::Master => {
                        outcome.not_removed += 1;
                        masters.push(event.id);
                    }
                    Ok(event) if self.in_window(&event) => {
                        outcome.not_removed += 1;
                        effects.upserts.push(event);
                    }
                    Ok(_) => {
                        outcome.removed += 1;
                        effects.deleted_ids.push(id.clone());
                    }
                }
            }
        }
        Ok(())
    }

    /// C-06: reads the whole window beside the mirror, which stays live, confirms what seems gone, then swaps in one transaction.
    async fn read_again(&self, window: Window, mut outcome: SyncOutcome) -> Result<SyncOutcome, SyncError> {
        outcome.reset = self.feed.complete;
        let mut cursor = None;
        let mut fresh: Vec<Event> = Vec::new();
        let mut masters: Vec<String> = Vec::new();
        let mut pages = 0_usize;
        let end = loop {
            let page = self.api.changes(self.feed.key.mailbox.clone(), window, cursor).await?;
            outcome.pages += 1;
            pages += 1;
            outcome.unreadable.extend(page.unreadable);
            for change in page.changes {
                match change {
                    Change::Upsert(event) if event.kind == EventKind::Master => masters.push(event.id.clone()),
                    Change::Upsert(event) => fresh.push(*event),
                    Change::Removed(id) => fresh.retain(|e| e.id != id),
                }
            }
            if fresh.len() > MOST_EVENTS {
                return Err(too_many(fresh.len()).into());
            }
            if pages > MOST_PAGES {
                return Err(endless().into());
            }
            if !page.more {
                break page.cursor;
            }
            cursor = Some(page.cursor);
        };
        // A master without an occurrence on the pages may still have some that the feed left out.
        masters.retain(|m| !fresh.iter().any(|e| e.kind.master() == Some(m)));
        masters.sort_unstable();
        masters.dedup();
        for master in masters {
            match self.api.instances(self.feed.key.mailbox.clone(), master.clone(), window).await {
                Ok(found) => fresh.extend(self.with_kept(&master, found, &mut outcome).await?),
                Err(error) if error.kind == ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.keep_unconfirmed(&mut fresh, window, &mut outcome).await?;
        outcome.upserts += fresh.len();
        let effects = PageEffects {
            upserts: fresh,
            replace_all: true,
            cursor: end,
            cursor_format: self.api.descriptor().cursor_format,
            done: true,
            window: Some(window),
            ..PageEffects::default()
        };
        self.store.apply(&self.feed.key, &effects, self.now).await?;
        Ok(outcome)
    }

    /// What the mirror has and the new read has not is asked for one by one: an empty or short answer wipes nothing (SEMANTICS B-09, B-24).
    async fn keep_unconfirmed(&self, fresh: &mut Vec<Event>, window: Window, outcome: &mut SyncOutcome) -> Result<(), SyncError> {
        let mirror = self.store.events(&self.feed.key).await?;
        let places: std::collections::HashSet<String> = fresh.iter().map(calport_store::place_of).collect();
        let missing: Vec<Event> =
            mirror.into_iter().filter(|e| !places.contains(&calport_store::place_of(e)) && overlaps(e, window, self.zone)).collect();
        for chunk in missing.chunks(20) {
            let ids = chunk.iter().map(|e| e.id.clone()).collect();
            let answers = self.api.get_events(self.feed.key.mailbox.clone(), ids).await?;
            for answer in answers {
                match answer {
                    Err(error) if error.kind == ErrorKind::NotFound => outcome.removed += 1,
                    Err(error) => return Err(error.into()),
                    Ok(event) if event.kind != EventKind::Master && overlaps(&event, window, self.zone) => {
                        outcome.not_removed += 1;
                        fresh.push(event);
                    }
                    Ok(_) => outcome.removed += 1,
                }
            }
        }
        Ok(())
    }

    fn in_window(&self, event: &Event) -> bool {
        overlaps(event, self.feed.window, self.zone)
    }
}

fn too_many(count: usize) -> ConnectorError {
    ConnectorError::new(
        ErrorKind::Refused("too-many-events".into()),
        ErrorScope::Mailbox,
        format!(
            "the calendar has more than {MOST_EVENTS} events in the window ({count} read so far); shorten the window or clean the calendar up"
        ),
    )
}

fn overlaps(event: &Event, window: Window, zone: &TimeZone) -> bool {
    match event.span {
        Span::Timed { start, end } => window.overlaps(start, end.max(start)),
        Span::AllDay { start, end } => {
            let (Ok(from), Ok(to)) = (start.to_zoned(zone.clone()), end.to_zoned(zone.clone())) else { return true };
            window.overlaps(from.timestamp(), to.timestamp())
        }
    }
}
