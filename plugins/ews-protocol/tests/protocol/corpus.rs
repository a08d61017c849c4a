//! Requests of every operation, over versions, options and values.

use calport_ews_protocol::folder::{Folder, KnownFolder};
use calport_ews_protocol::item::contact::{AddressPlace, Contact, PhonePlace, PostalAddress};
use calport_ews_protocol::item::contact_write::ContactField;
use calport_ews_protocol::item::event::{Attendee, AttendeeRole, CalendarItem, Response, ShowAs};
use calport_ews_protocol::item::event_write::{EventField, EventTime};
use calport_ews_protocol::item::task::{Task, TaskField, TaskStatus};
use calport_ews_protocol::item::{Detail, Item, ItemId, ItemRef, Target};
use calport_ews_protocol::operation::*;
use calport_ews_protocol::recurrence::{Pattern, Recurrence, RecurrenceEnd, Regeneration};
use calport_ews_protocol::{Call, ExtendedField, Impersonation, Operation, ServerVersion, WriteError};
use calport_sdk::common::{
    DateSpan, DaylightRule, Importance, Moment, Participant, Sensitivity, Span, TextBody, TextFormat, TimedSpan, Weekday, YearlyTransition,
    Zone, ZoneDefinition, ZonedTime,
};

const START: i64 = 1_774_767_600_000;
const HOUR: i64 = 3_600_000;

/// Everything that XML has to be careful with.
const AWKWARD: &str = "Grüße & <b>\"quotes\"</b> 'it'\r\n\t\u{0}\u{1f}😀 ]]> é\u{fffe}";

/// Requests gathered so far, by name.
pub struct Corpus {
    pub requests: Vec<(String, Vec<u8>)>,
    call: Call,
}

/// The corpus.
pub fn corpus() -> Corpus {
    let mut corpus = Corpus { requests: Vec::new(), call: Call::new(ServerVersion::LATEST) };
    for version in ServerVersion::ALL {
        for (impersonate, zone) in callers() {
            // Callers differ in the header, which is the same for every operation.
            let own_name = impersonate.is_none() && zone.is_none();
            corpus.call = Call { version, impersonate, zone };
            corpus.others();
            corpus.notifications();
            if own_name {
                corpus.reads();
                corpus.writes();
            }
        }
    }
    corpus
}

fn callers() -> Vec<(Option<Impersonation>, Option<Zone>)> {
    vec![
        (None, None),
        (Some(Impersonation::PrincipalName("a@example.com".into())), Some(Zone::Utc)),
        (Some(Impersonation::PrimarySmtpAddress("a&b@example.com".into())), Some(Zone::Named("Europe/Berlin".into()))),
        (Some(Impersonation::SmtpAddress("a@example.com".into())), Some(custom())),
        (Some(Impersonation::Sid("S-1-5-21-1".into())), None),
    ]
}

pub fn custom() -> Zone {
    let rule = |month, minute| YearlyTransition { month, weekday: Weekday::Sunday, occurrence: 5, minute };
    let daylight = DaylightRule { offset: 90, begins: rule(3, 120), ends: rule(10, 180) };
    Zone::Custom(ZoneDefinition { name: "Own & Zone".into(), standard_offset: 30, daylight: Some(daylight) })
}

pub fn patterns() -> Vec<Pattern> {
    let all =
        vec![Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday, Weekday::Saturday, Weekday::Sunday];
    let sets = [vec![Weekday::Tuesday], all[..5].to_vec(), all[5..].to_vec(), all.clone()];
    let mut patterns = vec![
        Pattern::Daily { interval: 1 },
        Pattern::Weekly { interval: 2, days: all, week_start: Some(Weekday::Monday) },
        Pattern::Weekly { interval: 1, days: vec![Weekday::Friday], week_start: None },
        Pattern::Monthly { interval: 3, day: 31 },
        Pattern::Yearly { month: 2, day: 29 },
    ];
    for (nth, days) in (1..=5).zip(sets.iter().cycle()) {
        patterns.push(Pattern::MonthlyNth { interval: 1, nth, days: days.clone() });
        patterns.push(Pattern::YearlyNth { month: 12, nth, days: days.clone() });
    }
    patterns
}

pub fn times() -> Vec<EventTime> {
    let instants = Span::Timed(TimedSpan { start: Moment::At(START), end: Moment::At(START + HOUR) });
    let wall = |local: &str| Moment::Wall(ZonedTime { local: local.into(), zone: Zone::Named("W. Europe Standard Time".into()) });
    let walls = Span::Timed(TimedSpan { start: wall("2026-03-29T02:30:00"), end: wall("2026-03-29T04:00:00.5") });
    let days = Span::AllDay(DateSpan { start: "2026-03-29".into(), end: "2026-03-31".into() });
    let plain =
        |span: &Span, zone: Option<Zone>| EventTime { span: span.clone(), start_zone: zone.clone(), end_zone: None, recurrence: None };
    let mut times = vec![
        plain(&instants, None),
        plain(&instants, Some(Zone::Utc)),
        plain(&instants, Some(custom())),
        plain(&walls, Some(Zone::Named("W. Europe Standard Time".into()))),
        plain(&days, Some(Zone::Named("Europe/Kyiv".into()))),
        plain(&days, Some(custom())),
        EventTime { end_zone: Some(Zone::Named("Tokyo Standard Time".into())), ..plain(&instants, Some(Zone::Named("Mars & Co".into()))) },
    ];
    let ends = [RecurrenceEnd::Never, RecurrenceEnd::Until("2027-01-31".into()), RecurrenceEnd::Count(999)];
    for (pattern, end) in patterns().into_iter().zip(ends.iter().cycle()) {
        let recurrence = Some(Recurrence { pattern, start: "2026-03-29".into(), end: end.clone() });
        times.push(EventTime { recurrence, ..plain(&instants, Some(Zone::Named("Europe/Paris".into()))) });
    }
    times
}

fn person(name: &str, address: &str) -> Participant {
    Participant { name: name.into(), address: address.into() }
}

fn attendees() -> Vec<Attendee> {
    let attendee = |name: &str, role| Attendee { who: person(name, "x@example.com"), role, response: Response::None };
    vec![attendee("", AttendeeRole::Required), attendee(AWKWARD, AttendeeRole::Optional), attendee("Room", AttendeeRole::Equipment)]
}

fn html(content: &str) -> TextBody {
    TextBody { format: TextFormat::Html, content: content.into() }
}

/// Single fields of an appointment, set and cleared.
pub fn event_fields() -> Vec<EventField> {
    let mut fields: Vec<EventField> = times().into_iter().map(EventField::Time).collect();
    let shown = [ShowAs::Free, ShowAs::Tentative, ShowAs::Busy, ShowAs::OutOfOffice, ShowAs::WorkingElsewhere];
    let hidden = [Sensitivity::Normal, Sensitivity::Personal, Sensitivity::Private, Sensitivity::Confidential];
    fields.extend(shown.map(EventField::ShowAs));
    fields.extend(hidden.map(EventField::Sensitivity));
    fields.extend([Importance::Low, Importance::Normal, Importance::High].map(EventField::Importance));
    fields.extend([
        EventField::Subject(AWKWARD.into()),
        EventField::Subject(String::new()),
        EventField::Body(Some(html("<p>&amp;</p>"))),
        EventField::Body(None),
        EventField::Location(AWKWARD.into()),
        EventField::Location(String::new()),
        EventField::Categories(vec!["Red".into(), AWKWARD.into()]),
        EventField::Categories(Vec::new()),
        EventField::Attendees(attendees()),
        EventField::Attendees(Vec::new()),
        EventField::Reminder(Some(15)),
        EventField::Reminder(None),
        EventField::Tag(AWKWARD.into()),
        EventField::Operation("op-1".into()),
    ]);
    fields
}

fn task_fields() -> Vec<TaskField> {
    let series = |pattern| TaskField::Recurrence(Some(Recurrence { pattern, start: "2026-01-01".into(), end: RecurrenceEnd::Never }));
    let units = [Regeneration::Daily, Regeneration::Weekly, Regeneration::Monthly, Regeneration::Yearly];
    let statuses =
        [TaskStatus::NotStarted, TaskStatus::InProgress, TaskStatus::Completed, TaskStatus::WaitingOnOthers, TaskStatus::Deferred];
    let mut fields: Vec<TaskField> = patterns().into_iter().map(series).collect();
    fields.extend(units.map(|unit| series(Pattern::Regenerating { interval: 2, unit })));
    fields.extend(statuses.map(TaskField::Status));
    fields.extend([
        TaskField::Subject(AWKWARD.into()),
        TaskField::Body(Some(html(AWKWARD))),
        TaskField::Body(None),
        TaskField::Percent(100),
        TaskField::Start(Some("2026-03-29".into())),
        TaskField::Start(None),
        TaskField::Due(Some("2026-03-29".into())),
        TaskField::Due(None),
        TaskField::Reminder(Some(START)),
        TaskField::Reminder(None),
        TaskField::Importance(Importance::High),
        TaskField::Sensitivity(Sensitivity::Private),
        TaskField::Categories(vec!["Red".into()]),
        TaskField::Recurrence(None),
        TaskField::Tag("t".into()),
        TaskField::Operation("op".into()),
    ]);
    fields
}

fn contact_fields() -> Vec<ContactField> {
    let text = AWKWARD.to_owned();
    let address = |place| PostalAddress {
        place,
        street: "1 Way".into(),
        city: "Berlin".into(),
        region: String::new(),
        country: "Germany".into(),
        postal_code: "10115".into(),
    };
    vec![
        ContactField::DisplayName(text.clone()),
        ContactField::FileAs("Plate, Tanja".into()),
        ContactField::GivenName(text.clone()),
        ContactField::FamilyName(text.clone()),
        ContactField::Company(text.clone()),
        ContactField::Company(String::new()),
        ContactField::Title("Dr.".into()),
        ContactField::Title(String::new()),
        ContactField::Department(text.clone()),
        ContactField::JobTitle(text.clone()),
        ContactField::MailAddresses(vec!["a@example.com".into(), "b@example.com".into()]),
        ContactField::MailAddresses(Vec::new()),
        ContactField::Phones(vec![(PhonePlace::Business, "1".into()), (PhonePlace::HomeFax, "2".into())]),
        ContactField::Phones(Vec::new()),
        ContactField::Addresses(vec![address(AddressPlace::Other), address(AddressPlace::Business)]),
        ContactField::Addresses(Vec::new()),
        ContactField::WebPage("https://example.com/?a=b&c".into()),
        ContactField::Birthday(Some("1980-02-29".into())),
        ContactField::Birthday(None),
        ContactField::Note(Some(html(AWKWARD))),
        ContactField::Note(None),
        ContactField::Categories(vec!["Red".into()]),
        ContactField::Sensitivity(Sensitivity::Confidential),
        ContactField::Tag("t".into()),
        ContactField::Operation("op".into()),
    ]
}

pub fn targets() -> Vec<Target> {
    let id = ItemId { id: "AAMk+/=&".into(), change_key: "DwAA".into() };
    vec![
        Target::Item(id.clone()),
        Target::Item(ItemId::unversioned("AAMk")),
        Target::Occurrence { master: id.clone(), index: 3 },
        Target::MasterOf(id),
    ]
}

pub fn folders() -> [Folder; 3] {
    [
        Folder::known(KnownFolder::Calendar),
        Folder::Known { name: KnownFolder::Calendar, mailbox: Some("boss@example.com".into()) },
        Folder::Id("AQMk==".into()),
    ]
}

impl Corpus {
    pub fn add<O: Operation>(&mut self, operation: &O) {
        match self.call.request(operation) {
            Ok(request) => self.requests.push((format!("{}-{}", O::NAME, self.call.version), request.body)),
            Err(WriteError::Version { needed, .. }) => assert!(self.call.version < needed && needed >= O::SINCE),
            // A version may lack the only thing that a change holds.
            Err(WriteError::LeftOut { .. }) => assert!(self.call.version < ServerVersion::LATEST, "{}", O::NAME),
            Err(error) => panic!("{}: {error}", O::NAME),
        }
    }

    fn reads(&mut self) {
        self.reads_of::<ItemRef>();
        self.reads_of::<CalendarItem>();
        self.reads_of::<Task>();
        self.reads_of::<Contact>();
        for folder in folders() {
            self.add(&GetFolder { folders: vec![folder.clone(), folder] });
        }
        self.add(&SyncFolderHierarchy { mailbox: None, state: None });
        self.add(&SyncFolderHierarchy { mailbox: Some("anna@example.com".into()), state: Some("H4s==".into()) });
    }

    fn reads_of<T: Item>(&mut self) {
        for folder in folders() {
            self.add(&FindItem::<T>::new(folder.clone(), View::Window { start: START, end: START + HOUR, max: 1_000 }));
            self.add(&FindItem::<T>::new(folder.clone(), View::Pages { offset: 500, max: 1_000 }));
            for field in [ExtendedField::Tag, ExtendedField::Operation] {
                self.add(&FindItem::<T>::having(folder.clone(), field, AWKWARD.into()));
            }
            self.add(&SyncFolderItems::<T>::new(folder.clone(), None, 512));
            self.add(&SyncFolderItems::<T>::new(folder, Some("H4sI==".into()), 0));
        }
        for detail in [Detail::Listed, Detail::Whole, Detail::WithBody] {
            self.add(&GetItem::<T>::new(targets(), detail));
        }
    }

    fn writes(&mut self) {
        for mail in [AttendeeMail::Never, AttendeeMail::Allowed] {
            self.writes_of::<CalendarItem>(event_fields(), mail, KnownFolder::Calendar);
            self.writes_of::<Task>(task_fields(), mail, KnownFolder::Tasks);
            self.writes_of::<Contact>(contact_fields(), mail, KnownFolder::Contacts);
            for tasks in [false, true] {
                self.add(&DeleteItem { targets: targets(), mail, tasks });
            }
            for answer in [Invitation::Accept, Invitation::Tentative, Invitation::Decline] {
                let item = ItemId { id: "i".into(), change_key: "k".into() };
                self.add(&AnswerInvitation { item, answer, mail });
            }
        }
    }

    fn writes_of<T>(&mut self, fields: Vec<T::Field>, mail: AttendeeMail, folder: KnownFolder)
    where
        T: calport_ews_protocol::item::Draft,
        T::Field: Clone,
    {
        if mail == AttendeeMail::Never {
            for field in &fields {
                let fields = vec![field.clone()];
                self.add(&CreateItem::<T> { folder: None, fields: fields.clone(), mail });
                self.add(&UpdateItem::<T> { target: targets().remove(0), fields, mail });
            }
        }
        for target in targets() {
            self.add(&UpdateItem::<T> { target, fields: fields[..1].to_vec(), mail });
        }
        // One of each kind of field, last to first: the writer brings them into the schema's order.
        let mut seen = Vec::new();
        let mut one_of_each: Vec<T::Field> = Vec::new();
        for field in fields.iter().rev() {
            let kind = std::mem::discriminant(field);
            if !seen.contains(&kind) {
                seen.push(kind);
                one_of_each.push(field.clone());
            }
        }
        self.add(&CreateItem::<T> { folder: Some(Folder::known(folder)), fields: one_of_each.clone(), mail });
        self.add(&UpdateItem::<T> { target: targets().remove(0), fields: one_of_each, mail });
        self.add(&CreateItem::<T> { folder: None, fields: Vec::new(), mail });
    }

    fn others(&mut self) {
        let mailbox = "a&b@example.com".to_owned();
        self.add(&GetUserOofSettings { mailbox: mailbox.clone() });
        for state in [OofState::Disabled, OofState::Enabled, OofState::Scheduled { start: START, end: START + HOUR }] {
            for audience in [ExternalAudience::Nobody, ExternalAudience::Known, ExternalAudience::All] {
                let reply = Some(AWKWARD.to_owned());
                let settings = OofSettings { state, audience, internal_reply: reply, external_reply: None };
                self.add(&SetUserOofSettings { mailbox: mailbox.clone(), settings });
            }
        }
        let mailboxes = vec![mailbox.clone(), "room@example.com".into()];
        self.add(&GetUserAvailability { mailboxes, start: START, end: START + HOUR });
        self.add(&ResolveNames { name: "smtp:a&b@example.com".into() });
        self.add(&GetServerTimeZones { ids: Vec::new() });
        self.add(&GetServerTimeZones { ids: vec!["W. Europe Standard Time".into()] });
        for configuration in [WellKnownConfiguration::CategoryList, WellKnownConfiguration::WebOptions] {
            for mailbox in [None, Some(mailbox.clone())] {
                self.add(&GetUserConfiguration { configuration, mailbox: mailbox.clone() });
                let xml = calport_ews_protocol::categories::EMPTY.to_vec();
                self.add(&CreateUserConfiguration { configuration, mailbox: mailbox.clone(), xml: xml.clone() });
                self.add(&UpdateUserConfiguration { configuration, mailbox, xml });
            }
        }
        for keep_copy in [false, true] {
            self.add(&SendMail {
                recipients: vec![person(AWKWARD, "x@example.com"), person("", "y@example.com")],
                subject: AWKWARD.into(),
                body: html(AWKWARD),
                operation: "op-1".into(),
                keep_copy,
            });
        }
    }
}
