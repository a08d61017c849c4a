//! Kerberos tickets for HTTP services (RFC 4559), from a password, a keytab, or a ticket cache that something else keeps filled.
//!
//! Every request carries a message of its own, made from a cached ticket in a tenth of a millisecond; nothing depends on whether
//! the server remembers the connection. Calls into the library may wait for a key distribution centre and run on threads for that.

mod sys;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use calport_secrets::Secret;
use tokio::task::spawn_blocking;

use crate::login::LoginProblem;
use crate::wire::Wire;
use sys::{Context, Credential, Failure, Source};

/// A failed way to tickets is not tried again for so long while there is another.
pub(super) const REST: Duration = Duration::from_secs(600);

/// Where a connection's tickets come from.
pub(super) struct Tickets {
    user: Option<String>,
    keytab: Option<PathBuf>,
    ticket_cache: Option<String>,
    /// Tickets got by a keytab stay in memory under this name, apart from those of other connections.
    memory: String,
    kept: Mutex<Option<Kept>>,
}

/// A credential made from a password, kept because making one asks the network.
struct Kept {
    password: Secret,
    until: Duration,
    credential: Arc<Mutex<Credential>>,
}

/// Why there is no ticket, and what that means for other ways to log in.
pub(super) enum Without {
    /// Kerberos is not possible here; another scheme may be.
    Impossible(LoginProblem),
    /// The password was judged and is wrong.
    WrongPassword,
}

/// A login under way.
pub(super) struct Dialogue {
    context: Context,
    credential: Arc<Mutex<Credential>>,
}

impl Tickets {
    pub(super) fn new(user: Option<String>, keytab: Option<PathBuf>, ticket_cache: Option<String>) -> Self {
        let memory = format!("MEMORY:calport-{:016x}", rand::random::<u64>());
        Self { user, keytab, ticket_cache, memory, kept: Mutex::default() }
    }

    /// Whether tickets come from the password, if there is one.
    pub(super) fn by_password(&self) -> bool {
        self.keytab.is_none() && self.ticket_cache.is_none()
    }

    /// The first message to this host.
    pub(super) async fn begin(
        self: &Arc<Self>,
        wire: &Wire,
        host: String,
        binding: Option<Vec<u8>>,
        password: Option<Secret>,
    ) -> Result<(Dialogue, Vec<u8>), Without> {
        let (this, now) = (Arc::clone(self), wire.clock.monotonic());
        let asked = spawn_blocking(move || {
            let credential = this.credential(password.filter(|_| this.by_password()), now)?;
            let context = Context::new(&host, binding)?;
            Dialogue { context, credential }.step(None).map(|(dialogue, message, _)| (dialogue, message))
        });
        settle(asked.await)
    }

    fn credential(&self, password: Option<Secret>, now: Duration) -> Result<Arc<Mutex<Credential>>, Failure> {
        let Some(password) = password else {
            let user = self.user.as_deref().map(principal);
            let mut store = Vec::new();
            if let Some(keytab) = &self.keytab {
                store.push(("client_keytab", format!("FILE:{}", keytab.display())));
                store.push(("ccache", self.memory.clone()));
            }
            if let Some(cache) = &self.ticket_cache {
                store.push(("ccache", cache.clone()));
            }
            return Credential::acquire(user.as_deref(), &Source::Store(store)).map(|credential| Arc::new(Mutex::new(credential)));
        };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = kept.as_ref().filter(|kept| kept.password.expose() == password.expose() && kept.until > now) {
            return Ok(Arc::clone(&kept.credential));
        }
        *kept = None;
        let user = self.user.as_deref().map(principal);
        let credential = Credential::acquire(user.as_deref(), &Source::Password(password.expose()))?;
        // Renewed early: a ticket must outlast the request it is used for.
        let until = now + Duration::from_secs(u64::from(credential.life())).mul_f64(0.8);
        let credential = Arc::new(Mutex::new(credential));
        *kept = Some(Kept { password, until, credential: Arc::clone(&credential) });
        Ok(credential)
    }
}

impl Dialogue {
    fn step(mut self, given: Option<&[u8]>) -> Result<(Self, Vec<u8>, bool), Failure> {
        let (message, done) = {
            let mut credential = self.credential.lock().unwrap_or_else(PoisonError::into_inner);
            self.context.step(&mut credential, given)?
        };
        Ok((self, message, done))
    }

    /// Reads the server's message; gives the next one and whether the login is complete.
    pub(super) async fn go_on(self, given: Vec<u8>) -> Result<(Self, Vec<u8>, bool), Without> {
        settle(spawn_blocking(move || self.step(Some(&given))).await)
    }
}

fn settle<T>(outcome: Result<Result<T, Failure>, tokio::task::JoinError>) -> Result<T, Without> {
    match outcome {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(failure)) => Err(without(&failure)),
        Err(_) => Err(Without::Impossible(no_ticket("the library did not return", "restart Calport"))),
    }
}

/// How Kerberos names a user: the realm in capital letters.
fn principal(user: &str) -> String {
    match (user.split_once('\\'), user.rsplit_once('@')) {
        (Some((realm, name)), _) => format!("{name}@{}", realm.to_uppercase()),
        (None, Some((name, realm))) => format!("{name}@{}", realm.to_uppercase()),
        (None, None) => user.to_owned(),
    }
}

/// Whether the user's name tells a realm that Kerberos knows: a short domain name is none.
pub(super) fn names_a_realm(user: &str) -> bool {
    user.split_once('\\').is_none_or(|(domain, _)| domain.contains('.'))
}

pub(super) fn no_ticket(why: impl Into<String>, remedy: &'static str) -> LoginProblem {
    LoginProblem::NoTicket { why: why.into(), remedy, transient: false }
}

/// The number for a key distribution centre that does not answer.
const UNANSWERED: i32 = 156;
/// The library counts from here: first the errors of RFC 4120 by their numbers, then its own.
const BASE: i32 = -1_765_328_384;

fn without(failure: &Failure) -> Without {
    let number = failure.code.checked_sub(BASE).unwrap_or(-1);
    let remedy = match number {
        _ if failure.absent => "install MIT Kerberos (Debian: libgssapi-krb5-2)",
        // A wrong password; a keytab that is older than the last change of the password gives the same.
        24 | 31 => return Without::WrongPassword,
        6 => "the user is unknown to the realm: check `user`, with the realm's name after `@`",
        7 => {
            "the service HTTP/HOST is unknown to the realm: use the server's full name in the endpoint's `url`, and have its service name registered"
        }
        18 => "the account is locked or disabled: have it unlocked",
        23 => "the password has expired: have it renewed",
        37 => "the clocks differ: set this machine's and the server's",
        UNANSWERED => "the key distribution centre does not answer: check the realm in /etc/krb5.conf and the firewall (port 88)",
        154 => "the realm is unknown: name its key distribution centre in /etc/krb5.conf, or have it found by DNS",
        195 => "there are no tickets: name a `keytab` or a `ticket_cache`, or a `user` with its `secret`",
        _ => "check `keytab` or `ticket_cache` of the endpoint, and the realm in /etc/krb5.conf; `kinit` and `klist` show more",
    };
    Without::Impossible(LoginProblem::NoTicket { why: failure.text.clone(), remedy, transient: number == UNANSWERED })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feat_c05_a_user_is_named_as_kerberos_does() {
        let table =
            [("calport@example.test", "calport@EXAMPLE.TEST"), ("example.test\\calport", "calport@EXAMPLE.TEST"), ("calport", "calport")];
        for (given, expected) in table {
            assert_eq!(principal(given), expected);
        }
        assert!(names_a_realm("a@b") && names_a_realm("a") && names_a_realm("b.c\\a") && !names_a_realm("B\\a"));
    }

    #[test]
    fn feat_c05_each_failure_has_its_remedy_and_a_wrong_password_is_told_apart() {
        let failure = |number: i32, absent| Failure { code: BASE + number, text: "words".to_owned(), absent };
        assert!(matches!(without(&failure(24, false)), Without::WrongPassword));
        for (number, absent, word) in [
            (0, true, "libgssapi-krb5-2"),
            (7, false, "HTTP/HOST"),
            (156, false, "port 88"),
            (37, false, "clocks"),
            (195, false, "keytab"),
            (1, false, "klist"),
        ] {
            match without(&failure(number, absent)) {
                Without::Impossible(problem) => {
                    assert!(problem.to_string().contains(word) && problem.to_string().contains("words"), "{problem}")
                }
                Without::WrongPassword => panic!("{number}"),
            }
        }
        assert!(matches!(without(&failure(UNANSWERED, false)), Without::Impossible(LoginProblem::NoTicket { transient: true, .. })));
        let other = Failure { code: i32::MIN, text: String::new(), absent: false };
        assert!(matches!(without(&other), Without::Impossible(_)));
    }
}
