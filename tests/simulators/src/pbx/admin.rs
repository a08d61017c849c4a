//! The admin door `/_admin/`: what a test or the demo does to the PBX from outside, in JSON and without credentials.
//!
//! | request | does |
//! |---|---|
//! | `GET state` | hints, presences, device states, counters |
//! | `POST users` `[{"user","context"?,"device"?}]` | adds users with their hints |
//! | `DELETE users/NAME` | removes one |
//! | `POST presence` `{"user","state","subtype"?,"message"?}` | sets a presence as the user would by hand |
//! | `POST set` `{"variable","value"}` | sets a variable or function as a dialplan does: `PRESENCE_STATE(CustomPresence:alice)`, `DB(family/key)` |
//! | `POST call` `{"user","state"}` | lets a user's telephone be `Idle`, `InUse`, `Ringing`, `Hold`, `Busy`, `Unavailable` |
//! | `GET writes?since=N&wait_ms=M` | accepted writes behind number N; waits up to M ms (60,000 at most) for the first |
//! | `GET`, `POST`, `DELETE faults` | fault rules ([`crate::fault::Rule`]) |
//! | `POST credentials` `{"refuse":true}` | refuses every credential, until told otherwise |
//! | `GET database?family=F` | the entries of a family, such as the greetings, by key |
//! | `POST database` `{"family","key","value"}` | writes to the database; without `value`: removes |
//! | `POST clock` `{"advance_ms":N}` | moves the PBX's clock forward |
//! | `POST stir` | an event of another class, as a call makes them |
//! | `POST restart` | stops and starts the PBX: sessions gone, presence from the database |

use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::Shared;
use super::ami::Params;
use super::http::Reply;
use crate::fault::Rule;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewUser {
    user: String,
    #[serde(default)]
    context: Option<String>,
    #[serde(default)]
    device: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ByHand {
    user: String,
    state: String,
    #[serde(default)]
    subtype: String,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Set {
    variable: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    user: String,
    state: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refuse {
    refuse: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    family: String,
    key: String,
    #[serde(default)]
    value: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_ms: u64,
}

/// Answers a request to `path`, the part behind `/_admin/`.
pub async fn answer(shared: &Arc<Shared>, method: &Method, path: &str, query: &str, body: &[u8]) -> Reply {
    match (path, method) {
        ("state", &Method::GET) => state(shared),
        ("users", &Method::POST) => with(body, |users: Vec<NewUser>| {
            for user in users {
                let context = user.context.as_deref().unwrap_or("default");
                let device = user.device.unwrap_or_else(|| format!("Custom:{}", user.user));
                shared.add_hint(&user.user, context, &format!("{device},CustomPresence:{}", user.user));
            }
            true
        }),
        ("presence", &Method::POST) => with(body, |p: ByHand| shared.by_hand(&p.user, &p.state, &p.subtype, &p.message)),
        ("set", &Method::POST) => with(body, |s: Set| shared.dialplan(&s.variable, &s.value)),
        ("call", &Method::POST) => with(body, |c: Call| shared.call(&c.user, &c.state)),
        ("writes", &Method::GET) => writes(shared, query).await,
        ("faults", &Method::GET) => Reply::json(200, &json!(shared.faults.list())),
        ("faults", &Method::POST) => with(body, |rule: Rule| {
            shared.faults.add(rule);
            true
        }),
        ("faults", &Method::DELETE) => {
            shared.faults.clear();
            done()
        }
        ("credentials", &Method::POST) => with(body, |r: Refuse| {
            shared.change(|core| core.refuse_credentials = r.refuse);
            true
        }),
        ("database", &Method::GET) => database(shared, query),
        ("database", &Method::POST) => with(body, |e: Entry| {
            shared.change(|core| match e.value {
                Some(value) => core.database.insert((e.family, e.key), value.into_bytes()),
                None => core.database.remove(&(e.family, e.key)),
            });
            true
        }),
        ("clock", &Method::POST) => with(body, |a: Advance| {
            shared.clock.advance(Duration::from_millis(a.advance_ms));
            true
        }),
        ("stir", &Method::POST) => {
            shared.stir();
            done()
        }
        ("restart", &Method::POST) => {
            shared.restart();
            done()
        }
        _ => match (path.strip_prefix("users/"), method) {
            (Some(user), &Method::DELETE) => {
                shared.remove_hint(user);
                done()
            }
            _ => Reply::json(404, &json!({ "error": format!("no admin request {method} {path}") })),
        },
    }
}

fn with<T: DeserializeOwned>(body: &[u8], act: impl FnOnce(T) -> bool) -> Reply {
    match serde_json::from_slice(body) {
        Err(e) => Reply::json(400, &json!({ "error": e.to_string() })),
        Ok(value) => match act(value) {
            true => done(),
            false => Reply::json(422, &json!({ "error": "the PBX refuses this value" })),
        },
    }
}

fn done() -> Reply {
    Reply::new(204, "", Vec::new())
}

fn state(shared: &Shared) -> Reply {
    let value = shared.change_quietly(|core| {
        let presences: serde_json::Map<_, _> = core
            .presence
            .iter()
            .map(|(name, p)| {
                let value = json!({
                    "state": p.state,
                    "subtype": String::from_utf8_lossy(&p.subtype),
                    "message": String::from_utf8_lossy(&p.message),
                });
                (name.clone(), value)
            })
            .collect();
        let devices: serde_json::Map<_, _> = core.controlled_devices().into_iter().map(|(name, state)| (name, json!(state))).collect();
        json!({ "hints": core.hints, "presences": presences, "devices": devices })
    });
    Reply::json(200, &json!({ "pbx": value, "stats": shared.stats() }))
}

fn database(shared: &Shared, query: &str) -> Reply {
    let family = Params::parse(query.as_bytes()).text("family");
    let entries: serde_json::Map<_, _> = shared.change_quietly(|core| {
        let own = core.database.iter().filter(|((f, _), _)| *f == family);
        own.map(|((_, key), value)| (key.clone(), json!(String::from_utf8_lossy(value)))).collect()
    });
    Reply::json(200, &json!(entries))
}

async fn writes(shared: &Shared, query: &str) -> Reply {
    let params = Params::parse(query.as_bytes());
    let since = params.text("since").parse::<u64>().unwrap_or(0);
    let wait = params.text("wait_ms").parse::<u64>().unwrap_or(0).min(60_000);
    let deadline = tokio::time::Instant::now() + Duration::from_millis(wait);
    loop {
        let woken = shared.wake.notified();
        tokio::pin!(woken);
        woken.as_mut().enable();
        let found: Vec<_> = shared.change_quietly(|core| core.writes.iter().filter(|w| w.seq > since).cloned().collect());
        if !found.is_empty() || tokio::time::Instant::now() >= deadline {
            return Reply::json(200, &json!({ "writes": found }));
        }
        tokio::select! {
            () = woken => {}
            () = tokio::time::sleep_until(deadline) => {}
        }
    }
}
