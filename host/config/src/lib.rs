//! `calport.toml`: read, judged, and turned into types.
//!
//! Promise: whatever is wrong is said in one go, each mistake with file, line, column, what was expected and the nearest valid
//! name; a configuration that is handed out is checked, and its names lead somewhere. Refused: half a configuration. The keys
//! are compared with the published JSON Schema itself ([`schema`]), so that editors and the host cannot disagree; what a schema
//! cannot say (names that refer to others, two writers for one user) is judged after it.
//!
//! Nothing is read but the file and the CSV file that it names, and no environment. Secrets stand nowhere in it, only their
//! names; what looks like a secret that was written into the file is covered in every message (FEATURES R04).
//!
//! Reload: [`load`] again and [`diff`]; a file with mistakes gives no [`Config`], so that the old one runs on (FEATURES R05).

mod check;
mod check_auth;
mod check_defaults;
mod check_discovery;
mod check_people;
mod check_sinks;
mod config;
mod connection;
mod csv_people;
mod diagnostic;
mod flow;
mod formats;
mod host;
mod load;
mod merge;
mod nearest;
mod people;
mod reload;
mod shape;
mod source;
mod template;
mod texts;
mod tree;

pub use config::{Config, schema};
pub use connection::{Auth, ClientStyle, Connection, Discovery, Endpoint, FormNames, Notify, Proxy, Trace};
pub use diagnostic::{Diagnostic, Severity, render, to_json};
pub use flow::{DEFAULT_RULES, Flow, FlowKind, Selection, flows_of};
pub use host::{Alerts, Hooks, Host, Limits, LimitsOverride, Log, LogFormat, LogLevel, Secrets, Timing, Tls};
pub use load::{Loaded, load, load_str};
pub use people::{Calendar, Directory, Group, People, Person, PersonEntry};
pub use reload::{Change, Restart, diff};
pub use template::{ConnectionDraft, connection_section, template, template_for};
pub use tree::{Document, Part};
