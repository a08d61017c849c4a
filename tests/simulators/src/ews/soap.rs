//! Envelopes: the header of a request, whole answers, faults, and the response messages inside an answer.

use super::version::Version;
use super::xml::{ERRORS, Element, MESSAGES, SOAP, TYPES};

/// A refusal of one item: what stands in a response message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub code: String,
    pub text: String,
    /// Content of `MessageXml`.
    pub details: Vec<(String, String)>,
}

impl Trouble {
    pub fn new(code: &str, text: impl Into<String>) -> Self {
        Self { code: code.to_owned(), text: text.into(), details: Vec::new() }
    }

    /// The same with a named value in `MessageXml`.
    pub fn detail(mut self, name: &str, value: impl ToString) -> Self {
        self.details.push((name.to_owned(), value.to_string()));
        self
    }

    pub fn item_not_found() -> Self {
        Self::new("ErrorItemNotFound", "The specified object was not found in the store.")
    }

    pub fn folder_not_found() -> Self {
        Self::new("ErrorFolderNotFound", "The specified folder could not be found in the store.")
    }

    pub fn bad_id() -> Self {
        Self::new("ErrorInvalidIdMalformed", "Id is malformed.")
    }

    pub fn access_denied() -> Self {
        Self::new("ErrorAccessDenied", "Access is denied. Check credentials and try again.")
    }
}

/// A refusal of a whole request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// HTTP status, usually 500.
    pub status: u16,
    pub trouble: Trouble,
}

/// A refusal of one item, or of the whole request because of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Item(Trouble),
    All(Fault),
}

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Self {
        Self::Item(trouble)
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::All(fault)
    }
}

/// Keeps what refuses one item and hands on what refuses the whole request.
///
/// # Errors
/// The fault.
pub(crate) fn each<T>(result: Result<T, Stop>) -> Result<Result<T, Trouble>, Fault> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(Stop::Item(trouble)) => Ok(Err(trouble)),
        Err(Stop::All(fault)) => Err(fault),
    }
}

impl From<Trouble> for Fault {
    fn from(trouble: Trouble) -> Self {
        Self { status: 500, trouble }
    }
}

impl Fault {
    pub fn new(code: &str, text: impl Into<String>) -> Self {
        Trouble::new(code, text).into()
    }

    /// What is not valid against the schema of the version.
    pub fn schema(violation: impl Into<String>) -> Self {
        let text = violation.into();
        let trouble = Trouble::new("ErrorSchemaValidation", format!("The request failed schema validation: {text}"));
        trouble.detail("LineNumber", 1).detail("LinePosition", 1).detail("Violation", text).into()
    }

    /// The fault as the content of a SOAP body.
    pub fn element(&self) -> Element {
        let Trouble { code, text, details } = &self.trouble;
        let mut detail = Element::new("detail")
            .with(Element::of("e:ResponseCode", code).attr("xmlns:e", ERRORS))
            .with(Element::of("e:Message", text).attr("xmlns:e", ERRORS));
        if !details.is_empty() {
            detail = detail.with(message_xml(details));
        }
        Element::new("s:Fault")
            .with(Element::of("faultcode", format!("a:{code}")).attr("xmlns:a", TYPES))
            .with(Element::of("faultstring", text).attr("xml:lang", "en-US"))
            .with(detail)
    }
}

/// `MessageXml`. In a schema violation the values are elements, elsewhere named values.
fn message_xml(details: &[(String, String)]) -> Element {
    let violation = details.iter().any(|(n, _)| n == "Violation");
    let values = details.iter().map(|(name, value)| {
        if violation { Element::of(format!("t:{name}"), value) } else { Element::of("t:Value", value).attr("Name", name) }
    });
    Element::new("t:MessageXml").attr("xmlns:t", TYPES).with_all(values)
}

/// One response message: `success` with its content, or the refusal followed by what the message's type has anyway.
pub(crate) type Message = Result<Vec<Element>, Trouble>;

/// An answer of the usual form: one response message for each thing asked for.
pub(crate) fn response(operation: &str, messages: Vec<Message>) -> Element {
    let name = format!("m:{operation}ResponseMessage");
    let all = messages.into_iter().map(|m| message(&name, operation, m));
    Element::new(format!("m:{operation}Response")).with(Element::new("m:ResponseMessages").with_all(all))
}

/// One response message under its own name.
pub(crate) fn message(name: &str, operation: &str, message: Message) -> Element {
    match message {
        Ok(content) => success(name).with_all(content),
        Err(trouble) => failure(name, &trouble).with_all(anyway(operation)),
    }
}

fn success(name: &str) -> Element {
    Element::new(name).attr("ResponseClass", "Success").with_text("m:ResponseCode", "NoError")
}

/// A response message that refuses.
pub(crate) fn failure(name: &str, trouble: &Trouble) -> Element {
    let mut out = Element::new(name)
        .attr("ResponseClass", "Error")
        .with_text("m:MessageText", &trouble.text)
        .with_text("m:ResponseCode", &trouble.code)
        .with_text("m:DescriptiveLinkKey", 0);
    if !trouble.details.is_empty() {
        let mut xml = message_xml(&trouble.details);
        "m:MessageXml".clone_into(&mut xml.name);
        xml.attributes.clear();
        out = out.with(xml);
    }
    out
}

/// What a message holds even if it refuses: what the schema demands, and what the service sends besides.
fn anyway(operation: &str) -> Vec<Element> {
    let state = |last: &str| vec![Element::new("m:SyncState"), Element::of(last, true)];
    match operation {
        "GetItem" | "CreateItem" | "UpdateItem" | "MoveItem" | "CopyItem" => vec![Element::new("m:Items")],
        "SyncFolderItems" => state("m:IncludesLastItemInRange"),
        "SyncFolderHierarchy" => state("m:IncludesLastFolderInRange"),
        "GetServerTimeZones" => vec![Element::new("m:TimeZoneDefinitions")],
        _ => Vec::new(),
    }
}

/// A whole answer as it goes over the wire.
pub(crate) fn envelope(version: Version, body: Element) -> Element {
    let (major, minor, build, sub, name) = version.info();
    let mut info = Element::new("h:ServerVersionInfo")
        .attr("MajorVersion", major)
        .attr("MinorVersion", minor)
        .attr("MajorBuildNumber", build)
        .attr("MinorBuildNumber", sub);
    if let Some(name) = name {
        info = info.attr("Version", name);
    }
    let info = info.attr("xmlns:h", TYPES);
    let mut body = body;
    if body.name.starts_with("m:") {
        body.attributes.push(("xmlns:m".to_owned(), MESSAGES.to_owned()));
        body.attributes.push(("xmlns:t".to_owned(), TYPES.to_owned()));
    }
    Element::new("s:Envelope").attr("xmlns:s", SOAP).with(Element::new("s:Header").with(info)).with(Element::new("s:Body").with(body))
}

/// The document with its declaration.
pub(crate) fn document(root: &Element) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>");
    root.write(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_server_says_how_long_in_faults_and_in_messages() {
        let busy = Trouble::new("ErrorServerBusy", "Try again later.").detail("BackOffMilliseconds", 1_500);
        let fault = document(&Fault::from(busy.clone()).element());
        assert!(fault.contains("<t:Value Name=\"BackOffMilliseconds\">1500</t:Value>"), "{fault}");
        let answer = document(&response("GetItem", vec![Err(busy)]));
        assert!(answer.contains("<m:MessageXml><t:Value Name=\"BackOffMilliseconds\">"), "{answer}");
        assert!(answer.contains("<m:Items/>"), "{answer}");
    }
}
