//! Whatever is filled in, the written file is accepted.

use calport_import::{Kind, Preset, Setting, Status, import, presets};
use proptest::prelude::*;

use super::{imported, loaded};

/// Values of which some fit and some do not.
fn value(setting: &Setting) -> BoxedStrategy<String> {
    let words: Vec<String> =
        setting.choices.iter().flat_map(|choice| std::iter::once(&choice.word).chain(&choice.aliases)).cloned().collect();
    let fit = match setting.kind {
        Kind::Choice if !words.is_empty() => proptest::sample::select(words).boxed(),
        Kind::Switch => proptest::sample::select(vec!["on", "off", "YES", "0", "checked"]).prop_map(str::to_owned).boxed(),
        Kind::Number => (0..5000_u32).prop_map(|number| number.to_string()).boxed(),
        Kind::Zone => proptest::sample::select(vec!["Europe/Berlin", "UTC", "Romance Standard Time"]).prop_map(str::to_owned).boxed(),
        Kind::Mail | Kind::Mails => "[a-z]{1,5}@[a-z]{1,5}(\\.[a-z]{2})?(, [a-z]@b\\.c)?".boxed(),
        Kind::Template => "[\\PC]{0,12}( \\[(busy|away|dnd|available|red)\\])?".boxed(),
        Kind::Url => "(https?://)?[a-z]{1,8}(\\.[a-z]{2,3})?(:[0-9]{1,6})?(/[a-z?#@]{0,5})?".boxed(),
        _ => "[\\PC]{0,40}".boxed(),
    };
    prop_oneof![8 => fit, 1 => "[\\PC]{0,60}", 1 => Just(String::new())].boxed()
}

fn line(preset: &'static Preset) -> BoxedStrategy<String> {
    let headers: Vec<String> = preset.sections.iter().map(|section| format!("[{}]", section.title)).collect();
    let header = proptest::sample::select(headers);
    let setting = proptest::sample::select(preset.settings.iter().collect::<Vec<_>>());
    let given = setting.prop_flat_map(|setting| value(setting).prop_map(|value| format!("{} = {value}", setting.name)));
    prop_oneof![8 => given, 2 => header, 1 => "\\[Connection [\\PC]{0,10}\\]", 1 => "[\\PC]{0,30}"].boxed()
}

fn form() -> impl Strategy<Value = (&'static Preset, String)> {
    let products: Vec<&'static Preset> = presets().unwrap().iter().collect();
    proptest::sample::select(products)
        .prop_flat_map(|preset| proptest::collection::vec(line(preset), 0..25).prop_map(move |lines| (preset, lines.join("\n"))))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_filled_in_gives_a_configuration_that_is_accepted((preset, form) in form()) {
        let imported = import(preset, form.as_bytes()).unwrap();
        loaded(&imported);
        prop_assert!(imported.report.rows.iter().all(|row| row.line.is_none_or(|line| line >= 1 && line <= form.lines().count())));
        // The same form gives the same.
        prop_assert_eq!(imported, import(preset, form.as_bytes()).unwrap());
    }

    #[test]
    fn any_bytes_give_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        for preset in presets().unwrap() {
            if let Ok(imported) = import(preset, &bytes) {
                loaded(&imported);
            }
        }
    }
}

#[test]
fn every_word_of_every_choice_is_accepted() {
    for preset in presets().unwrap() {
        for setting in &preset.settings {
            let section = &preset.sections.iter().find(|section| section.id == setting.section).unwrap().title;
            for choice in &setting.choices {
                for word in std::iter::once(&choice.word).chain(&choice.aliases) {
                    let imported = imported(&preset.name, &format!("[{section}]\n{} = {word}", setting.name));
                    loaded(&imported);
                    assert_eq!(imported.report.count(Status::Invalid), 0, "{}: {word}: {}", setting.name, imported.report.text());
                }
            }
        }
    }
}

#[test]
fn a_form_in_another_encoding_gives_the_same_and_says_so() {
    let form = "Prioritized appointments need to contain in title = Müßiggang\r\n";
    let utf8 = imported("innovaphone", form);
    let preset = super::preset("innovaphone");
    let utf16: Vec<u8> = [0xfeff].into_iter().chain(form.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let latin: Vec<u8> = form.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    for (bytes, name) in [(utf16, "UTF-16LE"), (latin, "windows-1252")] {
        let other = import(preset, &bytes).unwrap();
        assert_eq!((other.config.as_str(), other.report.encoding.as_deref()), (utf8.config.as_str(), Some(name)));
        assert!(other.report.text().contains(name));
    }
}
