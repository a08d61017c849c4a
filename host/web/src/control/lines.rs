//! A log feed as the body of an answer.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::stream::{self, Stream, StreamExt};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::logring::LogFeed;

/// How often a silent stream says that it lives; a follower that is gone is noticed by then.
const ALIVE: Duration = Duration::from_secs(15);

/// The last `lines` lines, and those to come when `follow` is set, until `stop` is cancelled.
pub(super) fn body(feed: LogFeed, lines: usize, follow: bool, stop: CancellationToken) -> Body {
    let skip = feed.last.len().saturating_sub(lines);
    let last = stream::iter(feed.last.into_iter().skip(skip).map(|line| ended(&line)));
    let next = stream::iter(follow.then_some(feed.next)).flat_map(move |next| following(next, stop.clone()));
    Body::from_stream(last.chain(next).map(Ok::<_, Infallible>))
}

fn following(next: Receiver<Arc<str>>, stop: CancellationToken) -> impl Stream<Item = Bytes> {
    stream::unfold((next, stop), |(mut next, stop)| async move {
        let heard = stop.run_until_cancelled(timeout(ALIVE, next.recv())).await?;
        let line = match heard {
            Ok(Ok(line)) => ended(&line),
            Ok(Err(RecvError::Closed)) => return None,
            Ok(Err(RecvError::Lagged(missed))) => missing(missed),
            Err(_) => Bytes::from_static(b"\n"),
        };
        Some((line, (next, stop)))
    })
    .boxed()
}

fn ended(line: &str) -> Bytes {
    format!("{line}\n").into()
}

fn missing(missed: u64) -> Bytes {
    let line = serde_json::json!({
        "time": null, "level": "WARN", "target": module_path!(), "code": "log-missed", "connection": null, "person": null,
        "message": "lines are missing here: this follower was too slow", "fields": { "missed": missed },
    });
    ended(&line.to_string())
}
