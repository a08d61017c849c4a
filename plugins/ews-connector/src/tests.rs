//! What the tests of all modules share, the tests on the vendor's samples, and those on a simulated server.

use std::rc::Rc;

use calport_sdk::http::{Http, HttpError, Request, Response, StreamedResponse};
use calport_sdk::testing::Recorded;

use crate::client::Client;
use crate::settings::Settings;

mod golden;
mod negotiation;
mod people;
mod reading;
mod simulated;

/// The mailbox of most tests.
pub const ANNA: &str = "anna@example.com";

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

/// Settings with what they must have.
pub fn settings() -> Settings {
    calport_sdk::settings::parse(r#"{ "test_user": "test@example.com", "account": "svc" }"#).unwrap()
}

/// A client on recorded answers, with the answers to look at afterwards.
pub fn client(http: Recorded) -> (Client, Rc<Recorded>) {
    client_with(http, settings())
}

/// The same with settings.
pub fn client_with(http: Recorded, settings: Settings) -> (Client, Rc<Recorded>) {
    let http = Rc::new(http);
    let url = "https://ews.example/EWS/Exchange.asmx".to_owned();
    (Client::new(Box::new(Shared(http.clone())), url, settings), http)
}

/// Answers to requests in their order, each with its status.
pub fn answers(all: &[(u16, String)]) -> Recorded {
    all.iter().fold(Recorded::new(), |http, (status, body)| http.on("POST", "/EWS/Exchange.asmx", *status, body))
}

/// Good answers to requests in their order.
pub fn good(all: &[String]) -> Recorded {
    answers(&all.iter().map(|body| (200, body.clone())).collect::<Vec<_>>())
}

/// An envelope from the build of a server, such as `15.20`.
pub fn envelope(build: &str, body: &str) -> String {
    let (major, minor) = build.split_once('.').unwrap();
    format!(
        r#"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:m="m" xmlns:t="t"><s:Header>
        <t:ServerVersionInfo MajorVersion="{major}" MinorVersion="{minor}" MajorBuildNumber="1000" MinorBuildNumber="1"/>
        </s:Header><s:Body>{body}</s:Body></s:Envelope>"#
    )
}

/// An answer of Exchange Online to an operation, of parts that went well.
pub fn answer(operation: &str, parts: &[&str]) -> String {
    let part = |content: &&str| {
        format!(
            r#"<m:{operation}ResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>{content}</m:{operation}ResponseMessage>"#
        )
    };
    messages(operation, &parts.iter().map(part).collect::<String>())
}

/// An answer of one part that was refused.
pub fn refusal(operation: &str, code: &str) -> String {
    messages(
        operation,
        &format!(
            r#"<m:{operation}ResponseMessage ResponseClass="Error"><m:ResponseCode>{code}</m:ResponseCode></m:{operation}ResponseMessage>"#
        ),
    )
}

fn messages(operation: &str, messages: &str) -> String {
    let response = format!("<m:{operation}Response><m:ResponseMessages>{messages}</m:ResponseMessages></m:{operation}Response>");
    envelope("15.20", &response)
}

/// A fault with a code.
pub fn fault(build: &str, code: &str) -> String {
    envelope(build, &format!("<s:Fault><faultcode>t:{code}</faultcode><detail><e:ResponseCode>{code}</e:ResponseCode></detail></s:Fault>"))
}

/// Items of a search, all that the window holds.
pub fn found(items: &str) -> String {
    found_some(items, true)
}

/// Items of a search, and whether they are all.
pub fn found_some(items: &str, last: bool) -> String {
    answer("FindItem", &[&format!(r#"<m:RootFolder IncludesLastItemInRange="{last}"><t:Items>{items}</t:Items></m:RootFolder>"#)])
}

/// Items that were asked for by id.
pub fn got(items: &[String]) -> String {
    let parts: Vec<String> = items.iter().map(|item| format!("<m:Items>{item}</m:Items>")).collect();
    answer("GetItem", &parts.iter().map(String::as_str).collect::<Vec<_>>())
}

/// An appointment on 2026-03-02 from that hour on, with further elements.
pub fn item(id: &str, version: &str, hour: u8, more: &str) -> String {
    format!(
        r#"<t:CalendarItem><t:ItemId Id="{id}" ChangeKey="{version}"/><t:Subject>Focus</t:Subject>
        <t:Start>2026-03-02T{hour:02}:00:00Z</t:Start><t:End>2026-03-02T{hour:02}:30:00Z</t:End>
        <t:LegacyFreeBusyStatus>Busy</t:LegacyFreeBusyStatus>{more}</t:CalendarItem>"#
    )
}

/// The body of a request that was sent.
pub fn body(http: &Recorded, request: usize) -> String {
    String::from_utf8(http.requests()[request].body.clone().unwrap()).unwrap()
}
