//! Negotiate: Kerberos, and NTLM where Kerberos is not possible and there is a password.
//!
//! A password that the realm refuses is not offered to NTLM: that would be a second wrong attempt. A ticket that fails locks
//! nobody out and may be tried at any time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use calport_secrets::Secret;
use http::StatusCode;
use tokio::time::timeout_at;

use super::bound::{Bound, header, login_error, offered, token};
use super::kerberos::{self, REST, Tickets, Without, no_ticket};
use super::{Answer, Auth, Scheme, Turn, Vault};
use crate::error::{EgressError, Phase};
use crate::line::Pool;
use crate::login::LoginProblem;
use crate::speak::{Heard, Spoken};
use crate::wire::{Call, Reply, Wire};

/// Messages of one login; Kerberos needs one, a server that asks for another mechanism three.
const MOST_STEPS: usize = 4;

pub(super) struct Negotiate {
    tickets: Arc<Tickets>,
    /// The other way, if there is a password.
    ntlm: Option<Bound>,
    secret: Option<String>,
    bind: bool,
    vault: Vault,
    pool: Arc<Pool>,
    /// Until then only the other way is tried, for this reason.
    resting: Mutex<Option<(Duration, LoginProblem)>>,
}

/// Why a request did not pass by ticket.
enum Failed {
    /// It may pass by NTLM.
    Ticket(LoginProblem),
    Request(EgressError),
}

impl From<EgressError> for Failed {
    fn from(error: EgressError) -> Self {
        Self::Request(error)
    }
}

impl Negotiate {
    pub(super) fn new(auth: &Auth, vault: Vault) -> Result<Self, String> {
        let Auth::Negotiate { user, password, keytab, ticket_cache, channel_binding: bind } = auth.clone() else {
            return Err("the scheme is not Negotiate".to_owned());
        };
        let ntlm = match (&user, &password) {
            (Some(user), Some(secret)) => Some(Bound::new(user.clone(), secret.clone(), bind, vault.clone())?),
            (None, Some(_)) => return Err("a password needs a `user`".to_owned()),
            _ => None,
        };
        let tickets = Arc::new(Tickets::new(user, keytab, ticket_cache));
        Ok(Self { tickets, ntlm, secret: password, bind, vault, pool: Arc::default(), resting: Mutex::default() })
    }

    /// Why Kerberos is not worth a try now.
    fn resting(&self, wire: &Wire) -> Option<LoginProblem> {
        let ntlm = self.ntlm.as_ref()?;
        if self.tickets.by_password() && !kerberos::names_a_realm(ntlm.user()) {
            let remedy = "write `user` as user@realm for a ticket by password";
            return Some(no_ticket("a short domain name is no realm", remedy));
        }
        let resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        resting.as_ref().filter(|(until, _)| *until > wire.clock.monotonic()).map(|(_, problem)| problem.clone())
    }

    fn rest(&self, wire: &Wire, problem: &LoginProblem) {
        let until = wire.clock.monotonic() + REST;
        *self.resting.lock().unwrap_or_else(PoisonError::into_inner) = Some((until, problem.clone()));
    }

    async fn send(&self, wire: &Wire, call: &Call) -> Result<Reply, EgressError> {
        let problem = match self.resting(wire) {
            Some(problem) => problem,
            None => match self.by_ticket(wire, call).await {
                Ok(reply) => return Ok(reply),
                Err(Failed::Request(error)) => return Err(error),
                Err(Failed::Ticket(problem)) => {
                    self.rest(wire, &problem);
                    problem
                }
            },
        };
        match &self.ntlm {
            // Where NTLM is not offered, the way that is offered has failed for the reason found before.
            Some(ntlm) => ntlm.send(wire, call).await.map_err(|error| match error {
                EgressError::Login { problem: LoginProblem::NotOffered { offered }, .. }
                    if offered.iter().any(|name| name == "negotiate") =>
                {
                    login_error(call, problem)
                }
                other => other,
            }),
            None => Err(login_error(call, problem)),
        }
    }

    async fn by_ticket(&self, wire: &Wire, call: &Call) -> Result<Reply, Failed> {
        let Some(url::Host::Domain(host)) = call.url.host() else {
            let remedy = "use the server's name in the endpoint's `url`";
            return Err(Failed::Ticket(no_ticket("tickets are for names, not for addresses", remedy)));
        };
        let password = self.secret.as_ref().map(|secret| self.vault.get(secret)).transpose()?;
        let mut fresh = false;
        loop {
            let (mut line, kept) = match self.pool.take().filter(|_| !fresh) {
                Some(line) => (line, true),
                None => (wire.dial(call).await?, false),
            };
            let binding = line.binding.clone().filter(|_| self.bind);
            let (mut dialogue, mut message) = self.begin(wire, call, host.to_owned(), binding, password.as_ref()).await?;
            for _ in 0..MOST_STEPS {
                let heard = match wire.speak(&mut line, call, Some(header("Negotiate", &message)?)).await? {
                    Spoken::Answer(heard) => heard,
                    Spoken::Stale if kept => break,
                    Spoken::Stale => return Err(login_error(call, LoginProblem::Closed).into()),
                };
                let answer = token(heard.response.headers(), "negotiate");
                if heard.response.status() != StatusCode::UNAUTHORIZED {
                    return self.passed(wire, call, dialogue, answer, heard, line).await;
                }
                let offered = offered(heard.response.headers());
                if !offered.iter().any(|scheme| scheme == "negotiate") {
                    return Err(Failed::Ticket(LoginProblem::NotOffered { offered }));
                }
                let goes_on = wire.hear_out(heard, &mut line, call).await;
                let Some(answer) = answer.filter(|_| goes_on) else {
                    if kept {
                        break;
                    }
                    return Err(Failed::Ticket(LoginProblem::TicketRefused));
                };
                // What the library cannot make of the server's answer is the server's refusal.
                let Ok((next, reply, _)) = dialogue.go_on(answer).await else {
                    return Err(Failed::Ticket(LoginProblem::TicketRefused));
                };
                (dialogue, message) = (next, reply);
            }
            if fresh || !kept {
                return Err(Failed::Ticket(LoginProblem::TicketRefused));
            }
            fresh = true;
        }
    }

    /// The first message. A password goes to the realm by one request at a time, and once if it is wrong.
    async fn begin(
        &self,
        wire: &Wire,
        call: &Call,
        host: String,
        binding: Option<Vec<u8>>,
        password: Option<&Secret>,
    ) -> Result<(kerberos::Dialogue, Vec<u8>), Failed> {
        let judged = self.ntlm.as_ref().zip(password).filter(|_| self.tickets.by_password());
        let mut turn = None;
        if let Some((ntlm, password)) = judged {
            turn = Some(ntlm.attempts().turn(wire, call).await?);
            ntlm.attempts().judge(password, wire)?;
            if let Some(problem) = self.resting(wire) {
                return Err(Failed::Ticket(problem));
            }
        }
        let asked = self.tickets.begin(wire, host, binding, password.cloned());
        let begun = timeout_at(call.deadline, asked).await.map_err(|_| wire.late(call, Phase::Connect))?;
        let result = match (begun, judged) {
            (Ok(begun), Some((ntlm, password))) => {
                ntlm.attempts().accepted(password);
                Ok(begun)
            }
            (Ok(begun), None) => Ok(begun),
            (Err(Without::WrongPassword), Some((ntlm, password))) => Err(ntlm.note_refused(wire, call, password, None).into()),
            (Err(Without::WrongPassword), None) => {
                let remedy = "the keys in `keytab` are not the account's any more: have the keytab made again";
                Err(Failed::Ticket(no_ticket("the key was refused", remedy)))
            }
            (Err(Without::Impossible(problem)), _) => {
                // Before the turn ends: those who wait need not ask as well.
                self.rest(wire, &problem);
                Err(Failed::Ticket(problem))
            }
        };
        drop(turn);
        result
    }

    /// Checks the server's own proof, which comes with the answer if it comes at all.
    async fn passed(
        &self,
        wire: &Wire,
        call: &Call,
        dialogue: kerberos::Dialogue,
        proof: Option<Vec<u8>>,
        heard: Heard,
        line: crate::line::Line,
    ) -> Result<Reply, Failed> {
        if let Some(proof) = proof
            && !matches!(dialogue.go_on(proof).await, Ok((_, _, true)))
        {
            let (url, outcome) = (crate::error::SafeUrl::new(&call.url), call.outcome());
            let detail = "its Kerberos message does not prove that it is the server of this name".to_owned();
            return Err(EgressError::Invalid { url, detail, outcome }.into());
        }
        Ok(wire.reply(heard, line, &self.pool))
    }
}

#[async_trait]
impl Scheme for Negotiate {
    async fn converse(&self, wire: &Wire, call: &Call, turn: Turn) -> Result<Answer, EgressError> {
        Ok(Answer { reply: self.send(wire, call).await?, turn })
    }
}
