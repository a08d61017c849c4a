//! Authentication schemes. A scheme owns the whole conversation of one request: it may send, look at the challenge, and send again.
//!
//! Schemes that log in a connection (NTLM, Negotiate) use connections of their own, [`Wire::speak`], instead of [`Wire::fire`],
//! and give back the same [`Answer`]; so limits, throttling and the trace are the same for all.

mod attempts;
mod bound;
mod challenge;
mod digest;
mod fixed;
mod form;
mod kerberos;
mod negotiate;
mod ntlm;
mod oauth;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use calport_secrets::{Secret, SecretSource};
use http::HeaderName;
use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;
use url::Url;

use crate::error::EgressError;
use crate::redact::Scrubber;
use crate::wire::{Call, Reply, Wire};

/// How an endpoint's credential is used. Secrets appear by name only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// No credential.
    None,
    /// OAuth 2.0 client credentials with a client secret.
    OAuth2ClientCredentials {
        /// The token server's address.
        token_url: Url,
        /// The application's id.
        client_id: String,
        /// Name of the secret.
        client_secret: String,
        /// Scopes, separated by blanks; empty: the parameter is left out.
        scope: String,
        /// Further parameters of the token request, for instance `audience`.
        parameters: Vec<(String, String)>,
        /// Where the token server expects the client's id and secret.
        style: ClientStyle,
    },
    /// A fixed bearer token.
    Bearer {
        /// Name of the secret.
        token: String,
    },
    /// HTTP Basic.
    Basic {
        /// The user; may not contain a colon.
        user: String,
        /// Name of the secret with the password.
        password: String,
    },
    /// HTTP Digest with MD5 or SHA-256; the strongest offered is used.
    Digest {
        /// The user.
        user: String,
        /// Name of the secret with the password.
        password: String,
    },
    /// NTLM, version 2 only, over HTTP/1.1 connections that belong to this credential.
    Ntlm {
        /// The user: `DOMAIN\user` with the domain's NetBIOS or DNS name, or `user@domain`.
        user: String,
        /// Name of the secret with the password.
        password: String,
        /// Ties each login to its TLS connection. Off only where something in front of the server ends TLS with another
        /// certificate than the server's own.
        channel_binding: bool,
    },
    /// Kerberos by the system's library; NTLM where that is not possible and there is a password.
    Negotiate {
        /// The user; `None`: the service's own identity.
        user: Option<String>,
        /// Name of the secret with the user's password.
        password: Option<String>,
        /// A keytab with the client's keys.
        keytab: Option<PathBuf>,
        /// A ticket cache that something else keeps filled, as Kerberos writes it (`FILE:/path`).
        ticket_cache: Option<String>,
        /// As for NTLM.
        channel_binding: bool,
    },
    /// User and password go to a login form once; its cookies prove the rest.
    Form {
        /// The user as people type it.
        user: String,
        /// Name of the secret with the password.
        password: String,
        /// Where the form is sent, on the endpoint's server; `None`: the usual place there.
        login_url: Option<Url>,
        /// Fields beside or instead of the usual ones.
        fields: Vec<(String, String)>,
        /// The form's name for the user.
        user_field: String,
        /// The form's name for the password.
        password_field: String,
    },
    /// A key in a header of its own.
    ApiKey {
        /// The header.
        header: HeaderName,
        /// Put before the key, for instance `Token `; may be empty.
        prefix: String,
        /// Name of the secret.
        key: String,
    },
}

/// How a client proves itself to the token server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientStyle {
    /// Id and secret as form parameters.
    #[default]
    Form,
    /// Id and secret by HTTP Basic.
    Basic,
}

impl Auth {
    /// The header that carries the credential, besides `Authorization`, and is therefore the host's.
    pub(crate) fn header_name(&self) -> Option<HeaderName> {
        match self {
            Self::ApiKey { header, .. } => Some(header.clone()),
            _ => None,
        }
    }

    /// Builds the scheme; refuses what can never work.
    pub(crate) fn scheme(&self, vault: &Vault) -> Result<Box<dyn Scheme>, String> {
        match self {
            Self::Basic { user, .. } if user.contains(':') => {
                Err("the user of Basic authentication may not contain a colon; use another scheme or user".to_owned())
            }
            Self::OAuth2ClientCredentials { token_url, .. } if !matches!(token_url.scheme(), "https" | "http") => {
                Err("the token address must be an https URL".to_owned())
            }
            Self::OAuth2ClientCredentials { .. } => Ok(Box::new(oauth::OAuth::new(self.clone(), vault.clone()))),
            Self::Ntlm { user, password, channel_binding } => {
                Ok(Box::new(bound::Bound::new(user.clone(), password.clone(), *channel_binding, vault.clone())?))
            }
            Self::Negotiate { .. } => Ok(Box::new(negotiate::Negotiate::new(self, vault.clone())?)),
            Self::Form { .. } => Ok(Box::new(form::Form::new(self.clone(), vault.clone()))),
            Self::Digest { user, password } => Ok(Box::new(digest::Digest::new(user.clone(), password.clone(), vault.clone()))),
            fixed => Ok(Box::new(fixed::Fixed::new(fixed.clone(), vault.clone()))),
        }
    }
}

/// Reads secrets by name and remembers them for redaction.
#[derive(Clone)]
pub(crate) struct Vault {
    pub(crate) endpoint: String,
    pub(crate) secrets: Arc<dyn SecretSource>,
    pub(crate) scrubber: Arc<Scrubber>,
}

impl Vault {
    pub(crate) fn get(&self, name: &str) -> Result<Secret, EgressError> {
        let secret = self.secrets.get(name).map_err(|source| EgressError::Secret { endpoint: self.endpoint.clone(), source })?;
        self.scrubber.note(&secret);
        Ok(secret)
    }

    /// Remembers a derived secret, such as a token.
    pub(crate) fn note(&self, secret: &Secret) {
        self.scrubber.note(secret);
    }
}

/// A session that this request has to itself until its answer was read. Taken before a request slot, so that requests that
/// wait for a session do not fill the slots of the others.
pub(crate) enum Turn {
    /// The scheme has no sessions.
    Free,
    /// A digest session.
    Digest(OwnedMutexGuard<digest::Session>),
}

/// The answer after authentication.
pub(crate) struct Answer {
    pub(crate) reply: Reply,
    pub(crate) turn: Turn,
}

/// One authentication scheme with its state.
#[async_trait]
pub(crate) trait Scheme: Send + Sync {
    /// Waits for the request's session.
    async fn turn(&self, _wire: &Wire, _call: &Call) -> Result<Turn, EgressError> {
        Ok(Turn::Free)
    }

    /// Sends the request and answers challenges. A request is repeated only after the server refused it with a challenge.
    async fn converse(&self, wire: &Wire, call: &Call, turn: Turn) -> Result<Answer, EgressError>;

    /// Whether requests of one session share cookies. Not where the session is something else already.
    fn shares_cookies(&self) -> bool {
        true
    }

    /// The permissions named inside the current token, if the scheme has a token that can be read.
    async fn roles(&self, _wire: &Wire, _deadline: Instant) -> Result<Option<Vec<String>>, EgressError> {
        Ok(None)
    }
}
