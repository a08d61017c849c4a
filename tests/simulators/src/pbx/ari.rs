//! The REST interface: variables, device states, information; Basic authentication.
//!
//! It hides what the manager tells: a refused value is answered with 204, and a function cannot be read.

use axum::http::{Method, header, request::Parts};
use base64::Engine as _;
use serde_json::{Value, json};

use super::Shared;
use super::ami::Params;
use super::device::state_name;
use super::http::Reply;
use super::state::{Author, Source};

/// Answers a request to `resource`, the path behind `/ari/`.
pub fn answer(shared: &Shared, head: &Parts, resource: &str, body: &[u8]) -> Reply {
    let Some(account) = authorized(shared, head) else {
        let mut reply = error(401, "Authentication required");
        reply.extra.push(("www-authenticate", "Basic realm=\"Asterisk REST Interface\"".to_owned()));
        return reply;
    };
    let query = Params::parse(head.uri.query().unwrap_or_default().as_bytes());
    match (resource, &head.method) {
        ("asterisk/info", &Method::GET) => information(shared),
        ("asterisk/variable", &Method::GET | &Method::POST) => variable(shared, head, &query, body, account),
        ("deviceStates", &Method::GET) => {
            let devices = shared.change_quietly(|core| core.controlled_devices());
            Reply::json(200, &devices.into_iter().map(|(name, state)| device(&name, &state)).collect())
        }
        _ => match resource.strip_prefix("deviceStates/") {
            Some(name) => device_state(shared, &head.method, &decoded(name), &query),
            None => error(404, "Resource not found"),
        },
    }
}

/// The account of good credentials.
fn authorized(shared: &Shared, head: &Parts) -> Option<String> {
    let header = head.headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let decoded = header.and_then(|v| v.strip_prefix("Basic ")).and_then(|v| base64::engine::general_purpose::STANDARD.decode(v).ok());
    let given = decoded.and_then(|v| String::from_utf8(v).ok()).unwrap_or_default();
    shared.change_quietly(|core| {
        let known = core.accounts.iter().filter(|_| !core.refuse_credentials).find(|a| format!("{}:{}", a.name, a.secret) == given);
        known.map(|a| a.name.clone())
    })
}

fn variable(shared: &Shared, head: &Parts, query: &Params, body: &[u8], account: String) -> Reply {
    let given: Value = serde_json::from_slice(body).unwrap_or_default();
    let member = |name: &str| given.get(name).and_then(Value::as_str).map_or_else(|| query.text(name), str::to_owned);
    let name = member("variable");
    if name.is_empty() {
        return error(400, "Variable name is required");
    }
    if head.method == Method::GET {
        // Functions are not evaluated here: only a global variable of just this name is found.
        let value = shared.change_quietly(|core| core.globals.get(&name).cloned().unwrap_or_default());
        return Reply::json(200, &json!({ "value": String::from_utf8_lossy(&value) }));
    }
    let (now, author) = (shared.clock.now(), Author { source: Source::Ari, account });
    shared.change(|core| core.set_variable(&name, member("value").as_bytes(), &author, now));
    Reply::new(204, "", Vec::new())
}

fn device_state(shared: &Shared, method: &Method, name: &str, query: &Params) -> Reply {
    if *method == Method::GET {
        return Reply::json(200, &device(name, &shared.change_quietly(|core| core.device_state(name))));
    }
    let Some(key) = name.strip_prefix("Stasis:") else { return error(409, "Uncontrolled device specified") };
    if key.is_empty() {
        return error(404, "Device name is missing");
    }
    match *method {
        Method::PUT => match state_name(&query.text("devicestate")).filter(|s| *s != "UNKNOWN") {
            Some(state) => shared.change(|core| core.set_device(name, state)),
            None => return error(500, "Unknown device"),
        },
        Method::DELETE => shared.change(|core| core.remove_device(name)),
        _ => return error(405, "Invalid method"),
    };
    Reply::new(204, "", Vec::new())
}

fn information(shared: &Shared) -> Reply {
    let started = shared.change_quietly(|core| core.started);
    Reply::json(
        200,
        &json!({
            "system": { "version": shared.version, "entity_id": "02:00:00:00:00:01" },
            "config": { "name": "", "default_language": "en", "setid": { "user": "", "group": "" } },
            "status": { "startup_time": started.to_string(), "last_reload_time": started.to_string() },
        }),
    )
}

fn device(name: &str, state: &str) -> Value {
    json!({ "name": name, "state": state })
}

fn error(status: u16, message: &str) -> Reply {
    Reply::json(status, &json!({ "message": message }))
}

fn decoded(segment: &str) -> String {
    Params::parse(format!("v={}", segment.replace('+', "%2B")).as_bytes()).text("v")
}
