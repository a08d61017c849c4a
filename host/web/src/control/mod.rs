//! The control API: what the commands ask a running Calport, as JSON over HTTP on a loopback address.
//!
//! Promise: only who holds the token of this process is told anything or changes anything; `/healthz` and `/readyz` say no more
//! than that Calport runs, and whether it is ready. Every error is JSON with what was refused and what to do.
//!
//! Threats and answers. Another user of the machine: the token, 256 bits, compared in constant time, which the binary keeps in
//! a file only its own user reads. A page in a browser on this machine: the token stands in a header, which no page can send
//! here without permission, and no such permission (CORS) is ever given; a foreign `Origin` is refused. DNS rebinding: the `Host`
//! must be the loopback address or `localhost`, with this port. What is large or slow: bodies up to 16 KiB, names and paths up to
//! a length, and answers within 30 s. Streams (log, preview) begin within 30 s and go on as long as somebody reads them.
//!
//! | route | does |
//! |---|---|
//! | `GET /healthz`, `GET /readyz` | alive; ready (200 or 503). Without the token. |
//! | `GET /metrics` | counts in the text format of Prometheus |
//! | `GET /api/status`, `GET /api/plugins` | how things are |
//! | `GET /api/audit?person=P&entries=N` | the last entries, of one person or of all |
//! | `GET /api/log?lines=N&follow=true` | log lines, one JSON object each; an empty line shows that the stream lives |
//! | `GET /api/explain?person=P&at=T` | why a person's presence is as it is, now or at a time |
//! | `POST /api/preview` | body [`PreviewWish`]; what is coming, one JSON object per line |
//! | `POST /api/connections/C/activate`, `…/deactivate`, `…/sync` | |
//! | `POST /api/connections/C/trace` | body `{"on": true, "minutes": 30}` |
//! | `POST /api/sync`, `POST /api/reload`, `POST /api/shutdown` | |

mod client;
mod error;
mod guard;
mod lines;
mod presence;
mod routes;
mod token;

use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::logring::LogFeed;
use crate::{ServerLimits, WebError, serve};

pub use client::{Client, ClientError, Lines};
pub use error::{ControlError, ControlErrorKind};
pub use presence::PreviewWish;
pub use routes::router;
pub use token::{Token, TokenError};

/// What a control call comes to.
pub type ControlAnswer<'a, T = Value> = BoxFuture<'a, Result<T, ControlError>>;

/// Lines of a preview as they are made, each a JSON object.
pub type PreviewFeed = BoxStream<'static, Value>;

/// What the control API asks of the running Calport. The values are those that the commands print with `--json`.
///
/// An answer that takes over 30 s is given up, and with it the future: what must go on is to run elsewhere.
pub trait Control: Send + Sync {
    /// Whether the first plan is loaded and connections are being served.
    fn ready(&self) -> bool;

    /// Connections, people, hooks and plugins as they are (feature R01).
    fn status(&self) -> ControlAnswer<'_>;

    /// Switches a connection on or off; the same again is no error.
    fn activate<'a>(&'a self, connection: &'a str, active: bool) -> ControlAnswer<'a>;

    /// Reads changes now, of one connection or of all; answers when that is under way.
    fn sync_now<'a>(&'a self, connection: Option<&'a str>) -> ControlAnswer<'a>;

    /// Switches the protocol trace of a connection on for some minutes (1 to 10,080), or off.
    fn trace<'a>(&'a self, connection: &'a str, on: bool, minutes: u32) -> ControlAnswer<'a>;

    /// Plugins: used, refused with the reason, and what they cost.
    fn plugins(&self) -> ControlAnswer<'_>;

    /// The last entries of the audit (1 to 1,000), of one person or of all, newest first.
    fn audit<'a>(&'a self, person: Option<&'a str>, entries: u32) -> ControlAnswer<'a>;

    /// Why a person's presence is as it is, now or at a time as people write it (features D-01, X06). The person is named by
    /// whatever is known of them.
    fn explain<'a>(&'a self, person: &'a str, at: Option<&'a str>) -> ControlAnswer<'a>;

    /// What is coming for a person or for all, and what a draft of the configuration would change (features P13, X07). Nothing
    /// is applied. Dropping the feed ends the work.
    fn preview(&self, wish: PreviewWish) -> ControlAnswer<'_, PreviewFeed>;

    /// Reads the configuration again (feature R05).
    fn reload(&self) -> ControlAnswer<'_>;

    /// Ends the process in order; answers before it ends.
    fn shutdown(&self) -> ControlAnswer<'_>;

    /// Counts in the text format of Prometheus.
    fn metrics(&self) -> ControlAnswer<'_, String>;

    /// The last log lines and those to come (feature R02).
    fn log(&self) -> LogFeed;
}

/// Serves the control API until `shutdown` is cancelled; log streams end then, too.
///
/// # Errors
/// When the listener is not on a loopback address: nothing is served then.
pub async fn serve_control(
    listener: TcpListener,
    control: Arc<dyn Control>,
    token: Token,
    shutdown: CancellationToken,
) -> Result<(), WebError> {
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        return Err(WebError::NotLoopback { address });
    }
    let limits = ServerLimits { connections: 128, ..ServerLimits::default() };
    serve(listener, router(control, token, address.port(), shutdown.clone()), None, limits, shutdown).await;
    Ok(())
}
