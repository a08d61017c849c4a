//! A host for tests: recorded answers, and the log in memory. Not in WebAssembly.

use std::cell::RefCell;
use std::collections::VecDeque;

use crate::http::{Http, HttpError, Request, Response, StreamedResponse};
use crate::log::Level;

/// Answers in the order in which they were recorded, and remembers what was asked.
///
/// Each answer may name what the request must look like; a request that does not fit is answered with
/// `HttpError::Invalid`, which names both, so that a test fails with a clear message.
#[derive(Debug, Default)]
pub struct Recorded {
    answers: RefCell<VecDeque<Expected>>,
    seen: RefCell<Vec<Request>>,
}

#[derive(Debug)]
struct Expected {
    method: String,
    url_part: String,
    answer: Result<Response, HttpError>,
}

impl Recorded {
    /// Nothing recorded.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next request must have this method and contain this in its URL; it is answered so.
    #[must_use]
    pub fn on(self, method: &str, url_part: &str, status: u16, body: &str) -> Self {
        self.on_headers(method, url_part, status, &[], body)
    }

    /// As [`Recorded::on`], with headers in the answer.
    #[must_use]
    pub fn on_headers(self, method: &str, part: &str, status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        self.push(method, part, Ok(Response { status, headers, body: body.as_bytes().to_vec() }))
    }

    /// The next request gets no answer, for this reason.
    #[must_use]
    pub fn on_failure(self, method: &str, url_part: &str, error: HttpError) -> Self {
        self.push(method, url_part, Err(error))
    }

    fn push(self, method: &str, url_part: &str, answer: Result<Response, HttpError>) -> Self {
        let expected = Expected { method: method.to_owned(), url_part: url_part.to_owned(), answer };
        self.answers.borrow_mut().push_back(expected);
        self
    }

    /// What was asked so far.
    pub fn requests(&self) -> Vec<Request> {
        self.seen.borrow().clone()
    }

    /// How many recorded answers were not asked for.
    pub fn left(&self) -> usize {
        self.answers.borrow().len()
    }
}

impl Http for Recorded {
    fn send(&self, request: &Request) -> Result<Response, HttpError> {
        self.seen.borrow_mut().push(request.clone());
        let asked = format!("{} {}", request.method, request.url);
        match self.answers.borrow_mut().pop_front() {
            None => Err(HttpError::Invalid(format!("no answer is recorded for {asked}"))),
            Some(e) if e.method != request.method || !request.url.contains(&e.url_part) => {
                Err(HttpError::Invalid(format!("recorded for {} ...{}..., asked {asked}", e.method, e.url_part)))
            }
            Some(e) => e.answer,
        }
    }

    fn open(&self, request: &Request) -> Result<StreamedResponse, HttpError> {
        let answer = self.send(request)?;
        let body = Expected { method: "BODY".to_owned(), url_part: String::new(), answer: Ok(answer.clone()) };
        self.answers.borrow_mut().push_front(body);
        Ok(StreamedResponse { status: answer.status, headers: answer.headers, body: 1 })
    }

    fn read_body(&self, _: u32, _: u32) -> Result<Option<Vec<u8>>, HttpError> {
        let mut answers = self.answers.borrow_mut();
        if answers.front().is_some_and(|e| e.method == "BODY") {
            return answers.pop_front().map_or(Ok(None), |e| e.answer.map(|a| Some(a.body)));
        }
        Ok(Some(Vec::new()))
    }

    fn close_body(&self, _: u32) {
        let mut answers = self.answers.borrow_mut();
        if answers.front().is_some_and(|e| e.method == "BODY") {
            answers.pop_front();
        }
    }
}

/// A line of the log.
#[derive(Debug, Clone)]
pub struct LogLine {
    /// How important it is.
    pub level: Level,
    /// The text.
    pub message: String,
    /// The named values.
    pub fields: Vec<(String, String)>,
}

thread_local! { static LOG: RefCell<Vec<LogLine>> = const { RefCell::new(Vec::new()) } }

/// The lines this thread has logged since it was last asked.
pub fn take_log() -> Vec<LogLine> {
    LOG.with(RefCell::take)
}

pub(crate) fn record_log(level: Level, message: &str, fields: Vec<(String, String)>) {
    LOG.with(|log| log.borrow_mut().push(LogLine { level, message: message.to_owned(), fields }));
}
