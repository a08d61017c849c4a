//! Commands that ask the running service.

use std::path::Path;

use calport_web::control::{Client, ClientError, Token};
use serde_json::Value;

use crate::cli::{Log, StatusArgs, Trace};
use crate::exit::{Exit, Failure, Outcome};
use crate::service::token_file;

use super::{load, say, say_json};

/// A client for the service of a configuration file.
pub(super) fn client(file: &Path, json: bool) -> Result<Client, Failure> {
    let loaded = load(file, json)?;
    let path = token_file(&loaded.config);
    let not_running = |why: String| {
        Failure::new(
            Exit::NotRunning,
            format!(
                "no service is running for {}: {why}; start it with `calport serve`, or name its configuration with --config",
                file.display()
            ),
        )
    };
    let text = std::fs::read_to_string(&path).map_err(|e| not_running(format!("{} cannot be read ({e})", path.display())))?;
    let token = Token::parse(&text).map_err(|e| not_running(e.to_string()))?;
    Client::new(loaded.config.host.control, token).map_err(failure)
}

/// A failed call as a failed command.
pub(super) fn failure(error: ClientError) -> Failure {
    let exit = if matches!(error, ClientError::NotRunning { .. }) { Exit::NotRunning } else { Exit::Failed };
    Failure::new(exit, error.to_string())
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn number(value: &Value, key: &str) -> i64 {
    value.get(key).and_then(Value::as_i64).unwrap_or_default()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// `calport status`
pub async fn status(file: &Path, json: bool, options: StatusArgs) -> Outcome {
    let value = client(file, json)?.status().await.map_err(failure)?;
    if json {
        return say_json(&value);
    }
    let shadow = if value.get("publish").and_then(Value::as_bool) == Some(false) { " · SHADOW MODE: nothing is written" } else { "" };
    say(format!("Calport {} · up {} s{shadow}", text(&value, "version"), number(&value, "uptime_s")));
    if let Some(progress) = value.get("progress").filter(|p| !p.is_null()) {
        let (done, total) = (number(progress, "done"), number(progress, "total"));
        let rate = progress.get("rate").and_then(Value::as_f64).unwrap_or_default();
        let left = progress.get("seconds_left").and_then(Value::as_i64).map_or_else(String::new, |s| format!(", about {s} s left"));
        say(format!("First full read: {done} of {total} calendars, {rate:.1} per second{left}"));
    }
    say("");
    for connection in list(&value, "connections") {
        say(connection_line(connection));
        for key in ["reason", "mode_reason"] {
            if !text(connection, key).is_empty() {
                say(format!("    {}", text(connection, key)));
            }
        }
        if !text(connection, "next_try").is_empty() {
            say(format!("    next try {}", text(connection, "next_try")));
        }
        if let Some(cost) = connection.get("cost").filter(|c| c.is_object()) {
            say(format!(
                "    cost: {} calls, {} ms CPU, {:.1} MiB peak memory, {} kB in, {} kB out, {} requests, {} denied, {} traps",
                number(cost, "calls"),
                number(cost, "cpu_ms"),
                number(cost, "peak_memory") as f64 / 1_048_576.0,
                number(cost, "bytes_in") / 1024,
                number(cost, "bytes_out") / 1024,
                number(cost, "requests"),
                number(cost, "denied"),
                number(cost, "traps"),
            ));
        }
    }
    people(&value, options.people);
    let latency = value.get("change_latency").cloned().unwrap_or_default();
    if number(&latency, "count") > 0 {
        say(format!(
            "\nChange to sink: p50 {} ms, p99 {} ms over {} changes",
            number(&latency, "p50"),
            number(&latency, "p99"),
            number(&latency, "count")
        ));
    }
    Ok(())
}

fn connection_line(connection: &Value) -> String {
    let mode = match text(connection, "mode") {
        way @ ("hooks" | "streams") => {
            let streams = if way == "streams" { format!(" in {} streams", number(connection, "streams")) } else { String::new() };
            let polled = match number(connection, "polled") {
                0 => String::new(),
                n => format!(", {n} polled for now"),
            };
            let (mailboxes, subscriptions) = (number(connection, "mailboxes"), number(connection, "subscriptions"));
            format!("{mailboxes} mailboxes, {subscriptions} subscriptions{streams}{polled}")
        }
        "polling" => format!("{} mailboxes, polled", number(connection, "mailboxes")),
        _ => String::new(),
    };
    let mode = match connection.get("expected_latency_s").and_then(Value::as_i64) {
        Some(seconds) if !mode.is_empty() => format!("{mode}, changes noticed within {seconds} s"),
        _ => mode,
    };
    let troubled = match number(connection, "troubled") {
        0 => String::new(),
        n => format!(", {n} not live"),
    };
    let (connector, server) = (text(connection, "connector"), text(connection, "server"));
    let what = if server.starts_with(connector) { server.to_owned() } else { format!("{connector} {server}") };
    format!("{:<16} {:<9} {what} {mode}{troubled}", text(connection, "id"), text(connection, "state"))
}

fn people(value: &Value, all: bool) {
    let people = list(value, "people");
    let good = |p: &Value| text(p, "feed") == "live" && p.get("in_step").and_then(Value::as_bool) == Some(true);
    say(format!("\n{} people, {} in step", people.len(), people.iter().filter(|p| good(p)).count()));
    for person in people.iter().filter(|p| all || (!good(p) && text(p, "resolution") != "off")) {
        let shown = person.get("shown").filter(|v| v.is_object());
        let what = shown.map_or_else(|| "-".to_owned(), |v| format!("{} · {}", text(v, "availability"), text(v, "text")));
        let by_hand = if person.get("overruled").and_then(Value::as_bool) == Some(true) { "  (set by hand)" } else { "" };
        say(format!("{:<24} {:<13} {:<12} {what}{by_hand}", text(person, "id"), text(person, "resolution"), text(person, "feed")));
        if matches!(text(person, "freshness"), "stale" | "unknown") {
            say(format!("    the calendar was last known to be right at {}", text(person, "last_verified")));
        }
        for calendar in list(person, "calendars").iter().filter(|c| c.get("counts").and_then(Value::as_bool) != Some(true)) {
            say(format!("    further calendar {} does not count yet: {}", text(calendar, "address"), text(calendar, "detail")));
        }
        if text(person, "resolution") != "resolved" && !text(person, "detail").is_empty() {
            say(format!("    {}", text(person, "detail")));
        }
        for key in ["feed_reason", "sink_error"] {
            if !text(person, key).is_empty() {
                say(format!("    {}", text(person, key)));
            }
        }
    }
    for left in list(value, "left_out") {
        say(format!("{:<24} left out      {}", text(left, "person"), text(left, "reason")));
    }
}

/// `calport activate`, `calport deactivate`
pub async fn activate(file: &Path, json: bool, connection: &str, active: bool) -> Outcome {
    let value = client(file, json)?.activate(connection, active).await.map_err(failure)?;
    if json {
        return say_json(&value);
    }
    say(format!(
        "{connection} is {}. The configuration file decides again after the next start.",
        if active { "used again" } else { "no longer used; what it showed is being cleared" }
    ));
    Ok(())
}

/// `calport sync --now`
pub async fn sync(file: &Path, json: bool, connection: Option<&str>) -> Outcome {
    let value = client(file, json)?.sync_now(connection).await.map_err(failure)?;
    if json {
        return say_json(&value);
    }
    say(format!("{} mailboxes are being read now; see `calport log --follow`.", number(&value, "mailboxes")));
    Ok(())
}

/// `calport trace`
pub async fn trace(file: &Path, json: bool, command: Trace) -> Outcome {
    let client = client(file, json)?;
    let value = match &command {
        Trace::On { connection, minutes } => client.trace(connection, true, Some(*minutes)).await,
        Trace::Off { connection } => client.trace(connection, false, None).await,
    }
    .map_err(failure)?;
    if json {
        return say_json(&value);
    }
    match command {
        Trace::On { connection, .. } => {
            say(format!("{connection} is traced into {} until {}.", text(&value, "file"), text(&value, "until")))
        }
        Trace::Off { connection } => say(format!("{connection} is no longer traced.")),
    }
    Ok(())
}

/// `calport log`
pub async fn log(file: &Path, json: bool, options: Log) -> Outcome {
    let client = client(file, json)?;
    let mut lines = client.log(Some(options.lines), options.follow).await.map_err(failure)?;
    while let Some(line) = lines.next().await.map_err(failure)? {
        if json {
            say(&line);
        } else {
            say(pretty(&line));
        }
    }
    Ok(())
}

/// A log line for people.
pub fn pretty(line: &str) -> String {
    let Ok(value) = serde_json::from_str::<Value>(line) else { return line.to_owned() };
    let time = text(&value, "time").split('.').next().unwrap_or_default().replace('T', " ");
    let mut out = format!("{time} {:<5} ", text(&value, "level"));
    for key in ["connection", "person"] {
        if !text(&value, key).is_empty() {
            out.push_str(&format!("[{}] ", text(&value, key)));
        }
    }
    out.push_str(text(&value, "message"));
    if let Some(fields) = value.get("fields").and_then(Value::as_object) {
        for (name, value) in fields.iter().filter(|(_, v)| !v.is_null()) {
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            if !shown.is_empty() {
                out.push_str(&format!(" {name}={shown}"));
            }
        }
    }
    out
}
