//! `SyncFolderItems` and `SyncFolderHierarchy`.

use std::marker::PhantomData;

use super::folders::{FolderInfo, FolderShape};
use crate::error::{ReadError, Unreadable, WriteError};
use crate::folder::{Folder, KnownFolder};
use crate::item::{Detail, Item, ItemId, write_shape};
use crate::soap::{Gaps, Operation, Reply};
use crate::value;
use crate::xml::{Element, Scanner, Writer};

/// Most changes of one answer (XSD `MaxSyncChangesReturnedType`).
const MOST_CHANGES: u16 = 512;

/// Follows the items of a folder. There is no window: a series is its master (SEMANTICS C-08). With
/// [`crate::item::ItemRef`] only ids come, and `GetItem` reads what is wanted of them.
#[derive(Debug, Clone, PartialEq)]
pub struct SyncFolderItems<T> {
    folder: Folder,
    state: Option<String>,
    max: u16,
    kind: PhantomData<T>,
}

impl<T: Item> SyncFolderItems<T> {
    /// Changes since a state, or everything; at most `max`, 1 to 512.
    pub const fn new(folder: Folder, state: Option<String>, max: u16) -> Self {
        Self { folder, state, max, kind: PhantomData }
    }
}

impl<T: Item> Operation for SyncFolderItems<T> {
    type Reply = Changes<T>;
    const NAME: &'static str = "SyncFolderItems";

    fn write(&self, xml: &mut Writer, gaps: &mut Gaps) -> Result<(), WriteError> {
        xml.element("m:SyncFolderItems", |xml| {
            write_shape::<T>(xml, Detail::Listed, gaps.version)?;
            xml.element::<WriteError>("m:SyncFolderId", |xml| {
                self.folder.write(xml);
                Ok(())
            })?;
            if let Some(state) = &self.state {
                xml.text("m:SyncState", state);
            }
            xml.text("m:MaxChangesReturned", &self.max.clamp(1, MOST_CHANGES).to_string());
            Ok(())
        })
    }
}

/// A change of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<T> {
    /// It is new or different.
    Upsert(T),
    /// It is no longer in the folder; its id.
    Removed(String),
}

/// Changes in the order in which the server told them.
#[derive(Debug, Clone, PartialEq)]
pub struct Changes<T> {
    /// The state after these; kept even where it is empty, because a lost state is a full read.
    pub state: String,
    /// Whether these were the last for now.
    pub last: bool,
    /// The changes. That something was read or not is none.
    pub changes: Vec<Change<T>>,
    /// Items that were set aside.
    pub unreadable: Vec<Unreadable>,
}

impl<T> Default for Changes<T> {
    fn default() -> Self {
        Self { state: String::new(), last: true, changes: Vec::new(), unreadable: Vec::new() }
    }
}

impl<T: Item> Reply for Changes<T> {
    fn read_part(&mut self, xml: &mut Scanner<'_>, part: &Element<'_>) -> Result<bool, ReadError> {
        match part.name() {
            "SyncState" => self.state = xml.word()?,
            "IncludesLastItemInRange" => self.last = value::boolean(&xml.text()?).unwrap_or(true),
            "Changes" => xml.children(|xml, change| match change.name() {
                "Create" | "Update" => xml.children(|xml, item| {
                    match T::read(xml, item)? {
                        Ok(item) => self.changes.push(Change::Upsert(item)),
                        Err(reason) => self.unreadable.push(reason),
                    }
                    Ok(())
                }),
                "Delete" => xml.children(|_, id| {
                    if id.name() == "ItemId" {
                        self.changes.push(Change::Removed(ItemId::read(id).id));
                    }
                    Ok(())
                }),
                _ => Ok(()),
            })?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Follows the folders of a mailbox: how its calendars are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncFolderHierarchy {
    /// The mailbox, by its address; absent for the one that the call acts in.
    pub mailbox: Option<String>,
    /// Changes since this state; absent for all folders.
    pub state: Option<String>,
}

impl Operation for SyncFolderHierarchy {
    type Reply = HierarchyChanges;
    const NAME: &'static str = "SyncFolderHierarchy";

    fn write(&self, xml: &mut Writer, _: &mut Gaps) -> Result<(), WriteError> {
        xml.element("m:SyncFolderHierarchy", |xml| {
            FolderShape::Described.write(xml)?;
            if let Some(address) = &self.mailbox {
                xml.element::<WriteError>("m:SyncFolderId", |xml| {
                    Folder::Known { name: KnownFolder::Top, mailbox: Some(address.clone()) }.write(xml);
                    Ok(())
                })?;
            }
            if let Some(state) = &self.state {
                xml.text("m:SyncState", state);
            }
            Ok(())
        })
    }
}

/// A change of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HierarchyChange {
    /// It is new or different.
    Upsert(FolderInfo),
    /// It is gone; its id.
    Removed(String),
}

/// Changes of folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HierarchyChanges {
    /// The state after these.
    pub state: String,
    /// Whether these were the last for now.
    pub last: bool,
    /// The changes.
    pub changes: Vec<HierarchyChange>,
}

impl Default for HierarchyChanges {
    fn default() -> Self {
        Self { state: String::new(), last: true, changes: Vec::new() }
    }
}

impl Reply for HierarchyChanges {
    fn read_part(&mut self, xml: &mut Scanner<'_>, part: &Element<'_>) -> Result<bool, ReadError> {
        match part.name() {
            "SyncState" => self.state = xml.word()?,
            "IncludesLastFolderInRange" => self.last = value::boolean(&xml.text()?).unwrap_or(true),
            "Changes" => xml.children(|xml, change| match change.name() {
                "Create" | "Update" => xml.children(|xml, folder| {
                    self.changes.push(HierarchyChange::Upsert(FolderInfo::read(xml, folder)?));
                    Ok(())
                }),
                "Delete" => xml.children(|_, id| {
                    if id.name() == "FolderId" {
                        self.changes.push(HierarchyChange::Removed(ItemId::read(id).id));
                    }
                    Ok(())
                }),
                _ => Ok(()),
            })?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}
