//! Name resolution with the address check built in: what was checked is what is connected to (FEATURES X02).

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::address::{AddressClass, AddressRule, judge_address};

/// Turns host names into addresses. The host uses the system's resolver; tests bring their own.
pub trait Lookup: Send + Sync {
    /// All addresses of a name.
    ///
    /// # Errors
    /// What the resolver said.
    fn lookup(&self, host: String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>>;
}

/// The system's resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, host: String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect()) })
    }
}

/// Why a name led nowhere; found again inside the HTTP client's error.
#[derive(Debug, Clone)]
pub(crate) enum ResolveError {
    /// Every address of the name is forbidden; the first one.
    Forbidden(IpAddr, AddressClass),
    /// The resolver failed.
    Failed(String),
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forbidden(address, class) => write!(f, "the name leads to {address}, {class}"),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

impl Error for ResolveError {}

/// Resolves and keeps the permitted addresses.
pub(crate) async fn permitted(lookup: &dyn Lookup, host: &str, rules: &[AddressRule]) -> Result<Vec<IpAddr>, ResolveError> {
    let all = lookup.lookup(host.to_owned()).await.map_err(|error| ResolveError::Failed(error.to_string().chars().take(200).collect()))?;
    let mut refused = None;
    let mut good = Vec::new();
    for address in all {
        match judge_address(address, rules) {
            Ok(()) => good.push(address),
            Err(class) => refused = refused.or(Some(ResolveError::Forbidden(address, class))),
        }
    }
    match (good.is_empty(), refused) {
        (false, _) => Ok(good),
        (true, Some(refused)) => Err(refused),
        (true, None) => Err(ResolveError::Failed("the name has no address".to_owned())),
    }
}

/// The resolver of one endpoint's HTTP client.
pub(crate) struct CheckedResolver {
    pub(crate) lookup: Arc<dyn Lookup>,
    pub(crate) rules: Arc<[AddressRule]>,
    /// The administrator's proxy, which usually has a private address and is reached whatever its address.
    pub(crate) proxy: Option<String>,
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (lookup, rules) = (Arc::clone(&self.lookup), Arc::clone(&self.rules));
        let is_proxy = self.proxy.as_deref() == Some(name.as_str());
        Box::pin(async move {
            let addresses = if is_proxy {
                lookup.lookup(name.as_str().to_owned()).await.map_err(|error| ResolveError::Failed(error.to_string()))?
            } else {
                permitted(&*lookup, name.as_str(), &rules).await?
            };
            let sockets: Addrs = Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(sockets)
        })
    }
}
