//! Imports of the settings of the known products, from a form to what presence then shows.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails says so")]

mod behaviour;
mod documentation;
mod golden;
mod hostile;
mod reports;
mod rows;
mod variants;

use std::path::{Path, PathBuf};

use calport_config::{Config, load_str, render};
use calport_import::{Imported, Preset, Row, Status, import, presets};

/// A product by its name.
fn preset(name: &str) -> &'static Preset {
    presets().unwrap().iter().find(|preset| preset.name == name).unwrap()
}

/// Imports a form of a product.
fn imported(name: &str, form: &str) -> Imported {
    import(preset(name), form.as_bytes()).unwrap()
}

/// The configuration, as the host reads it. Refused: the test fails with the findings.
fn loaded(imported: &Imported) -> Config {
    match load_str(Path::new("calport.toml"), &imported.config) {
        Ok(loaded) => loaded.config,
        Err(found) => panic!("{}\n{}", render(&found, false), imported.config),
    }
}

/// The configuration of a form.
fn config(name: &str, form: &str) -> Config {
    loaded(&imported(name, form))
}

/// The row of a setting.
fn row<'i>(imported: &'i Imported, section: &str, setting: &str) -> &'i Row {
    let wanted = |row: &&Row| row.section.as_deref() == Some(section) && row.setting.as_deref() == Some(setting);
    imported.report.rows.iter().find(wanted).unwrap_or_else(|| panic!("no row [{section}] {setting}"))
}

/// All rows with a status, as `setting: message`.
fn said(imported: &Imported, status: Status) -> Vec<String> {
    let rows = imported.report.rows.iter().filter(|row| row.status == status);
    rows.map(|row| format!("{}: {}", row.setting.as_deref().unwrap_or("-"), row.message)).collect()
}

/// A file of the tree.
fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file)
}

fn read(file: &str) -> String {
    std::fs::read_to_string(path(file)).unwrap_or_default()
}

/// Compares with a file of the tree; with `CALPORT_WRITE_GOLDEN=1` writes it instead.
fn golden(file: &str, text: &str) {
    if std::env::var_os("CALPORT_WRITE_GOLDEN").is_some() {
        std::fs::write(path(file), text).unwrap();
    }
    let wanted = read(file);
    assert!(wanted == text, "{file} is not what comes out now; compare, or write it anew with CALPORT_WRITE_GOLDEN=1:\n{text}");
}
