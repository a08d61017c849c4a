//! What keeps a person's presence from being right, each with what to do.

use calport_engine::{ConnectionStatus, PersonPlan, PersonStatus};

/// What is known of a person besides the calendar.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// Whether calendar integration is on for the person.
    pub active: bool,
    /// Why the person was left out of the flows.
    pub left_out: Option<&'a str>,
    /// How the person is.
    pub status: Option<&'a PersonStatus>,
    /// How the connections are.
    pub connections: &'a [ConnectionStatus],
    /// Connections that cannot be made at all, with the reason.
    pub not_made: &'a [(String, String)],
}

/// What is wrong, what weighs most first.
pub fn troubles(plan: Option<&PersonPlan>, known: Circumstances<'_>) -> Vec<String> {
    let Some(plan) = plan else { return vec![not_planned(known)] };
    if !plan.active {
        let why = if known.active {
            "the flow that shows this person is switched off: set its `active = true`"
        } else {
            "calendar integration is switched off for this person: set `active = true` at the person or the group"
        };
        return vec![why.to_owned()];
    }
    let mut told = Vec::new();
    for (what, id) in [("calendar", &plan.source), ("sink", &plan.sink)] {
        told.extend(connection(what, id, known));
    }
    match known.status {
        None => told.push("the person was added a moment ago: ask again".to_owned()),
        Some(status) => told.extend(of_person(status)),
    }
    told
}

fn not_planned(known: Circumstances<'_>) -> String {
    match known.left_out {
        Some(reason) => format!("nothing is shown: {reason}"),
        None if !known.active => {
            "calendar integration is switched off for this person: set `active = true` at the person or the group".to_owned()
        }
        None => "no flow selects this person: add the person, or one of their groups, to `people` of a flow".to_owned(),
    }
}

fn connection(what: &str, id: &str, known: Circumstances<'_>) -> Option<String> {
    if let Some((_, reason)) = known.not_made.iter().find(|(name, _)| name == id) {
        return Some(format!("the {what} connection {id} cannot be used: {reason}"));
    }
    let status = known.connections.iter().find(|connection| connection.id == id)?;
    let reason = status.reason.as_deref().unwrap_or("see `calport status`");
    match status.state {
        "inactive" => {
            Some(format!("the {what} connection {id} is switched off: `calport activate {id}`, or `active = true` in [connections.{id}]"))
        }
        "offline" => Some(format!("the {what} connection {id} is offline: {reason}")),
        "checking" => Some(format!("the {what} connection {id} is being checked; ask again in a moment")),
        _ => None,
    }
}

fn of_person(status: &PersonStatus) -> Vec<String> {
    let mut told = Vec::new();
    match (status.resolution, status.feed) {
        ("resolved", "live") | ("off", _) => {}
        ("resolved", "initialising" | "") => {
            told.push("the calendar is being read for the first time; its appointments show after that".to_owned());
        }
        ("resolved", feed) => {
            let reason = status.feed_reason.as_deref().unwrap_or("see `calport log`");
            told.push(format!("the calendar is not followed as it should be ({feed}): {reason}"));
        }
        ("unresolved", _) if status.detail.is_empty() => told.push("the mailbox is being looked for; ask again in a moment".to_owned()),
        (state, _) => told.push(format!("there is no mailbox to read ({state}): {}", status.detail)),
    }
    for calendar in status.calendars.iter().filter(|calendar| !calendar.counts) {
        let (address, state) = (&calendar.address, calendar.resolution);
        told.push(match state {
            "resolved" => format!("the further calendar {address} does not count yet: it is being read"),
            "unresolved" if calendar.detail.is_empty() => {
                format!("the further calendar {address} does not count yet: it is being looked for")
            }
            _ => format!("the further calendar {address} does not count ({state}): {}", calendar.detail),
        });
    }
    if let Some(error) = &status.sink_error {
        told.push(format!("{} did not take the presence: {error}", status.sink));
    }
    told
}
