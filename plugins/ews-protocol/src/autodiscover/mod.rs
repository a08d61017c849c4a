//! Autodiscover: from a mail address to the URL of EWS (SEMANTICS B-48, FEATURES C07).
//!
//! [`Discovery`] is the procedure as a state machine without I/O: it says what to send where and takes what came back.
//! [`soap`] and [`pox`] are the two protocols that it speaks, SOAP first. SOAP also answers for up to 100 mailboxes at once,
//! which is how the groups of streams are found ([`Setting::GroupingInformation`], SEMANTICS B-32).
//!
//! # What it promises
//!
//! * A credential goes to https only, and only to a host of the address's own domain, of the settings, or one that
//!   somebody agreed to by name ([`Step::Consent`]). That holds for the URL that is found as well.
//! * At most [`MOST_REDIRECTS`] redirects of any kind; nothing is asked twice.
//! * A credential that was refused once is not tried again: some directories lock an account after a few attempts.
//! * Each step is recorded with its outcome ([`Discovery::attempts`]).
//!
//! # What it refuses
//!
//! Redirects to http, to a login form, to URLs with a user inside; answers of more than [`MAX_ANSWER_BYTES`] and all
//! that [`crate::ReadError`] lists. The settings of Outlook that such answers hold besides are not kept.

mod discovery;
mod place;
pub mod pox;
mod settings;
pub mod soap;
mod step;
mod trace;

pub use discovery::Discovery;
pub use settings::{Setting, UrlChoice, UserAnswer, UserSettings};
pub use step::{Ask, DiscoveryError, Found, MOST_REDIRECTS, Options, Protocol, Step, StepAnswer};
pub use trace::{Action, Attempt, Outcome};

use crate::error::ReadError;

/// Most bytes of an answer of Autodiscover. Real ones have 5 to 50 KiB.
pub const MAX_ANSWER_BYTES: usize = 1 << 20;

fn bounded(body: &[u8]) -> Result<(), ReadError> {
    match body.len() {
        bytes if bytes > MAX_ANSWER_BYTES => Err(ReadError::TooLarge { bytes, limit: MAX_ANSWER_BYTES }),
        _ => Ok(()),
    }
}
