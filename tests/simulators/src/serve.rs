//! A loopback HTTP/1 server whose connections can be aborted in the middle, and that stops with everything it holds.
//!
//! Handlers get the connection as `ConnectInfo<Peer>`: they learn the caller's address, may keep something for as long as the
//! connection lives ([`Peer::memory`]), and may call [`Peer::reset`].

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::connect_info::Connected;
use axum::http::Extensions;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// The connection a request came by.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The caller's address.
    pub address: SocketAddr,
    /// Number of the connection in the order of their coming, from 1.
    pub number: u64,
    reset: Arc<AtomicBool>,
    spared: Arc<AtomicBool>,
    memory: Arc<Mutex<Extensions>>,
}

impl Peer {
    /// Lets this connection live through [`Lines::hang_up`], so that whoever asked for that gets an answer.
    pub fn spare(&self) {
        self.spared.store(true, Ordering::SeqCst);
    }

    /// Aborts the connection: the answer of the running request is not sent, the caller sees a TCP reset.
    pub fn reset(&self) {
        self.reset.store(true, Ordering::SeqCst);
    }

    /// What the server remembers of this connection, a default one at first; it is forgotten when the connection ends.
    pub fn memory<T: Clone + Default + Send + Sync + 'static, R>(&self, with: impl FnOnce(&mut T) -> R) -> R {
        with(self.memory.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default::<T>())
    }
}

impl Connected<IncomingStream<'_, Door>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        let wire = stream.io();
        Self {
            address: *stream.remote_addr(),
            number: wire.number,
            reset: Arc::clone(&wire.reset),
            spared: Arc::clone(&wire.spared),
            memory: Arc::clone(&wire.memory),
        }
    }
}

/// A running server; dropping it closes its listener and every connection.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    stop: CancellationToken,
    lines: Arc<Lines>,
}

/// The connections of a server.
#[derive(Debug, Default)]
pub struct Lines {
    opened: AtomicU64,
    /// Cancelled when those that are open now are closed.
    open: Mutex<CancellationToken>,
}

impl Lines {
    /// How many connections there have been.
    #[must_use]
    pub fn opened(&self) -> u64 {
        self.opened.load(Ordering::SeqCst)
    }

    /// Closes all connections in the middle of whatever they do; new ones are taken as before.
    pub fn hang_up(&self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *open).cancel();
    }
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A token that is cancelled when the server stops, for tasks that live as long as it does.
    #[must_use]
    pub fn stopped(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Its connections.
    #[must_use]
    pub fn lines(&self) -> Arc<Lines> {
        Arc::clone(&self.lines)
    }

    /// Closes the listener and all connections.
    pub fn stop(&self) {
        self.stop.cancel();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Binds `address` without serving yet, so that a caller knows the port while it builds its router.
///
/// # Errors
/// The address cannot be bound.
pub async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Serves `router` on `listener` in the background.
///
/// # Errors
/// The listener has no local address.
pub fn start(listener: TcpListener, router: Router) -> io::Result<Running> {
    let address = listener.local_addr()?;
    let stop = CancellationToken::new();
    let lines = Arc::new(Lines::default());
    let door = Door { listener, stop: stop.clone(), lines: Arc::clone(&lines) };
    let token = stop.clone();
    let service = router.into_make_service_with_connect_info::<Peer>();
    tokio::spawn(async move {
        tokio::select! {
            () = token.cancelled() => {}
            end = axum::serve(door, service) => {
                if let Err(e) = end {
                    tracing::warn!(error = %e, "simulator server ended");
                }
            }
        }
    });
    Ok(Running { address, stop, lines })
}

/// The listener that hands out [`Wire`]s.
#[derive(Debug)]
pub struct Door {
    listener: TcpListener,
    stop: CancellationToken,
    lines: Arc<Lines>,
}

impl Listener for Door {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Wire, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, address)) => {
                    stream.set_nodelay(true).ok();
                    let open = self.lines.open.lock().unwrap_or_else(PoisonError::into_inner).clone();
                    let wire = Wire {
                        stream,
                        number: self.lines.opened.fetch_add(1, Ordering::SeqCst) + 1,
                        reset: Arc::default(),
                        spared: Arc::default(),
                        memory: Arc::default(),
                        stop: Box::pin(self.stop.clone().cancelled_owned()),
                        hung_up: Box::pin(open.cancelled_owned()),
                    };
                    return (wire, address);
                }
                Err(e) => {
                    // Out of file descriptors or an aborted handshake: give way, then go on.
                    tracing::warn!(error = %e, "simulator could not accept a connection");
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// One connection.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    number: u64,
    reset: Arc<AtomicBool>,
    spared: Arc<AtomicBool>,
    memory: Arc<Mutex<Extensions>>,
    stop: Pin<Box<WaitForCancellationFutureOwned>>,
    hung_up: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Wire {
    fn refused(&mut self, cx: &mut Context<'_>) -> Option<io::Error> {
        if self.reset.load(Ordering::SeqCst) {
            // Zero linger turns the close that follows into a reset.
            self.stream.set_zero_linger().ok();
            return Some(io::Error::from(io::ErrorKind::ConnectionReset));
        }
        let hung_up = self.hung_up.as_mut().poll(cx).is_ready() && !self.spared.load(Ordering::SeqCst);
        (hung_up || self.stop.as_mut().poll(cx).is_ready()).then(|| io::Error::from(io::ErrorKind::ConnectionAborted))
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.refused(cx) {
            Some(e) => Poll::Ready(Err(e)),
            None => Pin::new(&mut self.stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match self.refused(cx) {
            Some(e) => Poll::Ready(Err(e)),
            None => Pin::new(&mut self.stream).poll_write(cx, data),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
