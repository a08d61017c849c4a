//! What people do to their calendars: at the server and, in the same step, in the true calendar.

use std::collections::BTreeMap;

use calport_simulators::graph::{EventDraft, Simulator};
use jiff::civil::{Date, Time, Weekday, time};
use jiff::{Timestamp, ToSpan};
use rand::prelude::*;

use super::person::Person;
use super::truth::{Appointment, Calendar, Changed, ShowAs, Times, plus, utc};

/// Appointments of one person beside series; with more, only deletions follow.
const MOST: usize = 25;

const TITLES: [&str; 12] = [
    "Review",
    "Client call",
    "Training",
    "Planning",
    "Interview",
    "Workshop",
    "Lunch",
    "Site visit",
    "Budget",
    "Retrospective",
    "Handover",
    "Dentist",
];

fn show_as(rng: &mut StdRng) -> ShowAs {
    match rng.random_range(0..100) {
        0..55 => ShowAs::Busy,
        55..67 => ShowAs::Tentative,
        67..77 => ShowAs::Oof,
        77..88 => ShowAs::Elsewhere,
        88..95 => ShowAs::Free,
        _ => ShowAs::Unknown,
    }
}

fn title(rng: &mut StdRng) -> String {
    let star = if rng.random_bool(0.04) { "* " } else { "" };
    format!("{star}{} {}", TITLES.choose(rng).unwrap(), rng.random_range(1..1000))
}

fn local_date(person: &Person, at: Timestamp) -> Date {
    person.calendar.zone.to_datetime(at).date()
}

/// The whole minute that an instant lies in.
fn minute(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second().div_euclid(60) * 60).unwrap()
}

/// A time near now: mostly ahead, sometimes already running.
fn near(rng: &mut StdRng, now: Timestamp) -> (Timestamp, Timestamp) {
    let from = plus(minute(now), if rng.random_bool(0.2) { rng.random_range(-40..0) } else { rng.random_range(1..420) });
    let length = if rng.random_bool(0.1) { rng.random_range(180..1500) } else { rng.random_range(3..24) * 5 };
    (from, plus(from, length))
}

fn new(subject: String, show_as: ShowAs, private: bool, times: Times) -> Appointment {
    Appointment { id: String::new(), subject, show_as, private, times }
}

/// The calendar as it stands when the week begins.
pub fn first(rng: &mut StdRng, calendar: &mut Calendar, index: usize, day: Date) {
    let workdays = [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday];
    let every = [workdays.as_slice(), &[Weekday::Saturday, Weekday::Sunday]].concat();
    let days = if index % 3 == 1 { every } else { workdays.to_vec() };
    let weeks_ago = day - 21.days();
    let last = day + 19.days();
    let hour = 8 + (index % 4) as i8;
    let series =
        |time: Time, minutes, days: Vec<Weekday>| Times::Series { first: weeks_ago, last, time, minutes, days, changed: BTreeMap::new() };
    let all = &mut calendar.appointments;
    all.push(new("Stand-up".to_owned(), ShowAs::Busy, false, series(time(hour, 30, 0, 0), 15, days)));
    all.push(new("Team meeting".to_owned(), ShowAs::Busy, false, series(time(14, 0, 0, 0), 60, vec![Weekday::Tuesday, Weekday::Sunday])));
    if index.is_multiple_of(2) {
        let elsewhere = Times::Series {
            first: day,
            last,
            time: time(17, 20, 0, 0),
            minutes: 95,
            days: vec![Weekday::Thursday, Weekday::Saturday],
            changed: BTreeMap::new(),
        };
        all.push(new("School run".to_owned(), ShowAs::Elsewhere, true, elsewhere));
    }
    if index % 5 == 3 {
        let first = day + rng.random_range(1..6_i64).days();
        all.push(new("Vacation".to_owned(), ShowAs::Oof, false, Times::Days { first, after: first + 9.days() }));
    }
}

/// Makes appointments at the server; their ids are kept.
pub fn seed(server: &Simulator, address: &str, calendar: &mut Calendar) {
    let drafts: Vec<EventDraft> = calendar.appointments.iter().map(|one| calendar.draft(one)).collect();
    for (one, draft) in calendar.appointments.iter_mut().zip(drafts) {
        one.id = server.add_event(address, draft).unwrap();
    }
}

/// Makes one change of a random kind. `false`: this person has nothing to change that way.
pub fn change(rng: &mut StdRng, server: &Simulator, person: &mut Person, now: Timestamp) -> bool {
    let before = person.calendar.clone();
    let step = draw(rng, person, now);
    let Some(step) = step else { return false };
    let mut after = before.clone();
    apply(&mut after, &step);
    if after.has_twins() {
        return false;
    }
    carry_out(server, &person.member.address, &before, &mut after, &step);
    person.calendar = after;
    true
}

/// A change that is to be made.
enum Step {
    Add(Appointment),
    Delete(usize),
    Times(usize, Times),
    Subject(usize, String),
    ShowAs(usize, ShowAs),
    Occurrence(usize, Date, Changed),
}

fn draw(rng: &mut StdRng, person: &Person, now: Timestamp) -> Option<Step> {
    let all = &person.calendar.appointments;
    let today = local_date(person, now);
    let once: Vec<usize> = (0..all.len()).filter(|&at| !matches!(all[at].times, Times::Series { .. })).collect();
    let series: Vec<usize> = (0..all.len()).filter(|&at| matches!(all[at].times, Times::Series { .. })).collect();
    let kind = if once.len() > MOST { 50 } else { rng.random_range(0..100) };
    match kind {
        0..34 => {
            let (start, end) = near(rng, now);
            Some(Step::Add(new(title(rng), show_as(rng), rng.random_bool(0.12), Times::Once { start, end })))
        }
        34..39 => {
            let first = today + rng.random_range(0..4_i64).days();
            let after = first + rng.random_range(1..4_i64).days();
            Some(Step::Add(new(title(rng), show_as(rng), rng.random_bool(0.1), Times::Days { first, after })))
        }
        39..43 => {
            let (time, minutes) = (time(rng.random_range(7..18), rng.random_range(0..12) * 5, 0, 0), rng.random_range(3..18) * 5);
            let days: Vec<Weekday> = (0..7_i64).filter(|_| rng.random_bool(0.6)).map(|day| (today + day.days()).weekday()).collect();
            let times = Times::Series {
                first: today,
                last: today + rng.random_range(7..12_i64).days(),
                time,
                minutes,
                days,
                changed: BTreeMap::new(),
            };
            matches!(&times, Times::Series { days, .. } if !days.is_empty()).then(|| Step::Add(new(title(rng), show_as(rng), false, times)))
        }
        43..60 => Some(Step::Delete(*once.choose(rng)?)),
        60..74 => {
            let at = *once.choose(rng)?;
            let (start, end) = near(rng, now);
            matches!(all[at].times, Times::Once { .. }).then_some(Step::Times(at, Times::Once { start, end }))
        }
        74..80 => Some(Step::Subject(rng.random_range(0..all.len()), title(rng))),
        80..86 => Some(Step::ShowAs(*once.choose(rng)?, show_as(rng))),
        86..89 => {
            let at = *series.choose(rng)?;
            let Times::Series { first, last, minutes, days, .. } = &all[at].times else { return None };
            let time = time(rng.random_range(7..18), rng.random_range(0..12) * 5, 0, 0);
            Some(Step::Times(
                at,
                Times::Series { first: *first, last: *last, time, minutes: *minutes, days: days.clone(), changed: BTreeMap::new() },
            ))
        }
        _ => occurrence(rng, all, &series, today, now),
    }
}

/// One occurrence of today or of the next days is cancelled, moved or renamed.
fn occurrence(rng: &mut StdRng, all: &[Appointment], series: &[usize], today: Date, now: Timestamp) -> Option<Step> {
    let at = *series.choose(rng)?;
    let Times::Series { first, last, days, changed, .. } = &all[at].times else { return None };
    let dates: Vec<Date> = (0..3_i64).map(|day| today + day.days()).collect();
    let open = |date: &&Date| days.contains(&date.weekday()) && **date >= *first && **date <= *last && !changed.contains_key(*date);
    let date = *dates.iter().filter(open).collect::<Vec<_>>().choose(rng)?;
    let (start, end) = near(rng, now);
    let change = match rng.random_range(0..3) {
        0 => Changed::Cancelled,
        1 => Changed::Other { start, end, subject: None },
        _ => Changed::Other { start, end, subject: Some(title(rng)) },
    };
    Some(Step::Occurrence(at, *date, change))
}

fn apply(calendar: &mut Calendar, step: &Step) {
    match step {
        Step::Add(one) => calendar.appointments.push(one.clone()),
        Step::Delete(at) => {
            calendar.appointments.remove(*at);
        }
        Step::Times(at, times) => calendar.appointments[*at].times = times.clone(),
        Step::Subject(at, subject) => calendar.appointments[*at].subject.clone_from(subject),
        Step::ShowAs(at, show_as) => calendar.appointments[*at].show_as = *show_as,
        Step::Occurrence(at, date, change) => {
            if let Times::Series { changed, .. } = &mut calendar.appointments[*at].times {
                changed.insert(*date, change.clone());
            }
        }
    }
}

fn carry_out(server: &Simulator, address: &str, before: &Calendar, after: &mut Calendar, step: &Step) {
    let id = |at: &usize| before.appointments[*at].id.clone();
    let patch = |id: String, draft: EventDraft| server.update_event(address, &id, draft).unwrap();
    match step {
        Step::Add(one) => {
            let id = server.add_event(address, before.draft(one)).unwrap();
            if let Some(made) = after.appointments.last_mut() {
                made.id = id;
            }
        }
        Step::Delete(at) => server.delete_event(address, &id(at)).unwrap(),
        Step::Times(at, Times::Once { start, end }) => patch(id(at), EventDraft::patch().times(&utc(*start), &utc(*end), "UTC")),
        Step::Times(at, Times::Series { first, time, minutes, days, .. }) => {
            let date = first.series(1.day()).find(|date| days.contains(&date.weekday())).unwrap();
            let (start, end) = before.local(date, *time, *minutes);
            patch(id(at), EventDraft::patch().times(&start, &end, before.windows));
        }
        Step::Times(_, Times::Days { .. }) => {}
        Step::Subject(at, subject) => patch(id(at), EventDraft::patch().subject(subject)),
        Step::ShowAs(at, show_as) => patch(id(at), EventDraft::patch().show_as(show_as.word())),
        Step::Occurrence(at, date, change) => {
            let Times::Series { time, .. } = &before.appointments[*at].times else { return };
            let original = super::truth::text(*date, *time);
            match change {
                Changed::Cancelled => server.delete_occurrence(address, &id(at), &original).unwrap(),
                Changed::Other { start, end, subject } => {
                    let occurrence = server.occurrence_id(address, &id(at), &original).unwrap();
                    let draft = EventDraft::patch().times(&utc(*start), &utc(*end), "UTC");
                    patch(occurrence, subject.iter().fold(draft, |draft, subject| draft.subject(subject)));
                }
            }
        }
    }
}
