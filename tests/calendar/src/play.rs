//! A case from its first step to what is read: done by its people, or through connectors.

use std::collections::BTreeMap;

use crate::canon::Seen;
use crate::case::{Case, Step};
use crate::reader::{Reader, window};
use crate::sandbox::calendar::WriteTarget;
use crate::sandbox::common::ErrorKind;
use crate::sandbox::{Answer, Instance};
use crate::world::{SIDES, Side, World, address};
use crate::{owner, written};

/// Who writes: one connector makes events, one does everything after that.
#[derive(Clone, Copy, Debug)]
pub struct Hands {
    /// Who makes events.
    pub makes: Side,
    /// Who changes and deletes them.
    pub changes: Side,
}

/// Every pair of hands.
pub const HANDS: [Hands; 4] = [
    Hands { makes: Side::Graph, changes: Side::Graph },
    Hands { makes: Side::Ews, changes: Side::Ews },
    Hands { makes: Side::Graph, changes: Side::Ews },
    Hands { makes: Side::Ews, changes: Side::Graph },
];

/// What was seen and should have been, line by line; empty when nothing differs.
#[must_use]
pub fn difference(case: &Case, seen: &Seen, who: &str) -> String {
    let mut wanted = Seen { window: case.expect.window.clone(), series: case.expect.series.clone() };
    wanted.window.sort_unstable();
    wanted.series.iter_mut().for_each(|s| {
        s.exceptions.sort_unstable();
        s.deleted.sort_unstable();
    });
    wanted.series.sort_unstable();
    if *seen == wanted {
        return String::new();
    }
    let (wanted, seen) = (lines(&wanted), lines(seen));
    let missing = wanted.iter().filter(|line| !seen.contains(line)).map(|line| format!("  - {line}\n"));
    let surplus = seen.iter().filter(|line| !wanted.contains(line)).map(|line| format!("  + {line}\n"));
    format!("{}, {who}: {}\n{}", case.name, case.says, missing.chain(surplus).collect::<String>())
}

fn lines(seen: &Seen) -> Vec<String> {
    let series = seen.series.iter().flat_map(|s| {
        let below = |what: &str, list: &[String]| list.iter().map(|line| format!("{what} {line}")).collect::<Vec<_>>();
        [vec![format!("series {}", s.master)], below("exception", &s.exceptions), below("deleted", &s.deleted)].concat()
    });
    seen.window.iter().cloned().chain(series).collect()
}

/// All steps by people. Gives the differences of both readers: of one that comes afterwards, and of one that followed along.
pub async fn read(world: &World, case: &Case) -> String {
    let mailbox = world.person(&case.name, &case.zone);
    let mut following = Vec::new();
    for side in SIDES {
        following.push((side, Reader::new(world.open(side).await, &mailbox, window(case))));
    }
    let mut made: BTreeMap<&str, String> = BTreeMap::new();
    for step in case.step.iter().filter(|step| step.refused.is_none()) {
        let id = owner::act(&world.graph, &mailbox, &case.zone, step, made.get(step.event()).map(String::as_str));
        made.extend(id.map(|id| (step.event(), id)));
        for (side, reader) in &mut following {
            reader.follow().await.unwrap_or_else(|e| panic!("{}, {side:?} after {step:?}: {e:?}", case.name));
        }
    }
    let mut report = String::new();
    for (side, reader) in &mut following {
        report += &seen(case, reader, &format!("{side:?} following")).await;
    }
    report + &afterwards(world, case, &mailbox, "").await
}

/// All steps by people.
pub fn act(world: &World, case: &Case) {
    let mailbox = world.person(&case.name, &case.zone);
    let mut made: BTreeMap<&str, String> = BTreeMap::new();
    for step in case.step.iter().filter(|step| step.refused.is_none()) {
        let id = owner::act(&world.graph, &mailbox, &case.zone, step, made.get(step.event()).map(String::as_str));
        made.extend(id.map(|id| (step.event(), id)));
    }
}

/// The differences of one reader, whose connector has these settings besides the usual, after [`act`].
pub async fn read_through(world: &World, case: &Case, side: Side, settings: &str) -> String {
    let mailbox = address(&case.name);
    let mut reader = Reader::new(world.open_with(side, settings).await, &mailbox, window(case));
    match reader.follow().await {
        Ok(()) => seen(case, &mut reader, &format!("{side:?}")).await,
        Err(e) => format!("{}, {side:?}: {e:?}\n", case.name),
    }
}

/// The differences of readers that come after everything is done.
pub async fn afterwards(world: &World, case: &Case, mailbox: &str, who: &str) -> String {
    let mut report = String::new();
    for side in SIDES {
        let mut reader = Reader::new(world.open(side).await, mailbox, window(case));
        reader.follow().await.unwrap_or_else(|e| panic!("{}, {side:?} {who}: {e:?}", case.name));
        report += &seen(case, &mut reader, &format!("{side:?} {who}")).await;
    }
    report
}

async fn seen(case: &Case, reader: &mut Reader, who: &str) -> String {
    match reader.seen().await {
        Ok(seen) => difference(case, &seen, who),
        Err(e) => format!("{}, {who}: {e:?}\n", case.name),
    }
}

/// All steps through connectors, but for those that only people may do. Gives the differences of both readers.
pub async fn write(world: &World, case: &Case, hands: Hands) -> String {
    let who = format!("made through {:?}, changed through {:?}", hands.makes, hands.changes);
    let mailbox = world.person(&format!("{}-{:?}-{:?}", case.name, hands.makes, hands.changes).to_lowercase(), &case.zone);
    let mut made: BTreeMap<&str, &Step> = BTreeMap::new();
    let mut ids: BTreeMap<&str, String> = BTreeMap::new();
    for step in &case.step {
        let name = step.event();
        if step.make.is_some() {
            made.insert(name, step);
        }
        let making = made[name];
        if step.by_a_person {
            let usual = (step.make.is_none()).then(|| usual_id(world, &mailbox, making));
            owner::act(&world.graph, &mailbox, &case.zone, step, usual.as_deref());
            continue;
        }
        let side = if step.make.is_some() { hands.makes } else { hands.changes };
        let mut connector = world.open(side).await;
        if step.make.is_some() {
            let draft = written::draft(&step.set, &case.zone, name);
            match connector.create(&mailbox, &draft).await {
                Ok(written) => ids.insert(name, written.id),
                Err(e) => return format!("{}, {who}: making {name}: {e:?}\n", case.name),
            };
            continue;
        }
        let id = match ids.get(name) {
            Some(id) if hands.makes == hands.changes => id.clone(),
            // The tag is the same field through both (SEMANTICS B-04).
            Some(_) => {
                let found = connector.find_by_tag(&mailbox, name).await.unwrap();
                assert_eq!(found.len(), 1, "{}, {who}: events with the tag {name}", case.name);
                found[0].id.clone()
            }
            None => {
                let mut reader = Reader::new(world.open(side).await, &mailbox, window(case));
                reader.find(making.set.subject.as_ref().expect("a subject")).await.unwrap()
            }
        };
        let target = written::target(&id, step.occurrence.as_ref(), making.set.zone.as_ref().unwrap_or(&case.zone));
        let answer = change(&mut connector, &mailbox, &target, step, case).await;
        if let Some(wrong) = misjudged(answer, step.refused.as_ref()) {
            return format!("{}, {who}: {step:?}: {wrong}\n", case.name);
        }
    }
    assert_eq!(world.mails(), 0, "{}, {who}: somebody was mailed", case.name);
    afterwards(world, case, &mailbox, &who).await
}

/// What is wrong with an answer to a step, which is to be refused by this name or not at all.
fn misjudged(answer: Answer<()>, refused: Option<&String>) -> Option<String> {
    match (answer, refused) {
        (Ok(()), None) => None,
        (Ok(()), Some(name)) => Some(format!("it was done, not refused as {name}")),
        (Err(e), Some(name)) if e.kind == ErrorKind::Refused(name.clone()) => None,
        (Err(e), _) => Some(format!("{e:?}")),
    }
}

/// Changes or deletes, on the version that is there.
async fn change(connector: &mut Instance, mailbox: &String, target: &WriteTarget, step: &Step, case: &Case) -> Answer<()> {
    let version = match target {
        WriteTarget::Item(id) => Some(connector.get_event(mailbox, id).await?.event.version),
        WriteTarget::Occurrence(_) => None,
    };
    if step.delete.is_some() {
        return connector.delete(mailbox, target, version.as_ref()).await;
    }
    let fields = written::fields(&step.set, &case.zone);
    connector.update(mailbox, target, &fields, version.as_ref()).await.map(|_| ())
}

/// The id by which people's door knows an event that a connector made.
fn usual_id(world: &World, mailbox: &str, making: &Step) -> String {
    let subject = making.set.subject.as_deref().expect("a subject");
    let all = world.graph.events(mailbox).unwrap();
    let found = all.iter().find(|event| event["subject"] == subject).unwrap_or_else(|| panic!("no event {subject:?}"));
    found["id"].as_str().unwrap().to_owned()
}
