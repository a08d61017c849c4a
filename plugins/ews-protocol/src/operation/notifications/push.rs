//! Notifications that the server sends by requests of its own, and how they are answered.
//!
//! Nothing in such a request proves who sent it: the secret stands in the URL that was given to
//! [`super::Delivery::Push`], and the host compares it before the body is read.

use super::event::Notification;
use super::pull::read_notifications;
use super::stream::descend;
use crate::error::ReadError;
use crate::failure::Failure;
use crate::xml::scan::shortened;
use crate::xml::{Scanner, Writer, decode};

const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const MESSAGES: &str = "http://schemas.microsoft.com/exchange/services/2006/messages";

/// Reads the body of a request `SendNotification`. Each message is a notification or the reason why the subscription
/// has failed; a notification without events says that the subscription lives.
///
/// # Errors
/// [`ReadError`]: it is no such request. Answer HTTP 400; the server will try again, then give the subscription up.
pub fn read_push(body: &[u8]) -> Result<Vec<Result<Notification, Failure>>, ReadError> {
    let text = decode::text(body)?;
    let mut xml = Scanner::new(&text);
    let root = xml.root()?;
    if root.name() != "Envelope" {
        return Err(ReadError::NotSoap { root: shortened(root.name()) });
    }
    let mut told = Vec::new();
    let mut messages = 0_usize;
    descend(&mut xml, &["Body", "SendNotification", "ResponseMessages"], &mut |xml| {
        messages += 1;
        let (mut notifications, mut failure) = (Vec::new(), Failure::default());
        xml.children(|xml, part| {
            match part.name() {
                "ResponseCode" => failure.code = xml.word()?,
                "MessageText" => failure.set_text(&xml.text()?),
                _ => {
                    read_notifications(&mut notifications, xml, part)?;
                }
            }
            Ok(())
        })?;
        if !matches!(&*failure.code, "" | "NoError") {
            told.push(Err(failure));
        }
        told.extend(notifications.into_iter().map(Ok));
        Ok(())
    })?;
    if messages == 0 {
        return Err(ReadError::OtherAnswer { expected: "SendNotification".to_owned(), got: String::new() });
    }
    Ok(told)
}

/// The answer to a notification. Without it the server repeats the notification, and gives the subscription up after
/// some attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acknowledgement {
    /// It was taken; go on.
    Ok,
    /// Nobody wants it any more: the subscription ends.
    Unsubscribe,
}

impl Acknowledgement {
    /// The media type of the answer, which is sent with HTTP 200.
    pub const CONTENT_TYPE: &'static str = "text/xml; charset=utf-8";

    /// The body of the answer.
    pub fn body(self) -> Vec<u8> {
        let status = match self {
            Self::Ok => "OK",
            Self::Unsubscribe => "Unsubscribe",
        };
        let mut xml = Writer::document();
        let written: Result<(), std::convert::Infallible> =
            xml.element_with("soap:Envelope", &[("xmlns:soap", SOAP), ("xmlns:m", MESSAGES)], |xml| {
                xml.element("soap:Body", |xml| {
                    xml.element("m:SendNotificationResult", |xml| {
                        xml.text("m:SubscriptionStatus", status);
                        Ok(())
                    })
                })
            });
        let Ok(()) = written;
        xml.into_bytes()
    }
}
