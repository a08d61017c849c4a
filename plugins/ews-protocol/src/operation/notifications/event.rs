//! What a notification says, the same in all three deliveries.

use calport_sdk::common::Instant;

use crate::error::ReadError;
use crate::item::ItemId;
use crate::value::{self, When};
use crate::xml::{Element, Scanner};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// Something is new.
    Created,
    /// Something was deleted for good.
    Deleted,
    /// Something is different.
    Modified,
    /// Something is in another folder now; the bin is one.
    Moved,
    /// Something was copied.
    Copied,
    /// Mail came.
    NewMail,
    /// What others see of the calendar is different.
    FreeBusyChanged,
    /// A word that this version does not know: look all the same.
    Other,
}

/// To what it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// To an item.
    Item(ItemId),
    /// To a folder; its counters alone change with every item.
    Folder(ItemId),
}

/// One event of a notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What happened.
    pub kind: EventKind,
    /// To what; absent when the server did not say.
    pub subject: Option<Subject>,
    /// The id of the folder it is in, or empty.
    pub folder: String,
    /// When, by the server's clock.
    pub at: Option<Instant>,
}

/// What a subscription tells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Notification {
    /// The subscription.
    pub subscription: String,
    /// Where the server says that it went on from; streams have none.
    pub previous_watermark: Option<String>,
    /// The watermark after these events, also after one that says only that the subscription lives; streams have none.
    pub watermark: Option<String>,
    /// Whether there are more events already.
    pub more: bool,
    /// The events; none when it only says that the subscription lives.
    pub notices: Vec<Notice>,
}

impl Notification {
    pub(super) fn read(xml: &mut Scanner<'_>) -> Result<Self, ReadError> {
        let mut notification = Self::default();
        xml.children(|xml, part| {
            match part.name() {
                "SubscriptionId" => notification.subscription = xml.word()?,
                "PreviousWatermark" => notification.previous_watermark = filled(xml.word()?),
                "MoreEvents" => notification.more = value::boolean(&xml.text()?).unwrap_or(false),
                name => {
                    let Some(word) = name.strip_suffix("Event") else { return Ok(()) };
                    let kind = (word != "Status").then(|| kind_of(word));
                    notification.read_event(xml, kind)?;
                }
            }
            Ok(())
        })?;
        Ok(notification)
    }

    fn read_event(&mut self, xml: &mut Scanner<'_>, kind: Option<EventKind>) -> Result<(), ReadError> {
        let (mut subject, mut folder, mut at) = (None, String::new(), None);
        xml.children(|xml, field: &Element<'_>| {
            match field.name() {
                "Watermark" => self.watermark = filled(xml.word()?).or_else(|| self.watermark.take()),
                "TimeStamp" => at = value::date_time(&xml.text()?).and_then(When::utc),
                "ItemId" => subject = Some(Subject::Item(ItemId::read(field))),
                "FolderId" => subject = Some(Subject::Folder(ItemId::read(field))),
                "ParentFolderId" => folder = ItemId::read(field).id,
                _ => {}
            }
            Ok(())
        })?;
        self.notices.extend(kind.map(|kind| Notice { kind, subject, folder, at }));
        Ok(())
    }

    /// Whether it goes on where the last one ended. If not, a notification was lost on the way: read by the sync state.
    /// A server that does not say where it went on from is believed.
    pub fn follows(&self, watermark: &str) -> bool {
        self.previous_watermark.as_deref().is_none_or(|previous| previous == watermark)
    }
}

fn filled(word: String) -> Option<String> {
    (!word.is_empty()).then_some(word)
}

fn kind_of(word: &str) -> EventKind {
    match word {
        "Created" => EventKind::Created,
        "Deleted" => EventKind::Deleted,
        "Modified" => EventKind::Modified,
        "Moved" => EventKind::Moved,
        "Copied" => EventKind::Copied,
        "NewMail" => EventKind::NewMail,
        "FreeBusyChanged" => EventKind::FreeBusyChanged,
        _ => EventKind::Other,
    }
}
