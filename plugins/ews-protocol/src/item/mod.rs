//! Items: appointments, tasks, contacts, or no more than their ids.

pub mod contact;
pub mod contact_write;
pub mod event;
mod event_read;
pub mod event_write;
mod expand;
pub mod people;
pub mod task;

use calport_sdk::common::TextBody;

use crate::error::{ReadError, Unreadable, WriteError};
use crate::path::{ExtendedField, Path};
use crate::soap::Gaps;
use crate::version::ServerVersion;
use crate::xml::{Element, Scanner, Writer};

pub use expand::Expanded;

/// The id of an item with its version.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ItemId {
    /// The id.
    pub id: String,
    /// The version; empty when the server gave none.
    pub change_key: String,
}

impl ItemId {
    /// An id without a version: a write that names it is not conditional.
    pub fn unversioned(id: impl Into<String>) -> Self {
        Self { id: id.into(), change_key: String::new() }
    }

    pub(crate) fn read(element: &Element<'_>) -> Self {
        Self { id: element.attribute("Id").unwrap_or_default(), change_key: element.attribute("ChangeKey").unwrap_or_default() }
    }
}

/// What a request is aimed at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// An item by its id; an occurrence has one of its own.
    Item(ItemId),
    /// The nth occurrence of a series, counted from 1 by its pattern, deleted ones included.
    Occurrence {
        /// The master.
        master: ItemId,
        /// Which.
        index: u32,
    },
    /// The master of the series that an occurrence belongs to.
    MasterOf(ItemId),
}

impl Target {
    pub(crate) fn write(&self, xml: &mut Writer) -> Result<(), WriteError> {
        let (id, index) = match self {
            Self::Item(id) => (id, None),
            Self::Occurrence { index: 0, .. } => return Err(WriteError::invalid("target", "occurrences are counted from 1")),
            Self::Occurrence { master, index } => (master, Some(index.to_string())),
            Self::MasterOf(id) => (id, None),
        };
        let (element, key) = match self {
            Self::Item(_) => ("t:ItemId", "Id"),
            Self::Occurrence { .. } => ("t:OccurrenceItemId", "RecurringMasterId"),
            Self::MasterOf(_) => ("t:RecurringMasterItemId", "OccurrenceId"),
        };
        if id.id.is_empty() {
            return Err(WriteError::invalid("target", "an id is empty"));
        }
        let mut attributes = vec![(key, id.id.as_str())];
        if !id.change_key.is_empty() {
            attributes.push(("ChangeKey", &id.change_key));
        }
        if let Some(index) = &index {
            attributes.push(("InstanceIndex", index));
        }
        xml.empty(element, &attributes);
        Ok(())
    }
}

/// How much of an item is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// What a search gives: no bodies, no attendees, no series.
    Listed,
    /// Everything but the body.
    Whole,
    /// Everything.
    WithBody,
}

/// A kind of item that is read.
pub trait Item: Sized {
    #[doc(hidden)]
    fn paths(detail: Detail, version: ServerVersion) -> Vec<PathOf>;

    /// Reads the item that was opened last, or says why it is set aside.
    #[doc(hidden)]
    fn read(xml: &mut Scanner<'_>, element: &Element<'_>) -> Result<Result<Self, Unreadable>, ReadError>;
}

/// A kind of item that is written.
pub trait Draft {
    /// A field with a new value.
    type Field;

    #[doc(hidden)]
    const ELEMENT: &'static str;
    /// Whether attendees could be mailed.
    #[doc(hidden)]
    const INVITES: bool;

    #[doc(hidden)]
    fn properties(fields: &[Self::Field], writing: Writing, gaps: &mut Gaps) -> Result<Vec<Property>, WriteError>;
}

/// What properties are written for.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// A new item: dictionaries are whole, what is cleared is not mentioned.
    New,
    /// A change: each entry of a dictionary by itself.
    Change,
}

/// A path, opaque outside of this crate.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct PathOf(pub(crate) Path);

/// A property with its new value.
#[doc(hidden)]
#[derive(Debug)]
pub struct Property {
    /// Its place in the schema's sequence.
    pub(crate) order: u16,
    pub(crate) path: Path,
    /// The element; absent to remove the property.
    pub(crate) xml: Option<Vec<u8>>,
}

impl Property {
    pub(crate) fn set(order: u16, path: Path, content: impl FnOnce(&mut Writer) -> Result<(), WriteError>) -> Result<Self, WriteError> {
        let mut xml = Writer::fragment();
        content(&mut xml)?;
        Ok(Self { order, path, xml: Some(xml.into_bytes()) })
    }

    pub(crate) fn text(order: u16, uri: &'static str, element: &str, text: &str) -> Self {
        let mut xml = Writer::fragment();
        xml.text(element, text);
        Self { order, path: Path::Field(uri), xml: Some(xml.into_bytes()) }
    }

    pub(crate) const fn removed(order: u16, path: Path) -> Self {
        Self { order, path, xml: None }
    }

    /// A text that is removed when it is empty.
    pub(crate) fn text_or_removed(order: u16, uri: &'static str, element: &str, text: &str) -> Self {
        if text.is_empty() { Self::removed(order, Path::Field(uri)) } else { Self::text(order, uri, element, text) }
    }

    pub(crate) fn extended(order: u16, field: ExtendedField, value: &str) -> Self {
        let mut xml = Writer::fragment();
        let written: Result<(), std::convert::Infallible> = xml.element("t:ExtendedProperty", |xml| {
            field.write(xml);
            xml.text("t:Value", value);
            Ok(())
        });
        let Ok(()) = written;
        Self { order, path: Path::Extended(field), xml: Some(xml.into_bytes()) }
    }

    pub(crate) fn body(order: u16, body: Option<&TextBody>) -> Self {
        let path = Path::Field("item:Body");
        let Some(body) = body else { return Self::removed(order, path) };
        let kind = match body.format {
            calport_sdk::common::TextFormat::Html => "HTML",
            calport_sdk::common::TextFormat::Plain => "Text",
        };
        let mut xml = Writer::fragment();
        xml.text_with("t:Body", &[("BodyType", kind)], &body.content);
        Self { order, path, xml: Some(xml.into_bytes()) }
    }

    pub(crate) fn categories(order: u16, categories: &[String]) -> Self {
        let path = Path::Field("item:Categories");
        if categories.is_empty() {
            return Self::removed(order, path);
        }
        let mut xml = Writer::fragment();
        let written: Result<(), std::convert::Infallible> = xml.element("t:Categories", |xml| {
            for category in categories {
                xml.text("t:String", category);
            }
            Ok(())
        });
        let Ok(()) = written;
        Self { order, path, xml: Some(xml.into_bytes()) }
    }
}

/// An item of which no more than the id is wanted. It reads items of every kind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ItemRef {
    /// Its id.
    pub id: ItemId,
    /// The kind, by the name of its element: `CalendarItem`, `Task`, `Message` and so on.
    pub kind: String,
}

impl Item for ItemRef {
    fn paths(_: Detail, _: ServerVersion) -> Vec<PathOf> {
        Vec::new()
    }

    fn read(xml: &mut Scanner<'_>, element: &Element<'_>) -> Result<Result<Self, Unreadable>, ReadError> {
        let id = read_id(xml)?;
        Ok(if id.id.is_empty() {
            Err(Unreadable { id: String::new(), reason: "an item without an id".to_owned() })
        } else {
            Ok(Self { id, kind: element.name().to_owned() })
        })
    }
}

/// The id of the item that was opened last.
fn read_id(xml: &mut Scanner<'_>) -> Result<ItemId, ReadError> {
    let mut id = ItemId::default();
    xml.children(|_, part| {
        if part.name() == "ItemId" {
            id = ItemId::read(part);
        }
        Ok(())
    })?;
    Ok(id)
}

/// An item of another kind than was asked for, set aside.
fn of_other_kind(xml: &mut Scanner<'_>, element: &Element<'_>, wanted: &str) -> Result<Unreadable, ReadError> {
    let reason = format!("a {} where {wanted} was expected", crate::xml::scan::shortened(element.name()));
    Ok(Unreadable { id: read_id(xml)?.id, reason })
}

/// Reads items until the element that was opened last ends.
pub(crate) fn read_all<T: Item>(xml: &mut Scanner<'_>, items: &mut Vec<T>, unreadable: &mut Vec<Unreadable>) -> Result<(), ReadError> {
    xml.children(|xml, element| {
        match T::read(xml, element)? {
            Ok(item) => items.push(item),
            Err(reason) => unreadable.push(reason),
        }
        Ok(())
    })
}

/// `m:ItemShape`. The base is always the id, so that nothing comes that was not asked for.
pub(crate) fn write_shape<T: Item>(xml: &mut Writer, detail: Detail, version: ServerVersion) -> Result<(), WriteError> {
    let paths = T::paths(detail, version);
    xml.element("m:ItemShape", |xml| {
        xml.text("t:BaseShape", "IdOnly");
        if paths.is_empty() {
            return Ok(());
        }
        if detail == Detail::WithBody {
            xml.text("t:BodyType", "Best");
        }
        xml.element("t:AdditionalProperties", |xml| {
            for path in &paths {
                path.0.write(xml);
            }
            Ok(())
        })
    })
}

/// A value of Calport's own set on an item, while it is read.
pub(crate) fn read_extended(xml: &mut Scanner<'_>, mut found: impl FnMut(ExtendedField, String)) -> Result<(), ReadError> {
    let mut field = None;
    let mut value = String::new();
    xml.children(|xml, part| {
        match part.name() {
            "ExtendedFieldURI" => field = ExtendedField::read(part),
            "Value" => value = xml.text()?.into_owned(),
            _ => {}
        }
        Ok(())
    })?;
    if let Some(field) = field {
        found(field, value);
    }
    Ok(())
}

/// `t:Body`.
pub(crate) fn read_body(xml: &mut Scanner<'_>, element: &Element<'_>) -> Result<TextBody, ReadError> {
    let html = element.attribute("BodyType").is_some_and(|kind| kind.eq_ignore_ascii_case("html"));
    let format = if html { calport_sdk::common::TextFormat::Html } else { calport_sdk::common::TextFormat::Plain };
    Ok(TextBody { format, content: xml.text()?.into_owned() })
}
