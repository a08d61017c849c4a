//! `$batch`: up to 20 requests in one.
//!
//! Each part has its own status; a part that fails does not stop the others. Parts of one mailbox are sent four at a
//! time, because Graph runs at most four requests of an application on one mailbox and refuses the rest of a batch.

use std::collections::HashMap;

use calport_sdk::common::{Error, ErrorKind};
use calport_sdk::error;
use calport_sdk::http::not_json;
use calport_sdk::http::{Response, ResponseExt};
use calport_sdk::request::{self, Builder};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::client::Client;
use crate::failure::{self, Purpose};

/// Most parts of a batch, by Graph's documentation.
pub const BATCH_LIMIT: usize = 20;

/// Most requests of an application under way on one mailbox, by Graph's throttling limits.
pub const MAILBOX_CONCURRENCY: usize = 4;

/// One request of a batch.
#[derive(Debug, Clone)]
pub struct Part {
    /// The method.
    pub method: &'static str,
    /// The URL below the base URL, with its query.
    pub path: String,
    /// The `Prefer` header, or empty.
    pub prefer: String,
    /// The JSON body.
    pub body: Option<Value>,
    /// The mailbox asked, where it is one.
    pub mailbox: Option<String>,
}

impl Part {
    /// A `GET`.
    pub fn get(mailbox: Option<&str>, path: String, prefer: &str) -> Self {
        Self { method: "GET", path, prefer: prefer.to_owned(), body: None, mailbox: mailbox.map(str::to_owned) }
    }

    fn is_repeatable(&self) -> bool {
        matches!(self.method, "GET" | "DELETE")
    }
}

#[derive(Serialize)]
struct WireBatch<'a> {
    requests: Vec<WirePart<'a>>,
}

#[derive(Serialize)]
struct WirePart<'a> {
    id: String,
    method: &'a str,
    url: &'a str,
    #[serde(skip_serializing_if = "HashMap::is_empty")]
    headers: HashMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a Value>,
}

#[derive(Deserialize)]
struct WireAnswers<'a> {
    #[serde(borrow)]
    responses: Vec<WireAnswer<'a>>,
}

#[derive(Deserialize)]
struct WireAnswer<'a> {
    id: String,
    status: u16,
    #[serde(default)]
    headers: Option<HashMap<String, Value>>,
    #[serde(borrow, default)]
    body: Option<&'a RawValue>,
}

impl WireAnswer<'_> {
    fn into_response(self) -> Response {
        let header = |(name, value): (String, Value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            (name.to_ascii_lowercase(), text)
        };
        Response {
            status: self.status,
            headers: self.headers.unwrap_or_default().into_iter().map(header).collect(),
            body: self.body.map(|b| b.get().as_bytes().to_vec()).unwrap_or_default(),
        }
    }
}

impl Client {
    /// Sends parts, answered in their order. A part whose status is not 2xx is an error of its own mailbox.
    pub fn batch(&self, parts: &[Part], purpose: &Purpose<'_>) -> Vec<Result<Response, Error>> {
        let size = if purpose.mailbox.is_some() { MAILBOX_CONCURRENCY } else { BATCH_LIMIT };
        parts.chunks(size).flat_map(|chunk| self.chunk(chunk, purpose)).collect()
    }

    fn chunk(&self, parts: &[Part], purpose: &Purpose<'_>) -> Vec<Result<Response, Error>> {
        if let [only] = parts {
            let purpose = Purpose { mailbox: only.mailbox.as_deref(), ..*purpose };
            return vec![self.send(self.plain(only), &purpose)];
        }
        match self.send_batch(parts, purpose) {
            Ok(answers) => answers,
            Err(error) => parts.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    fn plain(&self, part: &Part) -> Builder {
        let mut builder = request::new(part.method, self.url(&part.path)).safe_to_repeat(part.is_repeatable());
        if !part.prefer.is_empty() {
            builder = builder.header("prefer", part.prefer.clone());
        }
        match &part.body {
            Some(body) => builder.json(body),
            None => builder,
        }
    }

    fn send_batch(&self, parts: &[Part], purpose: &Purpose<'_>) -> Result<Vec<Result<Response, Error>>, Error> {
        let requests = parts.iter().enumerate().map(|(index, part)| wire_part(index, part)).collect();
        let repeatable = parts.iter().all(Part::is_repeatable);
        let builder = request::post(self.url("/$batch")).json(&WireBatch { requests }).safe_to_repeat(repeatable);
        let response = self.send(builder, purpose)?;
        let answers: WireAnswers<'_> =
            serde_json::from_slice(&response.body).map_err(|e| not_json(&response, &e, "the answers of a batch"))?;
        let mut by_id: HashMap<String, Response> = answers.responses.into_iter().map(|a| (a.id.clone(), a.into_response())).collect();
        let answer = |(index, part): (usize, &Part)| {
            let purpose = Purpose { mailbox: part.mailbox.as_deref(), ..*purpose };
            match by_id.remove(&index.to_string()) {
                None => Err(unanswered(part, purpose.doing)),
                Some(answer) if answer.is_success() => Ok(answer),
                Some(answer) => Err(failure::from_response(&answer, &purpose)),
            }
        };
        Ok(parts.iter().enumerate().map(answer).collect())
    }
}

fn wire_part(index: usize, part: &Part) -> WirePart<'_> {
    let mut headers = HashMap::new();
    if !part.prefer.is_empty() {
        headers.insert("Prefer", part.prefer.as_str());
    }
    if part.body.is_some() {
        headers.insert("Content-Type", "application/json");
    }
    WirePart { id: index.to_string(), method: part.method, url: &part.path, headers, body: part.body.as_ref() }
}

fn unanswered(part: &Part, doing: &str) -> Error {
    let message = format!("{doing}: the batch came back without an answer to this part");
    if part.is_repeatable() { error::mailbox(ErrorKind::Unavailable, message) } else { error::mailbox(ErrorKind::OutcomeUnknown, message) }
}
