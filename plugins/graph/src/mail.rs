//! Sending mail. Graph has no key against doubles here: the operation's id is not used, and the host does not repeat.

use calport_sdk::common::{Error, Participant, TextFormat};
use calport_sdk::{error, request};
use serde_json::{Value, json};

use crate::bindings::exports::calport::connector::mail::Message;
use crate::client::{Client, user_path};
use crate::failure::Purpose;

/// Sends a message.
///
/// # Errors
/// `invalid` without recipients, and those of any write.
pub fn send(client: &Client, message: &Message) -> Result<(), Error> {
    if message.recipients.is_empty() {
        return Err(error::invalid("recipients", "a message needs at least one"));
    }
    let content_type = match message.body.format {
        TextFormat::Plain => "text",
        TextFormat::Html => "html",
    };
    let recipients: Vec<Value> = message.recipients.iter().map(recipient).collect();
    let body = json!({
        "message": {
            "subject": message.subject,
            "body": { "contentType": content_type, "content": message.body.content },
            "toRecipients": recipients,
        },
        "saveToSentItems": message.keep_copy,
    });
    let purpose = Purpose { doing: "sending a mail", permission: "Mail.Send", mailbox: Some(&message.sender) };
    let path = format!("{}/sendMail", user_path(&message.sender));
    client.send(request::post(client.url(&path)).json(&body), &purpose).map(|_| ())
}

fn recipient(who: &Participant) -> Value {
    json!({ "emailAddress": { "name": who.name, "address": who.address } })
}
