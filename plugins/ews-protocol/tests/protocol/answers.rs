//! Answers of operations beside appointments, and refusals.

use calport_ews_protocol::item::ItemRef;
use calport_ews_protocol::item::contact::{AddressPlace, Contact, PhonePlace};
use calport_ews_protocol::item::event::ShowAs;
use calport_ews_protocol::item::task::{Task, TaskStatus};
use calport_ews_protocol::operation::*;
use calport_ews_protocol::recurrence::{Pattern, Regeneration};
use calport_ews_protocol::{FailureKind, ReadError, answer, categories};
use calport_sdk::common::Zone;

use crate::support::envelope;

fn single<O: calport_ews_protocol::Operation>(content: &str) -> O::Reply {
    answer::<O>(envelope::<O>(content).as_bytes()).unwrap().single().unwrap()
}

#[test]
fn feat_c13_tasks_are_read_with_their_days() {
    let items = single::<GetItem<Task>>(
        r#"<m:Items><t:Task><t:ItemId Id="t1" ChangeKey="k"/><t:Subject>S</t:Subject><t:ReminderDueBy>2026-03-29T07:00:00Z</t:ReminderDueBy>
        <t:ReminderIsSet>true</t:ReminderIsSet><t:DueDate>2026-03-28T23:00:00Z</t:DueDate><t:PercentComplete>50.0</t:PercentComplete>
        <t:Recurrence><t:WeeklyRegeneration><t:Interval>2</t:Interval></t:WeeklyRegeneration><t:NoEndRecurrence>
        <t:StartDate>2026-01-01</t:StartDate></t:NoEndRecurrence></t:Recurrence><t:StartDate>2026-03-28T00:00:00</t:StartDate>
        <t:Status>WaitingOnOthers</t:Status></t:Task><t:Task><t:ItemId Id="t2"/><t:Status>Dreaming</t:Status></t:Task></m:Items>"#,
    );
    let task = &items.items[0];
    assert_eq!((task.due.as_deref(), task.start.as_deref()), (Some("2026-03-29"), Some("2026-03-28")));
    assert_eq!((task.percent, task.status, task.reminder), (50, TaskStatus::WaitingOnOthers, Some(1_774_767_600_000)));
    let pattern = task.recurrence.clone().unwrap().pattern;
    assert_eq!(pattern, Pattern::Regenerating { interval: 2, unit: Regeneration::Weekly });
    assert_eq!((items.unreadable[0].id.as_str(), items.unreadable[0].reason.as_str()), ("t2", "a task of unknown status"));
}

#[test]
fn feat_c14_contacts_are_read_from_their_dictionaries() {
    let items = single::<GetItem<Contact>>(
        r#"<m:Items><t:Contact><t:ItemId Id="c1"/><t:FileAs>Plate, Tanja</t:FileAs><t:GivenName>Tanja</t:GivenName>
        <t:ExtendedProperty><t:ExtendedFieldURI
        PropertyTag="0x3a45" PropertyType="String"/><t:Value>Dr.</t:Value></t:ExtendedProperty><t:EmailAddresses><t:Entry Key="EmailAddress2">b@example.com</t:Entry>
        <t:Entry Key="EmailAddress1" RoutingType="SMTP">a@example.com</t:Entry><t:Entry Key="EmailAddress3" RoutingType="EX">/o=x@y</t:Entry>
        </t:EmailAddresses><t:PhysicalAddresses><t:Entry Key="Home"><t:City>Berlin</t:City></t:Entry><t:Entry Key="Other"/>
        </t:PhysicalAddresses><t:PhoneNumbers><t:Entry Key="BusinessPhone">1</t:Entry><t:Entry Key="Pager">2</t:Entry>
        <t:Entry Key="HomePhone"/></t:PhoneNumbers><t:Birthday>1980-02-28T23:00:00Z</t:Birthday><t:Surname>Plate</t:Surname>
        </t:Contact></m:Items>"#,
    );
    let contact = &items.items[0];
    assert_eq!(contact.mail_addresses, ["a@example.com", "b@example.com"]);
    assert_eq!(contact.phones, [(PhonePlace::Business, "1".to_owned()), (PhonePlace::Other, "2".to_owned())]);
    assert_eq!((contact.addresses.len(), contact.addresses[0].place), (1, AddressPlace::Home));
    assert_eq!((contact.birthday.as_deref(), contact.title.as_str()), (Some("1980-02-29"), "Dr."));
}

#[test]
fn feat_c11_a_scheduled_absence_has_its_times_and_a_strange_one_its_reason() {
    let reply = |state: &str| {
        let body = format!(
            "<s:Envelope xmlns:s=\"s\"><s:Body><GetUserOofSettingsResponse><ResponseMessage ResponseClass=\"Success\"><ResponseCode>NoError\
             </ResponseCode></ResponseMessage><OofSettings><OofState>{state}</OofState><ExternalAudience>Known</ExternalAudience><Duration>\
             <StartTime>2026-03-29T07:00:00</StartTime><EndTime>2026-03-30T07:00:00Z</EndTime></Duration><InternalReply><Message>&lt;p&gt;\
             </Message></InternalReply><ExternalReply/></OofSettings></GetUserOofSettingsResponse></s:Body></s:Envelope>"
        );
        answer::<GetUserOofSettings>(body.as_bytes()).unwrap().single().unwrap().settings
    };
    let settings = reply("Scheduled").unwrap();
    assert_eq!(settings.state, OofState::Scheduled { start: 1_774_767_600_000, end: 1_774_854_000_000 });
    assert_eq!((settings.internal_reply.as_deref(), settings.external_reply), (Some("<p>"), None));
    assert_eq!(reply("Dreaming"), Err("an absence in an unknown state".to_owned()));
}

#[test]
fn b54_names_are_found_ambiguous_or_unknown() {
    let entry = |name: &str| {
        format!(
            "<t:Resolution><t:Mailbox><t:Name>{name}</t:Name><t:EmailAddress>{name}@example.com</t:EmailAddress><t:RoutingType>SMTP\
             </t:RoutingType><t:MailboxType>Mailbox</t:MailboxType></t:Mailbox><t:Contact><t:DisplayName>{name} X</t:DisplayName>\
             <t:EmailAddresses><t:Entry Key=\"EmailAddress1\">SMTP:{name}@example.com</t:Entry></t:EmailAddresses></t:Contact></t:Resolution>"
        )
    };
    let set =
        |entries: &str| format!("<m:ResolutionSet TotalItemsInView=\"2\" IncludesLastItemInRange=\"true\">{entries}</m:ResolutionSet>");
    let one = single::<ResolveNames>(&set(&entry("a")));
    assert_eq!((one.entries[0].who.address.as_str(), one.entries[0].kind.as_str(), one.complete), ("a@example.com", "Mailbox", true));
    assert_eq!(one.entries[0].contact.as_ref().unwrap().mail_addresses, ["a@example.com"]);
    let several = envelope::<ResolveNames>(&set(&[entry("a"), entry("b")].concat()))
        .replace("\"Success\"", "\"Warning\"")
        .replace("NoError", "ErrorNameResolutionMultipleResults");
    assert_eq!(answer::<ResolveNames>(several.as_bytes()).unwrap().single().unwrap().entries.len(), 2, "a warning with content");
    let none = envelope::<ResolveNames>("").replace("\"Success\"", "\"Error\"").replace("NoError", "ErrorNameResolutionNoResults");
    let refused = answer::<ResolveNames>(none.as_bytes()).unwrap().single().unwrap_err();
    assert_eq!(refused.kind(), FailureKind::NoSuchName);
}

#[test]
fn c12_the_probe_reads_both_numbers() {
    let folders = single::<GetFolder>(
        r#"<m:Folders><t:CalendarFolder><t:FolderId Id="f1" ChangeKey="k"/><t:FolderClass>IPF.Appointment</t:FolderClass>
        <t:DisplayName>Kalender</t:DisplayName><t:TotalCount>7</t:TotalCount><t:ExtendedProperty><t:ExtendedFieldURI PropertyTag="0x670A"
        PropertyType="SystemTime"/><t:Value>2026-03-29T07:00:00Z</t:Value></t:ExtendedProperty><t:ExtendedProperty>
        <t:ExtendedFieldURI PropertyTag="26379" PropertyType="Integer"/><t:Value>42</t:Value></t:ExtendedProperty>
        <t:EffectiveRights><t:CreateContents>false</t:CreateContents></t:EffectiveRights></t:CalendarFolder></m:Folders>"#,
    );
    let folder = &folders.folders[0];
    assert_eq!((folder.changed, folder.deleted, folder.writable), (Some(1_774_767_600_000), Some(42), Some(false)));
    assert_eq!((folder.name.as_str(), folder.kind.as_str(), folder.total), ("Kalender", "CalendarFolder", Some(7)));
}

#[test]
fn the_calendars_of_a_mailbox_are_followed() {
    let reply = single::<SyncFolderHierarchy>(
        r#"<m:SyncState>s</m:SyncState><m:IncludesLastFolderInRange>true</m:IncludesLastFolderInRange><m:Changes><t:Create>
        <t:CalendarFolder><t:FolderId Id="f"/></t:CalendarFolder></t:Create><t:Delete><t:FolderId Id="g"/></t:Delete></m:Changes>"#,
    );
    assert!(matches!(&reply.changes[0], HierarchyChange::Upsert(folder) if folder.id.id == "f"));
    assert_eq!((&reply.changes[1], reply.last), (&HierarchyChange::Removed("g".into()), true));
}

#[test]
fn b55_the_servers_zones_come_with_their_rules() {
    let reply = single::<GetServerTimeZones>(
        r#"<m:TimeZoneDefinitions><t:TimeZoneDefinition Id="Own Standard Time" Name="(UTC+00:30) Own"><t:Periods>
        <t:Period Bias="-PT30M" Name="Standard" Id="s"/></t:Periods><t:Transitions><t:Transition><t:To Kind="Period">s</t:To></t:Transition>
        </t:Transitions></t:TimeZoneDefinition></m:TimeZoneDefinitions>"#,
    );
    let rules = reply.zones[0].rules(None).unwrap();
    assert_eq!((rules.standard_offset, rules.daylight.is_none()), (30, true));
    assert!(calport_ews_protocol::zone::to_time_zone(&Zone::Custom(rules)).is_some());
}

#[test]
fn feat_c15_the_list_of_categories_comes_out_of_its_base64() {
    let reply = single::<GetUserConfiguration>(
        r#"<m:UserConfiguration><t:UserConfigurationName Name="CategoryList"/><t:Dictionary><t:DictionaryEntry><t:DictionaryKey>
        <t:Type>String</t:Type><t:Value>timezone</t:Value></t:DictionaryKey><t:DictionaryValue><t:Type>String</t:Type>
        <t:Value>W. Europe Standard Time</t:Value></t:DictionaryValue></t:DictionaryEntry></t:Dictionary>
        <t:XmlData>PGNhdGVnb3JpZXM+PGNhdGVnb3J5IG5hbWU9IlJlZCIg
        Y29sb3I9IjAiLz48L2NhdGVnb3JpZXM+</t:XmlData></m:UserConfiguration>"#,
    );
    assert_eq!(reply.value("timezone"), Some("W. Europe Standard Time"));
    let list = categories::read(&reply.xml.unwrap()).unwrap();
    assert_eq!((list[0].name.as_str(), list[0].colour), ("Red", Some(0)));
}

#[test]
fn a_batch_answers_each_id_by_itself() {
    let body = r#"<s:Envelope xmlns:s="s"><s:Body><GetItemResponse><ResponseMessages>
        <GetItemResponseMessage ResponseClass="Success"><ResponseCode>NoError</ResponseCode><Items><CalendarItem><ItemId Id="a"/>
        </CalendarItem></Items></GetItemResponseMessage>
        <GetItemResponseMessage ResponseClass="Error"><MessageText>Secret subject</MessageText><ResponseCode>ErrorItemNotFound</ResponseCode>
        <Items/></GetItemResponseMessage>
        <GetItemResponseMessage ResponseClass="Warning"><ResponseCode>ErrorBatchProcessingStopped</ResponseCode><Items/>
        </GetItemResponseMessage>
        <GetItemResponseMessage ResponseClass="Error"><ResponseCode>ErrorInternalServerError</ResponseCode><MessageXml>
        <t:Value xmlns:t="t" Name="InnerErrorResponseCode">ErrorServerBusy</t:Value><t:Value xmlns:t="t" Name="BackOffMilliseconds">1000
        </t:Value></MessageXml></GetItemResponseMessage></ResponseMessages></GetItemResponse></s:Body></s:Envelope>"#;
    let answer = answer::<GetItem<ItemRef>>(body.as_bytes()).unwrap();
    assert_eq!(answer.parts[0].as_ref().unwrap().items[0].id.id, "a");
    let kinds: Vec<FailureKind> =
        answer.parts.iter().filter_map(|part| part.as_ref().err()).map(calport_ews_protocol::Failure::kind).collect();
    assert_eq!(kinds, [FailureKind::ItemNotFound, FailureKind::NotTried, FailureKind::Throttled(Some(1_000))]);
    let shown = answer.parts[1].as_ref().unwrap_err().to_string();
    assert_eq!(shown, "ErrorItemNotFound", "an explanation may quote what was sent");
}

#[test]
fn c15_one_mailbox_without_rights_does_not_stop_the_others() {
    let body = r#"<s:Envelope xmlns:s="s"><s:Body><GetUserAvailabilityResponse><FreeBusyResponseArray>
        <FreeBusyResponse><ResponseMessage ResponseClass="Error"><ResponseCode>ErrorNoFreeBusyAccess</ResponseCode></ResponseMessage>
        <FreeBusyView><FreeBusyViewType>None</FreeBusyViewType></FreeBusyView></FreeBusyResponse>
        <FreeBusyResponse><ResponseMessage ResponseClass="Success"><ResponseCode>NoError</ResponseCode></ResponseMessage><FreeBusyView>
        <CalendarEventArray><CalendarEvent><StartTime>2026-03-29T07:00:00</StartTime><EndTime>2026-03-29T08:00:00</EndTime>
        <BusyType>OOF</BusyType></CalendarEvent><CalendarEvent><StartTime>soon</StartTime></CalendarEvent></CalendarEventArray>
        </FreeBusyView></FreeBusyResponse></FreeBusyResponseArray></GetUserAvailabilityResponse></s:Body></s:Envelope>"#;
    let answer = answer::<GetUserAvailability>(body.as_bytes()).unwrap();
    assert_eq!(answer.parts[0].as_ref().unwrap_err().kind(), FailureKind::AccessDenied);
    let busy = answer.parts[1].as_ref().unwrap();
    let span = BusySpan { start: 1_774_767_600_000, end: 1_774_771_200_000, show_as: ShowAs::OutOfOffice };
    assert_eq!((busy.spans.as_slice(), busy.unreadable), (&[span][..], 1));
}

#[test]
fn an_answer_to_another_question_is_none() {
    let body = envelope::<GetFolder>("<m:Folders/>");
    let error = answer::<DeleteItem>(body.as_bytes()).unwrap_err();
    assert_eq!(error, ReadError::OtherAnswer { expected: "DeleteItemResponse".into(), got: "GetFolderResponse".into() });
    let empty = answer::<GetFolder>(b"<Envelope><Body/></Envelope>").unwrap_err();
    assert!(matches!(empty, ReadError::OtherAnswer { .. }));
    let nothing = answer::<GetFolder>(b"<Envelope><Body><GetFolderResponse/></Body></Envelope>").unwrap_err();
    assert!(matches!(nothing, ReadError::OtherAnswer { .. }));
}
