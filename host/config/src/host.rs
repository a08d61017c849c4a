//! `[host]`, `[timing]`, `[alerts]`, `[hooks]`, `[secrets]` and `[limits]`: what belongs to the whole host.

use std::net::SocketAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::formats;

/// The host itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Host {
    /// Directory of the state: database, traces. Relative to the configuration file. A change needs a restart.
    pub data_dir: PathBuf,
    /// Drop-in directory of the connectors (`.wasm`). Relative to the configuration file. A change needs a restart.
    pub plugins_dir: PathBuf,
    /// Directory of compiled connectors, readable by the host's user only. Default: `cache` in `data_dir`. A change needs a restart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_dir: Option<PathBuf>,
    /// Whether presence is written to sinks. `false` is shadow mode: everything is computed and shown, nothing is written.
    pub publish: bool,
    /// Address of the control API and web pages, which have no login of their own: loopback only. A change needs a restart.
    #[schemars(with = "String", extend("format" = formats::LISTEN))]
    pub control: SocketAddr,
    /// Time zone (IANA) of people for whom neither the configuration nor their mailbox names one.
    #[schemars(extend("format" = formats::ZONE))]
    pub zone: String,
    /// Language (BCP 47) of presence texts of people for whom neither the configuration nor their mailbox names one.
    #[schemars(extend("format" = formats::LANGUAGE))]
    pub language: String,
    /// How far back appointments are read, in days (SEMANTICS C-03).
    #[schemars(range(min = 1, max = 31))]
    pub window_days_back: u32,
    /// How far ahead appointments are read, in days (SEMANTICS C-03).
    #[schemars(range(min = 2, max = 370))]
    pub window_days_ahead: u32,
    /// The log.
    pub log: Log,
}

impl Default for Host {
    fn default() -> Self {
        Self {
            data_dir: "data".into(),
            plugins_dir: "plugins".into(),
            cache_dir: None,
            publish: true,
            control: SocketAddr::from(([127, 0, 0, 1], 8090)),
            zone: "UTC".to_owned(),
            language: "en".to_owned(),
            window_days_back: 1,
            window_days_ahead: 35,
            log: Log::default(),
        }
    }
}

/// What is logged, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// The least level that is written.
    pub level: LogLevel,
    /// Lines for people or JSON objects for programs. A change needs a restart.
    pub format: LogFormat,
}

/// A level of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    /// Failures only.
    Error,
    /// Also what should be looked at.
    Warn,
    /// Also what happens.
    #[default]
    Info,
    /// Also why.
    Debug,
    /// Everything.
    Trace,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// One line per entry, for people.
    #[default]
    Text,
    /// One JSON object per line, for programs.
    Json,
}

/// How often things are looked at without any occasion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Timing {
    /// Seconds after which a mailbox is read although nothing was announced (SEMANTICS C-12).
    #[schemars(range(min = 60, max = 604_800))]
    pub reconcile_s: u32,
    /// The same for people with `vip = true`.
    #[schemars(range(min = 60, max = 604_800))]
    pub reconcile_vip_s: u32,
    /// Seconds between two readings of automatic replies, of which nothing notifies (SEMANTICS P-21a).
    #[schemars(range(min = 30, max = 86_400))]
    pub absence_s: u32,
    /// The same for people with `vip = true`.
    #[schemars(range(min = 30, max = 86_400))]
    pub absence_vip_s: u32,
    /// Seconds after which the whole window is read anew and compared with what is known (FEATURES C09).
    #[schemars(range(min = 3600, max = 31_536_000))]
    pub full_read_s: u32,
    /// Whether that is done after every start too. `false`: a start goes on from where the last run ended.
    pub full_read_at_start: bool,
    /// Seconds between two readings of states set by hand at sinks that can be read and tell of no changes (SEMANTICS P-22a).
    #[schemars(range(min = 5, max = 3600))]
    pub override_s: u32,
    /// Seconds between two readings of call states, where rules have `signals.call` (SEMANTICS P-25).
    #[schemars(range(min = 1, max = 3600))]
    pub call_s: u32,
    /// Seconds without any proof that a mailbox was seen, after which presence falls to unknown (SEMANTICS P-26); 0: never,
    /// else 1800 or more.
    #[schemars(range(min = 0, max = 2_592_000))]
    pub unknown_after_s: u32,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            reconcile_s: 6 * 3600,
            reconcile_vip_s: 3600,
            absence_s: 15 * 60,
            absence_vip_s: 60,
            full_read_s: 7 * 86_400,
            full_read_at_start: false,
            override_s: 30,
            call_s: 5,
            unknown_after_s: 86_400,
        }
    }
}

/// Who is told by mail about failures that last (FEATURES R06). Without this section nobody is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Alerts {
    /// The connection that sends; its connector must be able to send mail.
    #[schemars(extend("format" = formats::NAME))]
    pub connection: String,
    /// The mailbox that sends. Default: the connector's own choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = formats::MAIL))]
    pub sender: Option<String>,
    /// Who receives it.
    #[schemars(schema_with = "formats::mail_receivers")]
    pub to: Vec<String>,
    /// Seconds a failure lasts before it is told.
    #[serde(default = "alert_after")]
    #[schemars(range(min = 60, max = 86_400))]
    pub after_s: u32,
    /// Seconds after which it is told again while it lasts.
    #[serde(default = "alert_repeat")]
    #[schemars(range(min = 3600, max = 2_592_000))]
    pub repeat_s: u32,
}

fn alert_after() -> u32 {
    15 * 60
}

fn alert_repeat() -> u32 {
    86_400
}

/// Where servers can reach the host with change notifications. Without this section mailboxes are polled (SEMANTICS C-14).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hooks {
    /// Address on which the host listens. A change needs a restart.
    #[schemars(with = "String", extend("format" = formats::LISTEN))]
    pub listen: SocketAddr,
    /// The URL under which the servers reach that address, perhaps through a proxy; `/hooks/...` is appended. `https`, except on
    /// the machine itself. A change needs a restart.
    #[schemars(extend("format" = formats::URL))]
    pub public_url: String,
    /// Certificate and key, if the host ends TLS by itself. Without it a proxy does. A change needs a restart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
}

/// A certificate with its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// PEM file with the certificate and its chain. Relative to the configuration file.
    pub cert: PathBuf,
    /// PEM file with the key. Relative to the configuration file.
    pub key: PathBuf,
}

/// Where secrets come from. Environment variables (`CALPORT_SECRET_NAME`) and systemd credentials are always asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Secrets {
    /// The encrypted file. Relative to the configuration file. A change needs a restart.
    pub file: PathBuf,
    /// The key that opens it, outside of `data_dir` and not beside the file. Relative to the configuration file. A change needs a
    /// restart.
    pub identity: PathBuf,
    /// Directory with one file per secret, as container platforms mount it. Relative to the configuration file. Default: none.
    /// A change needs a restart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dir: Option<PathBuf>,
}

impl Default for Secrets {
    fn default() -> Self {
        Self { file: "data/secrets.age".into(), identity: "keys/secrets.key".into(), dir: None }
    }
}

/// What a connector may use. Every value applies to each connection by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Memory of one instance, in MiB (1,048,576 bytes).
    #[schemars(range(min = 4, max = 4096))]
    pub memory_mib: u32,
    /// Processor time of one call, in milliseconds.
    #[schemars(range(min = 10, max = 600_000))]
    pub cpu_ms: u32,
    /// Duration of one call with all its requests, in seconds.
    #[schemars(range(min = 1, max = 3600))]
    pub wall_s: u32,
    /// Calls under way at once, each in an instance of its own.
    #[schemars(range(min = 1, max = 256))]
    pub concurrency: u32,
    /// Requests under way at once.
    #[schemars(range(min = 1, max = 256))]
    pub requests: u32,
    /// Largest answer of a server after decompression, in MiB.
    #[schemars(range(min = 1, max = 1024))]
    pub response_mib: u32,
    /// Lines of log per second, in the mean over ten seconds; more are counted and dropped.
    #[schemars(range(min = 1, max = 10_000))]
    pub log_lines_per_second: u32,
}

impl Default for Limits {
    /// 64 MiB are four times what a connector of the largest tool chain needs at idle; 2 s of processor time parse eighty pages of
    /// 1,000 events; 180 s are longer than one request may take, so that a slow server is the server's failure; calls and requests
    /// at once are what calendar services grant one application without throttling it.
    fn default() -> Self {
        Self { memory_mib: 64, cpu_ms: 2_000, wall_s: 180, concurrency: 8, requests: 16, response_mib: 32, log_lines_per_second: 50 }
    }
}

/// Limits of one connection that differ from `[limits]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsOverride {
    /// Memory of one instance, in MiB. Default: that of `[limits]`.
    #[schemars(range(min = 4, max = 4096))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u32>,
    /// Processor time of one call, in milliseconds. Default: that of `[limits]`.
    #[schemars(range(min = 10, max = 600_000))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_ms: Option<u32>,
    /// Duration of one call, in seconds. Default: that of `[limits]`.
    #[schemars(range(min = 1, max = 3600))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall_s: Option<u32>,
    /// Calls under way at once. Default: that of `[limits]`.
    #[schemars(range(min = 1, max = 256))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// Requests under way at once. Default: that of `[limits]`.
    #[schemars(range(min = 1, max = 256))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<u32>,
    /// Largest answer, in MiB. Default: that of `[limits]`.
    #[schemars(range(min = 1, max = 1024))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_mib: Option<u32>,
    /// Lines of log per second. Default: that of `[limits]`.
    #[schemars(range(min = 1, max = 10_000))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_lines_per_second: Option<u32>,
}

impl LimitsOverride {
    /// The limits that hold: these where given, else those of the host.
    #[must_use]
    pub fn over(&self, host: &Limits) -> Limits {
        Limits {
            memory_mib: self.memory_mib.unwrap_or(host.memory_mib),
            cpu_ms: self.cpu_ms.unwrap_or(host.cpu_ms),
            wall_s: self.wall_s.unwrap_or(host.wall_s),
            concurrency: self.concurrency.unwrap_or(host.concurrency),
            requests: self.requests.unwrap_or(host.requests),
            response_mib: self.response_mib.unwrap_or(host.response_mib),
            log_lines_per_second: self.log_lines_per_second.unwrap_or(host.log_lines_per_second),
        }
    }
}
