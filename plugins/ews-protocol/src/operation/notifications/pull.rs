//! `GetEvents`: asking what happened.

use super::event::Notification;
use crate::error::{ReadError, WriteError};
use crate::soap::{Gaps, Operation, Reply};
use crate::xml::{Element, Scanner, Writer};

/// Asks a subscription for events since a watermark. The next question is asked with the watermark of the answer, at
/// once while there are more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetEvents {
    /// The subscription.
    pub subscription: String,
    /// The watermark of the last answer, or of the subscription.
    pub watermark: String,
}

impl Operation for GetEvents {
    type Reply = Pulled;
    const NAME: &'static str = "GetEvents";

    fn write(&self, xml: &mut Writer, _: &mut Gaps) -> Result<(), WriteError> {
        if self.subscription.is_empty() || self.watermark.is_empty() {
            return Err(WriteError::Nothing { operation: Self::NAME });
        }
        xml.element("m:GetEvents", |xml| {
            xml.text("m:SubscriptionId", &self.subscription);
            xml.text("m:Watermark", &self.watermark);
            Ok(())
        })
    }
}

/// What happened since. No notification at all means nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pulled {
    /// The notifications; servers send one.
    pub notifications: Vec<Notification>,
}

impl Reply for Pulled {
    fn read_part(&mut self, xml: &mut Scanner<'_>, part: &Element<'_>) -> Result<bool, ReadError> {
        read_notifications(&mut self.notifications, xml, part)
    }
}

/// Reads `Notification`, and `Notifications` around any number of them. Servers put elements of either namespace inside,
/// whatever the schema says.
pub(super) fn read_notifications(into: &mut Vec<Notification>, xml: &mut Scanner<'_>, part: &Element<'_>) -> Result<bool, ReadError> {
    match part.name() {
        "Notification" => into.push(Notification::read(xml)?),
        "Notifications" => xml.children(|xml, inner| {
            if inner.name() == "Notification" {
                into.push(Notification::read(xml)?);
            }
            Ok(())
        })?,
        _ => return Ok(false),
    }
    Ok(true)
}
