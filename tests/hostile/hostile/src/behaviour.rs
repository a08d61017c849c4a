//! The ways to misbehave that need no wrong answer: loops, floods, traps, waits.

use calport_sdk::common::{Error, ErrorKind};
use calport_sdk::http::{HostHttp, Http};
use calport_sdk::request;
use schemars::JsonSchema;
use serde::Deserialize;

/// What a call does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Behaviour {
    /// Answers properly.
    #[default]
    Normal,
    /// Never ends.
    LoopForever,
    /// Takes memory until there is none.
    MemoryHog,
    /// Traps.
    Trap,
    /// Traps in `open`.
    TrapInOpen,
    /// Calls itself until the stack ends.
    Recursion,
    /// Ends its own process, or so it thinks.
    Exit,
    /// Sleeps for an hour without waiting for anybody.
    Sleep,
    /// Reads from a server.
    Read,
    /// Writes to a server, not to be repeated.
    Write,
    /// Opens the answer of a server and reads it piece by piece.
    Stream,
    /// Opens the answer of a server, and keeps it open from wait to wait of a stream.
    KeepOpen,
    /// Writes lines without end, by its log and by its standard output.
    FloodLog,
    /// Answers with `amount` items.
    HugeList,
    /// Answers a list of questions with twice as many answers.
    WrongCount,
    /// Answers with values that their fields do not allow.
    BadValues,
    /// Looks for what it must not see.
    Peek,
    /// Says that what was asked for lives elsewhere.
    Moved,
}

impl Behaviour {
    /// The behaviour of a name in kebab case.
    pub fn named(name: &str) -> Option<Self> {
        let name: serde::de::value::StrDeserializer<'_, serde::de::value::Error> = serde::de::IntoDeserializer::into_deserializer(name);
        Self::deserialize(name).ok()
    }
}

/// The settings.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// What every call does.
    pub behaviour: Behaviour,
    /// How many items a huge list has.
    #[schemars(range(max = 10_000_000))]
    pub amount: u32,
    /// A port of this machine on which somebody listens.
    pub port: u16,
}

impl Default for Settings {
    fn default() -> Self {
        Self { behaviour: Behaviour::Normal, amount: 100_000, port: 9 }
    }
}

/// Lines of a flood: far more than any host lets through.
const LINES: u32 = 20_000;

/// Misbehaves. Behaviours that are about answers do nothing here.
///
/// # Errors
/// What a server answered, where one was asked.
pub fn act(behaviour: Behaviour, api: &str) -> Result<(), Error> {
    match behaviour {
        Behaviour::LoopForever => loop {
            std::hint::spin_loop();
        },
        Behaviour::MemoryHog => hog(),
        Behaviour::Trap => std::process::abort(),
        Behaviour::Exit => std::process::exit(0),
        Behaviour::Recursion => {
            calport_sdk::debug!("{}", deeper(u64::MAX));
            Ok(())
        }
        Behaviour::Sleep => {
            std::thread::sleep(std::time::Duration::from_secs(3_600));
            Ok(())
        }
        Behaviour::Read => request::get(format!("{api}/slow")).send(&HostHttp).map(drop),
        Behaviour::Write => request::post(format!("{api}/slow")).body("text/plain", "x").send(&HostHttp).map(drop),
        Behaviour::Stream => stream(api),
        Behaviour::Moved => Err(calport_sdk::error::item(ErrorKind::Moved(None), "it lives elsewhere".to_owned())),
        Behaviour::FloodLog => {
            for line in 0..LINES {
                calport_sdk::info!("line {} \u{1b}[2J\nforged line", line; "field" => "\u{202e}x".repeat(1_000));
                eprintln!("line {line}");
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn hog() -> ! {
    let mut taken: Vec<Vec<u8>> = Vec::new();
    loop {
        taken.push(vec![1; 1 << 20]);
        std::hint::black_box(&taken);
    }
}

#[allow(unconditional_recursion, reason = "that is its purpose")]
fn deeper(n: u64) -> u64 {
    let here = std::hint::black_box([n; 64]);
    deeper(n.wrapping_sub(1)).wrapping_add(here.iter().sum::<u64>())
}

/// Opens a stream of events.
///
/// # Errors
/// What the way out says.
pub fn open_stream(api: &str) -> Result<u32, Error> {
    let request = request::get(format!("{api}/stream")).quiet_ms(90_000).build();
    HostHttp.open(&request).map(|opened| opened.body).map_err(|e| calport_sdk::error::from_http(e, "opening a stream"))
}

/// Reads a piece of a body: how many bytes came.
///
/// # Errors
/// What the way out says, such as that the body is not there any more.
pub fn read_on(body: u32) -> Result<usize, Error> {
    let read = HostHttp.read_body(body, 1_000).map_err(|e| calport_sdk::error::from_http(e, "reading a stream"))?;
    Ok(read.map_or(0, |piece| piece.len()))
}

fn stream(api: &str) -> Result<(), Error> {
    let failed = |e| calport_sdk::error::from_http(e, "reading a stream");
    let opened = HostHttp.open(&request::get(format!("{api}/stream")).build()).map_err(failed)?;
    while HostHttp.read_body(opened.body, 1_000).map_err(failed)?.is_none_or(|piece| !piece.is_empty()) {}
    HostHttp.close_body(opened.body);
    Ok(())
}
