//! What a schema cannot say about host, connections and rules.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Component, Path, PathBuf};

use serde_json::Value;
use url::{Host as UrlHost, Url};

use crate::check_discovery;
use crate::config::File;
use crate::connection::{Auth, Endpoint, Notify};
use crate::diagnostic::Diagnostic;
use crate::flow::DEFAULT_RULES;
use crate::nearest::suggest;
use crate::source::is_secret_key;
use crate::tree::{Document, Part, child};

/// Names that a section of the file defines, usable or not, so that one mistake does not cause another.
pub(crate) fn names<'a>(document: &'a Document, section: &str) -> Vec<&'a str> {
    document.value.get(section).and_then(Value::as_object).map(|members| members.keys().map(String::as_str).collect()).unwrap_or_default()
}

/// A reference to a name that nothing defines.
pub(crate) fn unknown(diagnostic: Diagnostic, given: &str, known: &[&str], none_yet: &str) -> Diagnostic {
    match suggest(given, known.iter().copied()) {
        Some(help) => diagnostic.with_help(help),
        None => diagnostic.with_help(none_yet),
    }
}

/// Judges `[host]`, `[hooks]` and `[secrets]`.
pub(crate) fn host(document: &Document, file: &File, directory: &Path, found: &mut Vec<Diagnostic>) {
    directories(document, file, directory, found);
    if !file.host.control.ip().is_loopback() {
        found.push(
            document
                .report("/host/control", Part::Value, "expected a loopback address: the control API has no login of its own")
                .with_help("use `127.0.0.1:8090`, and put a proxy with a login before it to reach it from elsewhere"),
        );
    }
    let Some(hooks) = &file.hooks else { return };
    let same_port = hooks.listen.port() == file.host.control.port() && hooks.listen.port() != 0;
    if same_port && (hooks.listen.ip() == file.host.control.ip() || hooks.listen.ip().is_unspecified()) {
        found.push(
            document
                .report(
                    "/hooks/listen",
                    Part::Value,
                    "this address is that of `control` in [host]; servers must never reach the control API",
                )
                .with_help("take another port"),
        );
    }
    if is_plain(&hooks.public_url) && !leads_to_loopback(&hooks.public_url) {
        found.push(document.report(
            "/hooks/public_url",
            Part::Value,
            "expected a URL with `https`: servers send notifications over TLS only",
        ));
    }
}

fn directories(document: &Document, file: &File, directory: &Path, found: &mut Vec<Diagnostic>) {
    let place = |path: &Path| plain(&directory.join(path));
    let data = place(&file.host.data_dir);
    let plugins = place(&file.host.plugins_dir);
    let identity = place(&file.secrets.identity);
    let cache = file.host.cache_dir.as_deref().map(place);
    let at = |written: &str, otherwise: &str| {
        if document.value.pointer(written).is_some() { written.to_owned() } else { otherwise.to_owned() }
    };
    if data.starts_with(&plugins) || plugins.starts_with(&data) {
        let pointer = at("/host/plugins_dir", "/host/data_dir");
        found.push(
            document
                .report(
                    &pointer,
                    Part::Value,
                    "`plugins_dir` and `data_dir` overlap: whoever may drop in connectors could change the state",
                )
                .with_help("give each a directory of its own"),
        );
    }
    if cache.is_some_and(|cache| cache.starts_with(&plugins) || plugins.starts_with(&cache)) {
        found.push(
            document
                .report(
                    "/host/cache_dir",
                    Part::Value,
                    "`cache_dir` and `plugins_dir` overlap: compiled code is never loaded from the drop-in directory",
                )
                .with_help("leave `cache_dir` out; it lies in `data_dir` then"),
        );
    }
    let beside = place(&file.secrets.file).parent().is_some_and(|parent| identity.starts_with(parent));
    if identity.starts_with(&data) || beside {
        let pointer =
            at("/secrets/identity", if document.value.pointer("/secrets/file").is_some() { "/secrets/file" } else { "/host/data_dir" });
        found.push(
            document
                .report(
                    &pointer,
                    Part::Value,
                    "the key of the secret file lies in the directory of the state or of the secrets: a copy of it opens them",
                )
                .with_help("set `identity` in [secrets] to a path elsewhere, such as `/etc/calport/secrets.key`"),
        );
    }
}

/// The path without `.` and `..`, as far as names alone tell.
fn plain(path: &Path) -> PathBuf {
    let mut result = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(result.components().next_back(), Some(Component::Normal(_))) => {
                result.pop();
            }
            other => result.push(other),
        }
    }
    result
}

/// Judges `[connections]`.
pub(crate) fn connections(document: &Document, file: &File, found: &mut Vec<Diagnostic>) {
    check_discovery::urls(document, found);
    for (name, connection) in &file.connections {
        let pointer = child(&child("", "connections"), name);
        if connection.notify == Some(Notify::Hooks) && file.hooks.is_none() {
            found.push(
                document
                    .report(
                        &child(&pointer, "notify"),
                        Part::Value,
                        "`hooks` needs [hooks]: the server must know a URL to which it sends its requests",
                    )
                    .with_help("add [hooks] with `listen` and `public_url`, or leave `notify` out"),
            );
        }
        if let Some(discovery) = &connection.discovery {
            check_discovery::domains(document, discovery, &child(&pointer, "discovery"), found);
        }
        let mut urls: BTreeMap<String, &str> = BTreeMap::new();
        for (endpoint_name, endpoint) in &connection.endpoints {
            let pointer = child(&child(&pointer, "endpoints"), endpoint_name);
            endpoint_urls(document, endpoint, &pointer, found);
            let Some(url) = &endpoint.url else { continue };
            let url = url.trim_end_matches('/').to_lowercase();
            if let Some(other) = urls.insert(url, endpoint_name).filter(|other| *other != endpoint_name) {
                let message = format!("this URL is that of the endpoint `{other}` too: which credential a request carries would be chance");
                found.push(
                    document
                        .report(&child(&pointer, "url"), Part::Value, message)
                        .with_help("give each a path of its own, or keep one of them"),
                );
            }
        }
        if connection.trace.active && connection.trace.bodies {
            let message = "this trace records bodies, with people's appointments in them";
            found.push(document.report(&child(&child(&pointer, "trace"), "bodies"), Part::Value, message).as_warning());
        }
        for key in connection.settings.iter().filter(|(key, value)| is_secret_key(key) && value.is_string()).map(|(key, _)| key) {
            let message = format!("`{key}` looks like a secret; settings are handed to the connector, which never needs one");
            let at = child(&child(&pointer, "settings"), key);
            found.push(document.report(&at, Part::Key, message).with_help("put it into the `auth` of an endpoint").as_warning());
        }
        if !in_use(file, name) {
            let message = format!("nothing uses the connection `{name}`");
            found.push(
                document
                    .report(&pointer, Part::Key, message)
                    .with_help("name it in [[flows]] as `source` or `sink`, in [people], as a further calendar, or in [alerts]")
                    .as_warning(),
            );
        }
    }
    if file.flows.is_empty() && document.value.get("flows").is_none() {
        found.push(
            document.report("", Part::Value, "there are no flows, so nothing is carried anywhere").with_help("add [[flows]]").as_warning(),
        );
    }
}

fn in_use(file: &File, name: &str) -> bool {
    let of_people = file.people.person.iter().filter_map(|person| person.calendars.as_ref());
    let calendars = of_people.chain(file.groups.values().filter_map(|group| group.calendars.as_ref())).flatten();
    file.flows.iter().any(|flow| flow.source == name || flow.sink == name)
        || file.people.directories.iter().any(|d| d.connection == name)
        || file.alerts.as_ref().is_some_and(|alerts| alerts.connection == name)
        || calendars.filter_map(|calendar| calendar.connection.as_deref()).any(|connection| connection == name)
}

fn endpoint_urls(document: &Document, endpoint: &Endpoint, pointer: &str, found: &mut Vec<Diagnostic>) {
    let mut urls: Vec<(String, &String)> = endpoint.url.iter().map(|url| (child(pointer, "url"), url)).collect();
    match &endpoint.auth {
        Auth::Oauth2ClientCredentials { token_url, .. } => urls.push((child(&child(pointer, "auth"), "token_url"), token_url)),
        Auth::Fba { login_url: Some(login_url), .. } => urls.push((child(&child(pointer, "auth"), "login_url"), login_url)),
        _ => {}
    }
    crate::check_auth::auth(document, endpoint, pointer, found);
    for (pointer, url) in urls {
        if is_plain(url) && !endpoint.plain_http {
            found.push(
                document
                    .report(&pointer, Part::Value, "expected a URL with `https`: `http` sends credentials and appointments in clear")
                    .with_help("if the way to the server is safe, add `plain_http = true` to the endpoint"),
            );
        }
        if let Some((kind, rule)) = closed_address(url).filter(|_| endpoint.allow_addresses.is_empty()) {
            found.push(
                document
                    .report(&pointer, Part::Value, format!("this is {kind}, which a connector does not reach by default"))
                    .with_help(format!("add `allow_addresses = [\"{rule}\"]` to the endpoint")),
            );
        }
    }
    if let Some(proxy) = endpoint.proxy.as_ref().filter(|proxy| proxy.user.is_some() != proxy.secret.is_some()) {
        let missing = if proxy.user.is_some() { "secret" } else { "user" };
        found.push(document.report(&child(pointer, "proxy"), Part::Key, format!("`{missing}` is missing here: a proxy's login has both")));
    }
}

fn is_plain(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| url.scheme() == "http")
}

fn address(url: &str) -> Option<IpAddr> {
    match Url::parse(url).ok()?.host()? {
        UrlHost::Ipv4(address) => Some(address.into()),
        UrlHost::Ipv6(address) => Some(IpAddr::from(address).to_canonical()),
        UrlHost::Domain(_) => None,
    }
}

fn leads_to_loopback(url: &str) -> bool {
    let named = Url::parse(url).is_ok_and(|url| url.host_str() == Some("localhost"));
    named || address(url).is_some_and(|address| address.is_loopback())
}

/// What is plain from the URL alone; the host judges every resolved address when it connects.
fn closed_address(url: &str) -> Option<(&'static str, &'static str)> {
    if leads_to_loopback(url) {
        return Some(("the machine itself", "loopback"));
    }
    let private = match address(url)? {
        IpAddr::V4(address) => address.is_private(),
        IpAddr::V6(address) => address.is_unique_local(),
    };
    private.then_some(("a private address", "private"))
}

/// Judges `[timing]` and `[alerts]`.
pub(crate) fn timing(document: &Document, file: &File, found: &mut Vec<Diagnostic>) {
    if (1..1800).contains(&file.timing.unknown_after_s) {
        let message = format!("expected 0 (never) or a number from 1800 to 2592000, found {}", file.timing.unknown_after_s);
        found.push(
            document
                .report("/timing/unknown_after_s", Part::Value, message)
                .with_help("a mailbox that was not seen for less than half an hour is not even stale"),
        );
    }
    let Some(alerts) = &file.alerts else { return };
    let known = names(document, "connections");
    let report = |message: String| document.report("/alerts/connection", Part::Value, message);
    if !known.contains(&alerts.connection.as_str()) {
        let message = format!("there is no connection `{}`", alerts.connection);
        found.push(unknown(report(message), &alerts.connection, &known, "there are no connections yet: add [connections.NAME]"));
    } else if file.connections.get(&alerts.connection).is_some_and(|connection| !connection.active) {
        let message = format!("the connection `{}` is switched off, so no alert can be sent", alerts.connection);
        found.push(report(message).with_help("name another connection, or remove its `active = false`").as_warning());
    }
}

/// Whether a row leads to a template that the file has, be it with a mistake that is told at the template.
pub(crate) fn written_template(document: &Document, rules: &str, row: &str) -> bool {
    let section = child("/rules", rules);
    let written = |name: &str| document.value.pointer(&format!("{section}{}", child("/templates", name.trim()))).is_some();
    row.strip_prefix("template:").is_some_and(written)
}

/// Judges `[rules]`.
pub(crate) fn rules(document: &Document, file: &File, found: &mut Vec<Diagnostic>) {
    let loaded_hours = file.host.window_days_back.saturating_mul(24);
    for (name, rules) in &file.rules {
        let pointer = child(&child("", "rules"), name);
        for error in rules.validate().err().unwrap_or_default() {
            let at = error.field.splitn(2, '.').fold(pointer.clone(), |pointer, part| child(&pointer, part));
            let row = document.value.pointer(&at).and_then(Value::as_str);
            if row.is_some_and(|row| written_template(document, name, row)) {
                continue;
            }
            let message = format!("`{}`: {}", error.field, error.problem);
            found.push(
                document
                    .report(&at, Part::Value, message)
                    .with_help(error.remedy.replace("[templates.", &format!("[rules.{name}.templates."))),
            );
        }
        if u32::from(rules.lookback_hours) > loaded_hours {
            let message = format!("expected at most {loaded_hours} hours: `window_days_back` in [host] loads no more");
            let at = child(&pointer, "lookback_hours");
            found.push(document.report(&at, Part::Value, message).with_help("raise `window_days_back`, or lower `lookback_hours`"));
        }
        let used = file.flows.iter().any(|flow| flow.rules == *name)
            || file.people.person.iter().any(|person| person.rules.as_ref() == Some(name))
            || file.groups.values().any(|group| group.rules.as_ref() == Some(name));
        if !used && name != DEFAULT_RULES && file.people.csv.is_none() {
            let message = format!("nothing uses the rules `{name}`");
            found.push(
                document
                    .report(&pointer, Part::Key, message)
                    .with_help("name them as `rules` in [[flows]], [[people.person]] or [groups.NAME]")
                    .as_warning(),
            );
        }
    }
}
