//! Sending mail from the mailbox that the message names, or else the settings; without impersonation from the account's own.
//!
//! EWS has no key against doubles here. An answer that leaves open whether the mail left is `outcome-unknown`, and nobody
//! repeats it (SEMANTICS B-40).

use calport_ews_protocol::operation::SendMail;
use calport_sdk::common::Error;
use calport_sdk::error;

use crate::bindings::exports::calport::connector::mail::Message;
use crate::client::Client;
use crate::flavour::Access;

/// Sends a message.
///
/// # Errors
/// `invalid` without recipients or without a sender, and those of any write.
pub fn send(client: &Client, message: &Message) -> Result<(), Error> {
    if message.recipients.is_empty() {
        return Err(error::invalid("recipients", "a message needs at least one"));
    }
    let named = Some(message.sender.as_str()).filter(|s| !s.is_empty()).or(client.settings.sender.as_deref());
    let sender = match (client.manner.access, named) {
        (Access::Impersonation, Some(sender)) => sender,
        (Access::Impersonation, None) => {
            return Err(error::invalid("sender", "the message names no mailbox; set `sender` in the settings of the connection"));
        }
        (Access::Sharing, Some(_)) => {
            let reason = "without impersonation mails leave from the account's own mailbox; name no sender";
            return Err(error::invalid("sender", reason));
        }
        // It decides only which server is asked first.
        (Access::Sharing, None) => client.settings.test_user.as_str(),
    };
    let mail = SendMail {
        recipients: message.recipients.clone(),
        subject: message.subject.clone(),
        body: message.body.clone(),
        operation: message.operation.clone(),
        keep_copy: message.keep_copy,
    };
    client.single(&mail, &client.writing("sending a mail", sender)).map(|_| ())
}
