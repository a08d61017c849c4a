//! The sources of secrets, through the public interface only.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "helpers of tests may fail loudly")]
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use calport_secrets::{Secret, SecretSource, SecretStore, SecretsError, Source, SourceKind, Sources};
use tempfile::TempDir;

const MARKER: &str = "marker-secret-8c1e";

struct Place {
    _root: TempDir,
    file: PathBuf,
    key: PathBuf,
    mounted: PathBuf,
}

fn place() -> Place {
    let root = tempfile::tempdir().unwrap();
    let (data, etc, mounted) = (root.path().join("data"), root.path().join("etc"), root.path().join("mounted"));
    fs::create_dir_all(&mounted).unwrap();
    Place { file: data.join("secrets.age"), key: etc.join("identity.txt"), mounted, _root: root }
}

fn store(place: &Place) -> SecretStore {
    SecretStore::new(Sources::new().then(Source::encrypted_file(&place.file, &place.key).unwrap()))
}

#[test]
fn feat_r04_a_value_survives_only_encrypted() {
    let place = place();
    store(&place).set("pbx", Secret::new(MARKER)).unwrap();
    assert_eq!(store(&place).get("pbx").unwrap().expose(), MARKER);
    for path in [&place.file, &place.key] {
        let bytes = fs::read(path).unwrap();
        assert!(!bytes.windows(MARKER.len()).any(|w| w == MARKER.as_bytes()), "{}", path.display());
    }
}

#[cfg(unix)]
#[test]
fn feat_r04_files_are_for_their_owner_only_and_an_exposed_key_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let place = place();
    store(&place).set("pbx", Secret::new(MARKER)).unwrap();
    for path in [&place.file, &place.key] {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    fs::set_permissions(&place.key, fs::Permissions::from_mode(0o644)).unwrap();
    let error = store(&place).get("pbx").unwrap_err();
    assert!(matches!(error, SecretsError::KeyExposed { mode: 0o644, .. }), "{error}");
    assert!(error.to_string().contains("chmod 600"), "{error}");
}

#[test]
fn feat_r04_the_key_may_not_lie_in_the_data_directory() {
    let place = place();
    let data = place.file.parent().unwrap();
    for inside in [data.join("key"), data.join("deep/key"), data.join("deep/../key"), data.join("../data/key")] {
        fs::create_dir_all(data.join("deep")).unwrap();
        let error = Source::encrypted_file(&place.file, &inside).unwrap_err();
        assert!(matches!(error, SecretsError::KeyBesideData { .. }), "{}", inside.display());
    }
}

#[test]
fn feat_r04_the_first_source_wins_and_the_list_says_so_without_values() {
    let place = place();
    fs::write(place.mounted.join("pbx"), "from-mount\n").unwrap();
    fs::write(place.mounted.join("only-here"), "x\r\n").unwrap();
    fs::write(place.mounted.join("..data"), "not a name").unwrap();
    let variables = [("CALPORT_SECRET_PBX".to_owned(), "from-env".to_owned()), ("PATH".to_owned(), "/bin".to_owned())];
    let store = SecretStore::new(
        Sources::new()
            .then(Source::environment(variables))
            .then(Source::mounted_files(&place.mounted))
            .first(Source::encrypted_file(&place.file, &place.key).unwrap()),
    );
    assert_eq!(store.get("pbx").unwrap().expose(), "from-env");
    assert_eq!(store.get("only-here").unwrap().expose(), "x");
    store.set("pbx", Secret::new("from-file")).unwrap();
    assert_eq!(store.get("pbx").unwrap().expose(), "from-file");
    let lines: Vec<_> = store.list().unwrap().into_iter().map(|l| (l.name, l.source, l.shadowed)).collect();
    assert_eq!(
        lines,
        [
            ("pbx".to_owned(), SourceKind::EncryptedFile, false),
            ("pbx".to_owned(), SourceKind::Environment, true),
            ("only-here".to_owned(), SourceKind::MountedFile, false),
            ("pbx".to_owned(), SourceKind::MountedFile, true),
        ]
    );
}

#[test]
fn feat_r04_a_missing_secret_names_every_place_and_the_command() {
    let place = place();
    let store = SecretStore::new(
        Sources::new()
            .then(Source::encrypted_file(&place.file, &place.key).unwrap())
            .then(Source::environment([]))
            .then(Source::systemd_credentials("/run/credentials/calport"))
            .then(Source::mounted_files(&place.mounted)),
    );
    let text = store.get("calendar-client").unwrap_err().to_string();
    for part in [
        "secrets.age",
        "CALPORT_SECRET_CALENDAR_CLIENT",
        "/run/credentials/calport/calendar-client",
        "mounted/calendar-client",
        "calport secret set calendar-client",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn feat_r04_removing_tells_where_else_it_lives() {
    let place = place();
    fs::write(place.mounted.join("pbx"), "x").unwrap();
    let store = SecretStore::new(
        Sources::new().then(Source::encrypted_file(&place.file, &place.key).unwrap()).then(Source::mounted_files(&place.mounted)),
    );
    store.set("mine", Secret::new("x")).unwrap();
    store.remove("mine").unwrap();
    assert!(matches!(store.remove("mine"), Err(SecretsError::NotFound { .. })));
    assert!(matches!(store.remove("pbx"), Err(SecretsError::ReadOnly { .. })));
    assert!(matches!(SecretStore::new(Sources::new()).set("a", Secret::new("x")), Err(SecretsError::NoFile)));
    assert!(matches!(store.set("a", Secret::new("")), Err(SecretsError::Value { .. })));
}

#[test]
fn feat_r04_a_new_key_opens_everything_and_the_old_one_nothing() {
    let place = place();
    let store = store(&place);
    store.set("pbx", Secret::new(MARKER)).unwrap();
    let sealed = store.keyring().unwrap().seal(b"private").unwrap();
    let old_key = fs::read_to_string(&place.key).unwrap();
    store.rekey().unwrap();
    let new_key = fs::read_to_string(&place.key).unwrap();
    assert_ne!(old_key, new_key);
    assert_eq!(new_key.matches("AGE-SECRET-KEY-1").count(), 1, "the old key is gone once the file was verified");
    assert_eq!(self::store(&place).get("pbx").unwrap().expose(), MARKER);
    assert_eq!(self::store(&place).keyring().unwrap().open(&sealed).unwrap().as_slice(), b"private");
    fs::write(&place.key, old_key).unwrap();
    let error = self::store(&place).get("pbx").unwrap_err();
    assert!(matches!(error, SecretsError::Undecryptable { .. }), "{error}");
}

#[test]
fn feat_r04_a_change_of_keys_that_stopped_halfway_still_opens() {
    let place = place();
    store(&place).set("pbx", Secret::new(MARKER)).unwrap();
    let old = fs::read_to_string(&place.key).unwrap();
    let other = self::place();
    store(&other).set("x", Secret::new("x")).unwrap();
    let fresh = fs::read_to_string(&other.key).unwrap();
    fs::write(&place.key, format!("{fresh}{old}")).unwrap();
    assert_eq!(store(&place).get("pbx").unwrap().expose(), MARKER, "new key written, file still under the old one");
    store(&place).set("more", Secret::new("y")).unwrap();
    fs::write(&place.key, fresh).unwrap();
    assert_eq!(store(&place).get("pbx").unwrap().expose(), MARKER, "the first key encrypts");
}

#[test]
fn feat_r04_damage_and_a_lost_key_are_errors_and_change_nothing() {
    let place = place();
    store(&place).set("pbx", Secret::new(MARKER)).unwrap();
    let good = fs::read(&place.file).unwrap();
    fs::write(&place.file, &good[..good.len() - 3]).unwrap();
    assert!(matches!(store(&place).get("pbx"), Err(SecretsError::Undecryptable { .. })));
    assert!(store(&place).set("pbx", Secret::new("new")).is_err(), "a damaged file is not overwritten");
    fs::write(&place.file, &good).unwrap();
    fs::remove_file(&place.key).unwrap();
    assert!(matches!(store(&place).get("pbx"), Err(SecretsError::KeyMissing { .. })));
    assert!(matches!(store(&place).set("pbx", Secret::new("new")), Err(SecretsError::KeyMissing { .. })));
    assert!(!place.key.exists(), "no second key beside a file that it cannot open");
    assert_eq!(fs::read(&place.file).unwrap(), good);
}

#[test]
fn feat_r04_writers_at_once_lose_nothing_and_readers_see_the_change() {
    let place = place();
    let reader = store(&place);
    std::thread::scope(|scope| {
        for n in 0..8 {
            let place = &place;
            scope.spawn(move || store(place).set(&format!("name-{n}"), Secret::new(n.to_string())).unwrap());
        }
    });
    for n in 0..8 {
        assert_eq!(reader.get(&format!("name-{n}")).unwrap().expose(), n.to_string());
    }
    store(&place).set("name-0", Secret::new("changed")).unwrap();
    assert_eq!(reader.get("name-0").unwrap().expose(), "changed", "a running host sees what the command wrote");
}

#[test]
fn b51_the_data_key_is_kept_hidden_from_lists_and_names() {
    let place = place();
    let sealed = store(&place).keyring().unwrap().seal(b"private").unwrap();
    assert_eq!(store(&place).keyring().unwrap().open(&sealed).unwrap().as_slice(), b"private");
    assert!(store(&place).list().unwrap().is_empty());
    assert!(matches!(store(&place).get("DATA-KEY"), Err(SecretsError::Name { .. })));
    assert!(matches!(SecretStore::new(Sources::new()).keyring(), Err(SecretsError::NoFile)));
}

#[test]
fn b52_nothing_that_prints_shows_a_value() {
    let place = place();
    let long = format!("{MARKER}{}", "x".repeat(70_000));
    fs::write(place.mounted.join("long"), &long).unwrap();
    let sources = Sources::new()
        .then(Source::encrypted_file(&place.file, &place.key).unwrap())
        .then(Source::environment([("CALPORT_SECRET_A".to_owned(), MARKER.to_owned())]))
        .then(Source::mounted_files(&place.mounted));
    let mut printed = format!("{sources:?}");
    let store = SecretStore::new(sources);
    store.set("pbx", Secret::new(MARKER)).unwrap();
    let map = BTreeMap::from([("pbx".to_owned(), Secret::new(MARKER))]);
    printed += &format!("{store:?} {map:?} {:?} {:?} {:?}", store.get("pbx"), store.list(), store.keyring());
    printed += &format!("{:?} {}", store.get("long"), store.get("long").unwrap_err());
    printed += &format!("{:?}", store.set("pbx", Secret::new(long)).unwrap_err());
    printed += &format!("{}", SecretSource::get(&map, "other").unwrap_err());
    assert!(!printed.contains("marker"), "{printed}");
}
