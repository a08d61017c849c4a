//! The id of a subscription as the host keeps it: with the way to where it is known.

use calport_sdk::common::Error;
use calport_sdk::error;

/// Where a subscription is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its mailbox.
    pub mailbox: String,
    /// The mailbox whose name leads there.
    pub anchor: String,
    /// The session whose cookies lead there.
    pub group: String,
}

impl Place {
    /// The id for the host: each part behind its length, so that no part can be taken for another.
    pub fn id(&self, subscription: &str) -> String {
        let parts = [subscription, &self.mailbox, &self.anchor, &self.group];
        parts.iter().map(|part| format!("{}:{part}", part.len())).collect()
    }

    /// The place in an id, and the server's own id.
    ///
    /// # Errors
    /// `invalid` for what was not made by [`Place::id`].
    pub fn read(id: &str) -> Result<(Self, String), Error> {
        let mut rest = id;
        let mut next = || {
            let (length, more) = rest.split_once(':')?;
            let (part, more) = more.split_at_checked(length.parse().ok()?)?;
            rest = more;
            Some(part.to_owned())
        };
        let parts = (next(), next(), next(), next());
        match parts {
            (Some(subscription), Some(mailbox), Some(anchor), Some(group)) if rest.is_empty() => {
                Ok((Self { mailbox, anchor, group }, subscription))
            }
            _ => Err(error::invalid("subscription", "it is not one of this connector's")),
        }
    }
}
