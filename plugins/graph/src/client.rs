//! Requests to Graph: URLs, preferences, answers, pages.

use calport_sdk::common::{Error, ErrorKind, ErrorScope};
use calport_sdk::http::{Http, Response, ResponseExt};
use calport_sdk::paging;
use calport_sdk::request::{self, Builder};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::failure::{self, Purpose};
use crate::settings::Settings;

/// Ids that stay the same when an item is moved inside its mailbox. Asked for on each request, as Graph wants it.
pub const IMMUTABLE_IDS: &str = "IdType=\"ImmutableId\"";

/// Times in UTC and bodies, where they come, as plain text.
pub const UTC_AND_TEXT: &str = "outlook.timezone=\"UTC\", outlook.body-content-type=\"text\"";

/// More pages than this of one list are taken for a server that never ends.
const MAX_PAGES: usize = 10_000;

/// One connection to Graph.
pub struct Client {
    /// How requests are sent.
    pub http: Box<dyn Http>,
    /// The base URL without a slash at its end, such as `https://graph.microsoft.com/v1.0`.
    pub base: String,
    /// The connection's settings.
    pub settings: Settings,
}

/// A page of a collection.
#[derive(Debug, Deserialize)]
pub struct Collection<T> {
    /// The items.
    #[serde(default = "Vec::new")]
    pub value: Vec<T>,
    /// The next page.
    #[serde(rename = "@odata.nextLink")]
    pub next: Option<String>,
}

/// The path of a mailbox: `/users/{id}`.
pub fn user_path(mailbox: &str) -> String {
    format!("/users/{}", request::segment(mailbox))
}

/// The path of a calendar of a mailbox, or of what stands for its default calendar.
pub fn calendar_path(mailbox: &str, calendar: Option<&str>) -> String {
    match calendar {
        Some(id) => format!("{}/calendars/{}", user_path(mailbox), request::segment(id)),
        None => user_path(mailbox),
    }
}

/// The path of an event.
pub fn event_path(mailbox: &str, id: &str) -> String {
    format!("{}/events/{}", user_path(mailbox), request::segment(id))
}

impl Client {
    /// A path with the base URL in front.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Sends a request; an answer that is not 2xx becomes an error.
    ///
    /// # Errors
    /// Those of [`failure::from_response`], and those of a request without an answer.
    pub fn send(&self, builder: Builder, purpose: &Purpose<'_>) -> Result<Response, Error> {
        let response = self.send_any(builder, purpose)?;
        if response.is_success() { Ok(response) } else { Err(failure::from_response(&response, purpose)) }
    }

    /// Sends a write. An answer that leaves open whether it took effect, such as 500 or 504, is `outcome-unknown`
    /// (SEMANTICS S-15, B-40).
    ///
    /// # Errors
    /// Those of [`Client::send`].
    pub fn write(&self, builder: Builder, purpose: &Purpose<'_>) -> Result<Response, Error> {
        let response = self.send_any(builder, purpose)?;
        if response.is_success() {
            return Ok(response);
        }
        let error = failure::from_response(&response, purpose);
        // An answer came, so the request did: `unavailable` would say that it did not.
        Err(if error.kind == ErrorKind::Unavailable { Error { kind: ErrorKind::OutcomeUnknown, ..error } } else { error })
    }

    /// Sends a request; an answer of any status is `Ok`.
    ///
    /// # Errors
    /// Those of a request without an answer. A wait that the host imposes reaches only the mailbox asked.
    pub fn send_any(&self, builder: Builder, purpose: &Purpose<'_>) -> Result<Response, Error> {
        let builder = builder.header("accept", "application/json");
        let builder = match purpose.mailbox {
            Some(mailbox) => builder.scope(mailbox),
            None => builder,
        };
        builder.send(&*self.http).map_err(|mut error| {
            if purpose.mailbox.is_some() && matches!(error.kind, ErrorKind::Throttled(_)) {
                error.scope = ErrorScope::Mailbox;
            }
            error.message = format!("{}: {}", purpose.doing, error.message);
            error
        })
    }

    /// Reads all pages of a collection; `first` makes the first request, links make the others.
    ///
    /// # Errors
    /// Those of [`Client::send`], and `protocol` for answers that are no collection of `T`.
    pub fn collect<T: DeserializeOwned>(
        &self,
        first: impl Fn(&str) -> Builder,
        path: &str,
        purpose: &Purpose<'_>,
        prefer: &str,
    ) -> Result<Vec<T>, Error> {
        paging::all_pages(MAX_PAGES, |link| {
            let builder = match link {
                Some(link) => request::get(link),
                None => first(&self.url(path)),
            };
            let response = self.send(builder.header("prefer", prefer), purpose)?;
            let page: Collection<T> = response.json("a collection")?;
            Ok((page.value, page.next))
        })
    }
}
