//! The documentation's table of a product: every setting and what it becomes.

use std::fmt::Write as _;

use crate::preset::{Connector, Outcome, Preset, Setting};
use crate::report::Status;
use crate::value::Kind;

/// The table in Markdown.
pub fn table(preset: &Preset) -> String {
    let mut text = String::from("| part | setting | what becomes of it |\n|---|---|---|\n");
    for setting in &preset.settings {
        let section = preset.section(&setting.section).map_or("", |section| section.title.as_str());
        let extra = if setting.extra { " (added)" } else { "" };
        // Writing to a string cannot fail; the results say so.
        let _ = writeln!(text, "| {} | {}{extra} | {} |", cell(section), cell(&setting.name), cell(&becomes(preset, setting)));
    }
    for behaviour in &preset.behaviours {
        let keys = keys(behaviour.keys.iter().map(String::as_str));
        let say = format!("{}.", behaviour.say);
        let joined: Vec<&str> = [keys.as_str(), say.as_str()].into_iter().filter(|part| !part.is_empty()).collect();
        let _ = writeln!(text, "| without a setting | {} | {} |", cell(&behaviour.name), cell(&joined.join(": ")));
    }
    text
}

fn becomes(preset: &Preset, setting: &Setting) -> String {
    let section = preset.section(&setting.section);
    let belongs = |connector: &&Connector| section.is_none_or(|s| s.connectors.is_empty() || s.connectors.contains(&connector.id));
    let said: Vec<(&Connector, String)> = preset
        .connectors
        .iter()
        .filter(belongs)
        .map(|connector| (connector, outcome(setting, setting.outcome(&connector.id), connector)))
        .collect();
    // What holds for all kinds of connection that there is a connector for needs no name before it.
    let usable: Vec<&String> = said.iter().filter(|(connector, _)| connector.missing.is_empty()).map(|(_, said)| said).collect();
    let usual = usable.first().copied().filter(|first| usable.iter().all(|said| said == first)).or(match said.as_slice() {
        [(_, only)] => Some(only),
        _ => None,
    });
    let others = said.iter().filter(|(_, said)| Some(said) != usual).map(|(connector, said)| format!("{}: {said}", connector.title));
    usual.into_iter().cloned().chain(others).collect::<Vec<_>>().join(" ")
}

fn outcome(setting: &Setting, outcome: &Outcome, connector: &Connector) -> String {
    if outcome.needs_connection() && !connector.missing.is_empty() {
        return "by hand.".to_owned();
    }
    let of_choices = setting.choices.iter().flat_map(|choice| &choice.set).map(|assignment| assignment.key.as_str());
    let mut seen: Vec<&str> = Vec::new();
    let raised = outcome.raise.iter().map(|raise| raise.key.as_str());
    let templates = outcome.template.iter().map(|template| template.key.as_str());
    for key in outcome.all_keys().chain(of_choices).chain(raised).chain(templates) {
        if !seen.contains(&key) {
            seen.push(key);
        }
    }
    let keys = keys(seen.into_iter());
    let status = match (setting.kind, &outcome.secret, outcome.status) {
        (Kind::Secret, Some(name), _) => format!("`calport secret set {}`", fill(name)),
        (_, _, Some(status)) if keys.is_empty() => status.title().to_owned(),
        _ if keys.is_empty() => if setting.kind == Kind::Secret { Status::NotNeeded } else { Status::Different }.title().to_owned(),
        _ => keys,
    };
    let say = if outcome.say.is_empty() { String::new() } else { format!(": {}", fill(&outcome.say)) };
    let end = if say.ends_with('.') { "" } else { "." };
    format!("{status}{say}{end}")
}

fn keys<'k>(keys: impl Iterator<Item = &'k str>) -> String {
    keys.map(|key| format!("`{}`", fill(key))).collect::<Vec<_>>().join(", ")
}

/// Keys and names as they are with one connection.
fn fill(text: &str) -> String {
    text.replace("CALENDAR", "calendar").replace("flows.FLOW", "flows").replace("FLOW", "presence").replace("RULES", "default")
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
