//! A connector's settings: a `serde` type whose JSON Schema goes into `describe`.
//!
//! ```
//! use schemars::JsonSchema;
//! use serde::Deserialize;
//!
//! /// Settings of the example.
//! #[derive(Deserialize, JsonSchema)]
//! #[serde(deny_unknown_fields, default)]
//! struct Settings {
//!     /// Users per page, 1 to 999.
//!     #[schemars(range(min = 1, max = 999))]
//!     page_size: u32,
//! }
//! impl Default for Settings { fn default() -> Self { Self { page_size: 100 } } }
//!
//! let settings: Settings = calport_sdk::settings::parse("{}").unwrap();
//! assert_eq!(settings.page_size, 100);
//! assert!(calport_sdk::settings::schema::<Settings>().contains("Users per page"));
//! ```

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::common::{Error, ErrorScope};
use crate::error::{self, ErrorExt};

/// The JSON Schema (2020-12) of `T`, for `descriptor.settings-schema`. Doc comments become descriptions.
pub fn schema<T: JsonSchema>() -> String {
    schemars::schema_for!(T).as_value().to_string()
}

/// Reads settings. The host has checked them against the schema already; this refuses what a schema cannot say.
/// An empty text means no settings.
///
/// # Errors
/// `invalid`. Settings hold no secrets, so the reason may quote them.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    let text = if text.trim().is_empty() { "{}" } else { text };
    serde_json::from_slice(text.as_bytes()).map_err(|e| error::invalid("settings", e.to_string()).with_scope(ErrorScope::Connection))
}

/// The base URL of an endpoint among those that `open` was given, as `(name, url)`, without a slash at its end.
///
/// # Errors
/// `invalid`, naming the endpoint that the configuration must have.
pub fn endpoint<'a>(endpoints: impl IntoIterator<Item = (&'a str, &'a str)>, name: &str) -> Result<String, Error> {
    endpoints.into_iter().find(|(n, _)| *n == name).map(|(_, url)| url.trim_end_matches('/').to_owned()).ok_or_else(|| {
        error::invalid(format!("endpoints.{name}"), "the connection has no endpoint of this name; add its URL")
            .with_scope(ErrorScope::Connection)
    })
}
