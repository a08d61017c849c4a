"""What changed since: items and folders, states that are not valid any more, and both doors to one mailbox."""

import pytest
from conftest import BERLIN
from exchangelib import CalendarItem, Contact, EWSDateTime, Task
from exchangelib.errors import ErrorFolderNotFound, ErrorInvalidSyncStateData
from exchangelib.folders import Calendar
from exchangelib.items import SEND_TO_NONE


def at(day, hour):
    return EWSDateTime(2026, 3, day, hour, tzinfo=BERLIN)


def appointment(account, subject):
    item = CalendarItem(account=account, folder=account.calendar, subject=subject, start=at(2, 9), end=at(2, 10))
    return item.save(send_meeting_invitations=SEND_TO_NONE)


def changes(folder, **options):
    return [(kind, getattr(item, "subject", None) or item.id) for kind, item in folder.sync_items(**options)]


def test_changes_come_since_the_state(account):
    first = appointment(account, "One")
    appointment(account, "Two")
    folder = account.calendar
    assert sorted(changes(folder)) == [("create", "One"), ("create", "Two")]
    assert folder.item_sync_state
    assert changes(folder) == []
    appointment(account, "Three")
    first.subject = "One again"
    first.save(update_fields=["subject"], send_meeting_invitations=SEND_TO_NONE)
    assert sorted(changes(folder)) == [("create", "Three"), ("update", "One again")]
    gone = first.id
    first.delete(send_meeting_cancellations=SEND_TO_NONE)
    assert changes(folder) == [("delete", gone)]


def test_many_changes_come_in_parts(account):
    items = [CalendarItem(account=account, folder=account.calendar, subject=f"No {n}", start=at(3, 8), end=at(3, 9)) for n in range(7)]
    account.bulk_create(folder=account.calendar, items=items, send_meeting_invitations=SEND_TO_NONE)
    assert len(changes(account.calendar, only_fields=["subject"], max_changes_returned=3)) == 7


def test_a_state_that_the_server_does_not_know_is_refused(account):
    appointment(account, "One")
    with pytest.raises(ErrorInvalidSyncStateData):
        changes(account.calendar, sync_state="H4sIAAAAAAAEAGNgYGBg")
    assert changes(account.calendar, sync_state=None) == [("create", "One")]


def test_a_change_through_graph_is_seen_here(account, simulator, user):
    assert changes(account.calendar) == []
    body = {
        "subject": "By Graph",
        "start": {"dateTime": "2026-03-05T09:00:00", "timeZone": "W. Europe Standard Time"},
        "end": {"dateTime": "2026-03-05T10:00:00", "timeZone": "W. Europe Standard Time"},
        "showAs": "oof",
        "categories": ["Red"],
    }
    made = simulator.graph("POST", f"users/{user}/events", body)
    assert changes(account.calendar) == [("create", "By Graph")]
    (item,) = account.calendar.all()
    assert (item.start, item.end, item.legacy_free_busy_status, item.categories) == (at(5, 9), at(5, 10), "OOF", ["Red"])
    simulator.graph("PATCH", f"users/{user}/events/{made['id']}", {"subject": "Changed by Graph"})
    assert changes(account.calendar) == [("update", "Changed by Graph")]
    simulator.graph("DELETE", f"users/{user}/events/{made['id']}")
    assert [kind for kind, _ in changes(account.calendar)] == ["delete"]


def test_a_change_from_here_is_seen_through_graph(account, simulator, user):
    item = appointment(account, "By the client")
    (event,) = simulator.graph("GET", f"users/{user}/events")["value"]
    assert (event["subject"], event["start"]["dateTime"][:16]) == ("By the client", "2026-03-02T08:00")
    assert event["originalStartTimeZone"] == "W. Europe Standard Time"
    item.legacy_free_busy_status = "Tentative"
    item.save(update_fields=["legacy_free_busy_status"], send_meeting_invitations=SEND_TO_NONE)
    (event,) = simulator.graph("GET", f"users/{user}/events")["value"]
    assert event["showAs"] == "tentative"
    item.delete(send_meeting_cancellations=SEND_TO_NONE)
    assert simulator.graph("GET", f"users/{user}/events")["value"] == []


def test_tasks_and_contacts_have_states_of_their_own(account):
    task = Task(account=account, folder=account.tasks, subject="Write").save()
    contact = Contact(account=account, folder=account.contacts, display_name="Ada", subject="Ada").save()
    assert changes(account.tasks) == [("create", "Write")]
    assert [kind for kind, _ in changes(account.contacts)] == ["create"]
    assert changes(account.calendar) == []
    task.subject = "Rewrite"
    task.save(update_fields=["subject"])
    assert changes(account.tasks) == [("update", "Rewrite")]
    contact.delete()
    assert [kind for kind, _ in changes(account.contacts)] == ["delete"]


def test_folders_are_found_with_their_kind(account):
    found = {folder.name: folder for folder in account.msg_folder_root.children}
    kinds = {name: folder.folder_class for name, folder in found.items()}
    assert kinds["Calendar"] == "IPF.Appointment"
    assert kinds["Tasks"] == "IPF.Task"
    assert kinds["Contacts"] == "IPF.Contact"
    assert account.calendar.total_count == 0
    appointment(account, "One")
    account.calendar.refresh()
    assert account.calendar.total_count == 1
    assert account.calendar.effective_rights.create_contents


def test_a_calendar_is_made_filled_and_deleted(account, simulator, user):
    second = Calendar(parent=account.calendar, name="Second")
    second.save()
    assert second.id
    item = CalendarItem(account=account, folder=second, subject="There", start=at(2, 9), end=at(2, 10))
    item.save(send_meeting_invitations=SEND_TO_NONE)
    assert [one.subject for one in second.all()] == ["There"]
    assert account.calendar.all().count() == 0
    assert "Second" in [one["name"] for one in simulator.graph("GET", f"users/{user}/calendars")["value"]]
    account.root.clear_cache()
    (found,) = [folder for folder in account.msg_folder_root.children if folder.name == "Second"]
    second.delete()
    assert "Second" not in [one["name"] for one in simulator.graph("GET", f"users/{user}/calendars")["value"]]
    with pytest.raises(ErrorFolderNotFound):
        found.refresh()


def test_the_hierarchy_is_synchronised(account):
    root = account.msg_folder_root
    first = [(kind, folder.name) for kind, folder in root.sync_hierarchy()]
    assert ("create", "Calendar") in first and ("create", "Tasks") in first
    assert list(root.sync_hierarchy()) == []
    second = Calendar(parent=account.calendar, name="Second")
    second.save()
    assert [(kind, folder.name) for kind, folder in root.sync_hierarchy()] == [("create", "Second")]
    second.delete()
    assert [kind for kind, _ in root.sync_hierarchy()] == ["delete"]
