//! The client of the control API that the commands use.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;

use super::presence::PreviewWish;
use super::routes::TraceWish;
use super::token::Token;

/// How long a call may take: a little longer than the server's own bound, so that its answer is seen.
const PATIENCE: Duration = Duration::from_secs(35);

/// How long a connection on this machine may take.
const CONNECT: Duration = Duration::from_secs(5);

/// Bytes of an answer, of a log line, and of a line of a preview: 10,000 moments of a person, twice.
const ANSWER: usize = 64 << 20;
const LOG_LINE: usize = 1 << 20;
const PREVIEW_LINE: usize = 32 << 20;

/// Why a command got no answer it can use.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nothing listens there.
    #[error("no Calport is running at {address}: start it with `calport serve`, or give the configuration file of the one that runs")]
    NotRunning {
        /// Where it was looked for.
        address: SocketAddr,
    },
    /// Calport refused or failed.
    #[error("{error}; {remedy}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What was refused.
        error: String,
        /// What to do.
        remedy: String,
    },
    /// Something else answers there.
    #[error(
        "what answers at {address} is no Calport of this version ({reason}): see which program uses the port, or change `[host] control`"
    )]
    NotCalport {
        /// Where.
        address: SocketAddr,
        /// What is wrong with its answer.
        reason: String,
    },
    /// The answer broke off or did not come.
    #[error("Calport at {address} gave no whole answer: {reason}; see whether it still runs, and its log")]
    Broken {
        /// Where.
        address: SocketAddr,
        /// What happened.
        reason: String,
    },
}

/// Asks a running Calport. Needs a tokio runtime; blocks nothing, and uses no proxy.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    address: SocketAddr,
    token: Token,
}

impl Client {
    /// A client for the Calport at a loopback address.
    ///
    /// # Errors
    /// When the machine gives no means to make connections.
    pub fn new(address: SocketAddr, token: Token) -> Result<Self, ClientError> {
        let broken = |reason: String| ClientError::Broken { address, reason };
        // The address is plain HTTP on this machine; without roots no TLS can be spoken by accident.
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| broken(error.to_string()))?
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .build()
            .map_err(|error| broken(reason(&error)))?;
        Ok(Self { http, address, token })
    }

    /// `{"ok": true, "version": …}` when it runs.
    ///
    /// # Errors
    /// As every call: [`ClientError`].
    pub async fn health(&self) -> Result<Value, ClientError> {
        self.ask(Method::GET, &["healthz"]).await
    }

    /// Whether it is ready.
    ///
    /// # Errors
    /// As every call: [`ClientError`].
    pub async fn ready(&self) -> Result<bool, ClientError> {
        let response = self.send(self.request(Method::GET, &["readyz"])?.timeout(PATIENCE)).await?;
        match response.status() {
            StatusCode::OK => Ok(true),
            StatusCode::SERVICE_UNAVAILABLE => Ok(false),
            other => Err(self.not_calport(format!("status {other}"))),
        }
    }

    /// How things are.
    ///
    /// # Errors
    /// As every call: [`ClientError`].
    pub async fn status(&self) -> Result<Value, ClientError> {
        self.ask(Method::GET, &["api", "status"]).await
    }

    /// The plugins.
    ///
    /// # Errors
    /// As every call: [`ClientError`].
    pub async fn plugins(&self) -> Result<Value, ClientError> {
        self.ask(Method::GET, &["api", "plugins"]).await
    }

    /// The last entries of the audit, 1 to 1,000, of one person or of all.
    ///
    /// # Errors
    /// As every call: [`ClientError`].
    pub async fn audit(&self, person: Option<&str>, entries: u32) -> Result<Value, ClientError> {
        let request = self.request(Method::GET, &["api", "audit"])?.query(&[("entries", entries)]);
        self.value(request.query(&person.map(|person| [("person", person)]))).await
    }

    /// Switches a connection on or off.
    ///
    /// # Errors
    /// As every call: [`ClientError`].
    pub async fn activate(&self, connection: &str, active: bool) -> Result<Value, ClientError> {
        let verb = if active { "activate" } else { "deactivate" };
        self.ask(Method::POST, &["api", "connections", connection, verb]).await
    }

    /// Reads changes now, of one connection or of all.
    ///
    /// # Errors
    /// As every call: [`ClientError`].
    pub async fn sync_now(&self, connection: Option<&str>) -> Result<Value, ClientError> {
        match connection {
            Some(connection) => self.ask(Method::POST, &["api", "connections", connection, "sync"]).await,
            None => self.ask(Method::POST, &["api", "sync"]).await,
        }
    }

    /// Switches the trace of a connection on for some minutes (1 to 10,080; 30 when not given), or off.
    ///
    /// # Errors
    /// As every call: [`ClientError`].
    pub async fn trace(&self, connection: &str, on: bool, minutes: Option<u32>) -> Result<Value, ClientError> {
        let request = self.request(Method::POST, &["api", "connections", connection, "trace"])?;
        self.value(request.json(&TraceWish { on, minutes })).await
    }

    /// Has the configuration read again.
    ///
    /// # Errors
    /// As every call: [`ClientError`].
    pub async fn reload(&self) -> Result<Value, ClientError> {
        self.ask(Method::POST, &["api", "reload"]).await
    }

    /// Ends the running Calport.
    ///
    /// # Errors
    /// As every call: [`ClientError`].
    pub async fn shutdown(&self) -> Result<Value, ClientError> {
        self.ask(Method::POST, &["api", "shutdown"]).await
    }

    /// Counts in the text format of Prometheus.
    ///
    /// # Errors
    /// As every call: [`ClientError`].
    pub async fn metrics(&self) -> Result<String, ClientError> {
        let response = self.good(self.request(Method::GET, &["metrics"])?.timeout(PATIENCE)).await?;
        String::from_utf8(self.whole(response).await?).map_err(|_| self.not_calport("metrics that are no UTF-8".to_owned()))
    }

    /// The last log lines (all that are kept when `lines` is `None`), and those to come when `follow` is set.
    ///
    /// # Errors
    /// As every call: [`ClientError`].
    pub async fn log(&self, lines: Option<usize>, follow: bool) -> Result<Lines, ClientError> {
        let request = self.request(Method::GET, &["api", "log"])?.query(&[("follow", follow)]);
        let response = self.good(request.query(&lines.map(|lines| [("lines", lines)]))).await?;
        Ok(self.lines(response, LOG_LINE))
    }

    /// Why a person's presence is as it is, now or at a time as people write it.
    ///
    /// # Errors
    /// As every call: [`ClientError`].
    pub async fn explain(&self, person: &str, at: Option<&str>) -> Result<Value, ClientError> {
        let request = self.request(Method::GET, &["api", "explain"])?.query(&[("person", person)]);
        self.value(request.query(&at.map(|at| [("at", at)]))).await
    }

    /// What is coming, one JSON object per line as it is made. Dropping it ends the work at the other side.
    ///
    /// # Errors
    /// As every call: [`ClientError`].
    pub async fn preview(&self, wish: &PreviewWish) -> Result<Lines, ClientError> {
        let response = self.good(self.request(Method::POST, &["api", "preview"])?.json(wish)).await?;
        Ok(self.lines(response, PREVIEW_LINE))
    }

    fn lines(&self, response: Response, most: usize) -> Lines {
        Lines { response, read: BytesMut::new(), seen: 0, most, address: self.address }
    }

    async fn ask(&self, method: Method, path: &[&str]) -> Result<Value, ClientError> {
        self.value(self.request(method, path)?).await
    }

    fn request(&self, method: Method, path: &[&str]) -> Result<RequestBuilder, ClientError> {
        let wrong = || self.not_calport("the address makes no URL".to_owned());
        let mut url = Url::parse(&format!("http://{}", self.address)).map_err(|_| wrong())?;
        url.path_segments_mut().map_err(|()| wrong())?.extend(path);
        Ok(self.http.request(method, url).bearer_auth(self.token.expose()))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        request.send().await.map_err(|error| {
            if error.is_connect() {
                ClientError::NotRunning { address: self.address }
            } else {
                ClientError::Broken { address: self.address, reason: reason(&error) }
            }
        })
    }

    async fn good(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let response = self.send(request).await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let told = serde_json::from_slice::<Value>(&self.whole(response).await?).unwrap_or_default();
        match (told.get("error").and_then(Value::as_str), told.get("remedy").and_then(Value::as_str)) {
            (Some(error), Some(remedy)) => {
                Err(ClientError::Refused { status: status.as_u16(), error: error.to_owned(), remedy: remedy.to_owned() })
            }
            _ => Err(self.not_calport(format!("status {status} without a reason"))),
        }
    }

    async fn value(&self, request: RequestBuilder) -> Result<Value, ClientError> {
        let response = self.good(request.timeout(PATIENCE)).await?;
        serde_json::from_slice(&self.whole(response).await?).map_err(|error| self.not_calport(format!("no JSON: {error}")))
    }

    async fn whole(&self, mut response: Response) -> Result<Vec<u8>, ClientError> {
        let mut bytes = Vec::new();
        while let Some(more) = chunk(&mut response, self.address).await? {
            if bytes.len() + more.len() > ANSWER {
                return Err(self.not_calport("an answer over 64 MiB".to_owned()));
            }
            bytes.extend_from_slice(&more);
        }
        Ok(bytes)
    }

    fn not_calport(&self, reason: String) -> ClientError {
        ClientError::NotCalport { address: self.address, reason }
    }
}

/// Lines as they come.
pub struct Lines {
    response: Response,
    read: BytesMut,
    /// Bytes of `read` that hold no end of a line.
    seen: usize,
    most: usize,
    address: SocketAddr,
}

impl Lines {
    /// The next line, a JSON object as text; `None` when there will be no more: all were told, or Calport ended in order.
    ///
    /// # Errors
    /// When the connection breaks, or what comes are no lines.
    pub async fn next(&mut self) -> Result<Option<String>, ClientError> {
        loop {
            while let Some(end) = self.read.iter().skip(self.seen).position(|byte| *byte == b'\n') {
                let line = self.read.split_to(self.seen + end);
                self.read.advance(1);
                self.seen = 0;
                // An empty line says that the stream lives.
                if !line.is_empty() {
                    return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
                }
            }
            self.seen = self.read.len();
            if self.seen > self.most {
                let reason = format!("a line over {} MiB", self.most >> 20);
                return Err(ClientError::NotCalport { address: self.address, reason });
            }
            match chunk(&mut self.response, self.address).await? {
                Some(more) => self.read.extend_from_slice(&more),
                None => return Ok(None),
            }
        }
    }
}

async fn chunk(response: &mut Response, address: SocketAddr) -> Result<Option<Bytes>, ClientError> {
    response.chunk().await.map_err(|error| ClientError::Broken { address, reason: reason(&error) })
}

/// The innermost reason: the outer ones only say that a request failed.
fn reason(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).last().unwrap_or(error).to_string()
}
