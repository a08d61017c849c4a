//! `calport explain`

use std::path::Path;

use crate::cli::Explain;
use crate::exit::{Exit, Failure, Outcome};
use crate::explain::{Explained, text};

use super::control::{client, failure};
use super::{say, say_json};

/// Runs the command.
pub async fn run(file: &Path, json: bool, options: Explain) -> Outcome {
    let value = client(file, json)?.explain(&options.person, options.at.as_deref()).await.map_err(failure)?;
    if json {
        return say_json(&value);
    }
    let explained: Explained = serde_json::from_value(value).map_err(|error| {
        Failure::new(Exit::Failed, format!("the running service explains in another form ({error}); start it again with this version"))
    })?;
    say(text(&explained));
    Ok(())
}
