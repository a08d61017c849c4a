//! The admin door `/_admin/` of this endpoint. Mailboxes, clock and tokens are changed through the one of the Graph simulator.
//!
//! | method and path | body | effect |
//! |---|---|---|
//! | `GET`, `POST`, `DELETE /_admin/faults` | a fault rule; `match.path` is compared with the operation | list, add, clear |
//! | `POST /_admin/settings` | `{"version","accounts","disabled","disabled_for","moved","elsewhere","doors","autodiscover","basic","oauth","full_access","find_limit","deviations"}` | change settings |
//! | `GET /_admin/stats`, `/_admin/requests` | | counters, requests with their bodies |
//! | `DELETE /_admin/requests` | | forget requests and counters |
//! | `GET /_admin/connections` | | connections with their logins, and how many forms were accepted and refused |
//! | `POST /_admin/restart` | | as [`super::Simulator::restart`] |
//! | `POST /_admin/logins/forget`, `/_admin/sessions/expire` | | logins by Windows authentication and by form end, connections stay |

use std::collections::BTreeMap;

use axum::http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::autodiscover::Autodiscover;
use super::config::{Account, Deviations};
use super::doors::Doors;
use super::doors::forms::Sessions;
use super::fault::Rule;
use super::handle::stats;
use super::shared::Shared;
use super::version::Version;

/// Settings that can be changed while running; what is absent stays.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    version: Option<Version>,
    accounts: Option<Vec<Account>>,
    basic: Option<bool>,
    oauth: Option<bool>,
    full_access: Option<bool>,
    disabled: Option<bool>,
    disabled_for: Option<Vec<String>>,
    moved: Option<Vec<String>>,
    elsewhere: Option<BTreeMap<String, String>>,
    doors: Option<Doors>,
    autodiscover: Option<Autodiscover>,
    find_limit: Option<usize>,
    view_days: Option<i64>,
    deviations: Option<Deviations>,
}

fn put<T>(slot: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *slot = value;
    }
}

/// Answers an admin request.
pub(crate) fn handle(shared: &Shared, method: &Method, path: &str, body: &[u8]) -> (u16, Value) {
    let bad = |text: String| (400, json!({"error": {"code": "Admin", "message": text}}));
    match (method.as_str(), path.trim_end_matches('/')) {
        ("GET", "faults") => (200, json!({"value": shared.faults.list()})),
        ("DELETE", "faults") => {
            shared.faults.clear();
            (200, json!({}))
        }
        ("POST", "faults") => match serde_json::from_slice::<Rule>(body) {
            Ok(rule) => {
                shared.faults.add(rule);
                (200, json!({}))
            }
            Err(e) => bad(format!("fault rule: {e}")),
        },
        ("POST", "settings") => match serde_json::from_slice::<Settings>(body) {
            Ok(new) => {
                apply(shared, new);
                (200, json!({}))
            }
            Err(e) => bad(format!("settings: {e}")),
        },
        ("GET", "stats") => (200, json!(stats(shared))),
        ("GET", "requests") => (200, json!({"value": shared.lock().log.seen})),
        ("GET", "connections") => {
            let inner = shared.lock();
            let Sessions { accepted, refused, .. } = inner.sessions;
            (200, json!({"value": inner.tally.list(), "forms": {"accepted": accepted, "refused": refused}}))
        }
        ("POST", "restart") => {
            shared.restart();
            (200, json!({}))
        }
        ("POST", "logins/forget") => {
            shared.lock().tally.forget_logins();
            (200, json!({}))
        }
        ("POST", "sessions/expire") => {
            shared.lock().sessions.end();
            (200, json!({}))
        }
        ("DELETE", "requests") => {
            shared.forget();
            (200, json!({}))
        }
        (method, other) => bad(format!("there is no {method} /_admin/{other}")),
    }
}

fn apply(shared: &Shared, new: Settings) {
    let config = &mut shared.lock().config;
    put(&mut config.version, new.version);
    put(&mut config.accounts, new.accounts);
    put(&mut config.basic, new.basic);
    put(&mut config.oauth, new.oauth);
    put(&mut config.full_access, new.full_access);
    put(&mut config.disabled, new.disabled);
    put(&mut config.disabled_for, new.disabled_for);
    put(&mut config.moved, new.moved);
    put(&mut config.elsewhere, new.elsewhere);
    put(&mut config.doors, new.doors);
    put(&mut config.autodiscover, new.autodiscover);
    put(&mut config.find_limit, new.find_limit);
    put(&mut config.view_days, new.view_days);
    put(&mut config.deviations, new.deviations);
}
