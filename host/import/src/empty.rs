//! The empty form: every setting with its meaning and what holds without it.

use std::fmt::Write as _;

use crate::preset::{Preset, Section, Setting};
use crate::value::Kind;

/// A form to fill in by hand. As it is, it means that nothing is given.
pub fn empty_form(preset: &Preset) -> String {
    let mut text = format!("# Settings of {}.\n", preset.title);
    // Writing to a string cannot fail; the results say so.
    let _ = write!(
        text,
        "# Fill in what is set in the product, then: calport config import --from {} FILE --out calport.toml\n\
         #\n# One setting a line, `name = value`. Empty: not set, the product's default holds. \"\" is an empty text.\n\
         # Lines that begin with # are comments. Enter no passwords here.\n\
         # For several connections write a line [Connection NAME] before the settings of each; what stands before the\n\
         # first of them holds for all.\n",
        preset.name
    );
    for section in &preset.sections {
        part(&mut text, preset, section);
    }
    text
}

fn part(text: &mut String, preset: &Preset, section: &Section) {
    let _ = writeln!(text, "\n[{}]", section.title);
    comment(text, &section.about);
    for setting in preset.settings.iter().filter(|setting| setting.section == section.id) {
        let _ = writeln!(text);
        comment(text, &setting.meaning);
        if setting.kind == Kind::View {
            let _ = writeln!(text, "# {}: nothing to fill in.", setting.name);
            continue;
        }
        comment(text, &format!("Expected: {}.", expected(setting)));
        if !setting.default.is_empty() {
            comment(text, &format!("Without it: {}", setting.default));
        }
        let _ = writeln!(text, "{} =", setting.name);
    }
}

/// What a setting can be set to, for people.
pub(crate) fn expected(setting: &Setting) -> String {
    let words: Vec<&str> = setting.choices.iter().map(|choice| choice.word.as_str()).collect();
    match setting.kind {
        Kind::Choice => words.join(", "),
        Kind::Text if !setting.expected.is_empty() => setting.expected.clone(),
        Kind::Number => match (setting.min, setting.max) {
            (Some(min), Some(max)) => format!("a whole number from {min} to {max}"),
            _ => setting.kind.expected().to_owned(),
        },
        kind => kind.expected().to_owned(),
    }
}

/// Longest line of a comment, in characters.
const WIDTH: usize = 110;

fn comment(text: &mut String, words: &str) {
    let mut line = String::from("#");
    for word in words.split_whitespace() {
        if line.chars().count() + word.chars().count() >= WIDTH {
            let _ = writeln!(text, "{line}");
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    if line.len() > 1 {
        let _ = writeln!(text, "{line}");
    }
}
