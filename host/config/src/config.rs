//! The whole configuration, and the file it is read from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use calport_rules::presence;
use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::connection::{Connection, Endpoint};
use crate::flow::{DEFAULT_RULES, Flow};
use crate::formats;
use crate::host::{Alerts, Hooks, Host, Limits, Secrets, Timing};
use crate::people::{Group, People, PeopleSection, Person};

/// A checked configuration: names lead somewhere, values are in range, paths are relative to the working directory or absolute.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Config {
    /// The host.
    pub host: Host,
    /// How often things are looked at without any occasion.
    pub timing: Timing,
    /// Who is told about lasting failures; `None`: nobody.
    pub alerts: Option<Alerts>,
    /// Inbound notifications; `None`: there are none.
    pub hooks: Option<Hooks>,
    /// Where secrets come from.
    pub secrets: Secrets,
    /// What a connector may use; see [`Config::limits`].
    pub limits: Limits,
    /// Connections by name.
    pub connections: BTreeMap<String, Connection>,
    /// People.
    pub people: People,
    /// Flows, in the order of the file.
    pub flows: Vec<Flow>,
    /// Presence rules by name; `default` is always there.
    pub rules: BTreeMap<String, presence::Config>,
    /// Audiences by name.
    pub audiences: BTreeMap<String, presence::Audience>,
}

impl Config {
    /// The limits of a connection.
    #[must_use]
    pub fn limits(&self, connection: &Connection) -> Limits {
        connection.limits.over(&self.limits)
    }

    /// Where compiled connectors are kept.
    #[must_use]
    pub fn cache_dir(&self) -> PathBuf {
        self.host.cache_dir.clone().unwrap_or_else(|| self.host.data_dir.join("cache"))
    }

    /// The rules of a person in a flow: the person's own, else the flow's, with the person's own rows of the mapping in them.
    #[must_use]
    pub fn rules_for(&self, flow: &Flow, person: &Person) -> Option<presence::Config> {
        let rules = self.rules.get(person.rules.as_deref().unwrap_or(&flow.rules))?;
        Some(presence::Config { mapping: person.mapping.over(&rules.mapping), ..rules.clone() })
    }

    /// The names of all secrets in use, each with the connections that need it; only active connections count.
    #[must_use]
    pub fn secrets_in_use(&self) -> BTreeMap<&str, Vec<&str>> {
        let mut used: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, connection) in self.connections.iter().filter(|(_, connection)| connection.active) {
            for secret in connection.secrets() {
                used.entry(secret).or_default().push(name);
            }
        }
        used
    }
}

/// Calport's configuration, `calport.toml`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "calport.toml")]
pub(crate) struct File {
    /// The host itself.
    pub host: Host,
    /// How often things are looked at without any occasion.
    pub timing: Timing,
    /// Who is told by mail about failures that last.
    pub alerts: Option<Alerts>,
    /// Where servers can reach the host with change notifications.
    pub hooks: Option<Hooks>,
    /// Where secrets come from.
    pub secrets: Secrets,
    /// What a connector may use.
    pub limits: Limits,
    /// Connections by name.
    #[schemars(schema_with = "connections")]
    pub connections: BTreeMap<String, Connection>,
    /// Who takes part.
    pub people: PeopleSection,
    /// Defaults of people by their groups.
    #[schemars(schema_with = "groups")]
    pub groups: BTreeMap<String, Group>,
    /// What is carried from where to where.
    pub flows: Vec<Flow>,
    /// Presence rules by name.
    #[schemars(schema_with = "rules")]
    pub rules: BTreeMap<String, presence::Config>,
    /// What is shown in place of what, by audience.
    #[schemars(schema_with = "audiences")]
    pub audiences: BTreeMap<String, presence::Audience>,
}

fn connections(generator: &mut SchemaGenerator) -> Schema {
    formats::named::<Connection>(generator)
}

fn rules(generator: &mut SchemaGenerator) -> Schema {
    formats::named::<presence::Config>(generator)
}

fn audiences(generator: &mut SchemaGenerator) -> Schema {
    formats::named::<presence::Audience>(generator)
}

fn groups(generator: &mut SchemaGenerator) -> Schema {
    formats::keyed::<Group>(generator, formats::GROUP)
}

impl File {
    /// The configuration as the host uses it; paths of the file are taken from its directory.
    pub fn finish(self, directory: &Path, people: People) -> Config {
        let Self {
            mut host,
            timing,
            alerts,
            mut hooks,
            mut secrets,
            limits,
            mut connections,
            people: _,
            groups: _,
            flows,
            mut rules,
            audiences,
        } = self;
        let absolute = |path: &mut PathBuf| *path = directory.join(&*path);
        [&mut host.data_dir, &mut host.plugins_dir, &mut secrets.file, &mut secrets.identity].into_iter().for_each(absolute);
        host.cache_dir.iter_mut().chain(secrets.dir.iter_mut()).for_each(absolute);
        hooks.iter_mut().filter_map(|hooks| hooks.tls.as_mut()).flat_map(|tls| [&mut tls.cert, &mut tls.key]).for_each(absolute);
        let endpoints = connections.values_mut().flat_map(|connection| connection.endpoints.values_mut());
        endpoints.flat_map(Endpoint::files).for_each(absolute);
        rules.entry(DEFAULT_RULES.to_owned()).or_default();
        Config { host, timing, alerts, hooks, secrets, limits, connections, people, flows, rules, audiences }
    }
}

/// The JSON Schema (2020-12) of `calport.toml`, for editors and for `calport config schema`. What it refuses the host refuses.
#[must_use]
pub fn schema() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<File>();
    RecursiveTransform(without_null).transform(&mut schema);
    schema.to_value()
}

/// TOML has no null: what may be left out is not required, and that says it all.
fn without_null(schema: &mut Schema) {
    let Some(keywords) = schema.as_object_mut() else { return };
    if let Some(Value::Array(types)) = keywords.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            keywords.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(choices)) = keywords.get_mut("anyOf") {
        choices.retain(|choice| choice.get("type").is_none_or(|name| name != "null"));
        if let [Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            keywords.remove("anyOf");
            keywords.extend(only);
        }
    }
    if keywords.get("default").is_some_and(Value::is_null) {
        keywords.remove("default");
    }
}
