//! `calport secret`: the encrypted file (FEATURES R04). A value is read from standard input, never from an argument.

use std::io::{IsTerminal as _, Read as _};
use std::path::Path;

use calport_secrets::{Secret as Value, SecretStore};
use serde_json::json;

use crate::cli::Secret;
use crate::exit::{Exit, Failure, Outcome};
use crate::service::secrets::secret_store;

use super::{load, say, say_json};

/// The longest secret that is read: certificates with keys are a few KiB.
const LONGEST: u64 = 64 * 1024;

/// Runs the command.
pub fn run(config: &Path, json: bool, command: Secret) -> Outcome {
    let loaded = load(config, json)?;
    let store = secret_store(&loaded.config)?;
    match command {
        Secret::Set { name } => set(&store, &name, json),
        Secret::List => list(&store, &loaded.config, json),
        Secret::Remove { name } => {
            store.remove(&name)?;
            done(json, "removed", &name, "is removed from the encrypted file")
        }
        Secret::Rekey => {
            store.rekey()?;
            if json {
                return say_json(&json!({ "rekeyed": true }));
            }
            say("The encrypted file has a new key. Keep a copy of the identity file outside of the backups of the data directory.");
            Ok(())
        }
    }
}

fn done(json: bool, what: &str, name: &str, text: &str) -> Outcome {
    if json {
        return say_json(&json!({ what: name }));
    }
    say(format!("Secret \"{name}\" {text}."));
    Ok(())
}

fn set(store: &SecretStore, name: &str, json: bool) -> Outcome {
    if std::io::stdin().is_terminal() {
        eprintln!("Type the secret \"{name}\" and end with Enter (it is shown while you type; pipe it in to avoid that):");
    }
    let mut value = String::new();
    if std::io::stdin().is_terminal() {
        std::io::stdin().read_line(&mut value)?;
    } else {
        std::io::stdin().take(LONGEST + 1).read_to_string(&mut value)?;
    }
    let end = value.trim_end_matches(['\r', '\n']).len();
    value.truncate(end);
    if value.is_empty() {
        return Err(Failure::new(
            Exit::Failed,
            format!("nothing came on standard input; pipe the value in: printf %s \"$VALUE\" | calport secret set {name}"),
        ));
    }
    store.set(name, Value::new(value))?;
    done(json, "set", name, "is stored")
}

fn list(store: &SecretStore, config: &calport_config::Config, json: bool) -> Outcome {
    let listed = store.list()?;
    let used = config.secrets_in_use();
    let missing: Vec<&str> = used.keys().filter(|name| !listed.iter().any(|l| l.name == **name)).copied().collect();
    if json {
        let rows: Vec<_> = listed
            .iter()
            .map(|l| json!({ "name": l.name, "source": l.source.as_str(), "shadowed": l.shadowed, "used_by": used.get(l.name.as_str()) }))
            .collect();
        return say_json(&json!({ "secrets": rows, "missing": missing }));
    }
    for one in &listed {
        let users = used.get(one.name.as_str()).map_or_else(|| "not used".to_owned(), |u| format!("used by {}", u.join(", ")));
        let shadowed = if one.shadowed { " (an earlier source wins)" } else { "" };
        say(format!("{:<32} {:<20} {users}{shadowed}", one.name, one.source.as_str()));
    }
    for name in missing {
        say(format!("{name:<32} {:<20} needed; store it with: calport secret set {name}", "MISSING"));
    }
    Ok(())
}
