//! States set by hand at the PBX: they hold, they end, and where it is wanted they stand in the mailbox.

use std::time::Duration;

use calport_e2e::{ARRIVE, Rig, minutes_draft, now_draft};
use calport_simulators::fault::{Kind, Rule};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// How long it may take until a state set at the PBX is known; within seconds is the promise.
const SECONDS: Duration = Duration::from_secs(10);

/// Sets a state by hand and waits until Calport knows of it.
async fn by_hand(rig: &Rig, member: usize, state: &str, text: &str) {
    let user = &rig.world.members[member].user;
    assert!(rig.world.pbx.set_by_hand(user, state, "", text));
    rig.until("the overrule is known", SECONDS, async || rig.person(user).await["overruled"] == true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_p09_an_overrule_during_a_meeting_holds_until_the_next_one_starts() {
    let rig = Rig::started(2).await;
    rig.add(0, now_draft("Weekly"));
    rig.arrives(0, "Weekly").await;
    by_hand(&rig, 0, "away", "Fetching coffee").await;
    let writes = rig.writes(0).len();
    // What happens to the meeting it was set in does not end it, nor does somebody else's meeting.
    let meeting = rig.add(0, minutes_draft("Began before", -30, 20));
    rig.add(1, now_draft("Ben's meeting"));
    rig.arrives(1, "Ben's meeting").await;
    rig.world.calendar.delete_event(&rig.world.members[0].address, &meeting).unwrap();
    rig.holds("the person's own words stay", Duration::from_secs(4), async || rig.shown(0) == ("away".into(), "Fetching coffee".into()))
        .await;
    assert_eq!(rig.writes(0).len(), writes, "they are not written over");
    // The next appointment that starts ends it, to the second.
    let next = Timestamp::now() + SignedDuration::from_secs(8);
    let end = next + SignedDuration::from_mins(30);
    rig.add(0, calport_simulators::graph::EventDraft::new("Next one", &calport_e2e::utc(next), &calport_e2e::utc(end), "UTC"));
    rig.arrives(0, "Next one").await;
    let shown = rig.world.last_shown("anna").unwrap();
    assert!(shown >= Timestamp::from_second(next.as_second()).unwrap(), "never early: {shown} for {next}");
    assert_eq!(rig.person("anna").await["overruled"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_p09_back_to_automatic_and_an_overrule_while_calport_was_down() {
    let mut rig = Rig::started(1).await;
    rig.add(0, now_draft("Weekly"));
    rig.arrives(0, "Weekly").await;
    by_hand(&rig, 0, "away", "Lunch").await;
    assert!(rig.world.pbx.set_by_hand("anna", "not_set", "", ""));
    rig.until("the meeting shows again", SECONDS, async || rig.shows(0, "Weekly")).await;
    assert_eq!(rig.stop().await, Some(0));
    assert!(rig.world.pbx.set_by_hand("anna", "xa", "", "Gone home"));
    rig.start().await;
    rig.until("the overrule is known", ARRIVE, async || rig.person("anna").await["overruled"] == true).await;
    assert_eq!(rig.shown(0).1, "Gone home");
}

/// The appointments in a mailbox that stand for states set by hand.
fn mirrored(rig: &Rig, member: usize) -> Vec<Value> {
    let address = &rig.world.members[member].address;
    let found = rig.world.calendar.events(address).unwrap();
    found.into_iter().filter(|e| e["categories"].as_array().is_some_and(|c| c.iter().any(|c| c == "calport:current"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_p10_feat_c02_a_state_set_by_hand_appears_in_the_mailbox_and_is_shortened_when_it_ends() {
    let rig = Rig::new(1).await;
    // The answer to the first attempt is lost on its way (B-40).
    let lost = |rig: &Rig| rig.world.calendar.fault(Rule::on_path("/events", 1, Kind::Lost { status: None }).for_method("POST"));
    synchronize_current(rig, lost).await;
}

/// A state set by hand becomes one appointment in the mailbox, shortened when the state ends, though an answer is lost.
pub async fn synchronize_current(mut rig: Rig, lose_an_answer: impl Fn(&Rig)) {
    rig.edit(|text| text.replace("sink = \"pbx\"\n", "sink = \"pbx\"\nsynchronize_current = true\n"));
    rig.start().await;
    rig.settled().await;
    lose_an_answer(&rig);
    by_hand(&rig, 0, "away", "At the dentist's").await;
    rig.until("it stands in the mailbox", ARRIVE, async || mirrored(&rig, 0).len() == 1).await;
    let made = mirrored(&rig, 0).remove(0);
    assert_eq!(made["subject"], "At the dentist's");
    assert_eq!(made["showAs"], "oof");
    assert_eq!(made["attendees"].as_array().map(Vec::len), Some(0), "{made}");
    // Its notification comes back as a change of the calendar, and is no presence. A state of more than a minute stays.
    let minute = Duration::from_secs(62);
    rig.holds("no echo", minute, async || rig.shown(0).1 == "At the dentist's" && mirrored(&rig, 0).len() == 1).await;
    assert!(rig.world.pbx.set_by_hand("anna", "not_set", "", ""));
    rig.until("it is shortened", ARRIVE, async || mirrored(&rig, 0).first().is_some_and(|e| e["end"] != made["end"])).await;
    let ended = mirrored(&rig, 0).remove(0);
    assert_eq!((&ended["start"], &ended["subject"]), (&made["start"], &made["subject"]));
    assert_eq!(rig.world.calendar.attendee_mails(), 0);
    assert_eq!(mirrored(&rig, 0).len(), 1, "one item in spite of the lost answer");
    rig.until("Calport's own value shows", SECONDS, async || rig.shown(0).0 == "available").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_p10_an_overrule_taken_back_at_once_leaves_no_appointment() {
    let mut rig = Rig::new(1).await;
    rig.edit(|text| text.replace("sink = \"pbx\"\n", "sink = \"pbx\"\nsynchronize_current = true\n"));
    rig.start().await;
    rig.settled().await;
    by_hand(&rig, 0, "dnd", "Oops").await;
    rig.until("it stands in the mailbox", ARRIVE, async || mirrored(&rig, 0).len() == 1).await;
    assert!(rig.world.pbx.set_by_hand("anna", "not_set", "", ""));
    rig.until("it is taken away", ARRIVE, async || mirrored(&rig, 0).is_empty()).await;
    assert_eq!(rig.world.calendar.attendee_mails(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_p25_a_call_is_shown_above_everything_while_it_lasts() {
    let mut rig = Rig::new(1).await;
    rig.edit(|text| text.replace("[rules.default]\n", "[timing]\ncall_s = 1\n\n[rules.default]\nsignals = { call = \"dnd\" }\n"));
    rig.start().await;
    rig.settled().await;
    rig.add(0, now_draft("Weekly"));
    rig.arrives(0, "Weekly").await;
    assert!(rig.world.pbx.call("anna", "InUse"));
    rig.until("the call shows", SECONDS, async || rig.shown(0).1 == "Nicht stören").await;
    assert!(rig.world.pbx.call("anna", "Idle"));
    rig.until("the meeting shows again", SECONDS, async || rig.shows(0, "Weekly")).await;
}
