//! The SOAP protocol of Autodiscover, `GetUserSettings`. Exchange 2010 on.

use super::bounded;
use super::settings::{Setting, UserAnswer, UserSettings};
use crate::error::{ReadError, WriteError};
use crate::failure::Failure;
use crate::soap::Request;
use crate::version::ServerVersion;
use crate::xml::scan::shortened;
use crate::xml::{Scanner, Writer, decode};

const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const ADDRESSING: &str = "http://www.w3.org/2005/08/addressing";
const AUTODISCOVER: &str = "http://schemas.microsoft.com/exchange/2010/Autodiscover";

/// The action of the request, also for the header `SOAPAction`.
pub const ACTION: &str = "http://schemas.microsoft.com/exchange/2010/Autodiscover/Autodiscover/GetUserSettings";

/// Most mailboxes of one request.
pub const MOST_MAILBOXES: usize = 100;

/// Asks for settings of mailboxes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetUserSettings {
    /// The URL that is asked, which stands in the request as well.
    pub to: String,
    /// Their addresses, at most [`MOST_MAILBOXES`].
    pub mailboxes: Vec<String>,
    /// What to ask for.
    pub settings: Vec<Setting>,
}

impl GetUserSettings {
    /// The request.
    ///
    /// # Errors
    /// `Version` for Exchange 2007, which has only [`super::pox`]; `Nothing` without mailboxes or settings; `Invalid` for
    /// too many mailboxes.
    pub fn request(&self, version: ServerVersion) -> Result<Request, WriteError> {
        const NAME: &str = "Autodiscover GetUserSettings";
        if version < ServerVersion::Exchange2010 {
            return Err(WriteError::Version { operation: NAME, needed: ServerVersion::Exchange2010, version });
        }
        if self.mailboxes.is_empty() || self.settings.is_empty() {
            return Err(WriteError::Nothing { operation: NAME });
        }
        if self.mailboxes.len() > MOST_MAILBOXES {
            return Err(WriteError::invalid("mailboxes", "Autodiscover takes 100 of them at most"));
        }
        let mut xml = Writer::document();
        let names = [("xmlns:soap", SOAP), ("xmlns:wsa", ADDRESSING), ("xmlns:a", AUTODISCOVER)];
        xml.element_with("soap:Envelope", &names, |xml| {
            xml.element::<WriteError>("soap:Header", |xml| {
                xml.text("a:RequestedServerVersion", dialect(version));
                xml.text("wsa:Action", ACTION);
                xml.text("wsa:To", &self.to);
                Ok(())
            })?;
            xml.element("soap:Body", |xml| {
                xml.element("a:GetUserSettingsRequestMessage", |xml| xml.element("a:Request", |xml| self.write(xml)))
            })
        })?;
        Ok(Request { body: xml.into_bytes(), left_out: Vec::new() })
    }

    fn write(&self, xml: &mut Writer) -> Result<(), WriteError> {
        xml.element("a:Users", |xml| {
            for mailbox in &self.mailboxes {
                xml.element::<WriteError>("a:User", |xml| {
                    xml.text("a:Mailbox", mailbox);
                    Ok(())
                })?;
            }
            Ok::<(), WriteError>(())
        })?;
        xml.element("a:RequestedSettings", |xml| {
            self.settings.iter().for_each(|setting| xml.text("a:Setting", setting.name()));
            Ok(())
        })
    }
}

/// The version as this protocol names it; it has had nothing new for us since 2013.
fn dialect(version: ServerVersion) -> &'static str {
    version.min(ServerVersion::Exchange2013).name()
}

/// Reads the answer to a question about this many mailboxes: one answer for each, in their order.
///
/// # Errors
/// [`ReadError`]; `Fault` when the server refused the request as a whole, `OtherAnswer` when the numbers differ.
pub fn read(body: &[u8], mailboxes: usize) -> Result<Vec<UserAnswer>, ReadError> {
    bounded(body)?;
    let text = decode::text(body)?;
    let mut xml = Scanner::new(&text);
    let root = xml.root()?;
    match root.name() {
        "Envelope" => {}
        name if name.eq_ignore_ascii_case("html") => return Err(ReadError::Html),
        name => return Err(ReadError::NotSoap { root: shortened(name) }),
    }
    let (mut answers, mut whole, mut got) = (Vec::new(), Failure::default(), String::new());
    xml.children(|xml, section| match section.name() {
        "Body" => xml.children(|xml, content| match content.name() {
            "Fault" => Err(ReadError::Fault(fault(xml)?)),
            "GetUserSettingsResponseMessage" => xml.children(|xml, _| {
                xml.children(|xml, part| {
                    match part.name() {
                        "ErrorCode" => whole.code = shortened(&xml.word()?),
                        "ErrorMessage" => whole.set_text(&xml.text()?),
                        "UserResponses" => xml.children(|xml, _| {
                            answers.push(user(xml)?);
                            Ok(())
                        })?,
                        _ => {}
                    }
                    Ok(())
                })
            }),
            other => {
                got = shortened(other);
                Ok(())
            }
        }),
        _ => Ok(()),
    })?;
    if !is_fine(&whole.code) {
        return Err(ReadError::Fault(whole));
    }
    if answers.len() != mailboxes {
        let got = if got.is_empty() { format!("{} answers", answers.len()) } else { got };
        return Err(ReadError::OtherAnswer { expected: format!("GetUserSettingsResponseMessage for {mailboxes}"), got });
    }
    Ok(answers)
}

fn is_fine(code: &str) -> bool {
    matches!(code, "" | "NoError")
}

fn user(xml: &mut Scanner<'_>) -> Result<UserAnswer, ReadError> {
    let (mut failure, mut target, mut settings) = (Failure::default(), String::new(), UserSettings::default());
    xml.children(|xml, part| {
        match part.name() {
            "ErrorCode" => failure.code = shortened(&xml.word()?),
            "ErrorMessage" => failure.set_text(&xml.text()?),
            "RedirectTarget" => target = xml.word()?,
            "UserSettingErrors" => xml.children(|xml, _| {
                xml.children(|xml, field| {
                    if field.name() == "SettingName" {
                        settings.refused.push(shortened(xml.text()?.trim()));
                    }
                    Ok(())
                })
            })?,
            "UserSettings" => xml.children(|xml, _| {
                let (mut name, mut value) = (String::new(), None);
                xml.children(|xml, field| {
                    match field.name() {
                        "Name" => name = xml.word()?,
                        "Value" => value = Some(xml.text()?.into_owned()),
                        _ => {}
                    }
                    Ok(())
                })?;
                if let Some(value) = value {
                    settings.set(&name, value);
                }
                Ok(())
            })?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(match &*failure.code {
        "RedirectAddress" => UserAnswer::RedirectAddress(target),
        "RedirectUrl" => UserAnswer::RedirectUrl(target),
        code if is_fine(code) => UserAnswer::Settings(Box::new(settings)),
        _ => UserAnswer::Refused(failure),
    })
}

fn fault(xml: &mut Scanner<'_>) -> Result<Failure, ReadError> {
    let mut failure = Failure::default();
    xml.children(|xml, part| {
        match part.name() {
            // `a:InvalidRequestedServerVersion` and its like.
            "faultcode" => failure.code = xml.word()?.rsplit(':').next().map(shortened).unwrap_or_default(),
            "faultstring" => failure.set_text(&xml.text()?),
            _ => {}
        }
        Ok(())
    })?;
    Ok(failure)
}
