//! People at items.

use calport_sdk::common::Participant;

use crate::error::{ReadError, WriteError};
use crate::xml::{Scanner, Writer};

/// `t:Mailbox` and its like: a name with an address, and what kind of mailbox it is. An address of another kind than
/// SMTP is no address here: an `EX` address is a path in a directory that nobody outside can use.
pub(crate) fn read_typed(xml: &mut Scanner<'_>) -> Result<(Participant, String), ReadError> {
    let mut person = Participant { name: String::new(), address: String::new() };
    let mut routing = String::new();
    let mut kind = String::new();
    xml.children(|xml, part| {
        match part.name() {
            "Name" => person.name = xml.word()?,
            "EmailAddress" | "Address" => person.address = xml.word()?,
            "RoutingType" => routing = xml.word()?,
            "MailboxType" => kind = xml.word()?,
            _ => {}
        }
        Ok(())
    })?;
    if !routing.is_empty() && !routing.eq_ignore_ascii_case("smtp") {
        person.address.clear();
    }
    Ok((person, kind))
}

/// As [`read_typed`], without the kind.
pub(crate) fn read(xml: &mut Scanner<'_>) -> Result<Participant, ReadError> {
    read_typed(xml).map(|(person, _)| person)
}

/// The mailbox within the element that was opened last.
pub(crate) fn read_within(xml: &mut Scanner<'_>) -> Result<Option<Participant>, ReadError> {
    let mut person = None;
    xml.children(|xml, part| {
        if part.name() == "Mailbox" {
            person = Some(read(xml)?);
        }
        Ok(())
    })?;
    Ok(person)
}

/// `t:Mailbox`.
pub(crate) fn write(xml: &mut Writer, person: &Participant, field: &'static str) -> Result<(), WriteError> {
    if person.address.trim().is_empty() {
        return Err(WriteError::invalid(field, "somebody without a mail address"));
    }
    xml.element("t:Mailbox", |xml| {
        if !person.name.is_empty() {
            xml.text("t:Name", &person.name);
        }
        xml.text("t:EmailAddress", person.address.trim());
        Ok(())
    })
}
