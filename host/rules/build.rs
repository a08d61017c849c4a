//! Makes the table of languages from the folders in `locales/`: a language is added by adding its data file.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let locales = Path::new(&root).join("locales");
    println!("cargo::rerun-if-changed={}", locales.display());
    let mut tags = Vec::new();
    for folder in fs::read_dir(&locales)? {
        let folder = folder?.path();
        println!("cargo::rerun-if-changed={}", folder.display());
        let file = folder.join("presence.ftl");
        let tag = folder.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        if let (Some(tag), true) = (tag, file.is_file()) {
            tags.push((tag, file));
        }
    }
    // English comes first: it is what is used where nothing else is said.
    tags.sort_by_key(|(tag, _)| (tag != "en", tag.clone()));
    let mut table = String::from("const TABLE: &[Entry] = &[\n");
    for (tag, file) in &tags {
        writeln!(table, "    Entry {{ tag: {tag:?}, source: include_str!({:?}) }},", file.display().to_string())
            .map_err(io::Error::other)?;
    }
    table.push_str("];\n");
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    fs::write(Path::new(&out).join("languages.rs"), table)
}
