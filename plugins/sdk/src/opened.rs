//! What `open` leaves for the calls after it.

use std::cell::RefCell;
use std::rc::Rc;

use crate::common::{Error, ErrorKind};
use crate::error;

/// The state of an opened instance. An instance serves one connection and one call at a time, so a `thread_local`
/// of this type is enough:
///
/// ```
/// use calport_sdk::opened::Opened;
/// struct Connection { base: String }
/// thread_local! { static CONNECTION: Opened<Connection> = const { Opened::new() } }
/// assert!(CONNECTION.with(Opened::get).is_err());
/// CONNECTION.with(|c| c.open(Connection { base: "https://pbx.example".into() }));
/// assert_eq!(CONNECTION.with(Opened::get).unwrap().base, "https://pbx.example");
/// ```
#[derive(Debug)]
pub struct Opened<T>(RefCell<Option<Rc<T>>>);

impl<T> Opened<T> {
    /// Not opened yet.
    pub const fn new() -> Self {
        Self(RefCell::new(None))
    }

    /// Keeps the state; an earlier one is dropped.
    pub fn open(&self, state: T) {
        self.0.replace(Some(Rc::new(state)));
    }

    /// The state.
    ///
    /// # Errors
    /// `refused` before `open`: the host always opens first.
    pub fn get(&self) -> Result<Rc<T>, Error> {
        self.0
            .borrow()
            .clone()
            .ok_or_else(|| error::connection(ErrorKind::Refused("not-open".to_owned()), "the connector was used before `open`"))
    }
}

impl<T> Default for Opened<T> {
    fn default() -> Self {
        Self::new()
    }
}
