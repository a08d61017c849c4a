//! Reading with bounds and writing atomically with mode 0600.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::SecretsError;

/// The longest value of one secret, in bytes; private keys and certificates fit many times.
pub(crate) const LONGEST_VALUE: usize = 64 * 1024;
/// The largest encrypted file, in bytes; thousands of secrets fit.
const LARGEST_FILE: u64 = 16 * 1024 * 1024;

pub(crate) fn failed(action: &'static str, path: &Path, error: &std::io::Error) -> SecretsError {
    SecretsError::File { action, path: path.to_owned(), reason: error.to_string() }
}

/// The bytes of a file, or `None` if it does not exist.
pub(crate) fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, SecretsError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("read", path, &error)),
    };
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes).map_err(|error| failed("read", path, &error))?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(SecretsError::File {
            action: "read",
            path: path.to_owned(),
            reason: format!("it is larger than {LARGEST_FILE} bytes"),
        });
    }
    Ok(Some(bytes))
}

/// Replaces a file as a whole: a reader sees the old or the new bytes, and a crash leaves one of them.
/// The temporary file is created with mode 0600 beside the target and is synced before the rename.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), SecretsError> {
    let directory = parent(path);
    std::fs::create_dir_all(&directory).map_err(|error| failed("create", &directory, &error))?;
    let write = || -> std::io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(".calport-").tempfile_in(&directory)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        File::open(&directory)?.sync_all()
    };
    write().map_err(|error| failed("write", path, &error))
}

/// The directory that holds a file; `.` for a bare name.
pub(crate) fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}
