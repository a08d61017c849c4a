//! `calport preview` at the service: the lines of people, and those that a draft of the configuration would give. Nothing is
//! applied.
//!
//! Work is bounded: two previews at a time, two people side by side in each, off the threads that serve the engine. Whoever no
//! longer reads the lines ends the work.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use calport_config::Loaded;
use calport_engine::{Basis, Change, EngineHandle, Moment, difference, line};
use calport_web::control::{ControlError, ControlErrorKind, PreviewFeed, PreviewWish};
use futures::{StreamExt as _, stream};
use jiff::{Timestamp, ToSpan as _};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};

use super::explain::{Health, basis_of, internal, nobody};
use super::roster::Roster;
use super::{Service, lock};
use crate::explain::{find, zone_name};
use crate::preview::{Effect, Head, Line, Preview, Side, Summary, foreseeable, settings_that_differ, under, weigh};

/// Previews at a time.
static PREVIEWS: Semaphore = Semaphore::const_new(2);

/// People looked at side by side.
const WIDTH: usize = 2;

/// Lines that wait for the reader.
const AHEAD: usize = 32;

/// After so many people the progress is told.
const STEP: usize = 50;

/// Bytes of a draft, as of the configuration itself.
const MOST_BYTES: u64 = 64 << 20;

/// What one preview works with.
struct Work {
    engine: EngineHandle,
    roster: Arc<Roster>,
    draft: Option<Arc<Roster>>,
    health: Health,
    from: Timestamp,
    days: u32,
}

impl Service {
    pub(super) async fn preview_feed(&self, wish: PreviewWish) -> Result<PreviewFeed, ControlError> {
        let permit = PREVIEWS.try_acquire().map_err(|_| {
            ControlError::new(ControlErrorKind::Conflict, "two previews are being made already", "end one of them, or wait for it")
        })?;
        let roster = self.roster().await?;
        let draft = match &wish.config {
            Some(path) => match self.draft(PathBuf::from(path)).await? {
                Ok(loaded) => {
                    let listed = lock(&self.listed).clone();
                    let made = tokio::task::spawn_blocking(move || Arc::new(Roster::new(Arc::new(loaded), &listed)));
                    Some(made.await.map_err(internal)?)
                }
                Err(refused) => return Ok(one_line(refused)),
            },
            None => None,
        };
        let rosters = || std::iter::once(&roster).chain(&draft);
        let ids: Vec<String> = match &wish.person {
            Some(asked) => {
                let mut known = roster.known();
                known.extend(draft.iter().flat_map(|draft| draft.known()).filter(|person| !roster.persons.contains_key(&person.id)));
                vec![find(asked, &known).map(|person| person.id.clone()).map_err(nobody)?]
            }
            None => rosters().flat_map(|roster| roster.persons.keys()).collect::<BTreeSet<_>>().into_iter().cloned().collect(),
        };
        let health = self.health().await?;
        let mut head = Head {
            from: Timestamp::now(),
            days: wish.days.unwrap_or(1),
            people: ids.len(),
            draft: wish.config.clone(),
            configuration: Vec::new(),
            warnings: Vec::new(),
            notes: Vec::new(),
        };
        if let Some(draft) = &draft {
            describe(&mut head, &roster, draft, &lock(&self.listed).keys().cloned().collect());
        }
        let work = Work { engine: self.engine.clone(), from: head.from, days: head.days, roster, draft, health };
        let (lines, feed) = mpsc::channel(AHEAD);
        tokio::spawn(make(Arc::new(work), head, ids, wish.person.is_some(), lines, permit));
        Ok(stream::unfold(feed, |mut feed| async { feed.recv().await.map(|line| (json(&line), feed)) }).boxed())
    }

    /// The draft, or the line that says what is wrong with it.
    async fn draft(&self, path: PathBuf) -> Result<Result<Loaded, Line>, ControlError> {
        let beside = self.file.clone();
        tokio::task::spawn_blocking(move || {
            readable(&path, &beside)?;
            Ok(load_draft(&path, &beside))
        })
        .await
        .map_err(internal)?
    }
}

/// Loads a draft as if it stood in place of the file in use: relative paths in it mean the same as there.
fn load_draft(path: &Path, in_use: &Path) -> Result<Loaded, Line> {
    let in_place = path.file_name().map_or_else(|| in_use.to_owned(), |name| in_use.with_file_name(name));
    let loaded = match std::fs::read_to_string(path) {
        Ok(text) => calport_config::load_str(&in_place, &text),
        Err(_) => calport_config::load(path),
    };
    loaded.map_err(|mistakes| {
        // The same mistakes with the name of the file that has them, unless they come of where it lies.
        let mistakes = calport_config::load(path).err().unwrap_or(mistakes);
        Line::Refused { text: calport_config::render(&mistakes, false), diagnostics: calport_config::to_json(&mistakes) }
    })
}

/// Whether the service can read a draft; the commands that ask for it can, which is not the same.
fn readable(path: &Path, beside: &Path) -> Result<(), ControlError> {
    let refused = |why: String, remedy: String| Err(ControlError::new(ControlErrorKind::Invalid, why, remedy));
    let shown = path.display();
    if !path.is_absolute() {
        return refused(
            format!("the draft {shown} is no absolute path"),
            "give the whole path: the service has a directory of its own".to_owned(),
        );
    }
    match std::fs::metadata(path).and_then(|data| std::fs::File::open(path).map(|_| data)) {
        Ok(data) if data.is_file() && data.len() <= MOST_BYTES => Ok(()),
        Ok(data) if data.is_file() => {
            refused(format!("the draft {shown} is larger than {} MiB", MOST_BYTES >> 20), "name a configuration".to_owned())
        }
        Ok(_) => refused(format!("the draft {shown} is no file"), "name the draft itself".to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => refused(
            format!("the service does not see the draft {shown}"),
            format!("put it beside {}: a service may have directories such as /tmp and /home of its own", beside.display()),
        ),
        Err(error) => refused(
            format!("the service cannot read the draft {shown}: {error}"),
            "let the user that runs `calport serve` read the file and its directory".to_owned(),
        ),
    }
}

/// What a draft changes besides people.
fn describe(head: &mut Head, roster: &Roster, draft: &Roster, listed: &BTreeSet<String>) {
    let (now, new) = (roster.config(), draft.config());
    head.configuration = calport_config::diff(now, new).iter().map(ToString::to_string).collect();
    head.warnings = draft.loaded.warnings.iter().map(ToString::to_string).collect();
    if now.host.publish != new.host.publish {
        let what =
            if new.host.publish { "ends shadow mode: presence would be written" } else { "is in shadow mode: nothing would be written" };
        head.notes.push(format!("the draft {what}"));
    }
    if now.host.zone != new.host.zone {
        head.notes.push("the host's zone differs: mailboxes without a zone of their own are shown here in the old one".to_owned());
    }
    for directory in new.people.directories.iter().filter(|directory| !listed.contains(&directory.connection)) {
        head.notes.push(format!("the people of the directory of {} are not known yet", directory.connection));
    }
}

fn one_line(line: Line) -> PreviewFeed {
    stream::once(async move { json(&line) }).boxed()
}

fn json(line: &Line) -> serde_json::Value {
    serde_json::to_value(line)
        .unwrap_or_else(|error| serde_json::json!({ "kind": "failed", "error": error.to_string(), "remedy": "report this" }))
}

/// Makes the lines until they are all made or nobody reads them.
async fn make(work: Arc<Work>, head: Head, ids: Vec<String>, single: bool, lines: mpsc::Sender<Line>, _permit: SemaphorePermit<'static>) {
    let (total, with_draft) = (ids.len(), work.draft.is_some());
    if lines.send(Line::Head(head)).await.is_err() {
        return;
    }
    let mut summary = Summary::default();
    let mut previews = stream::iter(ids)
        .map(|id| {
            let work = work.clone();
            async move { work.person(&id).await }
        })
        .buffered(WIDTH);
    while let Some(preview) = previews.next().await {
        let preview = match preview {
            Ok(preview) => preview,
            Err(error) => {
                let _ = lines.send(Line::Failed { error: error.error, remedy: error.remedy }).await;
                return;
            }
        };
        summary.count(&preview);
        let tells = single || !with_draft || preview.effect != Some(Effect::Unchanged);
        if tells && lines.send(Line::Person(Box::new(preview))).await.is_err() {
            return;
        }
        if summary.people.is_multiple_of(STEP) && lines.send(Line::Progress { done: summary.people, total }).await.is_err() {
            return;
        }
        // People without any difference cost no waiting: others get their turn.
        tokio::task::yield_now().await;
    }
    let _ = lines.send(Line::Summary(summary)).await;
}

impl Work {
    /// A person's preview.
    async fn person(&self, id: &str) -> Result<Preview, ControlError> {
        let (who, zone) = match &self.draft {
            Some(draft) if !self.roster.persons.contains_key(id) => (draft.who(id), draft.zone(id)),
            _ => (self.roster.who(id), self.roster.zone(id)),
        };
        let mut preview = Preview {
            person: who,
            zone: zone_name(&zone),
            from: self.from,
            to: None,
            moments: Vec::new(),
            effect: None,
            changes: Vec::new(),
            by: Vec::new(),
            notes: Vec::new(),
            troubles: Vec::new(),
        };
        match &self.draft {
            None => self.coming(id, &mut preview).await?,
            Some(draft) => self.changed(id, draft, &mut preview).await?,
        }
        Ok(preview)
    }

    /// What the sink will show.
    async fn coming(&self, id: &str, preview: &mut Preview) -> Result<(), ControlError> {
        preview.troubles = self.health.troubles(&self.roster, id);
        let Some(basis) = self.basis(id, preview).await? else { return Ok(()) };
        let (from, to, loaded) = (self.from, self.end(&basis), basis.window.end);
        preview.moments = off(move || line(&basis, from, to)).await?;
        let reached = preview.moments.last().map(|moment| moment.end);
        reach(preview, to, loaded, reached);
        Ok(())
    }

    /// What the draft would change.
    async fn changed(&self, id: &str, draft: &Roster, preview: &mut Preview) -> Result<(), ControlError> {
        let side = |roster: &'_ Roster| roster.plans.get(id).cloned();
        let (old, new) = (side(&self.roster), side(draft));
        let uses = |roster: &Roster, plan: &Option<Arc<_>>| {
            plan.as_ref().is_some_and(|plan: &Arc<calport_engine::PersonPlan>| roster.uses(&plan.source) && roster.uses(&plan.sink))
        };
        let now = Side { plan: old.as_ref(), connections: uses(&self.roster, &old) };
        let then = Side { plan: new.as_ref(), connections: uses(draft, &new) };
        let (effect, notes) = weigh(now, then);
        preview.by = old.as_ref().zip(new.as_ref()).map(|(old, new)| settings_that_differ(old, new)).unwrap_or_default();
        preview.effect = Some(effect);
        preview.notes = notes;
        let (Some(_), Some(plan)) = (now.shown(), then.shown()) else { return Ok(()) };
        if preview.by.is_empty() {
            return Ok(());
        }
        let Some(basis) = self.basis(id, preview).await? else {
            preview.troubles = self.health.troubles(&self.roster, id);
            preview.effect = Some(if effect == Effect::Moved { effect } else { Effect::NotForeseeable });
            return Ok(());
        };
        let (from, to, loaded, plan) = (self.from, self.end(&basis), basis.window.end, plan.clone());
        let (reached, changes) = off(move || compared(&basis, &under(&basis, &plan), from, to)).await?;
        if effect != Effect::Moved && !changes.is_empty() {
            preview.effect = Some(Effect::Changed);
        }
        preview.changes = changes;
        reach(preview, to, loaded, reached);
        Ok(())
    }

    async fn basis(&self, id: &str, preview: &mut Preview) -> Result<Option<Basis>, ControlError> {
        let Some(basis) = basis_of(&self.engine, id).await? else { return Ok(None) };
        preview.zone = zone_name(&basis.presence_zone);
        let (basis, notes) = foreseeable(basis);
        preview.notes.extend(notes);
        Ok(Some(basis))
    }

    /// The same local time so many days on.
    fn end(&self, basis: &Basis) -> Timestamp {
        let local = self.from.to_zoned(basis.presence_zone.clone());
        local.checked_add(i64::from(self.days).days()).map_or(Timestamp::MAX, |end| end.timestamp())
    }
}

/// Notes up to when something is known, and says it where that is not the whole time.
fn reach(preview: &mut Preview, wanted: Timestamp, loaded: Timestamp, reached: Option<Timestamp>) {
    preview.to = reached;
    let note = match reached {
        Some(reached) if reached >= wanted => return,
        Some(reached) if reached >= loaded => "the line ends where no more of the calendar is loaded",
        Some(_) => "the line ends early: the calendar changes too often for a longer one",
        None => "nothing of this time is loaded",
    };
    preview.notes.push(note.to_owned());
}

/// Where two lines differ, and how far both reach.
fn compared(now: &Basis, then: &Basis, from: Timestamp, to: Timestamp) -> (Option<Timestamp>, Vec<Change>) {
    let (mut before, mut after) = (line(now, from, to), line(then, from, to));
    let ends = before.last().zip(after.last()).map(|(before, after)| before.end.min(after.end));
    let Some(reached) = ends else { return (None, Vec::new()) };
    // What only one of them reaches is no difference.
    for line in [&mut before, &mut after] {
        line.retain(|moment: &Moment| moment.start < reached);
        if let Some(last) = line.last_mut() {
            last.end = last.end.min(reached);
        }
    }
    (Some(reached), difference(&before, &after))
}

/// Computes without holding up what else the service does.
async fn off<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ControlError> {
    tokio::task::spawn_blocking(work).await.map_err(internal)
}
