//! Folders over EWS: found by pages, synchronised, made and deleted, and a calendar that Graph shows too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod ews_support;

use calport_simulators::graph::EventDraft;
use ews_support::*;

const SHAPE: &str = "<m:FolderShape><t:BaseShape>Default</t:BaseShape></m:FolderShape>";
const TOP: &str = "<t:DistinguishedFolderId Id=\"msgfolderroot\"/>";

fn find(traversal: &str, root: &str, view: &str) -> String {
    format!("<m:FindFolder Traversal=\"{traversal}\">{SHAPE}{view}<m:ParentFolderIds>{root}</m:ParentFolderIds></m:FindFolder>")
}

fn sync(state: &str) -> String {
    let state = if state.is_empty() { String::new() } else { format!("<m:SyncState>{state}</m:SyncState>") };
    format!("<m:SyncFolderHierarchy>{SHAPE}<m:SyncFolderId>{TOP}</m:SyncFolderId>{state}</m:SyncFolderHierarchy>")
}

fn create(kind: &str, name: &str) -> String {
    format!(
        "<m:CreateFolder><m:ParentFolderId>{TOP}</m:ParentFolderId><m:Folders><t:{kind}><t:DisplayName>{name}</t:DisplayName></t:{kind}></m:Folders></m:CreateFolder>"
    )
}

fn delete(id: &str) -> String {
    format!("<m:DeleteFolder DeleteType=\"HardDelete\"><m:FolderIds><t:FolderId Id=\"{id}\"/></m:FolderIds></m:DeleteFolder>")
}

#[tokio::test]
async fn folders_are_found_by_pages_and_levels() {
    let bench = Bench::start().await;
    let whole = bench.call(&find("Shallow", TOP, "")).await;
    let names = whole.texts("t:DisplayName");
    for name in ["Calendar", "Tasks", "Contacts", "Inbox", "Sent Items"] {
        assert!(names.iter().any(|n| n == name), "{names:?}");
    }
    let mut seen = Vec::new();
    let mut offset = 0;
    loop {
        let view = format!("<m:IndexedPageFolderView MaxEntriesReturned=\"4\" Offset=\"{offset}\" BasePoint=\"Beginning\"/>");
        let page = bench.call(&find("Shallow", TOP, &view)).await;
        seen.extend(page.texts("t:DisplayName"));
        offset = attributes(&page.text, "m:RootFolder", "IndexedPagingOffset")[0].parse().unwrap();
        if attributes(&page.text, "m:RootFolder", "IncludesLastItemInRange")[0] == "true" {
            break;
        }
    }
    assert_eq!(seen, names);
    let root = "<t:DistinguishedFolderId Id=\"root\"/>";
    assert_eq!(bench.call(&find("Shallow", root, "")).await.texts("t:DisplayName"), ["Top of Information Store"]);
    assert_eq!(bench.call(&find("Deep", root, "")).await.texts("t:DisplayName").len(), names.len() + 1);
    bench.judge();
}

#[tokio::test]
async fn the_hierarchy_says_what_changed_since() {
    let bench = Bench::start().await;
    let first = bench.call(&sync("")).await;
    assert!(first.texts("t:Create").len() > 8, "{}", first.text);
    let state = first.texts("m:SyncState")[0].to_owned();
    assert_eq!(bench.call(&sync(&state)).await.texts("m:Changes"), [""]);
    let made = bench.call(&create("CalendarFolder", "Second &amp; last")).await;
    let id = attributes(&made.text, "t:FolderId", "Id")[0].clone();
    let second = bench.call(&sync(&state)).await;
    assert_eq!(second.texts("t:Create").len(), 1);
    assert_eq!(second.texts("t:DisplayName")[0], "Second & last");
    assert_eq!(bench.call(&delete(&id)).await.codes(), ["NoError"]);
    let third = bench.call(&sync(&second.texts("m:SyncState")[0])).await;
    assert_eq!(attributes(&third.inside("t:Delete")[0], "t:FolderId", "Id")[0], id);
    for bad in ["nonsense", "H4sIAAAA"] {
        assert_eq!(bench.call(&sync(bad)).await.codes(), ["ErrorInvalidSyncStateData"]);
    }
    bench.judge();
}

#[tokio::test]
async fn a_calendar_goes_with_its_events_on_both_sides() {
    let bench = Bench::start().await;
    let calendar = bench.graph.add_calendar(ALICE, "Side").unwrap();
    let event = bench.graph.add_event(ALICE, EventDraft::new("There", "2026-03-03T09:00:00", "2026-03-03T10:00:00", "UTC")).unwrap();
    bench.graph.move_event(ALICE, &event, &calendar).unwrap();
    assert_eq!(bench.call(&create("CalendarFolder", "side")).await.codes(), ["ErrorFolderExists"]);
    let found = bench.call(&find("Shallow", TOP, "")).await;
    let (_, after) = found.text.split_once("<t:DisplayName>Calendar<").unwrap();
    let id = attributes(after, "t:FolderId", "Id")[0].clone();
    assert_eq!(bench.call(&delete(&id)).await.codes(), ["NoError"]);
    assert!(bench.graph.events(ALICE).unwrap().is_empty());
    assert_eq!(bench.call(&delete(&id)).await.codes(), ["ErrorFolderNotFound"]);
    let own = "<m:DeleteFolder DeleteType=\"HardDelete\"><m:FolderIds><t:DistinguishedFolderId Id=\"calendar\"/><t:DistinguishedFolderId Id=\"tasks\"/></m:FolderIds></m:DeleteFolder>";
    assert_eq!(bench.call(own).await.codes(), ["ErrorDeleteDistinguishedFolder"; 2]);
    bench.judge();
}
