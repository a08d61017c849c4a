//! `CreateItem`, `UpdateItem`, `DeleteItem`, answers to invitations, and mail.
//!
//! Attendees are never mailed unless the caller says `Allowed` (SEMANTICS B-35). Updates hold exactly the fields given and
//! never overwrite a version that was not named (SEMANTICS B-34).

use calport_sdk::common::{Participant, TextBody};

use super::find::Items;
use crate::error::WriteError;
use crate::folder::{Folder, KnownFolder};
use crate::item::{Draft, ItemId, ItemRef, Property, Target, Writing, people};
use crate::path::ExtendedField;
use crate::soap::{Done, Gaps, Operation};
use crate::xml::Writer;

/// Whether attendees may be mailed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AttendeeMail {
    /// Never.
    #[default]
    Never,
    /// The administrator has allowed it for this connection.
    Allowed,
}

impl AttendeeMail {
    const fn word(self) -> &'static str {
        match self {
            Self::Never => "SendToNone",
            Self::Allowed => "SendToAllAndSaveCopy",
        }
    }
}

/// Makes an item.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateItem<T: Draft> {
    /// Where; absent for the default folder of its kind.
    pub folder: Option<Folder>,
    /// Its fields.
    pub fields: Vec<T::Field>,
    /// Whether attendees may be mailed.
    pub mail: AttendeeMail,
}

impl<T: Draft> Operation for CreateItem<T> {
    type Reply = Items<ItemRef>;
    const NAME: &'static str = "CreateItem";

    fn write(&self, xml: &mut Writer, gaps: &mut Gaps) -> Result<(), WriteError> {
        let mut properties = T::properties(&self.fields, Writing::New, gaps)?;
        properties.sort_by_key(|property| property.order);
        let how = if T::INVITES { ("SendMeetingInvitations", self.mail.word()) } else { ("MessageDisposition", "SaveOnly") };
        xml.element_with("m:CreateItem", &[how], |xml| {
            if let Some(folder) = &self.folder {
                xml.element::<WriteError>("m:SavedItemFolderId", |xml| {
                    folder.write(xml);
                    Ok(())
                })?;
            }
            xml.element("m:Items", |xml| {
                xml.element(T::ELEMENT, |xml| {
                    properties.iter().filter_map(|property| property.xml.as_deref()).for_each(|value| xml.raw(value));
                    Ok(())
                })
            })
        })
    }
}

/// Changes the given fields of an item, if it still has the version that the target names.
#[derive(Debug, Clone, PartialEq)]
pub struct UpdateItem<T: Draft> {
    /// Which.
    pub target: Target,
    /// Its new fields; at least one.
    pub fields: Vec<T::Field>,
    /// Whether attendees may be mailed.
    pub mail: AttendeeMail,
}

impl<T: Draft> Operation for UpdateItem<T> {
    type Reply = Items<ItemRef>;
    const NAME: &'static str = "UpdateItem";

    fn write(&self, xml: &mut Writer, gaps: &mut Gaps) -> Result<(), WriteError> {
        let properties = T::properties(&self.fields, Writing::Change, gaps)?;
        if properties.is_empty() {
            return Err(WriteError::Nothing { operation: Self::NAME });
        }
        let mut attributes = vec![("ConflictResolution", "NeverOverwrite"), ("MessageDisposition", "SaveOnly")];
        if T::INVITES {
            attributes.push(("SendMeetingInvitationsOrCancellations", self.mail.word()));
        }
        xml.element_with("m:UpdateItem", &attributes, |xml| {
            xml.element("m:ItemChanges", |xml| {
                xml.element("t:ItemChange", |xml| {
                    self.target.write(xml)?;
                    xml.element("t:Updates", |xml| properties.iter().try_for_each(|property| write_change::<T>(xml, property)))
                })
            })
        })
    }
}

fn write_change<T: Draft>(xml: &mut Writer, property: &Property) -> Result<(), WriteError> {
    let name = if property.xml.is_some() { "t:SetItemField" } else { "t:DeleteItemField" };
    xml.element(name, |xml| {
        property.path.write(xml);
        let Some(value) = &property.xml else { return Ok(()) };
        xml.element(T::ELEMENT, |xml| {
            xml.raw(value);
            Ok(())
        })
    })
}

/// Moves items to the deleted ones. The answer has one part for each. The server does not look at their versions:
/// where that matters, the caller reads first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteItem {
    /// Which: an occurrence leaves the rest of its series as it is.
    pub targets: Vec<Target>,
    /// Whether attendees may be mailed.
    pub mail: AttendeeMail,
    /// Whether they are tasks; of repeating tasks all occurrences go.
    pub tasks: bool,
}

impl Operation for DeleteItem {
    type Reply = Done;
    const NAME: &'static str = "DeleteItem";

    fn write(&self, xml: &mut Writer, _: &mut Gaps) -> Result<(), WriteError> {
        if self.targets.is_empty() {
            return Err(WriteError::Nothing { operation: Self::NAME });
        }
        let mut attributes = vec![("DeleteType", "MoveToDeletedItems"), ("SendMeetingCancellations", self.mail.word())];
        if self.tasks {
            attributes.push(("AffectedTaskOccurrences", "AllOccurrences"));
        }
        xml.element_with("m:DeleteItem", &attributes, |xml| {
            xml.element("m:ItemIds", |xml| self.targets.iter().try_for_each(|target| target.write(xml)))
        })
    }
}

/// An answer to an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invitation {
    /// Accepted.
    Accept,
    /// Tentatively accepted.
    Tentative,
    /// Declined; the server moves the appointment to the deleted ones.
    Decline,
}

/// Answers an invitation; the organizer is told only where mails are allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerInvitation {
    /// The appointment, with its version: the server demands it.
    pub item: ItemId,
    /// The answer.
    pub answer: Invitation,
    /// Whether the organizer may be mailed.
    pub mail: AttendeeMail,
}

impl Operation for AnswerInvitation {
    type Reply = Items<ItemRef>;
    const NAME: &'static str = "CreateItem";

    fn write(&self, xml: &mut Writer, _: &mut Gaps) -> Result<(), WriteError> {
        if self.item.id.is_empty() || self.item.change_key.is_empty() {
            return Err(WriteError::invalid("target", "an invitation is answered by id and version"));
        }
        let disposition = match self.mail {
            AttendeeMail::Never => "SaveOnly",
            AttendeeMail::Allowed => "SendAndSaveCopy",
        };
        let element = match self.answer {
            Invitation::Accept => "t:AcceptItem",
            Invitation::Tentative => "t:TentativelyAcceptItem",
            Invitation::Decline => "t:DeclineItem",
        };
        xml.element_with("m:CreateItem", &[("MessageDisposition", disposition)], |xml| {
            xml.element("m:Items", |xml| {
                xml.element(element, |xml| {
                    xml.empty("t:ReferenceItemId", &[("Id", &self.item.id), ("ChangeKey", &self.item.change_key)]);
                    Ok(())
                })
            })
        })
    }
}

/// Sends a mail from the mailbox that the call acts in.
#[derive(Debug, Clone, PartialEq)]
pub struct SendMail {
    /// Who receives it, at least one.
    pub recipients: Vec<Participant>,
    /// The subject.
    pub subject: String,
    /// The text.
    pub body: TextBody,
    /// The operation's id, kept at the message.
    pub operation: String,
    /// Whether a copy is kept with the sent messages.
    pub keep_copy: bool,
}

impl Operation for SendMail {
    type Reply = Items<ItemRef>;
    const NAME: &'static str = "CreateItem";

    fn write(&self, xml: &mut Writer, _: &mut Gaps) -> Result<(), WriteError> {
        if self.recipients.is_empty() {
            return Err(WriteError::invalid("recipients", "a mail has at least one recipient"));
        }
        let disposition = if self.keep_copy { "SendAndSaveCopy" } else { "SendOnly" };
        xml.element_with("m:CreateItem", &[("MessageDisposition", disposition)], |xml| {
            if self.keep_copy {
                xml.element::<WriteError>("m:SavedItemFolderId", |xml| {
                    Folder::known(KnownFolder::SentItems).write(xml);
                    Ok(())
                })?;
            }
            xml.element("m:Items", |xml| {
                xml.element("t:Message", |xml| {
                    let head = [
                        Property::text(0, "item:Subject", "t:Subject", &self.subject),
                        Property::body(1, Some(&self.body)),
                        Property::extended(2, ExtendedField::Operation, &self.operation),
                    ];
                    head.iter().filter_map(|property| property.xml.as_deref()).for_each(|value| xml.raw(value));
                    xml.element("t:ToRecipients", |xml| {
                        self.recipients.iter().try_for_each(|person| people::write(xml, person, "recipients"))
                    })
                })
            })
        })
    }
}
