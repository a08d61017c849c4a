//! How a server says that something changed: by a stream, by a request of its own, or when it is asked.
//!
//! | delivery | since | answer |
//! |---|---|---|
//! | [`Delivery::Stream`] | Exchange 2010 SP1 | [`GetStreamingEvents`], whose answer never ends by itself: [`Stream`] |
//! | [`Delivery::Push`] | Exchange 2007 | the server asks us: [`read_push`], answered with [`Acknowledgement`] |
//! | [`Delivery::Pull`] | Exchange 2007 | [`GetEvents`] |
//!
//! A notification says only when to look (SEMANTICS C-04): what is read of it are ids and watermarks, never content.
//! A subscription is never resumed from an old watermark, because servers then search from the beginning; it is made
//! anew, and what happened meanwhile is read by the sync state (SEMANTICS B-33). [`Remedy`] says so for each refusal.
//!
//! Servers keep subscriptions on the machine that made them. [`affinity`] has what keeps requests there (SEMANTICS B-32).

pub mod affinity;
mod event;
mod pull;
mod push;
mod remedy;
mod split;
mod stream;
mod subscribe;

pub use event::{EventKind, Notice, Notification, Subject};
pub use pull::{GetEvents, Pulled};
pub use push::{Acknowledgement, read_push};
pub use remedy::Remedy;
pub use stream::{GetStreamingEvents, MOST_IDS, MOST_MINUTES, Stream, StreamAnswer, StreamEvent};
pub use subscribe::{Delivery, Subscribe, Subscription, Unsubscribe};
