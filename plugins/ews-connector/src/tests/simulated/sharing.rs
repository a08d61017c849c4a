//! Without impersonation: the account's own mailbox and what it may open besides, by an account's login.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use calport_sdk::common::{Participant, TextBody, TextFormat};
use calport_simulators::ews::Account;

use super::*;
use crate::bindings::exports::calport::connector::categories::Category;
use crate::bindings::exports::calport::connector::mail::Message;
use crate::flavour::{Access, Lookup, Manner};

/// A server on premises without OAuth, and a connection of this account, whose password is `pw`.
fn sharing(account: Account) -> (World, Client) {
    let world = World::with(Config { version: Version::Exchange2016, accounts: vec![account.clone()], oauth: false, ..Config::default() });
    let basic = STANDARD.encode(format!("{}:{}", account.user, account.password));
    let wire = Wire { runtime: world.wire.runtime.clone(), http: world.wire.http.clone(), authorization: format!("Basic {basic}") };
    let settings = Settings { sender: None, ..settings() };
    let mut client = Client::new(Box::new(wire), world.sim.url(), settings);
    client.manner = Manner { access: Access::Sharing, lookup: Lookup { opens: true, ..Lookup::default() }, ..Manner::default() };
    (world, client)
}

#[test]
fn feat_c05_without_impersonation_every_request_names_the_mailbox_and_nobody_is_impersonated() {
    let (world, client) = sharing(Account::service(r"EXAMPLE\svc", "pw"));
    let id = crate::write::create(&client, ANNA, None, &draft("op-1", Some("tag-1"))).unwrap().id;
    let events = read_all(&client, ANNA, YEAR).unwrap();
    assert_eq!(events.iter().map(|e| e.id.as_str()).collect::<Vec<_>>(), [id.as_str()]);
    assert_eq!(read_all(&client, BEA, YEAR).unwrap(), []);
    assert_eq!(crate::write::find_by_tag(&client, ANNA, "tag-1").unwrap().len(), 1);
    assert_eq!(crate::events::calendars(&client, ANNA).unwrap().iter().filter(|c| c.default).count(), 1);
    assert_eq!(crate::events::mailbox_info(&client, ANNA).unwrap().zone.as_deref(), Some(BERLIN));
    crate::categories::create(&client, ANNA, &Category { name: "Leave".to_owned(), colour: Some(3), rgb: String::new() }).unwrap();
    assert!(crate::categories::list_categories(&client, ANNA).unwrap().iter().any(|c| c.name == "Leave"));
    let replies = crate::absence::read(&client, ANNA).unwrap_err();
    assert!(replies.kind == ErrorKind::Forbidden && replies.message.contains("who impersonates the owner"), "B-53: {replies:?}");
    crate::write::delete(&client, ANNA, &item(&id), None, AttendeeMail::Never).unwrap();
    let sent: Vec<String> = world.sim.requests().into_iter().filter_map(|r| r.body).collect();
    assert!(sent.len() > 8 && sent.iter().all(|body| !body.contains("ExchangeImpersonation")), "{}", sent.len());
    world.nobody_was_mailed();
}

#[test]
fn feat_c16_feat_r07_a_mailbox_that_is_not_shared_is_not_permitted_with_the_command() {
    let (world, client) = sharing(Account::person(TEST_USER, "pw"));
    assert_eq!(read_all(&client, TEST_USER, YEAR).unwrap(), [], "its own it may read");
    let refused = read_all(&client, ANNA, YEAR).unwrap_err();
    assert_eq!((&refused.kind, refused.scope), (&ErrorKind::Forbidden, calport_sdk::common::ErrorScope::Mailbox));
    let command = "Add-MailboxPermission -Identity anna@example.test -User svc-calport -AccessRights FullAccess";
    assert!(refused.message.contains(command), "{}", refused.message);
    let resolved = crate::directory::resolve(&client, ANNA).unwrap();
    let crate::bindings::exports::calport::connector::directory::Resolution::NotPermitted(reason) = resolved else {
        panic!("{resolved:?}")
    };
    assert!(reason.contains(command), "{reason}");
    assert_eq!(crate::check::check(&client).unwrap().server, "Exchange 2016");
    drop(world);
}

#[test]
fn feat_c12_without_impersonation_mails_leave_from_the_accounts_own_mailbox() {
    let (world, client) = sharing(Account::person(SENDER, "pw"));
    let message = |sender: &str| Message {
        sender: sender.to_owned(),
        recipients: vec![Participant { name: String::new(), address: ANNA.to_owned() }],
        subject: "Calport".to_owned(),
        body: TextBody { format: TextFormat::Plain, content: "x".to_owned() },
        operation: "op".to_owned(),
        keep_copy: false,
    };
    crate::mail::send(&client, &message("")).unwrap();
    assert_eq!(world.mailboxes.sent().len(), 1);
    assert!(matches!(kind(crate::mail::send(&client, &message(BEA))), ErrorKind::Invalid(_)));
    assert_eq!(world.mailboxes.sent().len(), 1);
}
