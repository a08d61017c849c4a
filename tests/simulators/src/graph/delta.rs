//! `calendarView/delta`: the changes of a calendar within a fixed window.
//!
//! Awkward on purpose, as documented and as seen: the window is inside the token and cannot move; occurrences come sparse; an event
//! that was changed, created or deleted outside the window is reported as removed; a cancelled occurrence has no marker, its series
//! master is reported as changed; a round ends with a delta link, and only its last page has one; tokens expire with 410.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::event::Event;
use super::http::{Answer, Call, Handled, Prefer, Refusal};
use super::ids::{seal, unseal};
use super::lists::window;
use super::render::{View, put};
use super::state::{Mailbox, State};

/// Place within a round: an item's key and, within a series, the original start (none: the master).
type Place = (u64, Option<i64>);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Token {
    user: String,
    calendar: u32,
    from: Timestamp,
    to: Timestamp,
    /// Changes after this number are reported; none: a first round, which reports what is there.
    since: Option<u64>,
    /// The latest change when the round began, from which the next one reports.
    upto: u64,
    /// The place the last page ended at.
    place: Option<Place>,
    generation: u64,
    issued: i64,
}

/// Where a token comes from and which link it goes into.
struct Round<'a> {
    call: &'a Call,
    token: Token,
}

fn gone(call: &Call, token: &Token, generation: u64) -> Refusal {
    let location = call.link(&[
        ("$deltatoken", Some(String::new())),
        ("$skiptoken", None),
        ("startDateTime", Some(token.from.to_string())),
        ("endDateTime", Some(token.to.to_string())),
    ]);
    let text = format!("The sync state generation is not found; generation={};[highest={generation}].", token.generation);
    Refusal::new(410, "SyncStateNotFound", text).with("location", location)
}

impl<'a> Round<'a> {
    fn begin(state: &State, call: &'a Call, mailbox: &Mailbox, calendar: u32, now: Timestamp) -> Result<Self, Refusal> {
        if let Some(option) = ["$select", "$expand", "$filter", "$orderby", "$search"].iter().find(|o| call.query.get(o).is_some()) {
            return Err(Refusal::bad(
                "ErrorInvalidUrlQuery",
                format!("The following parameters are not supported with change tracking over the 'Events' resource: '{option}'."),
            ));
        }
        let word = ["$skiptoken", "$deltatoken"].iter().find_map(|n| call.query.get(n)).filter(|w| !w.is_empty());
        let Some(word) = word else {
            let (from, to) = window(call)?;
            let (user, generation) = (mailbox.user.id.clone(), mailbox.generation);
            return Ok(Self {
                call,
                token: Token {
                    user,
                    calendar,
                    from,
                    to,
                    since: None,
                    upto: mailbox.change,
                    place: None,
                    generation,
                    issued: now.as_second(),
                },
            });
        };
        let read = unseal(word).and_then(|b| serde_json::from_slice::<Token>(&b).ok());
        let token = read.filter(|t| t.user == mailbox.user.id && t.calendar == calendar);
        let mut token = token.ok_or_else(|| Refusal::bad("ErrorInvalidSyncStateData", "Badly formed token."))?;
        let age = now.as_second() - token.issued;
        if token.generation != mailbox.generation || age >= state.config.delta_seconds {
            return Err(gone(call, &token, mailbox.generation));
        }
        if token.place.is_none() {
            token.upto = mailbox.change;
        }
        Ok(Self { call, token })
    }

    fn link(&self, option: &str, token: &Token) -> Value {
        let word = serde_json::to_vec(token).map(|b| seal(&b)).unwrap_or_default();
        json!(format!("{}{}?{option}={word}", self.call.origin, self.call.raw_path))
    }
}

/// The items of a round that one event gives, in order.
fn items(event: &Event, token: &Token, view: &View) -> Vec<(Place, Map<String, Value>)> {
    let first = token.since.is_none();
    let since = token.since.unwrap_or(0);
    let removed = |original: Option<Timestamp>| removed(view, event.calendar, event.key, original);
    let place = |original: Option<Timestamp>| (event.key, original.map(Timestamp::as_second));
    let Some(series) = &event.series else {
        return match (event.when.touches(token.from, token.to), first) {
            (true, _) => vec![(place(None), whole(view.whole(event, None)))],
            (false, true) => Vec::new(),
            (false, false) => vec![(place(None), removed(None))],
        };
    };
    let instances = event.instances(token.from, token.to);
    let mut out = Vec::new();
    match (instances.is_empty(), first) {
        (false, _) => out.push((place(None), whole(view.whole(event, None)))),
        (true, true) => return out,
        (true, false) => out.push((place(None), removed(None))),
    }
    let all = first || series.edited > since;
    for instance in &instances {
        let at = Some(instance.original_at);
        match instance.exception {
            Some(e) if all || e.change > since => out.push((place(at), whole(view.whole(event, Some(instance))))),
            None if all => out.push((place(at), view.sparse(event, instance))),
            _ => {}
        }
    }
    // Exceptions moved out of the window.
    for (original, exception) in series.exceptions.iter().filter(|(_, e)| !first && e.change > since) {
        if !exception.when.touches(token.from, token.to) {
            let at = Some(event.when.zone.instant(*original));
            out.push((place(at), removed(at)));
        }
    }
    out.sort_by_key(|(p, _)| *p);
    out
}

fn removed(view: &View, calendar: u32, key: u64, original: Option<Timestamp>) -> Map<String, Value> {
    let id = view.item(calendar, key, original);
    super::render::into_map(json!({"@odata.type": "#microsoft.graph.event", "id": id, "@removed": {"reason": "deleted"}}))
}

fn whole(map: Map<String, Value>) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("@odata.type".to_owned(), json!("#microsoft.graph.event"));
    out.extend(map);
    out
}

/// What a round reports from its place on, in order, cut after a few more than `most` items.
fn report(mailbox: &Mailbox, token: &Token, view: &View, most: usize) -> Vec<(Place, Map<String, Value>)> {
    let key = token.place.map_or(0, |(key, _)| key);
    let here = |e: &Event| e.calendar == token.calendar && token.since.is_none_or(|s| e.change > s);
    let mut out = Vec::new();
    for event in mailbox.events.range(key..).map(|(_, e)| e).filter(|e| here(e)) {
        let found = items(event, token, view).into_iter();
        // One item before the place stays, to be replayed.
        let mut found: Vec<_> = found.collect();
        let done = found.partition_point(|(p, _)| token.place.is_some_and(|last| *p <= last));
        out.extend(found.drain(done.saturating_sub(1)..));
        if out.len() > most + 2 {
            break;
        }
    }
    if let Some(since) = token.since {
        let back = |key: u64| mailbox.events.get(&key).is_some_and(|e| e.calendar == token.calendar);
        let dead = mailbox.tombstones.iter().filter(|t| t.calendar == token.calendar && t.key >= key && t.change > since && !back(t.key));
        out.extend(dead.map(|t| ((t.key, None), removed(view, t.calendar, t.key, None))));
    }
    out.sort_by_key(|(p, _)| *p);
    out.dedup_by_key(|(p, _)| *p);
    out
}

/// `GET .../calendarView/delta`.
pub(crate) fn delta(state: &State, call: &Call, index: u32, mailbox: &Mailbox, calendar: u32, prefer: &Prefer, now: Timestamp) -> Handled {
    let round = Round::begin(state, call, mailbox, calendar, now)?;
    let mut token = round.token.clone();
    let view = View::new(index, mailbox.user.owner(), prefer);
    let size = prefer.page.unwrap_or(state.config.delta_page).clamp(1, 1_000);
    // A replayed item must not stop a page of one from moving on.
    let size = if state.config.replays { size.max(2) } else { size };
    let all = report(mailbox, &token, &view, size);
    let mut from = all.partition_point(|(p, _)| token.place.is_some_and(|last| *p <= last));
    if state.config.replays && token.place.is_some() {
        from = from.saturating_sub(1);
    }
    let rest = all.get(from..).unwrap_or_default();
    let page = rest.get(..size.min(rest.len())).unwrap_or_default();
    let value: Vec<&Map<String, Value>> = page.iter().map(|(_, m)| m).collect();
    let mut body = json!({"@odata.context": call.context("Collection(event)"), "value": value});
    token.issued = now.as_second();
    if page.len() < rest.len() {
        token.place = page.last().map(|(p, _)| *p);
        put(&mut body, "@odata.nextLink", round.link("$skiptoken", &token));
    } else {
        let since = if state.config.replays { token.upto.saturating_sub(1) } else { token.upto };
        let next = Token { since: Some(since), place: None, ..token };
        put(&mut body, "@odata.deltaLink", round.link("$deltatoken", &next));
    }
    Ok(Answer::json(200, body))
}

/// A 410 for a fault rule: what the request would get if its token had expired.
pub(crate) fn expired(call: &Call, now: Timestamp) -> Refusal {
    let read = ["$skiptoken", "$deltatoken"]
        .iter()
        .find_map(|n| unseal(call.query.get(n)?))
        .and_then(|b| serde_json::from_slice::<Token>(&b).ok());
    let (from, to) = read.map_or_else(
        || window(call).unwrap_or((now, now.saturating_add(SignedDuration::from_hours(24)).unwrap_or(now))),
        |t| (t.from, t.to),
    );
    let token = Token { user: String::new(), calendar: 0, from, to, since: None, upto: 0, place: None, generation: 149, issued: 0 };
    gone(call, &token, 157)
}
