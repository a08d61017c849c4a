//! What people cost in memory: their next boundaries, the table, the whole engine at work.
//!
//! Counted is what is asked of the allocator and not given back. SQLite's own memory is not among it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::time::{Duration, Instant};

use calport_engine::measure::Boundaries;
use calport_engine::{ConnectionPlan, Engine, HookSecrets, PersonPlan, Plan, Settings};
use calport_model::ManualClock;
use calport_rules::presence;
use calport_store::{NoSeal, PersonRow, ResolutionState, Store};
use jiff::{SignedDuration, Timestamp};

use super::fake::Fake;
use super::{row, window};

/// People in the table.
const MANY: usize = 1_000_000;
/// People of the engine at work.
const SOME: usize = 20_000;

/// Counts what is held.
struct Counting;

static HELD: AtomicIsize = AtomicIsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn note(bytes: usize, sign: isize) {
    HELD.fetch_add(sign * bytes.cast_signed(), Ordering::Relaxed);
}

#[allow(unsafe_code, reason = "an allocator is unsafe by nature; this one counts and passes on")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        note(layout.size(), -1);
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(layout.size(), -1);
        note(size, 1);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

fn held() -> isize {
    HELD.load(Ordering::Relaxed)
}

fn each(before: isize, count: usize) -> isize {
    (held() - before) / count.cast_signed()
}

fn plan(number: usize, rules: &Arc<presence::Config>) -> PersonPlan {
    PersonPlan {
        id: format!("person-{number}"),
        name: format!("Person Number {number}"),
        source: "calendar".to_owned(),
        addresses: vec![format!("person-{number}@contoso.example")],
        sink: "pbx".to_owned(),
        user: format!("user-{number}"),
        zone: None,
        language: None,
        vip: false,
        active: true,
        rules: rules.clone(),
        calendars: Vec::new(),
        overrules: true,
        synchronize_current: false,
        audience: None,
    }
}

fn found(plan: &PersonPlan, number: usize, now: Timestamp) -> PersonRow {
    PersonRow {
        person: plan.id.clone(),
        name: plan.name.clone(),
        source: plan.source.clone(),
        mailbox: Some(format!("00000000-0000-4000-8000-{number:012}")),
        resolution: ResolutionState::Resolved,
        detail: format!("found as {}", plan.addresses.first().map_or("", String::as_str)),
        resolved_at: now,
    }
}

/// The figures.
pub async fn run() {
    table();
    engine().await;
}

fn table() {
    let (rules, now) = (Arc::new(presence::Config::default()), window().start);
    let ids: Vec<String> = (0..MANY).map(|number| format!("person-{number}")).collect();
    let at = |number: usize| now + SignedDuration::from_mins(i64::try_from(number % 480).unwrap());
    let before = held();
    let mut alone = Boundaries::default();
    for (number, id) in ids.iter().enumerate() {
        alone.set(id, at(number));
    }
    let boundary = each(before, MANY);
    let began = Instant::now();
    assert_eq!(alone.pass(now + SignedDuration::from_hours(9)), MANY);
    let rate = MANY as f64 / began.elapsed().as_secs_f64();
    drop((alone, ids));
    row("memory of a next boundary, 1,000,000 people", &format!("{boundary} bytes each"), "-", "-", "≤ 1 kB");
    row("boundaries taken off the wheel, one core", &format!("{rate:.0} per s"), "-", "-", "-");

    let before = held();
    let mut people = Boundaries::default();
    for number in 0..MANY {
        let plan = plan(number, &rules);
        let found = found(&plan, number, now);
        people.add(plan, found, at(number));
    }
    let person = each(before, MANY);
    drop(people);
    row("memory of a person with plan, match and next boundary, 1,000,000 people", &format!("{person} bytes each"), "-", "-", "≤ 1 kB");
}

/// The whole engine over connectors in memory: everybody read, subscribed, shown, with a next boundary.
async fn engine() {
    let (rules, now) = (Arc::new(presence::Config::default()), window().start + SignedDuration::from_hours(32));
    let clock = Arc::new(ManualClock::new(now));
    let store = Store::in_memory(Arc::new(NoSeal)).await.unwrap();
    let (calendar, pbx) = (Arc::new(Fake::calendar()), Arc::new(Fake::pbx()));
    let engine = Engine::start(store, clock, HookSecrets::default()).await.unwrap();
    let connection = |id: &str, api: Arc<Fake>, hooks: bool| ConnectionPlan {
        id: id.to_owned(),
        api,
        active: true,
        url: "https://server.example.com".to_owned(),
        hook_url: hooks.then(|| "https://host.example.com/hooks/calendar/r".to_owned()),
        poll: Duration::from_secs(300),
        notify: None,
        stream_members: 200,
    };
    let before = held();
    let mut all = Plan { settings: Settings::default(), ..Plan::default() };
    all.connections.insert("calendar".to_owned(), connection("calendar", calendar, true));
    all.connections.insert("pbx".to_owned(), connection("pbx", pbx, false));
    for number in 0..SOME {
        let plan = plan(number, &rules);
        all.people.insert(plan.id.clone(), plan);
    }
    engine.apply(all).await.unwrap();
    engine.settle().await.unwrap();
    let status = engine.status().await.unwrap();
    assert_eq!(status.published, SOME as u64, "everybody is shown");
    assert!(status.people.iter().all(|person| person.next_change.is_some()), "everybody has a next boundary");
    drop(status);
    let person = each(before, SOME);
    row(
        &format!("memory of the whole engine per person, {SOME} people with mailbox, subscription, presence and timers"),
        &format!("{person} bytes"),
        "-",
        "-",
        "-",
    );
    engine.stop().await.unwrap();
}
