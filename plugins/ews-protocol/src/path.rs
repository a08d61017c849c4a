//! Names of properties: those of the schema and those of the store.

use crate::xml::{Element, Writer};

/// The property set of Calport's named properties: made once at random and never changed. The Graph connector names the
/// same one, so that an item written through one protocol is found through the other.
const CALPORT_SET: &str = "5f1c7f0e-3d0a-4a49-9c52-7b8f2e6d41a3";

/// A property of the store that the schema has no element for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExtendedField {
    /// The tag given at creation (SEMANTICS B-04).
    Tag,
    /// The id of the operation that made the item (SEMANTICS S-14).
    Operation,
    /// The title of a contact, which the schema has for reading only (`PR_DISPLAY_NAME_PREFIX`).
    NamePrefix,
    /// `PR_LOCAL_COMMIT_TIME_MAX` of a folder: when anything in it changed last (SEMANTICS C-12).
    CommitTimeMax,
    /// `PR_DELETED_COUNT_TOTAL` of a folder: how much was deleted from it (SEMANTICS C-12).
    DeletedCount,
}

impl ExtendedField {
    const ALL: [Self; 5] = [Self::Tag, Self::Operation, Self::NamePrefix, Self::CommitTimeMax, Self::DeletedCount];

    /// The name in Calport's set.
    const fn name(self) -> Option<&'static str> {
        match self {
            Self::Tag => Some("CalportTag"),
            Self::Operation => Some("CalportOperation"),
            Self::NamePrefix | Self::CommitTimeMax | Self::DeletedCount => None,
        }
    }

    /// The tag of MAPI and the type of its value.
    const fn tag(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::NamePrefix => Some(("0x3a45", "String")),
            Self::CommitTimeMax => Some(("0x670a", "SystemTime")),
            Self::DeletedCount => Some(("0x670b", "Integer")),
            Self::Tag | Self::Operation => None,
        }
    }

    pub(crate) fn write(self, xml: &mut Writer) {
        if let Some(name) = self.name() {
            xml.empty("t:ExtendedFieldURI", &[("PropertySetId", CALPORT_SET), ("PropertyName", name), ("PropertyType", "String")]);
        } else if let Some((tag, kind)) = self.tag() {
            xml.empty("t:ExtendedFieldURI", &[("PropertyTag", tag), ("PropertyType", kind)]);
        }
    }

    /// The field that an `ExtendedFieldURI` names, if it is one of these.
    pub(crate) fn read(element: &Element<'_>) -> Option<Self> {
        let name = element.attribute("PropertyName");
        let set = element.attribute("PropertySetId");
        let tag = element.attribute("PropertyTag").and_then(|tag| number(&tag));
        Self::ALL.into_iter().find(|field| match (field.name(), field.tag()) {
            (Some(own), _) => name.as_deref() == Some(own) && set.as_deref().is_some_and(|set| set.eq_ignore_ascii_case(CALPORT_SET)),
            (_, Some((own, _))) => tag.is_some() && tag == number(own),
            _ => false,
        })
    }
}

/// Servers write tags as `0x670a`, `0x670A` or `26378`.
fn number(tag: &str) -> Option<u32> {
    match tag.strip_prefix("0x").or_else(|| tag.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => tag.parse().ok(),
    }
}

/// A path to a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Path {
    /// Of the schema, such as `calendar:Start`.
    Field(&'static str),
    /// An entry of a dictionary: the property and the key.
    Entry(&'static str, &'static str),
    /// Of the store.
    Extended(ExtendedField),
}

impl Path {
    pub(crate) fn write(self, xml: &mut Writer) {
        match self {
            Self::Field(uri) => xml.empty("t:FieldURI", &[("FieldURI", uri)]),
            Self::Entry(uri, key) => xml.empty("t:IndexedFieldURI", &[("FieldURI", uri), ("FieldIndex", key)]),
            Self::Extended(field) => field.write(xml),
        }
    }
}
