//! The Graph simulator as a process, for clients in other languages.
//!
//! Prints one JSON line (`url`, `tenant`, `client_id`, `client_secret`) and ends when its standard input closes. One optional argument:
//! the address to listen on (loopback). Everything else goes through the admin door.

use std::io::Write;

use calport_simulators::graph::{Config, Simulator};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut config = Config::default();
    if let Some(listen) = std::env::args().nth(1) {
        config.listen = listen.parse()?;
    }
    let simulator = Simulator::builder().config(config).start().await?;
    let config = simulator.config();
    let line = serde_json::json!({
        "url": simulator.base_url(), "tenant": config.tenant, "client_id": config.client_id, "client_secret": config.client_secret,
    });
    println!("{line}");
    std::io::stdout().flush()?;
    tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink())).await??;
    simulator.stop();
    Ok(())
}
