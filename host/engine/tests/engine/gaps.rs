//! Probes in place of reads, and changes of which nobody had told (SEMANTICS C-12, C-13).

use crate::common::*;
use crate::streams::{address, following, names};

const HOUR: u64 = 3_600;

impl Rig {
    /// Somebody changes a calendar, and no stream tells of it.
    fn change_untold(&self, name: &str, id: &str) {
        let today = self.clock_now().to_zoned(jiff::tz::TimeZone::UTC).date();
        self.calendar.put(&address(name), busy(id, &format!("{today}T00:00:00Z"), &format!("{today}T20:00:00Z"), "Untold"));
    }
}

#[tokio::test]
async fn c12_a_routine_read_is_a_probe_while_nothing_changes_and_proves_that_the_mirror_is_right() {
    let rig = following(&names(1)).await;
    rig.calendar.with(|s| s.probes = true);
    let before = rig.reads();
    rig.beats(24 * HOUR).await;
    let (probed, reads) = (rig.calendar.with(|s| s.probed), rig.reads() - before);
    assert!(probed >= 3, "one in six hours: {probed}");
    assert_eq!(reads, 1, "the first had nothing to compare with");
    let verified = rig.engine.status().await.unwrap().people[0].last_verified.unwrap();
    assert!(rig.clock_now().duration_since(verified).as_hours() < 7, "{verified}");
}

#[tokio::test]
async fn c12_c13_what_a_probe_shows_is_read_and_counted_as_missed() {
    let rig = following(&names(1)).await;
    rig.calendar.with(|s| s.probes = true);
    rig.beats(8 * HOUR).await;
    rig.change_untold("p000", "e1");
    rig.beats(8 * HOUR).await;
    assert!(rig.calendar.with(|s| s.mailboxes[&address("p000")].events.contains_key("e1")));
    assert_eq!(rig.cal().await.missed_notifications, 1);
}

#[tokio::test]
async fn c13_a_change_that_is_told_of_a_little_later_is_not_missed() {
    let rig = following(&names(1)).await;
    rig.beats(8 * HOUR).await;
    rig.change_untold("p000", "e1");
    let before = rig.reads();
    while rig.reads() == before {
        rig.beats(30).await;
    }
    rig.line(|line| line.changed(&address("p000")));
    rig.beats(600).await;
    assert_eq!(rig.cal().await.missed_notifications, 0);
}

#[tokio::test]
async fn c13_a_connection_that_misses_too_much_is_polled_for_a_day_and_says_so() {
    let people = names(4);
    let rig = following(&people).await;
    rig.beats(HOUR).await;
    for name in &people {
        rig.change_untold(name, "e1");
    }
    rig.beats(8 * HOUR).await;
    let status = rig.cal().await;
    // The third is one too many; the fourth mailbox is polled already.
    assert_eq!((status.missed_notifications, status.mode, status.polled), (3, "streams", 4));
    assert_eq!(status.expected_latency_s, Some(300), "as fast as polling");
    assert!(status.mode_reason.as_deref().unwrap().contains("should have told"), "{:?}", status.mode_reason);
    // What is not told of arrives with the next poll.
    let before = rig.reads();
    rig.change_untold("p002", "e2");
    rig.beats(600).await;
    assert!(rig.reads() >= before + 4, "everybody is polled");
    assert_eq!(rig.cal().await.missed_notifications, 3, "nobody expects to be told now");
    rig.beats(25 * HOUR).await;
    let status = rig.cal().await;
    assert_eq!((status.polled, status.mode_reason, status.expected_latency_s), (0, None, Some(10)), "believed again");
}
