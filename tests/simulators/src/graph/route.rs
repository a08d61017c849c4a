//! Which operation a path means, and which application permission it needs.

use super::http::{Call, Refusal};
use super::ids::calendar_id;
use super::state::Mailbox;

/// A calendar as a path names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CalendarRef {
    Primary,
    Id(String),
}

impl CalendarRef {
    /// The calendar's number in its mailbox.
    ///
    /// # Errors
    /// 404 for an id the mailbox does not have.
    pub fn number(&self, index: u32, mailbox: &Mailbox) -> Result<u32, Refusal> {
        match self {
            Self::Primary => Ok(0),
            Self::Id(id) => {
                let there = (0_u32..).zip(&mailbox.calendars).filter(|(_, c)| !c.gone).map(|(n, _)| n);
                let mut there = there.filter(|n| calendar_id(index, *n) == *id);
                there.next().ok_or_else(Refusal::item_not_found)
            }
        }
    }
}

/// What a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Token,
    Organization,
    Users,
    User,
    Settings(Option<String>),
    Calendars,
    Calendar(CalendarRef),
    Events(CalendarRef),
    Event(String),
    Instances(String),
    View(CalendarRef),
    Delta(CalendarRef),
    Categories,
    SendMail,
    Schedule,
    Subscriptions,
    Subscription(String),
    Reauthorize(String),
    Batch,
    Unknown,
}

/// A path understood.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub target: Target,
    /// The user segment, if there is one.
    pub user: Option<String>,
}

impl Route {
    /// Reads the path of a call.
    pub fn read(call: &Call) -> Self {
        let lower: Vec<String> = call.path.iter().map(|s| s.to_ascii_lowercase()).collect();
        let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
        let text = |at: usize| call.path.get(at).cloned().unwrap_or_default();
        let alone = |target| Self { target, user: None };
        let rest = match lower.as_slice() {
            [_, "oauth2", "v2.0", "token"] => return alone(Target::Token),
            ["v1.0", rest @ ..] => rest,
            _ => return alone(Target::Unknown),
        };
        let target = match rest {
            ["organization"] => Target::Organization,
            ["users"] => Target::Users,
            ["subscriptions"] => Target::Subscriptions,
            ["subscriptions", _] => Target::Subscription(text(2)),
            ["subscriptions", _, "reauthorize"] => Target::Reauthorize(text(2)),
            ["$batch"] => Target::Batch,
            ["users", _, below @ ..] => return Self { target: Self::below(below, &text), user: Some(text(2)) },
            _ => Target::Unknown,
        };
        alone(target)
    }

    fn below(path: &[&str], text: &dyn Fn(usize) -> String) -> Target {
        // Segment 3 of the whole path is the first below the user.
        match path {
            [] => Target::User,
            ["mailboxsettings"] => Target::Settings(None),
            ["mailboxsettings", _] => Target::Settings(Some(text(4))),
            ["outlook", "mastercategories"] => Target::Categories,
            ["sendmail"] => Target::SendMail,
            ["calendar", "getschedule"] => Target::Schedule,
            ["calendars"] => Target::Calendars,
            ["calendar"] => Target::Calendar(CalendarRef::Primary),
            ["calendars", _] => Target::Calendar(CalendarRef::Id(text(4))),
            ["calendar", inner @ ..] => Self::inside(inner, CalendarRef::Primary, 4, text),
            ["calendars", _, inner @ ..] => Self::inside(inner, CalendarRef::Id(text(4)), 5, text),
            inner => Self::inside(inner, CalendarRef::Primary, 3, text),
        }
    }

    fn inside(path: &[&str], calendar: CalendarRef, at: usize, text: &dyn Fn(usize) -> String) -> Target {
        match path {
            ["events"] => Target::Events(calendar),
            ["events", _] => Target::Event(text(at + 1)),
            ["events", _, "instances"] => Target::Instances(text(at + 1)),
            ["calendarview"] => Target::View(calendar),
            ["calendarview", "delta"] => Target::Delta(calendar),
            _ => Target::Unknown,
        }
    }

    /// The operation's name in counters, such as `calendarView.delta`.
    pub fn operation(&self, method: &str) -> String {
        let (thing, verb) = match &self.target {
            Target::Token => ("oauth", Some("token")),
            Target::Organization => ("organization", None),
            Target::Users => ("users", Some("list")),
            Target::User => ("users", None),
            Target::Settings(_) => ("mailboxSettings", None),
            Target::Calendars => ("calendars", Some("list")),
            Target::Calendar(_) => ("calendars", None),
            Target::Events(_) if method == "GET" => ("events", Some("list")),
            Target::Events(_) | Target::Event(_) => ("events", None),
            Target::Instances(_) => ("events", Some("instances")),
            Target::View(_) => ("calendarView", Some("list")),
            Target::Delta(_) => ("calendarView", Some("delta")),
            Target::Categories => ("masterCategories", None),
            Target::SendMail => ("mail", Some("send")),
            Target::Schedule => ("calendar", Some("getSchedule")),
            Target::Subscriptions if method == "GET" => ("subscriptions", Some("list")),
            Target::Subscriptions | Target::Subscription(_) => ("subscriptions", None),
            Target::Reauthorize(_) => ("subscriptions", Some("reauthorize")),
            Target::Batch => ("batch", Some("post")),
            Target::Unknown => ("unknown", None),
        };
        let by_method = match method {
            "GET" => "get",
            "POST" => "create",
            "PATCH" => "update",
            "DELETE" => "delete",
            _ => "other",
        };
        format!("{thing}.{}", verb.unwrap_or(by_method))
    }

    /// Methods the resource takes.
    pub fn allows(&self, method: &str) -> bool {
        let methods: &[&str] = match &self.target {
            Target::Event(_) | Target::Subscription(_) => &["GET", "PATCH", "DELETE"],
            Target::Events(_) | Target::Subscriptions | Target::Categories => &["GET", "POST"],
            Target::Settings(None) => &["GET", "PATCH"],
            Target::Token | Target::SendMail | Target::Schedule | Target::Reauthorize(_) | Target::Batch => &["POST"],
            _ => &["GET"],
        };
        methods.contains(&method)
    }

    /// Whether the operation belongs to a mailbox and counts for its throttling.
    pub fn on_mailbox(&self) -> bool {
        self.user.is_some() && self.target != Target::User
    }

    /// Application permissions of which one must be granted; empty: none needed.
    pub fn permissions(&self, method: &str) -> &'static [&'static str] {
        let writes = method != "GET";
        match &self.target {
            Target::Organization => {
                &["Organization.Read.All", "Organization.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"]
            }
            Target::Users | Target::User => {
                &["User.Read.All", "User.ReadWrite.All", "User.ReadBasic.All", "Directory.Read.All", "Directory.ReadWrite.All"]
            }
            Target::Settings(_) | Target::Categories if writes => &["MailboxSettings.ReadWrite"],
            Target::Settings(_) | Target::Categories => &["MailboxSettings.Read", "MailboxSettings.ReadWrite"],
            Target::Events(_) | Target::Event(_) if writes => &["Calendars.ReadWrite"],
            Target::Calendars
            | Target::Calendar(_)
            | Target::Events(_)
            | Target::Event(_)
            | Target::Instances(_)
            | Target::View(_)
            | Target::Delta(_) => &["Calendars.Read", "Calendars.ReadWrite", "Calendars.ReadBasic.All"],
            Target::Schedule => &["Calendars.Read", "Calendars.ReadWrite", "Calendars.ReadBasic.All"],
            Target::SendMail => &["Mail.Send"],
            Target::Subscriptions if writes => &["Calendars.Read", "Calendars.ReadWrite"],
            _ => &[],
        }
    }
}
