//! What the tests of all modules share, the golden tests against the reference samples, and the tests on a simulated server.

use std::rc::Rc;

use calport_sdk::http::{Http, HttpError, Request, Response, StreamedResponse};
use calport_sdk::testing::Recorded;

use crate::client::Client;
use crate::settings::Settings;

/// Recorded answers that a test keeps hold of.
struct Shared(Rc<Recorded>);

impl Http for Shared {
    fn send(&self, request: &Request) -> Result<Response, HttpError> {
        self.0.send(request)
    }
    fn open(&self, request: &Request) -> Result<StreamedResponse, HttpError> {
        self.0.open(request)
    }
    fn read_body(&self, body: u32, timeout_ms: u32) -> Result<Option<Vec<u8>>, HttpError> {
        self.0.read_body(body, timeout_ms)
    }
    fn close_body(&self, body: u32) {
        self.0.close_body(body);
    }
}

/// A client on recorded answers, with the answers to look at afterwards.
pub fn client(http: Recorded) -> (Client, Rc<Recorded>) {
    let http = Rc::new(http);
    let base = "https://graph.example/v1.0".to_owned();
    (Client { http: Box::new(Shared(http.clone())), base, settings: Settings::default() }, http)
}

mod golden;
mod simulated;
