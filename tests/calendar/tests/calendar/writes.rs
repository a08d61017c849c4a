//! Rules of writing that hold between two doors of one mailbox.

use calport_calendar_cases::case::Fields;
use calport_calendar_cases::sandbox::calendar::{EventField, WriteTarget};
use calport_calendar_cases::sandbox::common::ErrorKind;
use calport_calendar_cases::world::{SIDES, Side, World};
use calport_calendar_cases::written;
use calport_simulators::graph::EventDraft;

const BERLIN: &str = "W. Europe Standard Time";

fn set() -> Fields {
    Fields {
        subject: Some("Talk".to_owned()),
        start: Some("2026-03-09T09:00".to_owned()),
        end: Some("2026-03-09T10:00".to_owned()),
        ..Fields::default()
    }
}

fn subject(text: &str) -> Vec<EventField> {
    vec![EventField::Subject(text.to_owned())]
}

fn other(side: Side) -> Side {
    if side == Side::Graph { Side::Ews } else { Side::Graph }
}

#[tokio::test]
async fn b34_what_the_other_door_changed_is_not_overwritten() {
    let world = World::new().await;
    for side in SIDES {
        let mailbox = world.person(&format!("{side:?}"), BERLIN);
        let (mut one, mut two) = (world.open(side).await, world.open(other(side)).await);
        let made = one.create(&mailbox, &written::draft(&set(), BERLIN, "talk")).await.unwrap();
        let found = two.find_by_tag(&mailbox, "talk").await.unwrap();
        two.update(&mailbox, &WriteTarget::Item(found[0].id.clone()), &subject("Theirs"), Some(&found[0].version)).await.unwrap();

        let target = WriteTarget::Item(made.id.clone());
        let stale = one.update(&mailbox, &target, &subject("Ours"), made.version.as_ref()).await.unwrap_err();
        assert!(matches!(stale.kind, ErrorKind::Conflict(_)), "{side:?}: {stale:?}");
        let stale = one.delete(&mailbox, &target, made.version.as_ref()).await.unwrap_err();
        assert!(matches!(stale.kind, ErrorKind::Conflict(_)), "{side:?}: {stale:?}");
        let now = one.get_event(&mailbox, &made.id).await.unwrap().event;
        assert_eq!(now.subject, "Theirs", "{side:?}");
        one.update(&mailbox, &target, &subject("Ours"), Some(&now.version)).await.unwrap();
        assert_eq!(two.get_event(&mailbox, &found[0].id).await.unwrap().event.subject, "Ours", "{side:?}");
    }
    assert_eq!(world.mails(), 0);
}

#[tokio::test]
async fn b41_what_the_other_door_deleted_is_deleted() {
    let world = World::new().await;
    for side in SIDES {
        let mailbox = world.person(&format!("{side:?}"), BERLIN);
        let (mut one, mut two) = (world.open(side).await, world.open(other(side)).await);
        let made = one.create(&mailbox, &written::draft(&set(), BERLIN, "talk")).await.unwrap();
        let found = two.find_by_tag(&mailbox, "talk").await.unwrap();
        two.delete(&mailbox, &WriteTarget::Item(found[0].id.clone()), Some(&found[0].version)).await.unwrap();
        let target = WriteTarget::Item(made.id.clone());
        one.delete(&mailbox, &target, made.version.as_ref()).await.unwrap();
        one.delete(&mailbox, &target, None).await.unwrap();
        assert_eq!(one.get_event(&mailbox, &made.id).await.unwrap_err().kind, ErrorKind::NotFound, "{side:?}");
        assert_eq!(one.update(&mailbox, &target, &subject("Again"), None).await.unwrap_err().kind, ErrorKind::NotFound, "{side:?}");
    }
}

#[tokio::test]
async fn s14_an_operation_that_is_repeated_makes_one_event() {
    let world = World::new().await;
    for side in SIDES {
        let mailbox = world.person(&format!("{side:?}"), BERLIN);
        let mut connector = world.open(side).await;
        let draft = written::draft(&set(), BERLIN, "talk");
        let first = connector.create(&mailbox, &draft).await.unwrap();
        let again = connector.create(&mailbox, &draft).await.unwrap();
        assert_eq!(first.id, again.id, "{side:?}");
        assert_eq!(world.graph.events(&mailbox).unwrap().len(), 1, "{side:?}");
    }
}

#[tokio::test]
async fn b35_a_meeting_with_others_is_kept_from_mails_as_each_server_allows() {
    let world = World::new().await;
    for side in SIDES {
        let mailbox = world.person(&format!("{side:?}"), BERLIN);
        let meeting = EventDraft::new("Meeting", "2026-03-09T09:00:00", "2026-03-09T10:00:00", BERLIN).attendees(&["cleo@example.test"]);
        let id = world.graph.add_event(&mailbox, meeting).unwrap();
        let before = world.graph.event(&mailbox, &id).unwrap();
        let mut reader = calport_calendar_cases::reader::Reader::new(world.open(side).await, &mailbox, wide());
        let own = reader.find("Meeting").await.unwrap();
        let mut connector = world.open(side).await;
        let answer = connector.update(&mailbox, &WriteTarget::Item(own), &subject("Moved"), None).await;
        let after = world.graph.event(&mailbox, &id).unwrap();
        match side {
            // Graph mails whatever is asked: the write is not made.
            Side::Graph => {
                assert_eq!(answer.unwrap_err().kind, ErrorKind::Refused("would-mail".to_owned()));
                assert_eq!(before, after);
            }
            // EWS is told to mail nobody, and keeps to it.
            Side::Ews => {
                answer.unwrap();
                assert_eq!((&after["subject"], &after["attendees"]), (&"Moved".into(), &before["attendees"]));
            }
        }
        assert_eq!(world.mails(), 0, "{side:?}");
    }
}

fn wide() -> calport_calendar_cases::sandbox::common::Window {
    // March 2026.
    calport_calendar_cases::sandbox::common::Window { start: 1_772_323_200_000, end: 1_775_001_600_000 }
}

#[tokio::test]
async fn b37_a_change_of_the_title_sends_the_title_through_both() {
    let world = World::new().await;
    for side in SIDES {
        let mailbox = world.person(&format!("{side:?}"), BERLIN);
        let mut connector = world.open(side).await;
        let made = connector.create(&mailbox, &written::draft(&set(), BERLIN, "talk")).await.unwrap();
        world.graph.reset_log();
        world.ews.reset_log();
        connector.update(&mailbox, &WriteTarget::Item(made.id), &subject("New"), made.version.as_ref()).await.unwrap();
        match side {
            Side::Graph => {
                let writes: Vec<_> = world.graph.requests().into_iter().filter(|r| r.method == "PATCH").collect();
                assert_eq!(writes.len(), 1);
                assert_eq!(writes[0].body, Some(serde_json::json!({"subject": "New"})));
            }
            Side::Ews => assert_eq!(world.ews.count("UpdateItem", None), 1),
        }
    }
}
