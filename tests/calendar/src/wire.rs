//! The way to a simulated server: HTTP with a credential, as the host's egress adds one.

use std::time::Duration;

use calport_simulators::graph::Simulator;
use serde_json::Value;

/// Nothing that these servers answer takes this long.
const DEADLINE: Duration = Duration::from_secs(60);

/// The status, the headers and the body of an answer.
pub type Answered = (u16, Vec<(String, String)>, Vec<u8>);

/// HTTP to one server, with a bearer token.
pub struct Wire {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Wire {
    /// A way to what lies below `base`.
    #[must_use]
    pub fn new(base: &str, token: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(DEADLINE).build().unwrap();
        Self { http, base: base.to_owned(), token: token.to_owned() }
    }

    /// Sends a request and gives the whole answer.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn send(&self, method: &str, url: &str, headers: &[(String, String)], body: Option<Vec<u8>>) -> Result<Answered, String> {
        assert!(url.starts_with(&self.base), "a request to {url}, which is not below {}", self.base);
        let mut request = self.http.request(method.parse().unwrap(), url).bearer_auth(&self.token);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let answer = request.send().await.map_err(|e| e.to_string())?;
        let status = answer.status().as_u16();
        let text = |v: &reqwest::header::HeaderValue| v.to_str().unwrap_or_default().to_owned();
        let headers = answer.headers().iter().map(|(n, v)| (n.to_string(), text(v))).collect();
        let body = answer.bytes().await.map_err(|e| e.to_string())?;
        Ok((status, headers, body.to_vec()))
    }
}

/// A token of a simulated tenant for one of its services.
pub async fn token(sim: &Simulator, scope: &str) -> String {
    let config = sim.config();
    let scope = scope.replace(':', "%3A").replace('/', "%2F");
    let form = format!("grant_type=client_credentials&client_id={}&client_secret={}&scope={scope}", config.client_id, config.client_secret);
    let http = reqwest::Client::builder().no_proxy().timeout(DEADLINE).build().unwrap();
    let request = http.post(sim.token_url()).header("content-type", "application/x-www-form-urlencoded").body(form);
    let answer: Value = serde_json::from_slice(&request.send().await.unwrap().bytes().await.unwrap()).unwrap();
    answer["access_token"].as_str().unwrap_or_else(|| panic!("no token: {answer}")).to_owned()
}
