//! The engine: it follows mailboxes, computes presence when something changed or a boundary is reached, and shows it.
//!
//! One actor owns one table of feeds, people and sinks, and one timer wheel; work that waits for others runs as bounded
//! jobs. There is no task per mailbox (SEMANTICS R-10). The clock, the connectors and the store come from outside, so the
//! whole runs in tests without a network and without waiting.
//!
//! Promises: a notification is never lost between hook and feed (C-02); a cursor moves only with its effects (B-25); an
//! unconfirmed removal removes nothing (B-07); an older presence never follows a newer one (P-27); one mailbox's or one
//! connection's failure stops only itself (B-46).

mod absence;
mod actor;
mod alert;
mod apply;
mod backoff;
mod basis;
mod by_hand;
mod calendars;
mod calls;
mod compute;
mod connection;
mod current;
mod dispatch;
mod feed;
mod gaps;
mod handle;
mod hooks;
mod latency;
#[doc(hidden)]
pub mod measure;
mod overrule;
mod people;
mod plan;
mod prepare;
mod preview;
mod publish;
mod secrets;
mod status;
mod streams;
mod sync;
mod wheel;

pub use actor::Engine;
pub use basis::{Basis, Shown};
pub use calendars::CalendarStatus;
pub use handle::{BasisError, EngineHandle, Gone};
pub use people::resolve_people;
pub use plan::{AlertPlan, CalendarPlan, ConnectionPlan, Notify, PersonPlan, Plan, Settings};
pub use preview::{Change, Moment, Seen, difference, line};
pub use secrets::HookSecrets;
pub use status::{ConnectionStatus, LatencyStatus, PersonStatus, ProgressStatus, Status};
pub use sync::{SyncOutcome, sync_feed};
