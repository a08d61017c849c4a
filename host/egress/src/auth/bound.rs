//! NTLM over connections of our own, each logged in once and by one credential for life (SEMANTICS B-47).
//!
//! The first message goes with the request's method and URL and no body; the request itself goes with the third. A connection
//! whose login the server refuses is closed and the password not tried again. A 401 on a connection that was logged in closes
//! it, and the request is repeated once on a new one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use calport_secrets::Secret;
use http::header::{AUTHORIZATION, VIA};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tokio::sync::OwnedMutexGuard;
use tokio::time::sleep;

use super::attempts::Attempts;
use super::challenge::challenges;
use super::ntlm::{Account, Handshake};
use super::{Answer, Scheme, Turn, Vault};
use crate::error::{EgressError, SafeUrl};
use crate::line::{Line, Pool};
use crate::login::LoginProblem;
use crate::speak::{Heard, Spoken};
use crate::throttle::asks_to_slow_down;
use crate::wire::{Call, Reply, Wire};

/// A refusal comes at once. A server that still computes after this time has let the login pass, and the next may begin.
const REFUSED_BY_THEN: Duration = Duration::from_secs(3);
/// So many logged-in connections in a row that were unknown at their next request give an intermediary away.
const FORGOTTEN: u32 = 2;

/// The scheme NTLM of one credential.
pub(super) struct Bound {
    user: String,
    account: Account,
    secret: String,
    bind: bool,
    vault: Vault,
    pool: Arc<Pool>,
    attempts: Attempts,
    forgotten: AtomicU32,
}

/// How far a login came.
enum Login {
    /// The server let the request pass.
    Passed(Heard),
    /// It asked for no login; what it said to the request without its body.
    NotAsked(Heard),
}

impl Bound {
    pub(super) fn new(user: String, secret: String, bind: bool, vault: Vault) -> Result<Self, String> {
        let account = Account::parse(&user)?;
        let (pool, attempts, forgotten) = (Arc::default(), Attempts::default(), AtomicU32::new(0));
        Ok(Self { user, account, secret, bind, vault, pool, attempts, forgotten })
    }

    /// The user as configured.
    pub(super) fn user(&self) -> &str {
        &self.user
    }

    /// What is known about the password.
    pub(super) fn attempts(&self) -> &Attempts {
        &self.attempts
    }

    /// Sends the request over a connection that is logged in, or logs one in.
    pub(super) async fn send(&self, wire: &Wire, call: &Call) -> Result<Reply, EgressError> {
        let password = self.vault.get(&self.secret)?;
        let mut doubted = false;
        loop {
            self.attempts.judge(&password, wire)?;
            let kept = if doubted { None } else { self.pool.take() };
            let Some(mut line) = kept else { return self.fresh(wire, call, &password).await };
            match wire.speak(&mut line, call, None).await? {
                Spoken::Stale => {}
                Spoken::Answer(heard) if heard.response.status() == StatusCode::UNAUTHORIZED => {
                    self.forgotten.fetch_add(u32::from(line.logged_in), Ordering::Relaxed);
                    doubted = true;
                }
                Spoken::Answer(heard) => {
                    self.forgotten.store(0, Ordering::Relaxed);
                    return Ok(wire.reply(heard, line, &self.pool));
                }
            }
        }
    }

    /// Logs a new connection in with this request.
    async fn fresh(&self, wire: &Wire, call: &Call, password: &Secret) -> Result<Reply, EgressError> {
        let mut line = wire.dial(call).await?;
        let heard = match self.login(wire, call, password, &mut line).await? {
            Login::Passed(heard) => heard,
            Login::NotAsked(heard) if !needs_the_body(call, heard.response.status()) => heard,
            Login::NotAsked(heard) => {
                if !wire.hear_out(heard, &mut line, call).await {
                    line = wire.dial(call).await?;
                }
                match wire.speak(&mut line, call, None).await? {
                    Spoken::Answer(heard) => heard,
                    Spoken::Stale => return Err(login_error(call, LoginProblem::Closed)),
                }
            }
        };
        Ok(wire.reply(heard, line, &self.pool))
    }

    async fn login(&self, wire: &Wire, call: &Call, password: &Secret, line: &mut Line) -> Result<Login, EgressError> {
        let binding = line.binding.clone().filter(|_| self.bind);
        let mut handshake = Handshake::new(&self.account, password, binding.as_deref());
        let unreadable = |why| login_error(call, LoginProblem::Unreadable(why));
        let first = handshake.first().map_err(unreadable)?;
        let ask = call.without_body();
        let mut name = "NTLM";
        let challenge = loop {
            let heard = match wire.speak(line, &ask, Some(header(name, &first)?)).await? {
                Spoken::Answer(heard) => heard,
                Spoken::Stale => return Err(login_error(call, LoginProblem::Closed)),
            };
            if heard.response.status() != StatusCode::UNAUTHORIZED {
                return Ok(Login::NotAsked(heard));
            }
            let (token, offered) = (token(heard.response.headers(), name), offered(heard.response.headers()));
            let goes_on = wire.hear_out(heard, line, call).await;
            match token {
                Some(token) if goes_on => break token,
                Some(_) => return Err(login_error(call, LoginProblem::Closed)),
                // The same messages, for servers that offer them under the other name only.
                None if goes_on && name == "NTLM" && !has(&offered, "ntlm") && has(&offered, "negotiate") => name = "Negotiate",
                None => return Err(login_error(call, LoginProblem::NotOffered { offered })),
            }
        };
        let answer = handshake.answer(challenge).map_err(unreadable)?;
        // Only from here on the password is at stake.
        let turn = self.attempts.turn(wire, call).await?;
        self.attempts.judge(password, wire)?;
        // Held until a refusal is noted: those who wait must find it when their turn comes.
        let (spoken, _turn) = self.answer_in_turn(wire, call, line, header(name, &answer)?, turn).await;
        let heard = match spoken? {
            Spoken::Answer(heard) => heard,
            Spoken::Stale => return Err(login_error(call, LoginProblem::Closed)),
        };
        if heard.response.status() == StatusCode::UNAUTHORIZED {
            return Err(self.refused(wire, call, password, heard.response.headers()));
        }
        self.attempts.accepted(password);
        line.logged_in = true;
        Ok(Login::Passed(heard))
    }

    /// Sends the request with its login. Other logins wait for the outcome, but not for a slow answer.
    async fn answer_in_turn(
        &self,
        wire: &Wire,
        call: &Call,
        line: &mut Line,
        credential: (HeaderName, HeaderValue),
        turn: OwnedMutexGuard<()>,
    ) -> (Result<Spoken, EgressError>, Option<OwnedMutexGuard<()>>) {
        let spoken = wire.speak(line, call, Some(credential));
        tokio::pin!(spoken);
        tokio::select! {
            biased;
            spoken = &mut spoken => return (spoken, Some(turn)),
            () = sleep(REFUSED_BY_THEN) => drop(turn),
        }
        (spoken.await, None)
    }

    fn refused(&self, wire: &Wire, call: &Call, password: &Secret, headers: &HeaderMap) -> EgressError {
        self.pool.clear();
        let sign = if headers.contains_key(VIA) || headers.contains_key("x-cache") {
            Some("its answer came through a proxy")
        } else if self.forgotten.load(Ordering::Relaxed) >= FORGOTTEN {
            Some("connections that were logged in were unknown to the server at the next request")
        } else {
            None
        };
        self.note_refused(wire, call, password, sign)
    }

    /// Notes that a password was refused, and says so.
    pub(super) fn note_refused(&self, wire: &Wire, call: &Call, password: &Secret, sign: Option<&'static str>) -> EgressError {
        self.attempts.refused(password, wire, |worked_before| {
            let problem = match sign {
                Some(sign) => LoginProblem::Intermediary { sign },
                None => LoginProblem::Refused { user: self.user.clone(), secret: self.secret.clone(), worked_before },
            };
            login_error(call, problem)
        })
    }
}

/// Whether a server that asked for no login judged a request that it has not seen whole.
fn needs_the_body(call: &Call, status: StatusCode) -> bool {
    let settled = status.is_redirection() || asks_to_slow_down(status) || matches!(status.as_u16(), 403 | 404 | 405 | 440 | 501 | 502);
    !call.body.is_empty() && !settled
}

pub(super) fn login_error(call: &Call, problem: LoginProblem) -> EgressError {
    EgressError::Login { url: SafeUrl::new(&call.url), problem }
}

/// The header that carries a message of a login.
pub(super) fn header(scheme: &str, message: &[u8]) -> Result<(HeaderName, HeaderValue), EgressError> {
    let mut value = HeaderValue::try_from(format!("{scheme} {}", STANDARD.encode(message)))
        .map_err(|_| EgressError::Malformed { what: "a message of the login cannot be sent".to_owned() })?;
    value.set_sensitive(true);
    Ok((AUTHORIZATION, value))
}

/// The server's message under this scheme, if it sent one that can be decoded.
pub(super) fn token(headers: &HeaderMap, scheme: &str) -> Option<Vec<u8>> {
    let found =
        challenges(headers).into_iter().find(|challenge| challenge.scheme.eq_ignore_ascii_case(scheme) && challenge.token.is_some());
    STANDARD.decode(found?.token?).ok()
}

/// The schemes that the server offers, as words fit for a message.
pub(super) fn offered(headers: &HeaderMap) -> Vec<String> {
    let mut names: Vec<String> = challenges(headers).into_iter().map(|challenge| challenge.scheme.chars().take(32).collect()).collect();
    names.dedup();
    names.truncate(8);
    names
}

fn has(offered: &[String], scheme: &str) -> bool {
    offered.iter().any(|name| name == scheme)
}

#[async_trait]
impl Scheme for Bound {
    async fn converse(&self, wire: &Wire, call: &Call, turn: Turn) -> Result<Answer, EgressError> {
        Ok(Answer { reply: self.send(wire, call).await?, turn })
    }
}
