//! What a login costs: requests by Basic and by NTLM against the same small server on loopback, in microseconds.
//!
//! `cargo run --release -p calport-egress --example login_cost` prints a table: a request on a connection that is logged in, and
//! a connection with its login and first request. The server answers at once and judges no password, so that what is measured
//! is the host's own work and the further round trip of a login.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a program of measurements may fail loudly")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use calport_egress::{Auth, Connection, ConnectionPolicy, Egress, Endpoint, NoTrace, Request, SystemClock};
use calport_secrets::Secret;
use http::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const ROUNDS: u32 = 20;
const REQUESTS: u32 = 250;
const LOGINS: u32 = 25;
/// Bytes of a request and of an answer, as a page of notifications has them.
const BODY: usize = 2_000;
/// A challenge as Samba gives it.
const CHALLENGE: &str = "TlRMTVNTUAACAAAABAAEADgAAAAFgoqiFguEH7YWGNcAAAAAAAAAACwALAA8AAAABgEAAAAAAA9WAE0AAgAEAFYATQABAAQAVgBNAAQAAAADAAQAdgBtAAcACACQsvQ1qHndAQAAAAA=";

async fn serve(mut socket: TcpStream) {
    let (mut text, mut buffer) = (Vec::new(), [0; 16 * 1024]);
    loop {
        let head = text.windows(4).position(|window: &[u8]| window == b"\r\n\r\n");
        let whole = head.filter(|head| {
            let shown = String::from_utf8_lossy(&text[..*head]).to_lowercase();
            let length = shown.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok()).unwrap_or(0);
            text.len() >= head + 4 + length
        });
        let Some(head) = whole else {
            match socket.read(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(read) => text.extend_from_slice(&buffer[..read]),
            }
            continue;
        };
        let first = String::from_utf8_lossy(&text[..head]).contains("NTLM TlRMTVNTUAAB");
        let answer = if first {
            format!("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM {CHALLENGE}\r\nContent-Length: 0\r\n\r\n")
        } else {
            format!("HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {BODY}\r\n\r\n{}", "x".repeat(BODY))
        };
        text.clear();
        if socket.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn connect(address: SocketAddr, auth: &Auth) -> Arc<Connection> {
    let mut endpoint = Endpoint::new("server", format!("http://{address}/").parse().unwrap(), auth.clone());
    endpoint.allow_addresses = vec!["loopback".parse().unwrap()];
    endpoint.plain_http = true;
    let secrets = Arc::new(BTreeMap::from([("password".to_owned(), Secret::new("Passw0rd"))]));
    let egress = Egress::new(Arc::new(SystemClock::new()), Arc::new(NoTrace));
    egress.connection(ConnectionPolicy::new("bench", vec![endpoint]), secrets).unwrap()
}

async fn send(connection: &Connection, address: SocketAddr) {
    let mut request = Request::new(Method::POST, format!("http://{address}/"));
    request.body = vec![b'x'; BODY].into();
    assert_eq!(connection.send(request).await.unwrap().body.len(), BODY);
}

fn each(took: Duration, count: u32) -> f64 {
    took.as_secs_f64() * 1e6 / f64::from(count)
}

#[tokio::main]
async fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            socket.set_nodelay(true).unwrap();
            tokio::spawn(serve(socket));
        }
    });
    let (user, password) = ("EXAMPLE\\anna".to_owned(), "password".to_owned());
    let schemes = [
        ("none", Auth::None),
        ("basic", Auth::Basic { user: user.clone(), password: password.clone() }),
        ("ntlm", Auth::Ntlm { user, password, channel_binding: true }),
    ];
    // The first of all pays for what is made once.
    for (_, auth) in &schemes {
        for _ in 0..50 {
            send(&connect(address, auth), address).await;
        }
    }
    // Batches in turn, and the best of each counts: other programs on the machine only ever add.
    let warm: Vec<Arc<Connection>> = schemes.iter().map(|(_, auth)| connect(address, auth)).collect();
    let mut best = [[f64::MAX; 2]; 3];
    for _ in 0..ROUNDS {
        for (at, (_, auth)) in schemes.iter().enumerate() {
            let started = Instant::now();
            for _ in 0..REQUESTS {
                send(&warm[at], address).await;
            }
            best[at][0] = best[at][0].min(each(started.elapsed(), REQUESTS));
            let fresh: Vec<Arc<Connection>> = (0..LOGINS).map(|_| connect(address, auth)).collect();
            let started = Instant::now();
            for connection in &fresh {
                send(connection, address).await;
            }
            best[at][1] = best[at][1].min(each(started.elapsed(), LOGINS));
        }
    }
    println!("{:<8} {:>14} {:>26}", "scheme", "request, us", "connect + first request, us");
    for ((name, _), [request, first]) in schemes.iter().zip(best) {
        println!("{name:<8} {request:>14.1} {first:>26.1}");
    }
    let ratio = |column: usize| best[2][column] / best[1][column];
    println!("ntlm / basic: {:.2} for a request, {:.2} with connection and login", ratio(0), ratio(1));
}
