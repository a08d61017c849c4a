//! Files that are no forms, lines that are no settings, and secrets, which stay where they are.

use calport_import::{ImportError, Kind, Status, import, presets};

use super::{imported, loaded, preset};

#[test]
fn a_file_that_is_no_text_or_too_long_is_refused() {
    assert_eq!(import(preset("samsung"), b"\x7fELF\x02\x01\x01\0\0\0\0"), Err(ImportError::NoText));
    assert_eq!(import(preset("samsung"), &vec![b'\n'; (4 << 20) + 1]), Err(ImportError::TooLarge));
}

#[test]
fn lines_of_any_length_and_kind_stop_no_other_line() {
    let long = "x".repeat(1 << 20);
    let form = format!("{long}\n{long} = x\nSubject = {long}\n=\n:\n= x\n[\n]\n[]\n= = =\nno sign at all\n\u{feff}\nSubject = no\n");
    let imported = imported("innovaphone", &form);
    assert!(!loaded(&imported).rules["default"].show_subject, "the good line counts");
    assert!(imported.report.text().len() < 20_000, "{} bytes of report", imported.report.text().len());
    assert_eq!(imported.report.count(Status::Invalid), 7, "{}", imported.report.text());
}

#[test]
fn a_flood_of_bad_lines_is_counted_and_not_told_one_by_one() {
    let form = format!("{}Subject = no\n", "what = ever\n".repeat(100_000));
    let imported = imported("innovaphone", &form);
    assert_eq!((imported.report.count(Status::Unknown), imported.report.further_lines), (200, 99_800));
    assert!(imported.report.has_problems());
    assert!(!loaded(&imported).rules["default"].show_subject);
}

#[test]
fn a_flood_of_connections_is_bounded() {
    let imported = imported("innovaphone", &"[Connection x]\n".repeat(5000));
    let config = loaded(&imported);
    assert_eq!(config.connections.len(), 65, "64 and the sink");
}

#[test]
fn names_in_a_form_cannot_break_out_of_the_written_file() {
    for name in ["a\"b", "a]b", "{ $state }", "}{", "x # y", "a.b", "'''", "\\u0041", "[busy]x", "a = 1", "日本"] {
        let form = format!("Busy template = {name}\nIgnore char = \"{}\"\n", name.chars().next().unwrap());
        let config = loaded(&imported("totalview", &form));
        let rules = &config.rules["default"];
        assert_eq!(rules.mapping.busy.to_string(), format!("template:{name}"), "{name}");
        assert!(rules.templates.contains_key(name), "{name}");
    }
    let config = loaded(&imported("innovaphone", "Prioritized appointments need to contain in title = \"a\", b\\, '''], x # y"));
    assert_eq!(config.rules["default"].must_words, ["\"a\"", "b\\", "''']", "x # y"]);
}

/// Something that stands nowhere else.
const CANARY: &str = "c4n4ry-S3cr3t";

#[test]
fn feat_r04_no_secret_of_a_form_is_written_or_said() {
    for preset in presets().unwrap() {
        let secrets: Vec<_> = preset.settings.iter().filter(|setting| setting.kind == Kind::Secret).collect();
        assert!(!secrets.is_empty());
        for setting in secrets {
            let section = preset.sections.iter().find(|section| section.id == setting.section).unwrap();
            for line in [
                format!("{} = {CANARY}", setting.name),
                format!("{}: {CANARY}\n{}: {CANARY}2", setting.name, setting.name),
                format!("{} {CANARY}", setting.name),
                format!("{}x = {CANARY}", setting.name),
                format!("My {} = {CANARY}", setting.name),
                CANARY.to_owned(),
                format!("{CANARY} = {}", setting.name),
                format!("[{CANARY}]"),
            ] {
                for header in [format!("[{}]\n", section.title), String::new(), "[Connection A]\n".to_owned()] {
                    let imported = imported(&preset.name, &format!("{header}{line}\n"));
                    loaded(&imported);
                    let json = serde_json::to_string(&imported.report).unwrap();
                    for text in [&imported.config, &imported.report.text(), &json, &format!("{imported:?}")] {
                        assert!(!text.contains(CANARY) && !text.contains("c4n4ry"), "{}: {line}: {text}", preset.name);
                    }
                }
            }
        }
    }
}

#[test]
fn feat_r04_a_secret_in_the_form_is_warned_of() {
    for (product, section, name) in [
        ("innovaphone", "Exchange Sync for Exchange 365", "Client secret"),
        ("totalview", "Exchange365", "Secret"),
        ("samsung", "Calendar Integration", "Password"),
    ] {
        let imported = imported(product, &format!("[{section}]\n{name} = {CANARY}\n"));
        let row = imported.report.rows.iter().find(|row| row.line == Some(2)).unwrap();
        assert!(row.message.contains("the form holds a secret here"), "{product}: {}", row.message);
    }
}
