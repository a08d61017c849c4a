//! The settings of a Graph connection.

use schemars::JsonSchema;
use serde::Deserialize;

/// Settings of a Microsoft Graph connection. All have defaults.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Events per page of a feed (`odata.maxpagesize`), 1 to 1000. The server may send fewer.
    #[schemars(range(min = 1, max = 1000))]
    pub page_size: u32,
    /// Users per page of the directory (`$top`), 1 to 999.
    #[schemars(range(min = 1, max = 999))]
    pub directory_page_size: u32,
    /// An OData `$filter` for the directory, such as `accountEnabled eq true`. Only `resolve` still finds others.
    pub user_filter: Option<String>,
    /// Whether the directory also lists users that have no mail address.
    pub users_without_mail: bool,
    /// Whether the bodies of appointments are read, as plain text. Presence does not need them.
    pub read_bodies: bool,
    /// The mailbox that sends mails where a message names none: its sign-in name or id. Without it such a message is refused.
    #[schemars(length(min = 1))]
    pub sender: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { page_size: 200, directory_page_size: 500, user_filter: None, users_without_mail: false, read_bodies: false, sender: None }
    }
}
