//! Steps as a person does them in a mail program: through the door of the simulated mailbox that mails nobody.

use calport_simulators::graph::{EventDraft, Simulator};
use serde_json::{Value, json};

use crate::case::{Fields, Repeat, Step};

/// Does one step. `id` is the usual id of the event, absent for one that is made; gives the id of what was made.
pub fn act(sim: &Simulator, user: &str, zone: &str, step: &Step, id: Option<&str>) -> Option<String> {
    if step.make.is_some() {
        return Some(sim.add_event(user, draft(&step.set, zone)).unwrap_or_else(|e| panic!("{}: {e}", step.event())));
    }
    let id = id.expect("the event was made");
    let target = step.occurrence.as_ref().map_or_else(
        || id.to_owned(),
        |stood| {
            let start = if stood.contains('T') { format!("{stood}:00") } else { format!("{stood}T00:00:00") };
            sim.occurrence_id(user, id, &start).unwrap_or_else(|e| panic!("the occurrence of {stood}: {e}"))
        },
    );
    if step.delete.is_some() {
        sim.delete_event(user, &target).unwrap();
    } else {
        sim.update_event(user, &target, draft(&step.set, zone)).unwrap_or_else(|e| panic!("{}: {e}", step.event()));
    }
    None
}

fn draft(fields: &Fields, mailbox_zone: &str) -> EventDraft {
    let zone = fields.zone.as_deref().unwrap_or(mailbox_zone);
    let mut draft = EventDraft::patch();
    if let (Some(start), Some(end)) = (&fields.start, &fields.end) {
        let end_zone = fields.end_zone.as_deref().unwrap_or(zone);
        draft = draft.set("start", json!({"dateTime": format!("{start}:00"), "timeZone": zone}));
        draft = draft.set("end", json!({"dateTime": format!("{end}:00"), "timeZone": end_zone})).set("isAllDay", false);
    }
    if let Some([first, after]) = &fields.days {
        draft = draft.times(&format!("{first}T00:00:00"), &format!("{after}T00:00:00"), zone).set("isAllDay", true);
    }
    if let Some(repeat) = &fields.repeat {
        draft = draft.recurring(pattern(repeat), range(repeat));
    }
    for (name, word) in
        [("subject", &fields.subject), ("showAs", &fields.show), ("sensitivity", &fields.sensitivity), ("importance", &fields.importance)]
    {
        if let Some(word) = word {
            draft = draft.set(name, word.as_str());
        }
    }
    if let Some(place) = &fields.location {
        draft = draft.location(place);
    }
    if let Some(names) = &fields.categories {
        draft = draft.set("categories", names.clone());
    }
    if let Some(minutes) = fields.reminder {
        draft = draft.set("isReminderOn", minutes >= 0).set("reminderMinutesBeforeStart", minutes.max(0));
    }
    if let Some(text) = &fields.body {
        draft = draft.set("body", json!({"contentType": "text", "content": text}));
    }
    if let Some(address) = &fields.organizer {
        draft = draft.set("organizer", json!({"emailAddress": {"address": address, "name": address}})).set("isOrganizer", false);
    }
    if let Some(response) = &fields.response {
        draft = draft.set("responseStatus", json!({"response": response, "time": "2026-01-05T08:00:00Z"}));
    }
    if let Some(addresses) = &fields.attendees {
        draft = draft.attendees(&addresses.iter().map(String::as_str).collect::<Vec<_>>());
    }
    if let Some(cancelled) = fields.cancelled {
        draft = draft.set("isCancelled", cancelled);
    }
    draft
}

fn pattern(repeat: &Repeat) -> Value {
    let index = || ["", "first", "second", "third", "fourth", "last"][usize::from(repeat.nth.expect("nth"))];
    let interval = repeat.interval;
    match repeat.every.as_str() {
        "daily" => json!({"type": "daily", "interval": interval}),
        "weekly" => json!({"type": "weekly", "interval": interval, "daysOfWeek": repeat.days, "firstDayOfWeek": repeat.week_from}),
        "monthly" => json!({"type": "absoluteMonthly", "interval": interval, "dayOfMonth": repeat.day}),
        "monthlyNth" => json!({"type": "relativeMonthly", "interval": interval, "daysOfWeek": repeat.days, "index": index()}),
        "yearly" => json!({"type": "absoluteYearly", "interval": interval, "dayOfMonth": repeat.day, "month": repeat.month}),
        "yearlyNth" => {
            json!({"type": "relativeYearly", "interval": interval, "daysOfWeek": repeat.days, "index": index(), "month": repeat.month})
        }
        other => panic!("`every = {other:?}` is no pattern"),
    }
}

fn range(repeat: &Repeat) -> Value {
    let mut range = match (&repeat.until, repeat.count) {
        (Some(day), _) => json!({"type": "endDate", "endDate": day}),
        (None, Some(count)) => json!({"type": "numbered", "numberOfOccurrences": count}),
        (None, None) => json!({"type": "noEnd"}),
    };
    if let Some(first) = &repeat.first {
        range["startDate"] = first.as_str().into();
    }
    range
}
