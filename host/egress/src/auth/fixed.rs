//! Schemes that put the same header on every request: none, bearer, Basic, API key.

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use calport_secrets::Secret;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};

use super::{Answer, Auth, Scheme, Turn, Vault};
use crate::error::EgressError;
use crate::wire::{Call, Wire};

pub(super) struct Fixed {
    auth: Auth,
    vault: Vault,
}

impl Fixed {
    pub(super) fn new(auth: Auth, vault: Vault) -> Self {
        Self { auth, vault }
    }

    fn credential(&self) -> Result<Option<(HeaderName, Secret)>, EgressError> {
        Ok(match &self.auth {
            Auth::Bearer { token } => Some((AUTHORIZATION, Secret::new(format!("Bearer {}", self.vault.get(token)?.expose())))),
            Auth::Basic { user, password } => {
                let encoded = basic(user, &self.vault.get(password)?);
                self.vault.note(&encoded);
                Some((AUTHORIZATION, Secret::new(format!("Basic {}", encoded.expose()))))
            }
            Auth::ApiKey { header, prefix, key } => {
                Some((header.clone(), Secret::new(format!("{prefix}{}", self.vault.get(key)?.expose()))))
            }
            _ => None,
        })
    }
}

/// `user:password` in base64, both as UTF-8.
pub(super) fn basic(user: &str, password: &Secret) -> Secret {
    let pair = Secret::new(format!("{user}:{}", password.expose()));
    Secret::new(STANDARD.encode(pair.expose()))
}

/// A header value from a secret; a secret with line breaks or control characters cannot be one.
pub(super) fn header_value(wire: &Wire, secret: &Secret) -> Result<HeaderValue, EgressError> {
    let mut value = HeaderValue::from_bytes(secret.expose().as_bytes())
        .map_err(|_| wire.setup("the secret holds a line break or control character; set it again without"))?;
    value.set_sensitive(true);
    Ok(value)
}

#[async_trait]
impl Scheme for Fixed {
    async fn converse(&self, wire: &Wire, call: &Call, turn: Turn) -> Result<Answer, EgressError> {
        let credential = match self.credential()? {
            Some((name, secret)) => Some((name, header_value(wire, &secret)?)),
            None => None,
        };
        Ok(Answer { reply: wire.fire(call, credential).await?, turn })
    }
}
