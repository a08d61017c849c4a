//! A SIP watcher: SIPp with our scenario, and what it was told, read from its message trace.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use calport_e2e::until;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::kamailio::{Kamailio, free_port, peer, program};

/// How long a NOTIFY may take on a busy machine.
const ARRIVE: Duration = Duration::from_secs(30);

/// What one publisher says of a person, as a NOTIFY tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// `open` or `closed`; empty when the NOTIFY tells nothing of this publisher.
    pub basic: String,
    /// Activities in their order.
    pub activities: Vec<String>,
    /// Until when they last, as written.
    pub until: String,
    /// The person's note.
    pub note: String,
}

/// One NOTIFY.
#[derive(Clone, Debug)]
pub struct Notify {
    /// Its number in the subscription.
    pub number: u32,
    /// Its body.
    pub body: String,
}

/// A running watcher.
pub struct Watcher {
    directory: tempfile::TempDir,
    child: Child,
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Watcher {
    /// Subscribes to a user's presence and waits for the first NOTIFY, which tells what is published already.
    pub async fn of(server: &Kamailio, user: &str) -> Self {
        let directory = tempfile::Builder::new().prefix("calport-sipp-").tempdir().unwrap();
        let mut command = Command::new(program("sipp"));
        command.arg(format!("127.0.0.1:{}", server.port)).args(["-i", "127.0.0.1", "-p", &free_port().to_string(), "-s", user, "-sf"]);
        command.arg(peer("watcher.xml")).args(["-m", "1", "-nostdin", "-trace_msg", "-message_file"]).arg(directory.path().join("trace"));
        let child = command.current_dir(&directory).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let watcher = Self { directory, child };
        watcher.sees("the subscription", |all| !all.is_empty()).await;
        watcher
    }

    /// Every NOTIFY so far, each once.
    pub fn notifies(&self) -> Vec<Notify> {
        let path: PathBuf = self.directory.path().join("trace");
        let trace = String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).replace("\r\n", "\n");
        let mut all: Vec<Notify> = Vec::new();
        for message in trace.split("\n-----------------------------------------------") {
            let Some((_, message)) = message.split_once("message received") else { continue };
            let Some(at) = message.find("NOTIFY sip:") else { continue };
            let Some((head, body)) = message[at..].split_once("\n\n") else { continue };
            let number = |line: &str| line.strip_prefix("CSeq: ")?.split(' ').next()?.parse().ok();
            let Some(number) = head.lines().find_map(number) else { continue };
            // The trace is written piece by piece, and a lost answer makes the server repeat itself.
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.trim().parse::<usize>().ok());
            if body.trim_end().len() + 4 >= length.unwrap_or(0) && all.iter().all(|n| n.number != number) {
                all.push(Notify { number, body: body.trim().to_owned() });
            }
        }
        all
    }

    /// What a publisher was told to show last.
    pub fn told(&self, publisher: &str) -> Told {
        self.notifies().last().map(|notify| notify.told(publisher)).unwrap_or_default()
    }

    /// Waits until the NOTIFYs so far fulfil a condition.
    pub async fn sees(&self, what: &str, condition: impl Fn(&[Notify]) -> bool) -> Duration {
        self.sees_within(what, ARRIVE, condition).await
    }

    /// The same with a time of its own.
    pub async fn sees_within(&self, what: &str, most: Duration, condition: impl Fn(&[Notify]) -> bool) -> Duration {
        let began = Instant::now();
        if until(most, async || condition(&self.notifies())).await.is_err() {
            panic!("{what}: not within {} s; the watcher was told {:#?}", began.elapsed().as_secs(), self.notifies());
        }
        began.elapsed()
    }
}

impl Notify {
    /// What this NOTIFY tells of a publisher.
    pub fn told(&self, publisher: &str) -> Told {
        let mut told = Told::default();
        let (tuple, person) = (publisher.to_owned(), format!("{publisher}-person"));
        let (mut inside, mut path): (String, Vec<String>) = (String::new(), Vec::new());
        let mut reader = Reader::from_str(&self.body);
        loop {
            match reader.read_event().unwrap_or_else(|e| panic!("a NOTIFY that is no XML: {e}\n{}", self.body)) {
                Event::Start(element) => {
                    let name = local_name(&element);
                    if name == "tuple" || name == "person" {
                        inside = attribute(&element, "id");
                    }
                    if inside == person && name == "activities" {
                        told.until = attribute(&element, "until");
                    }
                    path.push(name);
                }
                Event::Empty(element) if inside == person && path.last().is_some_and(|p| p == "activities") => {
                    told.activities.push(local_name(&element));
                }
                Event::Text(text) => told.text(&path, &inside, (&tuple, &person), &text.decode().unwrap()),
                Event::GeneralRef(reference) => {
                    let character = reference.resolve_char_ref().unwrap().map(String::from);
                    let named = || quick_xml::escape::resolve_predefined_entity(&reference.decode().unwrap()).unwrap().to_owned();
                    told.text(&path, &inside, (&tuple, &person), &character.unwrap_or_else(named));
                }
                Event::End(_) => {
                    path.pop();
                }
                Event::Eof => return told,
                _ => {}
            }
        }
    }
}

impl Told {
    fn text(&mut self, path: &[String], inside: &str, (tuple, person): (&str, &str), text: &str) {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match path[..] {
            ["presence", "tuple", "status", "basic"] if inside == tuple => self.basic.push_str(text),
            ["presence", "person", "note"] if inside == person => self.note.push_str(text),
            _ => {}
        }
    }
}

fn local_name(element: &BytesStart<'_>) -> String {
    String::from_utf8(element.local_name().as_ref().to_vec()).unwrap()
}

fn attribute(element: &BytesStart<'_>, name: &str) -> String {
    let value = element.try_get_attribute(name).unwrap();
    value.map(|a| a.unescape_value().unwrap().into_owned()).unwrap_or_default()
}
