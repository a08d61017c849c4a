"""Single appointments through the independent client: made, read, changed, deleted, and nobody mailed."""

import datetime

import pytest
from conftest import BERLIN
from exchangelib import Attendee, Body, CalendarItem, EWSDate, EWSDateTime, EWSTimeZone, ExtendedProperty, HTMLBody, Mailbox
from exchangelib.errors import ErrorIrresolvableConflict, ErrorItemNotFound
from exchangelib.folders import Calendar
from exchangelib.items import NEVER_OVERWRITE, SAVE_ONLY, SEND_ONLY, SEND_TO_NONE

NEW_YORK = EWSTimeZone("America/New_York")
KOLKATA = EWSTimeZone("Asia/Kolkata")


class Tag(ExtendedProperty):
    """A named property as Calport keeps its tags."""

    property_set_id = "6a1c6a7e-3f5a-4b7e-9d3a-2f0c5b1e7a10"
    property_name = "PeerTag"
    property_type = "String"


CalendarItem.register("peer_tag", Tag)


def at(day, hour, minute=0, zone=BERLIN):
    return EWSDateTime(2026, 3, day, hour, minute, tzinfo=zone)


def appointment(account, **fields):
    """A saved appointment of half an hour."""
    values = {"subject": "Review", "start": at(2, 9), "end": at(2, 9, 30)} | fields
    return CalendarItem(account=account, folder=account.calendar, **values).save(send_meeting_invitations=SEND_TO_NONE)


def read(account, item):
    return account.calendar.get(id=item.id)


def test_an_appointment_comes_back_as_it_was_written(account):
    item = appointment(
        account,
        subject="Rückblick & Ausblick <Q1>",
        body=HTMLBody("<html><body>See <b>you</b></body></html>"),
        location="Room 4",
        categories=["Red", "Blue & green"],
        sensitivity="Private",
        importance="High",
        legacy_free_busy_status="OOF",
        reminder_is_set=True,
        reminder_minutes_before_start=20,
        peer_tag="from the peer",
    )
    assert item.id and item.changekey
    got = read(account, item)
    assert got.subject == "Rückblick & Ausblick <Q1>"
    assert "See <b>you</b>" in got.body
    assert (got.location, got.sensitivity, got.importance, got.legacy_free_busy_status) == ("Room 4", "Private", "High", "OOF")
    assert got.categories == ["Red", "Blue & green"]
    assert (got.start, got.end) == (at(2, 9), at(2, 9, 30))
    assert got._start_timezone == BERLIN
    assert got.reminder_is_set and got.reminder_minutes_before_start == 20
    assert (got.type, got.is_recurring, got.is_cancelled, got.is_meeting) == ("Single", False, False, False)
    assert got.organizer.email_address == account.primary_smtp_address
    assert got.uid and got.datetime_created and got.last_modified_time
    assert got.peer_tag == "from the peer"


def test_a_plain_text_body_stays_text(account):
    item = appointment(account, body=Body("two\nlines & more"))
    assert read(account, item).text_body.strip() == "two\nlines & more"


@pytest.mark.parametrize("state", ["Free", "Tentative", "Busy", "OOF", "WorkingElsewhere"])
def test_every_availability_is_kept(account, state):
    assert read(account, appointment(account, legacy_free_busy_status=state)).legacy_free_busy_status == state


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK, KOLKATA], ids=lambda zone: zone.key)
def test_times_keep_the_zone_they_were_written_in(account, zone):
    item = appointment(account, start=at(27, 9, zone=zone), end=at(27, 10, zone=zone))
    got = read(account, item)
    assert (got.start, got.end) == (at(27, 9, zone=zone), at(27, 10, zone=zone))
    assert (got._start_timezone, got._end_timezone) == (zone, zone)


def test_a_title_change_sends_one_field_and_leaves_the_times(account, simulator):
    item = appointment(account, start=at(2, 9, zone=NEW_YORK), end=at(2, 10, zone=NEW_YORK))
    before = item.changekey
    item.subject = "New title"
    item.save(update_fields=["subject"], send_meeting_invitations=SEND_TO_NONE)
    assert item.changekey != before
    got = read(account, item)
    assert (got.subject, got.start, got._start_timezone) == ("New title", at(2, 9, zone=NEW_YORK), NEW_YORK)


def test_fields_are_changed_and_taken_away(account):
    item = appointment(account, location="Room 4", categories=["Red"], peer_tag="one")
    item.location = None
    item.categories = None
    item.peer_tag = "two"
    item.end = at(2, 11)
    item.save(update_fields=["location", "categories", "peer_tag", "end"], send_meeting_invitations=SEND_TO_NONE)
    got = read(account, item)
    assert (got.location, got.categories, got.peer_tag, got.end) == (None, None, "two", at(2, 11))


def test_all_fields_can_be_written_back_without_a_change(account):
    item = appointment(account, location="Room 4", categories=["Red"])
    got = read(account, item)
    got.save(send_meeting_invitations=SEND_TO_NONE)
    again = read(account, item)
    assert (again.subject, again.location, again.categories, again.start) == (got.subject, got.location, got.categories, got.start)


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK, KOLKATA], ids=lambda zone: zone.key)
def test_an_all_day_event_is_a_range_of_dates(simulator, user, zone):
    account = simulator.account(user)
    account.default_timezone = zone
    item = appointment(account, start=EWSDate(2026, 3, 28), end=EWSDate(2026, 3, 30), is_all_day=True)
    got = read(account, item)
    assert got.is_all_day
    assert (got.start, got.end) == (EWSDate(2026, 3, 28), EWSDate(2026, 3, 30))


def test_attendees_are_kept_and_nobody_is_mailed(account):
    guest = Attendee(mailbox=Mailbox(email_address="guest@example.test", name="Guest"))
    other = Attendee(mailbox=Mailbox(email_address="other@example.test"))
    item = appointment(account, required_attendees=[guest], optional_attendees=[other])
    got = read(account, item)
    assert [one.mailbox.email_address for one in got.required_attendees] == ["guest@example.test"]
    assert [one.mailbox.email_address for one in got.optional_attendees] == ["other@example.test"]
    assert got.is_meeting and got.my_response_type == "Organizer"
    got.location = "Elsewhere"
    got.save(update_fields=["location"], send_meeting_invitations=SEND_TO_NONE)
    got.delete(send_meeting_cancellations=SEND_TO_NONE)


def test_items_are_deleted_and_then_not_found(account):
    item = appointment(account)
    kept = appointment(account, subject="Kept")
    item_id = item.id
    item.delete(send_meeting_cancellations=SEND_TO_NONE)
    (answer,) = account.fetch([(item_id, None)])
    assert isinstance(answer, ErrorItemNotFound)
    assert [one.id for one in account.calendar.all()] == [kept.id]
    kept.move_to_trash(send_meeting_cancellations=SEND_TO_NONE)
    assert account.calendar.all().count() == 0


def test_many_items_are_made_read_and_deleted_at_once(account):
    items = [
        CalendarItem(account=account, folder=account.calendar, subject=f"No {n}", start=at(3, 8 + n), end=at(3, 9 + n)) for n in range(7)
    ]
    made = account.bulk_create(folder=account.calendar, items=items, send_meeting_invitations=SEND_TO_NONE)
    assert len({one.id for one in made}) == 7
    assert [one.subject for one in account.fetch(made)] == [f"No {n}" for n in range(7)]
    gone = account.bulk_delete(made, send_meeting_cancellations=SEND_TO_NONE)
    assert gone == [True] * 7


def test_a_stale_version_is_a_conflict(account):
    item = appointment(account)
    mine, theirs = read(account, item), read(account, item)
    theirs.subject = "Theirs"
    theirs.save(update_fields=["subject"], send_meeting_invitations=SEND_TO_NONE)
    mine.subject = "Mine"
    with pytest.raises(ErrorIrresolvableConflict):
        mine.save(update_fields=["subject"], conflict_resolution=NEVER_OVERWRITE, send_meeting_invitations=SEND_TO_NONE)
    assert read(account, item).subject == "Theirs"


def test_the_window_shows_what_touches_it(account):
    for day in range(2, 7):
        appointment(account, subject=f"Day {day}", start=at(day, 23), end=at(day, 23) + datetime.timedelta(hours=2))
    found = account.calendar.view(start=at(3, 0), end=at(5, 0))
    assert [one.subject for one in found] == ["Day 2", "Day 3", "Day 4"]
    assert [one.subject for one in account.calendar.view(start=at(2, 0), end=at(20, 0), max_items=2)] == ["Day 2", "Day 3"]
    some = account.calendar.view(start=at(2, 0), end=at(20, 0)).only("subject", "start", "legacy_free_busy_status")
    assert len({one.subject for one in some}) == 5


def test_pages_are_followed_and_conditions_hold(account):
    items = [
        CalendarItem(account=account, folder=account.calendar, subject=f"No {n}", start=at(3, 8), end=at(3, 9), peer_tag=f"tag {n % 2}")
        for n in range(11)
    ]
    account.bulk_create(folder=account.calendar, items=items, send_meeting_invitations=SEND_TO_NONE)
    query = account.calendar.all().only("subject")
    query.page_size = 3
    assert sorted(one.subject for one in query) == sorted(f"No {n}" for n in range(11))
    tagged = account.calendar.filter(peer_tag="tag 1").only("subject")
    assert sorted(one.subject for one in tagged) == ["No 1", "No 3", "No 5", "No 7", "No 9"]


def invitation(simulator, account, subject="Invited"):
    """A meeting of somebody else in this mailbox."""
    event = {
        "subject": subject,
        "start": {"dateTime": "2026-03-05T09:00:00", "timeZone": "W. Europe Standard Time"},
        "end": {"dateTime": "2026-03-05T10:00:00", "timeZone": "W. Europe Standard Time"},
        "organizer": {"emailAddress": {"address": "chair@example.test", "name": "Chair"}},
        "isOrganizer": False,
        "responseStatus": {"response": "notResponded", "time": "2026-01-05T08:00:00Z"},
        "attendees": [{"emailAddress": {"address": account.primary_smtp_address}, "type": "required"}],
    }
    simulator.admin("POST", f"users/{account.primary_smtp_address}/events", event)
    return account.calendar.get(subject=subject)


@pytest.mark.parametrize(
    ("answer", "mine", "graph"), [("accept", "Accept", "accepted"), ("tentatively_accept", "Tentative", "tentativelyAccepted")]
)
def test_an_invitation_is_answered_without_a_mail(simulator, account, user, answer, mine, graph):
    item = invitation(simulator, account)
    assert (item.my_response_type, item.organizer.email_address) == ("NoResponseReceived", "chair@example.test")
    getattr(item, answer)(message_disposition=SAVE_ONLY, folder=account.calendar)
    assert account.calendar.get(subject="Invited").my_response_type == mine
    (event,) = simulator.graph("GET", f"users/{user}/events")["value"]
    assert event["responseStatus"]["response"] == graph


def test_a_declined_invitation_leaves_the_calendar(simulator, account):
    invitation(simulator, account).decline(message_disposition=SAVE_ONLY, folder=account.calendar)
    assert account.calendar.all().count() == 0


@pytest.mark.mails
def test_an_answer_can_be_mailed_to_the_organizer(simulator, account):
    before = simulator.admin("GET", "stats")["attendee_mails"]
    invitation(simulator, account).accept(message_disposition=SEND_ONLY)
    assert simulator.admin("GET", "stats")["attendee_mails"] == before + 1


@pytest.mark.mails
def test_a_meeting_is_cancelled_by_its_organizer(simulator, account):
    before = simulator.admin("GET", "stats")["attendee_mails"]
    guest = Attendee(mailbox=Mailbox(email_address="guest@example.test"))
    appointment(account, required_attendees=[guest]).cancel(body="not today")
    assert account.calendar.all().count() == 0
    assert simulator.admin("GET", "stats")["attendee_mails"] == before + 1


def test_an_appointment_moves_to_another_calendar_under_another_id(account):
    second = Calendar(parent=account.calendar, name="Second")
    second.save()
    item = appointment(account)
    before = item.id
    item.move(to_folder=second)
    assert item.id != before
    assert account.calendar.all().count() == 0
    assert [one.subject for one in second.all()] == ["Review"]
