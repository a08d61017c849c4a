//! Reading a calendar through a connector as the host does: a feed that is followed, series read again when their master
//! changed (SEMANTICS C-07), removals confirmed (SEMANTICS B-07).

use std::collections::{BTreeMap, BTreeSet};

use crate::canon::{self, Seen};
use crate::case::Case;
use crate::sandbox::calendar::{Change, Event, EventKind, FeedEnd};
use crate::sandbox::common::{ErrorKind, Span, Window};
use crate::sandbox::{Answer, Instance};

/// Pages of one round; the calendars here have a few.
const MOST_PAGES: usize = 1_000;

/// A calendar as one connector tells it.
pub struct Reader {
    connector: Instance,
    mailbox: String,
    window: Window,
    cursor: Option<String>,
    /// By id, masters not among them.
    events: BTreeMap<String, Event>,
}

/// The window of a case.
#[must_use]
pub fn window(case: &Case) -> Window {
    Window { start: case.from.as_millisecond(), end: case.to.as_millisecond() }
}

impl Reader {
    /// A reader that has read nothing yet.
    #[must_use]
    pub fn new(connector: Instance, mailbox: &str, window: Window) -> Self {
        Self { connector, mailbox: mailbox.to_owned(), window, cursor: None, events: BTreeMap::new() }
    }

    /// Reads what is new.
    ///
    /// # Errors
    /// Those of the connector, and items that it could not read.
    pub async fn follow(&mut self) -> Answer<()> {
        let (mut masters, mut gone) = (BTreeSet::new(), BTreeSet::new());
        for _ in 0..MOST_PAGES {
            let page = self.connector.changes(&self.mailbox, self.window, self.cursor.as_ref()).await?;
            assert!(page.unreadable.is_empty(), "what was seeded can be read: {:?}", page.unreadable);
            for change in page.changes {
                match change {
                    Change::Upsert(event) if event.kind == EventKind::Master => {
                        masters.insert(event.id);
                    }
                    Change::Upsert(event) => {
                        gone.remove(&event.id);
                        self.events.insert(event.id.clone(), event);
                    }
                    Change::Removed(id) => {
                        gone.insert(id);
                    }
                }
            }
            match page.end {
                FeedEnd::More(cursor) => self.cursor = Some(cursor),
                FeedEnd::Done(cursor) => {
                    self.cursor = Some(cursor);
                    return self.settle(masters, gone).await;
                }
            }
        }
        panic!("the feed does not end");
    }

    async fn settle(&mut self, masters: BTreeSet<String>, gone: BTreeSet<String>) -> Answer<()> {
        for master in masters.into_iter().filter(|id| !gone.contains(id)) {
            let now = self.connector.instances(&self.mailbox, &master, self.window).await?;
            self.events.retain(|id, event| *id != master && master_of(event) != Some(&master));
            self.events.extend(now.into_iter().map(|event| (event.id.clone(), event)));
        }
        for id in gone {
            self.events.remove(&id);
            match self.connector.get_event(&self.mailbox, &id).await {
                Ok(detail) if detail.event.kind == EventKind::Master => {}
                Ok(detail) => assert!(!self.touches(&detail.event), "{id} was told as removed and is there"),
                Err(e) => {
                    assert_eq!(e.kind, ErrorKind::NotFound, "{}", e.message);
                    self.events.retain(|_, event| master_of(event) != Some(&id));
                }
            }
        }
        Ok(())
    }

    /// Whether an event surely overlaps the window; whole days are left open.
    fn touches(&self, event: &Event) -> bool {
        match &event.time.span {
            Span::AllDay(_) => false,
            Span::Timed(timed) => {
                let (start, end) = (canon::instant(&timed.start).as_millisecond(), canon::instant(&timed.end).as_millisecond());
                start < self.window.end && end > self.window.start
            }
        }
    }

    /// What it has read, with the series asked for one by one. The other ways to read the same must agree.
    ///
    /// # Errors
    /// Those of the connector.
    pub async fn seen(&mut self) -> Answer<Seen> {
        let masters: BTreeSet<String> = self.events.values().filter_map(master_of).cloned().collect();
        let mut series = Vec::new();
        for master in &masters {
            let detail = self.connector.get_event(&self.mailbox, master).await?;
            assert_eq!((&detail.event.id, &detail.event.kind), (master, &EventKind::Master));
            series.push(canon::series(&detail, &self.mailbox));
            let instances = self.connector.instances(&self.mailbox, master, self.window).await?;
            let mut again: Vec<String> = instances.iter().map(|event| canon::short(event, &self.mailbox)).collect();
            let own = self.events.values().filter(|event| master_of(event) == Some(master));
            let mut own: Vec<String> = own.map(|event| canon::short(event, &self.mailbox)).collect();
            again.sort_unstable();
            own.sort_unstable();
            same("the feed and the instances of a series", &own, &again);
        }
        let mut window = Vec::new();
        for (id, event) in &self.events {
            let detail = self.connector.get_event(&self.mailbox, id).await?;
            let (told, asked) = (canon::short(event, &self.mailbox), canon::short(&detail.event, &self.mailbox));
            same("the feed and an event asked for", &told, &asked);
            same(&format!("their version: {asked}"), &event.version, &detail.event.version);
            window.push(canon::line(&detail.event, &self.mailbox));
        }
        window.sort_unstable();
        let ids: BTreeSet<String> = self.connector.ids(&self.mailbox, self.window).await?.into_iter().collect();
        let own: BTreeSet<String> = self.events.keys().cloned().collect();
        same("the feed and the ids of the window", &own, &ids);
        series.sort_unstable();
        Ok(Seen { window, series })
    }

    /// The id of the single event or the series that has this subject.
    ///
    /// # Errors
    /// Those of the connector.
    pub async fn find(&mut self, subject: &str) -> Answer<String> {
        self.follow().await?;
        let ids: BTreeSet<String> = self.events.iter().map(|(id, event)| master_of(event).unwrap_or(id).clone()).collect();
        for id in ids {
            if self.connector.get_event(&self.mailbox, &id).await?.event.subject == subject {
                return Ok(id);
            }
        }
        panic!("no event {subject:?} in the window");
    }

    /// What the connector wrote to the log since the last call.
    pub fn log(&mut self) -> Vec<String> {
        self.connector.log()
    }
}

#[track_caller]
fn same<T: PartialEq + std::fmt::Debug>(what: &str, one: &T, other: &T) {
    assert!(one == other, "differ: {what}\n  {one:?}\n  {other:?}");
}

fn master_of(event: &Event) -> Option<&String> {
    match &event.kind {
        EventKind::Occurrence(place) | EventKind::Exception(place) => Some(&place.master),
        EventKind::Single | EventKind::Master => None,
    }
}
