//! A client for the tests of the EWS simulator: every request it sends and every answer it sees can be held against the vendor's schemas.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;

use calport_simulators::clock::Clock;
use calport_simulators::graph::{self, User};
use calport_simulators::{ews, ews::Version};

pub const ALICE: &str = "alice@example.test";
pub const BOB: &str = "bob@example.test";
pub const START: &str = "2026-01-05T08:00:00Z";
const SERVICE: &str = "svc-calport@example.test";
const PASSWORD: &str = "simulated~password";

/// A Graph simulator and an EWS endpoint on the same mailboxes, and a client.
pub struct Bench {
    pub graph: graph::Simulator,
    pub ews: ews::Simulator,
    pub http: reqwest::Client,
    seen: Mutex<Vec<String>>,
}

/// An answer.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

/// How a request is sent.
#[derive(Clone)]
pub struct How<'a> {
    /// `RequestServerVersion`; none: no such header.
    pub version: Option<&'a str>,
    /// Who is impersonated, and by which element.
    pub person: Option<(&'a str, &'a str)>,
    /// More of the header.
    pub header: &'a str,
    pub authorization: Option<String>,
}

impl How<'_> {
    pub fn alice() -> Self {
        Self {
            version: Some("Exchange2013_SP1"),
            person: Some(("SmtpAddress", ALICE)),
            header: "",
            authorization: Some(basic(SERVICE, PASSWORD)),
        }
    }
}

pub fn basic(user: &str, password: &str) -> String {
    use base64::Engine;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
}

impl Bench {
    pub async fn start() -> Self {
        Self::with(ews::Config::default()).await
    }

    pub async fn version(version: Version) -> Self {
        Self::with(ews::Config { version, ..ews::Config::default() }).await
    }

    pub async fn with(config: ews::Config) -> Self {
        let clock = Clock::manual(START.parse().unwrap());
        let people = [User::new(ALICE, "Alice Amber").zone("W. Europe Standard Time"), User::new(BOB, "Bob Brown")];
        let graph = people.into_iter().fold(graph::Simulator::builder().clock(clock), graph::Builder::user).start().await.unwrap();
        let ews = ews::Simulator::beside(&graph, config).await.unwrap();
        Self { graph, ews, http: reqwest::Client::new(), seen: Mutex::default() }
    }

    /// Sends an operation as a document.
    pub async fn send(&self, body: &str, how: &How<'_>) -> Got {
        let version = how.version.map(|v| format!("<t:RequestServerVersion Version=\"{v}\"/>")).unwrap_or_default();
        let person = how.person.map(|(by, who)| {
            format!("<t:ExchangeImpersonation><t:ConnectingSID><t:{by}>{who}</t:{by}></t:ConnectingSID></t:ExchangeImpersonation>")
        });
        let document = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\" xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\"><soap:Header>{version}{}{}</soap:Header><soap:Body>{body}</soap:Body></soap:Envelope>",
            person.unwrap_or_default(),
            how.header
        );
        self.raw(document, how.authorization.as_deref()).await
    }

    /// Sends a document.
    pub async fn raw(&self, document: String, authorization: Option<&str>) -> Got {
        let mut request = self.http.post(self.ews.url()).header("content-type", "text/xml; charset=utf-8").body(document);
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let answer = request.send().await.unwrap();
        Got { status: answer.status().as_u16(), headers: answer.headers().clone(), text: answer.text().await.unwrap() }
    }

    /// As Alice, with an answer that is no fault; both are judged later.
    pub async fn call(&self, body: &str) -> Got {
        self.call_how(body, &How::alice()).await
    }

    /// An answer that is no fault; judged later.
    pub async fn call_how(&self, body: &str, how: &How<'_>) -> Got {
        let got = self.send(body, how).await;
        assert_eq!(got.status, 200, "{}", got.text);
        self.seen.lock().unwrap().push(got.text.clone());
        let request = self.ews.requests().last().unwrap().body.clone();
        self.seen.lock().unwrap().extend(request);
        got
    }

    /// Takes documents along that were said elsewhere.
    pub fn take(&self, documents: Vec<String>) {
        self.seen.lock().unwrap().extend(documents);
    }

    /// Holds everything that was said against the vendor's schemas, in one run of the tool.
    pub fn judge(&self) {
        let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
        let root = workspace.join(std::env::var_os("CALPORT_REFERENCE").unwrap_or_else(|| "../shared/reference".into()));
        let schema = root.join("ews/ews.xsd");
        let tool = Command::new("xmllint").arg("--version").output().is_ok();
        if !tool || !schema.exists() {
            assert!(std::env::var_os("CI").is_none(), "xmllint and {} are needed in CI", schema.display());
            return;
        }
        let seen = std::mem::take(&mut *self.seen.lock().unwrap());
        assert!(!seen.is_empty(), "nothing to judge");
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("ews-said-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let files: Vec<PathBuf> = seen
            .iter()
            .enumerate()
            .map(|(n, text)| {
                let file = folder.join(format!("{n:04}.xml"));
                std::fs::write(&file, text).unwrap();
                file
            })
            .collect();
        let said = Command::new("xmllint").args(["--noout", "--nonet", "--schema"]).arg(&schema).args(&files).output().unwrap();
        let said = String::from_utf8_lossy(&said.stderr).into_owned();
        let good = said.lines().filter(|l| l.ends_with(" validates")).count();
        let wrong: Vec<&str> = said.lines().filter(|l| !l.ends_with(" validates")).collect();
        assert!(wrong.is_empty() && good == files.len(), "{}", wrong.join("\n"));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

impl Got {
    /// The texts of every element of that name (with prefix), in order.
    pub fn texts(&self, name: &str) -> Vec<String> {
        texts(&self.text, name)
    }

    /// The only text of that name.
    pub fn text_of(&self, name: &str) -> String {
        let all = self.texts(name);
        assert_eq!(all.len(), 1, "{name}: {all:?} in {}", self.text);
        all.into_iter().next().unwrap()
    }

    /// Id and change key of every `t:ItemId`.
    pub fn ids(&self) -> Vec<(String, String)> {
        attributes(&self.text, "t:ItemId", "Id").into_iter().zip(attributes(&self.text, "t:ItemId", "ChangeKey")).collect()
    }

    /// Every response code.
    pub fn codes(&self) -> Vec<String> {
        self.texts("m:ResponseCode")
    }

    /// The response code of a fault.
    pub fn fault(&self) -> String {
        assert_eq!(self.status, 500, "{}", self.text);
        attributes_text(&self.text, "e:ResponseCode")
    }

    /// Everything inside every element of that name.
    pub fn inside(&self, name: &str) -> Vec<String> {
        inside(&self.text, name)
    }
}

fn attributes_text(text: &str, name: &str) -> String {
    inside(text, name).into_iter().next().unwrap_or_else(|| panic!("no {name} in {text}"))
}

/// Everything inside every element of that name.
pub fn inside(text: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}"), format!("</{name}>"));
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(&open) {
        rest = &rest[at + open.len()..];
        if !rest.starts_with(['>', ' ', '/']) {
            continue;
        }
        let end = rest.find('>').unwrap();
        if rest[..end].ends_with('/') {
            out.push(String::new());
        } else {
            let stop = rest.find(&close).unwrap();
            out.push(rest[end + 1..stop].to_owned());
        }
    }
    out
}

pub fn texts(text: &str, name: &str) -> Vec<String> {
    inside(text, name).iter().map(|t| t.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")).collect()
}

/// An attribute of every element of that name.
pub fn attributes(text: &str, name: &str, attribute: &str) -> Vec<String> {
    let open = format!("<{name} ");
    let parts = text.split(&open).skip(1);
    parts
        .filter_map(|p| {
            let tag = &p[..p.find('>').unwrap()];
            let at = format!(" {tag}").find(&format!(" {attribute}=\""))?;
            Some(tag[at + attribute.len() + 2..].split('"').next().unwrap().to_owned())
        })
        .collect()
}

/// `FindItem` with a calendar view.
pub fn window(from: &str, to: &str, shape: &str, more: &str) -> String {
    format!(
        "<m:FindItem Traversal=\"Shallow\"><m:ItemShape>{shape}</m:ItemShape><m:CalendarView {more} StartDate=\"{from}\" EndDate=\"{to}\"/><m:ParentFolderIds><t:DistinguishedFolderId Id=\"calendar\"/></m:ParentFolderIds></m:FindItem>"
    )
}

/// `GetItem` for ids.
pub fn get(shape: &str, ids: &str) -> String {
    format!("<m:GetItem><m:ItemShape>{shape}</m:ItemShape><m:ItemIds>{ids}</m:ItemIds></m:GetItem>")
}

/// `CreateItem` of calendar items.
pub fn create(tells: &str, items: &str) -> String {
    format!("<m:CreateItem SendMeetingInvitations=\"{tells}\"><m:Items>{items}</m:Items></m:CreateItem>")
}

/// `UpdateItem` of one item.
pub fn update(conflict: &str, tells: &str, id: &str, updates: &str) -> String {
    format!(
        "<m:UpdateItem ConflictResolution=\"{conflict}\" SendMeetingInvitationsOrCancellations=\"{tells}\"><m:ItemChanges><t:ItemChange>{id}<t:Updates>{updates}</t:Updates></t:ItemChange></m:ItemChanges></m:UpdateItem>"
    )
}

/// `SetItemField` of a property.
pub fn set(uri: &str, part: &str) -> String {
    format!("<t:SetItemField><t:FieldURI FieldURI=\"{uri}\"/><t:CalendarItem>{part}</t:CalendarItem></t:SetItemField>")
}

/// `DeleteItem`.
pub fn delete(tells: &str, id: &str) -> String {
    format!(
        "<m:DeleteItem DeleteType=\"MoveToDeletedItems\" SendMeetingCancellations=\"{tells}\"><m:ItemIds>{id}</m:ItemIds></m:DeleteItem>"
    )
}

pub fn item_id((id, key): &(String, String)) -> String {
    format!("<t:ItemId Id=\"{id}\" ChangeKey=\"{key}\"/>")
}

pub const ALL: &str = "<t:BaseShape>AllProperties</t:BaseShape>";
pub const IDS: &str = "<t:BaseShape>IdOnly</t:BaseShape>";
