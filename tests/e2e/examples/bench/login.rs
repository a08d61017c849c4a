//! What a login costs: requests by NTLM against those by Basic, to the same small server on loopback.
//!
//! The server answers at once and judges no password, so that what is measured is the host's own work and the further round trip
//! of a login.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use calport_egress::{Auth, Connection, ConnectionPolicy, Egress, Endpoint, NoTrace, Request, SystemClock};
use calport_secrets::Secret;
use http::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{micros, ratio, row};

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

/// Measures and prints.
pub async fn run() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            socket.set_nodelay(true).unwrap();
            tokio::spawn(serve(socket));
        }
    });
    let (user, password) = ("EXAMPLE\\anna".to_owned(), "password".to_owned());
    let schemes = [Auth::Basic { user: user.clone(), password: password.clone() }, Auth::Ntlm { user, password, channel_binding: true }];
    // The first of all pays for what is made once.
    for auth in &schemes {
        for _ in 0..50 {
            send(&connect(address, auth), address).await;
        }
    }
    // Batches in turn, and the best of each counts: other programs on the machine only ever add.
    let warm = schemes.each_ref().map(|auth| connect(address, auth));
    let mut best = [[Duration::MAX; 2]; 2];
    for _ in 0..ROUNDS {
        for (at, auth) in schemes.iter().enumerate() {
            let began = Instant::now();
            for _ in 0..REQUESTS {
                send(&warm[at], address).await;
            }
            best[at][0] = best[at][0].min(began.elapsed() / REQUESTS);
            let fresh: Vec<Arc<Connection>> = (0..LOGINS).map(|_| connect(address, auth)).collect();
            let began = Instant::now();
            for connection in &fresh {
                send(connection, address).await;
            }
            best[at][1] = best[at][1].min(began.elapsed() / LOGINS);
        }
    }
    let [basic, ntlm] = best;
    for (what, at) in [("a request by NTLM, against Basic", 0), ("the same, with a new connection and its login", 1)] {
        row(what, &micros(ntlm[at]), &micros(basic[at]), &ratio(ntlm[at], basic[at]), "-");
    }
}
