//! From a calendar to a SIP telephone: the real program between the simulated calendar and the real Kamailio, judged by what a
//! SIP watcher is told.

use std::time::Duration;

use calport_e2e::{ARRIVE, Rig, empty_world, minutes_draft, now_draft, utc};
use calport_simulators::graph::EventDraft;
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::kamailio::{Kamailio, TOKEN};
use crate::watcher::{Notify, Watcher};

/// Seconds of the shortest lease that the connector takes, and of the longest that these tests let it have.
const LEASE: u64 = 60;

/// Servers and a Calport whose sink is this Kamailio. The simulated PBX stays unused.
async fn rig(server: &Kamailio, people: u16) -> Rig {
    let rig = Rig::over(empty_world(people).await).await;
    rig.edit(|text| {
        let (before, rest) = text.split_once("[connections.pbx]").unwrap();
        let (_, after) = rest.split_once("[rules.default]").unwrap();
        format!(
            "{before}[connections.pbx]\nplugin = \"sip-presence\"\n\
             settings = {{ domain = \"127.0.0.1\", outbound_proxy = \"sip:127.0.0.1:{port}\", lease = {LEASE} }}\n\n\
             [connections.pbx.endpoints.rpc]\nurl = \"{url}\"\nallow_addresses = [\"loopback\"]\nplain_http = true\n\
             auth = {{ scheme = \"bearer\", secret = \"presence-rpc\" }}\n\n[rules.default]{after}",
            port = server.port,
            url = server.url(),
        )
    });
    rig.set_secret("presence-rpc", TOKEN).await;
    rig
}

async fn started(server: &Kamailio, people: u16) -> Rig {
    let mut rig = rig(server, people).await;
    rig.start().await;
    rig.settled().await;
    rig
}

fn last(all: &[Notify]) -> crate::watcher::Told {
    all.last().map(|n| n.told("calport")).unwrap_or_default()
}

/// An appointment from a minute ago until so many seconds from now.
fn seconds_draft(subject: &str, seconds: i64) -> (EventDraft, Timestamp) {
    let now = Timestamp::now();
    let end = (now + seconds.seconds()).round(jiff::Unit::Second).unwrap();
    (EventDraft::new(subject, &utc(now - SignedDuration::from_mins(1)), &utc(end), "UTC"), end)
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_sip_a_watcher_is_told_of_a_meeting_and_of_its_end() {
    let server = Kamailio::start().await;
    let rig = started(&server, 1).await;
    let watcher = Watcher::of(&server, "anna").await;
    watcher.sees("that anna is available", |all| last(all).basic == "open" && last(all).activities.is_empty()).await;
    let (draft, end) = seconds_draft("Grüße & <Kaffee> ]]>", 25);
    rig.add(0, draft);
    watcher.sees("the meeting", |all| last(all).note.contains("Grüße & <Kaffee> ]]>")).await;
    let told = watcher.told("calport");
    assert_eq!(told.basic, "open");
    assert_eq!(told.activities, ["appointment", "busy"], "{told:?}");
    assert_eq!(told.until.parse::<Timestamp>().unwrap(), end, "{told:?}");
    watcher.sees("the end of the meeting", |all| last(all).activities.is_empty()).await;
    let late = Timestamp::now().duration_since(end);
    assert!(late >= SignedDuration::ZERO && late < SignedDuration::from_secs(10), "{late:?} after the end");
    assert_eq!(watcher.told("calport").basic, "open");
    assert!(!watcher.notifies().iter().skip_while(|n| n.told("calport").basic != "open").any(|n| n.told("calport").basic != "open"));
    server.counts("anna", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_sip_somebody_switched_off_is_cleared_and_nobody_else() {
    let server = Kamailio::start().await;
    let rig = started(&server, 2).await;
    let (anna, ben) = (Watcher::of(&server, "anna").await, Watcher::of(&server, "ben").await);
    rig.add(0, now_draft("Stays"));
    rig.add(1, now_draft("Leaves"));
    anna.sees("her meeting", |all| last(all).note.contains("Stays")).await;
    ben.sees("his meeting", |all| last(all).note.contains("Leaves")).await;
    rig.edit(|text| text.split("\n[[people.person]]\nid = \"ben\"").next().unwrap().to_owned());
    ben.sees("that nothing is known of him", |all| last(all).note.is_empty() && last(all).activities.is_empty()).await;
    assert_ne!(ben.told("calport").basic, "open");
    server.counts("ben", 0).await;
    assert!(anna.told("calport").note.contains("Stays"));
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_p30_a_lease_is_renewed_while_calport_runs_and_lapses_when_it_died() {
    let server = Kamailio::start().await;
    let mut rig = started(&server, 1).await;
    let watcher = Watcher::of(&server, "anna").await;
    rig.add(0, minutes_draft("Long meeting", -2, 50));
    watcher.sees("the meeting", |all| last(all).note.contains("Long meeting")).await;
    let longer = Duration::from_secs(LEASE + 10);
    rig.holds("the meeting is told longer than one lease", longer, async || watcher.told("calport").note.contains("Long meeting")).await;
    rig.kill();
    watcher.sees_within("the end of the lease", longer, |all| last(all).basic.is_empty()).await;
    server.counts("anna", 0).await;
    assert!(watcher.notifies().last().is_some_and(|n| n.body.is_empty()), "nobody says anything of her");

    rig.start().await;
    watcher.sees("the meeting again after the start", |all| last(all).note.contains("Long meeting")).await;
    server.counts("anna", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r08_a_presence_server_that_lost_everything_is_told_anew() {
    let mut server = Kamailio::start().await;
    let rig = started(&server, 1).await;
    let before = rig.add(0, now_draft("Before"));
    rig.until("shown", ARRIVE, async || rig.person("anna").await["shown"].to_string().contains("Before")).await;
    server.counts("anna", 1).await;
    server.forget().await;
    server.restart().await;
    let watcher = Watcher::of(&server, "anna").await;
    assert_eq!(watcher.told("calport").basic, "", "nothing is known");
    rig.world.calendar.delete_event(&rig.world.members[0].address, &before).unwrap();
    rig.add(0, now_draft("Afterwards"));
    watcher.sees("the next change", |all| last(all).note.contains("Afterwards")).await;
    server.counts("anna", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_sip_a_wrong_token_is_offline_with_the_remedy_and_check_names_the_server() {
    let server = Kamailio::start().await;
    let mut rig = rig(&server, 1).await;
    let check = rig.command(&["check", "--json"]).await;
    assert!(check.out.contains("5.6"), "{}\n{}", check.out, check.err);
    rig.set_secret("presence-rpc", "wrong").await;
    rig.start().await;
    let sink = rig.connection_is("pbx", "offline", ARRIVE).await;
    assert_eq!(sink["blame"], "configuration", "{sink}");
    rig.set_secret("presence-rpc", TOKEN).await;
    rig.connection_is("pbx", "online", Duration::from_secs(60)).await;
    server.counts("anna", 1).await;
}
