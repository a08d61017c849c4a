//! The settings of a connection to Exchange on premises.

use calport_ews_connector::Settings as Common;
use schemars::JsonSchema;
use serde::Deserialize;

/// Settings of a connection to Exchange on premises. All but `test_user` have defaults.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[serde(flatten)]
    #[allow(missing_docs, reason = "its fields stand in the schema beside the others")]
    pub common: Common,
    /// Whether the server may be searched for by Autodiscover, which happens where the endpoint has no `url` and the connection a
    /// `discovery`. With `autodiscover_url` it is so without being said.
    #[serde(default)]
    pub autodiscover: Option<bool>,
    /// The URL of Autodiscover, which is asked first: `https://` with a host name, or with the whole path.
    #[serde(default)]
    #[schemars(length(min = 9, max = 2048))]
    pub autodiscover_url: Option<String>,
    /// Which of the two URLs that Autodiscover tells is used: `external` unless it is said. Where the server tells only one, that one.
    #[serde(default)]
    pub prefer: Option<Prefer>,
    /// Whether the account acts as the owner of each mailbox, for which it needs the role ApplicationImpersonation. Without it
    /// the account reads its own mailbox, and what others share with it; automatic replies of others mostly not.
    #[serde(default = "yes")]
    pub impersonation: bool,
    /// In whose name people are looked for.
    #[serde(default)]
    pub resolve_by: ResolveBy,
    /// Mail domains of people of whom only the login name is known: `NAME@DOMAIN` is looked for with each of them, in this order.
    #[serde(default)]
    #[schemars(length(max = 20))]
    pub login_domains: Vec<String>,
}

/// Which URL of EWS is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Prefer {
    /// The one for machines inside.
    Internal,
    /// The one for the internet.
    External,
}

/// In whose name people are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ResolveBy {
    /// In that of `test_user`; without impersonation in that of the account.
    #[default]
    TestUser,
    /// In that of the person who is looked for: finds only people whom the account may impersonate.
    Candidates,
}

const fn yes() -> bool {
    true
}
