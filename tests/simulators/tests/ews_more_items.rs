//! Tasks, contacts and mail over EWS.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod ews_support;

use ews_support::*;

fn create_in(folder: &str, item: &str) -> String {
    let folder = format!("<m:SavedItemFolderId><t:DistinguishedFolderId Id=\"{folder}\"/></m:SavedItemFolderId>");
    format!("<m:CreateItem MessageDisposition=\"SaveOnly\">{folder}<m:Items>{item}</m:Items></m:CreateItem>")
}

fn change(id: &(String, String), updates: &str) -> String {
    let id = item_id(id);
    format!(
        "<m:UpdateItem ConflictResolution=\"NeverOverwrite\" MessageDisposition=\"SaveOnly\"><m:ItemChanges><t:ItemChange>{id}<t:Updates>{updates}</t:Updates></t:ItemChange></m:ItemChanges></m:UpdateItem>"
    )
}

fn put(path: &str, kind: &str, part: &str) -> String {
    format!("<t:SetItemField>{path}<t:{kind}>{part}</t:{kind}></t:SetItemField>")
}

fn field(uri: &str) -> String {
    format!("<t:FieldURI FieldURI=\"{uri}\"/>")
}

fn entry(uri: &str, key: &str) -> String {
    format!("<t:IndexedFieldURI FieldURI=\"{uri}\" FieldIndex=\"{key}\"/>")
}

const OPERATION: &str =
    "<t:ExtendedFieldURI PropertySetId=\"6a1c6a7e-3f5a-4b7e-9d3a-2f0c5b1e7a10\" PropertyName=\"Operation\" PropertyType=\"String\"/>";

#[tokio::test]
async fn a_task_is_made_found_changed_synchronised_and_deleted() {
    let bench = Bench::start().await;
    let extended = format!("<t:ExtendedProperty>{OPERATION}<t:Value>op-1</t:Value></t:ExtendedProperty>");
    let recurrence = "<t:Recurrence><t:WeeklyRecurrence><t:Interval>1</t:Interval><t:DaysOfWeek>Monday</t:DaysOfWeek></t:WeeklyRecurrence><t:NoEndRecurrence><t:StartDate>2026-03-02</t:StartDate></t:NoEndRecurrence></t:Recurrence>";
    let task = format!(
        "<t:Task><t:Subject>Write &amp; check</t:Subject><t:Body BodyType=\"HTML\">&lt;p&gt;by hand&lt;/p&gt;</t:Body>{extended}<t:DueDate>2026-03-09T00:00:00</t:DueDate><t:PercentComplete>30</t:PercentComplete>{recurrence}<t:StartDate>2026-03-02T00:00:00Z</t:StartDate><t:Status>InProgress</t:Status></t:Task>"
    );
    let made = bench.call(&create_in("tasks", &task)).await;
    assert_eq!(made.codes(), ["NoError"]);
    let condition = format!(
        "<m:Restriction><t:IsEqualTo>{OPERATION}<t:FieldURIOrConstant><t:Constant Value=\"op-1\"/></t:FieldURIOrConstant></t:IsEqualTo></m:Restriction>"
    );
    let listed =
        format!("{IDS}<t:AdditionalProperties>{}{}{OPERATION}</t:AdditionalProperties>", field("item:Subject"), field("task:DueDate"));
    let find = format!(
        "<m:FindItem Traversal=\"Shallow\"><m:ItemShape>{listed}</m:ItemShape><m:IndexedPageItemView MaxEntriesReturned=\"10\" Offset=\"0\" BasePoint=\"Beginning\"/>{condition}<m:ParentFolderIds><t:DistinguishedFolderId Id=\"tasks\"/></m:ParentFolderIds></m:FindItem>"
    );
    let found = bench.call(&find).await;
    assert_eq!((found.text_of("t:Subject"), found.text_of("t:Value")), ("Write & check".to_owned(), "op-1".to_owned()));
    assert_eq!(found.texts("t:DueDate"), ["2026-03-09T00:00:00Z"]);
    let table = bench.call(&find.replace(&listed, ALL)).await;
    assert!(table.inside("t:Body").is_empty() && table.inside("t:Recurrence").is_empty(), "{}", table.text);
    let id = found.ids()[0].clone();
    let text_shape = format!("{ALL}<t:BodyType>Text</t:BodyType>");
    let whole = bench.call(&get(&text_shape, &item_id(&id))).await;
    assert_eq!((whole.text_of("t:Body"), whole.text_of("t:IsRecurring")), ("by hand".to_owned(), "true".to_owned()));
    assert_eq!(whole.inside("t:NoEndRecurrence"), ["<t:StartDate>2026-03-02Z</t:StartDate>"]);
    let done = put(&field("task:Status"), "Task", "<t:Status>Completed</t:Status>");
    let late = format!("<t:DeleteItemField>{}</t:DeleteItemField>", field("task:DueDate"));
    let changed = bench.call(&change(&id, &(done.clone() + &late))).await;
    assert_eq!(changed.codes(), ["NoError"]);
    assert_ne!(changed.ids()[0].1, id.1);
    assert_eq!(bench.call(&change(&id, &done)).await.codes(), ["ErrorIrresolvableConflict"]);
    let whole = bench.call(&get(ALL, &item_id(&changed.ids()[0]))).await;
    assert_eq!(whole.texts("t:PercentComplete"), ["100"]);
    assert_eq!((whole.texts("t:CompleteDate"), whole.texts("t:DueDate").len()), (vec!["2026-01-05T00:00:00Z".to_owned()], 0));
    let sync = |state: &str| {
        let state = if state.is_empty() { String::new() } else { format!("<m:SyncState>{state}</m:SyncState>") };
        format!(
            "<m:SyncFolderItems><m:ItemShape>{IDS}</m:ItemShape><m:SyncFolderId><t:DistinguishedFolderId Id=\"tasks\"/></m:SyncFolderId>{state}<m:MaxChangesReturned>10</m:MaxChangesReturned></m:SyncFolderItems>"
        )
    };
    let first = bench.call(&sync("")).await;
    assert_eq!(first.inside("t:Create").len(), 1);
    let delete = format!(
        "<m:DeleteItem DeleteType=\"MoveToDeletedItems\" AffectedTaskOccurrences=\"AllOccurrences\"><m:ItemIds>{}</m:ItemIds></m:DeleteItem>",
        item_id(&id)
    );
    assert_eq!(bench.call(&delete).await.codes(), ["NoError"]);
    assert_eq!(bench.call(&sync(&first.text_of("m:SyncState"))).await.inside("t:Delete").len(), 1);
    assert_eq!(bench.call(&get(IDS, &item_id(&id))).await.codes(), ["ErrorItemNotFound"]);
    bench.judge();
}

#[tokio::test]
async fn a_contact_keeps_its_entries_one_by_one() {
    let bench = Bench::start().await;
    let contact = "<t:Contact><t:GivenName>Ada</t:GivenName><t:EmailAddresses><t:Entry Key=\"EmailAddress1\">ada@example.test</t:Entry></t:EmailAddresses><t:PhysicalAddresses><t:Entry Key=\"Business\"><t:Street>Street 1</t:Street><t:City>Berlin</t:City></t:Entry></t:PhysicalAddresses><t:PhoneNumbers><t:Entry Key=\"BusinessPhone\">+49 30 1</t:Entry><t:Entry Key=\"MobilePhone\">+49 170 1</t:Entry></t:PhoneNumbers><t:Surname>Lovelace</t:Surname></t:Contact>";
    let id = bench.call(&create_in("contacts", contact)).await.ids()[0].clone();
    let updates = [
        put(
            &entry("contacts:PhoneNumber", "BusinessPhone"),
            "Contact",
            "<t:PhoneNumbers><t:Entry Key=\"BusinessPhone\">+49 30 2</t:Entry></t:PhoneNumbers>",
        ),
        format!("<t:DeleteItemField>{}</t:DeleteItemField>", entry("contacts:PhoneNumber", "MobilePhone")),
        put(
            &entry("contacts:PhysicalAddress:PostalCode", "Business"),
            "Contact",
            "<t:PhysicalAddresses><t:Entry Key=\"Business\"><t:PostalCode>10115</t:PostalCode></t:Entry></t:PhysicalAddresses>",
        ),
        put(&field("contacts:JobTitle"), "Contact", "<t:JobTitle>Analyst</t:JobTitle>"),
    ];
    let changed = bench.call(&change(&id, &updates.concat())).await;
    assert_eq!(changed.codes(), ["NoError"]);
    let asked = [
        entry("contacts:PhoneNumber", "BusinessPhone"),
        entry("contacts:PhysicalAddress:PostalCode", "Business"),
        field("contacts:DisplayName"),
    ];
    let got = bench
        .call(&get(&format!("{IDS}<t:AdditionalProperties>{}</t:AdditionalProperties>", asked.concat()), &item_id(&changed.ids()[0])))
        .await;
    assert_eq!(got.text_of("t:DisplayName"), "Ada Lovelace");
    assert_eq!(got.inside("t:PhoneNumbers"), ["<t:Entry Key=\"BusinessPhone\">+49 30 2</t:Entry>"]);
    assert_eq!(got.inside("t:PhysicalAddresses"), ["<t:Entry Key=\"Business\"><t:PostalCode>10115</t:PostalCode></t:Entry>"]);
    let whole = bench.call(&get(ALL, &item_id(&changed.ids()[0]))).await;
    assert_eq!(whole.inside("t:PhoneNumbers"), ["<t:Entry Key=\"BusinessPhone\">+49 30 2</t:Entry>"]);
    assert_eq!((whole.text_of("t:City"), whole.text_of("t:JobTitle")), ("Berlin".to_owned(), "Analyst".to_owned()));
    bench.judge();
}

#[tokio::test]
async fn items_stay_in_folders_of_their_kind_and_what_the_service_sets_is_refused() {
    let bench = Bench::start().await;
    let task = "<t:Task><t:Subject>x</t:Subject></t:Task>";
    assert_eq!(bench.call(&create_in("calendar", task)).await.codes(), ["ErrorCannotCreateTaskInNonTaskFolder"]);
    let contact = "<t:Contact><t:GivenName>x</t:GivenName></t:Contact>";
    assert_eq!(bench.call(&create_in("tasks", contact)).await.codes(), ["ErrorCannotCreateContactInNonContactFolder"]);
    assert_eq!(
        bench.call(&create_in("tasks", "<t:Task><t:IsComplete>true</t:IsComplete></t:Task>")).await.codes(),
        ["ErrorInvalidPropertySet"]
    );
    let id = bench.call(&create_in("tasks", task)).await.ids()[0].clone();
    let subject = put(&field("item:Subject"), "Task", "<t:Subject>y</t:Subject>");
    let bad = put(&field("task:IsComplete"), "Task", "<t:IsComplete>true</t:IsComplete>");
    assert_eq!(bench.call(&change(&id, &(subject + &bad))).await.codes(), ["ErrorInvalidPropertySet"]);
    assert_eq!(bench.call(&get(ALL, &item_id(&id))).await.text_of("t:Subject"), "x", "nothing of a refused change is done");
    bench.judge();
}

fn message(disposition: &str, folder: &str, to: &str) -> String {
    let recipients = if to.is_empty() {
        String::new()
    } else {
        format!("<t:ToRecipients><t:Mailbox><t:EmailAddress>{to}</t:EmailAddress></t:Mailbox></t:ToRecipients>")
    };
    format!(
        "<m:CreateItem MessageDisposition=\"{disposition}\">{folder}<m:Items><t:Message><t:Subject>News &amp; more</t:Subject><t:Body BodyType=\"Text\">text</t:Body>{recipients}</t:Message></m:Items></m:CreateItem>"
    )
}

fn in_folder(name: &str) -> String {
    format!(
        "<m:FindItem Traversal=\"Shallow\"><m:ItemShape>{IDS}</m:ItemShape><m:ParentFolderIds><t:DistinguishedFolderId Id=\"{name}\"/></m:ParentFolderIds></m:FindItem>"
    )
}

#[tokio::test]
async fn mail_is_sent_and_counted_apart_from_attendees() {
    let bench = Bench::start().await;
    let sent = bench.call(&message("SendOnly", "", "one@example.test")).await;
    assert_eq!((sent.codes(), sent.ids().len()), (vec!["NoError".to_owned()], 0));
    let folder = "<m:SavedItemFolderId><t:DistinguishedFolderId Id=\"sentitems\"/></m:SavedItemFolderId>";
    bench.call(&message("SendAndSaveCopy", folder, "two@example.test")).await;
    assert_eq!((bench.graph.mails_sent(), bench.graph.attendee_mails()), (2, 0));
    let mails = bench.graph.sent();
    assert_eq!(
        (mails[0].subject.as_str(), mails[0].content_type.as_str(), mails[0].kept, mails[1].kept),
        ("News & more", "text", false, true)
    );
    assert_eq!(bench.call(&in_folder("sentitems")).await.ids().len(), 1);
    assert_eq!(bench.call(&message("SendOnly", "", "")).await.codes(), ["ErrorInvalidRecipients"]);
    bench.judge();
}

#[tokio::test]
async fn a_draft_goes_out_once_and_leaves_its_folder() {
    let bench = Bench::start().await;
    let id = bench.call(&message("SaveOnly", "", "one@example.test")).await.ids()[0].clone();
    assert_eq!(bench.graph.mails_sent(), 0);
    let send = |id: &str| format!("<m:SendItem SaveItemToFolder=\"true\"><m:ItemIds>{id}</m:ItemIds></m:SendItem>");
    assert_eq!(bench.call(&send(&format!("<t:ItemId Id=\"{}\"/>", id.0))).await.codes(), ["ErrorChangeKeyRequired"]);
    assert_eq!(bench.call(&send(&item_id(&id))).await.codes(), ["NoError"]);
    assert_eq!(bench.call(&send(&item_id(&id))).await.codes(), ["ErrorItemNotFound"]);
    assert_eq!(bench.graph.mails_sent(), 1);
    assert_eq!(bench.call(&in_folder("drafts")).await.ids().len(), 0);
    let copy = bench.call(&in_folder("sentitems")).await.ids()[0].clone();
    assert_eq!(bench.call(&get(ALL, &item_id(&copy))).await.text_of("t:IsDraft"), "false");
    bench.judge();
}
