//! A calendar item as the service writes it: each property by itself, in the order of the schema, only where it is wanted.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::words::{self, ews};
use super::{extended, people, series};
use crate::ews::ids::{FolderKey, ItemKey, folder_id, seal};
use crate::ews::limits::since;
use crate::ews::shape::{Base, BodyForm, Shape};
use crate::ews::time::{instant, shown};
use crate::ews::version::Version;
use crate::ews::xml::Element;
use crate::ews::zone;
use crate::graph::event::{Event, Instance, When};
use crate::graph::ids::ItemId;
use crate::graph::render::{change_key, ical_uid, untagged};
use crate::graph::zones::Zone;

/// What FindItem does not give: it reads tables, not items.
pub(crate) const NOT_IN_TABLES: &[&str] = &[
    "item:Body",
    "item:TextBody",
    "item:UniqueBody",
    "item:ResponseObjects",
    "calendar:RequiredAttendees",
    "calendar:OptionalAttendees",
    "calendar:Resources",
    "calendar:Recurrence",
    "calendar:FirstOccurrence",
    "calendar:LastOccurrence",
    "calendar:ModifiedOccurrences",
    "calendar:DeletedOccurrences",
];

/// What the form of an item depends on beside its shape.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub mailbox: u32,
    /// Name and address of the mailbox's owner.
    pub owner: (String, String),
    pub zone: Option<Zone>,
    pub version: Version,
    /// Zones with their definitions under an invented id.
    pub inline_zones: bool,
    /// From a table: without what FindItem does not give.
    pub table: bool,
}

/// One item about to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown<'a> {
    pub view: &'a View,
    pub event: &'a Event,
    pub instance: Option<&'a Instance<'a>>,
}

type Part = fn(&Shown<'_>, &Shape) -> Option<Element>;

/// URI, whether the shape `Default` holds it, and how it is written; in the order of the schema. Two lists, because the extended properties
/// stand between them.
const FIRST: &[(&str, bool, Part)] = &[
    ("item:ParentFolderId", true, |s, _| {
        Some(
            Element::new("t:ParentFolderId")
                .attr("Id", folder_id(s.view.mailbox, FolderKey::Calendar(s.event.calendar)))
                .attr("ChangeKey", seal(&[0])),
        )
    }),
    ("item:ItemClass", false, |s, _| Some(Element::of("t:ItemClass", s.class()))),
    ("item:Subject", true, |s, _| s.nonempty("subject", "t:Subject")),
    ("item:Sensitivity", true, |s, _| s.word("sensitivity", "normal", words::SENSITIVITY, "t:Sensitivity")),
    ("item:Body", true, |s, shape| Some(s.body("t:Body", shape.body))),
    ("item:DateTimeReceived", false, |s, _| Some(Element::of("t:DateTimeReceived", s.at(s.event.created)))),
    ("item:Size", false, |s, _| Some(Element::of("t:Size", s.size()))),
    ("item:Categories", false, |s, _| s.categories()),
    ("item:Importance", false, |s, _| s.word("importance", "normal", words::IMPORTANCE, "t:Importance")),
    ("item:IsSubmitted", false, |_, _| Some(Element::of("t:IsSubmitted", false))),
    ("item:IsDraft", false, |s, _| s.flag("isDraft", false, "t:IsDraft")),
    ("item:IsFromMe", false, |_, _| Some(Element::of("t:IsFromMe", false))),
    ("item:IsResend", false, |_, _| Some(Element::of("t:IsResend", false))),
    ("item:IsUnmodified", false, |_, _| Some(Element::of("t:IsUnmodified", false))),
    ("item:DateTimeSent", false, |s, _| Some(Element::of("t:DateTimeSent", s.at(s.event.created)))),
    ("item:DateTimeCreated", false, |s, _| Some(Element::of("t:DateTimeCreated", s.at(s.event.created)))),
    ("item:ResponseObjects", true, |s, _| s.responses()),
    ("item:ReminderDueBy", false, |s, _| Some(Element::of("t:ReminderDueBy", s.at(s.when().starts())))),
    ("item:ReminderIsSet", false, |s, _| s.flag("isReminderOn", true, "t:ReminderIsSet")),
    ("item:ReminderMinutesBeforeStart", false, |s, _| {
        Some(Element::of("t:ReminderMinutesBeforeStart", s.prop("reminderMinutesBeforeStart").and_then(Value::as_i64).unwrap_or(15)))
    }),
    ("item:DisplayCc", false, |s, _| Some(Element::of("t:DisplayCc", s.names("optional")))),
    ("item:DisplayTo", false, |s, _| Some(Element::of("t:DisplayTo", s.names("required")))),
    ("item:HasAttachments", true, |s, _| s.flag("hasAttachments", false, "t:HasAttachments")),
];
const SECOND: &[(&str, bool, Part)] = &[
    ("item:Culture", false, |_, _| Some(Element::of("t:Culture", "en-US"))),
    ("item:EffectiveRights", false, |_, _| Some(rights())),
    ("item:LastModifiedName", false, |s, _| Some(Element::of("t:LastModifiedName", &s.view.owner.0))),
    ("item:LastModifiedTime", false, |s, _| Some(Element::of("t:LastModifiedTime", s.at(s.modified())))),
    ("item:IsAssociated", false, |_, _| Some(Element::of("t:IsAssociated", false))),
    ("item:Preview", false, |s, _| Some(Element::of("t:Preview", s.text_body().chars().take(255).collect::<String>()))),
    ("item:TextBody", false, |s, _| Some(s.body("t:TextBody", BodyForm::Text))),
    ("calendar:UID", false, |s, _| Some(Element::of("t:UID", ical_uid(s.event, None).as_str().unwrap_or_default()))),
    ("calendar:RecurrenceId", false, |s, _| s.instance.map(|i| Element::of("t:RecurrenceId", s.at(i.original_at)))),
    ("calendar:DateTimeStamp", false, |s, _| Some(Element::of("t:DateTimeStamp", s.at(s.modified())))),
    ("calendar:Start", true, |s, _| Some(Element::of("t:Start", s.at(s.when().starts())))),
    ("calendar:End", true, |s, _| Some(Element::of("t:End", s.at(s.when().ends())))),
    ("calendar:OriginalStart", false, |s, _| s.instance.map(|i| Element::of("t:OriginalStart", s.at(i.original_at)))),
    ("calendar:IsAllDayEvent", false, |s, _| Some(Element::of("t:IsAllDayEvent", s.when().all_day))),
    ("calendar:LegacyFreeBusyStatus", true, |s, _| Some(Element::of("t:LegacyFreeBusyStatus", s.free_busy()))),
    ("calendar:Location", true, |s, _| s.place().map(|p| Element::of("t:Location", p))),
    ("calendar:IsMeeting", false, |s, _| Some(Element::of("t:IsMeeting", s.is_meeting()))),
    ("calendar:IsCancelled", false, |s, _| s.flag("isCancelled", false, "t:IsCancelled")),
    ("calendar:IsRecurring", false, |s, _| Some(Element::of("t:IsRecurring", s.instance.is_some()))),
    ("calendar:MeetingRequestWasSent", false, |s, _| {
        Some(Element::of("t:MeetingRequestWasSent", s.is_meeting() && s.event.is_organizer()))
    }),
    ("calendar:IsResponseRequested", false, |s, _| s.flag("responseRequested", true, "t:IsResponseRequested")),
    ("calendar:CalendarItemType", true, |s, _| Some(Element::of("t:CalendarItemType", s.kind()))),
    ("calendar:MyResponseType", false, |s, _| Some(Element::of("t:MyResponseType", s.response()))),
    ("calendar:Organizer", true, |s, _| Some(s.organizer())),
    ("calendar:RequiredAttendees", true, |s, _| people::attendees("t:RequiredAttendees", "required", s.prop("attendees"))),
    ("calendar:OptionalAttendees", true, |s, _| people::attendees("t:OptionalAttendees", "optional", s.prop("attendees"))),
    ("calendar:Resources", true, |s, _| people::attendees("t:Resources", "resource", s.prop("attendees"))),
    ("calendar:ConflictingMeetingCount", false, |_, _| Some(Element::of("t:ConflictingMeetingCount", 0))),
    ("calendar:AdjacentMeetingCount", false, |_, _| Some(Element::of("t:AdjacentMeetingCount", 0))),
    ("calendar:Duration", false, |s, _| Some(Element::of("t:Duration", duration(s.when().ends().duration_since(s.when().starts()))))),
    ("calendar:TimeZone", false, |s, _| Some(Element::of("t:TimeZone", s.zone_name()))),
    ("calendar:AppointmentReplyTime", false, |s, _| s.reply_time()),
    ("calendar:AppointmentSequenceNumber", false, |_, _| Some(Element::of("t:AppointmentSequenceNumber", 0))),
    ("calendar:AppointmentState", false, |s, _| Some(Element::of("t:AppointmentState", s.state()))),
    ("calendar:Recurrence", false, |s, _| series::recurrence(s)),
    ("calendar:FirstOccurrence", false, |s, _| series::first(s)),
    ("calendar:LastOccurrence", false, |s, _| series::last(s)),
    ("calendar:ModifiedOccurrences", false, |s, _| series::modified(s)),
    ("calendar:DeletedOccurrences", false, |s, _| series::deleted(s)),
    ("calendar:MeetingTimeZone", false, |s, shape| {
        let wanted = s.view.version < Version::Exchange2010 || shape.names("calendar:MeetingTimeZone");
        wanted.then(|| zone::meeting(&s.when().zone, s.when().starts()))
    }),
    ("calendar:StartTimeZone", false, |s, _| Some(s.zone("t:StartTimeZone"))),
    ("calendar:EndTimeZone", false, |s, _| Some(s.zone("t:EndTimeZone"))),
    ("calendar:ConferenceType", false, |_, _| Some(Element::of("t:ConferenceType", 0))),
    ("calendar:AllowNewTimeProposal", false, |s, _| s.flag("allowNewTimeProposals", true, "t:AllowNewTimeProposal")),
    ("calendar:IsOnlineMeeting", false, |s, _| s.flag("isOnlineMeeting", false, "t:IsOnlineMeeting")),
    ("calendar:EnhancedLocation", false, |s, _| s.place().map(|p| Element::new("t:EnhancedLocation").with_text("t:DisplayName", p))),
    ("calendar:StartWallClock", false, |s, _| Some(Element::of("t:StartWallClock", wall_clock(s.when(), s.when().starts())))),
    ("calendar:EndWallClock", false, |s, _| Some(Element::of("t:EndWallClock", wall_clock(s.when(), s.when().ends())))),
    ("calendar:StartTimeZoneId", false, |s, _| Some(Element::of("t:StartTimeZoneId", zone::windows_name(&s.when().zone.name)))),
    ("calendar:EndTimeZoneId", false, |s, _| Some(Element::of("t:EndTimeZoneId", zone::windows_name(&s.when().end_zone)))),
    ("calendar:JoinOnlineMeetingUrl", false, |s, _| s.join_url().map(|u| Element::of("t:JoinOnlineMeetingUrl", u))),
    ("calendar:IsOrganizer", false, |s, _| Some(Element::of("t:IsOrganizer", s.event.is_organizer()))),
];

fn rights() -> Element {
    let all = ["CreateAssociated", "CreateContents", "CreateHierarchy", "Delete", "Modify", "Read", "ViewPrivateItems"];
    all.into_iter().fold(Element::new("t:EffectiveRights"), |e, n| {
        e.with_text(&format!("t:{n}"), matches!(n, "Delete" | "Modify" | "Read" | "ViewPrivateItems"))
    })
}

fn wall_clock(when: &When, at: Timestamp) -> String {
    shown(at, Some(&when.zone))
}

fn duration(length: SignedDuration) -> String {
    let minutes = length.as_secs() / 60;
    let (days, hours, minutes) = (minutes / 1_440, minutes / 60 % 24, minutes % 60);
    match (days, hours, minutes) {
        (0, 0, m) => format!("PT{m}M"),
        (0, h, 0) => format!("PT{h}H"),
        (0, h, m) => format!("PT{h}H{m}M"),
        (d, 0, 0) => format!("P{d}D"),
        (d, h, m) => format!("P{d}DT{h}H{m}M"),
    }
}

impl Shown<'_> {
    /// The item in a shape.
    pub fn element(&self, shape: &Shape) -> Element {
        let mut out = Element::new("t:CalendarItem").with(self.id());
        let add = |list: &[(&str, bool, Part)], out: &mut Element| {
            for (uri, in_default, part) in list {
                let given = !(self.view.table && NOT_IN_TABLES.contains(uri)) && since(uri) <= self.view.version;
                if given && shape.wants(uri, *in_default) {
                    out.children.extend(part(self, shape));
                }
            }
        };
        if shape.base == Base::IdOnly && shape.is_bare() {
            return out;
        }
        add(FIRST, &mut out);
        out.children.extend(extended::write(self.prop("singleValueExtendedProperties"), &shape.extended));
        add(SECOND, &mut out);
        out
    }

    /// The item's own id.
    pub fn key(&self) -> ItemKey {
        let occurrence = self.instance.map(|i| i.original_at.as_second());
        ItemKey::Event(ItemId { mailbox: self.view.mailbox, calendar: Some(self.event.calendar), key: self.event.key, occurrence })
    }

    /// `t:ItemId`.
    pub fn id(&self) -> Element {
        let (change, _) = self.event.version(self.instance.and_then(|i| i.exception));
        Element::new("t:ItemId").attr("Id", self.key().text()).attr("ChangeKey", change_key(self.view.mailbox, self.event.key, change))
    }

    /// When it takes place.
    pub fn when(&self) -> &When {
        self.instance.map_or(&self.event.when, |i| &i.when)
    }

    /// An instant as this answer writes it.
    pub fn at(&self, at: Timestamp) -> String {
        shown(at, self.view.zone.as_ref())
    }

    fn prop(&self, name: &str) -> Option<&Value> {
        self.event.prop(self.instance.and_then(|i| i.exception), name)
    }

    fn text(&self, name: &str) -> &str {
        self.prop(name).and_then(Value::as_str).unwrap_or_default()
    }

    fn nonempty(&self, name: &str, element: &str) -> Option<Element> {
        let text = self.text(name);
        (!text.is_empty()).then(|| Element::of(element, text))
    }

    fn flag(&self, name: &str, default: bool, element: &str) -> Option<Element> {
        Some(Element::of(element, self.prop(name).and_then(Value::as_bool).unwrap_or(default)))
    }

    fn word(&self, name: &str, default: &str, table: &'static [(&'static str, &'static str)], element: &str) -> Option<Element> {
        let word = self.prop(name).and_then(Value::as_str).unwrap_or(default);
        ews(table, word).map(|w| Element::of(element, w))
    }

    fn modified(&self) -> Timestamp {
        self.event.version(self.instance.and_then(|i| i.exception)).1
    }

    fn class(&self) -> &'static str {
        if self.instance.is_some_and(|i| i.exception.is_some()) {
            "IPM.OLE.CLASS.{00061055-0000-0000-C000-000000000046}"
        } else {
            "IPM.Appointment"
        }
    }

    fn body(&self, element: &str, form: BodyForm) -> Element {
        let body = self.prop("body");
        let content = body.and_then(|b| b.get("content")).and_then(Value::as_str).unwrap_or_default();
        let html = body.and_then(|b| b.get("contentType")).and_then(Value::as_str) == Some("html");
        let (kind, text) = match (form, html) {
            (BodyForm::Text, true) => ("Text", untagged(content)),
            (BodyForm::Html, false) => {
                let escaped = content.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
                ("HTML", format!("<html><head></head><body>{escaped}</body></html>"))
            }
            (_, true) => ("HTML", content.to_owned()),
            (_, false) => ("Text", content.to_owned()),
        };
        Element::of(element, text).attr("BodyType", kind)
    }

    fn text_body(&self) -> String {
        self.body("t:Body", BodyForm::Text).text
    }

    fn size(&self) -> usize {
        1_024 + self.text("subject").len() + self.text_body().len()
    }

    fn categories(&self) -> Option<Element> {
        let all: Vec<Element> =
            self.prop("categories")?.as_array()?.iter().filter_map(Value::as_str).map(|c| Element::of("t:String", c)).collect();
        (!all.is_empty()).then(|| Element::new("t:Categories").with_all(all))
    }

    fn names(&self, kind: &str) -> String {
        let all = self.prop("attendees").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let wanted = all.iter().filter(|a| a.get("type").and_then(Value::as_str).unwrap_or("required") == kind);
        wanted.map(|a| people::name_and_address(a).0).collect::<Vec<_>>().join("; ")
    }

    fn place(&self) -> Option<&str> {
        self.prop("location")?.get("displayName")?.as_str().filter(|p| !p.is_empty())
    }

    fn free_busy(&self) -> &'static str {
        let word = ews(words::SHOW_AS, self.prop("showAs").and_then(Value::as_str).unwrap_or("busy")).unwrap_or("Busy");
        // Before 2013 there was no such value: an older server says that it does not know.
        if word == "WorkingElsewhere" && self.view.version < Version::Exchange2013 { "NoData" } else { word }
    }

    fn is_meeting(&self) -> bool {
        !self.event.is_organizer() || self.prop("attendees").and_then(Value::as_array).is_some_and(|a| !a.is_empty())
    }

    fn kind(&self) -> &'static str {
        match (self.instance, &self.event.series) {
            (Some(i), _) if i.exception.is_some() => "Exception",
            (Some(_), _) => "Occurrence",
            (None, Some(_)) => "RecurringMaster",
            (None, None) => "Single",
        }
    }

    fn response(&self) -> &'static str {
        let own = if self.event.is_organizer() { "organizer" } else { "none" };
        let word = self.prop("responseStatus").and_then(|r| r.get("response")).and_then(Value::as_str).unwrap_or(own);
        ews(words::RESPONSES, word).unwrap_or("Unknown")
    }

    fn reply_time(&self) -> Option<Element> {
        let at: Timestamp = self.prop("responseStatus")?.get("time")?.as_str()?.parse().ok()?;
        (at.as_second() > 0 && !self.event.is_organizer()).then(|| Element::of("t:AppointmentReplyTime", self.at(at)))
    }

    /// Meeting 1, received 2, cancelled 4.
    fn state(&self) -> u32 {
        let cancelled = self.prop("isCancelled").and_then(Value::as_bool).unwrap_or(false);
        u32::from(self.is_meeting()) | (u32::from(!self.event.is_organizer()) << 1) | (u32::from(cancelled) << 2)
    }

    fn organizer(&self) -> Element {
        let own = json!({"emailAddress": {"name": self.view.owner.0, "address": self.view.owner.1}});
        let person = self.prop("organizer").unwrap_or(&own);
        let (name, address) = people::name_and_address(person);
        // A table knows the name only.
        let address = if self.view.table { "" } else { address };
        Element::new("t:Organizer").with(people::mailbox(name, address))
    }

    fn responses(&self) -> Option<Element> {
        let names: &[&str] = match (self.is_meeting(), self.event.is_organizer()) {
            (false, _) => &["t:ForwardItem"],
            (true, true) => &["t:ForwardItem", "t:CancelCalendarItem"],
            (true, false) => &["t:AcceptItem", "t:TentativelyAcceptItem", "t:DeclineItem", "t:ReplyToItem", "t:ForwardItem"],
        };
        Some(Element::new("t:ResponseObjects").with_all(names.iter().map(|n| Element::new(*n))))
    }

    fn zone(&self, element: &str) -> Element {
        let when = self.when();
        let end = Zone::read(&when.end_zone).unwrap_or_else(|_| when.zone.clone());
        let zone = if element == "t:EndTimeZone" { &end } else { &when.zone };
        zone::element(element, zone, when.starts(), self.view.version, self.view.inline_zones)
    }

    fn zone_name(&self) -> String {
        let when = self.when();
        zone::shown_name(&when.zone, &zone::windows_name(&when.zone.name), when.starts())
    }

    fn join_url(&self) -> Option<&str> {
        let meeting = self.prop("onlineMeeting").and_then(|m| m.get("joinUrl")).and_then(Value::as_str);
        meeting.or_else(|| self.prop("onlineMeetingUrl").and_then(Value::as_str)).filter(|u| !u.is_empty())
    }

    /// `t:ItemId`, times and original start, as a series lists its occurrences.
    pub fn occurrence_info(&self, name: &str) -> Option<Element> {
        let original = self.instance?.original_at;
        Some(
            Element::new(name)
                .with(self.id())
                .with_text("t:Start", instant(self.when().starts()))
                .with_text("t:End", instant(self.when().ends()))
                .with_text("t:OriginalStart", instant(original)),
        )
    }
}
