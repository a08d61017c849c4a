//! `GetFolder`: what is known about a folder, and the cheap probe whether anything in it changed (SEMANTICS C-12).

use calport_sdk::common::Instant;

use crate::error::{ReadError, WriteError};
use crate::folder::Folder;
use crate::item::{ItemId, read_extended};
use crate::path::{ExtendedField, Path};
use crate::soap::{Gaps, Operation, Reply};
use crate::value::{self, When};
use crate::xml::{Element, Scanner, Writer};

/// What is asked of folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FolderShape {
    /// What people see, and whether it can be written.
    Described,
    /// That, and the two numbers of the probe.
    Probed,
}

impl FolderShape {
    pub(super) fn write(self, xml: &mut Writer) -> Result<(), WriteError> {
        xml.element("m:FolderShape", |xml| {
            xml.text("t:BaseShape", "IdOnly");
            xml.element("t:AdditionalProperties", |xml| {
                for uri in ["folder:DisplayName", "folder:FolderClass", "folder:TotalCount", "folder:EffectiveRights"] {
                    Path::Field(uri).write(xml);
                }
                if self == Self::Probed {
                    Path::Extended(ExtendedField::CommitTimeMax).write(xml);
                    Path::Extended(ExtendedField::DeletedCount).write(xml);
                }
                Ok(())
            })
        })
    }
}

/// Reads folders. The answer has one part for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetFolder {
    /// Which.
    pub folders: Vec<Folder>,
}

impl Operation for GetFolder {
    type Reply = Folders;
    const NAME: &'static str = "GetFolder";

    fn write(&self, xml: &mut Writer, _: &mut Gaps) -> Result<(), WriteError> {
        if self.folders.is_empty() {
            return Err(WriteError::Nothing { operation: Self::NAME });
        }
        xml.element("m:GetFolder", |xml| {
            FolderShape::Probed.write(xml)?;
            xml.element("m:FolderIds", |xml| {
                self.folders.iter().for_each(|folder| folder.write(xml));
                Ok(())
            })
        })
    }
}

/// What is known about a folder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FolderInfo {
    /// Its id.
    pub id: ItemId,
    /// The kind, by the name of its element: `CalendarFolder`, `TasksFolder` and so on.
    pub kind: String,
    /// What it holds, such as `IPF.Appointment`; empty when the server did not say.
    pub class: String,
    /// Its name.
    pub name: String,
    /// How many items it holds.
    pub total: Option<u32>,
    /// Whether items can be made in it, if the server said so.
    pub writable: Option<bool>,
    /// When anything in it changed last.
    pub changed: Option<Instant>,
    /// How many items were ever deleted from it.
    pub deleted: Option<i64>,
}

impl FolderInfo {
    pub(super) fn read(xml: &mut Scanner<'_>, element: &Element<'_>) -> Result<Self, ReadError> {
        let mut folder = Self { kind: element.name().to_owned(), ..Self::default() };
        xml.children(|xml, part| {
            match part.name() {
                "FolderId" => folder.id = ItemId::read(part),
                "FolderClass" => folder.class = xml.word()?,
                "DisplayName" => folder.name = xml.text()?.into_owned(),
                "TotalCount" => folder.total = xml.text()?.trim().parse().ok(),
                "EffectiveRights" => xml.children(|xml, right| {
                    if right.name() == "CreateContents" {
                        folder.writable = value::boolean(&xml.text()?);
                    }
                    Ok(())
                })?,
                "ExtendedProperty" => read_extended(xml, |field, text| match field {
                    ExtendedField::CommitTimeMax => folder.changed = value::date_time(&text).and_then(When::utc),
                    ExtendedField::DeletedCount => folder.deleted = text.trim().parse().ok(),
                    _ => {}
                })?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(folder)
    }
}

/// Folders that were read; one for an id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Folders {
    /// The folders.
    pub folders: Vec<FolderInfo>,
}

impl Reply for Folders {
    fn read_part(&mut self, xml: &mut Scanner<'_>, part: &Element<'_>) -> Result<bool, ReadError> {
        if part.name() != "Folders" {
            return Ok(false);
        }
        xml.children(|xml, folder| {
            self.folders.push(FolderInfo::read(xml, folder)?);
            Ok(())
        })?;
        Ok(true)
    }
}
