//! `SyncFolderItems`: what came, changed and went since a state. Series come as their masters; an occurrence's change is one of its master.
//!
//! A state holds the folder, where the round before began, where this one did, and how far it is. A round gives first what came
//! since the round before, then what changed, then what is gone; what happens while a round is under way belongs to the next. So nothing
//! is given as changed that was never given as new, however a client pages.

use crate::ews::context::Context;
use crate::ews::fault::trouble;
use crate::ews::ids::{FolderKey, ItemKey, Rest, seal, unseal};
use crate::ews::item::shown::Shown;
use crate::ews::ops::{find_item, stored};
use crate::ews::shape::Shape;
use crate::ews::soap::{Fault, Trouble, response};
use crate::ews::xml::Element;
use crate::graph::ids::ItemId;
use crate::graph::render::change_key;

/// Where a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    mailbox: u32,
    folder: FolderKey,
    generation: u64,
    /// Change number of the last round.
    base: u64,
    /// Change number of this round.
    until: u64,
    /// The last step given: 0 new, 1 changed, 2 gone, and its place.
    step: (u8, u64),
}

/// One change, at its place in the round.
struct Step {
    at: (u8, u64),
    key: u64,
}

impl State {
    fn text(&self) -> String {
        let (kind, number) = match self.folder {
            FolderKey::Calendar(n) => (0, n),
            FolderKey::Other(n) => (1, n),
        };
        let mut bytes = vec![9, kind];
        bytes.extend(self.mailbox.to_be_bytes());
        bytes.extend(number.to_be_bytes());
        for part in [self.generation, self.base, self.until, u64::from(self.step.0), self.step.1] {
            bytes.extend(part.to_be_bytes());
        }
        seal(&bytes)
    }

    fn read(text: &str) -> Option<Self> {
        let bytes = unseal(text)?;
        let mut rest = Rest(&bytes);
        if rest.byte()? != 9 {
            return None;
        }
        let kind = rest.byte()?;
        let (mailbox, number) = (rest.word()?, rest.word()?);
        let folder = if kind == 0 { FolderKey::Calendar(number) } else { FolderKey::Other(number) };
        let (generation, base, until) = (rest.long()?, rest.long()?, rest.long()?);
        Some(Self { mailbox, folder, generation, base, until, step: (u8::try_from(rest.long()?).ok()?, rest.long()?) })
    }
}

/// Answers the request.
pub(crate) fn run(context: &mut Context<'_>, request: &Element) -> Result<Element, Fault> {
    let shape = Shape::read(request.child("ItemShape"))?;
    let most = request.value("MaxChangesReturned").and_then(|m| m.parse::<usize>().ok()).filter(|m| (1..=512).contains(m));
    let most = most.ok_or_else(|| Fault::schema("The 'MaxChangesReturned' element is invalid."))?;
    let folder = request.child("SyncFolderId").and_then(|f| f.children.first()).cloned();
    let folder = folder.ok_or_else(|| Fault::schema("The element 'SyncFolderItems' has incomplete content."))?;
    let known = request.value("SyncState").filter(|s| !s.is_empty());
    // What tables do not hold is left out here, not refused.
    let message = sync(context, &folder, known, most, &shape);
    Ok(response("SyncFolderItems", vec![message]))
}

fn sync(context: &mut Context<'_>, folder: &Element, known: Option<&str>, most: usize, shape: &Shape) -> Result<Vec<Element>, Trouble> {
    let (mailbox, folder) = context.folder(folder).map_err(|t| {
        if t.code == "ErrorFolderNotFound" {
            Trouble::new("ErrorSyncFolderNotFound", "The folder to be synchronized could not be found.")
        } else {
            t
        }
    })?;
    let (generation, now) = match folder {
        FolderKey::Calendar(_) => context.state.mailboxes.get(mailbox as usize).map_or((0, 0), |m| (m.generation, m.change)),
        FolderKey::Other(_) => {
            (context.state.mailboxes.get(mailbox as usize).map_or(0, |m| m.generation), context.store.shelf(mailbox).change)
        }
    };
    let mut state = match known {
        None => State { mailbox, folder, generation, base: 0, until: now, step: (0, 0) },
        Some(text) => {
            let fits = |s: &State| s.mailbox == mailbox && s.folder == folder && s.generation == generation && s.until <= now;
            State::read(text).filter(fits).ok_or_else(|| trouble("ErrorInvalidSyncStateData"))?
        }
    };
    if state.step == DONE {
        state = State { base: state.until, until: now, step: (0, 0), ..state };
    }
    let steps = round(context, &state);
    let last = steps.len() <= most;
    let changes: Vec<Element> = steps.iter().take(most).filter_map(|s| change(context, &state, s, shape)).collect();
    state.step = if last { DONE } else { steps.get(most - 1).map_or(DONE, |s| s.at) };
    Ok(vec![
        Element::of("m:SyncState", state.text()),
        Element::of("m:IncludesLastItemInRange", last),
        Element::new("m:Changes").with_all(changes),
    ])
}

/// The step of a round that is over.
const DONE: (u8, u64) = (u8::MAX, 0);

/// What is left of a round.
fn round(context: &mut Context<'_>, state: &State) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut add = |key: u64, born: u64, change: u64| {
        if born > state.base && born <= state.until {
            steps.push(Step { at: (0, born), key });
        } else if born <= state.base && change > state.base {
            steps.push(Step { at: (1, key), key });
        }
    };
    match state.folder {
        FolderKey::Calendar(calendar) => {
            let Some(mailbox) = context.state.mailboxes.get(state.mailbox as usize) else { return Vec::new() };
            mailbox.events.values().filter(|e| e.calendar == calendar).for_each(|e| add(e.key, e.entered, e.change));
            let gone = mailbox.tombstones.iter().filter(|t| t.calendar == calendar && t.change > state.base);
            steps.extend(gone.map(|t| Step { at: (2, t.change), key: t.key }));
        }
        FolderKey::Other(folder) => {
            let shelf = context.store.shelf(state.mailbox);
            shelf.items_in(folder).for_each(|(key, i)| add(key, i.born, i.change));
            let gone = shelf.gone.iter().filter(|g| g.folder == folder && g.change > state.base);
            steps.extend(gone.map(|g| Step { at: (2, g.change), key: g.key }));
        }
    }
    // A first round knows of nothing that could be gone.
    steps.retain(|s| s.at > state.step && !(s.at.0 == 2 && (state.base == 0 || s.at.1 > state.until)));
    steps.sort_by_key(|s| s.at);
    steps
}

fn change(context: &mut Context<'_>, state: &State, step: &Step, shape: &Shape) -> Option<Element> {
    let name = match step.at.0 {
        0 => "t:Create",
        1 => "t:Update",
        _ => return Some(Element::new("t:Delete").with(gone(state, step))),
    };
    let item = match state.folder {
        FolderKey::Calendar(_) => {
            let view = find_item::view(context, state.mailbox, true);
            let event = context.state.mailboxes.get(state.mailbox as usize)?.events.get(&step.key)?;
            Shown { view: &view, event, instance: None }.element(shape)
        }
        FolderKey::Other(_) => stored::listed(state.mailbox, step.key, context.store.shelf(state.mailbox).items.get(&step.key)?, shape),
    };
    Some(Element::new(name).with(item))
}

fn gone(state: &State, step: &Step) -> Element {
    let key = match state.folder {
        FolderKey::Calendar(calendar) => {
            ItemKey::Event(ItemId { mailbox: state.mailbox, calendar: Some(calendar), key: step.key, occurrence: None })
        }
        FolderKey::Other(_) => ItemKey::Other { mailbox: state.mailbox, key: step.key },
    };
    Element::new("t:ItemId").attr("Id", key.text()).attr("ChangeKey", change_key(state.mailbox, step.key, step.at.1))
}
