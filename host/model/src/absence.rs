//! Out-of-office settings.

use jiff::Timestamp;

/// Whether automatic replies are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AbsenceState {
    /// No.
    Disabled,
    /// Yes, until switched off.
    Enabled,
    /// Yes, in `[start, end)`.
    Scheduled {
        /// From.
        start: Timestamp,
        /// Until.
        end: Timestamp,
    },
}

/// The setting of a mailbox, without its texts: no rule needs them (SEMANTICS P-21).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Absence {
    /// Whether automatic replies are sent.
    pub state: AbsenceState,
}
