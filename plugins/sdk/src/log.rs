//! The connector's log. Never put the subject, place or body of an item into it.
//!
//! ```
//! calport_sdk::warn!("the server sent {} events without an id", 3; "mailbox" => "u1");
//! # assert_eq!(calport_sdk::testing::take_log()[0].message, "the server sent 3 events without an id");
//! ```

pub use crate::bindings::calport::connector::log::Level;

/// Writes a line with named values. Natively it goes to [`crate::testing::take_log`].
pub fn write(level: Level, message: &str, fields: &[(&str, String)]) {
    let fields: Vec<(String, String)> = fields.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
    #[cfg(target_arch = "wasm32")]
    crate::bindings::calport::connector::log::write(level, message, &fields);
    #[cfg(not(target_arch = "wasm32"))]
    crate::testing::record_log(level, message, fields);
}

/// Writes a line at a level: `log_at!(Level::Info, "format", args; "name" => value)`.
#[macro_export]
macro_rules! log_at {
    ($level:expr, $format:literal $(, $arg:expr)* $(; $($name:literal => $value:expr),+)? $(,)?) => {
        $crate::log::write($level, &format!($format $(, $arg)*), &[$($(($name, ($value).to_string())),+)?])
    };
}

/// A line for the connector's developer.
#[macro_export]
macro_rules! debug { ($($t:tt)*) => { $crate::log_at!($crate::log::Level::Debug, $($t)*) }; }

/// Normal work.
#[macro_export]
macro_rules! info { ($($t:tt)*) => { $crate::log_at!($crate::log::Level::Info, $($t)*) }; }

/// Something to look at.
#[macro_export]
macro_rules! warn { ($($t:tt)*) => { $crate::log_at!($crate::log::Level::Warn, $($t)*) }; }

/// Something that failed.
#[macro_export]
macro_rules! error { ($($t:tt)*) => { $crate::log_at!($crate::log::Level::Error, $($t)*) }; }
