//! What a new configuration changes, so that the host applies only that (FEATURES R05).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use crate::config::Config;
use crate::connection::Connection;
use crate::people::Person;

/// One change from the old configuration to the new one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Change {
    /// This needs a restart; until then the old value holds.
    NeedsRestart {
        /// The key.
        key: Restart,
    },
    /// Whether presence is written at all.
    Publish {
        /// The new value.
        on: bool,
    },
    /// The level of the log.
    LogLevel,
    /// The zone or language of people who have none of their own: everybody's presence is computed again.
    Defaults,
    /// The window of appointments: every mailbox is read again in the new one.
    Window,
    /// How often mailboxes and automatic replies are looked at.
    Timing,
    /// Who is told about lasting failures, or how.
    Alerts,
    /// A new connection.
    ConnectionAdded {
        /// Its name.
        name: String,
    },
    /// A connection that is no more; what was shown through it is cleared (SEMANTICS P-30).
    ConnectionRemoved {
        /// Its name.
        name: String,
    },
    /// A connection was switched on or off.
    ConnectionActive {
        /// Its name.
        name: String,
        /// The new value.
        on: bool,
    },
    /// Another connector: what was read through the old one no longer counts, as after removing and adding the connection.
    ConnectionReplaced {
        /// Its name.
        name: String,
    },
    /// Settings, endpoints or credentials: the connector is opened and checked again; cursors stay.
    ConnectionSettings {
        /// Its name.
        name: String,
    },
    /// Limits, intervals, rates or trace, which take effect at the next call.
    ConnectionTuning {
        /// Its name.
        name: String,
    },
    /// New people.
    PeopleAdded {
        /// Their ids.
        ids: BTreeSet<String>,
    },
    /// People who are no more; what was shown for them is cleared (SEMANTICS P-30).
    PeopleRemoved {
        /// Their ids.
        ids: BTreeSet<String>,
    },
    /// People about whom something changed.
    PeopleChanged {
        /// Their ids.
        ids: BTreeSet<String>,
    },
    /// Other directories, or other choices in them: they are asked again.
    Directories,
    /// Rules of this name came, went or changed: presence is computed again for those they hold for.
    Rules {
        /// Their name.
        name: String,
    },
    /// Defaults of people with this group came, went or changed. People of directories may have it too.
    Group {
        /// Its name.
        name: String,
    },
    /// An audience of this name came, went or changed: what it sees is computed again.
    Audience {
        /// Its name.
        name: String,
    },
    /// A new flow.
    FlowAdded {
        /// Its name.
        name: String,
    },
    /// A flow that is no more; what it showed is cleared (SEMANTICS P-30).
    FlowRemoved {
        /// Its name.
        name: String,
    },
    /// A flow has another source, sink, selection or other rules, or was switched on or off.
    FlowChanged {
        /// Its name.
        name: String,
    },
}

/// A key whose change needs a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Restart {
    /// Directory of the state.
    #[serde(rename = "host.data_dir")]
    DataDir,
    /// Drop-in directory.
    #[serde(rename = "host.plugins_dir")]
    PluginsDir,
    /// Directory of compiled connectors.
    #[serde(rename = "host.cache_dir")]
    CacheDir,
    /// Address of the control API.
    #[serde(rename = "host.control")]
    Control,
    /// Form of the log.
    #[serde(rename = "host.log.format")]
    LogFormat,
    /// Inbound notifications.
    #[serde(rename = "hooks")]
    Hooks,
    /// Where secrets come from.
    #[serde(rename = "secrets")]
    Secrets,
}

impl Restart {
    /// The key as it stands in the file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DataDir => "host.data_dir",
            Self::PluginsDir => "host.plugins_dir",
            Self::CacheDir => "host.cache_dir",
            Self::Control => "host.control",
            Self::LogFormat => "host.log.format",
            Self::Hooks => "hooks",
            Self::Secrets => "secrets",
        }
    }
}

impl fmt::Display for Change {
    /// A phrase for the log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let people = |ids: &BTreeSet<String>| if ids.len() == 1 { "1 person".to_owned() } else { format!("{} people", ids.len()) };
        match self {
            Self::NeedsRestart { key } => write!(f, "`{}` changed: it takes effect after a restart", key.as_str()),
            Self::Publish { on: true } => f.write_str("presence is written to sinks from now on"),
            Self::Publish { on: false } => f.write_str("shadow mode: presence is computed and no longer written"),
            Self::LogLevel => f.write_str("level of the log changed"),
            Self::Defaults => f.write_str("default zone or language changed"),
            Self::Window => f.write_str("window of appointments changed"),
            Self::Timing => f.write_str("timing changed"),
            Self::Alerts => f.write_str("alerts changed"),
            Self::ConnectionAdded { name } => write!(f, "connection `{name}` added"),
            Self::ConnectionRemoved { name } => write!(f, "connection `{name}` removed"),
            Self::ConnectionActive { name, on: true } => write!(f, "connection `{name}` activated"),
            Self::ConnectionActive { name, on: false } => write!(f, "connection `{name}` deactivated"),
            Self::ConnectionReplaced { name } => write!(f, "connection `{name}` has another plugin"),
            Self::ConnectionSettings { name } => write!(f, "settings of connection `{name}` changed"),
            Self::ConnectionTuning { name } => write!(f, "limits of connection `{name}` changed"),
            Self::PeopleAdded { ids } => write!(f, "{} added", people(ids)),
            Self::PeopleRemoved { ids } => write!(f, "{} removed", people(ids)),
            Self::PeopleChanged { ids } => write!(f, "{} changed", people(ids)),
            Self::Directories => f.write_str("directories of people changed"),
            Self::Rules { name } => write!(f, "rules `{name}` changed"),
            Self::Group { name } => write!(f, "defaults of the group `{name}` changed"),
            Self::Audience { name } => write!(f, "audience `{name}` changed"),
            Self::FlowAdded { name } => write!(f, "flow `{name}` added"),
            Self::FlowRemoved { name } => write!(f, "flow `{name}` removed"),
            Self::FlowChanged { name } => write!(f, "flow `{name}` changed"),
        }
    }
}

/// What changes from `old` to `new`; empty if nothing does, whatever became of comments and order.
#[must_use]
pub fn diff(old: &Config, new: &Config) -> Vec<Change> {
    let mut changes = host(old, new);
    connections(old, new, &mut changes);
    people(old, new, &mut changes);
    changes.extend(compare(&old.rules, &new.rules).into_iter().map(|(name, _)| Change::Rules { name }));
    changes.extend(compare(&old.people.groups, &new.people.groups).into_iter().map(|(name, _)| Change::Group { name }));
    changes.extend(compare(&old.audiences, &new.audiences).into_iter().map(|(name, _)| Change::Audience { name }));
    let by_name = |config: &'_ Config| config.flows.iter().map(|flow| (flow.name.clone(), flow.clone())).collect::<BTreeMap<_, _>>();
    for (name, difference) in compare(&by_name(old), &by_name(new)) {
        changes.push(match difference {
            Difference::Added => Change::FlowAdded { name },
            Difference::Removed => Change::FlowRemoved { name },
            Difference::Changed => Change::FlowChanged { name },
        });
    }
    changes
}

fn host(old: &Config, new: &Config) -> Vec<Change> {
    let (was, is) = (&old.host, &new.host);
    let restart = |changed: bool, key: Restart| changed.then_some(Change::NeedsRestart { key });
    let cache = old.cache_dir() != new.cache_dir() && was.data_dir == is.data_dir;
    [
        restart(was.data_dir != is.data_dir, Restart::DataDir),
        restart(was.plugins_dir != is.plugins_dir, Restart::PluginsDir),
        restart(cache, Restart::CacheDir),
        restart(was.control != is.control, Restart::Control),
        restart(was.log.format != is.log.format, Restart::LogFormat),
        restart(old.hooks != new.hooks, Restart::Hooks),
        restart(old.secrets != new.secrets, Restart::Secrets),
        (was.publish != is.publish).then_some(Change::Publish { on: is.publish }),
        (was.log.level != is.log.level).then_some(Change::LogLevel),
        (was.zone != is.zone || was.language != is.language).then_some(Change::Defaults),
        (was.window_days_back != is.window_days_back || was.window_days_ahead != is.window_days_ahead).then_some(Change::Window),
        (old.timing != new.timing).then_some(Change::Timing),
        (old.alerts != new.alerts).then_some(Change::Alerts),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn connections(old: &Config, new: &Config, changes: &mut Vec<Change>) {
    let names: BTreeSet<&String> = old.connections.keys().chain(new.connections.keys()).collect();
    for name in names {
        let own = || name.clone();
        match (old.connections.get(name), new.connections.get(name)) {
            (None, Some(_)) => changes.push(Change::ConnectionAdded { name: own() }),
            (Some(_), None) => changes.push(Change::ConnectionRemoved { name: own() }),
            (Some(was), Some(is)) if was.plugin != is.plugin => changes.push(Change::ConnectionReplaced { name: own() }),
            (Some(was), Some(is)) => {
                if was.settings != is.settings || was.endpoints != is.endpoints || was.discovery != is.discovery {
                    changes.push(Change::ConnectionSettings { name: own() });
                }
                if tuning(old, was) != tuning(new, is) {
                    changes.push(Change::ConnectionTuning { name: own() });
                }
                if was.active != is.active {
                    changes.push(Change::ConnectionActive { name: own(), on: is.active });
                }
            }
            (None, None) => {}
        }
    }
}

/// How changes are noticed.
type Told = (Option<crate::connection::Notify>, u32, u16);

/// What takes effect without opening the connector again. `[limits]` shows in it as far as the connection uses it.
fn tuning<'a>(config: &Config, connection: &'a Connection) -> (crate::host::Limits, Told, Option<f64>, &'a crate::connection::Trace) {
    let told = (connection.notify, connection.poll_s, connection.max_subscriptions_per_connection);
    (config.limits(connection), told, connection.requests_per_second, &connection.trace)
}

fn people(old: &Config, new: &Config, changes: &mut Vec<Change>) {
    let by_id = |config: &'_ Config| {
        config.people.persons.iter().map(|person| (person.id.clone(), person.clone())).collect::<BTreeMap<String, Person>>()
    };
    let (mut added, mut removed, mut changed) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (id, difference) in compare(&by_id(old), &by_id(new)) {
        match difference {
            Difference::Added => added.insert(id),
            Difference::Removed => removed.insert(id),
            Difference::Changed => changed.insert(id),
        };
    }
    if !added.is_empty() {
        changes.push(Change::PeopleAdded { ids: added });
    }
    if !removed.is_empty() {
        changes.push(Change::PeopleRemoved { ids: removed });
    }
    if !changed.is_empty() {
        changes.push(Change::PeopleChanged { ids: changed });
    }
    if old.people.directories != new.people.directories {
        changes.push(Change::Directories);
    }
}

enum Difference {
    Added,
    Removed,
    Changed,
}

fn compare<T: PartialEq>(old: &BTreeMap<String, T>, new: &BTreeMap<String, T>) -> Vec<(String, Difference)> {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    names
        .into_iter()
        .filter_map(|name| match (old.get(name), new.get(name)) {
            (None, _) => Some((name.clone(), Difference::Added)),
            (_, None) => Some((name.clone(), Difference::Removed)),
            (Some(was), Some(is)) => (was != is).then(|| (name.clone(), Difference::Changed)),
        })
        .collect()
}
