//! What Autodiscover knows about a mailbox, as far as it is of use here.

use crate::failure::Failure;
use crate::version::ServerVersion;

/// Settings that are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// The name of its owner.
    UserDisplayName,
    /// Its primary address.
    AutoDiscoverSmtpAddress,
    /// The URL of EWS inside of the company's network.
    InternalEwsUrl,
    /// The URL of EWS from outside.
    ExternalEwsUrl,
    /// The versions of EWS that the server speaks.
    EwsSupportedSchemas,
    /// Mailboxes that agree in it may share a stream. Exchange 2013 on.
    GroupingInformation,
}

impl Setting {
    /// Every setting.
    pub const ALL: [Self; 6] = [
        Self::UserDisplayName,
        Self::AutoDiscoverSmtpAddress,
        Self::InternalEwsUrl,
        Self::ExternalEwsUrl,
        Self::EwsSupportedSchemas,
        Self::GroupingInformation,
    ];

    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UserDisplayName => "UserDisplayName",
            Self::AutoDiscoverSmtpAddress => "AutoDiscoverSMTPAddress",
            Self::InternalEwsUrl => "InternalEwsUrl",
            Self::ExternalEwsUrl => "ExternalEwsUrl",
            Self::EwsSupportedSchemas => "EwsSupportedSchemas",
            Self::GroupingInformation => "GroupingInformation",
        }
    }
}

/// Which of the two URLs is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UrlChoice {
    /// The one for the company's network.
    Internal,
    /// The one from outside.
    #[default]
    External,
}

impl UrlChoice {
    /// The other one.
    pub const fn other(self) -> Self {
        match self {
            Self::Internal => Self::External,
            Self::External => Self::Internal,
        }
    }
}

/// What is known about a mailbox. What the server did not tell is absent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserSettings {
    /// The name of its owner.
    pub display_name: Option<String>,
    /// Its primary address.
    pub mail_address: Option<String>,
    /// The URL of EWS inside of the company's network.
    pub internal_ews_url: Option<String>,
    /// The URL of EWS from outside.
    pub external_ews_url: Option<String>,
    /// The versions of EWS that the server speaks, of those that are known here.
    pub versions: Vec<ServerVersion>,
    /// Mailboxes that agree in it, and in the URL, may share a stream.
    pub grouping: Option<String>,
    /// Names of settings that the server refused to tell, in its words.
    pub refused: Vec<String>,
}

impl UserSettings {
    /// The URL of EWS by choice.
    pub fn ews_url(&self, choice: UrlChoice) -> Option<&str> {
        match choice {
            UrlChoice::Internal => self.internal_ews_url.as_deref(),
            UrlChoice::External => self.external_ews_url.as_deref(),
        }
    }

    /// The newest version that the server says it speaks.
    pub fn speaks(&self) -> Option<ServerVersion> {
        self.versions.iter().max().copied()
    }

    pub(super) fn set(&mut self, name: &str, value: String) {
        let Some(setting) = Setting::ALL.into_iter().find(|setting| setting.name() == name) else { return };
        let value = value.trim();
        let some = (!value.is_empty()).then(|| value.to_owned());
        match setting {
            Setting::UserDisplayName => self.display_name = some,
            Setting::AutoDiscoverSmtpAddress => self.mail_address = some,
            Setting::InternalEwsUrl => self.internal_ews_url = some,
            Setting::ExternalEwsUrl => self.external_ews_url = some,
            Setting::EwsSupportedSchemas => self.versions = value.split(',').filter_map(ServerVersion::named).collect(),
            Setting::GroupingInformation => self.grouping = some,
        }
    }
}

/// What the server answers for one mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserAnswer {
    /// What it knows.
    Settings(Box<UserSettings>),
    /// Ask again for this address.
    RedirectAddress(String),
    /// Ask again at this URL.
    RedirectUrl(String),
    /// It does not tell: `InvalidUser` (SOAP) and 500 (POX) for an address that it does not know.
    Refused(Failure),
}
