//! Lists of events: `events`, `calendarView` and `instances`, with windows, filters, order and paging.

use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::event::{Event, Instance};
use super::filter::Filter;
use super::http::{Answer, Call, Handled, Prefer, Refusal, select};
use super::ids::ItemId;
use super::render::{View, put};
use super::state::Mailbox;

/// Longest window in days.
const LONGEST: i64 = 1_825;

fn moment(call: &Call, name: &str) -> Result<Timestamp, Refusal> {
    let text = call.query.get(name).ok_or_else(|| {
        Refusal::bad(
            "ErrorInvalidParameter",
            "This request requires a time window specified by the query string parameters StartDateTime and EndDateTime.",
        )
    })?;
    let civil = || text.parse::<DateTime>().ok().and_then(|d| d.to_zoned(jiff::tz::TimeZone::UTC).ok()).map(|z| z.timestamp());
    text.parse::<Timestamp>()
        .ok()
        .or_else(civil)
        .ok_or_else(|| Refusal::bad("ErrorInvalidParameter", format!("The value '{text}' of parameter '{name}' is invalid.")))
}

/// The window of a request; without an offset the times are UTC.
///
/// # Errors
/// 400 for a missing or unreadable bound, or one that ends before it starts or is longer than five years.
pub(crate) fn window(call: &Call) -> Result<(Timestamp, Timestamp), Refusal> {
    let (from, to) = (moment(call, "startDateTime")?, moment(call, "endDateTime")?);
    if to < from || to.duration_since(from) > SignedDuration::from_hours(24 * LONGEST) {
        return Err(Refusal::bad(
            "ErrorInvalidParameter",
            format!(
                "Your request can't be completed. The range between the start and end dates is negative or greater than the allowed range. Maximum number of days: {LONGEST}"
            ),
        ));
    }
    Ok((from, to))
}

/// The extended property in `$expand=singleValueExtendedProperties($filter=id eq '...')`.
pub(crate) fn expanded(call: &Call) -> Result<Option<String>, Refusal> {
    let Some(text) = call.query.get("$expand") else { return Ok(None) };
    if !text.starts_with("singleValueExtendedProperties") {
        return if text.starts_with("exceptionOccurrences") {
            Ok(None)
        } else {
            Err(Refusal::bad("BadRequest", format!("Could not expand '{text}'.")))
        };
    }
    let id = text.split_once("id eq '").and_then(|(_, rest)| rest.rsplit_once('\'')).map(|(id, _)| id.replace("''", "'"));
    id.map(Some).ok_or_else(|| Refusal::bad("ErrorInvalidProperty", "Extended properties must be named by $filter=id eq '...'."))
}

/// The items that pass the request's filter.
fn filtered(call: &Call, items: Vec<(&Event, Map<String, Value>)>) -> Result<Vec<Map<String, Value>>, Refusal> {
    let Some(text) = call.query.get("$filter") else { return Ok(items.into_iter().map(|(_, m)| m).collect()) };
    let filter = Filter::read(text)?;
    let mut kept = Vec::new();
    for (event, item) in items {
        // A filter looks at all extended properties, the answer shows only the expanded one.
        let mut probe = item.clone();
        let all = event.props.get("singleValueExtendedProperties").cloned().unwrap_or_else(|| json!([]));
        probe.insert("singleValueExtendedProperties".to_owned(), all);
        if filter.passes(&Value::Object(probe))? {
            kept.push(item);
        }
    }
    Ok(kept)
}

/// Orders, cuts a page out of and wraps a list of items.
fn page(call: &Call, prefer: &Prefer, mut items: Vec<Map<String, Value>>, context: &str) -> Handled {
    if let Some(order) = call.query.get("$orderby") {
        sort(&mut items, order)?;
    }
    let total = items.len();
    let size = call.query.count("$top", 1_000)?.or(prefer.page).unwrap_or(10).min(1_000);
    let skip =
        call.query.get("$skip").map_or(Ok(0), str::parse::<usize>).map_err(|_| Refusal::bad("BadRequest", "Invalid value for $skip."))?;
    let mut value: Vec<Map<String, Value>> = items.into_iter().skip(skip).take(size).collect();
    for item in &mut value {
        select(item, call.query.get("$select"));
    }
    let end = skip + value.len();
    let mut body = json!({"@odata.context": call.context(context), "value": value});
    if call.query.get("$count") == Some("true") {
        put(&mut body, "@odata.count", json!(total));
    }
    if end < total {
        put(&mut body, "@odata.nextLink", json!(call.link(&[("$skip", Some(end.to_string()))])));
    }
    Ok(Answer::json(200, body))
}

fn sort(items: &mut [Map<String, Value>], order: &str) -> Result<(), Refusal> {
    let (path, down) = match order.trim().split_once(' ') {
        Some((path, direction)) => (path, direction.trim().eq_ignore_ascii_case("desc")),
        None => (order.trim(), false),
    };
    const KNOWN: &[&str] = &["start/dateTime", "end/dateTime", "lastModifiedDateTime", "createdDateTime", "subject"];
    if !KNOWN.contains(&path) {
        return Err(Refusal::bad("BadRequest", format!("$orderby '{order}' is not supported.")));
    }
    let pointer = path.split_once('/');
    let text = |m: &Map<String, Value>| match pointer {
        Some((a, b)) => m.get(a).and_then(|v| v.get(b)).and_then(Value::as_str).unwrap_or_default().to_owned(),
        None => m.get(path).and_then(Value::as_str).unwrap_or_default().to_owned(),
    };
    items.sort_by_key(text);
    if down {
        items.reverse();
    }
    Ok(())
}

/// `GET .../events`: single events and series masters.
pub(crate) fn events(call: &Call, mailbox: &Mailbox, view: &View, calendar: u32, prefer: &Prefer) -> Handled {
    let mut view = view.clone();
    view.extended = expanded(call)?;
    let all = mailbox.events.values().filter(|e| e.calendar == calendar).map(|e| (e, view.whole(e, None))).collect();
    page(call, prefer, filtered(call, all)?, &format!("users('{}')/events", mailbox.user.id))
}

/// `GET .../calendarView`: single events, occurrences and exceptions that touch the window, whole.
pub(crate) fn calendar_view(call: &Call, mailbox: &Mailbox, view: &View, calendar: u32, prefer: &Prefer) -> Handled {
    let (from, to) = window(call)?;
    let mut view = view.clone();
    view.extended = expanded(call)?;
    let mut found: Vec<(Timestamp, u64, &Event, Option<Instance<'_>>)> = Vec::new();
    for event in mailbox.events.values().filter(|e| e.calendar == calendar) {
        if event.series.is_none() && event.when.touches(from, to) {
            found.push((event.when.starts(), event.key, event, None));
        }
        found.extend(event.instances(from, to).into_iter().map(|i| (i.when.starts(), event.key, event, Some(i))));
    }
    found.sort_by_key(|(at, key, ..)| (*at, *key));
    let items = found.iter().map(|(_, _, event, instance)| (*event, view.whole(event, instance.as_ref()))).collect();
    page(call, prefer, filtered(call, items)?, &format!("users('{}')/calendarView", mailbox.user.id))
}

/// `GET .../events/{id}/instances`: occurrences and exceptions of one series within the window.
pub(crate) fn instances(call: &Call, index: u32, mailbox: &Mailbox, view: &View, id: &ItemId, prefer: &Prefer) -> Handled {
    let (from, to) = window(call)?;
    let event = mailbox.event(index, id)?;
    if event.series.is_none() || id.occurrence.is_some() {
        return Err(Refusal::bad("ErrorInvalidRequest", "Your request can't be completed. The event is not a series master."));
    }
    let items = event.instances(from, to).iter().map(|i| (event, view.whole(event, Some(i)))).collect();
    page(call, prefer, filtered(call, items)?, &format!("users('{}')/events('{}')/instances", mailbox.user.id, view.id(event, None)))
}
