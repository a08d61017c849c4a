//! Refusals and failures as the API tells them.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

/// What kind of answer an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlErrorKind {
    /// What is asked is not as it must be.
    Invalid,
    /// The token is missing or wrong.
    Unauthorised,
    /// The request comes from where none may come from.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// The route has other methods.
    Method,
    /// It cannot be done as things are.
    Conflict,
    /// It cannot be done now.
    Unavailable,
    /// Calport failed.
    Internal,
}

impl ControlErrorKind {
    fn status(self) -> StatusCode {
        match self {
            Self::Invalid => StatusCode::BAD_REQUEST,
            Self::Unauthorised => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict => StatusCode::CONFLICT,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// An error as the API tells it: `{"error": …, "remedy": …}`. It is shown to people, so it holds no secret and no private text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}; {remedy}")]
pub struct ControlError {
    /// Its kind, which decides on the status.
    pub kind: ControlErrorKind,
    /// What was tried and what refused it.
    pub error: String,
    /// What to do.
    pub remedy: String,
}

impl ControlError {
    /// An error.
    pub fn new(kind: ControlErrorKind, error: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { kind, error: error.into(), remedy: remedy.into() }
    }

    /// There is no connection of this name.
    pub fn no_connection(name: &str) -> Self {
        Self::new(ControlErrorKind::NotFound, format!("there is no connection {name:?}"), "`calport status` lists the connections")
    }
}

impl IntoResponse for ControlError {
    fn into_response(self) -> Response {
        let body = Json(serde_json::json!({ "error": self.error, "remedy": self.remedy }));
        (self.kind.status(), body).into_response()
    }
}
