//! The tables of `docs/migrating.md` are those of the presets.

use calport_import::{presets, table};

use super::{golden, path, read};

const PAGE: &str = "docs/migrating.md";

#[test]
fn the_tables_of_the_page_say_what_the_presets_do() {
    let mut page = read(PAGE);
    for preset in presets().unwrap() {
        let (begin, end) = (format!("<!-- table: {} -->\n", preset.name), "<!-- end -->");
        let (before, rest) = page.split_once(&begin).unwrap_or_else(|| panic!("{PAGE} has no {begin}"));
        let (_, after) = rest.split_once(end).unwrap();
        page = format!("{before}{begin}\n{}\n{end}{after}", table(preset));
    }
    golden(PAGE, &page);
}

#[test]
fn the_files_that_are_named_are_there() {
    let page = read(PAGE);
    for preset in presets().unwrap() {
        for file in [format!("presets/examples/{}.txt", preset.name), format!("presets/examples/{}.report.txt", preset.name)] {
            assert!(path(&file).exists() && page.contains(&file), "{file}");
        }
    }
}
