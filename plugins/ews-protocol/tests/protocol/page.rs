//! A page of a thousand appointments, as benchmarks read it.

use calport_ews_protocol::answer;
use calport_ews_protocol::item::event::CalendarItem;
use calport_ews_protocol::operation::FindItem;

#[path = "../../examples/page/generate.rs"]
mod generate;

pub use generate::page;

#[test]
fn a_page_of_a_thousand_appointments_is_about_a_megabyte_and_read_whole() {
    let body = page(1_000);
    assert!((900_000..1_400_000).contains(&body.len()), "{}", body.len());
    let page = answer::<FindItem<CalendarItem>>(body.as_bytes()).unwrap().single().unwrap();
    assert_eq!((page.items.len(), page.unreadable.len()), (1_000, 0));
    let last = &page.items[999];
    assert_eq!(last.subject, "Subject of appointment 999 & more");
    assert!(last.start_zone.is_some() && last.organizer.is_some() && !last.uid.is_empty());
}
