//! Compiled code: kept, checked, private, and made by another process.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use calport_runtime::{ChildProcess, Compiler, Runtime, RuntimeConfig, RuntimeError};

use crate::support::{clock, component, runtime_in};

/// Compiled files of a cache.
fn compiled(cache: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|e| e == "cwasm")).collect()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn feat_x01_code_is_compiled_once_and_damaged_code_again() {
    let cache = tempfile::tempdir().unwrap();
    let file = component("liar.wasm");
    let load = async |expected| {
        // The liar is refused, but only after it was compiled.
        let refused = runtime_in(cache.path(), clock()).load(&file).await.unwrap_err();
        assert!(matches!(refused, RuntimeError::Descriptor { .. }), "{refused}");
        assert_eq!(compiled(cache.path()).len(), expected);
    };
    load(1).await;
    let place = compiled(cache.path()).remove(0);
    let written = || std::fs::metadata(&place).unwrap().modified().unwrap();
    let (first, code) = (written(), std::fs::read(&place).unwrap());
    load(1).await;
    assert_eq!(written(), first, "the second load takes what is there");

    for damaged in [&code[..code.len() / 2], &b"not code"[..], b""] {
        std::fs::write(&place, damaged).unwrap();
        load(1).await;
        assert_eq!(std::fs::read(&place).unwrap().len(), code.len(), "compiled again");
    }
}

#[tokio::test]
async fn feat_x01_a_plugin_tells_whether_it_was_compiled() {
    let cache = tempfile::tempdir().unwrap();
    let runtime = runtime_in(cache.path(), clock());
    let file = component("hostile.wasm");
    assert!(runtime.load(&file).await.unwrap().compiled);
    assert!(!runtime.load(&file).await.unwrap().compiled);
    assert!(!runtime_in(cache.path(), clock()).load(&file).await.unwrap().compiled, "also after a restart");
}

#[tokio::test]
async fn feat_x02_the_cache_is_private_and_what_others_could_write_is_thrown_away() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("deep").join("cache");
    runtime_in(&cache, clock());
    assert_eq!(mode(&cache), 0o700);

    std::fs::write(cache.join("own.cwasm"), "kept").unwrap();
    std::fs::set_permissions(&cache, std::fs::Permissions::from_mode(0o755)).unwrap();
    runtime_in(&cache, clock());
    assert_eq!((mode(&cache), compiled(&cache).len()), (0o700, 1), "readable by others, but writable by none");

    std::fs::set_permissions(&cache, std::fs::Permissions::from_mode(0o777)).unwrap();
    runtime_in(&cache, clock());
    assert_eq!((mode(&cache), compiled(&cache).len()), (0o700, 0));
}

async fn compile_with(cache: &Path, program: &Path, arguments: &[&str]) -> Result<bool, String> {
    let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    let compiler: Arc<dyn Compiler> = Arc::new(ChildProcess { program: program.to_owned(), arguments });
    let runtime = Runtime::new(RuntimeConfig { cache: cache.to_owned(), compiler, clock: clock() }).unwrap();
    runtime.load(&component("hostile.wasm")).await.map(|plugin| plugin.compiled).map_err(|error| error.to_string())
}

#[tokio::test]
async fn feat_x02_a_compiler_that_fails_gives_its_reason_and_leaves_nothing() {
    let cache = tempfile::tempdir().unwrap();
    let shell = Path::new("/bin/sh");
    let missing = compile_with(cache.path(), &cache.path().join("no-such-program"), &[]).await.unwrap_err();
    assert!(missing.contains("hostile.wasm cannot be compiled: the compiler could not be started"), "{missing}");
    let said = compile_with(cache.path(), shell, &["-c", "echo 'out of memory' >&2; exit 1"]).await.unwrap_err();
    assert!(said.contains("out of memory"), "{said}");
    let silent = compile_with(cache.path(), shell, &["-c", "exit 3"]).await.unwrap_err();
    assert!(silent.contains("exit status: 3"), "{silent}");
    let killed = compile_with(cache.path(), shell, &["-c", "kill -9 $$"]).await.unwrap_err();
    assert!(killed.contains("signal: 9"), "{killed}");
    let nothing = compile_with(cache.path(), shell, &["-c", "exit 0"]).await.unwrap_err();
    assert!(nothing.contains("made no usable code"), "{nothing}");
    assert_eq!(std::fs::read_dir(cache.path()).unwrap().count(), 0, "neither code nor remains");
}

#[tokio::test]
async fn feat_x02_the_program_itself_compiles_in_a_process_of_its_own() {
    let cache = tempfile::tempdir().unwrap();
    let compiled_now = compile_with(cache.path(), &calport_e2e::program(), &["plugin", "precompile"]).await;
    assert_eq!(compiled_now, Ok(true));
    assert_eq!(compiled(cache.path()).len(), 1);
}
