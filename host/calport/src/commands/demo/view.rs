//! The terminal view of the demo: people, their presence, and what the log says, while a script changes calendars.

use std::io::Write as _;
use std::time::{Duration, Instant};

use calport_engine::PersonStatus;
use calport_simulators::demo::{Applied, Script, World};
use calport_web::logring::LogRing;
use jiff::Timestamp;

use crate::commands::control::pretty;
use crate::exit::Outcome;
use crate::service::Service;

/// How often the view is drawn.
const FRAME: Duration = Duration::from_millis(250);
/// How often somebody changes something.
const CHANGE: Duration = Duration::from_secs(4);
/// Log lines shown.
const LOG: usize = 10;
/// Changes shown.
const CHANGES: usize = 6;

struct Made {
    change: Applied,
    at: Timestamp,
    /// Milliseconds until the PBX took it.
    took: Option<i128>,
}

/// Shows until interrupted. Without a terminal it writes a line for each change that arrived.
pub async fn run(world: &World, service: &Service, ring: &LogRing, terminal: bool) -> Outcome {
    let mut script = Script::new();
    let mut made: Vec<Made> = Vec::new();
    let mut next = Instant::now() + CHANGE;
    let mut interrupt = Box::pin(tokio::signal::ctrl_c());
    loop {
        let status = service.engine.status().await?;
        let ready = status.people.iter().filter(|p| p.in_step && p.shown.is_some()).count();
        if ready == status.people.len() && Instant::now() >= next {
            let at = Timestamp::now();
            made.push(Made { change: script.step(world, at)?, at, took: None });
            next = Instant::now() + CHANGE;
        }
        for one in made.iter_mut().filter(|m| m.took.is_none() && m.change.has_arrived(world)) {
            let took = world.last_shown(&one.change.user).map_or(0, |at| at.duration_since(one.at).as_millis().max(0));
            one.took = Some(took);
            if !terminal {
                super::say(format!("{took:>6} ms  {}", one.change.title));
            }
        }
        if terminal {
            draw(&status.people, &made, ring, &format!("{ready} of {} people in step", status.people.len()))?;
        }
        tokio::select! {
            _ = &mut interrupt => break,
            () = tokio::time::sleep(FRAME) => {}
        }
    }
    if terminal {
        println!("\x1b[?25h");
    }
    Ok(())
}

fn colour(availability: &str) -> &'static str {
    match availability {
        "available" => "32",
        "busy" => "31",
        "away" => "33",
        "dnd" => "35",
        _ => "90",
    }
}

fn cut(text: &str, width: usize) -> String {
    let mut out: String = text.chars().take(width).collect();
    if text.chars().count() > width {
        out.pop();
        out.push('…');
    }
    out
}

fn draw(people: &[PersonStatus], made: &[Made], ring: &LogRing, headline: &str) -> std::io::Result<()> {
    let mut out = String::from("\x1b[?25l\x1b[H");
    let mut line = |text: String| {
        out.push_str(&text);
        out.push_str("\x1b[K\n");
    };
    line(format!("\x1b[1mCalport demo\x1b[0m · {headline} · interrupt with Ctrl-C"));
    line(String::new());
    for person in people {
        let (availability, text) = person.shown.as_ref().map_or(("-", ""), |v| (v.availability.as_str(), v.text.as_str()));
        line(format!("  {:<18} \x1b[{}m● {:<10}\x1b[0m {}", cut(&person.name, 18), colour(availability), availability, cut(text, 70)));
    }
    line(String::new());
    for one in made.iter().rev().take(CHANGES) {
        let took = one.took.map_or_else(|| "   on its way".to_owned(), |ms| format!("{ms:>6} ms to PBX"));
        line(format!("  {took}  {}", cut(&one.change.title, 70)));
    }
    line(String::new());
    let feed = ring.feed();
    let skip = feed.last.len().saturating_sub(LOG);
    for text in feed.last.iter().skip(skip) {
        line(format!("\x1b[90m  {}\x1b[0m", cut(&pretty(text), 110)));
    }
    out.push_str("\x1b[J");
    let mut stdout = std::io::stdout();
    stdout.write_all(out.as_bytes())?;
    stdout.flush()
}
