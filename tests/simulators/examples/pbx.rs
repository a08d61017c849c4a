//! Runs the PBX simulator until standard input closes. Prints one JSON line with its URLs and the account.
//!
//! Arguments are the names of users; without any: alice, bob, carol, dave.

use std::io;

use calport_simulators::pbx::Simulator;
use serde_json::json;

#[tokio::main]
async fn main() -> io::Result<()> {
    let mut users: Vec<String> = std::env::args().skip(1).collect();
    if users.is_empty() {
        users = ["alice", "bob", "carol", "dave"].map(str::to_owned).to_vec();
    }
    let builder = users.iter().fold(Simulator::builder(), |b, user| b.user(user));
    let pbx = builder.start().await?;
    println!("{}", json!({ "url": pbx.url(), "admin": pbx.admin_url(), "user": "calport", "secret": "calport-secret" }));
    // A thread of its own: standard input has no readiness to wait for.
    tokio::task::spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink())).await??;
    Ok(())
}
