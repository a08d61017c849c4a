//! The Graph and EWS simulators on the same mailboxes as a process, for clients in other languages.
//!
//! Prints one JSON line (`url`, `ews_url`, `ews_admin`, `tenant`, `client_id`, `client_secret`, `user`, `password`) and ends when its standard input
//! closes. One optional argument: the version of the server, such as `Exchange2010Sp2`. Everything else goes through the admin doors.

use std::io::Write;

use calport_simulators::{ews, graph};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut config = ews::Config::default();
    if let Some(version) = std::env::args().nth(1) {
        config.version = serde_json::from_value(serde_json::Value::String(version))?;
    }
    let simulator = graph::Simulator::builder().start().await?;
    let endpoint = ews::Simulator::beside(&simulator, config).await?;
    let (tenant, config) = (simulator.config(), endpoint.config());
    let account = config.accounts.first();
    let line = serde_json::json!({
        "url": simulator.base_url(), "ews_url": endpoint.url(), "ews_admin": format!("{}/_admin", endpoint.base_url()),
        "tenant": tenant.tenant, "client_id": tenant.client_id, "client_secret": tenant.client_secret,
        "user": account.map(|a| &a.user), "password": account.map(|a| &a.password),
    });
    println!("{line}");
    std::io::stdout().flush()?;
    tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink())).await??;
    endpoint.stop();
    simulator.stop();
    Ok(())
}
