//! `calport plugin`: what is in the connectors' directory, and what a file says of itself.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use calport_model::{Descriptor, SystemClock};
use calport_runtime::{ChildProcess, Compiler, InProcess, Plugin as Loaded, Runtime, RuntimeConfig};
use serde_json::{Value, json};

use crate::cli::Plugin;
use crate::exit::{Exit, Failure, Outcome};

use super::{extend, load, say, say_json};

/// A runtime for looking at files; its cache goes away with it.
fn runtime(cache: &Path) -> Result<Arc<Runtime>, Failure> {
    let compiler: Arc<dyn Compiler> = match std::env::current_exe() {
        Ok(program) => Arc::new(ChildProcess { program, arguments: vec!["plugin".to_owned(), "precompile".to_owned()] }),
        Err(_) => Arc::new(InProcess),
    };
    Ok(Runtime::new(RuntimeConfig { cache: cache.to_owned(), compiler, clock: Arc::new(SystemClock) })?)
}

/// Runs the command.
pub async fn run(config: &Path, json: bool, command: Plugin) -> Outcome {
    match command {
        Plugin::List { directory } => list(config, json, directory).await,
        Plugin::Inspect { file } => inspect(json, &file).await,
        Plugin::Precompile { .. } => Ok(()),
    }
}

async fn list(config: &Path, json: bool, directory: Option<PathBuf>) -> Outcome {
    let (directory, cache, _held) = match directory {
        Some(directory) => {
            let held = tempfile::tempdir()?;
            (directory, held.path().to_owned(), Some(held))
        }
        None => {
            let loaded = load(config, json)?;
            (loaded.config.host.plugins_dir.clone(), loaded.config.cache_dir(), None)
        }
    };
    let runtime = runtime(&cache)?;
    let mut files: Vec<PathBuf> = std::fs::read_dir(&directory)
        .map_err(|e| Failure::new(Exit::Failed, format!("the connectors' directory {} cannot be read: {e}", directory.display())))?
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "wasm"))
        .collect();
    files.sort();
    let mut rows = Vec::new();
    for file in files {
        let name = file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        match runtime.load(&file).await {
            Ok(plugin) => rows.push(row(&plugin)),
            Err(error) => rows.push(json!({ "file": name, "refused": error.to_string() })),
        }
    }
    if json {
        return say_json(&json!({ "directory": directory, "plugins": rows }));
    }
    if rows.is_empty() {
        say(format!("No connector (.wasm) is in {}.", directory.display()));
    }
    for row in rows {
        let get = |key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        match row.get("refused").and_then(Value::as_str) {
            Some(reason) => say(format!("{:<24} REFUSED {reason}", get("file"))),
            None => say(format!("{:<24} {:<16} {:<8} {}", get("file"), get("name"), get("version"), get("display_name"))),
        }
    }
    Ok(())
}

fn row(plugin: &Loaded) -> Value {
    let descriptor = plugin.descriptor();
    json!({
        "file": plugin.file,
        "name": descriptor.name,
        "display_name": descriptor.display_name,
        "version": descriptor.version,
        "capabilities": capabilities(&descriptor),
        "sha256": plugin.sha256,
        "size": plugin.size,
        "load_ms": plugin.load_time.as_millis() as u64,
    })
}

fn capabilities(descriptor: &Descriptor) -> Vec<&'static str> {
    descriptor.capabilities.iter().map(|c| c.as_str()).collect()
}

async fn inspect(json: bool, file: &Path) -> Outcome {
    let cache = tempfile::tempdir()?;
    let plugin = runtime(cache.path())?.load(file).await?;
    let descriptor = plugin.descriptor();
    let schema: Value = serde_json::from_str(&descriptor.settings_schema).unwrap_or_default();
    if json {
        let endpoints: Vec<Value> = descriptor
            .endpoints
            .iter()
            .map(
                |e| json!({ "name": e.name, "purpose": e.purpose, "usual_url": e.usual_url, "schemes": e.schemes, "required": e.required }),
            )
            .collect();
        let permissions: Vec<Value> = descriptor
            .permissions
            .iter()
            .map(|p| json!({ "name": p.name, "needed_for": p.needed_for, "required": p.required, "alternatives": p.alternatives }))
            .collect();
        let mut value = row(&plugin);
        extend(&mut value, [("settings_schema", schema), ("endpoints", json!(endpoints)), ("permissions", json!(permissions))]);
        return say_json(&value);
    }
    say(format!("{} {} ({})", descriptor.display_name, descriptor.version, descriptor.name));
    say(format!("  file          {} · {} kB · loaded in {} ms", plugin.file, plugin.size / 1024, plugin.load_time.as_millis()));
    say(format!("  sha256        {}", plugin.sha256));
    say(format!("  capabilities  {}", capabilities(&descriptor).join(", ")));
    for endpoint in &descriptor.endpoints {
        let needed = if endpoint.required { "required" } else { "optional" };
        let usual = if endpoint.usual_url.is_empty() { String::new() } else { format!("; usually {}", endpoint.usual_url) };
        say(format!(
            "  endpoint      {} ({needed}): {}{usual}; authentication: {}",
            endpoint.name,
            endpoint.purpose,
            endpoint.schemes.join(", ")
        ));
    }
    for permission in &descriptor.permissions {
        let other =
            if permission.alternatives.is_empty() { String::new() } else { format!(" (or {})", permission.alternatives.join(", ")) };
        say(format!("  permission    {}{other} for {}", permission.name, permission.needed_for));
    }
    settings(&schema);
    Ok(())
}

/// The settings in words: name, default, what for. The whole schema is in `--json`.
fn settings(schema: &Value) {
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, property) in properties.into_iter().flatten() {
        let default = property.get("default").map_or_else(String::new, |d| format!(" (default {d})"));
        let about = property.get("description").and_then(Value::as_str).unwrap_or_default().replace('\n', " ");
        say(format!("  setting       {name}{default}: {about}"));
    }
    if properties.is_none_or(serde_json::Map::is_empty) {
        say("  settings      none");
    }
}

/// What the connectors of a directory say of themselves; those that cannot be used are left out.
pub async fn descriptors(directory: &Path) -> Result<Vec<Arc<Descriptor>>, Failure> {
    let held = tempfile::tempdir()?;
    let runtime = runtime(held.path())?;
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(directory) else { return Ok(found) };
    for path in entries.filter_map(|entry| entry.ok().map(|e| e.path())).filter(|p| p.extension().is_some_and(|e| e == "wasm")) {
        if let Ok(plugin) = runtime.load(&path).await {
            found.push(plugin.descriptor());
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}
