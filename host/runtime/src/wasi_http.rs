//! `wasi:http` for connectors that bring their own HTTP library: the same outlet as `calport:connector/http`.
//!
//! The request's body is collected before it is sent, so that the host can send it again after an authentication
//! challenge; the answer's body is streamed.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream;
use http::{HeaderName, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited, StreamBody};
use wasmtime_wasi_http::{Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpHooks};

use crate::gate::{HttpBody, HttpError, HttpRequest};
use crate::request::HOST_HEADERS;
use crate::state::{Flight, Outlet};

/// What wasmtime asks when a guest uses `wasi:http`.
pub(crate) struct Hooks {
    outlet: Outlet,
}

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl Hooks {
    pub(crate) fn new(outlet: Outlet) -> Self {
        Self { outlet }
    }
}

/// Headers that a guest may neither set nor read. The length of the body it may name: the host checks and then drops it.
fn forbidden(name: &HeaderName) -> bool {
    *name != http::header::CONTENT_LENGTH && HOST_HEADERS.contains(&name.as_str())
}

impl WasiHttpHooks for Hooks {
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(forbidden)
    }

    fn set_host_header(&mut self) -> bool {
        false
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Io,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Io), Error>> + Send> {
        let outlet = self.outlet.clone();
        Box::new(async move {
            let request = collect(request, options.unwrap_or_default(), outlet.limits().request_body).await?;
            let (status, headers, body) = match outlet.open(request).await {
                Ok((stream, flight)) => (stream.status, stream.headers, streamed(stream.body, flight, outlet)),
                Err(HttpError::Throttled(wait)) => (429, vec![retry_after(wait)], whole(Bytes::new())),
                Err(error) => return Err(to_wasi(error)),
            };
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            let response = response.body(body).map_err(|_| Error::HttpProtocolError)?;
            Ok((response, Box::new(std::future::ready(Ok(()))) as Io))
        })
    }
}

async fn collect(request: Request<WasiBody>, options: RequestOptions, limit: usize) -> Result<HttpRequest, Error> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, limit).collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() { Error::HttpRequestBodySize(Some(limit as u64)) } else { Error::ConnectionTerminated }
    })?;
    let body = body.to_bytes();
    let mut headers = Vec::with_capacity(parts.headers.len());
    for (name, value) in &parts.headers {
        if *name != http::header::CONTENT_LENGTH {
            let value =
                value.to_str().map_err(|_| Error::HttpRequestHeaderSize { field_name: Some(name.to_string()), field_size: None })?;
            headers.push((name.to_string(), value.to_owned()));
        }
    }
    Ok(HttpRequest {
        safe_to_repeat: parts.method.is_safe(),
        method: parts.method.to_string(),
        url: parts.uri.to_string(),
        headers,
        body: (!body.is_empty()).then_some(body),
        timeout: options.first_byte_timeout,
        ..HttpRequest::default()
    })
}

fn whole(body: Bytes) -> WasiBody {
    Full::new(body).map_err(|never| match never {}).boxed_unsync()
}

fn streamed(body: Box<dyn HttpBody>, flight: Flight, outlet: Outlet) -> WasiBody {
    let pieces = stream::unfold(Some((body, flight, outlet, 0_u64)), |open| async move {
        let (mut body, flight, outlet, received) = open?;
        let piece = match body.next().await {
            Ok(Some(piece)) => piece,
            Ok(None) => return None,
            Err(error) => return Some((Err(to_wasi(error)), None)),
        };
        match outlet.receive(piece.len(), received) {
            Ok(received) => Some((Ok(Frame::data(piece)), Some((body, flight, outlet, received)))),
            Err(error) => Some((Err(to_wasi(error)), None)),
        }
    });
    StreamBody::new(pieces).boxed_unsync()
}

/// A library that does not know Calport understands this answer.
fn retry_after(wait: std::time::Duration) -> (String, String) {
    ("retry-after".to_owned(), wait.as_secs().saturating_add(1).to_string())
}

fn to_wasi(error: HttpError) -> Error {
    match error {
        HttpError::Denied(_) => Error::HttpRequestDenied,
        HttpError::Throttled(_) => Error::ConnectionLimitReached,
        HttpError::Unauthorized(reason) => Error::InternalError(Some(reason)),
        HttpError::Unreachable(_) => Error::DestinationUnavailable,
        HttpError::OutcomeUnknown(_) => Error::ConnectionTerminated,
        HttpError::TooLarge(limit) => Error::HttpResponseBodySize(Some(limit)),
        HttpError::Invalid(_) => Error::HttpRequestUriInvalid,
    }
}
