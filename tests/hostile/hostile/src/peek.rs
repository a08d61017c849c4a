//! Looks for everything a connector must not see: each attempt is a finding, a `problem` when it succeeded.

use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};

use calport_sdk::dns;
use calport_sdk::http::{HostHttp, Http, HttpError};
use calport_sdk::request;

use crate::Opened;
use crate::bindings::exports::calport::connector::connector::{Finding, Severity};

/// All attempts.
pub(crate) fn all(opened: &Opened) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut tried = |what: &str, outcome: Result<String, String>| {
        let (severity, message) = match outcome {
            Ok(got) => (Severity::Problem, format!("{what}: got {got}")),
            Err(why) => (Severity::Info, format!("{what}: {why}")),
        };
        findings.push(Finding { severity, message, remedy: String::new() });
    };
    environment(&mut tried);
    files(&mut tried);
    sockets(opened.settings.port, &mut tried);
    requests(&opened.api, &mut tried);
    #[cfg(target_arch = "wasm32")]
    crate::peek::wasi::requests(&opened.api, &mut tried);
    findings
}

/// `Ok` when there is something.
fn any(found: impl Iterator<Item = String>) -> Result<String, String> {
    let found: Vec<String> = found.collect();
    if found.is_empty() { Err("nothing".to_owned()) } else { Ok(found.join(", ")) }
}

fn got<T>(result: std::io::Result<T>) -> Result<String, String> {
    result.map(|_| "it".to_owned()).map_err(|e| e.to_string())
}

fn environment(tried: &mut impl FnMut(&str, Result<String, String>)) {
    tried("environment", any(std::env::vars().map(|(name, _)| name)));
    tried("arguments", any(std::env::args()));
    let mut line = String::new();
    tried(
        "input",
        match std::io::stdin().read_line(&mut line) {
            Ok(0) => Err("at its end".to_owned()),
            Ok(_) => Ok(line),
            Err(e) => Err(e.to_string()),
        },
    );
}

fn files(tried: &mut impl FnMut(&str, Result<String, String>)) {
    for path in ["/etc/passwd", "/proc/self/environ", "calport.toml", "../calport.toml"] {
        tried("file", got(std::fs::read(path)));
    }
    for path in ["/", "."] {
        tried("folder", got(std::fs::read_dir(path)));
    }
    for path in ["/tmp/calport-peek", "calport-peek"] {
        tried("new file", got(std::fs::write(path, "x")));
    }
}

fn sockets(port: u16, tried: &mut impl FnMut(&str, Result<String, String>)) {
    tried("connection", got(TcpStream::connect(("127.0.0.1", port))));
    tried("listener", got(TcpListener::bind("127.0.0.1:0")));
    tried("datagrams", got(UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.send_to(b"x", ("127.0.0.1", port)))));
    tried("name", got("localhost:80".to_socket_addrs()));
    let lookup = dns::srv("_secret._tcp.evil.example");
    tried("service", lookup.map(|_| "records".to_owned()).map_err(|e| e.message));
}

fn requests(api: &str, tried: &mut impl FnMut(&str, Result<String, String>)) {
    let with_user = api.replacen("://", "://calport@", 1);
    let attempts = [
        ("header authorization", request::get(format!("{api}/x")).header("Authorization", "Bearer x")),
        ("header cookie", request::get(format!("{api}/x")).header("cookie", "a=b")),
        ("header host", request::get(format!("{api}/x")).header("Host", "evil.example")),
        ("other host", request::get("https://evil.example/collect")),
        ("user in URL", request::get(format!("{with_user}/x"))),
        ("file URL", request::get("file:///etc/passwd")),
        ("tunnel", request::new("CONNECT", format!("{api}/x"))),
    ];
    for (what, attempt) in attempts {
        tried(
            what,
            match HostHttp.send(&attempt.build()) {
                Err(HttpError::Denied(rule)) => Err(format!("denied: {rule}")),
                Err(other) => Ok(format!("another error than a denial: {other:?}")),
                Ok(answer) => Ok(format!("HTTP {}", answer.status)),
            },
        );
    }
}

/// The same over `wasi:http`, as a library would that knows nothing of Calport.
#[cfg(target_arch = "wasm32")]
mod wasi {
    use wasip2::http::outgoing_handler::{self, OutgoingRequest};
    use wasip2::http::types::{ErrorCode, Fields, Scheme};

    pub(super) fn requests(api: &str, tried: &mut impl FnMut(&str, Result<String, String>)) {
        let authority = api.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
        for name in ["authorization", "cookie", "host"] {
            let appended = Fields::new().append(name, b"x");
            tried("wasi header", appended.map(|()| name.to_owned()).map_err(|e| e.to_string()));
        }
        tried("wasi other host", send("evil.example"));
        tried("wasi user in URL", send(&format!("calport@{authority}")));
    }

    fn send(authority: &str) -> Result<String, String> {
        let request = OutgoingRequest::new(Fields::new());
        let set = request.set_scheme(Some(&Scheme::Https)).and_then(|()| request.set_authority(Some(authority)));
        set.and_then(|()| request.set_path_with_query(Some("/x"))).map_err(|()| "the request cannot be made".to_owned())?;
        let answer = outgoing_handler::handle(request, None).map_err(|e| e.to_string())?;
        answer.subscribe().block();
        match answer.get() {
            Some(Ok(Err(ErrorCode::HttpRequestDenied))) => Err("denied".to_owned()),
            Some(Ok(Err(other))) => Ok(format!("another error than a denial: {other}")),
            Some(Ok(Ok(response))) => Ok(format!("HTTP {}", response.status())),
            other => Ok(format!("no outcome: {}", other.is_some())),
        }
    }
}
