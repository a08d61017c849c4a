//! The Graph and EWS simulators on the same mailboxes as a process, for clients in other languages.
//!
//! Prints one JSON line and ends when its standard input closes. One optional argument: the version of the server, such as
//! `Exchange2010Sp2`. Everything else goes through the admin doors. The line has:
//!
//! - `url`, `tenant`, `client_id`, `client_secret`: Graph and its token endpoint
//! - `ews_url`, `ews_admin`, `user`, `password`: the service, its admin door, and its account
//! - `autodiscover_url`: the SOAP protocol of Autodiscover
//! - `other_ews_url`, `other_ews_admin`: a second server on the same mailboxes, to which they can be moved
//! - `faithful_proxy`, `fresh_proxy`, `shared_proxy`: the origins of proxies before the service, by the connections that they use

use std::io::Write;

use calport_simulators::ews::proxy::{Mode, Proxy};
use calport_simulators::{ews, graph};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut config = ews::Config::default();
    if let Some(version) = std::env::args().nth(1) {
        config.version = serde_json::from_value(serde_json::Value::String(version))?;
    }
    let simulator = graph::Simulator::builder().start().await?;
    let endpoint = ews::Simulator::beside(&simulator, config).await?;
    let origin = endpoint.base_url();
    let other = ews::Simulator::beside(&simulator, endpoint.config()).await?;
    let before = |mode| Proxy::start(&origin, mode);
    let (faithful, fresh, shared) = (before(Mode::Faithful).await?, before(Mode::Fresh).await?, before(Mode::Shared(2)).await?);
    let (tenant, config) = (simulator.config(), endpoint.config());
    let account = config.accounts.first();
    let line = serde_json::json!({
        "url": simulator.base_url(), "ews_url": endpoint.url(), "ews_admin": format!("{origin}/_admin"),
        "autodiscover_url": format!("{origin}/autodiscover/autodiscover.svc"),
        "other_ews_url": other.url(), "other_ews_admin": format!("{}/_admin", other.base_url()),
        "faithful_proxy": faithful.base_url(), "fresh_proxy": fresh.base_url(), "shared_proxy": shared.base_url(),
        "tenant": tenant.tenant, "client_id": tenant.client_id, "client_secret": tenant.client_secret,
        "user": account.map(|a| &a.user), "password": account.map(|a| &a.password),
    });
    println!("{line}");
    std::io::stdout().flush()?;
    tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink())).await??;
    endpoint.stop();
    other.stop();
    simulator.stop();
    Ok(())
}
