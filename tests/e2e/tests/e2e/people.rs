//! Who is shown, where, and what is said of those who cannot be.

use std::time::Duration;

use calport_e2e::{ARRIVE, Rig, list, now_draft, run, world_of};
use calport_simulators::graph::{Simulator as Calendar, User};
use calport_simulators::pbx::Simulator as Pbx;
use serde_json::Value;

/// The configuration without its people, with this in their place.
fn with_people(rig: &Rig, people: &str) {
    rig.edit(|text| format!("{}\n{people}", text.split("\n[[people.person]]").next().unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_c16_unmatched_person_is_listed_with_the_next_step() {
    let mut rig = Rig::new(3).await;
    rig.edit(|text| text.replace("address = \"ben@contoso.example\"", "address = \"benno@contoso.example\""));
    rig.world.calendar.deny_mailbox("clara@contoso.example", true).unwrap();
    let ran = rig.command(&["check", "--json"]).await;
    assert_eq!(ran.code, 5, "{}", ran.err);
    let report = ran.json();
    let ben: Vec<_> = list(&report, "findings").iter().filter(|f| f["about"] == "ben").collect();
    assert_eq!(ben.len(), 1, "{report}");
    assert_eq!(ben[0]["severity"], "problem");
    let message = ben[0]["message"].as_str().unwrap();
    assert!(
        message.contains("not-found") && message.contains("benno@contoso.example") && message.contains("correct the address"),
        "{message}"
    );
    assert!(!list(&report, "findings").iter().any(|f| f["about"] == "anna"), "{report}");
    rig.start().await;
    rig.add(0, now_draft("Others go on"));
    rig.arrives(0, "Others go on").await;
    let ben = rig.person("ben").await;
    assert_eq!(ben["resolution"], "not-found");
    assert!(ben["detail"].as_str().unwrap().contains("correct the address"), "{ben}");
    assert!(rig.writes(1).is_empty(), "nothing is shown of somebody without a mailbox");
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_c16_other_addresses_and_proxy_addresses_find_the_mailbox() {
    let rig = {
        let rig = Rig::new(2).await;
        rig.world.calendar.add_user(User::new("real@contoso.example", "Real Name").alias("nick@contoso.example")).unwrap();
        with_people(
            &rig,
            "[[people.person]]\nid = \"ben\"\naddress = \"wrong@contoso.example\"\nother_addresses = [\"nick@contoso.example\"]\nusers = { pbx = \"ben\" }\n",
        );
        let mut rig = rig;
        rig.start().await;
        rig
    };
    rig.world.calendar.add_event("real@contoso.example", now_draft("Under another name")).unwrap();
    rig.arrives(1, "Under another name").await;
    assert_eq!(rig.person("ben").await["resolution"], "resolved");
}

/// Whether a report names a missing permission with this weight.
fn misses(report: &Value, permission: &str, severity: &str) -> bool {
    list(report, "findings").iter().any(|f| {
        let message = f["message"].as_str().unwrap();
        f["about"] == "calendar"
            && f["severity"] == severity
            && message.starts_with(&format!("the permission {permission} is missing; it is needed for"))
            && f["remedy"].as_str().unwrap().contains("give consent as an administrator")
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_c03_each_missing_permission_is_named_by_check() {
    let rig = Rig::new(2).await;
    let roles = |names: &[&str]| rig.world.calendar.configure(|c| c.roles = names.iter().map(|n| (*n).to_owned()).collect());
    let all = rig.command(&["check", "--json"]).await;
    assert_eq!(all.code, 0, "all permissions are there: {}", all.out);
    assert!(!all.out.contains("is missing"), "{}", all.out);

    roles(&["User.Read.All", "Calendars.Read"]);
    let ran = rig.command(&["check", "--json"]).await;
    let report = ran.json();
    assert_eq!(ran.code, 0, "what is missing is not needed for presence: {report}");
    for permission in ["MailboxSettings.Read or MailboxSettings.ReadWrite", "MailboxSettings.ReadWrite", "Calendars.ReadWrite", "Mail.Send"]
    {
        assert!(misses(&report, permission, "warning"), "{permission} is not named: {report}");
    }
    assert!(!misses(&report, "Calendars.Read or Calendars.ReadWrite", "problem"), "{report}");

    roles(&["User.Read.All", "MailboxSettings.ReadWrite", "Mail.Send"]);
    let ran = rig.command(&["check", "--json"]).await;
    assert_eq!(ran.code, 5, "without calendars there is no presence: {}", ran.out);
    assert!(misses(&ran.json(), "Calendars.Read or Calendars.ReadWrite", "problem"), "{}", ran.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_p11_people_come_from_the_directory_of_the_pbx() {
    let world = world_of(3, Calendar::builder(), Pbx::builder().user("stranger")).await;
    let mut rig = Rig::over(world).await;
    with_people(&rig, "[people]\ndirectories = [{ connection = \"pbx\", domain = \"contoso.example\" }]\n");
    rig.start().await;
    rig.add(2, now_draft("From the directory"));
    rig.arrives(2, "From the directory").await;
    let status = rig.status().await;
    let ids: Vec<&str> = list(&status, "people").iter().map(|p| p["user"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 4, "{ids:?}");
    for user in ["anna", "ben", "clara", "stranger"] {
        assert!(ids.contains(&user), "{ids:?}");
    }
    let check = rig.command(&["check", "--json"]).await;
    assert_eq!(check.code, 5, "the stranger has no mailbox");
    assert!(check.out.contains("stranger@contoso.example"), "{}", check.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_p14_person_switched_off_is_cleared_and_comes_back() {
    let rig = Rig::started(2).await;
    rig.add(0, now_draft("To be hidden"));
    rig.add(1, now_draft("To stay"));
    rig.arrives(0, "To be hidden").await;
    rig.arrives(1, "To stay").await;
    let before = rig.writes(1).len();
    rig.edit(|text| text.replace("id = \"anna\"\n", "id = \"anna\"\nactive = false\n"));
    rig.until("anna is cleared", ARRIVE, async || rig.shown(0).0 == "not_set").await;
    assert_eq!(rig.person("anna").await["resolution"], "off");
    rig.holds("it stays so", Duration::from_secs(1), async || rig.shown(0).0 == "not_set" && rig.writes(1).len() == before).await;
    rig.edit(|text| text.replace("active = false\n", ""));
    rig.arrives(0, "To be hidden").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p30_person_removed_from_the_configuration_is_cleared() {
    let rig = Rig::started(2).await;
    rig.add(1, now_draft("Will leave"));
    rig.arrives(1, "Will leave").await;
    rig.edit(|text| text.split("\n[[people.person]]\nid = \"ben\"").next().unwrap().to_owned());
    rig.until("ben is cleared", ARRIVE, async || rig.shown(1).0 == "not_set").await;
    rig.until("and no longer subscribed", ARRIVE, async || rig.world.calendar.subscriptions().len() == 1).await;
    let listed = run(rig.directory.path(), &["status", "--json"], "").await.json();
    assert_eq!(list(&listed, "people").len(), 1);
}
