//! Actions of the manager interface over HTTP, and what their refusals mean.
//!
//! Asterisk ties a manager session to the Digest nonce, so every request names one of two sessions of the host:
//! `commands` for everything that asks and sets, `events` for `WaitEvent` alone. Parameters travel in the body of a
//! POST: a presence text must not stand in a URL, which is logged on the way.

use std::collections::BTreeMap;

use calport_sdk::common::{Error, ErrorKind};
use calport_sdk::error::{self, ErrorExt};
use calport_sdk::http::{Http, ResponseExt};
use calport_sdk::request;

use crate::ami::{Block, blocks, safe_name, unescape};
use crate::settings::{Settings, State};
use crate::users::Users;
use crate::value::Parts;

/// The session of everything but waiting.
const COMMANDS: &str = "commands";
/// The session whose events are waited for.
pub const EVENTS: &str = "events";

/// What the instance was opened with.
pub struct Connection {
    /// The way to the host.
    pub http: Box<dyn Http>,
    /// Seconds since 1970.
    pub clock: fn() -> u64,
    /// Pauses for a second.
    pub pause: fn(),
    /// Base of the manager, with the prefix, without a slash at its end.
    pub ami: String,
    /// Base of the REST interface, where configured, without a slash at its end.
    pub ari: Option<String>,
    /// The settings.
    pub settings: Settings,
}

/// How Asterisk answered an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// `Response: Success`, with all blocks.
    Done(Vec<Block>),
    /// `Response: Error`, with its message.
    Refused(String),
}

impl Connection {
    /// Sends an action in a session.
    ///
    /// # Errors
    /// When there is no answer, or none of the manager's.
    pub fn act(&self, session: &str, action: &str, params: &[(&str, &str)], timeout_ms: Option<u32>) -> Result<Outcome, Error> {
        let (what, fields) = (format!("{action} at the manager interface"), [("action", action)].into_iter().chain(params.iter().copied()));
        let mut request = request::post(format!("{}/arawman", self.ami)).form(fields).session(session).safe_to_repeat(session == COMMANDS);
        if let Some(timeout) = timeout_ms {
            request = request.timeout_ms(timeout);
        }
        let answer = request.send(&*self.http)?;
        if answer.status == 404 {
            let message = format!(
                "{what}: there is no /arawman at this URL; set `enabled = yes` in http.conf, `webenabled = yes` in manager.conf, and the setting `prefix` as in http.conf"
            );
            return Err(error::connection(ErrorKind::Unavailable, message));
        }
        let answer = answer.success(&what)?;
        let expected = "blocks of text that begin with `Response:`";
        if answer.is_html() {
            return Err(error::protocol(expected, format!("HTTP {} with an HTML page", answer.status)).while_doing(&what));
        }
        let blocks = blocks(&answer.body).map_err(|e| e.while_doing(&what))?;
        let head = blocks.first().cloned().unwrap_or_default();
        match head.get("Response") {
            "Success" => Ok(Outcome::Done(blocks)),
            "Error" => Ok(Outcome::Refused(head.get("Message").to_owned())),
            "" if blocks.is_empty() => Err(error::protocol(expected, "nothing").while_doing(&what)),
            _ => Err(error::protocol(expected, "something else").while_doing(&what)),
        }
    }

    /// Sends an action of which a refusal is an error.
    ///
    /// # Errors
    /// Those of [`Connection::act`]; `forbidden` naming the classes; `refused`.
    pub fn must(&self, action: &str, params: &[(&str, &str)]) -> Result<Vec<Block>, Error> {
        match self.act(COMMANDS, action, params, None)? {
            Outcome::Done(blocks) => Ok(blocks),
            Outcome::Refused(message) => Err(refusal(action, &message)),
        }
    }

    /// As [`Connection::must`], for a refusal that is information.
    ///
    /// # Errors
    /// Those of [`Connection::act`].
    pub fn ask(&self, action: &str, params: &[(&str, &str)]) -> Result<Outcome, Error> {
        self.act(COMMANDS, action, params, None)
    }

    /// The users of all hints. No hint at all is no error: the list is empty.
    ///
    /// # Errors
    /// Those of [`Connection::must`].
    pub fn users(&self) -> Result<Users, Error> {
        match self.ask("ExtensionStateList", &[])? {
            Outcome::Done(blocks) => Ok(Users::of(&blocks, &self.settings)),
            Outcome::Refused(message) if message.contains("No dialplan hints") => Ok(Users::default()),
            Outcome::Refused(message) => Err(refusal("ExtensionStateList", &message)),
        }
    }

    /// The live presence of every presentity that ever had one, by user.
    ///
    /// # Errors
    /// Those of [`Connection::must`].
    pub fn presences(&self) -> Result<BTreeMap<String, Parts>, Error> {
        let prefix = self.presentity("");
        let blocks = self.must("PresenceStateList", &[])?;
        let read = blocks.iter().filter(|b| b.is_event("PresenceStateChange")).filter_map(|b| {
            let user = b.get("Presentity").strip_prefix(&prefix)?;
            let state = State::parse(b.get("Status"))?;
            Some((user.to_owned(), Parts { state, subtype: unescape(b.get("Subtype")), message: unescape(b.get("Message")) }))
        });
        Ok(read.collect())
    }

    /// The live presence of one user. `None`: the answer does not tell for certain, and only the list does. A text with a line
    /// break comes as it is here and can look like lines of its own; the list escapes it.
    ///
    /// # Errors
    /// Those of [`Connection::must`].
    pub fn presence(&self, user: &str) -> Result<Option<Parts>, Error> {
        let blocks = match self.ask("PresenceState", &[("provider", &self.presentity(user))])? {
            Outcome::Done(blocks) => blocks,
            Outcome::Refused(message) if is_denied(&message) => return Err(refusal("PresenceState", &message)),
            Outcome::Refused(_) => return Ok(None),
        };
        let [block] = blocks.as_slice() else { return Ok(None) };
        let mut names = vec!["Response", "Message", "State"];
        if !block.get("Subtype").is_empty() {
            names.push("Subtype");
        }
        if !block.get("PresenceMessage").is_empty() {
            names.extend(["Message", "PresenceMessage"]);
        }
        let state = State::parse(block.get("State")).filter(|_| block.has_exactly(&names));
        let (subtype, message) = (block.get("Subtype").to_owned(), block.get("PresenceMessage").to_owned());
        Ok(state.map(|state| Parts { state, subtype, message }))
    }

    /// Writes a presence. `user` comes from a hint.
    ///
    /// # Errors
    /// Those of [`Connection::must`]; `refused` when Asterisk does not take the value.
    pub fn write(&self, user: &str, parts: &Parts) -> Result<(), Error> {
        let variable = format!("PRESENCE_STATE({})", self.presentity(user));
        self.set_variable(&variable, &parts.argument())
    }

    /// Writes to a function of the dialplan.
    ///
    /// # Errors
    /// Those of [`Connection::must`].
    pub fn set_variable(&self, variable: &str, value: &str) -> Result<(), Error> {
        self.must("Setvar", &[("variable", variable), ("value", value)]).map(|_| ())
    }

    /// The presentity of a user.
    pub fn presentity(&self, user: &str) -> String {
        format!("{}:{user}", self.settings.technology)
    }

    /// The entries of a family of the database, by key. Keys that are no user's name are left out.
    ///
    /// # Errors
    /// Those of [`Connection::must`].
    pub fn database(&self, family: &str) -> Result<BTreeMap<String, String>, Error> {
        let prefix = format!("/{family}/");
        let blocks = self.must("DBGetTree", &[("family", family)])?;
        let read = blocks.iter().filter(|b| b.is_event("DBGetTreeResponse")).filter_map(|b| {
            let key = b.get("Key").strip_prefix(&prefix).filter(|k| safe_name(k))?;
            Some((key.to_owned(), b.get("Val").to_owned()))
        });
        Ok(read.collect())
    }

    /// One entry of the database; `None` where there is none.
    ///
    /// # Errors
    /// Those of [`Connection::must`].
    pub fn entry(&self, family: &str, key: &str) -> Result<Option<String>, Error> {
        match self.ask("DBGet", &[("family", family), ("key", key)])? {
            Outcome::Done(blocks) => Ok(blocks.iter().find(|b| b.is_event("DBGetResponse")).map(|b| b.get("Val").to_owned())),
            Outcome::Refused(message) if message.contains("not found") => Ok(None),
            Outcome::Refused(message) => Err(refusal("DBGet", &message)),
        }
    }

    /// Writes an entry of the database.
    ///
    /// # Errors
    /// Those of [`Connection::must`]; `invalid` for a value with control characters.
    pub fn put(&self, family: &str, key: &str, value: &str) -> Result<(), Error> {
        if value.chars().any(char::is_control) {
            return Err(error::invalid(family, "the name holds control characters"));
        }
        self.must("DBPut", &[("family", family), ("key", key), ("val", value)]).map(|_| ())
    }

    /// Removes an entry of the database; one that is not there is gone already.
    ///
    /// # Errors
    /// Those of [`Connection::must`].
    pub fn delete(&self, family: &str, key: &str) -> Result<(), Error> {
        match self.ask("DBDel", &[("family", family), ("key", key)])? {
            Outcome::Refused(message) if is_denied(&message) => Err(refusal("DBDel", &message)),
            _ => Ok(()),
        }
    }
}

/// Whether a refusal means a missing class.
pub fn is_denied(message: &str) -> bool {
    message.contains("Permission denied") || message.contains("Access Forbidden")
}

/// Whether a refusal means that Asterisk does not know the action: its module is not loaded.
pub fn is_unknown(message: &str) -> bool {
    message.contains("Invalid/unknown command")
}

/// The classes of `write =` in `manager.conf` of which an action needs one.
pub fn classes(action: &str) -> &'static str {
    match action {
        "Setvar" => "call",
        "DBPut" | "DBDel" => "system",
        "DBGet" | "DBGetTree" | "CoreSettings" | "CoreStatus" => "reporting or system",
        _ => "call or reporting",
    }
}

/// The error of a refused action. The message of Asterisk is a fixed text and holds nothing private.
pub fn refusal(action: &str, message: &str) -> Error {
    if is_denied(message) {
        let message = format!("{action}: Asterisk denied it; the account in manager.conf needs the class {} in `write =`", classes(action));
        return error::connection(ErrorKind::Forbidden, message);
    }
    if is_unknown(message) {
        return error::connection(ErrorKind::Unsupported, format!("{action}: Asterisk does not know this action; is its module loaded?"));
    }
    let known = message.chars().filter(|c| !c.is_control()).take(120).collect::<String>();
    error::mailbox(ErrorKind::Refused(known.clone()), format!("{action}: Asterisk refused it: {known}"))
}
