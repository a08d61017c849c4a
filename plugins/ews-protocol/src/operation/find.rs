//! `FindItem` and `GetItem`.

use std::marker::PhantomData;

use calport_sdk::common::Instant;

use crate::error::{ReadError, Unreadable, WriteError};
use crate::folder::Folder;
use crate::item::{Detail, Item, Target, read_all, write_shape};
use crate::path::ExtendedField;
use crate::soap::{Gaps, Operation, Reply};
use crate::value;
use crate::xml::{Element, Scanner, Writer};

/// Which part of a folder is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// What overlaps `[start, end)`, series expanded. More than two years, or more than 1,000 items, are refused by the
    /// server; there are no pages.
    Window {
        /// The first instant inside.
        start: Instant,
        /// The first instant outside.
        end: Instant,
        /// At most so many.
        max: u32,
    },
    /// Pages, series as their masters.
    Pages {
        /// How many to skip.
        offset: u32,
        /// At most so many; the server gives no more than 1,000.
        max: u32,
    },
}

/// Searches a folder for items of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct FindItem<T> {
    folder: Folder,
    view: View,
    having: Option<(ExtendedField, String)>,
    kind: PhantomData<T>,
}

impl<T: Item> FindItem<T> {
    /// A part of a folder.
    pub const fn new(folder: Folder, view: View) -> Self {
        Self { folder, view, having: None, kind: PhantomData }
    }

    /// All items of a folder with this value, the first 100: after a lost answer, what an operation made (SEMANTICS
    /// S-14). The server takes no window beside a condition.
    pub const fn having(folder: Folder, field: ExtendedField, value: String) -> Self {
        Self { folder, view: View::Pages { offset: 0, max: 100 }, having: Some((field, value)), kind: PhantomData }
    }
}

impl<T: Item> Operation for FindItem<T> {
    type Reply = Page<T>;
    const NAME: &'static str = "FindItem";

    fn write(&self, xml: &mut Writer, gaps: &mut Gaps) -> Result<(), WriteError> {
        xml.element_with("m:FindItem", &[("Traversal", "Shallow")], |xml| {
            write_shape::<T>(xml, Detail::Listed, gaps.version)?;
            match self.view {
                View::Window { start, end, max } => {
                    if end <= start {
                        return Err(WriteError::invalid("window", "it is empty"));
                    }
                    let time = |at| value::utc_text(at).ok_or(WriteError::invalid("window", "a time out of range"));
                    let (start, end) = (time(start)?, time(end)?);
                    xml.empty("m:CalendarView", &[("MaxEntriesReturned", &count(max)?), ("StartDate", &start), ("EndDate", &end)]);
                }
                View::Pages { offset, max } => {
                    let (max, offset) = (count(max)?, i32::try_from(offset).unwrap_or(i32::MAX).to_string());
                    let attributes = [("MaxEntriesReturned", &*max), ("Offset", &*offset), ("BasePoint", "Beginning")];
                    xml.empty("m:IndexedPageItemView", &attributes);
                }
            }
            if let Some((field, value)) = &self.having {
                xml.element("m:Restriction", |xml| {
                    xml.element::<WriteError>("t:IsEqualTo", |xml| {
                        field.write(xml);
                        xml.element("t:FieldURIOrConstant", |xml| {
                            xml.empty("t:Constant", &[("Value", value)]);
                            Ok(())
                        })
                    })
                })?;
            }
            xml.element("m:ParentFolderIds", |xml| {
                self.folder.write(xml);
                Ok(())
            })
        })
    }
}

fn count(max: u32) -> Result<String, WriteError> {
    match i32::try_from(max) {
        Ok(max) if max > 0 => Ok(max.to_string()),
        _ => Err(WriteError::invalid("max", "at least one item is asked for")),
    }
}

/// What a search found.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Items that were set aside.
    pub unreadable: Vec<Unreadable>,
    /// Whether these were the last; a window that was cut short says no.
    pub last: bool,
    /// Where the next page begins, of [`View::Pages`].
    pub next_offset: Option<u32>,
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self { items: Vec::new(), unreadable: Vec::new(), last: true, next_offset: None }
    }
}

impl<T: Item> Reply for Page<T> {
    fn read_part(&mut self, xml: &mut Scanner<'_>, part: &Element<'_>) -> Result<bool, ReadError> {
        if part.name() != "RootFolder" {
            return Ok(false);
        }
        self.last = part.attribute("IncludesLastItemInRange").as_deref().and_then(value::boolean).unwrap_or(true);
        self.next_offset = part.attribute("IndexedPagingOffset").and_then(|text| text.trim().parse().ok());
        xml.children(|xml, list| self.read_list(xml, list))?;
        Ok(true)
    }
}

impl<T: Item> Page<T> {
    /// `Items`, or `Groups` of them.
    fn read_list(&mut self, xml: &mut Scanner<'_>, list: &Element<'_>) -> Result<(), ReadError> {
        match list.name() {
            "Items" => read_all(xml, &mut self.items, &mut self.unreadable),
            "Groups" | "GroupedItems" => xml.children(|xml, inner| self.read_list(xml, inner)),
            _ => Ok(()),
        }
    }
}

/// Reads items by id. The answer has one part for each.
#[derive(Debug, Clone, PartialEq)]
pub struct GetItem<T> {
    targets: Vec<Target>,
    detail: Detail,
    kind: PhantomData<T>,
}

impl<T: Item> GetItem<T> {
    /// These items, with this much of them.
    pub const fn new(targets: Vec<Target>, detail: Detail) -> Self {
        Self { targets, detail, kind: PhantomData }
    }
}

impl<T: Item> Operation for GetItem<T> {
    type Reply = Items<T>;
    const NAME: &'static str = "GetItem";

    fn write(&self, xml: &mut Writer, gaps: &mut Gaps) -> Result<(), WriteError> {
        if self.targets.is_empty() {
            return Err(WriteError::Nothing { operation: Self::NAME });
        }
        xml.element("m:GetItem", |xml| {
            write_shape::<T>(xml, self.detail, gaps.version)?;
            xml.element("m:ItemIds", |xml| self.targets.iter().try_for_each(|target| target.write(xml)))
        })
    }
}

/// Items that were read or written.
#[derive(Debug, Clone, PartialEq)]
pub struct Items<T> {
    /// The items; one for an id.
    pub items: Vec<T>,
    /// Items that were set aside.
    pub unreadable: Vec<Unreadable>,
}

impl<T> Default for Items<T> {
    fn default() -> Self {
        Self { items: Vec::new(), unreadable: Vec::new() }
    }
}

impl<T: Item> Reply for Items<T> {
    fn read_part(&mut self, xml: &mut Scanner<'_>, part: &Element<'_>) -> Result<bool, ReadError> {
        if part.name() != "Items" {
            return Ok(false);
        }
        read_all(xml, &mut self.items, &mut self.unreadable)?;
        Ok(true)
    }
}
