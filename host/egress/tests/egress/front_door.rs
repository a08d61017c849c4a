//! A server that asks for NTLM without judging the password: what connections, proxies and challenges do is under test here,
//! the messages themselves are judged by programs of others in `tests/peers/auth`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use calport_egress::{Auth, Connection, ConnectionPolicy, EgressError, Endpoint, LoginProblem, Proxy};
use calport_secrets::Secret;
use tokio::io::AsyncWriteExt;

use crate::support::{World, answer, local_endpoint, read_request, serve_raw};

/// A challenge as Samba gives it.
pub const CHALLENGE: &str = "TlRMTVNTUAACAAAABAAEADgAAAAFgoqiFguEH7YWGNcAAAAAAAAAACwALAA8AAAABgEAAAAAAA9WAE0AAgAEAFYATQABAAQAVgBNAAQAAAADAAQAdgBtAAcACACQsvQ1qHndAQAAAAA=";

/// What the door does beyond its duty.
#[derive(Clone, Default)]
pub struct Manners {
    /// Headers of a first 401, without the token.
    pub offer: Option<&'static str>,
    /// The scheme whose messages it understands.
    pub scheme: Option<&'static str>,
    /// Further headers of every 401.
    pub headers: &'static str,
    /// Answers every login with 401.
    pub refuses: bool,
    /// Closes the connection after its challenge.
    pub closes: bool,
    /// Forgets a connection's login after so many requests.
    pub forgets_after: Option<usize>,
    /// Closes a connection after so many requests, without having said so.
    pub drops_after: Option<usize>,
    /// Lets everybody pass.
    pub open: bool,
    /// What it sends as its challenge.
    pub challenge: Option<&'static str>,
}

#[derive(Default)]
pub struct Counts {
    pub connections: AtomicUsize,
    pub challenges: AtomicUsize,
    pub logins: AtomicUsize,
    pub requests: AtomicUsize,
    /// Every request as it came.
    pub seen: Mutex<Vec<String>>,
}

impl Counts {
    /// Connections, challenges, logins, requests behind the door.
    pub fn all(&self) -> [usize; 4] {
        [&self.connections, &self.challenges, &self.logins, &self.requests].map(|cell| cell.load(Ordering::SeqCst))
    }
}

pub async fn door(manners: Manners) -> (SocketAddr, Arc<Counts>) {
    let counts = Arc::new(Counts::default());
    let shared = counts.clone();
    let address = serve_raw(move |_, mut socket| {
        let (manners, counts) = (manners.clone(), shared.clone());
        async move {
            counts.connections.fetch_add(1, Ordering::SeqCst);
            let (mut known, mut asked, mut passed) = (manners.open, false, 0);
            while let Some(request) = read_request(&mut socket).await {
                counts.seen.lock().unwrap().push(request.clone());
                let said = said(&request, manners.scheme.unwrap_or("NTLM"));
                if said == Said::Login && asked && !manners.refuses && !known {
                    counts.logins.fetch_add(1, Ordering::SeqCst);
                    known = true;
                }
                if known {
                    passed += 1;
                    counts.requests.fetch_add(1, Ordering::SeqCst);
                    let body = request.split("\r\n\r\n").nth(1).unwrap_or_default();
                    answer(&mut socket, &format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())).await;
                    known = manners.open || manners.forgets_after != Some(passed);
                    if manners.drops_after == Some(passed) {
                        break;
                    }
                    continue;
                }
                let scheme = manners.scheme.unwrap_or("NTLM");
                let offer = match said {
                    Said::First => {
                        counts.challenges.fetch_add(1, Ordering::SeqCst);
                        asked = true;
                        format!("WWW-Authenticate: {scheme} {}\r\n", manners.challenge.unwrap_or(CHALLENGE))
                    }
                    _ => manners.offer.map_or_else(|| format!("WWW-Authenticate: {scheme}\r\n"), str::to_owned),
                };
                let close = if manners.closes { "Connection: close\r\n" } else { "" };
                let text = format!("HTTP/1.1 401 Unauthorized\r\n{}{offer}{close}Content-Length: 6\r\n\r\nlogin!", manners.headers);
                answer(&mut socket, &text).await;
                if manners.closes {
                    break;
                }
            }
            let _ = socket.shutdown().await;
        }
    })
    .await;
    (address, counts)
}

#[derive(PartialEq)]
enum Said {
    Nothing,
    First,
    Login,
}

/// Which message of the scheme a request carries.
fn said(request: &str, scheme: &str) -> Said {
    let wanted = format!("authorization: {} ", scheme.to_lowercase());
    let line = request.lines().find(|line| line.to_lowercase().starts_with(&wanted));
    let Some(token) = line.and_then(|line| line.rsplit(' ').next()) else { return Said::Nothing };
    match STANDARD.decode(token).unwrap().get(8) {
        Some(1) => Said::First,
        Some(3) => Said::Login,
        _ => panic!("no message: {token}"),
    }
}

pub fn ntlm() -> Auth {
    Auth::Ntlm { user: "EXAMPLE\\anna".to_owned(), password: "marker".to_owned(), channel_binding: true }
}

pub fn ntlm_endpoint(address: SocketAddr) -> Endpoint {
    local_endpoint(address, ntlm())
}

/// With a proxy that wants a login.
pub fn through(mut endpoint: Endpoint, proxy: SocketAddr) -> Endpoint {
    let login = Some(("proxy-user".to_owned(), "other".to_owned()));
    endpoint.proxy = Some(Proxy { url: format!("http://{proxy}").parse().unwrap(), login });
    endpoint
}

pub fn problem(error: EgressError) -> LoginProblem {
    assert!(!error.sent(), "{error:?}");
    match error {
        EgressError::Login { problem, .. } => problem,
        other => panic!("{other:?}"),
    }
}

/// A store whose secrets change while it is used.
#[derive(Clone, Default)]
pub struct Changing(pub Arc<Mutex<BTreeMap<String, Secret>>>);

impl Changing {
    pub fn set(&self, value: &str) {
        self.0.lock().unwrap().insert("marker".to_owned(), Secret::new(value));
    }
}

impl calport_secrets::SecretSource for Changing {
    fn get(&self, name: &str) -> Result<Secret, calport_secrets::SecretsError> {
        calport_secrets::SecretSource::get(&*self.0.lock().unwrap(), name)
    }
}

/// A connection whose secret `marker` can be changed.
pub fn changing(world: &World, endpoint: Endpoint, slots: usize) -> (Arc<Connection>, Changing) {
    let secrets = Changing::default();
    secrets.set("first");
    let mut policy = ConnectionPolicy::new("mail", vec![endpoint]);
    policy.concurrent_requests = slots;
    (world.egress.connection(policy, Arc::new(secrets.clone())).unwrap(), secrets)
}
