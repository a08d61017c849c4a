//! Tests of the store.

use std::sync::Arc;

use calport_model::event::{Participant, Response};
use calport_model::notification::HookRequest;
use calport_model::{Event, EventKind, OriginalStart, PrivateText, Sensitivity, ShowAs, Span, Window};
use jiff::Timestamp;

use super::*;

struct Flip;

impl Sealer for Flip {
    fn seal(&self, plain: &[u8]) -> Vec<u8> {
        plain.iter().map(|b| b ^ 0x5a).collect()
    }
    fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        Some(sealed.iter().map(|b| b ^ 0x5a).collect())
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn window() -> Window {
    Window { start: at("2026-03-01T00:00:00Z"), end: at("2026-04-01T00:00:00Z") }
}

fn event(id: &str, kind: EventKind, sensitivity: Sensitivity, subject: &str) -> Event {
    Event {
        id: id.into(),
        version: "1".into(),
        uid: "u".into(),
        kind,
        span: Span::Timed { start: at("2026-03-02T09:00:00Z"), end: at("2026-03-02T10:00:00Z") },
        zone_assumed: false,
        subject: PrivateText::new(subject),
        location: PrivateText::new("Raum 2"),
        show_as: ShowAs::Busy,
        sensitivity,
        categories: vec!["Red".into()],
        organizer: Some(Participant { name: PrivateText::new("Anna"), address: "anna@example.com".into() }),
        response: Response::Accepted,
        cancelled: false,
    }
}

fn occurrence(id: &str, master: &str, original: &str) -> Event {
    event(
        id,
        EventKind::Occurrence { master: master.into(), original: OriginalStart::Timed(at(original)) },
        Sensitivity::Normal,
        "Jour fixe",
    )
}

async fn store() -> (Store, FeedKey) {
    let store = Store::in_memory(Arc::new(Flip)).await.unwrap();
    let key = FeedKey::new("cal", "anna");
    store.add_feed(&Feed::new(key.clone(), window(), 1)).await.unwrap();
    (store, key)
}

fn page(cursor: &str, upserts: Vec<Event>) -> PageEffects {
    PageEffects { upserts, cursor: cursor.into(), cursor_format: 1, done: true, ..PageEffects::default() }
}

#[tokio::test]
async fn b25_cursor_and_effects_are_committed_together() {
    let (store, key) = store().await;
    let single = event("e1", EventKind::Single, Sensitivity::Normal, "Meeting");
    store.apply(&key, &page("c1", vec![single.clone()]), at("2026-03-01T08:00:00Z")).await.unwrap();
    let feed = store.feed(&key).await.unwrap().unwrap();
    assert_eq!(feed.cursor.as_deref(), Some("c1"));
    assert!(feed.complete);
    assert_eq!(feed.last_verified, Some(at("2026-03-01T08:00:00Z")));
    assert_eq!(store.events(&key).await.unwrap(), vec![single]);
}

#[tokio::test]
async fn b01_an_occurrence_keeps_its_place_when_its_id_changes() {
    let (store, key) = store().await;
    let first = occurrence("o1", "m", "2026-03-02T09:00:00Z");
    let second = Event { id: "o1-new".into(), ..occurrence("x", "m", "2026-03-02T09:00:00Z") };
    store.apply(&key, &page("c1", vec![first]), at("2026-03-01T08:00:00Z")).await.unwrap();
    store.apply(&key, &page("c2", vec![second.clone()]), at("2026-03-01T08:01:00Z")).await.unwrap();
    assert_eq!(store.events(&key).await.unwrap(), vec![second]);
}

#[tokio::test]
async fn c07_a_series_read_again_drops_deleted_occurrences() {
    let (store, key) = store().await;
    let both = vec![occurrence("o1", "m", "2026-03-02T09:00:00Z"), occurrence("o2", "m", "2026-03-09T09:00:00Z")];
    store.apply(&key, &page("c1", both), at("2026-03-01T08:00:00Z")).await.unwrap();
    let left = occurrence("o2", "m", "2026-03-09T09:00:00Z");
    let effects = PageEffects { series: vec![("m".into(), vec![left.clone()])], ..page("c2", vec![]) };
    store.apply(&key, &effects, at("2026-03-01T08:01:00Z")).await.unwrap();
    assert_eq!(store.events(&key).await.unwrap(), vec![left]);
    assert!(store.knows_event(&key, "m").await.unwrap());
    assert!(!store.knows_event(&key, "o1").await.unwrap());
}

#[tokio::test]
async fn b51_texts_of_private_events_are_sealed_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("calport.sqlite");
    let store = Store::open(&file, Arc::new(Flip)).await.unwrap();
    let key = FeedKey::new("cal", "anna");
    store.add_feed(&Feed::new(key.clone(), window(), 1)).await.unwrap();
    let secret = event("p", EventKind::Single, Sensitivity::Private, "CANARY-PRIVATE");
    store.apply(&key, &page("c1", vec![secret.clone()]), at("2026-03-01T08:00:00Z")).await.unwrap();
    assert_eq!(store.events(&key).await.unwrap(), vec![secret]);
    store.close().await;
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(14).any(|w| w == b"CANARY-PRIVATE"));
    }
}

#[tokio::test]
async fn b30_a_hook_request_is_kept_until_it_is_removed() {
    let (store, _) = store().await;
    let request = HookRequest {
        lifecycle: false,
        content_type: "application/json".into(),
        body: b"{}".to_vec(),
        received: at("2026-03-01T08:00:00Z"),
    };
    for _ in 0..3 {
        store.add_hook("cal", &request).await.unwrap();
    }
    let stored = store.hooks("cal", 2).await.unwrap();
    assert_eq!(stored.len(), 2);
    store.remove_hooks("cal", stored[1].number).await.unwrap();
    assert_eq!(store.hooks("cal", 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn c06_a_replacing_page_swaps_the_whole_mirror() {
    let (store, key) = store().await;
    let old = event("old", EventKind::Single, Sensitivity::Normal, "Old");
    let new = event("new", EventKind::Single, Sensitivity::Normal, "New");
    store.apply(&key, &page("c1", vec![old]), at("2026-03-01T08:00:00Z")).await.unwrap();
    let effects = PageEffects { replace_all: true, ..page("c2", vec![new.clone()]) };
    store.apply(&key, &effects, at("2026-03-01T08:01:00Z")).await.unwrap();
    assert_eq!(store.events(&key).await.unwrap(), vec![new]);
}

#[tokio::test]
async fn b48_a_found_url_is_kept_and_replaced() {
    let (store, _) = store().await;
    let found = |endpoint: &str, url: &str, when: &str| Discovered {
        connection: "mail".to_owned(),
        endpoint: endpoint.to_owned(),
        url: url.to_owned(),
        found_at: at(when),
    };
    let old = found("ews", "https://old.example.com/a", "2026-03-02T08:00:00Z");
    let new = found("ews", "https://new.example.com/a", "2026-03-02T09:00:00Z");
    let other = found("other", "https://other.example.com/", "2026-03-02T08:00:00Z");
    for one in [&old, &other, &new] {
        store.set_discovered(one).await.unwrap();
    }
    assert_eq!(store.discovered().await.unwrap(), [new, other]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_new_file_is_opened_however_busy_the_machine_is() {
    let directory = tempfile::tempdir().unwrap();
    let opens = (0..40).map(|number| {
        let file = directory.path().join(format!("{number}.sqlite"));
        tokio::spawn(async move { Store::open(&file, Arc::new(NoSeal)).await.map(|_| ()).map_err(|e| e.to_string()) })
    });
    for open in opens.collect::<Vec<_>>() {
        assert_eq!(open.await.unwrap(), Ok(()));
    }
}
