//! People: which mailbox is theirs (FEATURES C16, SEMANTICS B-54).

use std::time::Duration;

use calport_model::directory::Resolution;
use calport_model::{ConnectorApi, ConnectorError, ErrorKind, PresenceValue};
use calport_store::{Feed, FeedKey, PersonRow, ResolutionState};
use jiff::Timestamp;

use crate::actor::Engine;
use crate::backoff;
use crate::calendars::as_person;
use crate::connection::{Class, Work};
use crate::feed::FeedEntry;
use crate::plan::PersonPlan;
use crate::wheel::Timer;

/// People asked for in one call.
const BATCH: usize = 50;
/// When people without a mailbox are asked for again.
const RETRY: Duration = Duration::from_secs(15 * 60);

/// What became of matching a person to a mailbox; the mailbox itself is the person's feed.
pub(crate) struct Match {
    pub state: ResolutionState,
    pub detail: Box<str>,
}

impl From<PersonRow> for Match {
    fn from(row: PersonRow) -> Self {
        Self { state: row.resolution, detail: row.detail.into() }
    }
}

/// A person in the table.
pub(crate) struct PersonEntry {
    pub plan: PersonPlan,
    pub resolution: Option<Match>,
    pub feed: Option<FeedKey>,
    pub resolving: bool,
    pub computing: bool,
    pub again: bool,
    /// What is being computed does not know of a state set by hand meanwhile: its result is not shown.
    pub outdated: bool,
    pub boundary: Option<Timestamp>,
    pub boundary_hit: Option<Timestamp>,
    pub noticed: Option<Timestamp>,
    pub publishing: bool,
    /// Values that were sent without a word that the sink took them: it may show one of them (SEMANTICS B-40).
    pub doubtful: Vec<PresenceValue>,
    /// What is wanted is sent again once the sink was read.
    pub send_again: bool,
    /// The sink is to be read once what is under way has arrived.
    pub read_again: bool,
    /// How often in a row the sink lost the value.
    pub drops: u32,
    pub dropped_at: Option<Timestamp>,
    pub on_call: bool,
    pub sink_failures: u32,
    pub sink_error: Option<String>,
}

impl PersonEntry {
    pub fn new(plan: PersonPlan) -> Self {
        Self {
            plan,
            resolution: None,
            feed: None,
            resolving: false,
            computing: false,
            again: false,
            outdated: false,
            boundary: None,
            boundary_hit: None,
            noticed: None,
            publishing: false,
            doubtful: Vec::new(),
            send_again: false,
            read_again: false,
            drops: 0,
            dropped_at: None,
            on_call: false,
            sink_failures: 0,
            sink_error: None,
        }
    }

    /// The state of the match, for people.
    pub fn resolution_state(&self) -> ResolutionState {
        self.resolution.as_ref().map_or(ResolutionState::Unresolved, |r| r.state)
    }
}

/// Asks for people's mailboxes by their addresses, best address first. One call per round, all people together; the answers
/// are in the order of the people, and each says what to do where there is no mailbox.
///
/// # Errors
/// When the connector cannot be asked at all, or for now.
pub async fn resolve_people(api: &dyn ConnectorApi, people: &[PersonPlan], now: Timestamp) -> Result<Vec<PersonRow>, ConnectorError> {
    let mut rows: Vec<Option<PersonRow>> = vec![None; people.len()];
    let rounds = people.iter().map(|p| p.addresses.len()).max().unwrap_or(0);
    for round in 0..rounds {
        let open: Vec<(usize, String)> = people
            .iter()
            .enumerate()
            .filter(|(index, _)| rows.get(*index).is_some_and(|r| r.as_ref().is_none_or(|r| r.resolution == ResolutionState::NotPermitted)))
            .filter_map(|(index, person)| Some((index, person.addresses.get(round)?.clone())))
            .collect();
        if open.is_empty() {
            continue;
        }
        let answers = api.resolve(open.iter().map(|(_, address)| address.clone()).collect()).await?;
        for ((index, address), answer) in open.into_iter().zip(answers) {
            let (Some(person), Some(row)) = (people.get(index), rows.get_mut(index)) else { continue };
            if let Some(found) = row_of(person, &address, answer, now)? {
                *row = Some(found);
            }
        }
    }
    Ok(rows.into_iter().zip(people).map(|(row, person)| row.unwrap_or_else(|| not_found(person, now))).collect())
}

fn row_of(
    person: &PersonPlan,
    address: &str,
    answer: Result<Resolution, ConnectorError>,
    now: Timestamp,
) -> Result<Option<PersonRow>, ConnectorError> {
    let row = |resolution, mailbox, detail: String| {
        Ok(Some(PersonRow {
            person: person.id.clone(),
            name: person.name.clone(),
            source: person.source.clone(),
            mailbox,
            resolution,
            detail,
            resolved_at: now,
        }))
    };
    match answer {
        Ok(Resolution::Found(entry)) => row(ResolutionState::Resolved, Some(entry.id), format!("found as {address}")),
        Ok(Resolution::NotFound) => Ok(None),
        Ok(Resolution::Ambiguous(ids)) => row(
            ResolutionState::Ambiguous,
            None,
            format!("{address} leads to {} mailboxes; give the person the primary address of one of them", ids.len()),
        ),
        Ok(Resolution::NotPermitted(reason)) => row(
            ResolutionState::NotPermitted,
            None,
            format!("the mailbox {address} may not be read: {reason}; grant the right to the connection's account"),
        ),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind == ErrorKind::Forbidden => row(ResolutionState::NotPermitted, None, error.message),
        Err(error) if matches!(error.kind, ErrorKind::Moved(_)) => row(ResolutionState::Moved, None, error.message),
        Err(error) if error.is_transient() || error.kind == ErrorKind::Unauthorized => Err(error),
        Err(error) => row(ResolutionState::Unresolved, None, error.message),
    }
}

fn not_found(person: &PersonPlan, now: Timestamp) -> PersonRow {
    let detail = if person.addresses.is_empty() {
        "the person has no address; give one in the configuration, the CSV file or the PBX directory".to_owned()
    } else {
        format!("no mailbox under {}; correct the address, or add the mailbox's address to the person", person.addresses.join(", "))
    };
    PersonRow {
        person: person.id.clone(),
        name: person.name.clone(),
        source: person.source.clone(),
        mailbox: None,
        resolution: ResolutionState::NotFound,
        detail,
        resolved_at: now,
    }
}

impl Engine {
    /// Asks for the mailboxes of people of a connection that have none yet.
    pub(crate) fn resolve_due(&mut self, connection: &str) {
        // Without the connection nobody can be asked, and nobody is being asked: it is looked through when it comes.
        let Some(state) = self.connections.get_mut(connection) else { return };
        let mut open: Vec<String> = Vec::new();
        for (id, person) in &mut self.people {
            if person.plan.source == connection && person.plan.active && person.feed.is_none() && !person.resolving {
                person.resolving = true;
                open.push(id.clone());
            }
        }
        for (id, calendar) in &mut self.calendars {
            if calendar.plan.connection == connection && calendar.feed.is_none() && !calendar.resolving {
                calendar.resolving = true;
                open.push(id.clone());
            }
        }
        for batch in open.chunks(BATCH) {
            state.push(Class::First, Work::Resolve(batch.to_vec()));
        }
    }

    /// What is asked for to find the mailbox of a person, or a further calendar.
    pub(crate) fn wanted_match(&self, id: &str) -> Option<PersonPlan> {
        let person = self.people.get(id).map(|person| person.plan.clone());
        person.or_else(|| self.calendars.get(id).map(|calendar| as_person(&calendar.plan)))
    }

    /// Forgets the matches that led to a mailbox that is not there, and asks again later.
    pub(crate) fn resolve_again(&mut self, key: &FeedKey, error: &ConnectorError) {
        let state = if matches!(error.kind, ErrorKind::Moved(_)) { ResolutionState::Moved } else { ResolutionState::NotFound };
        let detail = format!("{}; it is looked for again every 15 minutes, and at once by `calport sync --now`", error.message);
        for person in self.people.values_mut().filter(|person| person.feed.as_ref() == Some(key)) {
            person.feed = None;
            person.resolution = Some(Match { state, detail: detail.clone().into() });
        }
        for calendar in self.calendars.values_mut().filter(|calendar| calendar.feed.as_ref() == Some(key)) {
            calendar.feed = None;
        }
        self.tie_calendars();
        self.wheel.set(backoff::after(self.clock.now(), RETRY), Timer::Resolve(key.connection.clone()));
    }

    /// People were asked for.
    pub(crate) async fn people_resolved(&mut self, connection: &str, ids: Vec<String>, result: Result<Vec<PersonRow>, ConnectorError>) {
        let now = self.clock.now();
        for id in &ids {
            if let Some(person) = self.people.get_mut(id) {
                person.resolving = false;
            }
            if let Some(calendar) = self.calendars.get_mut(id) {
                calendar.resolving = false;
            }
        }
        match result {
            Err(error) => {
                self.connection_failed(connection, &error, now);
                self.wheel.set(backoff::after(now, Duration::from_secs(30)), Timer::Resolve(connection.to_owned()));
            }
            Ok(rows) => {
                if let Err(error) = self.store.set_people(&rows).await {
                    tracing::error!(code = "store-failed", %error, "matches of people could not be stored");
                }
                let mut retry = false;
                for row in rows {
                    retry |= row.mailbox.is_none();
                    if row.mailbox.is_none() {
                        tracing::warn!(code = row.resolution.as_str(), connection, person = row.name, "{}", row.detail);
                    }
                    if self.calendars.contains_key(&row.person) {
                        self.take_calendar_match(row, now).await;
                    } else {
                        self.take_match(row, now).await;
                    }
                }
                if retry {
                    self.wheel.set(backoff::after(now, RETRY), Timer::Resolve(connection.to_owned()));
                }
            }
        }
    }

    /// Has a feed for a mailbox; false when it could not be stored.
    pub(crate) async fn ensure_feed(&mut self, key: &FeedKey, now: Timestamp) -> bool {
        if self.feeds.contains_key(key) {
            return true;
        }
        let format = self.connections.get(&key.connection).map_or(0, |c| c.plan.api.descriptor().cursor_format);
        let feed = Feed::new(key.clone(), self.window(now), format);
        if let Err(error) = self.store.add_feed(&feed).await {
            tracing::error!(code = "store-failed", %error, mailbox = key.mailbox, "a mailbox could not be stored");
            return false;
        }
        self.feeds.insert(key.clone(), Box::new(FeedEntry::new(feed)));
        let progress = self.progress.get_or_insert(crate::actor::Progress { began: now, done: 0, total: 0, said: 0 });
        progress.total += 1;
        true
    }

    /// Ties a person to the feed of the mailbox found.
    pub(crate) async fn take_match(&mut self, row: PersonRow, now: Timestamp) {
        let Some(person) = self.people.get_mut(&row.person) else { return };
        let key = row.mailbox.as_ref().map(|mailbox| FeedKey::new(row.source.clone(), mailbox.clone()));
        let (id, vip) = (row.person.clone(), person.plan.vip);
        person.resolution = Some(row.into());
        person.feed.clone_from(&key);
        let Some(key) = key else { return };
        if !self.ensure_feed(&key, now).await {
            return;
        }
        if let Some(entry) = self.feeds.get_mut(&key) {
            if !entry.people.contains(&id) {
                entry.people.push(id.clone());
            }
            entry.vip |= vip;
            if entry.feed.complete {
                self.recompute(&id);
            }
        }
        self.prepare_due(&key);
    }
}
