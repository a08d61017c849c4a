//! Instances that belong to a stream.
//!
//! A stream's instance keeps the bodies that it opened from one wait to the next, serves nothing else, and is dropped with
//! whatever it holds when the stream is closed, when a wait ends in a trap or is given up, and when the connector is
//! replaced.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::call::Instance;
use crate::connection::lock;

/// The streams of a connection. A wait under way has its instance with it.
#[derive(Default)]
pub(crate) struct Pinned {
    streams: Mutex<Streams>,
}

#[derive(Default)]
struct Streams {
    by_id: HashMap<String, (u64, Option<Instance>)>,
    waits: u64,
}

/// A wait's hold on its stream. Dropped without an instance given back, the stream is gone.
pub(crate) struct Slot {
    pinned: Arc<Pinned>,
    stream: String,
    wait: u64,
    /// The instance of the waits before; `None` for the first.
    pub(crate) instance: Option<Instance>,
}

impl Pinned {
    /// Takes a stream for a wait; `None` while another wait has it.
    pub(crate) fn take(this: &Arc<Self>, stream: &str) -> Option<Slot> {
        let mut streams = lock(&this.streams);
        let instance = match streams.by_id.remove(stream) {
            None => None,
            Some((_, Some(instance))) => Some(instance),
            Some(busy) => {
                streams.by_id.insert(stream.to_owned(), busy);
                return None;
            }
        };
        streams.waits += 1;
        let wait = streams.waits;
        streams.by_id.insert(stream.to_owned(), (wait, None));
        Some(Slot { pinned: this.clone(), stream: stream.to_owned(), wait, instance })
    }

    /// Gives a stream up.
    pub(crate) fn close(&self, stream: &str) {
        // Dropped after the lock: an instance has much to drop.
        let closed = lock(&self.streams).by_id.remove(stream);
        drop(closed);
    }

    /// Gives all streams up.
    pub(crate) fn clear(&self) {
        let closed = std::mem::take(&mut lock(&self.streams).by_id);
        drop(closed);
    }
}

impl Slot {
    /// Keeps the instance for the next wait, unless the stream was closed meanwhile.
    pub(crate) fn give_back(mut self, instance: Instance) {
        self.instance = Some(instance);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut streams = lock(&self.pinned.streams);
        let ours = streams.by_id.get(&self.stream).is_some_and(|(wait, _)| *wait == self.wait);
        match (ours, self.instance.take()) {
            (true, Some(instance)) => {
                streams.by_id.insert(self.stream.clone(), (self.wait, Some(instance)));
            }
            (true, None) => {
                streams.by_id.remove(&self.stream);
            }
            (false, instance) => {
                drop(streams);
                drop(instance);
            }
        }
    }
}
