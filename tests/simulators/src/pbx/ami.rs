//! The manager's actions: a request's parameters in, the text of the answer out.
//!
//! Whether an action is allowed follows the account's `write` classes also where the action only reads, as in the real product.

use jiff::Timestamp;

use super::device::status_lines;
use super::presence::Presence;
use super::state::{Author, Core, PRESENCE_PREFIX, Source, change_lines, line};

/// Parameters of a request: names in lower case, values as bytes.
#[derive(Clone, Debug, Default)]
pub struct Params(Vec<(String, Vec<u8>)>);

impl Params {
    /// Reads `a=b&c=d` with `+` and percent escapes; bytes are kept as they are.
    #[must_use]
    pub fn parse(encoded: &[u8]) -> Self {
        let pairs = encoded.split(|b| *b == b'&').filter(|p| !p.is_empty()).map(|pair| {
            let mut parts = pair.splitn(2, |b| *b == b'=');
            let name = unescape(parts.next().unwrap_or_default());
            (String::from_utf8_lossy(&name).to_ascii_lowercase(), unescape(parts.next().unwrap_or_default()))
        });
        Self(pairs.collect())
    }

    /// The first value of this name, as bytes; empty when there is none.
    #[must_use]
    pub fn bytes(&self, name: &str) -> &[u8] {
        self.0.iter().find(|(n, _)| n == name).map_or(&[], |(_, v)| v.as_slice())
    }

    /// The first value of this name, as text.
    #[must_use]
    pub fn text(&self, name: &str) -> String {
        String::from_utf8_lossy(self.bytes(name)).into_owned()
    }
}

fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.iter().copied();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let digits: String = rest.by_ref().take(2).map(char::from).collect();
                out.extend(u8::from_str_radix(&digits, 16).ok());
            }
            byte => out.push(byte),
        }
    }
    out
}

/// An answer under construction.
struct Answer<'a> {
    out: Vec<u8>,
    action_id: &'a [u8],
}

impl Answer<'_> {
    fn id(&mut self) {
        if !self.action_id.is_empty() {
            line(&mut self.out, "ActionID", self.action_id);
        }
    }

    fn simple(mut self, response: &str, message: &str) -> Vec<u8> {
        self.head(response);
        line(&mut self.out, "Message", message.as_bytes());
        self.end();
        self.out
    }

    fn error(self, message: &str) -> Vec<u8> {
        self.simple("Error", message)
    }

    fn head(&mut self, response: &str) {
        line(&mut self.out, "Response", response.as_bytes());
        self.id();
    }

    fn end(&mut self) {
        self.out.extend(b"\r\n");
    }

    fn list(&mut self, message: &str) {
        self.head("Success");
        line(&mut self.out, "EventList", b"start");
        line(&mut self.out, "Message", message.as_bytes());
        self.end();
    }

    fn event(&mut self, name: &str) {
        line(&mut self.out, "Event", name.as_bytes());
        self.id();
    }

    fn complete(mut self, name: &str, items: usize) -> Vec<u8> {
        self.event(name);
        line(&mut self.out, "EventList", b"Complete");
        line(&mut self.out, "ListItems", items.to_string().as_bytes());
        self.end();
        self.out
    }
}

/// Classes of which an account needs one for an action; none needed when empty.
fn classes(action: &str) -> Option<&'static [&'static str]> {
    Some(match action {
        "ping" | "events" | "login" | "logoff" | "waitevent" => &[],
        "setvar" => &["call"],
        "getvar" | "presencestate" | "presencestatelist" | "extensionstate" | "extensionstatelist" => &["call", "reporting"],
        "dbget" | "dbgettree" | "coresettings" | "corestatus" => &["system", "reporting"],
        "dbput" | "dbdel" => &["system"],
        _ => return None,
    })
}

/// Carries out an action of session `id` other than `Login` and `WaitEvent`, which need more than the state.
pub fn run(core: &mut Core, version: &str, id: u64, params: &Params, now: Timestamp) -> Vec<u8> {
    let action_id = params.bytes("actionid").to_vec();
    let mut answer = Answer { out: Vec::new(), action_id: &action_id };
    let action = params.text("action");
    let name = action.to_ascii_lowercase();
    if name.is_empty() {
        return answer.error("Missing action in request");
    }
    let Some(needed) = classes(&name) else {
        return answer.error(&format!("Invalid/unknown command: {action}. Use Action: ListCommands to show available commands."));
    };
    let user = core.sessions.get(id).map(|s| s.username.clone()).unwrap_or_default();
    let account = core.accounts.iter().find(|a| a.name.eq_ignore_ascii_case(&user));
    let allowed = needed.is_empty() || account.is_some_and(|a| a.write.iter().any(|c| c == "all" || needed.contains(&c.as_str())));
    if !allowed {
        return answer.error("Permission denied");
    }
    let text = |name: &str| params.text(name);
    match name.as_str() {
        "ping" => {
            answer.head("Success");
            line(&mut answer.out, "Ping", b"Pong");
            let stamp = format!("{}.{:06}", now.as_second(), now.subsec_nanosecond() / 1000);
            line(&mut answer.out, "Timestamp", stamp.as_bytes());
            answer.end();
            answer.out
        }
        "login" => answer.simple("Success", "Already authenticated"),
        "logoff" => {
            core.sessions.remove(id);
            answer.simple("Goodbye", "Thanks for all the fish.")
        }
        "events" => {
            let read = account.map(|a| a.read.clone()).unwrap_or_default();
            let mask = mask(&text("eventmask"), &read);
            let on = if mask.is_empty() { "Off" } else { "On" };
            if let Some(session) = core.sessions.get(id) {
                session.mask = Some(mask);
            }
            answer.head("Success");
            line(&mut answer.out, "Events", on.as_bytes());
            answer.end();
            answer.out
        }
        "setvar" if text("variable").is_empty() => answer.error("No variable specified"),
        "setvar" if !text("channel").is_empty() => answer.error("No such channel"),
        "setvar" => {
            match core.set_variable(&text("variable"), params.bytes("value"), &Author { source: Source::Ami, account: user.clone() }, now) {
                true => answer.simple("Success", "Variable Set"),
                false => answer.error("Variable not set"),
            }
        }
        "getvar" if text("variable").is_empty() => answer.error("No variable specified"),
        "getvar" => {
            let variable = text("variable");
            answer.head("Success");
            line(&mut answer.out, "Variable", variable.as_bytes());
            line(&mut answer.out, "Value", &core.get_variable(&variable));
            answer.end();
            answer.out
        }
        "presencestate" => presence_state(core, answer, &text("provider")),
        "presencestatelist" => {
            answer.list("Presence State Changes will follow");
            for (presentity, presence) in &core.presence {
                answer.event("PresenceStateChange");
                answer.out.extend(change_lines(presentity, presence));
                answer.end();
            }
            answer.complete("PresenceStateListComplete", core.presence.len())
        }
        "extensionstate" => extension_state(core, answer, &text("exten"), &text("context")),
        "extensionstatelist" => extension_states(core, answer),
        "corestatus" => {
            let started = core.started.strftime("%Y-%m-%d %H:%M:%S").to_string();
            let (date, time) = started.split_once(' ').unwrap_or_default();
            answer.head("Success");
            let lines = [("CoreStartupDate", date), ("CoreStartupTime", time), ("CoreReloadDate", date), ("CoreReloadTime", time)];
            for (name, value) in lines.into_iter().chain([("CoreCurrentCalls", "0"), ("CoreProcessedCalls", "0")]) {
                line(&mut answer.out, name, value.as_bytes());
            }
            answer.end();
            answer.out
        }
        "coresettings" => {
            answer.head("Success");
            let lines = [("AMIversion", "11.0.0"), ("AsteriskVersion", version), ("SystemName", ""), ("CoreMaxCalls", "0")];
            for (name, value) in lines.into_iter().chain([("CoreHTTPenabled", "Yes")]) {
                line(&mut answer.out, name, value.as_bytes());
            }
            answer.end();
            answer.out
        }
        "dbgettree" => {
            let prefix = ["", &text("family"), &text("key")].join("/").trim_end_matches('/').to_owned();
            answer.list("Result will follow");
            let mut items = 0;
            for ((family, key), value) in &core.database {
                let path = format!("/{family}/{key}");
                if path.strip_prefix(&prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
                    items += 1;
                    line(&mut answer.out, "Event", b"DBGetTreeResponse");
                    line(&mut answer.out, "Key", path.as_bytes());
                    line(&mut answer.out, "Val", value);
                    answer.id();
                    answer.end();
                }
            }
            answer.complete("DBGetTreeComplete", items)
        }
        _ => database(core, answer, &name, params),
    }
}

fn presence_state(core: &Core, mut answer: Answer<'_>, provider: &str) -> Vec<u8> {
    if provider.is_empty() {
        return answer.error("No provider specified");
    }
    if !provider.starts_with(PRESENCE_PREFIX) {
        return answer.error(&format!("Invalid provider {provider} or provider in invalid state"));
    }
    let presence = core.presence.get(provider).cloned().unwrap_or_else(Presence::not_set);
    answer.head("Success");
    line(&mut answer.out, "Message", b"Presence State");
    line(&mut answer.out, "State", presence.state.as_bytes());
    if !presence.subtype.is_empty() {
        line(&mut answer.out, "Subtype", &presence.subtype);
    }
    if !presence.message.is_empty() {
        line(&mut answer.out, "Message", &presence.message);
        line(&mut answer.out, "PresenceMessage", &presence.message);
    }
    answer.end();
    answer.out
}

fn extension_state(core: &Core, mut answer: Answer<'_>, exten: &str, context: &str) -> Vec<u8> {
    if exten.is_empty() {
        return answer.error("Extension not specified");
    }
    let context = if context.is_empty() { "default" } else { context };
    answer.head("Success");
    line(&mut answer.out, "Message", b"Extension Status");
    match core.hints.iter().find(|h| h.exten == exten && h.context == context) {
        Some(hint) => {
            let (status, name) = core.extension_state(hint);
            answer.out.extend(status_lines(hint, status, name));
        }
        None => {
            let unknown = format!("Exten: {exten}\r\nContext: {context}\r\nHint: \r\nStatus: -1\r\nStatusText: Unknown\r\n");
            answer.out.extend(unknown.into_bytes());
        }
    }
    answer.end();
    answer.out
}

fn extension_states(core: &Core, mut answer: Answer<'_>) -> Vec<u8> {
    if core.hints.is_empty() {
        return answer.error("No dialplan hints are available");
    }
    answer.list("Extension Statuses will follow");
    for hint in &core.hints {
        let (status, name) = core.extension_state(hint);
        answer.event("ExtensionStatus");
        answer.out.extend(status_lines(hint, status, name));
        answer.end();
    }
    answer.complete("ExtensionStateListComplete", core.hints.len())
}

fn database(core: &mut Core, mut answer: Answer<'_>, name: &str, params: &Params) -> Vec<u8> {
    let (family, key) = (params.text("family"), params.text("key"));
    let dot = if name == "dbput" { "" } else { "." };
    if family.is_empty() {
        return answer.error(&format!("No family specified{dot}"));
    }
    if key.is_empty() {
        return answer.error(&format!("No key specified{dot}"));
    }
    let place = (family.clone(), key.clone());
    match name {
        "dbput" => {
            core.database.insert(place, params.bytes("val").to_vec());
            answer.simple("Success", "Updated database successfully")
        }
        "dbdel" => match core.database.remove(&place) {
            Some(_) => answer.simple("Success", "Key deleted successfully"),
            None => answer.error("Database entry could not be deleted"),
        },
        _ => match core.database.get(&place) {
            None => answer.error("Database entry not found"),
            Some(value) => {
                answer.list("Result will follow");
                line(&mut answer.out, "Event", b"DBGetResponse");
                line(&mut answer.out, "Family", family.as_bytes());
                line(&mut answer.out, "Key", key.as_bytes());
                line(&mut answer.out, "Val", value);
                answer.id();
                answer.end();
                answer.complete("DBGetComplete", 1)
            }
        },
    }
}

/// The classes of `wished` (`on`, `off`, or a list) that the account may read.
pub fn mask(wished: &str, read: &[String]) -> Vec<String> {
    let wished = wished.trim().to_ascii_lowercase();
    let every = ["call", "system", "reporting", "user", "dialplan"].map(str::to_owned);
    let read: Vec<String> = if read.iter().any(|c| c == "all") { every.to_vec() } else { read.to_vec() };
    match wished.as_str() {
        "off" | "no" | "0" => Vec::new(),
        "on" | "yes" | "1" | "all" | "" => read,
        list => read.into_iter().filter(|c| list.split(',').any(|w| w.trim() == c)).collect(),
    }
}

/// The answer to a `WaitEvent` that is over: its head, the events, its end.
pub fn wait_answer(events: &[super::session::Event], params: &Params) -> Vec<u8> {
    let action_id = params.bytes("actionid").to_vec();
    let mut answer = Answer { out: Vec::new(), action_id: &action_id };
    answer.head("Success");
    line(&mut answer.out, "Message", b"Waiting for Event completed.");
    answer.end();
    for event in events {
        answer.out.extend(&event.text);
    }
    answer.event("WaitEventComplete");
    answer.end();
    answer.out
}

/// An error answer outside of any action.
pub fn refused(message: &str) -> Vec<u8> {
    Answer { out: Vec::new(), action_id: &[] }.error(message)
}

/// The same answer as XML: one element per block, names in lower case, a repeated name numbered from 2.
#[must_use]
pub fn to_xml(text: &[u8]) -> Vec<u8> {
    let mut out = b"<ajax-response>\n".to_vec();
    for block in String::from_utf8_lossy(text).split("\r\n\r\n").filter(|b| !b.trim().is_empty()) {
        out.extend(b"<response type='object' id='unknown'><generic");
        let mut seen: Vec<String> = Vec::new();
        for (name, value) in block.lines().filter_map(|l| l.split_once(':')) {
            let name = name.trim().to_ascii_lowercase();
            seen.push(name.clone());
            let times = seen.iter().filter(|n| **n == name).count();
            let name = if times > 1 { format!("{name}-{times}") } else { name };
            out.extend(format!(" {name}='{}'", xml_escape(value.trim())).into_bytes());
        }
        out.extend(b" /></response>\n");
    }
    out.extend(b"</ajax-response>\n");
    out
}

fn xml_escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\'', "&#39;").replace('"', "&quot;")
}
