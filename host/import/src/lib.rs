//! From the settings of another product to a `calport.toml`, with a report of what became of each.
//!
//! Promise: every setting of the product's tables stands in the report, given or not; what is written is accepted by the
//! configuration's own check; a line that cannot be used is told with its number and keeps no other from being used. Refused:
//! secrets. Values of settings that hold one are dropped when the line is read, so that they can reach neither file nor report;
//! names of lines that are no setting are repeated only where they are a slip of a known name.
//!
//! No product is known here. What a product's settings are called and what they become are files in `presets/`; this crate
//! reads them ([`presets`]), a form ([`import`]), and writes an empty form ([`empty_form`]) and the table of the documentation
//! ([`table`]). It is pure: text in, text out.

mod apply;
mod condition;
mod decode;
mod draft;
mod empty;
mod form;
mod import;
mod name;
mod preset;
mod report;
mod table;
mod value;

pub use empty::empty_form;
pub use import::{ImportError, Imported, import};
pub use preset::{Preset, PresetError, Section, Setting, names, presets};
pub use report::{Report, Row, Status};
pub use table::table;
pub use value::Kind;
