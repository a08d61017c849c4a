//! `calport sim`: a simulated server to develop a connector against.

use serde_json::json;

use crate::cli::Sim;
use crate::exit::{Exit, Failure, Outcome};

use super::{say, say_json};

/// Runs until it is interrupted.
pub async fn run(json: bool, options: Sim) -> Outcome {
    if !options.listen.ip().is_loopback() {
        return Err(Failure::new(
            Exit::Failed,
            format!("{} is no loopback address: simulated servers have well-known passwords and listen on 127.0.0.1 only", options.listen),
        ));
    }
    let server = calport_simulators::demo::serve(&options.server, options.listen, options.people).await?;
    if json {
        say_json(&json!({ "server": options.server, "about": server.about() }))?;
    } else {
        for (what, value) in server.about() {
            say(format!("{what:<14} {value}"));
        }
        say("Interrupt to end.");
    }
    tokio::signal::ctrl_c().await?;
    Ok(())
}
