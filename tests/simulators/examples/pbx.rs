//! Runs the PBX simulator until standard input closes. Prints one JSON line with its URLs and accounts: Calport's,
//! and `other`, that of a program which sets presence, too.
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
    let accounts = Simulator::builder().account("calport", "calport-secret", &["all"], &["all"]);
    let builder = users.iter().fold(accounts.account("reception", "reception-secret", &[], &["call"]), |b, user| b.user(user));
    let pbx = builder.start().await?;
    let other = json!({ "user": "reception", "secret": "reception-secret" });
    let account = json!({ "url": pbx.url(), "admin": pbx.admin_url(), "user": "calport", "secret": "calport-secret", "other": other });
    println!("{account}");
    // A thread of its own: standard input has no readiness to wait for.
    tokio::task::spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink())).await??;
    Ok(())
}
