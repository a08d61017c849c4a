//! `GetUserAvailability`: free/busy of mailboxes, merged and in detail, with their working hours.
//!
//! Everybody sees when somebody is busy. What the time is filled with sees only who may open the mailbox, and nobody sees the details of
//! something private. Times are local to the zone of the request and carry no offset.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::zone_short;
use crate::ews::context::Context;
use crate::ews::ids::ItemKey;
use crate::ews::soap::{Fault, Trouble, failure};
use crate::ews::time::Written;
use crate::ews::version::Version;
use crate::ews::xml::Element;
use crate::graph::event::{Event, Exception};
use crate::graph::ids::ItemId;
use crate::graph::mailbox::settings;
use crate::graph::state::Mailbox;
use crate::graph::zones::Zone;

/// Mailboxes in one request at most.
const MOST: usize = 100;
/// Longest time window in days.
const LONGEST: i64 = 62;

/// Graph's words, EWS's, the digit of the merged form, and how strong it is against others.
const STATES: &[(&str, &str, char, u8)] = &[
    ("free", "Free", '0', 0),
    ("workingElsewhere", "WorkingElsewhere", '4', 1),
    ("tentative", "Tentative", '1', 2),
    ("busy", "Busy", '2', 3),
    ("oof", "OOF", '3', 4),
    ("unknown", "NoData", '5', 0),
];

/// What is asked for of each mailbox.
struct Asked {
    zone: TimeZone,
    from: Timestamp,
    to: Timestamp,
    /// Minutes of a digit in the merged form.
    step: i64,
    view: View,
    version: Version,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Depth {
    Merged,
    Times,
    Details,
}

#[derive(Clone, Copy)]
struct View {
    depth: Depth,
    merged: bool,
}

impl View {
    fn read(word: &str) -> Option<Self> {
        let (depth, merged) = match word {
            "MergedOnly" => (Depth::Merged, true),
            "FreeBusy" => (Depth::Times, false),
            "FreeBusyMerged" => (Depth::Times, true),
            "Detailed" => (Depth::Details, false),
            "DetailedMerged" => (Depth::Details, true),
            _ => return None,
        };
        Some(Self { depth, merged })
    }

    fn word(self) -> &'static str {
        match (self.depth, self.merged) {
            (Depth::Merged, _) => "MergedOnly",
            (Depth::Times, false) => "FreeBusy",
            (Depth::Times, true) => "FreeBusyMerged",
            (Depth::Details, false) => "Detailed",
            (Depth::Details, true) => "DetailedMerged",
        }
    }
}

impl Asked {
    fn read(context: &Context<'_>, request: &Element) -> Result<Self, Fault> {
        let options =
            request.child("FreeBusyViewOptions").ok_or_else(|| Fault::new("ErrorInvalidRequest", "FreeBusyViewOptions are missing."))?;
        let zone = match request.child("TimeZone") {
            Some(rules) => {
                zone_short::read(rules).ok_or_else(|| Fault::new("ErrorTimeZone", "The time zone of the request is not valid."))?
            }
            None => match &context.zone {
                Some(zone) => zone.rules.clone(),
                None => return Err(Fault::new("ErrorTimeZone", "Neither TimeZone nor TimeZoneContext is set.")),
            },
        };
        let bound = |name: &str| {
            let text = options.at(&["TimeWindow", name]).map(|t| t.text.as_str()).unwrap_or_default();
            Ok::<_, Fault>(Written::read(text)?.instant(Some(&Zone { name: String::new(), rules: zone.clone() })))
        };
        let (from, to) = (bound("StartTime")?, bound("EndTime")?);
        if to <= from {
            return Err(Fault::new("ErrorInvalidTimeInterval", "The end of the time window is not after its start."));
        }
        let length = to.duration_since(from);
        // A change of clocks inside the window adds an hour.
        if length > SignedDuration::from_hours(24 * LONGEST + 1) {
            return Err(Fault::new("ErrorTimeIntervalTooBig", format!("The specified time interval is more than {LONGEST} days.")));
        }
        let view = View::read(options.value("RequestedView").unwrap_or("MergedOnly"));
        let view = view.ok_or_else(|| Fault::new("ErrorInvalidFreeBusyViewType", "The requested view is not valid."))?;
        let step = options.value("MergedFreeBusyIntervalInMinutes").map_or(Some(30), |n| n.parse::<i64>().ok());
        let fits = |s: &i64| (5..=1_440).contains(s) && (!view.merged || SignedDuration::from_mins(*s) <= length);
        let text = "The merged free/busy interval must be 5 to 1440 minutes and no longer than the time window.";
        let step = step.filter(fits).ok_or_else(|| Fault::new("ErrorInvalidMergedFreeBusyInterval", text))?;
        Ok(Self { zone, from, to, step, view, version: context.version })
    }

    fn shown(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%Y-%m-%dT%H:%M:%S").to_string()
    }
}

/// `GetUserAvailability`.
pub(crate) fn run(context: &mut Context<'_>, request: &Element) -> Result<Element, Fault> {
    let mailboxes = request.child("MailboxDataArray").map(|a| a.children.as_slice()).unwrap_or_default();
    if mailboxes.is_empty() {
        return Err(Fault::new("ErrorMailboxDataArrayEmpty", "No mailboxes are named."));
    }
    if mailboxes.len() > MOST {
        return Err(Fault::new("ErrorMailboxDataArrayTooBig", format!("More than {MOST} mailboxes are named.")));
    }
    let asked = Asked::read(context, request)?;
    let answers = mailboxes.iter().map(|data| {
        let address = data.at(&["Email", "Address"]).map(|a| a.text.trim()).unwrap_or_default();
        let out = Element::new("m:FreeBusyResponse");
        match one(context, &asked, address) {
            Ok(view) => {
                let ok = Element::new("m:ResponseMessage").attr("ResponseClass", "Success").with_text("m:ResponseCode", "NoError");
                out.with(ok).with(view)
            }
            Err(trouble) => {
                let none = Element::new("m:FreeBusyView").with_text("t:FreeBusyViewType", "None");
                out.with(failure("m:ResponseMessage", &trouble)).with(none)
            }
        }
    });
    let answers: Vec<Element> = answers.collect();
    Ok(Element::new("m:GetUserAvailabilityResponse").with(Element::new("m:FreeBusyResponseArray").with_all(answers)))
}

/// The view of one mailbox.
fn one(context: &Context<'_>, asked: &Asked, address: &str) -> Result<Element, Trouble> {
    let missing =
        || Trouble::new("ErrorMailRecipientNotFound", format!("Unable to resolve e-mail address {address} to an Active Directory object."));
    let (index, mailbox) = context.state.user(address).ok().filter(|(_, m)| m.user.mailbox).ok_or_else(missing)?;
    let may_open = context.open(index).is_ok();
    let depth = if may_open { asked.view.depth } else { asked.view.depth.min(Depth::Times) };
    let view = View { depth, ..asked.view };
    let found = touched(mailbox, asked.from, asked.to);
    let mut out = Element::new("m:FreeBusyView").with_text("t:FreeBusyViewType", view.word());
    if view.merged {
        out = out.with_text("t:MergedFreeBusy", merged(&found, asked));
    }
    if depth != Depth::Merged && !found.is_empty() {
        let events = found.iter().map(|f| event(f, asked, depth, index));
        out = out.with(Element::new("t:CalendarEventArray").with_all(events));
    }
    Ok(out.with(working_hours(mailbox, context.now)))
}

/// Something in the calendar that touches the window.
struct Found<'a> {
    starts: Timestamp,
    ends: Timestamp,
    event: &'a Event,
    exception: Option<&'a Exception>,
    /// Original start of an occurrence.
    original: Option<Timestamp>,
}

impl Found<'_> {
    fn text(&self, name: &str, default: &'static str) -> &str {
        self.event.prop(self.exception, name).and_then(Value::as_str).unwrap_or(default)
    }

    fn state(&self) -> &'static (&'static str, &'static str, char, u8) {
        let word = self.text("showAs", "busy");
        STATES.iter().find(|(graph, ..)| *graph == word).unwrap_or(&("busy", "Busy", '2', 3))
    }
}

fn touched(mailbox: &Mailbox, from: Timestamp, to: Timestamp) -> Vec<Found<'_>> {
    let mut out = Vec::new();
    for event in mailbox.events.values().filter(|e| e.calendar == 0) {
        if event.series.is_none() && event.when.touches(from, to) {
            out.push(Found { starts: event.when.starts(), ends: event.when.ends(), event, exception: None, original: None });
        }
        out.extend(event.instances(from, to).into_iter().map(|i| Found {
            starts: i.when.starts(),
            ends: i.when.ends(),
            event,
            exception: i.exception,
            original: Some(i.original_at),
        }));
    }
    out.sort_by_key(|f| (f.starts, f.event.key));
    out
}

fn merged(found: &[Found<'_>], asked: &Asked) -> String {
    let step = SignedDuration::from_mins(asked.step);
    let mut out = String::new();
    let mut at = asked.from;
    while at < asked.to {
        let Ok(next) = at.checked_add(step) else { break };
        let here = found.iter().filter(|f| f.starts < next && f.ends > at).map(Found::state);
        out.push(here.max_by_key(|(.., strength)| *strength).map_or('0', |(_, _, digit, _)| *digit));
        at = next;
    }
    out
}

fn event(found: &Found<'_>, asked: &Asked, depth: Depth, mailbox: u32) -> Element {
    let (_, word, ..) = found.state();
    // Before 2013 there is no such value.
    let word = if *word == "WorkingElsewhere" && asked.version < Version::Exchange2013 { "Free" } else { word };
    let out = Element::new("t:CalendarEvent")
        .with_text("t:StartTime", asked.shown(found.starts))
        .with_text("t:EndTime", asked.shown(found.ends))
        .with_text("t:BusyType", word);
    if depth == Depth::Details { out.with(details(found, mailbox)) } else { out }
}

fn details(found: &Found<'_>, mailbox: u32) -> Element {
    let private = ["private", "confidential"].contains(&found.text("sensitivity", "normal"));
    let mut out = Element::new("t:CalendarEventDetails");
    if !private {
        let id = ItemId {
            mailbox,
            calendar: Some(found.event.calendar),
            key: found.event.key,
            occurrence: found.original.map(Timestamp::as_second),
        };
        let hex: String = ItemKey::Event(id).text().bytes().map(|b| format!("{b:02X}")).collect();
        let place = found.event.prop(found.exception, "location").and_then(|l| l.get("displayName")).and_then(Value::as_str);
        out =
            out.with_text("t:ID", hex).with_text("t:Subject", found.text("subject", "")).with_text("t:Location", place.unwrap_or_default());
    }
    let is = |name: &str, default: bool| found.event.prop(found.exception, name).and_then(Value::as_bool).unwrap_or(default);
    let meeting = found.event.prop(found.exception, "attendees").and_then(Value::as_array).is_some_and(|a| !a.is_empty());
    out.with_text("t:IsMeeting", meeting || !is("isOrganizer", true))
        .with_text("t:IsRecurring", found.original.is_some())
        .with_text("t:IsException", found.exception.is_some())
        .with_text("t:IsReminderSet", is("isReminderOn", true))
        .with_text("t:IsPrivate", private)
}

fn working_hours(mailbox: &Mailbox, now: Timestamp) -> Element {
    let hours = settings(mailbox).remove("workingHours").unwrap_or_default();
    let zone = hours.pointer("/timeZone/name").and_then(Value::as_str).and_then(|n| Zone::read(n).ok()).unwrap_or_else(Zone::utc);
    let days = hours.get("daysOfWeek").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let days: Vec<String> = days.map(capitalised).collect();
    let minutes = |name: &str| {
        let time = hours.get(name).and_then(Value::as_str).and_then(|t| t.parse::<jiff::civil::Time>().ok());
        time.map_or(0, |t| i32::from(t.hour()) * 60 + i32::from(t.minute()))
    };
    let period = Element::new("t:WorkingPeriod")
        .with_text("t:DayOfWeek", days.join(" "))
        .with_text("t:StartTimeInMinutes", minutes("startTime"))
        .with_text("t:EndTimeInMinutes", minutes("endTime"));
    Element::new("t:WorkingHours").with(zone_short::element(&zone, now)).with(Element::new("t:WorkingPeriodArray").with(period))
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}
