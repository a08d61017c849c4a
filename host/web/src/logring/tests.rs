use calport_model::ManualClock;
use tracing_subscriber::layer::SubscriberExt;

use super::*;

fn ring(kept: usize) -> LogRing {
    LogRing::new(kept, Arc::new(ManualClock::new("2026-03-01T08:00:00.123456Z".parse().unwrap())))
}

fn lines(ring: &LogRing, log: impl FnOnce()) -> Vec<Value> {
    tracing::subscriber::with_default(tracing_subscriber::registry().with(ring.clone()), log);
    ring.feed().last.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn feat_r02_an_event_is_one_line_of_json() {
    let seen = lines(&ring(10), || {
        tracing::warn!(target: "calport::feed", code = "slow", connection = "office", seconds = 7, late = true, "two\nlines of {}", "text");
    });
    let wanted = serde_json::json!({
        "time": "2026-03-01T08:00:00.123Z", "level": "WARN", "target": "calport::feed", "code": "slow", "connection": "office",
        "person": null, "message": "two\nlines of text", "fields": {"seconds": 7, "late": true},
    });
    assert_eq!(seen, [wanted]);
}

#[test]
fn feat_r02_connection_and_person_come_from_spans_and_nothing_else_does() {
    let seen = lines(&ring(10), || {
        let outer = tracing::info_span!("outer", connection = "office", person = tracing::field::Empty, subject = "marker-private");
        let _outer = outer.enter();
        outer.record("person", "ada");
        let _inner = tracing::info_span!("inner", connection = "branch").entered();
        tracing::info!(code = "x", "a");
        tracing::info!(connection = "own", "b");
    });
    assert_eq!((&seen[0]["connection"], &seen[0]["person"]), (&"branch".into(), &"ada".into()), "the innermost span counts");
    assert_eq!(seen[1]["connection"], "own");
    assert!(!format!("{seen:?}").contains("marker-private"), "only what the event recorded, and who it is about");
}

#[test]
fn feat_r02_only_what_is_recorded_is_in_a_line() {
    struct Silent;
    impl fmt::Debug for Silent {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("[silent]")
        }
    }
    use std::fmt;
    let text = calport_model::PrivateText::new("marker-subject");
    let seen = lines(&ring(10), || tracing::info!(value = ?Silent, ?text, "m"));
    assert_eq!(seen[0]["fields"], serde_json::json!({"value": "[silent]", "text": "[14 characters]"}));
}

#[test]
fn feat_r02_huge_values_are_cut() {
    struct Endless;
    impl std::fmt::Debug for Endless {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            loop {
                f.write_str("ä€")?;
            }
        }
    }
    let huge = "x".repeat(1 << 20);
    let ring = ring(10);
    let seen = lines(&ring, || tracing::info!(endless = ?Endless, text = huge, "{huge}"));
    let fields = &seen[0]["fields"];
    assert!(fields["endless"].as_str().unwrap().ends_with('…') && fields["endless"].as_str().unwrap().len() <= 1027);
    assert!(fields["text"].as_str().unwrap().len() <= 1027);
    assert!(ring.feed().last[0].len() < 8000);
}

#[tokio::test]
async fn feat_r02_the_last_lines_are_kept_and_followers_miss_none() {
    let ring = ring(3);
    let log = |text: &'static str| {
        lines(&ring, || tracing::info!("{text}"));
    };
    for text in ["a", "b", "c", "d"] {
        log(text);
    }
    let mut feed = ring.feed();
    assert_eq!(feed.last.len(), 3);
    assert!(feed.last[0].contains("\"message\":\"b\""));
    log("e");
    assert!(feed.next.recv().await.unwrap().contains("\"message\":\"e\""));
}

#[tokio::test]
async fn feat_r02_a_slow_follower_delays_nobody() {
    let ring = ring(3);
    let mut feed = ring.feed();
    lines(&ring, || (0..BEHIND + 10).for_each(|n| tracing::info!(n, "x")));
    assert_eq!(feed.next.recv().await, Err(broadcast::error::RecvError::Lagged(10)));
}
