//! What an operation works with: the mailboxes, who asks and as whom, the version, the zone.

use jiff::Timestamp;

use super::auth::Identity;
use super::config::Config;
use super::ids::FolderKey;
use super::soap::{Fault, Trouble};
use super::store::Store;
use super::version::Version;
use super::xml::Element;
use crate::graph::state::{Mailbox, State};
use crate::graph::zones::Zone;

/// Everything an operation may read and change. Nothing else runs while it does.
pub(crate) struct Context<'a> {
    /// The mailboxes that Graph shows too.
    pub state: &'a mut State,
    /// What only EWS shows.
    pub store: &'a mut Store,
    pub config: &'a Config,
    pub identity: Identity,
    /// The mailbox acted as: the impersonated one or the account's own.
    pub own: Option<u32>,
    /// The older of what the server is and what the request asked for.
    pub version: Version,
    /// `TimeZoneContext` of the request.
    pub zone: Option<Zone>,
    pub now: Timestamp,
    /// The machine behind the load balancer that carries it out.
    pub machine: u16,
}

impl Context<'_> {
    /// A mailbox that the caller may open.
    ///
    /// # Errors
    /// `ErrorAccessDenied` or `ErrorNonExistentMailbox`.
    pub fn open(&self, index: u32) -> Result<&Mailbox, Trouble> {
        let mailbox = self.state.mailboxes.get(index as usize).filter(|m| m.user.mailbox).ok_or_else(non_existent)?;
        let allowed = self.own == Some(index) || (self.identity.everywhere() && self.own.is_none_or(|own| !self.impersonates(own)));
        if !allowed || mailbox.denied {
            return Err(Trouble::access_denied());
        }
        if self.config.moved.iter().any(|n| mailbox.user.names().contains(&n.to_lowercase())) {
            return Err(super::fault::trouble("ErrorMailboxMoveInProgress"));
        }
        if self.config.elsewhere(&mailbox.user.names()).is_some() {
            return Err(super::fault::trouble("ErrorProxyRequestNotAllowed"));
        }
        Ok(mailbox)
    }

    /// Whether `own` came from the impersonation header: then the caller has that mailbox's rights only.
    fn impersonates(&self, own: u32) -> bool {
        match &self.identity {
            Identity::App => true,
            Identity::Account { user, .. } => self.state.user(user).map(|(i, _)| i).ok() != Some(own),
        }
    }

    /// The mailbox acted as.
    ///
    /// # Errors
    /// `ErrorMissingEmailAddress` for an identity without a mailbox.
    pub fn own(&self) -> Result<u32, Trouble> {
        self.own.ok_or_else(|| Trouble::new("ErrorMissingEmailAddress", "When making a request as an account that does not have a mailbox, you must specify the mailbox primary SMTP address for any distinguished folder Ids."))
    }

    /// The mailbox with an address, if the caller may open it.
    ///
    /// # Errors
    /// As [`Context::open`].
    pub fn open_address(&self, address: &str) -> Result<u32, Trouble> {
        let index = self.state.user(address).map(|(i, _)| i).map_err(|_| non_existent())?;
        self.open(index)?;
        Ok(index)
    }

    /// The folder that a `FolderId` or `DistinguishedFolderId` names, in a mailbox the caller may open.
    ///
    /// # Errors
    /// `ErrorFolderNotFound`, `ErrorInvalidIdMalformed`, or as [`Context::open`].
    pub fn folder(&mut self, id: &Element) -> Result<(u32, FolderKey), Trouble> {
        let word = id.attribute("Id").ok_or_else(Trouble::bad_id)?;
        if id.local() == "DistinguishedFolderId" {
            let index = match id.at(&["Mailbox", "EmailAddress"]) {
                Some(address) => self.open_address(address.text.trim())?,
                None => self.own()?,
            };
            self.open(index)?;
            if word == "calendar" {
                return Ok((index, FolderKey::Calendar(0)));
            }
            let number = self.store.shelf(index).distinguished(word).ok_or_else(Trouble::folder_not_found)?;
            return Ok((index, FolderKey::Other(number)));
        }
        let (index, folder) = super::ids::read_folder(word)?;
        let mailbox = self.open(index)?;
        let there = match folder {
            FolderKey::Calendar(n) => mailbox.calendars.get(n as usize).is_some_and(|c| !c.gone),
            FolderKey::Other(n) => self.store.shelf(index).folder(n).is_some(),
        };
        if there { Ok((index, folder)) } else { Err(Trouble::folder_not_found()) }
    }

    /// The name the shared state's functions take for a mailbox.
    pub fn name(&self, index: u32) -> String {
        self.state.mailboxes.get(index as usize).map(|m| m.user.id.clone()).unwrap_or_default()
    }
}

/// Nobody has that address.
pub(crate) fn non_existent() -> Trouble {
    Trouble::new("ErrorNonExistentMailbox", "The SMTP address has no mailbox associated with it.")
}

/// The mailbox a request acts as.
///
/// # Errors
/// The faults of impersonation.
pub(crate) fn acts_as(state: &State, identity: &Identity, header: Option<&Element>) -> Result<Option<u32>, Fault> {
    let Some(sid) = header.and_then(|h| h.at(&["ExchangeImpersonation", "ConnectingSID"])) else {
        return match identity {
            Identity::App => Err(Fault::new(
                "ErrorImpersonationFailed",
                "ExchangeImpersonation SOAP header must be present for this type of OAuth token.",
            )),
            Identity::Account { user, .. } => Ok(state.user(user).ok().filter(|(_, m)| m.user.mailbox).map(|(i, _)| i)),
        };
    };
    let invalid = || Fault::new("ErrorInvalidExchangeImpersonationHeaderData", "ExchangeImpersonation SOAP header is not valid.");
    let by = sid.children.first().filter(|c| ["PrincipalName", "PrimarySmtpAddress", "SmtpAddress"].contains(&c.local()));
    let name = by.map(|c| c.text.trim().to_lowercase()).filter(|n| !n.is_empty()).ok_or_else(invalid)?;
    let (index, mailbox) = state.user(&name).map_err(|_| non_existent())?;
    let primary = mailbox.user.owner().1.to_lowercase();
    if !mailbox.user.mailbox || (by.is_some_and(|c| c.local() == "PrimarySmtpAddress") && primary != name) {
        return Err(non_existent().into());
    }
    if mailbox.denied || !identity.everywhere() {
        return Err(super::fault::trouble("ErrorImpersonateUserDenied").into());
    }
    Ok(Some(index))
}
