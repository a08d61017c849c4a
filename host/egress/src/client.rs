//! Builds the HTTP client of one endpoint. Endpoints never share a client: address rules, CA and proxy differ, and a kept
//! connection must not serve a request that its rules would refuse.

use std::sync::Arc;
use std::time::Duration;

use calport_secrets::SecretSource;

use crate::certificate::parse_fingerprint;
use crate::dial::Dialer;
use crate::limits::Limits;
use crate::policy::{Endpoint, PrivateCa};
use crate::resolve::{CheckedResolver, Lookup};
use crate::tls::{self, TlsFactory};

/// Kept connections are dropped after this idle time; common servers close theirs after one to two minutes.
const IDLE: Duration = Duration::from_secs(50);

/// The name that goes out as `User-Agent`.
pub(crate) const AGENT: &str = concat!("calport/", env!("CARGO_PKG_VERSION"));

/// What the client shares with the rest of the host.
pub(crate) struct Surroundings<'s> {
    pub(crate) tls: &'s TlsFactory,
    pub(crate) lookup: &'s Arc<dyn Lookup>,
    pub(crate) secrets: &'s dyn SecretSource,
    pub(crate) idle_connections: usize,
}

/// The client and the dialer for connections of our own, or what in the endpoint's configuration prevents them.
pub(crate) fn build(endpoint: &Endpoint, limits: &Limits, around: &Surroundings<'_>) -> Result<(reqwest::Client, Dialer), String> {
    let ca = match &endpoint.ca {
        None => Vec::new(),
        Some(PrivateCa::Pem(pem)) => tls::certificates(pem).map_err(|why| format!("the private CA {why}"))?,
        Some(PrivateCa::File(path)) => {
            let pem = std::fs::read(path).map_err(|error| format!("the private CA {} cannot be read: {error}", path.display()))?;
            tls::certificates(&pem).map_err(|why| format!("the private CA {} {why}", path.display()))?
        }
    };
    if endpoint.origin.is_plain_http() && !endpoint.plain_http {
        return Err("its `url` is http://; use https://, or set plain_http = true and accept that credentials travel readable".to_owned());
    }
    let pins = endpoint.certificate_sha256.iter().map(|text| parse_fingerprint(text)).collect::<Result<Vec<_>, _>>()?;
    let secure = around.tls.config(&ca, &pins, !endpoint.origin.is_plain_http())?;
    let resolver = CheckedResolver {
        lookup: Arc::clone(around.lookup),
        rules: endpoint.allow_addresses.clone().into(),
        proxy: endpoint.proxy.as_ref().and_then(|proxy| proxy.url.host_str()).map(str::to_owned),
    };
    let mut builder = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .dns_resolver(Arc::new(resolver))
        .connect_timeout(limits.connect)
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(around.idle_connections)
        .user_agent(AGENT)
        .tls_backend_preconfigured(secure.clone());
    let mut login = None;
    if let Some(proxy) = &endpoint.proxy {
        if proxy.url.scheme() != "http" || !proxy.url.username().is_empty() || proxy.url.password().is_some() {
            return Err("its proxy must be http://host:port without user; name the user and a secret beside it".to_owned());
        }
        let mut through = reqwest::Proxy::all(proxy.url.clone()).map_err(|_| "its proxy is not a usable URL".to_owned())?;
        if let Some((user, password)) = &proxy.login {
            let password = around.secrets.get(password).map_err(|error| error.to_string())?;
            through = through.basic_auth(user, password.expose());
            login = Some((user.as_str(), password));
        }
        builder = builder.proxy(through);
    }
    let client = builder.build().map_err(|error| format!("the HTTP client cannot be built: {}", crate::chain::innermost(&error)))?;
    let dialer = Dialer::new(secure, login.as_ref().map(|(user, password)| (*user, password.expose())))?;
    Ok((client, dialer))
}
