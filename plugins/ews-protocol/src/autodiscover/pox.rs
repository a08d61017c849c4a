//! The older protocol of Autodiscover, plain XML. Every version of Exchange has it.
//!
//! It was made for Outlook: the settings come as "protocols". `EXCH` is for the company's network, `EXPR` for outside;
//! `EXHTTP`, since 2013, is for both, and comes twice where they differ, the one for the network first.

use super::bounded;
use super::settings::{UserAnswer, UserSettings};
use crate::error::ReadError;
use crate::failure::Failure;
use crate::xml::scan::shortened;
use crate::xml::{Scanner, Writer, decode};

const REQUEST: &str = "http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006";
const RESPONSE: &str = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a";

/// The body of the request for an address.
pub fn request(address: &str) -> Vec<u8> {
    let mut xml = Writer::document();
    let written: Result<(), std::convert::Infallible> = xml.element_with("Autodiscover", &[("xmlns", REQUEST)], |xml| {
        xml.element("Request", |xml| {
            xml.text("EMailAddress", address);
            xml.text("AcceptableResponseSchema", RESPONSE);
            Ok(())
        })
    });
    let Ok(()) = written;
    xml.into_bytes()
}

/// Reads the answer.
///
/// # Errors
/// [`ReadError`]; `OtherAnswer` when it has neither an account nor an error.
pub fn read(body: &[u8]) -> Result<UserAnswer, ReadError> {
    bounded(body)?;
    let text = decode::text(body)?;
    let mut xml = Scanner::new(&text);
    let root = xml.root()?;
    match root.name() {
        "Autodiscover" => {}
        name if name.eq_ignore_ascii_case("html") => return Err(ReadError::Html),
        name => return Err(ReadError::OtherAnswer { expected: "Autodiscover".to_owned(), got: shortened(name) }),
    }
    let (mut settings, mut answer) = (UserSettings::default(), None);
    xml.children(|xml, _| {
        xml.children(|xml, part| {
            match part.name() {
                "User" => user(xml, &mut settings)?,
                "Account" => answer = Some(account(xml, &mut settings)?),
                "Error" => answer = Some(UserAnswer::Refused(error(xml)?)),
                _ => {}
            }
            Ok(())
        })
    })?;
    match answer {
        Some(UserAnswer::Settings(_)) => Ok(UserAnswer::Settings(Box::new(settings))),
        Some(other) => Ok(other),
        None => Err(ReadError::OtherAnswer { expected: "Account".to_owned(), got: String::new() }),
    }
}

fn user(xml: &mut Scanner<'_>, settings: &mut UserSettings) -> Result<(), ReadError> {
    xml.children(|xml, field| {
        match field.name() {
            "DisplayName" => settings.set("UserDisplayName", xml.text()?.into_owned()),
            "AutoDiscoverSMTPAddress" => settings.set("AutoDiscoverSMTPAddress", xml.text()?.into_owned()),
            _ => {}
        }
        Ok(())
    })
}

/// A URL of EWS, with the name of its protocol.
type Place = (String, String);

fn account(xml: &mut Scanner<'_>, settings: &mut UserSettings) -> Result<UserAnswer, ReadError> {
    let (mut action, mut address, mut url) = (String::new(), String::new(), String::new());
    let mut places: Vec<Place> = Vec::new();
    xml.children(|xml, part| {
        match part.name() {
            "Action" => action = xml.word()?,
            "RedirectAddr" => address = xml.word()?,
            "RedirectUrl" => url = xml.word()?,
            "Protocol" => {
                let kind = part.attribute("Type").unwrap_or_default();
                places.extend(protocol(xml, kind)?);
            }
            _ => {}
        }
        Ok(())
    })?;
    let first = |kind: &str| places.iter().find(|(k, _)| k.eq_ignore_ascii_case(kind)).map(|(_, url)| url.clone());
    let last = |kind: &str| places.iter().rev().find(|(k, _)| k.eq_ignore_ascii_case(kind)).map(|(_, url)| url.clone());
    settings.internal_ews_url = first("EXCH").or_else(|| first("EXHTTP"));
    settings.external_ews_url = last("EXPR").or_else(|| last("EXHTTP"));
    Ok(match &*action.to_ascii_lowercase() {
        "redirectaddr" => UserAnswer::RedirectAddress(address),
        "redirecturl" => UserAnswer::RedirectUrl(url),
        _ => UserAnswer::Settings(Box::default()),
    })
}

fn protocol(xml: &mut Scanner<'_>, mut kind: String) -> Result<Option<Place>, ReadError> {
    let (mut ews, mut availability) = (String::new(), String::new());
    xml.children(|xml, field| {
        match field.name() {
            "Type" => kind = xml.word()?,
            "EwsUrl" => ews = xml.word()?,
            // Exchange 2007 and 2010 name it by its first use, which was free/busy.
            "ASUrl" => availability = xml.word()?,
            _ => {}
        }
        Ok(())
    })?;
    let url = if ews.is_empty() { availability } else { ews };
    Ok((!url.is_empty()).then_some((kind, url)))
}

fn error(xml: &mut Scanner<'_>) -> Result<Failure, ReadError> {
    let mut failure = Failure::default();
    xml.children(|xml, field| {
        match field.name() {
            "ErrorCode" => failure.code = shortened(&xml.word()?),
            "Message" => failure.set_text(&xml.text()?),
            _ => {}
        }
        Ok(())
    })?;
    Ok(failure)
}
