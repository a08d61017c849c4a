//! Requests to EWS: envelope, impersonation, version, answer.

use std::cell::Cell;

use calport_ews_protocol::autodiscover::Options;
use calport_ews_protocol::folder::{Folder, KnownFolder};
use calport_ews_protocol::operation::GetFolder;
use calport_ews_protocol::{Answer, Call, Failure, FailureKind, Impersonation, Operation, ReadError, ServerVersion, answer};
use calport_sdk::common::{Error, ErrorKind, ErrorScope};
use calport_sdk::error::{self, ErrorExt};
use calport_sdk::http::{Http, HttpError, Response};
use calport_sdk::{debug, info, request, warn};

use crate::failure::{self, Purpose};
use crate::flavour::{Access, Manner, Opening};
use crate::settings::Settings;

/// Statuses with which SOAP comes: faults are sent with 500.
const SOAP_STATUSES: [u16; 2] = [200, 500];

/// One connection to EWS.
pub struct Client {
    /// How requests are sent.
    pub http: Box<dyn Http>,
    /// The URL, such as `https://outlook.office365.com/EWS/Exchange.asmx`.
    pub url: String,
    /// The connection's settings.
    pub settings: Settings,
    /// How it behaves.
    pub manner: Manner,
    /// What is known before the server is searched for.
    pub search: Options,
    /// The version that is spoken: the one of the settings, or the newest that both sides are known to know.
    version: Cell<ServerVersion>,
    /// Whether series are expanded here, because the server was seen not to do it.
    expands_here: Cell<bool>,
}

/// Why an operation has no answer.
pub enum Refusal {
    /// An answer came that cannot be read; one with less in it might be.
    Unreadable(Error),
    /// Anything else.
    Other(Error),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unreadable(error) | Refusal::Other(error) => error,
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

/// What came, before it is judged.
enum Outcome<R> {
    Answered(Answer<R>),
    Refused(Failure),
    Unreadable(ReadError),
    Status(Response),
}

impl Client {
    /// A connection that has sent nothing yet.
    pub fn opened(http: Box<dyn Http>, opening: Opening) -> Self {
        let Opening { url, settings, manner, search } = opening;
        let version = settings.version.map_or(ServerVersion::LATEST, crate::settings::Version::server);
        let expands_here = Cell::new(settings.expand_series);
        Self { http, url, settings, manner, search, version: Cell::new(version), expands_here }
    }

    /// A connection of the usual manner.
    #[cfg(test)]
    pub fn new(http: Box<dyn Http>, url: String, settings: Settings) -> Self {
        Self::opened(http, Opening { url, settings, manner: Manner::default(), search: Options::default() })
    }

    /// The version that is spoken now.
    pub fn version(&self) -> ServerVersion {
        self.version.get()
    }

    /// Whether series are expanded here.
    pub fn expands_here(&self) -> bool {
        self.expands_here.get()
    }

    /// Notes that the server gave the master of a series where its occurrences were asked for.
    pub fn saw_a_master(&self) {
        if !self.expands_here.replace(true) {
            warn!(
                "the server does not expand series in a window; they are expanded here. Set `expand_series = true`, so that series are found \
                 also where they all began before the window"
            );
        }
    }

    /// A read in a mailbox.
    pub fn reading<'a>(&'a self, doing: &'a str, mailbox: &'a str) -> Purpose<'a> {
        let account = self.settings.account.as_deref();
        Purpose { doing, mailbox, account, version: self.version(), manner: &self.manner, by_any_address: false, writes: false }
    }

    /// A write in a mailbox.
    pub fn writing<'a>(&'a self, doing: &'a str, mailbox: &'a str) -> Purpose<'a> {
        Purpose { writes: true, ..self.reading(doing, mailbox) }
    }

    /// Whom a request about a mailbox acts as; absent where the account acts as itself.
    pub fn acting_as(&self, mailbox: &str) -> Option<Impersonation> {
        (self.manner.access == Access::Impersonation).then(|| Impersonation::PrimarySmtpAddress(mailbox.to_owned()))
    }

    /// The mailbox as a folder's owner; absent where the request acts in it.
    pub fn owner(&self, mailbox: &str) -> Option<String> {
        (self.manner.access == Access::Sharing).then(|| mailbox.to_owned())
    }

    /// The folder of a calendar: the default one without an id.
    pub fn calendar(&self, mailbox: &str, calendar: Option<&str>) -> Folder {
        let default = || Folder::Known { name: KnownFolder::Calendar, mailbox: self.owner(mailbox) };
        calendar.map_or_else(default, |id| Folder::Id(id.to_owned()))
    }

    /// Sends an operation in the mailbox and reads the answer; refusals of parts are in it.
    ///
    /// # Errors
    /// When nothing came, the answer cannot be used, or the server refused the request as a whole.
    pub fn call<O: Operation>(&self, operation: &O, purpose: &Purpose<'_>) -> Result<Answer<O::Reply>, Error> {
        self.ask(operation, purpose).map_err(Error::from)
    }

    /// As [`Client::call`], telling apart what a smaller request may help with.
    ///
    /// # Errors
    /// As there.
    pub fn ask<O: Operation>(&self, operation: &O, purpose: &Purpose<'_>) -> Result<Answer<O::Reply>, Refusal> {
        loop {
            match self.once(operation, purpose)? {
                Outcome::Answered(answer) => {
                    // A server may answer a version that it does not know, as the one that it does.
                    if let Some(build) = answer.server {
                        self.speak_at_most(build.speaks());
                    }
                    return Ok(answer);
                }
                Outcome::Refused(fault) if fault.kind() == FailureKind::VersionUnknown && self.step_down(&fault) => {}
                Outcome::Refused(fault) => return Err(failure::of_failure(&fault, purpose).into()),
                Outcome::Unreadable(error) => {
                    let reported = failure::of_read(&error, purpose);
                    return Err(if failure::is_of_content(&error) { Refusal::Unreadable(reported) } else { Refusal::Other(reported) });
                }
                Outcome::Status(response) if response.status == 403 => return Err(self.forbidden(&response, purpose).into()),
                Outcome::Status(response) => return Err(failure::of_status(&response, purpose).into()),
            }
        }
    }

    /// Sends an operation with one part.
    ///
    /// # Errors
    /// Those of [`Client::call`], and the refusal of the part.
    pub fn single<O: Operation>(&self, operation: &O, purpose: &Purpose<'_>) -> Result<O::Reply, Error> {
        self.call(operation, purpose)?.single().map_err(|failure| failure::of_failure(&failure, purpose))
    }

    fn once<O: Operation>(&self, operation: &O, purpose: &Purpose<'_>) -> Result<Outcome<O::Reply>, Refusal> {
        if purpose.mailbox.trim().is_empty() {
            return Err(error::invalid("mailbox", "its address is empty").into());
        }
        let impersonate = match self.acting_as(purpose.mailbox) {
            Some(_) if purpose.by_any_address => Some(Impersonation::SmtpAddress(purpose.mailbox.to_owned())),
            acting => acting,
        };
        let call = Call { impersonate, ..Call::new(self.version()) };
        let written = call.request(operation).map_err(|e| failure::of_write(&e, purpose))?;
        for missing in written.left_out {
            // What is not written is lost to whoever wanted it; what is not read, never was there.
            if purpose.writes {
                warn!("{}: the server's version lacks something, which is left out: {}", purpose.doing, missing; "version" => self.version());
            } else {
                debug!("the server's version lacks something: {}", missing; "version" => self.version());
            }
        }
        let mut builder = request::post(&self.url).safe_to_repeat(!purpose.writes);
        for (name, value) in call.headers::<O>(Some(purpose.mailbox)) {
            builder = if name == "content-type" { builder.body(&value, written.body.clone()) } else { builder.header(name, value) };
        }
        let response = self.http.send(&builder.build()).map_err(|error| {
            let too_large = matches!(error, HttpError::TooLarge(_));
            let error = error::from_http(error, purpose.doing);
            match (too_large, purpose.writes) {
                (false, _) => Refusal::Other(error),
                // One answer of one mailbox; the server did what it was asked for.
                (true, false) => Refusal::Unreadable(error.with_scope(ErrorScope::Mailbox)),
                (true, true) => Refusal::Other(Error { kind: ErrorKind::OutcomeUnknown, ..error.with_scope(ErrorScope::Mailbox) }),
            }
        })?;
        if !SOAP_STATUSES.contains(&response.status) {
            return Ok(Outcome::Status(response));
        }
        Ok(match answer::<O>(&response.body) {
            Ok(answer) => Outcome::Answered(answer),
            Err(ReadError::Fault(fault)) => Outcome::Refused(fault),
            Err(_) if response.status == 500 => Outcome::Status(response),
            Err(error) => Outcome::Unreadable(error),
        })
    }

    /// Never speaks a newer version than this again, unless the settings fix one.
    fn speak_at_most(&self, newest: ServerVersion) {
        if self.settings.version.is_none() && newest < self.version() {
            info!("the server speaks an older version of EWS than the latest"; "version" => newest);
            self.version.set(newest);
        }
    }

    /// Goes to the version that the refusing build speaks, or the next older one. `false` where the settings fix the version or
    /// there is none.
    fn step_down(&self, fault: &Failure) -> bool {
        let spoken = self.version();
        let told = fault.server.map(calport_ews_protocol::ServerBuild::speaks).filter(|version| *version < spoken);
        let older = told.or_else(|| ServerVersion::ALL.into_iter().rev().find(|version| *version < spoken));
        let Some(older) = older.filter(|_| self.settings.version.is_none()) else { return false };
        self.speak_at_most(older);
        true
    }

    /// A 403 without SOAP. It is about the organization where it says so, or where the test user is refused as well; else it
    /// is about one mailbox, of which the switch can be set by itself (SEMANTICS B-22).
    fn forbidden(&self, response: &Response, purpose: &Purpose<'_>) -> Error {
        if failure::names_the_organization(response) {
            return failure::switched_off(purpose, None);
        }
        let test_user = self.settings.test_user.as_str();
        let refused_too = || {
            let calendar = GetFolder { folders: vec![self.calendar(test_user, None)] };
            let asked = self.once(&calendar, &self.reading("reading the calendar of the test user", test_user));
            matches!(asked, Ok(Outcome::Status(response)) if response.status == 403)
        };
        if purpose.mailbox.eq_ignore_ascii_case(test_user) || refused_too() {
            return failure::switched_off(purpose, Some(test_user));
        }
        failure::mailbox_switched_off(response, purpose)
    }
}
