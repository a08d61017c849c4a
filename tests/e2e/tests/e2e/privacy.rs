//! What must never be seen: secrets, and the texts of private appointments.

use calport_e2e::{ARRIVE, Rig, now_draft, world_of};
use calport_simulators::fault::{Kind, Rule};
use calport_simulators::graph::{EventDraft, Simulator as Calendar};
use calport_simulators::pbx::Simulator as Pbx;
use calport_web::control::{Client, Token};

const CLIENT_SECRET: &str = "Marker~Client~Secret~7f3a";
const PBX_SECRET: &str = "Marker-Manager-Secret-91bc";
const SUBJECT: &str = "Zebrafink";
const PLACE: &str = "Nashornweg";
const BODY: &str = "Tintenfisch";

/// Where one of the markers is, in any form they could take on the way: plain, or in Base64 at any offset.
fn found(haystack: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for marker in [CLIENT_SECRET, PBX_SECRET, SUBJECT, PLACE, BODY] {
        let forms = std::iter::once(marker.to_owned()).chain((0..3).map(|offset| base64_core(marker.as_bytes(), offset)));
        for form in forms.filter(|f| haystack.windows(f.len()).any(|w| w.eq_ignore_ascii_case(f.as_bytes()))) {
            found.push(format!("{marker} as {form}"));
        }
    }
    found
}

/// The middle of the Base64 form of a text that stands `offset` bytes into something.
fn base64_core(text: &[u8], offset: usize) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let skip = (3 - offset) % 3;
    let whole = text.len().saturating_sub(skip) / 3 * 3;
    text[skip..skip + whole]
        .chunks(3)
        .flat_map(|c| {
            let n = u32::from(c[0]) << 16 | u32::from(c[1]) << 8 | u32::from(c[2]);
            [18, 12, 6, 0].map(|shift| char::from(DIGITS[(n >> shift & 63) as usize]))
        })
        .collect()
}

fn clean(place: &str, bytes: &[u8]) {
    let found = found(bytes);
    assert!(found.is_empty(), "{place} holds {found:?}:\n{}", String::from_utf8_lossy(bytes));
}

#[test]
fn the_search_for_markers_finds_them() {
    assert_eq!(base64_core(b"abcdef", 0), "YWJjZGVm");
    assert!(!found(b"subject: ZebraFink").is_empty());
    assert!(!found(b"eFplYnJhZmluaw==").is_empty(), "Base64 of xZebrafink");
    assert!(found(b"nothing").is_empty());
}

async fn rig() -> Rig {
    let calendar = Calendar::builder().configure(|c| CLIENT_SECRET.clone_into(&mut c.client_secret));
    let pbx = Pbx::builder().account("calport", PBX_SECRET, &["all"], &["all"]);
    let mut rig = Rig::bare(world_of(4, calendar, pbx).await);
    rig.set_secret("calendar-client", CLIENT_SECRET).await;
    rig.set_secret("pbx-manager", PBX_SECRET).await;
    rig.edit(|text| {
        text.replace("[host]\n", "[host]\nlog = { level = \"trace\", format = \"json\" }\n")
            .replace("plugin = \"asterisk\"\n", "plugin = \"asterisk\"\ntrace = { active = true, bodies = true, minutes = 10 }\n")
            .replace("plugin = \"graph\"\n", "plugin = \"graph\"\ntrace = { active = true, minutes = 10 }\n")
    });
    rig.start().await;
    rig.settled().await;
    rig
}

fn secret_draft(kind: &str) -> EventDraft {
    now_draft(&format!("Client call with {SUBJECT}"))
        .sensitivity(kind)
        .location(PLACE)
        .set("body", serde_json::json!({ "contentType": "text", "content": BODY }))
}

#[tokio::test(flavor = "multi_thread")]
async fn b51_b52_private_texts_and_secrets_are_nowhere_to_be_seen() {
    let mut rig = rig().await;
    for connection in ["calendar", "pbx"] {
        rig.json(&["trace", "on", connection]).await;
    }
    let ids = [rig.add(0, secret_draft("private")), rig.add(1, secret_draft("confidential"))];
    rig.add(2, now_draft("Open house"));
    for member in [0, 1] {
        rig.until("the private appointment shows without its text", ARRIVE, async || rig.shown(member).0 == "dnd").await;
    }
    rig.arrives(2, "Open house").await;
    let calendar = &rig.world.calendar;
    let address = |m: usize| rig.world.members[m].address.clone();
    calendar.update_event(&address(0), &ids[0], EventDraft::patch().subject(&format!("{SUBJECT} again")).show_as("oof")).unwrap();
    rig.until("the change shows", ARRIVE, async || rig.shown(0).0 == "away").await;
    // Failures are where texts slip out: refused tokens, answers that are no JSON, a lost cursor, a refused write.
    calendar.fault(Rule::on_path("delta", 1, Kind::BadJson).for_mailbox(&address(1)));
    calendar.fault(Rule::on_path("delta", 1, Kind::Status { status: 401, retry_after: None }).for_mailbox(&address(0)));
    calendar.expire_delta(Some(&address(2)));
    calendar.expire_tokens();
    rig.world.pbx.faults().add(Rule {
        matching: calport_simulators::fault::Match::default(),
        times: Some(2),
        fault: Kind::Status { status: 500, retry_after: None },
    });
    calendar.update_event(&address(1), &ids[1], EventDraft::patch().show_as("oof")).unwrap();
    rig.add(3, secret_draft("private"));
    calendar.delete_event(&address(0), &ids[0]).unwrap();
    rig.until("all is well again", ARRIVE, async || rig.shown(0).0 == "available" && rig.shown(1).0 == "away" && rig.shown(3).0 == "dnd")
        .await;
    let kept = rig.command(&["check", "--json"]).await;

    for write in rig.world.pbx.writes() {
        clean("a write to the PBX", format!("{} {} {}", write.subtype, write.message, write.user).as_bytes());
    }
    for arguments in [
        &["status", "--people", "--json"][..],
        &["status", "--people"],
        &["log", "--json", "-n", "10000"],
        &["log", "-n", "10000"],
        &["secret", "list", "--json"],
        &["plugin", "list", "--json"],
    ] {
        let ran = rig.command(arguments).await;
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.err);
        clean(&format!("calport {}", arguments.join(" ")), format!("{}{}", ran.out, ran.err).as_bytes());
    }
    clean("calport check --json", format!("{}{}", kept.out, kept.err).as_bytes());
    clean("the audit", audit(&rig).await.as_bytes());
    clean("standard error", rig.log().as_bytes());
    assert!(rig.log().contains("Open house"), "the log would show texts that are not private");
    let traces = ["calendar", "pbx"].map(|c| std::fs::read(rig.path(&format!("data/trace/{c}.log"))).unwrap());
    for trace in &traces {
        assert!(!trace.is_empty());
        clean("a trace", trace);
    }
    assert!(String::from_utf8_lossy(&traces[0]).contains("calendarView/delta"), "traffic was traced");
    for name in ["calport.sqlite", "calport.sqlite-wal"] {
        let bytes = std::fs::read(rig.path("data").join(name)).unwrap_or_default();
        assert!(name.ends_with("-wal") || !bytes.is_empty());
        clean(name, &bytes);
    }
    assert_eq!(rig.stop().await, Some(0));
    everything_on_disk(&rig);
}

async fn audit(rig: &Rig) -> String {
    let text = std::fs::read_to_string(rig.path("calport.toml")).unwrap();
    let control = text.lines().find_map(|l| l.strip_prefix("control = ")).unwrap().trim_matches('"').parse().unwrap();
    let token = Token::parse(&std::fs::read_to_string(rig.path("data/control.token")).unwrap()).unwrap();
    let audit = Client::new(control, token).unwrap().audit(None, 1000).await.unwrap();
    assert!(!audit["entries"].as_array().unwrap().is_empty(), "{audit}");
    audit.to_string()
}

/// After the end everything is on disk: no file of this Calport holds a marker.
fn everything_on_disk(rig: &Rig) {
    let mut open = vec![rig.directory.path().to_owned()];
    let mut files = 0;
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_none_or(|e| e != "wasm") {
                files += 1;
                clean(&path.display().to_string(), &std::fs::read(&path).unwrap());
            }
        }
    }
    assert!(files >= 4, "configuration, secrets, key and database were looked at");
}

#[tokio::test(flavor = "multi_thread")]
async fn b52_errors_about_secrets_do_not_show_them() {
    let rig = Rig::bare(world_of(1, Calendar::builder(), Pbx::builder()).await);
    rig.set_secret("calendar-client", CLIENT_SECRET).await;
    rig.set_secret("pbx-manager", PBX_SECRET).await;
    let check = rig.command(&["check", "--json"]).await;
    assert_eq!(check.code, 5, "both servers refuse these secrets");
    clean("calport check", format!("{}{}", check.out, check.err).as_bytes());
    rig.edit(|text| text.replace("secret = \"pbx-manager\"", &format!("secret = \"{PBX_SECRET}\"")));
    let refused = rig.command(&["check"]).await;
    assert_eq!(refused.code, 3);
    clean("the refusal of a configuration with a secret in it", format!("{}{}", refused.out, refused.err).as_bytes());
}
