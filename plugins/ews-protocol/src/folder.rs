//! Folders: how a request names them.

use crate::xml::Writer;

/// A folder of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Folder {
    /// One that every mailbox has.
    Known {
        /// Which.
        name: KnownFolder,
        /// The mailbox, by its address; absent for the one that the call acts in.
        mailbox: Option<String>,
    },
    /// By its id.
    Id(String),
}

/// Folders that every mailbox has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownFolder {
    /// Appointments.
    Calendar,
    /// Contacts.
    Contacts,
    /// Tasks.
    Tasks,
    /// Sent messages.
    SentItems,
    /// The root of what people see.
    Top,
    /// The root of the store, above what people see.
    Root,
}

impl KnownFolder {
    const fn name(self) -> &'static str {
        match self {
            Self::Calendar => "calendar",
            Self::Contacts => "contacts",
            Self::Tasks => "tasks",
            Self::SentItems => "sentitems",
            Self::Top => "msgfolderroot",
            Self::Root => "root",
        }
    }
}

impl Folder {
    /// A folder of the mailbox that the call acts in.
    pub const fn known(name: KnownFolder) -> Self {
        Self::Known { name, mailbox: None }
    }

    pub(crate) fn write(&self, xml: &mut Writer) {
        match self {
            Self::Id(id) => xml.empty("t:FolderId", &[("Id", id)]),
            Self::Known { name, mailbox: None } => xml.empty("t:DistinguishedFolderId", &[("Id", name.name())]),
            Self::Known { name, mailbox: Some(address) } => {
                let written: Result<(), std::convert::Infallible> =
                    xml.element_with("t:DistinguishedFolderId", &[("Id", name.name())], |xml| {
                        xml.element("t:Mailbox", |xml| {
                            xml.text("t:EmailAddress", address);
                            Ok(())
                        })
                    });
                let Ok(()) = written;
            }
        }
    }
}
