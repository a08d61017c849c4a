//! The system's Kerberos library, loaded at first use: the only unsafe code of this crate.
//!
//! Loaded and not linked, so that Calport starts on machines without it. What is promised to the rest of the crate:
//! - every pointer that a call gets lives until the call has returned; the library copies what it keeps;
//! - every handle is released once, by the value that owns it, with the library it came from;
//! - what the library allocates is copied and released at once;
//! - a value is used by one thread at a time (`&mut self`), which is all that the library asks for, hence `Send`.
//!
//! Types and constants are those of RFC 2744 and of the extensions of MIT Kerberos 1.11 for credential stores, as laid out on
//! Linux; on systems that pack these structures the library is not loaded.
#![allow(unsafe_code, reason = "calls into a C library, see above")]

use std::ffi::{CString, c_char, c_int, c_void};
use std::ptr::{null, null_mut};
use std::sync::OnceLock;

use libloading::Library;

/// The library's file, by its version: later ones keep it.
const FILE: &str = "libgssapi_krb5.so.2";

const INITIATE: c_int = 1;
const MUTUAL: u32 = 2;
const CONTINUE_NEEDED: u32 = 1;
const ERROR_BITS: u32 = 0xFFFF_0000;
const STATUS_OF_ROUTINE: c_int = 1;
const STATUS_OF_MECHANISM: c_int = 2;
/// Tickets as long as the server gives them.
const INDEFINITE: u32 = u32::MAX;

const KRB5: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02];
const SPNEGO: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x02];
const HOST_BASED: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x01, 0x04];
const USER_NAME: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x01, 0x01];

type Handle = *mut c_void;

#[repr(C)]
struct Oid {
    length: u32,
    elements: *const c_void,
}

#[repr(C)]
struct OidSet {
    count: usize,
    elements: *const Oid,
}

#[repr(C)]
struct Buffer {
    length: usize,
    value: *mut c_void,
}

#[repr(C)]
struct Bindings {
    initiator_type: u32,
    initiator: Buffer,
    acceptor_type: u32,
    acceptor: Buffer,
    application: Buffer,
}

#[repr(C)]
struct StoreEntry {
    key: *const c_char,
    value: *const c_char,
}

#[repr(C)]
struct Store {
    count: u32,
    entries: *const StoreEntry,
}

type ImportName = unsafe extern "C" fn(*mut u32, *const Buffer, *const Oid, *mut Handle) -> u32;
type Release = unsafe extern "C" fn(*mut u32, *mut Handle) -> u32;
type AcquireFrom =
    unsafe extern "C" fn(*mut u32, Handle, u32, *const OidSet, c_int, *const Store, *mut Handle, *mut Handle, *mut u32) -> u32;
type AcquireWithPassword =
    unsafe extern "C" fn(*mut u32, Handle, *const Buffer, u32, *const OidSet, c_int, *mut Handle, *mut Handle, *mut u32) -> u32;
type InitContext = unsafe extern "C" fn(
    *mut u32,
    Handle,
    *mut Handle,
    Handle,
    *const Oid,
    u32,
    u32,
    *const Bindings,
    *const Buffer,
    *mut Handle,
    *mut Buffer,
    *mut u32,
    *mut u32,
) -> u32;
type DeleteContext = unsafe extern "C" fn(*mut u32, *mut Handle, *mut Buffer) -> u32;
type ReleaseBuffer = unsafe extern "C" fn(*mut u32, *mut Buffer) -> u32;
type DisplayStatus = unsafe extern "C" fn(*mut u32, u32, c_int, *const Oid, *mut u32, *mut Buffer) -> u32;

/// The functions of the loaded library, which stays loaded.
struct Functions {
    import_name: ImportName,
    release_name: Release,
    acquire_from: AcquireFrom,
    acquire_with_password: AcquireWithPassword,
    release_credential: Release,
    init_context: InitContext,
    delete_context: DeleteContext,
    release_buffer: ReleaseBuffer,
    display_status: DisplayStatus,
}

/// What the library said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::auth) struct Failure {
    /// The mechanism's own code; 0 if it gave none.
    pub(in crate::auth) code: i32,
    pub(in crate::auth) text: String,
    /// The library is not there.
    pub(in crate::auth) absent: bool,
}

fn functions() -> Result<&'static Functions, Failure> {
    static LOADED: OnceLock<Result<Functions, String>> = OnceLock::new();
    LOADED
        .get_or_init(|| {
            if cfg!(target_os = "linux") { load().map_err(|error| error.to_string()) } else { Err("not on this system".to_owned()) }
        })
        .as_ref()
        .map_err(|why| Failure { code: 0, text: format!("{FILE} cannot be loaded: {why}"), absent: true })
}

fn load() -> Result<Functions, libloading::Error> {
    // SAFETY: the library's initialisers only set up its own tables. It is never unloaded, so that the functions stay valid.
    let library: &'static Library = Box::leak(Box::new(unsafe { Library::new(FILE) }?));
    // SAFETY: names and signatures are those of RFC 2744 and of the library's extensions.
    unsafe {
        Ok(Functions {
            import_name: *library.get(b"gss_import_name")?,
            release_name: *library.get(b"gss_release_name")?,
            acquire_from: *library.get(b"gss_acquire_cred_from")?,
            acquire_with_password: *library.get(b"gss_acquire_cred_with_password")?,
            release_credential: *library.get(b"gss_release_cred")?,
            init_context: *library.get(b"gss_init_sec_context")?,
            delete_context: *library.get(b"gss_delete_sec_context")?,
            release_buffer: *library.get(b"gss_release_buffer")?,
            display_status: *library.get(b"gss_display_status")?,
        })
    }
}

impl Oid {
    fn new(bytes: &'static [u8]) -> Self {
        // Lengths of the constants above.
        Self { length: u32::try_from(bytes.len()).unwrap_or_default(), elements: bytes.as_ptr().cast() }
    }
}

impl Buffer {
    const fn empty() -> Self {
        Self { length: 0, value: null_mut() }
    }

    /// The library reads it and does not keep it.
    fn of(bytes: &[u8]) -> Self {
        Self { length: bytes.len(), value: bytes.as_ptr().cast_mut().cast() }
    }
}

impl Functions {
    /// Copies what the library allocated, and releases it.
    fn take(&self, mut buffer: Buffer) -> Vec<u8> {
        if buffer.value.is_null() || buffer.length == 0 {
            return Vec::new();
        }
        // SAFETY: the library filled pointer and length together; the buffer is its own until released below.
        let copy = unsafe { std::slice::from_raw_parts(buffer.value.cast::<u8>(), buffer.length) }.to_vec();
        let mut minor = 0;
        // SAFETY: the buffer came from this library and is released once.
        unsafe { (self.release_buffer)(&raw mut minor, &raw mut buffer) };
        copy
    }

    fn failure(&self, major: u32, minor: u32) -> Failure {
        let mechanism = self.words(minor, STATUS_OF_MECHANISM, &Oid::new(KRB5));
        let text = if minor == 0 || mechanism.is_empty() { self.words(major, STATUS_OF_ROUTINE, &Oid::new(SPNEGO)) } else { mechanism };
        // Codes of the mechanism are signed and pass through an unsigned number.
        Failure { code: minor.cast_signed(), text, absent: false }
    }

    /// The words for a status; at most three pieces of it.
    fn words(&self, status: u32, kind: c_int, mechanism: &Oid) -> String {
        let (mut more, mut pieces) = (0, Vec::new());
        for _ in 0..3 {
            let (mut minor, mut buffer) = (0, Buffer::empty());
            // SAFETY: all pointers are to live values; the buffer is taken over below.
            let major = unsafe { (self.display_status)(&raw mut minor, status, kind, mechanism, &raw mut more, &raw mut buffer) };
            let piece = self.take(buffer);
            if major & ERROR_BITS != 0 {
                break;
            }
            pieces.push(String::from_utf8_lossy(&piece).chars().filter(|c| !c.is_control()).take(200).collect::<String>());
            if more == 0 {
                break;
            }
        }
        pieces.join(", ")
    }

    fn judge(&self, major: u32, minor: u32) -> Result<u32, Failure> {
        if major & ERROR_BITS == 0 { Ok(major) } else { Err(self.failure(major, minor)) }
    }
}

/// A name, for as long as it is needed.
struct Name {
    functions: &'static Functions,
    handle: Handle,
}

impl Name {
    fn new(functions: &'static Functions, text: &str, kind: &'static [u8]) -> Result<Self, Failure> {
        let (mut minor, mut handle) = (0, null_mut());
        let buffer = Buffer::of(text.as_bytes());
        // SAFETY: all pointers are to live values, the name's type to a constant.
        let major = unsafe { (functions.import_name)(&raw mut minor, &raw const buffer, &Oid::new(kind), &raw mut handle) };
        functions.judge(major, minor)?;
        Ok(Self { functions, handle })
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: the handle is this value's own.
        unsafe { (self.functions.release_name)(&raw mut minor, &raw mut self.handle) };
    }
}

/// Where tickets come from.
pub(in crate::auth) enum Source<'a> {
    /// A ticket cache or a keytab: keys and values of the library's credential store; none for the system's defaults.
    Store(Vec<(&'static str, String)>),
    /// A password.
    Password(&'a str),
}

/// A credential that can ask for tickets.
///
/// It is two: the library numbers errors anew when they pass through the mechanism that negotiates, so that what went wrong is
/// only told by Kerberos itself. Kerberos goes first, alone: asked for both at once the library sends a wrong password twice.
pub(in crate::auth) struct Credential {
    kerberos: Part,
    negotiating: Part,
}

/// A credential of one mechanism.
struct Part {
    functions: &'static Functions,
    handle: Handle,
    life: u32,
}

// SAFETY: handles are not tied to a thread, and `Context` uses a credential behind a lock.
unsafe impl Send for Part {}

impl Credential {
    /// Asks for a credential of `user`, or of whoever the source belongs to. May wait for the network.
    pub(in crate::auth) fn acquire(user: Option<&str>, source: &Source<'_>) -> Result<Self, Failure> {
        let functions = functions()?;
        let name = user.map(|user| Name::new(functions, user, USER_NAME)).transpose()?;
        let kerberos = Part::acquire(functions, name.as_ref(), source, KRB5)?;
        Ok(Self { kerberos, negotiating: Part::acquire(functions, name.as_ref(), source, SPNEGO)? })
    }

    /// Seconds that it is good for.
    pub(in crate::auth) fn life(&self) -> u32 {
        self.kerberos.life.min(self.negotiating.life)
    }
}

impl Part {
    fn acquire(functions: &'static Functions, name: Option<&Name>, source: &Source<'_>, mechanism: &'static [u8]) -> Result<Self, Failure> {
        let named = name.map_or(null_mut(), |name| name.handle);
        let mechanism = Oid::new(mechanism);
        let wanted = OidSet { count: 1, elements: &raw const mechanism };
        let (mut minor, mut handle, mut life) = (0, null_mut(), 0);
        let major = match source {
            Source::Password(password) => {
                let password = Buffer::of(password.as_bytes());
                // SAFETY: all pointers are to live values; null stands for what is not wanted back.
                unsafe {
                    (functions.acquire_with_password)(
                        &raw mut minor,
                        named,
                        &raw const password,
                        INDEFINITE,
                        &raw const wanted,
                        INITIATE,
                        &raw mut handle,
                        null_mut(),
                        &raw mut life,
                    )
                }
            }
            Source::Store(entries) => {
                let zero = || Failure { code: 0, text: "a path holds a zero byte".to_owned(), absent: false };
                let text = |text: &str| CString::new(text).map_err(|_| zero());
                let owned = entries.iter().map(|(key, value)| Ok((text(key)?, text(value)?))).collect::<Result<Vec<_>, Failure>>()?;
                let list: Vec<StoreEntry> =
                    owned.iter().map(|(key, value)| StoreEntry { key: key.as_ptr(), value: value.as_ptr() }).collect();
                let store = Store { count: u32::try_from(list.len()).unwrap_or_default(), entries: list.as_ptr() };
                let given = if list.is_empty() { null() } else { &raw const store };
                // SAFETY: as above; the texts of the store live in `owned` until the call has returned.
                unsafe {
                    (functions.acquire_from)(
                        &raw mut minor,
                        named,
                        INDEFINITE,
                        &raw const wanted,
                        INITIATE,
                        given,
                        &raw mut handle,
                        null_mut(),
                        &raw mut life,
                    )
                }
            }
        };
        functions.judge(major, minor)?;
        Ok(Self { functions, handle, life })
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: the handle is this value's own.
        unsafe { (self.functions.release_credential)(&raw mut minor, &raw mut self.handle) };
    }
}

/// One login at one server.
pub(in crate::auth) struct Context {
    functions: &'static Functions,
    handle: Handle,
    server: Name,
    binding: Option<Vec<u8>>,
}

// SAFETY: handles are not tied to a thread, and every use takes `&mut self`.
unsafe impl Send for Context {}

impl Context {
    /// A login at the HTTP service of a host.
    pub(in crate::auth) fn new(host: &str, binding: Option<Vec<u8>>) -> Result<Self, Failure> {
        let functions = functions()?;
        Ok(Self { functions, handle: null_mut(), server: Name::new(functions, &format!("HTTP@{host}"), HOST_BASED)?, binding })
    }

    /// The next message to the server, and whether the login is complete on this side. May wait for the network.
    pub(in crate::auth) fn step(&mut self, credential: &mut Credential, given: Option<&[u8]>) -> Result<(Vec<u8>, bool), Failure> {
        let failure = match self.advance(&credential.negotiating, SPNEGO, given) {
            Ok(message) => return Ok(message),
            Err(failure) => failure,
        };
        if given.is_some() {
            return Err(failure);
        }
        // The same step by Kerberos alone fails in the same way and says why.
        self.discard();
        let diagnosis = self.advance(&credential.kerberos, KRB5, None);
        self.discard();
        Err(diagnosis.err().unwrap_or(failure))
    }

    fn advance(&mut self, credential: &Part, mechanism: &'static [u8], given: Option<&[u8]>) -> Result<(Vec<u8>, bool), Failure> {
        let (mut minor, mut output) = (0, Buffer::empty());
        let input = given.map(Buffer::of);
        let bindings = self.binding.as_deref().map(|data| Bindings {
            initiator_type: 0,
            initiator: Buffer::empty(),
            acceptor_type: 0,
            acceptor: Buffer::empty(),
            application: Buffer::of(data),
        });
        // SAFETY: all pointers are to values that live until the call has returned; null stands for what is not given or not
        // wanted back. The library writes the context's handle, which this value owns.
        let major = unsafe {
            (self.functions.init_context)(
                &raw mut minor,
                credential.handle,
                &raw mut self.handle,
                self.server.handle,
                &Oid::new(mechanism),
                MUTUAL,
                0,
                bindings.as_ref().map_or(null(), |bindings| &raw const *bindings),
                input.as_ref().map_or(null(), |input| &raw const *input),
                null_mut(),
                &raw mut output,
                null_mut(),
                null_mut(),
            )
        };
        let message = self.functions.take(output);
        let major = self.functions.judge(major, minor)?;
        Ok((message, major & CONTINUE_NEEDED == 0))
    }

    fn discard(&mut self) {
        let mut minor = 0;
        // SAFETY: the handle is this value's own; null is no context and is passed over. The library sets it to null.
        unsafe { (self.functions.delete_context)(&raw mut minor, &raw mut self.handle, null_mut()) };
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        self.discard();
    }
}
