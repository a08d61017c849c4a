//! The words of Calport as types: events, presence, zones, errors, and the one trait that connectors stand behind.
//!
//! Nothing here does I/O or reads a clock. Texts of people's items are [`PrivateText`]: they cannot be printed by accident
//! (SEMANTICS B-51). Times are resolved when they enter: an event has instants, or dates for whole days, and no zone of a
//! vendor's spelling.

pub mod absence;
pub mod clock;
pub mod connector;
pub mod descriptor;
pub mod directory;
pub mod error;
pub mod event;
pub mod notification;
pub mod presence;
pub mod text;
pub mod write;
pub mod zone;

pub use absence::{Absence, AbsenceState};
pub use clock::{Clock, ManualClock, SystemClock};
pub use connector::{Answer, ConnectorApi, Items};
pub use descriptor::{Capability, Descriptor};
pub use error::{Blame, ConnectorError, ErrorKind, ErrorScope};
pub use event::{Event, EventKind, OriginalStart, Sensitivity, ShowAs, Span, Window};
pub use presence::{Availability, PresenceValue};
pub use text::PrivateText;
