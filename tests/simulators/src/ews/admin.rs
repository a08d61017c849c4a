//! The admin door `/_admin/` of this endpoint. Mailboxes, clock and tokens are changed through the one of the Graph simulator.
//!
//! | method and path | body | effect |
//! |---|---|---|
//! | `GET`, `POST`, `DELETE /_admin/faults` | a fault rule; `match.path` is compared with the operation | list, add, clear |
//! | `POST /_admin/settings` | `{"version","disabled","disabled_for","moved","basic","oauth","full_access","find_limit","deviations"}` | change settings |
//! | `GET /_admin/stats`, `/_admin/requests` | | counters, requests with their bodies |
//! | `DELETE /_admin/requests` | | forget requests and counters |

use axum::http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::config::{Account, Deviations};
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
        ("DELETE", "requests") => {
            shared.lock().log.reset();
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
    put(&mut config.find_limit, new.find_limit);
    put(&mut config.view_days, new.view_days);
    put(&mut config.deviations, new.deviations);
}
