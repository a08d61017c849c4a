//! Files that stay out, and settings that do not fit: each with its reason.

use calport_model::Blame;
use calport_runtime::{Limits, PluginDirectory, RuntimeError};
use serde_json::json;

use crate::support::{Bench, bytes, clock, component, config, runtime, within};

/// A core module of eight bytes.
const CORE: &[u8] = b"\0asm\x01\0\0\0";
/// An empty component.
const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

/// A component that imports an instance of this name.
fn importing(name: &str) -> Vec<u8> {
    let length = |n: usize| u8::try_from(n).unwrap();
    let mut bytes = EMPTY.to_vec();
    bytes.extend([7, 3, 1, 0x42, 0]);
    bytes.extend([10, length(name.len() + 5), 1, 0, length(name.len())]);
    bytes.extend(name.bytes());
    bytes.extend([5, 0]);
    bytes
}

#[tokio::test]
async fn feat_x02_hostile_files_are_refused_with_their_reason() {
    let folder = tempfile::tempdir().unwrap();
    let half = bytes().len() / 2;
    let liar = std::fs::read(component("liar.wasm")).unwrap();
    let files: [(&str, &[u8], &str); 12] = [
        ("core.wasm", CORE, "it is a core module, not a component; build it for the target wasm32-wasip2"),
        ("elf.wasm", b"\x7fELF\x02\x01\x01\0\0\0\0\0", "compiled code, which is never loaded"),
        ("machine.cwasm", b"\x7fELF\x02\x01\x01\0\0\0\0\0", "compiled code is never loaded"),
        ("renamed.cwasm", &bytes(), "compiled code is never loaded"),
        ("empty.wasm", b"", "empty or cut off"),
        ("short.wasm", b"\0asm\x0d", "empty or cut off"),
        ("text.wasm", b"<!DOCTYPE html><p>Not found", "it is not WebAssembly"),
        ("half.wasm", &bytes()[..half], "cannot be compiled"),
        ("bare.wasm", EMPTY, "does not export `calport:connector/connector@0.1.0`"),
        ("thief.wasm", &importing("evil:corp/steal@1.0.0"), "asks for evil:corp/steal@1.0.0, which the host does not give"),
        ("keys.wasm", &importing("wasi:keyvalue/store@0.2.0"), "asks for wasi:keyvalue/store@0.2.0"),
        ("liar.wasm", &liar, "describes itself wrongly: sink is described, but presence is not exported"),
    ];
    for (name, content, _) in &files {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    std::fs::write(folder.path().join("notes.txt"), "no connector").unwrap();
    std::fs::create_dir(folder.path().join("folder.wasm")).unwrap();
    std::fs::write(folder.path().join("good.wasm"), bytes()).unwrap();

    let plugins = within("the directory", PluginDirectory::watch(runtime(clock()), folder.path())).await.unwrap();
    let listed = plugins.list();
    assert_eq!(listed.len(), files.len() + 1, "{listed:?}");
    for (name, _, reason) in files {
        let file = listed.iter().find(|file| file.file == name).unwrap();
        assert!(file.plugin.is_none(), "{name}");
        let refused = file.refused.clone().unwrap_or_default();
        assert!(refused.starts_with(name) && refused.contains(reason), "{refused}");
    }
    assert!(plugins.get("hostile").is_some(), "the good one is used all the same");
    assert!(plugins.get("liar").is_none());
}

#[tokio::test]
async fn feat_x02_a_file_of_absurd_size_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.wasm");
    std::fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
    let error = runtime(clock()).load(&path).await.unwrap_err();
    assert!(error.to_string().contains("1099511627776 bytes"), "{error}");
}

#[tokio::test]
async fn feat_x02_settings_that_do_not_fit_are_refused_with_their_place() {
    let bench = Bench::new().await;
    let refused = |settings| bench.runtime.connect(config(settings, bench.gate.clone(), Limits::default()), bench.plugin.clone()).err();
    for (settings, place) in [
        (json!({ "behaviour": "nice" }), "settings.behaviour"),
        (json!({ "port": 70_000 }), "settings.port"),
        (json!({ "amount": "many" }), "settings.amount"),
        (json!({ "colour": "red" }), "settings"),
        (json!([]), "settings"),
    ] {
        let error = refused(settings.clone()).unwrap_or_else(|| panic!("{settings} is refused"));
        assert_eq!(error.blame(), Blame::Configuration);
        assert!(matches!(&error, RuntimeError::Settings { at, .. } if at == place), "{error}");
    }
    let unknown = refused(json!({ "colour": "red" })).unwrap().to_string();
    assert!(unknown.starts_with("connection `office`: settings ") && unknown.contains("colour"), "{unknown}");
}
