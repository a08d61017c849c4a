//! `Subscribe` and `Unsubscribe`.

use crate::error::{ReadError, WriteError};
use crate::folder::Folder;
use crate::soap::{Done, Gaps, Operation, Reply};
use crate::version::ServerVersion;
use crate::xml::{Element, Scanner, Writer};

/// The events that say that a calendar, a task list or an address book must be read again. All of them exist since
/// Exchange 2007.
const EVENTS: [&str; 5] = ["CopiedEvent", "CreatedEvent", "DeletedEvent", "ModifiedEvent", "MovedEvent"];

/// Longest time, in minutes, of what a server is asked for (XSD `SubscriptionTimeoutType`, `SubscriptionStatusFrequencyType`).
const DAY: u16 = 1_440;

/// How notifications arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// In the answer to [`super::GetStreamingEvents`]. Exchange 2010 SP1 on.
    Stream,
    /// By requests of the server.
    Push {
        /// Where it sends them, https or http.
        url: String,
        /// After how many minutes without an event it says that it lives, 1 to 1,440.
        status_minutes: u16,
    },
    /// In the answer to [`super::GetEvents`].
    Pull {
        /// After how many minutes without a question the server forgets the subscription, 1 to 1,440.
        timeout_minutes: u16,
    },
}

/// Asks to be told of changes in folders of one mailbox: its calendar, tasks or contacts, by what the subscription is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe {
    /// The folders.
    pub folders: Vec<Folder>,
    /// How.
    pub delivery: Delivery,
}

impl Operation for Subscribe {
    type Reply = Subscription;
    const NAME: &'static str = "Subscribe";

    fn write(&self, xml: &mut Writer, gaps: &mut Gaps) -> Result<(), WriteError> {
        if self.folders.is_empty() {
            return Err(WriteError::Nothing { operation: Self::NAME });
        }
        let request = match &self.delivery {
            Delivery::Stream if gaps.version < ServerVersion::Exchange2010Sp1 => {
                let (operation, needed) = ("Subscribe to a stream", ServerVersion::Exchange2010Sp1);
                return Err(WriteError::Version { operation, needed, version: gaps.version });
            }
            Delivery::Stream => "m:StreamingSubscriptionRequest",
            Delivery::Push { url, .. } if !is_web(url) => {
                return Err(WriteError::invalid("notification URL", "it must begin with https:// or http://"));
            }
            Delivery::Push { .. } => "m:PushSubscriptionRequest",
            Delivery::Pull { .. } => "m:PullSubscriptionRequest",
        };
        xml.element("m:Subscribe", |xml| {
            xml.element(request, |xml| {
                xml.element::<WriteError>("t:FolderIds", |xml| {
                    self.folders.iter().for_each(|folder| folder.write(xml));
                    Ok(())
                })?;
                xml.element::<WriteError>("t:EventTypes", |xml| {
                    EVENTS.iter().for_each(|event| xml.text("t:EventType", event));
                    Ok(())
                })?;
                match &self.delivery {
                    Delivery::Stream => {}
                    Delivery::Push { url, status_minutes } => {
                        xml.text("t:StatusFrequency", &status_minutes.clamp(&1, &DAY).to_string());
                        xml.text("t:URL", url);
                    }
                    Delivery::Pull { timeout_minutes } => xml.text("t:Timeout", &timeout_minutes.clamp(&1, &DAY).to_string()),
                }
                Ok(())
            })
        })
    }
}

fn is_web(url: &str) -> bool {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    matches!(scheme.as_deref(), Some("https" | "http"))
}

/// A subscription as granted. How long it lives is not said: a stream's as long as somebody listens and half an hour after.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subscription {
    /// Its id.
    pub id: String,
    /// Where it begins; absent with streams.
    pub watermark: Option<String>,
}

impl Reply for Subscription {
    fn read_part(&mut self, xml: &mut Scanner<'_>, part: &Element<'_>) -> Result<bool, ReadError> {
        match part.name() {
            "SubscriptionId" => self.id = xml.word()?,
            "Watermark" => self.watermark = Some(xml.word()?).filter(|watermark| !watermark.is_empty()),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Ends a subscription. One that was pushed ends by [`super::Acknowledgement::Unsubscribe`] instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsubscribe {
    /// Its id.
    pub subscription: String,
}

impl Operation for Unsubscribe {
    type Reply = Done;
    const NAME: &'static str = "Unsubscribe";

    fn write(&self, xml: &mut Writer, _: &mut Gaps) -> Result<(), WriteError> {
        if self.subscription.is_empty() {
            return Err(WriteError::Nothing { operation: Self::NAME });
        }
        xml.element("m:Unsubscribe", |xml| {
            xml.text("m:SubscriptionId", &self.subscription);
            Ok(())
        })
    }
}
