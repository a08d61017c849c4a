//! Changes that people make, one after the other, and what the PBX must show then.

use jiff::{SignedDuration, Timestamp};

use super::{World, WorldError};
use crate::graph::EventDraft;

/// What kind of change it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A new appointment.
    New,
    /// An appointment at another time.
    Moved,
    /// A deleted appointment.
    Deleted,
    /// A new series.
    Series,
    /// One occurrence of a series with another subject.
    SeriesException,
    /// One occurrence of a series deleted.
    OccurrenceDeleted,
}

/// A change that was made, and how to see that it arrived.
#[derive(Clone, Debug)]
pub struct Applied {
    /// What kind of change it is.
    pub kind: Kind,
    /// Whose calendar.
    pub user: String,
    /// For people.
    pub title: String,
    /// What the presence text begins to hold, or ends to hold.
    marker: String,
    present: bool,
}

impl Applied {
    /// Whether the PBX shows it.
    pub fn has_arrived(&self, world: &World) -> bool {
        world.shown(&self.user).is_some_and(|(_, message)| {
            let shown = message.split(" (").next().unwrap_or_default().contains(&self.marker);
            shown == self.present
        })
    }
}

struct Open {
    member: usize,
    id: String,
    subject: String,
    series_start: Option<String>,
    next: Kind,
}

/// The script: it goes from person to person, and carries each appointment it makes through its life.
pub struct Script {
    turn: usize,
    open: Vec<Open>,
}

impl Script {
    /// From the beginning.
    pub fn new() -> Self {
        Self { turn: 0, open: Vec::new() }
    }

    /// Makes the next change. Appointments begin a few minutes before `now`, so that a change shows at once.
    ///
    /// # Errors
    /// When the calendar refuses, which it does not.
    pub fn step(&mut self, world: &World, now: Timestamp) -> Result<Applied, WorldError> {
        let turn = self.turn;
        self.turn += 1;
        // One appointment at a time for each person: of two that run at once only one shows.
        let nobody_is_free = self.open.len() >= world.members.len();
        if (turn % 2 == 1 && self.open.len() > 2) || nobody_is_free {
            let open = self.open.remove(0);
            return self.go_on(world, open, now);
        }
        self.begin(world, turn, now)
    }

    fn begin(&mut self, world: &World, turn: usize, now: Timestamp) -> Result<Applied, WorldError> {
        let free: Vec<usize> = (0..world.members.len()).filter(|m| !self.open.iter().any(|o| o.member == *m)).collect();
        let member = free.get(turn * 7 % free.len().max(1)).copied().unwrap_or(0);
        let series = turn % 4 == 2;
        let person = &world.members[member];
        let subject = format!("{} {}", if series { "Training" } else { "Client call" }, turn + 1);
        let (start, end) = (local(now - SignedDuration::from_mins(2)), local(now + SignedDuration::from_mins(50)));
        let draft = EventDraft::new(&subject, &start, &end, "UTC");
        let draft = if series { draft.daily(5) } else { draft };
        let id = world.calendar.add_event(&person.address, draft)?;
        let (kind, next) = if series { (Kind::Series, Kind::SeriesException) } else { (Kind::New, Kind::Moved) };
        self.open.push(Open { member, id, subject: subject.clone(), series_start: series.then_some(start), next });
        Ok(self.applied(world, member, kind, format!("{}: \"{subject}\"", person.name), subject, true))
    }

    fn go_on(&mut self, world: &World, open: Open, now: Timestamp) -> Result<Applied, WorldError> {
        let person = &world.members[open.member];
        let address = &person.address;
        let title = |what: &str| format!("{}: \"{}\" {what}", person.name, open.subject);
        match (open.next, &open.series_start) {
            (Kind::SeriesException, Some(start)) => {
                let id = world.calendar.occurrence_id(address, &open.id, start)?;
                let subject = format!("{} with guests", open.subject);
                world.calendar.update_event(address, &id, EventDraft::patch().subject(&subject))?;
                let (member, title) = (open.member, title("has another subject today"));
                self.open.push(Open { next: Kind::OccurrenceDeleted, ..open });
                Ok(self.applied(world, member, Kind::SeriesException, title, subject, true))
            }
            (Kind::OccurrenceDeleted, Some(start)) => {
                world.calendar.delete_occurrence(address, &open.id, start)?;
                Ok(self.applied(
                    world,
                    open.member,
                    Kind::OccurrenceDeleted,
                    title("does not take place today"),
                    open.subject.clone(),
                    false,
                ))
            }
            (Kind::Moved, _) => {
                let (start, end) = (local(now + SignedDuration::from_mins(90)), local(now + SignedDuration::from_mins(120)));
                world.calendar.update_event(address, &open.id, EventDraft::patch().times(&start, &end, "UTC"))?;
                let (member, title, subject) = (open.member, title("moves to later"), open.subject.clone());
                self.open.push(Open { next: Kind::Deleted, ..open });
                Ok(self.applied(world, member, Kind::Moved, title, subject, false))
            }
            _ => {
                world.calendar.delete_event(address, &open.id)?;
                Ok(self.applied(world, open.member, Kind::Deleted, title("is deleted"), open.subject.clone(), false))
            }
        }
    }

    fn applied(&self, world: &World, member: usize, kind: Kind, title: String, marker: String, present: bool) -> Applied {
        Applied { kind, user: world.members[member].user.clone(), title, marker, present }
    }
}

impl Default for Script {
    fn default() -> Self {
        Self::new()
    }
}

fn local(at: Timestamp) -> String {
    at.to_zoned(jiff::tz::TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S").to_string()
}
