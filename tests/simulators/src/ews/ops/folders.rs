//! `FindFolder`, `SyncFolderHierarchy`, `CreateFolder` and `DeleteFolder`.

use std::collections::BTreeMap;

use super::get_folder;
use crate::ews::context::Context;
use crate::ews::ids::{FolderKey, Rest, folder_id, seal, unseal};
use crate::ews::soap::{Fault, Message, Trouble, message, response};
use crate::ews::store::{Folder, TOP};
use crate::ews::xml::Element;

/// First byte of the state of a hierarchy.
const STATE: u8 = 6;

fn shape(request: &Element) -> Result<Element, Fault> {
    request.child("FolderShape").cloned().ok_or_else(|| Fault::schema("The element has incomplete content. Expected: 'FolderShape'."))
}

/// The folders below another; of one level, or of all.
fn below(context: &mut Context<'_>, index: u32, parent: FolderKey, deep: bool) -> Vec<FolderKey> {
    let FolderKey::Other(number) = parent else { return Vec::new() };
    let mut out = Vec::new();
    if number == TOP {
        let calendars = context.state.mailboxes.get(index as usize).map(|m| m.calendars.as_slice()).unwrap_or_default();
        let there = calendars.iter().enumerate().filter(|(_, c)| !c.gone).filter_map(|(n, _)| u32::try_from(n).ok());
        out.extend(there.map(FolderKey::Calendar));
    }
    for child in context.store.shelf(index).children(number) {
        out.push(FolderKey::Other(child));
        if deep {
            out.extend(below(context, index, FolderKey::Other(child), true));
        }
    }
    out
}

/// `FindFolder`.
pub(crate) fn find(context: &mut Context<'_>, request: &Element) -> Result<Element, Fault> {
    let shape = shape(request)?;
    let deep = match request.attribute("Traversal") {
        Some("Shallow") => Some(false),
        Some("Deep") => Some(true),
        Some("SoftDeleted") => None,
        _ => return Err(Fault::schema("The 'Traversal' attribute is missing or invalid.")),
    };
    if request.child("Restriction").is_some() {
        return Err(Fault::new("ErrorUnsupportedPathForQuery", "The simulator restricts no folders."));
    }
    let view = request.child("IndexedPageFolderView");
    let number = |name: &str| view.and_then(|v| v.attribute(name)).and_then(|n| n.parse::<usize>().ok());
    let (offset, most) = (number("Offset").unwrap_or(0), number("MaxEntriesReturned").unwrap_or(usize::MAX));
    let parents = request.child("ParentFolderIds").map(|p| p.children.clone()).unwrap_or_default();
    let mut messages: Vec<Message> = Vec::new();
    for parent in &parents {
        let found = context.folder(parent).and_then(|(index, parent)| {
            let all = deep.map(|deep| below(context, index, parent, deep)).unwrap_or_default();
            let page: Vec<FolderKey> = all.iter().copied().skip(offset).take(most).collect();
            let next = offset.saturating_add(page.len());
            let shown: Result<Vec<Element>, Trouble> = page.into_iter().map(|f| get_folder::element(context, index, f, &shape)).collect();
            let root = Element::new("m:RootFolder");
            let root = if view.is_some() { root.attr("IndexedPagingOffset", next) } else { root };
            let root = root.attr("TotalItemsInView", all.len()).attr("IncludesLastItemInRange", next >= all.len());
            Ok(vec![root.with(Element::new("t:Folders").with_all(shown?))])
        });
        messages.push(found);
    }
    Ok(response("FindFolder", messages))
}

/// `SyncFolderHierarchy`: what differs from the folders that were there at the state.
pub(crate) fn sync(context: &mut Context<'_>, request: &Element) -> Result<Element, Fault> {
    let shape = shape(request)?;
    let read = |context: &mut Context<'_>| -> Message {
        let (index, root) = match request.child("SyncFolderId").and_then(|f| f.children.first()) {
            Some(id) => context.folder(id)?,
            None => (context.own()?, FolderKey::Other(TOP)),
        };
        let before = match request.value("SyncState").filter(|s| !s.is_empty()) {
            Some(state) => snapshot(context, index, state)?,
            None => BTreeMap::new(),
        };
        let mut now = BTreeMap::new();
        let ids = Element::new("m:FolderShape").with_text("t:BaseShape", "Default");
        for folder in below(context, index, root, true) {
            let name = get_folder::element(context, index, folder, &ids)?.value("DisplayName").unwrap_or_default().to_owned();
            now.insert(folder, name);
        }
        let mut changes = Element::new("m:Changes");
        for (folder, name) in &now {
            let kind = match before.get(folder) {
                None => "t:Create",
                Some(old) if old != name => "t:Update",
                Some(_) => continue,
            };
            changes = changes.with(Element::new(kind).with(get_folder::element(context, index, *folder, &shape)?));
        }
        for folder in before.keys().filter(|f| !now.contains_key(f)) {
            changes = changes.with(Element::new("t:Delete").with(Element::new("t:FolderId").attr("Id", folder_id(index, *folder))));
        }
        let states = &mut context.store.shelf(index).hierarchies;
        let place = states.iter().position(|s| *s == now).unwrap_or_else(|| {
            states.push(now);
            states.len() - 1
        });
        let mut state = vec![STATE];
        state.extend(index.to_be_bytes());
        state.extend((place as u64).to_be_bytes());
        Ok(vec![Element::of("m:SyncState", seal(&state)), Element::of("m:IncludesLastFolderInRange", true), changes])
    };
    let message = read(context);
    Ok(response("SyncFolderHierarchy", vec![message]))
}

/// The folders that were there at a state.
fn snapshot(context: &mut Context<'_>, index: u32, state: &str) -> Result<BTreeMap<FolderKey, String>, Trouble> {
    let invalid = || crate::ews::fault::trouble("ErrorInvalidSyncStateData");
    let bytes = unseal(state).ok_or_else(invalid)?;
    let mut rest = Rest(&bytes);
    if rest.byte() != Some(STATE) || rest.word() != Some(index) {
        return Err(invalid());
    }
    let place = rest.long().and_then(|n| usize::try_from(n).ok()).ok_or_else(invalid)?;
    context.store.shelf(index).hierarchies.get(place).cloned().ok_or_else(invalid)
}

/// `CreateFolder`.
pub(crate) fn create(context: &mut Context<'_>, request: &Element) -> Result<Element, Fault> {
    let parent = request.child("ParentFolderId").and_then(|p| p.children.first()).cloned();
    let parent = parent.ok_or_else(|| Fault::schema("The element 'CreateFolder' has incomplete content."))?;
    let wanted = request.child("Folders").map(|f| f.children.clone()).unwrap_or_default();
    let mut messages = Vec::new();
    for folder in &wanted {
        messages.push(create_one(context, &parent, folder).map(|f| vec![Element::new("m:Folders").with(f)]));
    }
    Ok(response("CreateFolder", messages))
}

fn create_one(context: &mut Context<'_>, parent: &Element, wanted: &Element) -> Result<Element, Trouble> {
    let (index, parent) = context.folder(parent)?;
    let name = wanted.value("DisplayName").filter(|n| !n.is_empty());
    let name = name.ok_or_else(|| Trouble::new("ErrorFolderSavePropertyError", "A folder needs a name."))?.to_owned();
    let class = match (wanted.local(), wanted.value("FolderClass")) {
        ("CalendarFolder", _) | (_, Some("IPF.Appointment")) => "IPF.Appointment",
        ("ContactsFolder", _) | (_, Some("IPF.Contact")) => "IPF.Contact",
        ("TasksFolder", _) | (_, Some("IPF.Task")) => "IPF.Task",
        _ => "IPF.Note",
    };
    // All calendars lie directly below the top, wherever a client wants them.
    let parent = match parent {
        FolderKey::Other(n) if class != "IPF.Appointment" => n,
        _ => TOP,
    };
    let ids = Element::new("m:FolderShape").with_text("t:BaseShape", "Default");
    for sibling in below(context, index, FolderKey::Other(parent), false) {
        let other = get_folder::element(context, index, sibling, &ids)?;
        if other.value("DisplayName").is_some_and(|n| n.eq_ignore_ascii_case(&name)) {
            return Err(Trouble::new("ErrorFolderExists", "A folder with the specified name already exists."));
        }
    }
    let folder = if class == "IPF.Appointment" {
        let user = context.name(index);
        FolderKey::Calendar(context.state.add_calendar(&user, &name).map_err(|_| Trouble::access_denied())?)
    } else {
        let shelf = context.store.shelf(index);
        shelf.folders.push(Folder { distinguished: None, name, class: class.to_owned(), parent, deleted: false });
        FolderKey::Other(u32::try_from(shelf.folders.len() - 1).map_err(|_| Trouble::access_denied())?)
    };
    let only_id = Element::new("m:FolderShape").with_text("t:BaseShape", "IdOnly");
    get_folder::element(context, index, folder, &only_id)
}

/// `DeleteFolder`: the folder goes with all that is in it.
pub(crate) fn delete(context: &mut Context<'_>, request: &Element) -> Result<Element, Fault> {
    let ids = request.child("FolderIds").map(|f| f.children.clone()).unwrap_or_default();
    let all = ids.iter().map(|id| message("m:DeleteFolderResponseMessage", "DeleteFolder", delete_one(context, id).map(|()| Vec::new())));
    let all: Vec<Element> = all.collect();
    Ok(Element::new("m:DeleteFolderResponse").with(Element::new("m:ResponseMessages").with_all(all)))
}

fn delete_one(context: &mut Context<'_>, id: &Element) -> Result<(), Trouble> {
    let (index, folder) = context.folder(id)?;
    let distinguished = || Trouble::new("ErrorDeleteDistinguishedFolder", "Distinguished folders cannot be deleted.");
    let now = context.now;
    match folder {
        FolderKey::Calendar(0) => Err(distinguished()),
        FolderKey::Calendar(number) => {
            let user = context.name(index);
            context.state.remove_calendar(&user, number, now).map_err(|_| Trouble::folder_not_found())
        }
        FolderKey::Other(number) => {
            let shelf = context.store.shelf(index);
            let inside: Vec<u64> = shelf.items_in(number).map(|(key, _)| key).collect();
            let folder = shelf.folders.get_mut(number as usize).filter(|f| f.distinguished.is_none()).ok_or_else(distinguished)?;
            folder.deleted = true;
            for key in inside {
                shelf.remove(key, now);
            }
            Ok(())
        }
    }
}
