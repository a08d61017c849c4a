//! From a document to its answer: header, version, impersonation, the operation, deviations.

use super::auth::Identity;
use super::config::Config;
use super::context::{Context, acts_as};
use super::fault::{self, Kind};
use super::shared::{Inner, Shared};
use super::soap::{Fault, failure};
use super::version::Version;
use super::xml::Element;
use super::{deviate, limits, ops, time};

/// A request that was understood as SOAP.
#[derive(Debug)]
pub(crate) struct Request {
    pub root: Element,
    pub operation: String,
    /// The machine that the request is led to.
    pub machine: u16,
}

impl Request {
    /// Reads an envelope.
    ///
    /// # Errors
    /// `ErrorSchemaValidation` for what is no SOAP envelope with one operation in it.
    pub fn read(body: &[u8]) -> Result<Self, Fault> {
        let root = super::xml::parse(body).map_err(|e| Fault::schema(e.to_string()))?;
        let operation = root.child("Body").and_then(|b| b.children.first()).map(|o| o.local().trim_end_matches("Request").to_owned());
        match operation {
            Some(operation) if root.name == "s:Envelope" => Ok(Self { root, operation, machine: 0 }),
            _ => Err(Fault::schema("The element 'Envelope' has incomplete content.")),
        }
    }

    fn header(&self) -> Option<&Element> {
        self.root.child("Header")
    }

    /// The operation's element.
    pub fn body(&self) -> Option<&Element> {
        self.root.child("Body")?.children.first()
    }

    /// `RequestServerVersion` as written.
    pub fn version(&self) -> Option<&str> {
        self.header()?.child("RequestServerVersion")?.attribute("Version")
    }

    /// Every address the request names as its mailbox, for fault rules and the log: the impersonated one, else the folder's.
    pub fn address(&self) -> Option<&str> {
        let sid = self.header().and_then(|h| h.at(&["ExchangeImpersonation", "ConnectingSID"])?.children.first());
        let mut named = sid.map(|s| s.text.trim());
        if let Some(body) = self.body().filter(|_| named.is_none()) {
            body.walk(&mut |e| {
                if e.local() == "DistinguishedFolderId" {
                    named = named.or_else(|| e.at(&["Mailbox", "EmailAddress"]).map(|a| a.text.trim()));
                }
            });
        }
        named
    }
}

/// The older of what the server is and what a request asks for.
fn version(config: &Config, asked: Option<&str>) -> Result<Version, Fault> {
    let Some(word) = asked else { return Ok(config.version.min(Version::Exchange2007Sp1)) };
    let invalid = || Fault::new("ErrorInvalidServerVersion", "The specified server version is invalid.");
    let asked = Version::requested(word).ok_or_else(invalid)?;
    // Later servers know every name there is up to 2016's.
    if asked > config.version {
        return Err(invalid());
    }
    Ok(if asked == Version::Exchange2016 { config.version } else { asked })
}

/// Carries a request out.
///
/// # Errors
/// The fault that comes in place of an answer.
pub(crate) fn carry_out(shared: &Shared, request: &Request, identity: &Identity, fault: Option<&Kind>) -> Result<Element, Fault> {
    let now = shared.graph.clock.now();
    let mut inner = shared.lock();
    let mut state = shared.graph.lock();
    let Inner { config, store, .. } = &mut *inner;
    let version = version(config, request.version())?;
    let body = request.body().ok_or_else(|| Fault::schema("The element 'Body' has incomplete content."))?;
    let operation = ops::find(&request.operation, version)?;
    limits::check(&request.root, version)?;
    let own = acts_as(&state, identity, request.header())?;
    if let Some(Kind::Code { code }) = fault {
        return Ok(refused(&request.operation, body, &fault::trouble(code)));
    }
    if let Some(Kind::Busy { back_off_ms, form: fault::BusyForm::Code }) = fault {
        return Ok(refused(&request.operation, body, &fault::busy(*back_off_ms)));
    }
    // A version that does not know the header ignores it.
    let zone = if version < Version::Exchange2010 { None } else { time::context(request.header())? };
    let mut context =
        Context { state: &mut state, store, config, identity: identity.clone(), own, version, zone, now, machine: request.machine };
    let mut answer = operation(&mut context, body)?;
    deviate::item(&mut answer, fault);
    deviate::answer(&mut answer, &config.deviations);
    Ok(answer)
}

/// The same refusal for everything a request asks for.
fn refused(operation: &str, body: &Element, trouble: &super::soap::Trouble) -> Element {
    let count = ["ItemIds", "ItemChanges", "Items", "FolderIds", "ParentFolderIds"]
        .iter()
        .find_map(|n| body.child(n))
        .map_or(1, |c| c.children.len());
    match operation {
        "GetUserOofSettings" | "SetUserOofSettings" => {
            let message = failure("m:ResponseMessage", trouble);
            Element::new(format!("m:{operation}Response")).with(message)
        }
        "GetUserAvailability" => {
            let one = Element::new("m:FreeBusyResponse").with(failure("m:ResponseMessage", trouble));
            Element::new("m:GetUserAvailabilityResponse").with(Element::new("m:FreeBusyResponseArray").with(one))
        }
        _ => super::soap::response(operation, (0..count.max(1)).map(|_| Err(trouble.clone())).collect()),
    }
}
