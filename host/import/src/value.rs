//! What a setting is set to: read from text, judged, never guessed.

use std::fmt;

use calport_model::zone::{Resolved, resolve};
use serde::Deserialize;
use url::Url;

use crate::name::plain;
use crate::preset::Setting;

/// Longest text; the configuration takes no longer client id.
const LONGEST_TEXT: usize = 512;
/// Longest name of a template: names are shown in a line of presence.
const LONGEST_NAME: usize = 100;
/// Most entries of a list.
const MOST_ENTRIES: usize = 1000;

/// What a setting is set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A text.
    Text,
    /// Words or phrases, separated by commas.
    List,
    /// Mail addresses, separated by commas.
    Mails,
    /// A mail address.
    Mail,
    /// A whole number.
    Number,
    /// On or off.
    Switch,
    /// One of some words.
    Choice,
    /// A time zone.
    Zone,
    /// The address of a web server.
    Url,
    /// The name of a template, with its state in brackets if needed.
    Template,
    /// A password or the like, which is never read.
    Secret,
    /// Something that is only looked at.
    View,
}

impl Kind {
    /// What is expected, for people.
    pub(crate) fn expected(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::List => "words, separated by commas",
            Self::Mails => "mail addresses, separated by commas",
            Self::Mail => "a mail address",
            Self::Number => "a whole number",
            Self::Switch => "on or off",
            Self::Choice => "one of its words",
            Self::Zone => "a time zone, such as Europe/Berlin",
            Self::Url => "the name or URL of a server",
            Self::Template => "a template's name, if needed with its state behind it: [available], [busy], [away] or [dnd]",
            Self::Secret => "nothing here; it is entered with `calport secret set`",
            Self::View => "nothing",
        }
    }
}

/// The value of a setting. Texts of a form do not print.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    List(Vec<String>),
    Number(i64),
    Switch(bool),
    /// The index of the choice.
    Choice(usize),
    /// A word that is no choice, where that is foreseen.
    Otherwise,
    /// A template, with its state if the form names one; `None`: it says that there is none.
    Template(Option<(String, Option<String>)>),
    /// There was one.
    Secret,
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[value]")
    }
}

impl Value {
    /// Its word, for conditions.
    pub fn word(&self, setting: &Setting) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Switch(on) => Some(if *on { "on" } else { "off" }.to_owned()),
            Self::Choice(index) => setting.choices.get(*index).map(|choice| choice.word.clone()),
            Self::List(_) | Self::Number(_) | Self::Otherwise | Self::Template(_) | Self::Secret => None,
        }
    }
}

/// Reads the text of a line; `Ok(None)` when it is empty.
///
/// # Errors
/// What was expected. The text itself is not repeated.
pub(crate) fn read(setting: &Setting, text: &str) -> Result<Option<Value>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    if setting.kind == Kind::Secret {
        return Ok(Some(Value::Secret));
    }
    let unquoted = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    if unquoted.chars().any(char::is_control) {
        return Err("expected one line without control characters".to_owned());
    }
    let value = match setting.kind {
        Kind::Text => text_of(setting, unquoted).map(Value::Text),
        Kind::List => list(unquoted).map(Value::List),
        Kind::Mails => mails(unquoted).map(Value::List),
        Kind::Mail => mail(unquoted).map(Value::Text),
        Kind::Number => number(setting, unquoted).map(Value::Number),
        Kind::Switch => switch(unquoted).map(Value::Switch),
        Kind::Choice => choice(setting, unquoted),
        Kind::Zone => zone(unquoted).map(Value::Text),
        Kind::Url => url(unquoted).map(Value::Text),
        Kind::Template => template(unquoted).map(Value::Template),
        Kind::Secret => Ok(Value::Secret),
        Kind::View => Err("this is shown by the product and cannot be set; remove the line".to_owned()),
    };
    value.map(Some)
}

fn text_of(setting: &Setting, text: &str) -> Result<String, String> {
    let fits = || regex::Regex::new(&setting.format).is_ok_and(|format| format.is_match(text));
    if text.chars().count() > LONGEST_TEXT {
        return Err(format!("expected at most {LONGEST_TEXT} characters"));
    }
    if !setting.format.is_empty() && !fits() {
        return Err(format!("expected {}", setting.expected));
    }
    Ok(text.to_owned())
}

fn list(text: &str) -> Result<Vec<String>, String> {
    let mut entries: Vec<String> = Vec::new();
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        if entry.chars().count() > LONGEST_NAME {
            return Err(format!("expected {}, each of at most {LONGEST_NAME} characters", Kind::List.expected()));
        }
        if entries.len() == MOST_ENTRIES {
            return Err(format!("expected at most {MOST_ENTRIES} words"));
        }
        if !entries.iter().any(|known| known == entry) {
            entries.push(entry.to_owned());
        }
    }
    Ok(entries)
}

fn mails(text: &str) -> Result<Vec<String>, String> {
    list(&text.replace(';', ","))?.iter().map(|entry| mail(entry)).collect()
}

fn mail(text: &str) -> Result<String, String> {
    let whole =
        |part: &str| !part.is_empty() && part.chars().all(|c| !c.is_whitespace() && !matches!(c, '@' | ',' | ';' | '<' | '>' | '"'));
    let valid = text.len() <= 254 && text.split_once('@').is_some_and(|(user, domain)| whole(user) && whole(domain) && is_host(domain));
    if valid { Ok(text.to_owned()) } else { Err("expected a mail address such as anna@example.com".to_owned()) }
}

fn is_host(name: &str) -> bool {
    let label = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '-') && !part.starts_with('-');
    name.split('.').all(label)
}

fn number(setting: &Setting, text: &str) -> Result<i64, String> {
    let (min, max) = (setting.min.unwrap_or(0), setting.max.unwrap_or(i64::from(u32::MAX)));
    let number = text.parse().ok().filter(|number| (min..=max).contains(number));
    number.ok_or_else(|| format!("expected a whole number from {min} to {max}"))
}

fn switch(text: &str) -> Result<bool, String> {
    match plain(text).as_str() {
        "on" | "yes" | "true" | "1" | "x" | "enabled" | "enable" | "active" | "activated" | "checked" | "set" | "visible" | "show"
        | "ja" => Ok(true),
        "off" | "no" | "false" | "0" | "disabled" | "disable" | "inactive" | "deactivated" | "unchecked" | "notset" | "hidden" | "hide"
        | "nein" | "nej" => Ok(false),
        _ => Err("expected on or off".to_owned()),
    }
}

fn choice(setting: &Setting, text: &str) -> Result<Value, String> {
    let given = plain(text);
    let called = |choice: &crate::preset::Choice| std::iter::once(&choice.word).chain(&choice.aliases).any(|word| plain(word) == given);
    match setting.choices.iter().position(called) {
        Some(index) => Ok(Value::Choice(index)),
        None if !setting.otherwise.is_empty() => Ok(Value::Otherwise),
        None => {
            let words: Vec<&str> = setting.choices.iter().map(|choice| choice.word.as_str()).collect();
            Err(format!("expected one of: {}", words.join(", ")))
        }
    }
}

fn zone(text: &str) -> Result<String, String> {
    let known = match resolve(text) {
        Resolved::Known(zone) => zone.iana_name().map(str::to_owned),
        Resolved::Assumed => None,
    };
    known.ok_or_else(|| "expected a time zone such as Europe/Berlin, or by its Windows name".to_owned())
}

/// A server by its name, or by a URL; always `https` in the end, which is all that servers call.
fn url(text: &str) -> Result<String, String> {
    let expected = || "expected the name or URL of a server, without user, password, `?` and `#`".to_owned();
    let whole = match text.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https") => format!("https://{rest}"),
        Some(_) => return Err(expected()),
        None => format!("https://{text}"),
    };
    let url = Url::parse(&whole).map_err(|_| expected())?;
    let clean = url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    let named = url.host_str().is_some_and(|host| !host.is_empty());
    if clean && named && whole.len() <= LONGEST_TEXT { Ok(url.as_str().trim_end_matches('/').to_owned()) } else { Err(expected()) }
}

type NameAndState = Option<(String, Option<String>)>;

fn template(text: &str) -> Result<NameAndState, String> {
    if text == "-" || matches!(plain(text).as_str(), "none" | "no" | "ignore" | "notselected" | "notset") {
        return Ok(None);
    }
    let expected = || format!("expected {}", Kind::Template.expected());
    let (name, state) = match text.strip_suffix(']').and_then(|rest| rest.rsplit_once('[')) {
        None => (text, None),
        Some((name, state)) => {
            let state = plain(state);
            let known = matches!(state.as_str(), "available" | "busy" | "away" | "dnd");
            (name.trim(), Some(if known { state } else { return Err(expected()) }))
        }
    };
    if name.is_empty() || name.chars().count() > LONGEST_NAME { Err(expected()) } else { Ok(Some((name.to_owned(), state))) }
}
