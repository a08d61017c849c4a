//! `calport config import`: the settings of another product become a configuration, with a report of each.
//!
//! Reaches nothing and starts nothing. The written file has been through the same check as any other; a file that is there is
//! replaced only with `--force`.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::Path;

use calport_import::{Preset, empty_form, import, presets};
use serde_json::json;

use crate::cli::Import;
use crate::exit::{Exit, Failure, Outcome};

use super::{say, say_json};

/// As much of a file as is read: a little more than the importer takes, so that it can refuse the rest.
const MOST_BYTES: u64 = 5 << 20;

/// The name of the configuration in messages when it goes to standard output.
const UNNAMED: &str = "calport.toml";

/// Runs the command.
pub fn run(json: bool, options: &Import) -> Outcome {
    let preset = preset(&options.from)?;
    match &options.file {
        Some(file) if !options.form => convert(json, preset, file, options),
        _ => form(json, preset),
    }
}

fn preset(name: &str) -> Result<&'static Preset, Failure> {
    let all = presets().map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
    all.iter().find(|preset| preset.name == name).ok_or_else(|| {
        Failure::new(Exit::Failed, format!("there is no product `{name}`; known here: {}", calport_import::names().join(", ")))
    })
}

fn form(json: bool, preset: &Preset) -> Outcome {
    let text = empty_form(preset);
    if json {
        return say_json(&json!({ "from": preset.name, "title": preset.title, "form": text }));
    }
    say(text.trim_end());
    Ok(())
}

fn convert(json: bool, preset: &Preset, file: &Path, options: &Import) -> Outcome {
    let imported = import(preset, &read(file)?).map_err(|error| Failure::new(Exit::Failed, format!("{}: {error}", file.display())))?;
    let target = options.out.as_deref().unwrap_or(Path::new(UNNAMED));
    if let Err(diagnostics) = calport_config::load_str(target, &imported.config) {
        let found = calport_config::render(&diagnostics, false);
        return Err(Failure::new(
            Exit::Failed,
            format!("the configuration that came out is refused, and nothing is written; report this:\n{found}"),
        ));
    }
    if let Some(out) = &options.out {
        write(out, &imported.config, options.force)?;
    }
    if json {
        let config = options.out.is_none().then_some(&imported.config);
        say_json(&json!({ "out": options.out, "config": config, "report": imported.report }))?;
    } else {
        if options.out.is_none() {
            say(imported.config.trim_end());
        }
        eprintln!("{}", imported.report.text().trim_end());
        if let Some(out) = &options.out {
            eprintln!("{} is written.", out.display());
        }
    }
    if imported.report.has_problems() { Err(Failure::said(Exit::Problems)) } else { Ok(()) }
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    std::fs::File::open(file)
        .and_then(|open| open.take(MOST_BYTES).read_to_end(&mut bytes))
        .map_err(|error| Failure::new(Exit::Failed, format!("{} cannot be read: {error}; give a filled form", file.display())))?;
    Ok(bytes)
}

fn write(out: &Path, text: &str, force: bool) -> Outcome {
    let opened = OpenOptions::new().write(true).create(true).truncate(true).create_new(!force).open(out);
    let written = opened.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(|error| {
        let message = match error.kind() {
            ErrorKind::AlreadyExists => format!("{} is there already; give --force to replace it, or another --out", out.display()),
            _ => format!("{} cannot be written: {error}", out.display()),
        };
        Failure::new(Exit::Failed, message)
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command, Config};

    fn options(arguments: &[&str]) -> Result<Import, clap::Error> {
        let cli = Cli::try_parse_from([&["calport", "config", "import"], arguments].concat())?;
        match cli.command {
            Command::Config(Config::Import(options)) => Ok(options),
            other => panic!("{other:?}"),
        }
    }

    fn product() -> &'static str {
        calport_import::names()[0]
    }

    #[test]
    fn an_unknown_product_is_refused_with_the_known_ones() {
        let error = options(&["--from", "nobody", "x"]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(calport_import::names().iter().all(|name| error.to_string().contains(name)), "{error}");
        assert!(options(&["--from", product()]).is_err(), "a form is needed");
        assert!(options(&["--from", product(), "--form"]).is_ok());
    }

    #[test]
    fn a_file_that_is_there_is_replaced_only_with_force() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name).display().to_string();
        std::fs::write(at("form.txt"), "").unwrap();
        std::fs::write(at("calport.toml"), "mine").unwrap();
        let run_with = |extra: &[&str]| {
            let (form, out) = (at("form.txt"), at("calport.toml"));
            let arguments = [&["--from", product(), &form, "--out", &out], extra].concat();
            run(false, &options(&arguments).unwrap())
        };
        let refused = run_with(&[]).unwrap_err();
        assert!(refused.message.contains("--force"), "{refused}");
        assert_eq!(std::fs::read_to_string(at("calport.toml")).unwrap(), "mine");
        run_with(&["--force"]).unwrap();
        assert!(calport_config::load(directory.path().join("calport.toml").as_path()).is_ok());
    }

    #[test]
    fn lines_that_cannot_be_used_end_with_the_code_of_a_check_and_the_file_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name).display().to_string();
        std::fs::write(at("form.txt"), "this is no line of a form\n").unwrap();
        let failed = run(true, &options(&["--from", product(), &at("form.txt"), "-o", &at("new.toml")]).unwrap()).unwrap_err();
        assert_eq!(failed.exit, Exit::Problems);
        assert!(directory.path().join("new.toml").exists());
        std::fs::write(at("form.txt"), [0, 1, 2]).unwrap();
        let failed = run(false, &options(&["--from", product(), &at("form.txt")]).unwrap()).unwrap_err();
        assert!(failed.exit == Exit::Failed && failed.message.contains("no text file"), "{failed}");
    }
}
