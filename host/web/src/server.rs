//! The loop under both servers: accepts, speaks TLS where wanted, hands requests to a router, ends in order.
//!
//! Only HTTP/1.1 is spoken. What posts hooks and what asks the control API needs no more, and the multiplexing of HTTP/2 would
//! give a stranger many requests for the price of one connection. Every connection has a place in a bounded set, a bound on
//! the size of its head, and a time in which a head must come.

use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::Tls;

/// Bounds of a server.
#[derive(Clone, Copy, Debug)]
pub struct ServerLimits {
    /// Connections at a time; more wait in the listener's queue.
    pub connections: usize,
    /// Bytes of a request's head. hyper keeps this much per connection, and 8,192 is the least it takes.
    pub head: usize,
    /// Headers of a request.
    pub headers: usize,
    /// How long a head, and the pause before it on a kept connection, may take.
    pub head_time: Duration,
    /// How long a TLS handshake may take.
    pub handshake_time: Duration,
    /// How long requests under way may take when the server ends.
    pub grace: Duration,
}

impl Default for ServerLimits {
    /// 1,024 connections with 32 KiB and 100 headers each; 30 s for a head, 10 s for a handshake, 5 s at the end.
    fn default() -> Self {
        Self {
            connections: 1024,
            head: 32 * 1024,
            headers: 100,
            head_time: Duration::from_secs(30),
            handshake_time: Duration::from_secs(10),
            grace: Duration::from_secs(5),
        }
    }
}

/// How long accepting pauses after the machine refused it, for instance because all file handles are in use.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `shutdown` is cancelled, then lets requests under way end within [`ServerLimits::grace`].
///
/// A connection that fails ends alone. The listener is closed before the last requests are waited for.
pub async fn serve(listener: TcpListener, router: Router, tls: Option<Tls>, limits: ServerLimits, shutdown: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < limits.connections => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, router.clone(), tls.clone(), limits, shutdown.clone()));
                }
                Err(error) => {
                    tracing::warn!(code = "accept-failed", %error, "a connection could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let ended = timeout(limits.grace, async { while connections.join_next().await.is_some() {} }).await;
    if ended.is_err() {
        tracing::info!(code = "requests-cut", count = connections.len(), "requests under way were cut at the end");
    }
}

async fn connection(stream: TcpStream, router: Router, tls: Option<Tls>, limits: ServerLimits, shutdown: CancellationToken) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(code = "no-delay-refused", %error, "answers may be slower");
    }
    let Some(tls) = tls else {
        return requests(stream, router, limits, shutdown).await;
    };
    match timeout(limits.handshake_time, tls.accept(stream)).await {
        Ok(Ok(stream)) => requests(stream, router, limits, shutdown).await,
        Ok(Err(error)) => tracing::debug!(code = "tls-handshake-failed", %error, "a connection was given up"),
        Err(_) => tracing::debug!(code = "tls-handshake-slow", "a connection was given up"),
    }
}

async fn requests<S>(stream: S, router: Router, limits: ServerLimits, shutdown: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_buf_size(limits.head.max(8192))
        .max_headers(limits.headers)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut served = std::pin::pin!(served);
    let result = tokio::select! {
        result = served.as_mut() => result,
        () = shutdown.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(code = "connection-failed", %error, "a connection ended early");
    }
}
