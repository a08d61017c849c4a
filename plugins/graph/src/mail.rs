//! Sending mail from the mailbox that the message names, or else the settings.
//!
//! Graph has no key against doubles here: the operation's id is not used. An answer that leaves open whether the mail left is
//! `outcome-unknown`, and nobody repeats it.

use calport_sdk::common::{Error, Participant, TextFormat};
use calport_sdk::{error, request};
use serde_json::{Value, json};

use crate::bindings::exports::calport::connector::mail::Message;
use crate::client::{Client, user_path};
use crate::failure::Purpose;

/// Sends a message.
///
/// # Errors
/// `invalid` without recipients or without a sender, and those of any write.
pub fn send(client: &Client, message: &Message) -> Result<(), Error> {
    if message.recipients.is_empty() {
        return Err(error::invalid("recipients", "a message needs at least one"));
    }
    let sender = sender(client, message)?;
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
    let purpose = Purpose { doing: "sending a mail", permission: "Mail.Send", mailbox: Some(sender) };
    let path = format!("{}/sendMail", user_path(sender));
    client.write(request::post(client.url(&path)).json(&body), &purpose).map(|_| ())
}

/// Who sends: the message says it, or else the settings.
fn sender<'a>(client: &'a Client, message: &'a Message) -> Result<&'a str, Error> {
    let named = Some(message.sender.as_str()).filter(|s| !s.is_empty());
    let sender = named.or(client.settings.sender.as_deref()).filter(|s| !s.is_empty());
    sender.ok_or_else(|| error::invalid("sender", "the message names no mailbox; set `sender` in the settings of the connection"))
}

fn recipient(who: &Participant) -> Value {
    let mut address = json!({ "address": who.address });
    if let Some(members) = address.as_object_mut().filter(|_| !who.name.is_empty()) {
        members.insert("name".to_owned(), who.name.as_str().into());
    }
    json!({ "emailAddress": address })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::client;
    use calport_sdk::common::{ErrorKind, TextBody};
    use calport_sdk::http::HttpError;
    use calport_sdk::testing::Recorded;

    fn message(sender: &str) -> Message {
        Message {
            sender: sender.into(),
            recipients: vec![Participant { name: String::new(), address: "admin@example.com".into() }],
            subject: "Stopped".into(),
            body: TextBody { format: TextFormat::Plain, content: "Since noon.".into() },
            operation: "op-1".into(),
            keep_copy: false,
        }
    }

    #[test]
    fn feat_c12_the_message_names_the_sender_or_else_the_settings() {
        let http =
            Recorded::new().on("POST", "/users/calport%40example.com/sendMail", 202, "").on("POST", "/users/other/sendMail", 202, "");
        let (mut client, http) = client(http);
        client.settings.sender = Some("calport@example.com".into());
        send(&client, &message("")).unwrap();
        send(&client, &message("other")).unwrap();
        let sent: Value = serde_json::from_slice(http.requests()[0].body.as_ref().unwrap()).unwrap();
        let wanted = json!({
            "message": {
                "subject": "Stopped",
                "body": { "contentType": "text", "content": "Since noon." },
                "toRecipients": [{ "emailAddress": { "address": "admin@example.com" } }],
            },
            "saveToSentItems": false,
        });
        assert_eq!(sent, wanted);
        assert!(!http.requests()[0].safe_to_repeat, "a mail is never sent twice by itself");
    }

    #[test]
    fn feat_c12_without_a_sender_or_a_recipient_nothing_is_sent() {
        let (client, http) = client(Recorded::new());
        let invalid = |result: Result<(), Error>| match result.unwrap_err().kind {
            ErrorKind::Invalid(value) => value.field,
            other => panic!("{other:?}"),
        };
        assert_eq!(invalid(send(&client, &message(""))), "sender");
        assert_eq!(invalid(send(&client, &Message { recipients: Vec::new(), ..message("u") })), "recipients");
        assert!(http.requests().is_empty());
    }

    #[test]
    fn b40_a_mail_of_which_nothing_is_known_may_have_left() {
        let lost = HttpError::OutcomeUnknown("the connection broke".into());
        let (client, _) = client(Recorded::new().on_failure("POST", "/sendMail", lost).on("POST", "/sendMail", 504, ""));
        assert_eq!(send(&client, &message("u")).unwrap_err().kind, ErrorKind::OutcomeUnknown);
        assert_eq!(send(&client, &message("u")).unwrap_err().kind, ErrorKind::OutcomeUnknown);
    }
}
