//! What a notification says of an entry of the journal.

use crate::ews::ids::{FolderKey, ItemKey, folder_id};
use crate::ews::notifications::Subscription;
use crate::ews::time::instant;
use crate::ews::xml::Element;
use crate::graph::journal::{Entry, Journal};
use crate::graph::state::Happened;

/// The entries that a subscription is told of from where it stands; it goes on after them. None where some are gone.
pub(crate) fn told(subscription: &mut Subscription, journal: &Journal) -> Option<Vec<Entry>> {
    let wants = |entry: &&Entry| {
        let folder = FolderKey::Calendar(entry.id.calendar.unwrap_or_default());
        entry.id.mailbox == subscription.mailbox && (subscription.folders.is_empty() || subscription.folders.contains(&folder))
    };
    let entries = journal.since(subscription.from).map(|all| all.filter(wants).copied().collect());
    subscription.from = journal.end();
    entries
}

/// The events of an entry: of the item, and of its folder, whose counters changed with it. With a watermark where the delivery
/// has them.
pub(crate) fn events(entry: &Entry, watermark: Option<&str>) -> Vec<Element> {
    let folder = folder_id(entry.id.mailbox, FolderKey::Calendar(entry.id.calendar.unwrap_or_default()));
    let parent = folder_id(entry.id.mailbox, FolderKey::Other(crate::ews::store::TOP));
    let begin = |name: &str| {
        Element::new(name).with(watermark.map(|mark| Element::of("t:Watermark", mark))).with_text("t:TimeStamp", instant(entry.at))
    };
    let name = match entry.what {
        Happened::Created => "t:CreatedEvent",
        Happened::Updated => "t:ModifiedEvent",
        Happened::Deleted => "t:DeletedEvent",
    };
    let item = ItemKey::Event(entry.id).text();
    let of_item = begin(name)
        .with(Element::new("t:ItemId").attr("Id", item).attr("ChangeKey", "DwAAAA=="))
        .with(Element::new("t:ParentFolderId").attr("Id", &folder).attr("ChangeKey", "AQAAAA=="));
    let of_folder = begin("t:ModifiedEvent")
        .with(Element::new("t:FolderId").attr("Id", &folder).attr("ChangeKey", "AgAAAA=="))
        .with(Element::new("t:ParentFolderId").attr("Id", parent).attr("ChangeKey", "AQAAAA=="));
    vec![of_item, of_folder]
}
