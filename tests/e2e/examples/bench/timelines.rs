//! Presence over time, computed on one core.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use calport_engine::Basis;
use calport_model::Event;
use calport_model::event::Span;
use calport_rules::Language;
use calport_rules::presence::{Config, evaluate};
use jiff::{SignedDuration, Timestamp};

use super::{least, micros, page, ratio, row, window};

/// Computations of one round.
const TIMES: u32 = 2_000;

fn mean(mut work: impl FnMut()) -> Duration {
    least(|| {
        let began = Instant::now();
        for _ in 0..TIMES {
            work();
        }
        began.elapsed() / TIMES
    })
}

fn basis(events: Vec<Event>) -> Basis {
    let zone = jiff::tz::TimeZoneDatabase::bundled().get("Europe/Berlin").unwrap();
    Basis {
        person: "anna".to_owned(),
        events,
        absence: None,
        window: window(),
        presence_zone: zone.clone(),
        mailbox_zone: zone,
        language: Language::ENGLISH,
        rules: Arc::new(Config::default()),
        audience: None,
        overrides: Vec::new(),
        at_sink: BTreeMap::new(),
        signals: Vec::new(),
        verified: None,
        reconcile: Duration::from_secs(6 * 3600),
        unknown_after: None,
    }
}

/// The least that any timeline needs: all beginnings and ends in order.
fn boundaries(events: &[Event]) -> Vec<Timestamp> {
    let ends = |event: &Event| match event.span {
        Span::Timed { start, end } => [start, end],
        Span::AllDay { .. } => [Timestamp::MIN; 2],
    };
    let mut all: Vec<Timestamp> = events.iter().flat_map(ends).collect();
    all.sort_unstable();
    all
}

/// Weeks of 10 and of 60 events: the timeline alone, and what is shown because of it.
pub fn run() {
    let now = window().start + SignedDuration::from_hours(34);
    for count in [10, 60] {
        let basis = basis(page::week(count));
        let sorted = mean(|| {
            black_box(boundaries(black_box(&basis.events)));
        });
        let timeline = mean(|| {
            black_box(evaluate(black_box(&basis.input(now))));
        });
        let shown = mean(|| {
            black_box(black_box(&basis).shown(now));
        });
        let rate = |took: Duration| format!("{:.0} per s ({})", 1.0 / took.as_secs_f64(), micros(took));
        let baseline = format!("sorting its {} boundaries: {}", count * 2, micros(sorted));
        row(
            &format!("timelines of a week with {count} events, one core"),
            &rate(timeline),
            &baseline,
            &ratio(timeline, sorted),
            "microseconds",
        );
        row(&format!("what is shown, from a week with {count} events, one core"), &rate(shown), &baseline, &ratio(shown, sorted), "-");
    }
}
