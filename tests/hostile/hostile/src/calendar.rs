//! The calendar: proper events, and such as no field allows.

use calport_sdk::common::{
    Cursor, DateSpan, DaylightRule, Error, ErrorKind, Importance, Moment, OriginalStart, Sensitivity, Span, TimedSpan, Weekday, Window,
    Written, YearlyTransition, Zone, ZoneDefinition, ZonedTime,
};
use calport_sdk::error;

use crate::behaviour::Behaviour;
use crate::bindings::exports::calport::connector::calendar::{
    AttendeeMail, CalendarInfo, Change, ChangePage, Event, EventDetail, EventDraft, EventField, EventKind, EventTime, FeedEnd, Guest,
    IdPage, IdVersion, MailboxInfo, Response, SeriesPlace, ShowAs, WriteTarget,
};
use crate::{Hostile, act, act_many, first, opened, told};

const HOUR: i64 = 3_600_000;

impl Guest for Hostile {
    fn calendars(mailbox: String) -> Result<Vec<CalendarInfo>, Error> {
        act(&mailbox).map(|_| Vec::new())
    }

    fn mailbox_infos(mailboxes: Vec<String>) -> Vec<Result<MailboxInfo, Error>> {
        act_many(&mailboxes, first(&mailboxes), |_| MailboxInfo { zone: None, language: None, affinity: String::new() })
    }

    fn changes(mailbox: String, _: Option<String>, window: Window, _: Option<Cursor>) -> Result<ChangePage, Error> {
        let upsert = |event| Change::Upsert(event);
        let changes = match act(&mailbox)? {
            Behaviour::HugeList => (0..opened().settings.amount).map(|n| upsert(event(&format!("e{n}"), window))).collect(),
            Behaviour::BadValues => bad(window).into_iter().map(upsert).chain([Change::Removed(String::new())]).collect(),
            _ => vec![upsert(event("e1", window))],
        };
        Ok(ChangePage { changes, end: FeedEnd::Done("c1".to_owned()), unreadable: Vec::new() })
    }

    fn instances(mailbox: String, _: Option<String>, _: String, window: Window) -> Result<Vec<Event>, Error> {
        Ok(match act(&mailbox)? {
            Behaviour::BadValues => bad(window),
            _ => vec![event("i1", window)],
        })
    }

    fn get_events(mailbox: String, ids: Vec<String>) -> Vec<Result<EventDetail, Error>> {
        let window = Window { start: 0, end: HOUR };
        act_many(&ids, &mailbox, |id| EventDetail { event: event(id, window), exceptions: Vec::new(), cancelled: Vec::new() })
    }

    fn ids(mailbox: String, _: Option<String>, _: Window, _: Option<Cursor>) -> Result<IdPage, Error> {
        let one = |id: &str| IdVersion { id: id.to_owned(), version: "1".to_owned() };
        let ids = match act(&mailbox)? {
            Behaviour::HugeList => (0..opened().settings.amount).map(|n| one(&format!("e{n}"))).collect(),
            Behaviour::BadValues => vec![one("e1"), one("e\0")],
            _ => vec![one("e1")],
        };
        Ok(IdPage { ids, next: None })
    }

    fn probe(mailboxes: Vec<String>) -> Vec<Result<String, Error>> {
        mailboxes.iter().map(|_| Err(error::mailbox(ErrorKind::Unsupported, "there is no probe"))).collect()
    }

    fn find_by_tag(mailbox: String, tag: String) -> Result<Vec<Event>, Error> {
        let window = Window { start: 0, end: HOUR };
        Ok(match act(&mailbox)? {
            Behaviour::BadValues => bad(window),
            _ => vec![event(&tag, window)],
        })
    }

    fn create(mailbox: String, calendar: Option<String>, draft: EventDraft) -> Result<Written, Error> {
        written(&mailbox, format!("{calendar:?} {draft:?}"))
    }

    fn update(
        mailbox: String,
        target: WriteTarget,
        fields: Vec<EventField>,
        condition: Option<String>,
        mail: AttendeeMail,
    ) -> Result<Written, Error> {
        written(&mailbox, format!("{target:?} {fields:?} {condition:?} {mail:?}"))
    }

    fn delete(mailbox: String, target: WriteTarget, condition: Option<String>, mail: AttendeeMail) -> Result<(), Error> {
        act(&mailbox)?;
        Err(told(format!("{target:?} {condition:?} {mail:?}")))
    }
}

/// What was asked, as the id of what was written.
fn written(mailbox: &str, asked: String) -> Result<Written, Error> {
    Ok(match act(mailbox)? {
        Behaviour::BadValues => Written { id: "x".repeat(10_000), version: Some("v\0".to_owned()), truncated: Vec::new() },
        _ => Written { id: asked, version: Some("2".to_owned()), truncated: vec!["subject".to_owned()] },
    })
}

/// A proper event of an hour at the beginning of the window.
fn event(id: &str, window: Window) -> Event {
    let span = Span::Timed(TimedSpan { start: Moment::At(window.start), end: Moment::At(window.start.saturating_add(HOUR)) });
    Event {
        id: id.to_owned(),
        version: "1".to_owned(),
        uid: String::new(),
        owner: None,
        kind: EventKind::Single,
        time: EventTime { span, start_zone: None, end_zone: None, recurrence: None },
        subject: "Meeting".to_owned(),
        body: None,
        location: None,
        show_as: ShowAs::Busy,
        sensitivity: Sensitivity::Normal,
        importance: Importance::Normal,
        categories: Vec::new(),
        organizer: None,
        is_organizer: false,
        attendees: Vec::new(),
        response: Response::None,
        cancelled: false,
        online_meeting: None,
        reminder: None,
        tag: None,
        created: None,
        modified: None,
        extra: Vec::new(),
    }
}

/// Two events that can be used, the second only after its texts are cut and cleaned, and eleven that cannot.
fn bad(window: Window) -> Vec<Event> {
    let at = |id: &str, span| {
        let mut event = event(id, window);
        event.time.span = span;
        event
    };
    let timed = |start: Moment| Span::Timed(TimedSpan { start, end: Moment::At(window.end) });
    let wall = |local: &str, zone| timed(Moment::Wall(ZonedTime { local: local.to_owned(), zone }));
    let days = |start: &str, end: &str| Span::AllDay(DateSpan { start: start.to_owned(), end: end.to_owned() });
    let far = |minutes| Zone::Custom(ZoneDefinition { name: String::new(), standard_offset: minutes, daylight: None });
    let never = YearlyTransition { month: 13, weekday: Weekday::Sunday, occurrence: 200, minute: u16::MAX };
    let broken_rule = DaylightRule { offset: i32::MAX, begins: never, ends: never };
    let place = |original| EventKind::Occurrence(SeriesPlace { master: "m".to_owned(), original });
    let mut long = event("long", window);
    long.subject = "\u{1b}]0;x\u{7}\n".repeat(10_000);
    long.categories = vec!["c".repeat(1_000); 2_000];
    let mut version = event("version", window);
    version.version = "v\0".to_owned();
    let mut place_without_a_day = event("original", window);
    place_without_a_day.kind = place(Some(OriginalStart::Day("2026-02-30".to_owned())));
    vec![
        event("good", window),
        long,
        event("", window),
        event("nul\0", window),
        event(&"x".repeat(10_000), window),
        version,
        at("instant", timed(Moment::At(i64::MAX))),
        at("wall", wall("tomorrow", Zone::Utc)),
        at("offset", wall("2026-07-01T10:00:00+05:00", Zone::Utc)),
        at("zone", wall("2026-07-01T10:00:00", far(i32::MAX))),
        at(
            "rule",
            wall(
                "2026-07-01T10:00:00",
                Zone::Custom(ZoneDefinition { name: String::new(), standard_offset: 60, daylight: Some(broken_rule) }),
            ),
        ),
        at("days", days("2026-13-01", "tomorrow")),
        place_without_a_day,
    ]
}
