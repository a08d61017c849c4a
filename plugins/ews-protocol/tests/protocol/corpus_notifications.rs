//! Requests of notifications, and what we answer to a pushed one.

use calport_ews_protocol::folder::{Folder, KnownFolder};
use calport_ews_protocol::operation::notifications::{Acknowledgement, Delivery};
use calport_ews_protocol::operation::{GetEvents, GetStreamingEvents, Subscribe, Unsubscribe};

use crate::corpus::{Corpus, folders};

impl Corpus {
    pub fn notifications(&mut self) {
        let topics = [KnownFolder::Calendar, KnownFolder::Tasks, KnownFolder::Contacts].map(Folder::known);
        let sets = [topics.to_vec(), folders().to_vec(), folders()[..1].to_vec()];
        for set in sets {
            for minutes in [0, 1, 30, 1_440, u16::MAX] {
                let url = "https://hooks.example.com/a?b=1&c=\"<2>\"".to_owned();
                for delivery in
                    [Delivery::Stream, Delivery::Push { url, status_minutes: minutes }, Delivery::Pull { timeout_minutes: minutes }]
                {
                    self.add(&Subscribe { folders: set.clone(), delivery });
                }
            }
        }
        for (count, minutes) in [(1, 0), (2, 1), (200, 30), (3, 31)] {
            let subscriptions = (0..count).map(|n| format!("JgBi&{n}==")).collect();
            self.add(&GetStreamingEvents { subscriptions, minutes });
        }
        self.add(&GetEvents { subscription: "f6bc<>".into(), watermark: "AAAAAM=".into() });
        self.add(&Unsubscribe { subscription: "f6bc&".into() });
        for status in [Acknowledgement::Ok, Acknowledgement::Unsubscribe] {
            self.requests.push(("SendNotificationResult".to_owned(), status.body()));
        }
    }
}
