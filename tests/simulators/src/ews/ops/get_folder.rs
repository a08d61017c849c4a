//! `GetFolder`, and folders as every operation writes them; with the two properties that show a change of content (SEMANTICS C-12).

use jiff::Timestamp;

use crate::ews::context::Context;
use crate::ews::ids::{FolderKey, folder_id};
use crate::ews::soap::{Fault, Trouble, response};
use crate::ews::store::TOP;
use crate::ews::time::instant;
use crate::ews::xml::Element;

/// Answers the request.
pub(crate) fn run(context: &mut Context<'_>, request: &Element) -> Result<Element, Fault> {
    let shape = request.child("FolderShape").ok_or_else(|| Fault::schema("The element 'GetFolder' has incomplete content."))?.clone();
    let ids = request.child("FolderIds").map(|l| l.children.clone()).unwrap_or_default();
    let mut messages = Vec::new();
    for id in &ids {
        let found = context.folder(id).and_then(|(index, folder)| element(context, index, folder, &shape));
        messages.push(found.map(|f| vec![Element::new("m:Folders").with(f)]));
    }
    Ok(response("GetFolder", messages))
}

/// Numbers that change when the content does.
struct Content {
    items: usize,
    changed: Timestamp,
    deleted: usize,
    change: u64,
}

/// A folder in a shape (`FolderShape`).
///
/// # Errors
/// The folder is not there, or a property is not supported.
pub(crate) fn element(context: &mut Context<'_>, index: u32, folder: FolderKey, shape: &Element) -> Result<Element, Trouble> {
    let base = shape.value("BaseShape").unwrap_or("Default").to_owned();
    let wanted: Vec<&Element> = shape.child("AdditionalProperties").map(|a| a.children.iter().collect()).unwrap_or_default();
    let uris: Vec<&str> = wanted.iter().filter_map(|p| p.attribute("FieldURI")).collect();
    let has = |uri: &str, in_default: bool| base == "AllProperties" || (in_default && base == "Default") || uris.contains(&uri);
    let content = content(context, index, folder).ok_or_else(Trouble::folder_not_found)?;
    let (name, class, parent, children, kind) = describe(context, index, folder).ok_or_else(Trouble::folder_not_found)?;
    let id = Element::new("t:FolderId").attr("Id", folder_id(index, folder)).attr("ChangeKey", change_key(content.change));
    let parent =
        parent.map(|p| Element::new("t:ParentFolderId").attr("Id", folder_id(index, FolderKey::Other(p))).attr("ChangeKey", change_key(0)));
    let mut extended = Vec::new();
    for path in wanted.iter().filter(|p| p.local() == "ExtendedFieldURI") {
        extended.extend(property(path, &content)?);
    }
    let rights = || {
        ["CreateAssociated", "CreateContents", "CreateHierarchy", "Delete", "Modify", "Read", "ViewPrivateItems"]
            .into_iter()
            .fold(Element::new("t:EffectiveRights"), |e, n| e.with_text(&format!("t:{n}"), true))
    };
    let unread = (kind != "t:CalendarFolder" && kind != "t:ContactsFolder" && has("folder:UnreadCount", true))
        .then(|| Element::of("t:UnreadCount", 0));
    Ok(Element::new(kind)
        .with(id)
        .with(parent.filter(|_| has("folder:ParentFolderId", false)))
        .with((has("folder:FolderClass", false) && !class.is_empty()).then(|| Element::of("t:FolderClass", class)))
        .with(has("folder:DisplayName", true).then(|| Element::of("t:DisplayName", name)))
        .with(has("folder:TotalCount", true).then(|| Element::of("t:TotalCount", content.items)))
        .with(has("folder:ChildFolderCount", true).then(|| Element::of("t:ChildFolderCount", children)))
        .with_all(extended)
        .with(has("folder:EffectiveRights", false).then(rights))
        .with(unread))
}

fn change_key(change: u64) -> String {
    crate::ews::ids::seal(&change.to_be_bytes())
}

/// Name, class, parent, number of folders inside, and the element's name.
fn describe(context: &mut Context<'_>, index: u32, folder: FolderKey) -> Option<(String, String, Option<u32>, usize, &'static str)> {
    let calendars = context.state.mailboxes.get(index as usize)?.calendars.clone();
    match folder {
        FolderKey::Calendar(n) => {
            let calendar = calendars.get(n as usize).filter(|c| !c.gone)?;
            Some((calendar.name.clone(), "IPF.Appointment".to_owned(), Some(TOP), 0, "t:CalendarFolder"))
        }
        FolderKey::Other(n) => {
            let shelf = context.store.shelf(index);
            let (own, mut children) = (shelf.folder(n)?.clone(), shelf.children(n).len());
            if n == TOP {
                children += calendars.iter().filter(|c| !c.gone).count();
            }
            let kind = match own.class.as_str() {
                "IPF.Task" => "t:TasksFolder",
                "IPF.Contact" => "t:ContactsFolder",
                _ => "t:Folder",
            };
            Some((own.name, own.class, (n != 0).then_some(own.parent), children, kind))
        }
    }
}

fn content(context: &mut Context<'_>, index: u32, folder: FolderKey) -> Option<Content> {
    let mailbox = context.state.mailboxes.get(index as usize)?;
    Some(match folder {
        FolderKey::Calendar(n) => {
            let inside: Vec<_> = mailbox.events.values().filter(|e| e.calendar == n).collect();
            let gone: Vec<_> = mailbox.tombstones.iter().filter(|t| t.calendar == n).collect();
            let changes = inside.iter().map(|e| e.change).chain(gone.iter().map(|g| g.change));
            let change = changes.max().unwrap_or_default();
            let changed = inside.iter().map(|e| e.modified).chain(gone.iter().map(|g| g.at)).max().unwrap_or(Timestamp::UNIX_EPOCH);
            Content { items: inside.len(), changed, deleted: gone.len(), change }
        }
        FolderKey::Other(n) => {
            let shelf = context.store.shelf(index);
            let inside: Vec<_> = shelf.items_in(n).map(|(_, i)| i).collect();
            let gone: Vec<_> = shelf.gone.iter().filter(|g| g.folder == n).collect();
            let change = inside.iter().map(|i| i.change).chain(gone.iter().map(|g| g.change)).max().unwrap_or_default();
            let changed = inside.iter().map(|i| i.modified).chain(gone.iter().map(|g| g.at)).max().unwrap_or(Timestamp::UNIX_EPOCH);
            Content { items: inside.len(), changed, deleted: gone.len(), change }
        }
    })
}

/// An extended property of a folder: when its content last changed (0x670a) and how much was ever deleted from it (0x670b).
fn property(path: &Element, content: &Content) -> Result<Option<Element>, Trouble> {
    let tag = path.attribute("PropertyTag").and_then(|t| match t.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => t.parse().ok(),
    });
    let (expected, value) = match tag {
        Some(0x670a) => ("SystemTime", instant(content.changed)),
        Some(0x670b) => ("Integer", content.deleted.to_string()),
        _ => return Ok(None),
    };
    if path.attribute("PropertyType") != Some(expected) {
        return Err(Trouble::new("ErrorInvalidExtendedProperty", "The extended property attribute combination is invalid."));
    }
    let mut uri = (*path).clone();
    "t:ExtendedFieldURI".clone_into(&mut uri.name);
    Ok(Some(Element::new("t:ExtendedProperty").with(uri).with_text("t:Value", value)))
}
