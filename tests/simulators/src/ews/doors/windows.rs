//! Windows authentication of one connection: NTLM as such, raw inside Negotiate, or wrapped as SPNEGO wraps it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use super::ntlm::{self, Pending, Refusal, Side};
use super::spnego::{self, Place, State};
use super::{accounts, tally};
use crate::ews::auth::Identity;
use crate::ews::config::Config;
use crate::graph::state::State as Mailboxes;

/// How far a connection's login is.
#[derive(Clone, Debug, Default)]
enum Stage {
    #[default]
    Nobody,
    /// NTLM was agreed on, its first message is to come.
    Agreed {
        mechanisms: Vec<u8>,
    },
    Challenged {
        pending: Pending,
        wrapped: Option<Vec<u8>>,
    },
    /// Logged in, in this epoch.
    LoggedIn(Identity, u64),
}

/// What the server remembers of a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    stage: Stage,
}

/// The word of a header that says which of the two it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Ntlm,
    Negotiate,
}

impl Scheme {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ntlm => "NTLM",
            Self::Negotiate => "Negotiate",
        }
    }
}

/// What comes of a header.
pub(crate) enum Step {
    /// 401 with this challenge.
    GoOn(String),
    /// Logged in; the last word of Negotiate, if there is one.
    In(Identity, Option<String>),
}

impl Line {
    /// Who the connection belongs to, if the server has not forgotten it.
    pub fn owner(&self, epoch: u64) -> Option<Identity> {
        match &self.stage {
            Stage::LoggedIn(identity, of) if *of == epoch => Some(identity.clone()),
            _ => None,
        }
    }

    /// Forgets what was.
    pub fn begin_anew(&mut self) {
        self.stage = Stage::Nobody;
    }

    /// Takes the token of a header.
    ///
    /// # Errors
    /// The login is refused, and the connection is nobody's.
    pub fn step(
        &mut self,
        (config, state): (&Config, &Mailboxes),
        scheme: Scheme,
        encoded: &str,
        counted: &mut tally::Connection,
        now: Timestamp,
    ) -> Result<Step, Refusal> {
        let stage = std::mem::take(&mut self.stage);
        let token = STANDARD.decode(encoded.trim()).map_err(|_| Refusal::Malformed)?;
        if ntlm::is_plain(&token) {
            return match (stage, ntlm::is_third(&token)) {
                (Stage::Challenged { pending, wrapped: None }, true) => {
                    self.finish((config, state), scheme, &pending, &token, None, counted)
                }
                (_, true) => Err(Refusal::OutOfTurn),
                (_, false) => self.begin(config, scheme, &token, None, counted, now),
            };
        }
        if scheme == Scheme::Ntlm {
            return Err(Refusal::Malformed);
        }
        let said = spnego::read(&token).ok_or(Refusal::Kerberos)?;
        match (stage, said.mechanisms.clone(), &said.token) {
            (_, Some(mechanisms), token) => match (said.ntlm, token) {
                (Some(Place::First), Some(token)) => self.begin(config, scheme, token, Some(mechanisms), counted, now),
                (Some(place), _) => {
                    let state = if place == Place::First { State::Incomplete } else { State::RequestSignature };
                    self.stage = Stage::Agreed { mechanisms };
                    Ok(Step::GoOn(header(scheme, &spnego::write(state, None, None))))
                }
                (None, _) => Err(Refusal::Kerberos),
            },
            (Stage::Agreed { mechanisms }, None, Some(token)) => self.begin(config, scheme, token, Some(mechanisms), counted, now),
            (Stage::Challenged { pending, wrapped: Some(mechanisms) }, None, Some(token)) => {
                let signed = (mechanisms.as_slice(), said.signature.as_deref());
                self.finish((config, state), scheme, &pending, token, Some(signed), counted)
            }
            _ => Err(Refusal::OutOfTurn),
        }
    }

    fn begin(
        &mut self,
        config: &Config,
        scheme: Scheme,
        first: &[u8],
        wrapped: Option<Vec<u8>>,
        counted: &mut tally::Connection,
        now: Timestamp,
    ) -> Result<Step, Refusal> {
        let pending = ntlm::challenge(&config.doors.domain, &config.doors.dns_domain, first, rand::random(), now)?;
        counted.begun += 1;
        let message = match wrapped {
            Some(_) => spnego::write(State::Incomplete, Some(pending.message()), None),
            None => pending.message().to_vec(),
        };
        self.stage = Stage::Challenged { pending, wrapped };
        Ok(Step::GoOn(header(scheme, &message)))
    }

    fn finish(
        &mut self,
        (config, state): (&Config, &Mailboxes),
        scheme: Scheme,
        pending: &Pending,
        third: &[u8],
        wrapped: Option<(&[u8], Option<&[u8]>)>,
        counted: &mut tally::Connection,
    ) -> Result<Step, Refusal> {
        let find = |user: &str, domain: &str| accounts::known(config, user, domain).map(|a| (a, a.password.clone()));
        let passed = pending.judge(third, config.doors.binding.as_deref(), find)?;
        let last = match wrapped {
            None => None,
            Some((mechanisms, None)) if spnego::wants_signature(mechanisms) => return Err(Refusal::Integrity),
            Some((_, None)) => Some(spnego::write(State::Completed, None, None)),
            Some((mechanisms, Some(signature))) => {
                if passed.signer.sign(Side::Client, mechanisms) != *signature {
                    return Err(Refusal::Integrity);
                }
                let own = passed.signer.sign(Side::Server, mechanisms);
                Some(spnego::write(State::Completed, None, Some(&own)))
            }
        };
        let identity = accounts::identity(config, state, passed.account);
        counted.logins.push(tally::Login { scheme: scheme.name(), account: identity.name(), requests: 0 });
        self.stage = Stage::LoggedIn(identity.clone(), counted.epoch);
        Ok(Step::In(identity, last.map(|l| header(scheme, &l))))
    }
}

fn header(scheme: Scheme, token: &[u8]) -> String {
    format!("{} {}", scheme.name(), STANDARD.encode(token))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ews::config::Account;
    use crate::ews::doors::Doors;
    use crate::ews::doors::ntlm::tests::{Client, signature};
    use crate::graph;

    fn token(step: Result<Step, Refusal>) -> Vec<u8> {
        match step.unwrap() {
            Step::GoOn(header) | Step::In(_, Some(header)) => STANDARD.decode(header.strip_prefix("Negotiate ").unwrap()).unwrap(),
            Step::In(_, None) => panic!("no token"),
        }
    }

    #[test]
    fn b47_where_kerberos_is_offered_first_the_list_must_be_signed() {
        let accounts = vec![Account::person("EXAMPLE\\anna", "p")];
        let config = Config { accounts, doors: Doors::windows(), ..Config::default() };
        let state = Mailboxes::new(graph::Config::default());
        let now = Timestamp::UNIX_EPOCH;
        for sign in [true, false] {
            let (mut line, mut counted, mut client) =
                (Line::default(), tally::Connection::default(), Client::new("anna", "EXAMPLE", "p", None));
            let mut step = |bytes: &[u8]| line.step((&config, &state), Scheme::Negotiate, &STANDARD.encode(bytes), &mut counted, now);
            let (offer, list) = spnego::tests::offer(b"ticket");
            let agreed = spnego::read(&token(step(&offer))).unwrap();
            assert_eq!(agreed.token, None);
            let first = client.step(None, sspi::ClientRequestFlags::empty());
            let second = spnego::read(&token(step(&spnego::write(State::Incomplete, Some(&first), None)))).unwrap().token.unwrap();
            let third = client.step(Some(&second), sspi::ClientRequestFlags::empty());
            let signed = signature(&third, "p", &list);
            let last = step(&spnego::write(State::Incomplete, Some(&third), Some(&signed).filter(|_| sign).map(<[u8; 16]>::as_slice)));
            if sign {
                assert!(spnego::read(&token(last)).unwrap().signature.is_some());
                assert!(line.owner(0).is_some());
            } else {
                assert_eq!(last.err(), Some(Refusal::Integrity));
                assert!(line.owner(0).is_none() && counted.logins.is_empty());
            }
        }
    }
}
