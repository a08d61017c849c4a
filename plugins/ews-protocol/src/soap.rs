//! The envelope around every operation, out and back.
//!
//! A request is an [`Operation`] in a [`Call`]: the operation says what, the call says with which version, for whom and
//! under which name. An answer is read by the type of its operation and gives one result per part of the request.

use calport_sdk::common::Zone;

use crate::error::{ReadError, WriteError};
use crate::failure::{Failure, FailureKind};
use crate::version::{ServerBuild, ServerVersion};
use crate::xml::scan::shortened;
use crate::xml::{Element, Scanner, Writer, decode};
use crate::zone;

const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const MESSAGES: &str = "http://schemas.microsoft.com/exchange/services/2006/messages";
const TYPES: &str = "http://schemas.microsoft.com/exchange/services/2006/types";

/// How the mailbox to act in is named in the impersonation header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Impersonation {
    /// By a user principal name.
    PrincipalName(String),
    /// By the primary mail address.
    PrimarySmtpAddress(String),
    /// By any of its mail addresses.
    SmtpAddress(String),
    /// By its security identifier.
    Sid(String),
}

/// With what an operation is called.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The version to speak.
    pub version: ServerVersion,
    /// The mailbox to act in; absent where the account acts in its own name or by delegation.
    pub impersonate: Option<Impersonation>,
    /// The zone in which the server answers times that it has no better zone for; absent means UTC. Exchange 2010 on.
    pub zone: Option<Zone>,
}

/// Bytes to send, and what they leave out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The body, UTF-8.
    pub body: Vec<u8>,
    /// What the version of the server lacks: each a sentence for a report. Empty in most requests.
    pub left_out: Vec<&'static str>,
}

/// Collects what a version lacks while a request is written.
#[derive(Debug)]
pub struct Gaps {
    pub(crate) version: ServerVersion,
    pub(crate) left_out: Vec<&'static str>,
}

impl Gaps {
    /// Whether the version has something; if not, the sentence is noted.
    pub(crate) fn has(&mut self, since: ServerVersion, missing: &'static str) -> bool {
        let has = self.version >= since;
        if !has && !self.left_out.contains(&missing) {
            self.left_out.push(missing);
        }
        has
    }
}

/// One operation of EWS. The types that implement it are all in [`crate::operation`].
pub trait Operation {
    /// What each part of the answer holds.
    type Reply: Reply;
    /// The name, as in the action and in the name of the answer.
    const NAME: &'static str;
    /// The version that brought it.
    const SINCE: ServerVersion = ServerVersion::Exchange2007;

    /// Writes the element below the SOAP body.
    #[doc(hidden)]
    fn write(&self, xml: &mut Writer, gaps: &mut Gaps) -> Result<(), WriteError>;
}

/// What a part of an answer holds.
pub trait Reply: Default {
    /// Reads a child of the part; `false` for one that is not of this reply.
    #[doc(hidden)]
    fn read_part(&mut self, xml: &mut Scanner<'_>, part: &Element<'_>) -> Result<bool, ReadError>;
}

/// An answer with nothing in it but that it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Done;

impl Reply for Done {
    fn read_part(&mut self, _: &mut Scanner<'_>, _: &Element<'_>) -> Result<bool, ReadError> {
        Ok(false)
    }
}

/// What the server answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer<R> {
    /// The build that answered, if it told.
    pub server: Option<ServerBuild>,
    /// One result per part of the request, in its order: one per id of a batch, else one.
    pub parts: Vec<Result<R, Failure>>,
}

impl<R> Answer<R> {
    /// The result of a request with one part.
    ///
    /// # Errors
    /// Its refusal; `OtherAnswer` is not possible here: an answer without parts is refused when it is read.
    pub fn single(self) -> Result<R, Failure> {
        self.parts.into_iter().next().unwrap_or_else(|| Err(Failure::default()))
    }
}

impl Call {
    /// A call in the account's own name.
    pub const fn new(version: ServerVersion) -> Self {
        Self { version, impersonate: None, zone: None }
    }

    /// The request for an operation.
    ///
    /// # Errors
    /// `Version` when the server's version lacks the operation, `LeftOut` when it lacks all that the request holds,
    /// `Invalid` for a value that EWS cannot hold, `Nothing` for a request without content.
    pub fn request<O: Operation>(&self, operation: &O) -> Result<Request, WriteError> {
        if self.version < O::SINCE {
            return Err(WriteError::Version { operation: O::NAME, needed: O::SINCE, version: self.version });
        }
        let mut gaps = Gaps { version: self.version, left_out: Vec::new() };
        let mut xml = Writer::document();
        let written = xml.element_with("soap:Envelope", &[("xmlns:soap", SOAP), ("xmlns:m", MESSAGES), ("xmlns:t", TYPES)], |xml| {
            xml.element("soap:Header", |xml| self.write_header(xml, &mut gaps))?;
            xml.element("soap:Body", |xml| operation.write(xml, &mut gaps))
        });
        match (written, gaps.left_out.last()) {
            (Ok(()), _) => Ok(Request { body: xml.into_bytes(), left_out: gaps.left_out }),
            (Err(WriteError::Nothing { .. }), Some(missing)) => Err(WriteError::LeftOut { missing }),
            (Err(error), _) => Err(error),
        }
    }

    fn write_header(&self, xml: &mut Writer, gaps: &mut Gaps) -> Result<(), WriteError> {
        xml.empty("t:RequestServerVersion", &[("Version", self.version.name())]);
        if let Some(who) = &self.impersonate {
            let (name, value) = match who {
                Impersonation::PrincipalName(value) => ("t:PrincipalName", value),
                Impersonation::PrimarySmtpAddress(value) => ("t:PrimarySmtpAddress", value),
                Impersonation::SmtpAddress(value) => ("t:SmtpAddress", value),
                Impersonation::Sid(value) => ("t:SID", value),
            };
            xml.element("t:ExchangeImpersonation", |xml| {
                xml.element::<WriteError>("t:ConnectingSID", |xml| {
                    xml.text(name, value);
                    Ok(())
                })
            })?;
        }
        if let Some(zone) = &self.zone
            && gaps.has(ServerVersion::Exchange2010, "the zone of the request: Exchange 2010 or later")
        {
            xml.element("t:TimeZoneContext", |xml| write_zone(xml, "t:TimeZoneDefinition", zone))?;
        }
        Ok(())
    }

    /// The headers of the HTTP request. `anchor` is a mail address of the mailbox that decides which server answers;
    /// mailboxes asked together name the same one (SEMANTICS B-32).
    pub fn headers<O: Operation>(&self, anchor: Option<&str>) -> Vec<(&'static str, String)> {
        let mut headers =
            vec![("content-type", "text/xml; charset=utf-8".to_owned()), ("soapaction", format!("\"{MESSAGES}/{}\"", O::NAME))];
        // A line end in a header would begin another one.
        if let Some(anchor) = anchor.filter(|a| !a.is_empty() && !a.chars().any(char::is_control)) {
            headers.push(("x-anchormailbox", anchor.to_owned()));
        }
        headers
    }
}

/// A zone as an element: by name, or with its rules.
pub(crate) fn write_zone(xml: &mut Writer, element: &str, zone: &Zone) -> Result<(), WriteError> {
    match zone {
        Zone::Utc => xml.empty(element, &[("Id", "UTC")]),
        Zone::Named(name) => xml.empty(element, &[("Id", zone::wire_name(name))]),
        Zone::Custom(rules) => zone::write_definition(xml, element, rules),
        Zone::Floating => return Err(WriteError::invalid("time.zone", "EWS has no floating times")),
    }
    Ok(())
}

/// Reads the answer to an operation.
///
/// # Errors
/// [`ReadError`]: the answer as a whole is unusable, or the server refused the request as a whole (`Fault`).
pub fn answer<O: Operation>(body: &[u8]) -> Result<Answer<O::Reply>, ReadError> {
    let text = decode::text(body)?;
    let mut xml = Scanner::new(&text);
    let root = xml.root()?;
    match root.name() {
        "Envelope" => {}
        name if name.eq_ignore_ascii_case("html") => return Err(ReadError::Html),
        name => return Err(ReadError::NotSoap { root: shortened(name) }),
    }
    let mut server = None;
    let mut parts = None;
    xml.children(|xml, section| match section.name() {
        "Header" => xml.children(|_, header| {
            if header.name() == "ServerVersionInfo" {
                server = build(header);
            }
            Ok(())
        }),
        "Body" => xml.children(|xml, content| {
            let name = content.name();
            if name == "Fault" {
                return Err(ReadError::Fault(Failure { server, ..fault(xml)? }));
            }
            if name.strip_suffix("Response") != Some(O::NAME) {
                return Err(ReadError::OtherAnswer { expected: format!("{}Response", O::NAME), got: shortened(name) });
            }
            parts = Some(parts_of(xml)?);
            Ok(())
        }),
        _ => Ok(()),
    })?;
    match parts {
        Some(parts) if !parts.is_empty() => Ok(Answer { server, parts }),
        Some(_) => Err(ReadError::OtherAnswer { expected: "a response message".to_owned(), got: String::new() }),
        None => Err(ReadError::OtherAnswer { expected: format!("{}Response", O::NAME), got: String::new() }),
    }
}

fn build(header: &Element<'_>) -> Option<ServerBuild> {
    let number = |name: &str| header.attribute(name).and_then(|text| text.trim().parse::<u16>().ok());
    Some(ServerBuild {
        major: number("MajorVersion")?,
        minor: number("MinorVersion")?,
        build: number("MajorBuildNumber").unwrap_or_default(),
        revision: number("MinorBuildNumber").unwrap_or_default(),
    })
}

/// A part in the making: what it says about itself, and its content.
#[derive(Default)]
struct Part<R> {
    class: String,
    failure: Failure,
    reply: R,
    /// Something of the part was seen, and something of its content.
    seen: (bool, bool),
}

impl<R: Reply> Part<R> {
    fn read_child(&mut self, xml: &mut Scanner<'_>, child: &Element<'_>) -> Result<(), ReadError> {
        match child.name() {
            // Automatic replies and free/busy keep what a part says about itself in an element of its own.
            "ResponseMessage" => {
                self.begin(child);
                xml.children(|xml, inner| self.read_child(xml, inner))?;
            }
            "ResponseCode" => {
                self.failure.code = xml.word()?;
                self.seen.0 = true;
            }
            "MessageText" => self.failure.set_text(&xml.text()?),
            "MessageXml" => read_message_xml(xml, &mut self.failure)?,
            _ if self.reply.read_part(xml, child)? => self.seen = (true, true),
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, element: &Element<'_>) {
        if let Some(class) = element.attribute("ResponseClass") {
            self.class = class;
            self.seen.0 = true;
        }
    }

    /// A warning with content is an answer (several names fit), one without a refusal. A stopped batch comes with an empty
    /// list of items, which is no content.
    fn finish(self) -> Result<R, Failure> {
        let good = match &*self.class {
            "Error" => false,
            "Warning" => self.seen.1 && self.failure.kind() != FailureKind::NotTried,
            // Without a class, the code decides.
            "Success" | "" => self.failure.code.is_empty() || self.failure.code == "NoError",
            _ => false,
        };
        if good { Ok(self.reply) } else { Err(self.failure) }
    }
}

fn parts_of<R: Reply>(xml: &mut Scanner<'_>) -> Result<Vec<Result<R, Failure>>, ReadError> {
    let mut parts = Vec::new();
    let mut own = Part::<R>::default();
    xml.children(|xml, child| {
        match child.name() {
            "ResponseMessages" | "FreeBusyResponseArray" => xml.children(|xml, message| {
                let mut part = Part::<R>::default();
                part.begin(message);
                xml.children(|xml, inner| part.read_child(xml, inner))?;
                parts.push(part.finish());
                Ok(())
            })?,
            _ => own.read_child(xml, child)?,
        }
        Ok(())
    })?;
    if own.seen.0 {
        parts.push(own.finish());
    }
    Ok(parts)
}

/// `<t:Value Name="...">` of `MessageXml`.
fn read_message_xml(xml: &mut Scanner<'_>, failure: &mut Failure) -> Result<(), ReadError> {
    xml.children(|xml, value| {
        match value.attribute("Name").as_deref() {
            Some("BackOffMilliseconds") => failure.back_off_ms = xml.text()?.trim().parse().ok(),
            Some("InnerErrorResponseCode") => failure.inner_code = Some(xml.word()?),
            _ => {}
        }
        Ok(())
    })
}

fn fault(xml: &mut Scanner<'_>) -> Result<Failure, ReadError> {
    let mut failure = Failure::default();
    let mut outer_code = String::new();
    xml.children(|xml, child| {
        match child.name() {
            "faultcode" => outer_code = xml.word()?,
            "faultstring" => failure.set_text(&xml.text()?),
            // SOAP 1.2 names, which some proxies write.
            "Reason" => xml.children(|xml, _| {
                failure.set_text(&xml.text()?);
                Ok(())
            })?,
            "detail" | "Detail" => xml.children(|xml, detail| {
                match detail.name() {
                    "ResponseCode" => failure.code = xml.word()?,
                    "MessageXml" => read_message_xml(xml, &mut failure)?,
                    _ => {}
                }
                Ok(())
            })?,
            _ => {}
        }
        Ok(())
    })?;
    if failure.code.is_empty()
        && let Some(code) = outer_code.rsplit(':').next().filter(|code| code.starts_with("Error"))
    {
        code.clone_into(&mut failure.code);
    }
    Ok(failure)
}
