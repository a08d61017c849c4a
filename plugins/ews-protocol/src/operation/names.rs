//! `ResolveNames`: from an address or a name to mailboxes (SEMANTICS B-54).

use calport_sdk::common::Participant;

use crate::error::{ReadError, WriteError};
use crate::item::contact::{Contact, read_contact};
use crate::item::people;
use crate::soap::{Gaps, Operation, Reply};
use crate::xml::{Element, Scanner, Writer};

/// Looks a name up in the directory. An address is found with `smtp:` before it, and then only as a whole. The server
/// gives 100 entries at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolveNames {
    /// What to look for.
    pub name: String,
}

impl Operation for ResolveNames {
    type Reply = Resolutions;
    const NAME: &'static str = "ResolveNames";

    fn write(&self, xml: &mut Writer, _: &mut Gaps) -> Result<(), WriteError> {
        if self.name.is_empty() {
            return Err(WriteError::Nothing { operation: Self::NAME });
        }
        let attributes = [("ReturnFullContactData", "true"), ("SearchScope", "ActiveDirectory")];
        xml.element_with("m:ResolveNames", &attributes, |xml| {
            xml.text("m:UnresolvedEntry", &self.name);
            Ok(())
        })
    }
}

/// An entry that fits.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolution {
    /// Name and address.
    pub who: Participant,
    /// The kind in the server's words: `Mailbox`, `PublicDL`, `Contact` and so on; empty when it did not say.
    pub kind: String,
    /// What the directory knows besides.
    pub contact: Option<Contact>,
}

/// Entries that fit: none, one, or several. None at all is a refusal with `NoSuchName`.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolutions {
    /// The entries.
    pub entries: Vec<Resolution>,
    /// Whether there are no others.
    pub complete: bool,
}

impl Default for Resolutions {
    fn default() -> Self {
        Self { entries: Vec::new(), complete: true }
    }
}

impl Reply for Resolutions {
    fn read_part(&mut self, xml: &mut Scanner<'_>, part: &Element<'_>) -> Result<bool, ReadError> {
        if part.name() != "ResolutionSet" {
            return Ok(false);
        }
        self.complete = part.attribute("IncludesLastItemInRange").as_deref().and_then(crate::value::boolean).unwrap_or(true);
        xml.children(|xml, _| {
            let (mut mailbox, mut contact) = (None, None);
            xml.children(|xml, field| {
                match field.name() {
                    "Mailbox" => mailbox = Some(people::read_typed(xml)?),
                    "Contact" => contact = Some(read_contact(xml)?),
                    _ => {}
                }
                Ok(())
            })?;
            self.entries.extend(mailbox.map(|(who, kind)| Resolution { who, kind, contact }));
            Ok(())
        })?;
        Ok(true)
    }
}
