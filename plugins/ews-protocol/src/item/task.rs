//! Tasks. Their days are dates (SEMANTICS S-20): Exchange keeps them as midnights of UTC or of the owner, so a time is
//! read as the midnight nearest to it and written as one of UTC.

use calport_sdk::common::{Date, Importance, Instant, Sensitivity, TextBody};
use calport_sdk::time;

use super::event_write::{importance, sensitivity};
use super::{Detail, Draft, Item, ItemId, PathOf, Property, Writing, of_other_kind, read_body, read_extended};
use crate::error::{ReadError, Unreadable, WriteError};
use crate::path::{ExtendedField, Path};
use crate::recurrence::{self, Recurrence};
use crate::soap::Gaps;
use crate::value::{self, When};
use crate::version::ServerVersion;
use crate::words;
use crate::xml::{Element, Scanner};

/// A task as the server has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Its id and version.
    pub id: ItemId,
    /// The subject, or empty.
    pub subject: String,
    /// The body; absent when it was not read.
    pub body: Option<TextBody>,
    /// How far it is.
    pub status: TaskStatus,
    /// 0 to 100.
    pub percent: u8,
    /// The day on which it begins.
    pub start: Option<Date>,
    /// The day on which it is due.
    pub due: Option<Date>,
    /// The day on which it was completed.
    pub completed: Option<Date>,
    /// When the owner is reminded.
    pub reminder: Option<Instant>,
    /// How important it is.
    pub importance: Importance,
    /// Who may see it.
    pub sensitivity: Sensitivity,
    /// Names of categories.
    pub categories: Vec<String>,
    /// The series, where it repeats.
    pub recurrence: Option<Recurrence>,
    /// The tag given at creation.
    pub tag: Option<String>,
    /// The operation that made it.
    pub operation: Option<String>,
    /// When it was last changed.
    pub modified: Option<Instant>,
}

/// How far a task is. EWS has no *cancelled*.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskStatus {
    /// Not begun.
    NotStarted,
    /// Begun.
    InProgress,
    /// Done.
    Completed,
    /// Waiting for somebody.
    WaitingOnOthers,
    /// Put off.
    Deferred,
}

impl TaskStatus {
    const ALL: [(Self, &'static str); 5] = [
        (Self::NotStarted, "NotStarted"),
        (Self::InProgress, "InProgress"),
        (Self::Completed, "Completed"),
        (Self::WaitingOnOthers, "WaitingOnOthers"),
        (Self::Deferred, "Deferred"),
    ];

    fn of(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| name.eq_ignore_ascii_case(word.trim())).map(|(status, _)| *status)
    }

    fn word(self) -> &'static str {
        Self::ALL.iter().find(|(status, _)| *status == self).map_or("NotStarted", |(_, name)| name)
    }
}

const LISTED: [&str; 14] = [
    "item:Subject",
    "item:Sensitivity",
    "item:Categories",
    "item:Importance",
    "item:ReminderDueBy",
    "item:ReminderIsSet",
    "item:LastModifiedTime",
    "task:CompleteDate",
    "task:DueDate",
    "task:PercentComplete",
    "task:StartDate",
    "task:Status",
    "task:IsComplete",
    "task:IsRecurring",
];

impl Item for Task {
    fn paths(detail: Detail, version: ServerVersion) -> Vec<PathOf> {
        let mut fields: Vec<&'static str> = LISTED.to_vec();
        if version < ServerVersion::Exchange2007Sp1 {
            fields.retain(|uri| *uri != "item:LastModifiedTime");
        }
        if detail != Detail::Listed {
            fields.push("task:Recurrence");
        }
        if detail == Detail::WithBody {
            fields.push("item:Body");
        }
        let extended = [ExtendedField::Tag, ExtendedField::Operation].map(Path::Extended);
        fields.into_iter().map(Path::Field).chain(extended).map(PathOf).collect()
    }

    fn read(xml: &mut Scanner<'_>, element: &Element<'_>) -> Result<Result<Self, Unreadable>, ReadError> {
        if element.name() != "Task" {
            return of_other_kind(xml, element, "a task").map(Err);
        }
        let mut task = Self {
            id: ItemId::default(),
            subject: String::new(),
            body: None,
            status: TaskStatus::NotStarted,
            percent: 0,
            start: None,
            due: None,
            completed: None,
            reminder: None,
            importance: Importance::Normal,
            sensitivity: Sensitivity::Normal,
            categories: Vec::new(),
            recurrence: None,
            tag: None,
            operation: None,
            modified: None,
        };
        let mut problem = None;
        let mut reminded = false;
        xml.children(|xml, field| {
            match field.name() {
                "ItemId" => task.id = ItemId::read(field),
                "Subject" => task.subject = xml.text()?.into_owned(),
                "Body" => task.body = Some(read_body(xml, field)?),
                "Sensitivity" => task.sensitivity = words::sensitivity(xml.text()?.trim()),
                "Importance" => task.importance = words::importance(xml.text()?.trim()),
                "Categories" => task.categories = xml.texts("String")?,
                "ReminderIsSet" => reminded = value::boolean(&xml.text()?).unwrap_or_default(),
                "ReminderDueBy" => task.reminder = instant(&xml.text()?),
                "LastModifiedTime" => task.modified = instant(&xml.text()?),
                "StartDate" => task.start = day(&xml.text()?),
                "DueDate" => task.due = day(&xml.text()?),
                "CompleteDate" => task.completed = day(&xml.text()?),
                "PercentComplete" => task.percent = percent(&xml.text()?),
                "Status" => match TaskStatus::of(&xml.text()?) {
                    Some(status) => task.status = status,
                    None => problem = Some("a task of unknown status".to_owned()),
                },
                "Recurrence" => match recurrence::read(xml)? {
                    Ok(series) => task.recurrence = Some(series),
                    Err(reason) => problem = Some(reason),
                },
                "ExtendedProperty" => read_extended(xml, |field, value| match field {
                    ExtendedField::Tag => task.tag = Some(value),
                    ExtendedField::Operation => task.operation = Some(value),
                    _ => {}
                })?,
                _ => {}
            }
            Ok(())
        })?;
        task.reminder = task.reminder.filter(|_| reminded);
        if task.id.id.is_empty() {
            problem = Some("a task without an id".to_owned());
        }
        Ok(match problem {
            None => Ok(task),
            Some(reason) => Err(Unreadable { id: task.id.id, reason }),
        })
    }
}

fn instant(text: &str) -> Option<Instant> {
    value::date_time(text).and_then(When::utc)
}

fn day(text: &str) -> Option<Date> {
    match value::date_time(text) {
        Some(When::At(instant)) => time::nearest_utc_date(instant),
        Some(When::Wall(wall)) => Some(wall.date().to_string()),
        None => value::date(text).map(|date| date.to_string()),
    }
}

/// The schema has a floating-point number from 0 to 100.
fn percent(text: &str) -> u8 {
    let whole = text.trim().split(['.', ',']).next().unwrap_or_default();
    whole.parse::<u8>().unwrap_or_default().min(100)
}

/// A field of a task with a new value.
#[derive(Debug, Clone, PartialEq)]
pub enum TaskField {
    /// The subject.
    Subject(String),
    /// The body; none clears it.
    Body(Option<TextBody>),
    /// How far it is.
    Status(TaskStatus),
    /// 0 to 100. Exchange sets the status by it and the other way round: give one of them.
    Percent(u8),
    /// The day on which it begins; none clears it.
    Start(Option<Date>),
    /// The day on which it is due; none clears it.
    Due(Option<Date>),
    /// When the owner is reminded; none removes it.
    Reminder(Option<Instant>),
    /// How important it is.
    Importance(Importance),
    /// Who may see it.
    Sensitivity(Sensitivity),
    /// All categories it shall have.
    Categories(Vec<String>),
    /// The series; none ends it.
    Recurrence(Option<Recurrence>),
    /// The tag to find it by.
    Tag(String),
    /// The operation that makes it (SEMANTICS S-14).
    Operation(String),
}

impl Draft for Task {
    type Field = TaskField;
    const ELEMENT: &'static str = "t:Task";
    const INVITES: bool = false;

    fn properties(fields: &[TaskField], _: Writing, gaps: &mut Gaps) -> Result<Vec<Property>, WriteError> {
        let mut out = Vec::new();
        for field in fields {
            match field {
                TaskField::Subject(text) => out.push(Property::text(10, "item:Subject", "t:Subject", text)),
                TaskField::Sensitivity(value) => out.push(sensitivity(11, *value)),
                TaskField::Body(body) => out.push(Property::body(12, body.as_ref())),
                TaskField::Categories(list) => out.push(Property::categories(13, list)),
                TaskField::Importance(value) => out.push(importance(14, *value)),
                TaskField::Reminder(at) => {
                    if let Some(at) = at {
                        let text = value::utc_text(*at).ok_or(WriteError::invalid("reminder", "a time out of range"))?;
                        out.push(Property::text(15, "item:ReminderDueBy", "t:ReminderDueBy", &text));
                    }
                    let is_set = if at.is_some() { "true" } else { "false" };
                    out.push(Property::text(16, "item:ReminderIsSet", "t:ReminderIsSet", is_set));
                }
                TaskField::Tag(tag) => out.push(Property::extended(20, ExtendedField::Tag, tag)),
                TaskField::Operation(id) => out.push(Property::extended(20, ExtendedField::Operation, id)),
                TaskField::Due(day) => out.push(date(30, "task:DueDate", "t:DueDate", day.as_ref())?),
                TaskField::Percent(percent) => {
                    let percent = Some(*percent).filter(|p| *p <= 100).ok_or(WriteError::invalid("percent", "it is 0 to 100"))?;
                    out.push(Property::text(31, "task:PercentComplete", "t:PercentComplete", &percent.to_string()));
                }
                TaskField::Recurrence(None) => out.push(Property::removed(32, Path::Field("task:Recurrence"))),
                TaskField::Recurrence(Some(series)) => {
                    let rules = recurrence::Rules { regenerating: true, week_start: gaps.version >= ServerVersion::Exchange2010Sp1 };
                    out.push(Property::set(32, Path::Field("task:Recurrence"), |xml| recurrence::write(xml, series, rules))?);
                }
                TaskField::Start(day) => out.push(date(33, "task:StartDate", "t:StartDate", day.as_ref())?),
                TaskField::Status(status) => out.push(Property::text(34, "task:Status", "t:Status", status.word())),
            }
        }
        Ok(out)
    }
}

fn date(order: u16, uri: &'static str, element: &str, day: Option<&Date>) -> Result<Property, WriteError> {
    let Some(day) = day else { return Ok(Property::removed(order, Path::Field(uri))) };
    let date: jiff::civil::Date = day.parse().map_err(|_| WriteError::invalid("task date", "a day that is no date"))?;
    Ok(Property::text(order, uri, element, &format!("{date}T00:00:00Z")))
}
