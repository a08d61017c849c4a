//! Why somebody is shown as they are, and what is coming.

use std::time::Duration;

use calport_e2e::{ARRIVE, Rig, list, minutes_draft, now_draft};
use serde_json::Value;

const PRIVATE: &str = "Zebrafink";

/// What a command prints, which must succeed.
async fn printed(rig: &Rig, arguments: &[&str]) -> String {
    let ran = rig.command(arguments).await;
    assert_eq!(ran.code, 0, "{arguments:?}: {}{}", ran.out, ran.err);
    ran.out
}

/// The lines of a command that prints one JSON object on each.
async fn lines(rig: &Rig, arguments: &[&str]) -> Vec<Value> {
    let out = printed(rig, arguments).await;
    out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// The configuration with another mapping of busy, in a file beside it.
fn draft(rig: &Rig, name: &str, change: impl FnOnce(String) -> String) -> String {
    let text = std::fs::read_to_string(rig.path("calport.toml")).unwrap();
    std::fs::write(rig.path(name), change(text)).unwrap();
    name.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_x06_a_meeting_is_explained_from_the_calendar_to_the_sink() {
    let rig = Rig::started(2).await;
    rig.add(0, now_draft("Weekly"));
    rig.add(0, minutes_draft("* Dentist", -5, 20));
    rig.add(0, minutes_draft("In Hamburg", -60, 30).show_as("workingElsewhere"));
    rig.arrives(0, "Weekly").await;
    rig.settled().await;
    let told = rig.json(&["explain", "anna"]).await;
    let presence = &told["presence"];
    assert_eq!((&told["now"], &presence["layer"], &told["zone"]), (&true.into(), &"calendar".into(), &"Europe/Berlin".into()), "{told}");
    let winner = &presence["winner"];
    assert_eq!((&winner["title"], &winner["row"], &winner["target"]), (&"Weekly".into(), &"busy".into(), &"busy".into()), "{told}");
    assert_eq!(winner["row_from"], "rules default");
    assert_eq!(presence["losers"][0]["title"], "In Hamburg", "{told}");
    assert_eq!(presence["losers"][0]["rule"], "P-13.2 severity");
    let dropped: Vec<&str> = list(presence, "drops").iter().map(|drop| drop["rule"].as_str().unwrap()).collect();
    assert_eq!(dropped, ["P-07 ignore-prefix"]);
    assert_eq!(
        (&told["sink"]["in_step"], &told["sink"]["shown"], &told["sink"]["wanted"]),
        (&true.into(), &presence["value"], &presence["value"])
    );
    assert!(told["sink"]["since"].is_string() && presence["freshness"]["state"] == "fresh", "{told}");
    assert_eq!(told["last_changes"][0]["after"], presence["value"], "{told}");
    assert_eq!(told["troubles"], Value::Array(Vec::new()));

    let text = printed(&rig, &["explain", "anna"]).await;
    for part in [
        "Anna Acker (anna)",
        "That is what it should show.",
        "Why: an appointment decides.",
        "\"Weekly\"",
        "P-13.2 severity",
        "P-07 ignore-prefix",
    ] {
        assert!(text.contains(part), "\"{part}\" is missing in\n{text}");
    }
    for name in ["Anna Acker", "ANNA@contoso.example"] {
        assert_eq!(rig.json(&["explain", name]).await["person"]["id"], "anna");
    }
    // Nothing is there in the time before all of them.
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    let early = (jiff::Timestamp::now() - jiff::SignedDuration::from_mins(90)).to_zoned(zone).strftime("%Y-%m-%dT%H:%M").to_string();
    let earlier = rig.json(&["explain", "anna", "--at", &early]).await;
    assert_eq!(
        (&earlier["now"], &earlier["sink"], &earlier["presence"]["rule"]),
        (&false.into(), &Value::Null, &"P-18 no-event".into()),
        "{earlier}"
    );
    assert!(printed(&rig, &["explain", "anna", "--at", &early]).await.contains("As the calendars are now"));
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_x06_rule_p22_a_state_set_by_hand_at_the_pbx_is_explained_and_foreseen() {
    let rig = Rig::started(1).await;
    rig.add(0, now_draft("Weekly"));
    rig.add(0, minutes_draft("Later on", 120, 180));
    rig.arrives(0, "Weekly").await;
    assert!(rig.world.pbx.set_by_hand("anna", "away", "", "Fetching coffee"));
    rig.until("the overrule is known", ARRIVE, async || rig.json(&["explain", "anna"]).await["presence"]["layer"] == "override").await;
    let told = rig.json(&["explain", "anna"]).await;
    let by_hand = &told["presence"]["by_hand"][0];
    assert_eq!(
        (&by_hand["holds"], &by_hand["target"], &by_hand["set_where"]),
        (&true.into(), &"away".into(), &"at pbx, user anna".into()),
        "{told}"
    );
    assert_eq!(told["presence"]["losers"][0]["rule"], "P-22 override", "{told}");
    assert_eq!((&told["sink"]["in_step"], &told["last_changes"][0]["action"]), (&true.into(), &"presence.overruled".into()), "{told}");
    let text = printed(&rig, &["explain", "anna"]).await;
    assert!(
        text.contains("Why: a state set by hand goes before appointments (P-22 override).") && text.contains("Fetching coffee"),
        "{text}"
    );
    let coming = rig.json(&["preview", "anna"]).await;
    let mut layers: Vec<&str> = list(&coming, "moments").iter().map(|moment| moment["layer"].as_str().unwrap()).collect();
    layers.dedup();
    assert_eq!(layers, ["override", "calendar"], "the next appointment ends it: {coming}");
    // A draft that pays no attention to it shows the meeting instead.
    let deaf = draft(&rig, "deaf.toml", |text| text.replace("sink = \"pbx\"\n", "sink = \"pbx\"\noverrules = false\n"));
    let changed = rig.json(&["preview", "anna", "--config", &deaf]).await;
    assert_eq!((&changed["effect"], &changed["by"]), (&"changed".into(), &serde_json::json!(["overrules"])), "{changed}");
    assert_eq!(changed["changes"][0]["after"]["title"], "Weekly", "{changed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_x06_questions_that_cannot_be_answered_say_what_to_do() {
    let mut rig = Rig::new(3).await;
    rig.edit(|text| text.replace("address = \"ben@contoso.example\"", "address = \"benno@contoso.example\""));
    let ran = rig.command(&["explain", "anna"]).await;
    assert_eq!(ran.code, 4, "no service runs: {}", ran.err);
    rig.start().await;
    rig.until("ben is looked for", ARRIVE, async || rig.person("ben").await["resolution"] == "not-found").await;
    for (arguments, parts) in [
        (&["explain", "ana"][..], ["nobody called \"ana\"", "did you mean anna (Anna Acker)"]),
        (&["preview", "clra"], ["nobody called \"clra\"", "did you mean clara"]),
        (&["explain", "anna", "--at", "noon"], ["\"noon\" is no time", "14:00"]),
        (&["preview", "anna", "--config", "nothing.toml"], ["nothing.toml", "see whether the path is right"]),
        (&["preview", "anna", "--config", "data"], ["data", "it is no file"]),
    ] {
        let ran = rig.command(arguments).await;
        assert_eq!(ran.code, 1, "{arguments:?}: {}", ran.err);
        assert!(parts.iter().all(|part| ran.err.contains(part)), "{arguments:?}: {}", ran.err);
    }
    let ben = rig.json(&["explain", "ben"]).await;
    assert!(ben["presence"].is_null() && ben["troubles"][0].as_str().unwrap().contains("correct the address"), "{ben}");
    let text = printed(&rig, &["explain", "ben"]).await;
    assert!(text.contains("TROUBLE: there is no mailbox to read (not-found)"), "{text}");
    let all = lines(&rig, &["preview", "--all", "--json"]).await;
    assert_eq!(all.last().unwrap()["troubled"], 1, "{all:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_p20_explanations_and_previews_mask_private_appointments() {
    let rig = Rig::started(2).await;
    rig.add(0, now_draft(&format!("{PRIVATE} with the doctor")).sensitivity("private").location(PRIVATE));
    rig.add(0, minutes_draft(&format!("More {PRIVATE}"), -10, 40).sensitivity("confidential"));
    rig.add(0, minutes_draft(&format!("Free {PRIVATE}"), -10, 40).sensitivity("private").show_as("free"));
    rig.add(0, minutes_draft(&format!("{PRIVATE} later"), 60, 90).sensitivity("private"));
    rig.until("the private appointments show without their texts", ARRIVE, async || rig.shown(0).0 == "dnd").await;
    let draft = draft(&rig, "draft.toml", |text| text.replace("[rules.default]\n", "[rules.default]\nmapping = { busy = \"away\" }\n"));
    let mut all = String::new();
    for arguments in [
        &["explain", "anna"][..],
        &["explain", "anna", "--json"],
        &["explain", "anna", "--at", "23:59"],
        &["preview", "anna", "--days", "2"],
        &["preview", "anna", "--json"],
        &["preview", "--all", "--json"],
        &["preview", "--all", "--config", &draft],
        &["preview", "--all", "--config", &draft, "--json"],
    ] {
        all.push_str(&printed(&rig, arguments).await);
    }
    for asked in ["Zebra", "with the doctor", PRIVATE] {
        let ran = rig.command(&["explain", asked]).await;
        assert!(ran.code == 1 && !ran.err.contains("anna"), "titles find nobody: {}", ran.err);
    }
    assert!(all.contains("a private appointment") && all.contains("\"hidden\": \"private\""), "{all}");
    assert!(!all.to_lowercase().contains(&PRIVATE.to_lowercase()) && !all.contains("doctor"), "{all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_x07_a_draft_shows_exactly_what_it_would_change_and_applies_nothing() {
    let mut rig = Rig::started(3).await;
    rig.add(0, now_draft("Weekly"));
    rig.arrives(0, "Weekly").await;
    rig.settled().await;
    let draft = draft(&rig, "draft.toml", |text| text.replace("[rules.default]\n", "[rules.default]\nmapping = { busy = \"dnd\" }\n"));
    let (before, writes) = (rig.shown(0), rig.world.pbx.stats().writes);

    let one = rig.json(&["preview", "anna", "--config", &draft]).await;
    assert_eq!((&one["effect"], &one["by"]), (&"changed".into(), &serde_json::json!(["rules.mapping.busy"])), "{one}");
    let changes = list(&one, "changes");
    let sides = |change: &Value| (change["before"]["value"]["availability"].clone(), change["after"]["value"]["availability"].clone());
    assert!(!changes.is_empty() && changes.iter().all(|change| sides(change) == ("busy".into(), "dnd".into())), "{one}");
    let last = changes.last().unwrap()["end"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert!(last < jiff::Timestamp::now() + jiff::SignedDuration::from_mins(51), "outside of the appointment nothing changes: {one}");
    assert_eq!(changes[0]["before"]["value"]["text"], before.1.as_str(), "{one}");
    let foreseen = changes[0]["after"]["value"]["text"].as_str().unwrap().to_owned();

    let all = lines(&rig, &["preview", "--all", "--config", &draft, "--json"]).await;
    let kinds: Vec<&str> = all.iter().map(|line| line["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["head", "person", "summary"], "only who changes is told: {all:?}");
    assert_eq!(all[0]["configuration"], serde_json::json!(["rules `default` changed"]));
    assert_eq!(all[2]["effects"], serde_json::json!({ "changed": 1, "unchanged": 2 }));
    assert_eq!(all[2]["by"], serde_json::json!({ "rules.mapping.busy": 1 }));
    let text = printed(&rig, &["preview", "--all", "--config", &draft]).await;
    for part in [
        "nothing of it is applied",
        "rules `default` changed",
        "Changes (rules.mapping.busy):",
        "Of 3 people: 1 change, 2 stay as they are.",
    ] {
        assert!(text.contains(part), "\"{part}\" is missing in\n{text}");
    }

    rig.holds("nothing is applied", Duration::from_secs(2), async || rig.shown(0) == before && rig.world.pbx.stats().writes == writes)
        .await;
    assert!(!rig.log().contains("configuration-changed"), "{}", rig.log());
    // What was foreseen is what comes when the draft is taken over.
    let text = std::fs::read_to_string(rig.path("draft.toml")).unwrap();
    rig.edit(|_| text);
    rig.arrives(0, &foreseen).await;
    assert!(rig.runs());
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_x07_a_draft_that_hides_adds_and_moves_people_or_is_wrong() {
    let rig = Rig::started(3).await;
    let hides = draft(&rig, "hides.toml", |text| {
        let text = text.replace("id = \"anna\"\n", "id = \"anna\"\nactive = false\n");
        let text = text.replace("users = { pbx = \"ben\" }", "users = { pbx = \"ben-2\" }");
        format!("{text}\n[[people.person]]\nid = \"dora\"\naddress = \"dora@contoso.example\"\nusers = {{ pbx = \"dora\" }}\n")
    });
    let all = lines(&rig, &["preview", "--all", "--config", &hides, "--json"]).await;
    let effect = |id: &str| all.iter().find(|line| line["person"]["id"] == id).map_or(Value::Null, |line| line["effect"].clone());
    assert_eq!(
        (effect("anna"), effect("ben"), effect("dora")),
        ("no-longer-shown".into(), "moved".into(), "newly-shown".into()),
        "{all:?}"
    );
    assert_eq!(effect("clara"), Value::Null, "she stays as she is");
    assert_eq!(rig.json(&["preview", "dora", "--config", &hides]).await["effect"], "newly-shown");
    assert_eq!(rig.command(&["preview", "dora"]).await.code, 1, "the configuration in use does not know her");

    // In a place of its own a draft means the same: its relative paths are those of the file in use.
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = elsewhere.path().join("copy.toml");
    std::fs::copy(rig.path("calport.toml"), &copy).unwrap();
    let same = lines(&rig, &["preview", "--all", "--config", copy.to_str().unwrap(), "--json"]).await;
    assert_eq!((&same[0]["configuration"], &same[1]["effects"]), (&serde_json::json!([]), &serde_json::json!({ "unchanged": 3 })));

    let wrong = draft(&rig, "wrong.toml", |text| text.replace("source = \"calendar\"", "source = \"calender\""));
    let ran = rig.command(&["preview", "--all", "--config", &wrong]).await;
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert!(ran.err.contains("wrong.toml:") && ran.err.contains("did you mean `calendar`?"), "{}", ran.err);
    let ran = rig.command(&["preview", "anna", "--config", &wrong, "--json"]).await;
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert!(list(&serde_json::json!({ "found": ran.json() }), "found")[0]["line"].as_u64().unwrap() > 0, "{}", ran.out);
    assert_eq!(rig.command(&["status"]).await.code, 0, "the service has not taken it");
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_p13_what_is_coming_is_told_as_the_sink_will_show_it() {
    let rig = Rig::started(2).await;
    rig.add(0, now_draft("Weekly"));
    rig.add(0, minutes_draft("Later on", 120, 180));
    rig.arrives(0, "Weekly").await;
    rig.until("both are known", ARRIVE, async || {
        let one = rig.json(&["preview", "anna"]).await;
        ["Weekly", "Later on"].iter().all(|title| list(&one, "moments").iter().any(|moment| moment["title"] == *title))
    })
    .await;
    let one = rig.json(&["preview", "anna"]).await;
    let moments = list(&one, "moments");
    assert_eq!(moments[0]["value"]["text"], rig.shown(0).1.as_str(), "the first is what shows now: {one}");
    assert!(moments.windows(2).all(|pair| pair[0]["end"] == pair[1]["start"]), "{one}");
    let mut titles: Vec<&Value> = moments.iter().map(|moment| &moment["title"]).filter(|title| !title.is_null()).collect();
    titles.dedup();
    assert_eq!(titles, ["Weekly", "Later on"], "{one}");
    let far = rig.json(&["preview", "anna", "--days", "35"]).await;
    assert!(far["to"].as_str() > one["to"].as_str(), "{far}");
    let text = printed(&rig, &["preview", "anna"]).await;
    assert!(text.contains("Anna Acker (anna) · at pbx, user anna") && text.contains("Later on"), "{text}");

    let all = lines(&rig, &["preview", "--all", "--json"]).await;
    let ids: Vec<&Value> = all.iter().filter(|line| line["kind"] == "person").map(|line| &line["person"]["id"]).collect();
    assert_eq!(ids, ["anna", "ben"]);
    assert_eq!(all.last().unwrap()["people"], 2);
}
