//! The routes of the control API.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::error::{ControlError, ControlErrorKind};
use super::guard::{Guard, guard};
use super::token::Token;
use super::{Control, ControlAnswer, lines, presence};

/// Bytes of a body.
const BODY: usize = 16 * 1024;

/// How long a call may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Minutes after which a trace ends when nothing is said.
const TRACE: u32 = 30;

/// Minutes of the longest trace: one week.
const LONGEST_TRACE: u32 = 7 * 24 * 60;

#[derive(Clone)]
pub(super) struct Shared {
    pub(super) control: Arc<dyn Control>,
    pub(super) stop: CancellationToken,
}

pub(super) type Said<T> = Result<T, ControlError>;

/// The routes for a server on this port of a loopback address. Log streams end when `stop` is cancelled.
pub fn router(control: Arc<dyn Control>, token: Token, port: u16, stop: CancellationToken) -> Router {
    Router::new()
        .route("/healthz", get(health))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/api/status", get(status))
        .route("/api/plugins", get(plugins))
        .route("/api/audit", get(audit))
        .route("/api/log", get(log))
        .route("/api/explain", get(presence::explain))
        .route("/api/preview", post(presence::preview))
        .route("/api/sync", post(sync_all))
        .route("/api/reload", post(reload))
        .route("/api/shutdown", post(shutdown))
        .route("/api/connections/{connection}/activate", post(activate))
        .route("/api/connections/{connection}/deactivate", post(deactivate))
        .route("/api/connections/{connection}/sync", post(sync))
        .route("/api/connections/{connection}/trace", post(trace))
        .fallback(|| async {
            ControlError::new(ControlErrorKind::NotFound, "there is no such route", "use the commands of calport of the same version")
        })
        .method_not_allowed_fallback(|| async {
            ControlError::new(ControlErrorKind::Method, "the route has no such method", "GET reads, POST does something")
        })
        .layer(DefaultBodyLimit::max(BODY))
        .layer(middleware::from_fn_with_state(Guard { token, port }, guard))
        .with_state(Shared { control, stop })
}

async fn health() -> Json<Value> {
    Json(json!({ "ok": true, "version": env!("CARGO_PKG_VERSION") }))
}

async fn ready(State(shared): State<Shared>) -> Response {
    let ready = shared.control.ready();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": ready }))).into_response()
}

async fn metrics(State(shared): State<Shared>) -> Said<Response> {
    let text = answered(shared.control.metrics()).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

async fn status(State(shared): State<Shared>) -> Said<Json<Value>> {
    answered(shared.control.status()).await.map(Json)
}

async fn plugins(State(shared): State<Shared>) -> Said<Json<Value>> {
    answered(shared.control.plugins()).await.map(Json)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AuditWish {
    person: Option<String>,
    entries: Option<u32>,
}

async fn audit(State(shared): State<Shared>, wish: Result<Query<AuditWish>, QueryRejection>) -> Said<Json<Value>> {
    let Query(wish) = wish.map_err(invalid)?;
    let entries = within("entries", wish.entries.unwrap_or(50), 1000)?;
    answered(shared.control.audit(wish.person.as_deref(), entries)).await.map(Json)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogWish {
    lines: Option<usize>,
    #[serde(default)]
    follow: bool,
}

async fn log(State(shared): State<Shared>, wish: Result<Query<LogWish>, QueryRejection>) -> Said<Response> {
    let Query(wish) = wish.map_err(invalid)?;
    let body = lines::body(shared.control.log(), wish.lines.unwrap_or(usize::MAX), wish.follow, shared.stop);
    Ok(as_lines(body))
}

/// An answer of lines.
pub(super) fn as_lines(body: Body) -> Response {
    ([(header::CONTENT_TYPE, "application/x-ndjson"), (header::CACHE_CONTROL, "no-store")], body).into_response()
}

async fn sync_all(State(shared): State<Shared>) -> Said<Json<Value>> {
    answered(shared.control.sync_now(None)).await.map(Json)
}

async fn reload(State(shared): State<Shared>) -> Said<Json<Value>> {
    answered(shared.control.reload()).await.map(Json)
}

async fn shutdown(State(shared): State<Shared>) -> Said<Json<Value>> {
    answered(shared.control.shutdown()).await.map(Json)
}

type Named = Result<Path<String>, PathRejection>;

async fn activate(State(shared): State<Shared>, name: Named) -> Said<Json<Value>> {
    let Path(connection) = name.map_err(invalid)?;
    answered(shared.control.activate(&connection, true)).await.map(Json)
}

async fn deactivate(State(shared): State<Shared>, name: Named) -> Said<Json<Value>> {
    let Path(connection) = name.map_err(invalid)?;
    answered(shared.control.activate(&connection, false)).await.map(Json)
}

async fn sync(State(shared): State<Shared>, name: Named) -> Said<Json<Value>> {
    let Path(connection) = name.map_err(invalid)?;
    answered(shared.control.sync_now(Some(&connection))).await.map(Json)
}

/// The body of a trace call.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TraceWish {
    pub(super) on: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) minutes: Option<u32>,
}

async fn trace(State(shared): State<Shared>, name: Named, wish: Result<Json<TraceWish>, JsonRejection>) -> Said<Json<Value>> {
    let Path(connection) = name.map_err(invalid)?;
    let Json(wish) = wish.map_err(invalid)?;
    let minutes = within("minutes", wish.minutes.unwrap_or(TRACE), LONGEST_TRACE)?;
    answered(shared.control.trace(&connection, wish.on, minutes)).await.map(Json)
}

pub(super) async fn answered<T>(answer: ControlAnswer<'_, T>) -> Said<T> {
    timeout(PATIENCE, answer).await.unwrap_or_else(|_| {
        let remedy = "it may still be under way: look at `calport log`, then try again";
        Err(ControlError::new(ControlErrorKind::Unavailable, "Calport did not answer within 30 s", remedy))
    })
}

pub(super) fn within(name: &str, value: u32, most: u32) -> Said<u32> {
    if (1..=most).contains(&value) {
        return Ok(value);
    }
    Err(ControlError::new(ControlErrorKind::Invalid, format!("{name} = {value} is out of range"), format!("give 1 to {most}")))
}

pub(super) fn invalid(why: impl std::fmt::Display) -> ControlError {
    ControlError::new(
        ControlErrorKind::Invalid,
        format!("the request cannot be read: {why}"),
        "use the commands of calport of the same version",
    )
}
