//! Streams (SEMANTICS C-02, C-08 to C-14, B-32, B-33, P-26, R-05), over a fake calendar and a clock moved by hand.

use std::collections::BTreeSet;
use std::time::Duration;

use calport_model::ErrorKind;
use calport_model::ErrorScope;
use calport_model::descriptor::StreamProfile;
use calport_model::notification::HintKind;

use crate::common::*;

const PROFILE: StreamProfile = StreamProfile { members: 200, life: Some(Duration::from_secs(1_800)), quiet: Some(Duration::from_secs(90)) };

pub fn address(name: &str) -> String {
    format!("{name}@example.com")
}

pub fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("p{n:03}")).collect()
}

/// A calendar with streams and without hooks.
async fn rig(people: &[String]) -> Rig {
    let names: Vec<&str> = people.iter().map(String::as_str).collect();
    let mut rig = Rig::new(&names).await;
    rig.hooks = false;
    rig.calendar.with(|s| s.line = Some(Line::new(PROFILE)));
    rig
}

/// The same, and the streams are open.
pub async fn following(people: &[String]) -> Rig {
    let rig = rig(people).await;
    rig.start().await;
    for _ in 0..8 {
        rig.pass(1).await;
    }
    rig
}

impl Rig {
    pub fn line<T>(&self, f: impl FnOnce(&mut Line) -> T) -> T {
        self.calendar.with(|s| f(s.line.as_mut().unwrap()))
    }

    pub fn reads(&self) -> usize {
        self.calendar.with(|s| s.full_reads + s.delta_reads)
    }

    /// Time passes with a heartbeat each half minute.
    pub async fn beats(&self, seconds: u64) {
        for _ in 0..seconds / 30 {
            self.clock.advance(Duration::from_secs(30));
            self.line(|l| l.say(&HintKind::Heartbeat));
            self.calm().await;
            // The pause between two waits.
            self.pass(1).await;
        }
    }

    async fn change(&self, name: &str, subject: &str) {
        let today = self.clock_now().to_zoned(jiff::tz::TimeZone::UTC).date();
        self.calendar.put(&address(name), busy("e1", &format!("{today}T00:00:00Z"), &format!("{today}T20:00:00Z"), subject));
        self.line(|l| l.changed(&address(name)));
        self.pass(1).await;
    }

    pub fn text(&self, name: &str) -> String {
        self.sink.shows(name).unwrap_or_default()
    }

    pub async fn cal(&self) -> calport_engine::ConnectionStatus {
        self.engine.status().await.unwrap().connections.into_iter().find(|c| c.id == "cal").unwrap()
    }
}

#[tokio::test]
async fn feat_c08_a_change_arrives_by_the_stream_and_the_status_says_so() {
    let rig = following(&names(2)).await;
    let before = rig.reads();
    assert_eq!(before, 2, "one read for each mailbox, after its subscription (C-02)");
    rig.change("p000", "Standup").await;
    assert_eq!(rig.text("p000"), "Busy: Standup until 21:00");
    assert_eq!(rig.reads() - before, 1);
    let status = rig.cal().await;
    assert_eq!((status.mode, status.streams, status.polled, status.subscriptions), ("streams", 1, 0, 2));
    assert_eq!((status.expected_latency_s, status.mode_reason), (Some(10), None));
    assert!(status.last_heartbeat.is_some());
}

#[tokio::test]
async fn c09_b32_three_hundred_mailboxes_share_two_streams_by_affinity_and_number() {
    let people = names(300);
    let rig = rig(&people).await;
    rig.calendar.with(|s| s.affinities = people.iter().map(|p| (address(p), "one place".to_owned())).collect());
    rig.start().await;
    for _ in 0..10 {
        rig.pass(1).await;
    }
    let (opened, groups) = rig.line(|l| {
        let groups: BTreeSet<(String, String)> = l.asked.iter().map(|(_, group, anchor)| (group.clone(), anchor.clone())).collect();
        (l.opened.clone(), groups)
    });
    assert_eq!(opened.iter().copied().collect::<BTreeSet<_>>(), [100, 200].into(), "{opened:?}");
    assert_eq!(groups.len(), 2, "each group has one anchor: {groups:?}");
    let per_group =
        |g: &str| rig.line(|l| l.asked.iter().filter(|(_, group, _)| group == g).map(|(m, ..)| m.clone()).collect::<BTreeSet<_>>());
    for (group, anchor) in &groups {
        let members = per_group(group);
        assert!(members.len() <= 200 && members.contains(anchor), "{anchor}");
    }
    assert_eq!(rig.reads(), 300, "each is read once");
    rig.change("p299", "Late").await;
    assert!(rig.text("p299").contains("Late"));
}

#[tokio::test]
async fn b32_mailboxes_of_other_places_have_streams_of_their_own_and_the_configured_number_holds() {
    let people = names(7);
    let mut rig = rig(&people).await;
    rig.stream_members = 3;
    rig.calendar.with(|s| {
        let place = |n: usize| if n < 5 { "a" } else { "b" }.to_owned();
        s.affinities = people.iter().enumerate().map(|(n, p)| (address(p), place(n))).collect();
    });
    rig.start().await;
    for _ in 0..8 {
        rig.pass(1).await;
    }
    let mut opened = rig.line(|l| l.opened.clone());
    opened.sort_unstable();
    assert_eq!(opened, [2, 2, 3]);
}

#[tokio::test]
async fn feat_c08_c09_a_stream_is_renewed_beside_the_last_one_and_nothing_is_lost_or_read_again() {
    let rig = following(&names(3)).await;
    let before = rig.reads();
    // A day: some 50 renewals.
    for hour in 0..24 {
        rig.beats(3_600).await;
        let (most_ids, open) = rig.line(|l| (l.opened.len(), l.streams.len()));
        assert!(open <= 2 && most_ids >= 2 * hour, "{open} streams, {most_ids} opened after {hour} h");
    }
    let opened = rig.line(|l| l.opened.len());
    assert!((45..=60).contains(&opened), "{opened} streams in a day");
    let routine = rig.reads() - before;
    assert!(routine <= 3 * 6, "{routine} reads: only the routine ones of every six hours");
    rig.change("p001", "Still there").await;
    assert!(rig.text("p001").contains("Still there"));
}

#[tokio::test]
async fn c09_changes_at_the_moment_of_a_renewal_arrive_by_either_stream() {
    let rig = following(&names(2)).await;
    let mut seen = 0;
    for round in 0..400 {
        rig.clock.advance(Duration::from_secs(29));
        rig.line(|l| l.say(&HintKind::Heartbeat));
        rig.calm().await;
        let two = rig.line(|l| l.streams.len()) == 2;
        if two {
            seen += 1;
            rig.change("p000", &format!("Round {round}")).await;
            rig.pass(11).await;
            assert!(rig.text("p000").contains(&format!("Round {round}")), "{}", rig.text("p000"));
        }
        rig.pass(1).await;
    }
    assert!(seen > 3, "{seen} renewals were met in their middle");
}

#[tokio::test]
async fn c09_a_renewal_that_ends_badly_costs_one_read_each() {
    let rig = following(&names(3)).await;
    rig.beats(1_500).await;
    for _ in 0..240 {
        if rig.line(|l| l.streams.len()) == 2 {
            break;
        }
        rig.pass(1).await;
        rig.line(|l| l.say(&HintKind::Heartbeat));
    }
    assert_eq!(rig.line(|l| l.streams.len()), 2, "the next stream is opened before the last one ends");
    let before = rig.reads();
    // The last one breaks off before it has said all it had to say; the change is told by nobody.
    rig.calendar.put(&address("p002"), busy("e1", "2026-03-02T07:00:00Z", "2026-03-02T20:00:00Z", "Between the two"));
    rig.line(|l| l.cut_oldest());
    for _ in 0..5 {
        rig.pass(1).await;
    }
    assert!(rig.text("p002").contains("Between the two"));
    assert_eq!(rig.reads() - before, 3);
    assert_eq!(rig.line(|l| l.streams.len()), 1);
}

#[tokio::test]
async fn c09_a_silent_stream_is_noticed_and_what_was_missed_is_read() {
    let rig = following(&names(2)).await;
    rig.line(|l| l.silent = true);
    rig.calendar.put(&address("p001"), busy("e1", "2026-03-02T07:00:00Z", "2026-03-02T20:00:00Z", "Missed"));
    rig.line(|l| l.changed(&address("p001")));
    rig.pass(60).await;
    assert!(!rig.text("p001").contains("Missed"));
    rig.line(|l| l.silent = false);
    rig.pass(31).await;
    for _ in 0..6 {
        rig.pass(1).await;
    }
    assert!(rig.text("p001").contains("Missed"), "noticed after its quiet time, opened anew, read once");
    assert_eq!(rig.line(|l| l.opened.len()), 2);
}

#[tokio::test]
async fn feat_c08_c09_while_no_stream_can_be_opened_mailboxes_are_polled_and_shown_so() {
    let rig = following(&names(2)).await;
    rig.line(|l| {
        l.refuse = Some(failure(ErrorKind::Unavailable, ErrorScope::Mailbox));
        l.cut();
    });
    for _ in 0..10 {
        rig.pass(1).await;
    }
    let status = rig.cal().await;
    assert_eq!((status.mode, status.streams, status.expected_latency_s), ("polling", 0, Some(300)));
    assert_eq!(status.mode_reason.as_deref(), Some("the fake refuses"));
    rig.calendar.put(&address("p000"), busy("e1", "2026-03-02T07:00:00Z", "2026-03-02T20:00:00Z", "Polled"));
    rig.pass(340).await;
    assert!(rig.text("p000").contains("Polled"));
    rig.line(|l| l.refuse = None);
    rig.pass(61).await;
    for _ in 0..6 {
        rig.pass(1).await;
    }
    assert_eq!(rig.cal().await.mode, "streams");
}

#[tokio::test]
async fn b43_a_server_that_ends_every_stream_at_once_is_not_asked_in_a_loop() {
    let rig = rig(&names(5)).await;
    rig.line(|l| l.ends_at_once = true);
    rig.start().await;
    for _ in 0..600 {
        rig.pass(1).await;
    }
    let opened = rig.line(|l| l.opened.len());
    assert!((5..=25).contains(&opened), "{opened} streams in ten minutes");
    assert!(rig.reads() <= 5 * 30, "{}", rig.reads());
    rig.line(|l| l.ends_at_once = false);
    rig.pass(61).await;
    for _ in 0..6 {
        rig.pass(1).await;
    }
    rig.change("p001", "Steady").await;
    assert!(rig.text("p001").contains("Steady"));
}

#[tokio::test]
async fn c14_a_server_that_takes_no_more_streams_leaves_the_rest_to_polling() {
    let people = names(4);
    let mut rig = rig(&people).await;
    rig.stream_members = 2;
    rig.line(|l| l.most = 1);
    rig.start().await;
    for _ in 0..8 {
        rig.pass(1).await;
    }
    let status = rig.cal().await;
    assert_eq!((status.mode, status.streams, status.polled), ("streams", 1, 2), "{status:?}");
    assert!(status.mode_reason.is_some());
    assert_eq!(rig.cal().await.state, "online", "a full server is no broken one");
    for name in &people {
        rig.calendar.put(&address(name), busy("e1", "2026-03-02T07:00:00Z", "2026-03-02T20:00:00Z", "Seen"));
        rig.line(|l| l.changed(&address(name)));
    }
    rig.pass(340).await;
    assert!(people.iter().all(|name| rig.text(name).contains("Seen")));
}

#[tokio::test]
async fn c09_where_two_streams_are_too_many_the_next_one_follows_the_last() {
    let rig = following(&names(2)).await;
    rig.line(|l| l.most = 1);
    let before = rig.reads();
    rig.beats(1_830).await;
    assert_eq!(rig.line(|l| (l.opened.len(), l.streams.len())), (2, 1));
    assert_eq!(rig.reads() - before, 2, "the gap costs one read each");
}

#[tokio::test]
async fn b33_a_removed_subscription_is_made_anew_and_its_mailbox_read() {
    let rig = following(&names(3)).await;
    let before = rig.reads();
    rig.calendar.put(&address("p001"), busy("e1", "2026-03-02T07:00:00Z", "2026-03-02T20:00:00Z", "Lost"));
    rig.line(|l| l.lose(&address("p001")));
    for _ in 0..3 {
        rig.pass(1).await;
    }
    assert!(rig.text("p001").contains("Lost"));
    assert_eq!(rig.reads() - before, 1, "the others are not read");
    assert_eq!(rig.line(|l| l.asked.len()), 4);
    // It is told of again from the next stream on, which comes within a minute.
    rig.beats(60).await;
    assert_eq!(rig.line(|l| l.opened.clone()), [3, 3]);
    assert_eq!(rig.reads() - before, 2, "read once more then, because nobody told of it meanwhile");
    rig.change("p001", "Told again").await;
    assert!(rig.text("p001").contains("Told again"));
    assert_eq!(rig.cal().await.polled, 0);
}

#[tokio::test]
async fn b33_a_server_that_was_restarted_has_forgotten_all_subscriptions() {
    let people = names(5);
    let rig = following(&people).await;
    rig.line(|l| {
        l.subscriptions.clear();
        l.cut();
    });
    rig.calendar.put(&address("p004"), busy("e1", "2026-03-02T07:00:00Z", "2026-03-02T20:00:00Z", "During the restart"));
    for _ in 0..8 {
        rig.pass(1).await;
    }
    assert!(rig.text("p004").contains("During the restart"));
    assert_eq!(rig.line(|l| l.subscriptions.len()), 5, "all are made anew, once");
    let status = rig.cal().await;
    assert_eq!((status.mode, status.streams, status.polled), ("streams", 1, 0));
    rig.change("p000", "After it").await;
    assert!(rig.text("p000").contains("After it"));
}

#[tokio::test]
async fn rule_r05_a_restart_ends_the_old_subscriptions_and_reads_each_mailbox_once() {
    let people = names(4);
    let mut rig = following(&people).await;
    let old: BTreeSet<String> = rig.line(|l| l.subscriptions.keys().cloned().collect());
    let (full, before) = (rig.calendar.with(|s| s.full_reads), rig.reads());
    rig.engine.stop().await.unwrap();
    rig.line(|l| l.streams.clear());
    rig.calendar.put(&address("p003"), busy("e1", "2026-03-02T07:00:00Z", "2026-03-02T20:00:00Z", "While it was off"));
    rig.clock.advance(Duration::from_secs(600));
    rig.restart_stopped().await;
    for _ in 0..8 {
        rig.pass(1).await;
    }
    assert!(rig.text("p003").contains("While it was off"));
    let now: BTreeSet<String> = rig.line(|l| l.subscriptions.keys().cloned().collect());
    assert!(now.len() == 4 && now.is_disjoint(&old), "{now:?}");
    assert_eq!(rig.calendar.with(|s| s.full_reads), full, "no window is read whole (B-45)");
    assert_eq!(rig.reads() - before, 4);
    assert_eq!(rig.cal().await.polled, 0);
}

#[tokio::test]
async fn rule_p26_a_heartbeat_proves_that_nothing_was_missed() {
    let rig = following(&names(2)).await;
    let verified = async || rig.engine.status().await.unwrap().people[0].last_verified.unwrap();
    rig.beats(3_600).await;
    let age = rig.clock_now().duration_since(verified().await);
    assert!(age.as_secs() < 60, "{age:?}");
    // What the stream says is not proof of a mailbox that is known to differ.
    rig.calendar
        .with(|s| s.mailboxes.get_mut("p000@example.com").unwrap().fail = Some(failure(ErrorKind::Unavailable, ErrorScope::Mailbox)));
    rig.change("p000", "Unreadable").await;
    let stuck = rig.clock_now();
    rig.beats(600).await;
    assert!(verified().await < stuck, "{} {stuck}", verified().await);
}

#[tokio::test]
async fn b32_a_group_whose_anchor_leaves_is_made_anew() {
    let people = names(3);
    let mut rig = following(&people).await;
    let (group, anchor) = rig.line(|l| (l.asked[0].1.clone(), l.asked[0].2.clone()));
    assert_eq!(anchor, address("p000"));
    rig.people.remove(0);
    rig.engine.apply(rig.plan()).await.unwrap();
    for _ in 0..8 {
        rig.pass(1).await;
    }
    let asked = rig.line(|l| l.asked.clone());
    let anew: Vec<_> = asked.iter().filter(|(_, g, _)| *g != group).collect();
    assert_eq!(anew.len(), 2, "{asked:?}");
    assert!(anew.iter().all(|(_, _, anchor)| *anchor == address("p001")));
    assert_eq!(rig.line(|l| (l.subscriptions.len(), l.streams.len())), (2, 1));
    rig.change("p002", "Goes on").await;
    assert!(rig.text("p002").contains("Goes on"));
}

#[tokio::test]
async fn b46_a_mailbox_that_cannot_be_subscribed_is_polled_and_stops_no_other() {
    let people = names(3);
    let rig = rig(&people).await;
    rig.line(|l| l.refuse_subscription.insert(address("p000"), failure(ErrorKind::Forbidden, ErrorScope::Mailbox)));
    rig.start().await;
    for _ in 0..8 {
        rig.pass(1).await;
    }
    let status = rig.cal().await;
    assert_eq!((status.mode, status.streams, status.polled, status.subscriptions), ("streams", 1, 1, 2));
    rig.change("p002", "Told").await;
    assert!(rig.text("p002").contains("Told"));
    rig.calendar.put(&address("p000"), busy("e1", "2026-03-02T07:00:00Z", "2026-03-02T20:00:00Z", "Polled"));
    rig.pass(340).await;
    assert!(rig.text("p000").contains("Polled"));
    // The right was granted: it is asked for again, and joins.
    rig.line(|l| l.refuse_subscription.clear());
    rig.pass(1_000).await;
    rig.beats(120).await;
    assert_eq!(rig.cal().await.polled, 0);
}

#[tokio::test]
async fn feat_c08_a_server_without_streams_is_polled() {
    let rig = rig(&names(2)).await;
    rig.line(|l| {
        l.refuse_subscription = names(2).iter().map(|n| (address(n), failure(ErrorKind::Unsupported, ErrorScope::Connection))).collect()
    });
    rig.start().await;
    rig.pass(1).await;
    let status = rig.cal().await;
    assert_eq!((status.mode, status.expected_latency_s, status.state), ("polling", Some(300), "online"));
    rig.calendar.put(&address("p000"), busy("e1", "2026-03-02T07:00:00Z", "2026-03-02T20:00:00Z", "Polled"));
    rig.pass(340).await;
    assert!(rig.text("p000").contains("Polled"));
}

#[tokio::test]
async fn rule_p30_a_connection_that_is_switched_off_has_no_streams_and_goes_on_afterwards() {
    let rig = following(&names(2)).await;
    rig.engine.activate("cal", false).await.unwrap();
    rig.pass(1).await;
    assert_eq!(rig.line(|l| l.streams.len()), 0);
    rig.calendar.put(&address("p000"), busy("e1", "2026-03-02T07:00:00Z", "2026-03-02T20:00:00Z", "Meanwhile"));
    rig.engine.activate("cal", true).await.unwrap();
    for _ in 0..8 {
        rig.pass(1).await;
    }
    assert_eq!(rig.line(|l| (l.streams.len(), l.subscriptions.len())), (1, 2), "the subscriptions are still there");
    assert!(rig.text("p000").contains("Meanwhile"));
}

#[tokio::test]
async fn rule_r05_hooks_of_a_server_that_cannot_list_its_subscriptions_are_made_anew() {
    let mut rig = Rig::new(&["anna"]).await;
    rig.start().await;
    rig.calendar.with(|s| s.cannot_list = true);
    let before = rig.calendar.with(|s| s.made);
    rig.restart().await;
    assert_eq!(rig.calendar.with(|s| s.made), before + 1);
    assert_eq!(rig.cal().await.state, "online");
}
