//! Servers that are not as documented, and those of other versions: the same is read and written.

use calport_sdk::testing::take_log;
use calport_simulators::ews::Deviations;
use calport_simulators::graph::EventDraft as Seed;

use super::*;

/// A calendar with one of each kind.
fn calendar(world: &World) {
    let seed = |subject: &str, day: &str| Seed::new(subject, &format!("{day}T09:00:00"), &format!("{day}T10:00:00"), BERLIN);
    world.mailboxes.add_event(ANNA, seed("Single", "2026-04-01").location("Room 2").show_as("oof").categories(&["Red"])).unwrap();
    world.mailboxes.add_event(ANNA, Seed::all_day("Leave", "2026-03-29", "2026-03-30", BERLIN).show_as("oof")).unwrap();
    let series = world.mailboxes.add_event(ANNA, seed("Standup", "2026-03-27").daily(5)).unwrap();
    world.mailboxes.delete_occurrence(ANNA, &series, "2026-03-28T09:00:00").unwrap();
    let moved = world.mailboxes.occurrence_id(ANNA, &series, "2026-03-30T09:00:00").unwrap();
    let later = Seed::patch().times("2026-03-30T15:00:00", "2026-03-30T15:30:00", BERLIN);
    world.mailboxes.update_event(ANNA, &moved, later).unwrap();
    world.mailboxes.add_event(ANNA, seed("Old", "2019-01-07").weekly(&["monday"])).unwrap();
}

/// From 2026-03-23 to 2026-04-06 UTC.
const TWO_WEEKS: Window = Window { start: 1_774_224_000_000, end: 1_775_433_600_000 };

/// What of an event does not depend on the server.
fn seen(client: &Client) -> Vec<String> {
    let told = |e: Event| format!("{} {:?} {:?} {:?} {:?}", e.subject, e.time.span, e.show_as, e.categories, e.location);
    let mut all: Vec<String> = read_all(client, ANNA, TWO_WEEKS).unwrap().into_iter().map(told).collect();
    all.sort_unstable();
    all
}

#[test]
fn every_deviation_reads_as_the_documented_server() {
    let documented = {
        let world = World::new();
        calendar(&world);
        seen(&world.client)
    };
    assert_eq!(documented.len(), 1 + 1 + 4 + 2, "{documented:?}");
    let none = Deviations::default();
    for deviations in [
        Deviations { unknown_elements: true, ..none },
        Deviations { other_order: true, ..none },
        Deviations { fraction_digits: Some(7), ..none },
        Deviations { missing_optional: true, ..none },
        Deviations { bare_content_type: true, ..none },
        Deviations { no_expansion: true, ..none },
        Deviations { inline_zones: true, ..none },
    ] {
        let world = World::with(Config { deviations, ..Config::default() });
        calendar(&world);
        take_log();
        assert_eq!(seen(&world.client), documented, "{deviations:?}");
        let said = take_log().iter().any(|line| line.message.contains("does not expand series"));
        assert_eq!(said, deviations.no_expansion, "{deviations:?}");
    }
}

#[test]
fn b15_where_all_series_are_old_the_setting_finds_them() {
    let world = World::with(Config { deviations: Deviations { no_expansion: true, ..Deviations::default() }, ..Config::default() });
    let old = Seed::new("Old", "2019-01-07T09:00:00", "2019-01-07T10:00:00", BERLIN).weekly(&["monday"]);
    world.mailboxes.add_event(ANNA, old).unwrap();
    let client = world.client(Settings { expand_series: true, ..settings() });
    assert_eq!(seen(&client).len(), 2);
}

#[test]
fn b34_a_server_that_ignores_the_version_overwrites_nothing() {
    let world = World::with(Config { deviations: Deviations { ignore_change_key: true, ..Deviations::default() }, ..Config::default() });
    let id = world.create(&draft("op-1", None)).unwrap();
    let before = world.get(&id).unwrap().version;
    world.update(&item(&id), &[EventField::Subject("By its owner".to_owned())], None).unwrap();
    let conflict = world.update(&item(&id), &[EventField::Subject("Late".to_owned())], Some(&before));
    assert!(matches!(kind(conflict), ErrorKind::Conflict(Some(_))));
    assert_eq!(world.only()["subject"], "By its owner");
}

#[test]
fn feat_c06_every_version_reads_and_writes() {
    for version in Version::ALL {
        let world = World::of_version(version);
        calendar(&world);
        let id = world.create(&draft("op-1", Some("tag-1"))).unwrap();
        assert_eq!(world.create(&draft("op-1", Some("tag-1"))).unwrap(), id, "{version:?}");
        assert_eq!(world.tagged("tag-1"), [id.as_str()], "{version:?}");
        let read = world.get(&id).unwrap();
        let at_nine = TimedSpan { start: Moment::At(1_774_854_000_000), end: Moment::At(1_774_857_600_000) };
        assert_eq!((read.subject.as_str(), read.time.span), ("Focus", Span::Timed(at_nine)), "{version:?}");
        world.update(&item(&id), &[time("2026-03-31T09:00:00", "2026-03-31T10:00:00")], Some(&read.version)).unwrap();
        world.delete(&item(&id), None).unwrap();
        let subjects: Vec<String> = seen(&world.client).into_iter().map(|e| e.chars().take_while(|c| *c != ' ').collect()).collect();
        assert_eq!(subjects, ["Leave", "Old", "Old", "Single", "Standup", "Standup", "Standup", "Standup"], "{version:?}");
        let report = crate::check::check(&world.client).unwrap();
        let lacks = report.findings.iter().filter(|f| f.message.contains("what it does not know is left out")).count();
        assert_eq!(lacks, usize::from(version < Version::Exchange2013), "{version:?}: {:?}", report.findings);
        world.nobody_was_mailed();
    }
}
