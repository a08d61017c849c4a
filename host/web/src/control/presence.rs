//! What is told of people's presence: why it is as it is, and what is coming (features D-01, X06, X07, P13).
//!
//! Both only read. What they are asked for is bounded here: names, times and paths have a length, days a range.

use std::convert::Infallible;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::response::Response;
use bytes::Bytes;
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::{ControlError, ControlErrorKind};
use super::routes::{Said, Shared, answered, as_lines, invalid, within};

/// Characters of whatever names a person: longer than any mail address.
const PERSON: usize = 512;

/// Characters of a time as people write it.
const TIME: usize = 128;

/// Characters of a path; file systems take no longer ones.
const PATH: usize = 4096;

/// Days of the longest preview: no more than that is loaded by default.
const LONGEST_PREVIEW: u32 = 35;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExplainWish {
    person: String,
    at: Option<String>,
}

pub(super) async fn explain(State(shared): State<Shared>, wish: Result<Query<ExplainWish>, QueryRejection>) -> Said<Json<Value>> {
    let Query(wish) = wish.map_err(invalid)?;
    short("person", &wish.person, PERSON)?;
    short("at", wish.at.as_deref().unwrap_or("now"), TIME)?;
    answered(shared.control.explain(&wish.person, wish.at.as_deref())).await.map(Json)
}

/// What a preview is to show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreviewWish {
    /// Whatever names the person; all people when `None`. At most 512 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// Days from now, 1 to 35; 1 when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
    /// The absolute path of a draft of the configuration, to be read by the running Calport. At most 4,096 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
}

pub(super) async fn preview(State(shared): State<Shared>, wish: Result<Json<PreviewWish>, JsonRejection>) -> Said<Response> {
    let Json(wish) = wish.map_err(invalid)?;
    short("person", wish.person.as_deref().unwrap_or("all"), PERSON)?;
    short("config", wish.config.as_deref().unwrap_or("none"), PATH)?;
    within("days", wish.days.unwrap_or(1), LONGEST_PREVIEW)?;
    let feed = answered(shared.control.preview(wish)).await?;
    let lines = feed.take_until(shared.stop.cancelled_owned()).map(|line| Ok::<_, Infallible>(Bytes::from(format!("{line}\n"))));
    Ok(as_lines(Body::from_stream(lines)))
}

fn short(name: &str, text: &str, most: usize) -> Said<()> {
    if text.is_empty() {
        return Err(ControlError::new(ControlErrorKind::Invalid, format!("`{name}` is empty"), "give a value"));
    }
    if text.chars().count() > most {
        let error = format!("`{name}` is longer than {most} characters");
        return Err(ControlError::new(ControlErrorKind::Invalid, error, "give a shorter one"));
    }
    Ok(())
}
