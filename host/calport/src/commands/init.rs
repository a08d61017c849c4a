//! `calport init`: a commented configuration, and the first connection asked for and tested.

use std::collections::BTreeMap;
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;

use calport_config::{Auth, Connection, ConnectionDraft, Endpoint, template, template_for};
use calport_model::Descriptor;
use calport_secrets::Secret;

use crate::cli::{Check, Init};
use crate::exit::{Exit, Failure, Outcome};
use crate::service::secrets::secret_store;

use super::say;

/// Runs the command.
pub async fn run(file: &Path, options: Init) -> Outcome {
    if file.exists() && !options.force {
        return Err(Failure::new(
            Exit::Failed,
            format!("{} is there already; give --force to replace it, or --config to write another", file.display()),
        ));
    }
    std::fs::write(file, template()).map_err(|e| Failure::new(Exit::Failed, format!("{} cannot be written: {e}", file.display())))?;
    say(format!("{} is written, with every key and its default in comments.", file.display()));
    if options.template || !std::io::stdin().is_terminal() {
        say("Add a connection to it, then run `calport check`.");
        return Ok(());
    }
    let loaded = super::load(file, false)?;
    let plugins = super::plugin::descriptors(&loaded.config.host.plugins_dir).await?;
    if plugins.is_empty() {
        say(format!(
            "No connector is in {}. Put .wasm files there, then run `calport init --force` again.",
            loaded.config.host.plugins_dir.display()
        ));
        return Ok(());
    }
    let draft = ask_connection(&plugins)?;
    std::fs::write(file, template_for(std::slice::from_ref(&draft), None))?;
    let loaded = super::load(file, false)?;
    store_secrets(&loaded.config, &draft)?;
    say("\nTesting the connection:");
    super::check::run(file, false, Check { offline: false, pin: false }).await
}

fn ask(question: &str, default: &str) -> Result<String, Failure> {
    let shown = if default.is_empty() { String::new() } else { format!(" [{default}]") };
    print!("{question}{shown}: ");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    if std::io::stdin().lock().read_line(&mut answer)? == 0 {
        return Err(Failure::new(Exit::Failed, "the input ended; the template is written, edit it by hand"));
    }
    let answer = answer.trim();
    Ok(if answer.is_empty() { default.to_owned() } else { answer.to_owned() })
}

fn ask_connection(plugins: &[std::sync::Arc<Descriptor>]) -> Result<ConnectionDraft, Failure> {
    say("\nConnectors:");
    for plugin in plugins {
        say(format!("  {:<16} {}", plugin.name, plugin.display_name));
    }
    let descriptor = loop {
        let name = ask("Which connector for the first connection", plugins.first().map_or("", |p| p.name.as_str()))?;
        match plugins.iter().find(|p| p.name == name) {
            Some(descriptor) => break descriptor,
            None => say(format!("There is no connector `{name}`.")),
        }
    };
    let name = ask("Name of the connection", &descriptor.name)?;
    let mut endpoints = BTreeMap::new();
    for need in descriptor.endpoints.iter().filter(|need| need.required) {
        say(format!("\nEndpoint {}: {}", need.name, need.purpose));
        let url = ask("URL", &need.usual_url)?;
        let auth = ask_auth(&name, need.schemes.first().map_or("none", String::as_str))?;
        let plain_http = url.starts_with("http://");
        endpoints.insert(
            need.name.clone(),
            Endpoint {
                url: Some(url),
                auth,
                allow_addresses: ask_addresses()?,
                plain_http,
                ca_file: None,
                certificate_sha256: Vec::new(),
                proxy: None,
                timeout_s: 120,
                response_mib: None,
            },
        );
    }
    let connection = Connection {
        plugin: descriptor.name.clone(),
        active: true,
        settings: serde_json::Map::new(),
        endpoints,
        discovery: None,
        notify: None,
        poll_s: 300,
        max_subscriptions_per_connection: 200,
        requests_per_second: None,
        trace: calport_config::Trace::default(),
        limits: calport_config::LimitsOverride::default(),
    };
    Ok(ConnectionDraft { name, note: format!("{}, made by `calport init`", descriptor.display_name), connection })
}

fn ask_addresses() -> Result<Vec<String>, Failure> {
    let answer = ask("Non-public addresses it may lead to (none, private, loopback, a network)", "none")?;
    Ok(if answer == "none" { Vec::new() } else { answer.split(',').map(|a| a.trim().to_owned()).collect() })
}

fn ask_auth(connection: &str, usual: &str) -> Result<Auth, Failure> {
    let secret = format!("{connection}-secret");
    loop {
        let scheme = ask("Authentication (oauth2-client-credentials, ntlm, negotiate, fba, digest, basic, bearer, none)", usual)?;
        return Ok(match scheme.as_str() {
            "none" => Auth::None,
            "oauth2-client-credentials" => Auth::Oauth2ClientCredentials {
                token_url: ask("Token URL (with your tenant's id)", "")?,
                client_id: ask("Client id of the application", "")?,
                secret,
                scope: Some(ask("Scope", "")?).filter(|s| !s.is_empty()),
                parameters: BTreeMap::new(),
                style: calport_config::ClientStyle::Form,
            },
            "digest" => Auth::Digest { user: ask("User", "")?, secret },
            "basic" => Auth::Basic { user: ask("User", "")?, secret },
            "ntlm" => Auth::Ntlm { user: ask("User (DOMAIN\\user)", "")?, secret, channel_binding: true },
            "negotiate" => {
                let user = Some(ask("User (none: the service's own identity)", "none")?).filter(|user| user != "none");
                let secret = user.as_ref().map(|_| secret);
                Auth::Negotiate { user, secret, keytab: None, ticket_cache: None, channel_binding: true }
            }
            "fba" => Auth::Fba {
                user: ask("User (DOMAIN\\user)", "")?,
                secret,
                login_url: None,
                fields: BTreeMap::new(),
                names: calport_config::FormNames::default(),
            },
            "bearer" => Auth::Bearer { secret },
            other => {
                say(format!("`{other}` is none of them."));
                continue;
            }
        });
    }
}

fn store_secrets(config: &calport_config::Config, draft: &ConnectionDraft) -> Outcome {
    let store = secret_store(config)?;
    for name in draft.connection.secrets() {
        let value = ask(&format!("Value of the secret \"{name}\" (shown while you type; leave empty to set it later)"), "")?;
        if value.is_empty() {
            say(format!("Set it later: calport secret set {name}"));
        } else {
            store.set(name, Secret::new(value))?;
        }
    }
    Ok(())
}
