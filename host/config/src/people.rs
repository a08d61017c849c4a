//! `[people]`: who has a calendar and a place where presence is shown, and where the list of them comes from.
//!
//! Three sources, strongest first: `[[people.person]]`, the CSV file, directories of connections; `merge` joins them. Thus a
//! directory gives the many and the file corrects the few.

use std::collections::BTreeMap;
use std::path::PathBuf;

use calport_model::directory::Entry;
use calport_rules::presence::MappingOverride;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use crate::formats;
use crate::merge::Merger;

/// The sources of people, as written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PeopleSection {
    /// CSV file (UTF-8, with a header) of people. Relative to the configuration file. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csv: Option<PathBuf>,
    /// Directories of connections that list people; earlier ones win over later ones. Default: none.
    pub directories: Vec<Directory>,
    /// People named here; they win over the other sources, field by field.
    pub person: Vec<PersonEntry>,
}

/// A connection whose directory lists people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Directory {
    /// The connection.
    #[schemars(extend("format" = formats::NAME))]
    pub connection: String,
    /// Mail domain: a user without an address is looked for as `LOGIN@DOMAIN` (FEATURES C16). Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = formats::DOMAIN))]
    pub domain: Option<String>,
    /// Only entries of one of these departments. Default: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub departments: Vec<String>,
    /// Groups that everybody found here belongs to, beside the own department.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
}

/// A person as one source gives it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PersonEntry {
    /// Stable id, 1 to 200 characters; it may be chosen freely. Default: the address in lower case.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200), extend("format" = formats::PERSON))]
    pub id: Option<String>,
    /// The name for people. Default: the id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    pub name: Option<String>,
    /// Main mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = formats::MAIL))]
    pub address: Option<String>,
    /// Further mail addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "formats::mail_addresses")]
    pub other_addresses: Option<Vec<String>>,
    /// The mailbox, if it is not found by the addresses, at every calendar connection. Default: found by the addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub mailbox: Option<String>,
    /// The mailbox at single connections: `{ CONNECTION = "..." }`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub mailboxes: BTreeMap<String, String>,
    /// The user or extension at every sink. Default: found by the addresses in the sink's directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub user: Option<String>,
    /// The user or extension at single sinks: `{ CONNECTION = "..." }`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub users: BTreeMap<String, String>,
    /// Time zone (IANA) of the texts. Default: that of the mailbox, else that of `[host]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = formats::ZONE))]
    pub zone: Option<String>,
    /// Language (BCP 47) of the texts. Default: that of the mailbox, else that of `[host]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = formats::LANGUAGE))]
    pub language: Option<String>,
    /// Whether reads come more often (`[timing]`). Default: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vip: Option<bool>,
    /// Whether calendar integration is on for this person (FEATURES P14). Default: true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// Groups that flows can select by `group:NAME`. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<String>>,
    /// Presence rules of this person. Default: those of the flow.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = formats::NAME))]
    pub rules: Option<String>,
    /// The sink that shows this person, where flows to several sinks select them (FEATURES P15).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = formats::NAME))]
    pub sink: Option<String>,
    /// Further calendars whose appointments count as the person's own: shared ones, rooms. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 50))]
    pub calendars: Option<Vec<Calendar>>,
    /// Rows of the mapping that differ from those of the rules.
    #[serde(skip_serializing_if = "MappingOverride::is_empty")]
    pub mapping: MappingOverride,
}

/// A further calendar of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "CalendarForm")]
pub struct Calendar {
    /// The address, or the id, of the mailbox.
    pub address: String,
    /// The connection it is read by; the source of the person's flow when `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
}

impl Calendar {
    /// A calendar at the source of the person's flow.
    #[must_use]
    pub fn at_source(address: String) -> Self {
        Self { address, connection: None }
    }
}

/// A calendar as written: an address, or an address with its connection.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum CalendarForm {
    /// The address at the source of the person's flow.
    Address(#[schemars(extend("format" = formats::CALENDAR))] String),
    /// The address at a connection.
    At(CalendarAt),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CalendarAt {
    /// The address, or the id, of the mailbox.
    #[schemars(extend("format" = formats::CALENDAR))]
    address: String,
    /// The connection it is read by. Default: the source of the person's flow.
    #[serde(default)]
    #[schemars(extend("format" = formats::NAME))]
    connection: Option<String>,
}

impl From<CalendarForm> for Calendar {
    fn from(written: CalendarForm) -> Self {
        match written {
            CalendarForm::Address(address) => Self::at_source(address),
            CalendarForm::At(CalendarAt { address, connection }) => Self { address, connection },
        }
    }
}

impl JsonSchema for Calendar {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Calendar".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        CalendarForm::json_schema(generator)
    }
}

/// Defaults of the people who have a group. What the person says goes before; of several groups the first of the person's list
/// that says something.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Group {
    /// Whether calendar integration is on (FEATURES P14).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// The sink that shows these people, where flows to several sinks select them (FEATURES P15).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = formats::NAME))]
    pub sink: Option<String>,
    /// Time zone (IANA) of the texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = formats::ZONE))]
    pub zone: Option<String>,
    /// Language (BCP 47) of the texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = formats::LANGUAGE))]
    pub language: Option<String>,
    /// Whether reads come more often (`[timing]`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vip: Option<bool>,
    /// Presence rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = formats::NAME))]
    pub rules: Option<String>,
    /// Further calendars that count for each of these people.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 50))]
    pub calendars: Option<Vec<Calendar>>,
    /// Rows of the mapping that differ from those of the rules.
    #[serde(skip_serializing_if = "MappingOverride::is_empty")]
    pub mapping: MappingOverride,
}

/// A person after all sources were merged and the groups' defaults were added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Person {
    /// Stable id.
    pub id: String,
    /// The name for people.
    pub name: String,
    /// Addresses under which the mailbox may be found, best first (FEATURES C16).
    pub addresses: Vec<String>,
    /// The mailbox at every connection, instead of a search.
    pub mailbox: Option<String>,
    /// The mailbox at single connections.
    pub mailboxes: BTreeMap<String, String>,
    /// The user at every sink, instead of a search.
    pub user: Option<String>,
    /// The user at single sinks.
    pub users: BTreeMap<String, String>,
    /// The zone's name; `None`: that of the mailbox.
    pub zone: Option<String>,
    /// The language's tag; `None`: that of the mailbox.
    pub language: Option<String>,
    /// Whether reads come more often.
    pub vip: bool,
    /// Whether calendar integration is on.
    pub active: bool,
    /// Groups.
    pub groups: Vec<String>,
    /// Presence rules that differ from the flow's.
    pub rules: Option<String>,
    /// The sink that shows the person, where flows to several sinks select them.
    pub sink: Option<String>,
    /// Further calendars.
    pub calendars: Vec<Calendar>,
    /// Rows of the mapping that differ from those of the rules.
    pub mapping: MappingOverride,
}

impl Person {
    /// The mailbox at a connection, if it is configured.
    #[must_use]
    pub fn mailbox_at(&self, connection: &str) -> Option<&str> {
        self.mailboxes.get(connection).or(self.mailbox.as_ref()).map(String::as_str)
    }

    /// Whether this is the person's own mailbox at a connection, by any of its names.
    #[must_use]
    pub fn has_mailbox_at(&self, connection: &str, address: &str) -> bool {
        let named = self.mailbox_at(connection).into_iter().chain(self.addresses.iter().map(String::as_str));
        named.into_iter().any(|known| known.eq_ignore_ascii_case(address))
    }

    /// Whether nothing says that another sink shows this person.
    #[must_use]
    pub fn may_be_shown_at(&self, connection: &str) -> bool {
        self.sink.as_deref().is_none_or(|sink| sink == connection)
    }

    /// The user at a sink, if it is configured.
    #[must_use]
    pub fn user_at(&self, connection: &str) -> Option<&str> {
        self.users.get(connection).or(self.user.as_ref()).map(String::as_str)
    }
}

/// The people of a configuration: those that the file and the CSV file name, and where more come from.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct People {
    /// The CSV file, as an absolute path or relative to the working directory. Watch it together with the configuration.
    pub csv: Option<PathBuf>,
    /// Directories to ask, strongest first.
    pub directories: Vec<Directory>,
    /// The merged people of file and CSV file, sorted by id.
    pub persons: Vec<Person>,
    /// Defaults by group.
    pub groups: BTreeMap<String, Group>,
    #[serde(skip)]
    entries: Vec<PersonEntry>,
}

impl People {
    /// Entries must come strongest first.
    pub(crate) fn new(
        csv: Option<PathBuf>,
        directories: Vec<Directory>,
        entries: Vec<PersonEntry>,
        groups: BTreeMap<String, Group>,
    ) -> Self {
        let persons = Merger::of(&entries).finish(&groups);
        Self { csv, directories, persons, groups, entries }
    }

    /// Everybody, with what the directories list: `listed` is for each connection what its directory gave. Entries of the file
    /// and the CSV file win field by field. An entry is a known person by its address, or by its id or login if that is the
    /// person's configured user or mailbox there. Entries that are not in use are passed over.
    #[must_use]
    pub fn with_directories(&self, listed: &BTreeMap<String, Vec<Entry>>) -> Vec<Person> {
        let mut merger = Merger::of(&self.entries);
        for directory in &self.directories {
            for entry in listed.get(&directory.connection).map(Vec::as_slice).unwrap_or_default() {
                merger.add_listed(directory, entry);
            }
        }
        merger.finish(&self.groups)
    }
}

impl PersonEntry {
    /// The id, given or made from the address.
    pub(crate) fn id(&self) -> Option<String> {
        self.id.clone().or_else(|| self.address.as_ref().map(|address| address.to_lowercase()))
    }

    /// The person it describes, with the defaults of its groups; `None` without id and address.
    pub(crate) fn finish(mut self, groups: &BTreeMap<String, Group>) -> Option<Person> {
        let id = self.id()?;
        for group in self.groups.clone().unwrap_or_default().iter().filter_map(|name| groups.get(name)) {
            self.fill_from(group);
        }
        let mut addresses: Vec<String> = Vec::new();
        for address in self.address.into_iter().chain(self.other_addresses.unwrap_or_default()) {
            if !addresses.iter().any(|known| known.eq_ignore_ascii_case(&address)) {
                addresses.push(address);
            }
        }
        Some(Person {
            name: self.name.unwrap_or_else(|| id.clone()),
            id,
            addresses,
            mailbox: self.mailbox,
            mailboxes: self.mailboxes,
            user: self.user,
            users: self.users,
            zone: self.zone,
            language: self.language,
            vip: self.vip.unwrap_or(false),
            active: self.active.unwrap_or(true),
            groups: self.groups.unwrap_or_default(),
            rules: self.rules,
            sink: self.sink,
            calendars: self.calendars.unwrap_or_default(),
            mapping: self.mapping,
        })
    }

    /// Takes from a group what is still missing: lists whole, the mapping row by row.
    fn fill_from(&mut self, group: &Group) {
        let Group { active, sink, zone, language, vip, rules, calendars, mapping } = group;
        self.active = self.active.or(*active);
        self.vip = self.vip.or(*vip);
        let texts = [(&mut self.sink, sink), (&mut self.zone, zone), (&mut self.language, language), (&mut self.rules, rules)];
        for (own, given) in texts {
            if own.is_none() {
                own.clone_from(given);
            }
        }
        if self.calendars.is_none() {
            self.calendars.clone_from(calendars);
        }
        self.mapping = std::mem::take(&mut self.mapping).or(mapping);
    }
}
