"""Who is let in, and what a server says that has no time, has moved, or is of another age."""

import time

import pytest
from exchangelib import UTC, Attendee, CalendarItem, EWSDateTime, Mailbox
from exchangelib.errors import (
    ErrorImpersonateUserDenied,
    ErrorInternalServerError,
    ErrorItemNotFound,
    ErrorMailboxMoveInProgress,
    ErrorNonExistentMailbox,
    ErrorServerBusy,
    MalformedResponseError,
    RateLimitError,
    UnauthorizedError,
)
from exchangelib.items import SEND_TO_ALL_AND_SAVE_COPY, SEND_TO_NONE
from exchangelib.protocol import FaultTolerance
from exchangelib.version import EXCHANGE_2007_SP1, EXCHANGE_2010_SP2, EXCHANGE_2013_SP1, EXCHANGE_2019


def appointment(account, **fields):
    start = EWSDateTime(2026, 3, 2, 9, tzinfo=UTC)
    values = {"subject": "Review", "start": start, "end": start.replace(hour=10)} | fields
    return CalendarItem(account=account, folder=account.calendar, **values)


def test_a_wrong_password_is_refused(simulator, user):
    account = simulator.account(user, password="wrong")
    with pytest.raises(UnauthorizedError):
        account.calendar.all().count()


def test_a_token_opens_the_same_mailbox(account, oauth_account):
    appointment(account).save(send_meeting_invitations=SEND_TO_NONE)
    assert [one.subject for one in oauth_account.calendar.all()] == ["Review"]


def test_a_wrong_secret_gets_no_token(simulator, user, oauth_account):
    credentials = oauth_account.protocol.credentials
    credentials.client_secret = "wrong"
    with pytest.raises(Exception) as refused:
        oauth_account.calendar.all().count()
    assert "AADSTS7000215" in str(refused.value) or "invalid_client" in str(refused.value)


def test_an_expired_token_is_refused_and_a_new_one_is_good(simulator, oauth_account):
    assert oauth_account.calendar.all().count() == 0
    simulator.admin("POST", "tokens/expire")
    simulator.token = ""
    with pytest.raises(UnauthorizedError):
        oauth_account.calendar.all().count()
    assert oauth_account.calendar.all().count() == 0


def test_the_service_account_sees_only_whom_it_may_act_as(simulator, user):
    simulator.admin("POST", f"users/{user}/deny", {"denied": True})
    with pytest.raises(ErrorImpersonateUserDenied):
        simulator.account(user).calendar.all().count()
    simulator.admin("POST", f"users/{user}/deny", {"denied": False})
    assert simulator.account(user).calendar.all().count() == 0
    with pytest.raises(ErrorNonExistentMailbox):
        simulator.account("nobody@example.test").calendar.all().count()


def test_a_busy_server_says_how_long(simulator, account):
    account.calendar.refresh()
    simulator.fault("FindItem", 1, kind="busy", back_off_ms=1500)
    with pytest.raises(ErrorServerBusy) as refused:
        account.calendar.all().count()
    assert refused.value.back_off == 1.5


def test_a_patient_client_waits_as_long_as_it_is_told(simulator, user):
    account = simulator.account(user, retry_policy=FaultTolerance(max_wait=10))
    account.calendar.refresh()
    simulator.fault("FindItem", 1, kind="busy", back_off_ms=400)
    begun = time.monotonic()
    assert account.calendar.all().count() == 0
    assert time.monotonic() - begun >= 0.4
    simulator.fault("FindItem", 1, kind="busy", back_off_ms=60_000)
    with pytest.raises(RateLimitError):
        account.calendar.all().count()


@pytest.mark.parametrize(("form", "error"), [("code", ErrorServerBusy), ("wrapped", ErrorInternalServerError)])
def test_a_server_can_be_busy_in_other_words(simulator, account, form, error):
    account.calendar.refresh()
    simulator.fault("FindItem", 1, kind="busy", back_off_ms=400, form=form)
    with pytest.raises(error):
        account.calendar.all().count()
    assert account.calendar.all().count() == 0


def test_a_mailbox_that_moves_says_so(simulator, account, user):
    account.calendar.refresh()
    simulator.ews("POST", "settings", {"moved": [user]})
    with pytest.raises(ErrorMailboxMoveInProgress):
        account.calendar.all().count()


def test_a_tenant_without_ews_is_refused(simulator, account):
    account.calendar.refresh()
    simulator.ews("POST", "settings", {"disabled": True})
    with pytest.raises(MalformedResponseError) as refused:
        account.calendar.all().count()
    assert "403" in str(refused.value)


def test_html_in_place_of_soap_is_no_answer(simulator, account):
    account.calendar.refresh()
    simulator.fault("FindItem", 1, kind="html")
    with pytest.raises(Exception) as refused:
        account.calendar.all().count()
    assert type(refused.value).__name__ in ("SOAPError", "MalformedResponseError", "TransportError")


VERSIONS = [
    ("Exchange2010Sp2", EXCHANGE_2010_SP2),
    ("Exchange2013Sp1", EXCHANGE_2013_SP1),
    ("Exchange2019", EXCHANGE_2019),
]


@pytest.mark.parametrize(("name", "build"), VERSIONS, ids=lambda value: value if isinstance(value, str) else "")
def test_every_age_of_server_is_spoken_to(simulator, user, name, build):
    simulator.ews("POST", "settings", {"version": name})
    account = simulator.account(user, version=build)
    item = appointment(account).save(send_meeting_invitations=SEND_TO_NONE)
    got = account.calendar.get(id=item.id)
    assert (got.subject, got.start) == ("Review", item.start)
    got.subject = "Changed"
    got.save(update_fields=["subject"], send_meeting_invitations=SEND_TO_NONE)
    start = EWSDateTime(2026, 3, 1, tzinfo=UTC)
    assert [one.subject for one in account.calendar.view(start=start, end=start.replace(day=9))] == ["Changed"]
    assert [kind for kind, _ in account.calendar.sync_items()] == ["create"]
    got.delete(send_meeting_cancellations=SEND_TO_NONE)
    (answer,) = account.fetch([(item.id, None)])
    assert isinstance(answer, ErrorItemNotFound)


def test_the_oldest_server_is_read(simulator, user):
    # The client has other names for the zones of this version than its schema, so Graph writes here and zones are not asked for.
    times = {"start": {"dateTime": "2026-03-02T09:00:00", "timeZone": "UTC"}, "end": {"dateTime": "2026-03-02T10:00:00", "timeZone": "UTC"}}
    simulator.graph("POST", f"users/{user}/events", {"subject": "Review"} | times)
    simulator.ews("POST", "settings", {"version": "Exchange2007Sp1"})
    account = simulator.account(user, version=EXCHANGE_2007_SP1)
    assert [one.subject for one in account.calendar.all().only("subject")] == ["Review"]
    start = EWSDateTime(2026, 3, 1, tzinfo=UTC)
    assert [one.subject for one in account.calendar.view(start=start, end=start.replace(day=9)).only("subject")] == ["Review"]
    assert [kind for kind, _ in account.calendar.sync_items(only_fields=["subject"])] == ["create"]
    assert account.oof_settings.state == "Disabled"
    account.bulk_delete(account.calendar.all().only("id", "changekey"), send_meeting_cancellations=SEND_TO_NONE)
    assert account.calendar.all().only("id").count() == 0


def test_an_old_server_does_not_know_a_new_schema(simulator, user):
    simulator.ews("POST", "settings", {"version": "Exchange2010Sp2"})
    account = simulator.account(user)
    # The client tries every version by itself and finds the one that the server knows.
    assert account.calendar.name == "Calendar"
    assert account.version.api_version.startswith("Exchange2010")


@pytest.mark.parametrize("deviation", [{"fraction_digits": 7}, {"missing_optional": True}, {"bare_content_type": True}], ids=str)
def test_deviations_within_the_schema_are_read(simulator, account, deviation):
    item = appointment(account).save(send_meeting_invitations=SEND_TO_NONE)
    simulator.ews("POST", "settings", {"deviations": deviation})
    got = account.calendar.get(id=item.id)
    assert (got.subject, got.start, got.end) == ("Review", item.start, item.end)


@pytest.mark.mails
def test_only_who_asks_for_it_mails_the_guests(simulator, account):
    before = simulator.admin("GET", "stats")["attendee_mails"]
    guest = Attendee(mailbox=Mailbox(email_address="guest@example.test"))
    item = appointment(account, required_attendees=[guest]).save(send_meeting_invitations=SEND_TO_NONE)
    assert simulator.admin("GET", "stats")["attendee_mails"] == before
    item.subject = "News"
    item.save(update_fields=["subject"], send_meeting_invitations=SEND_TO_ALL_AND_SAVE_COPY)
    assert simulator.admin("GET", "stats")["attendee_mails"] == before + 1
    item.delete(send_meeting_cancellations=SEND_TO_ALL_AND_SAVE_COPY)
    assert simulator.admin("GET", "stats")["attendee_mails"] == before + 2


def test_a_lost_answer_to_a_creation_leaves_one_item(simulator, account):
    account.calendar.refresh()
    simulator.fault("CreateItem", 1, kind="lost")
    with pytest.raises(Exception) as lost:
        appointment(account).save(send_meeting_invitations=SEND_TO_NONE)
    assert type(lost.value).__name__ in ("ErrorTimeoutExpired", "TransportError")
    assert account.calendar.all().count() == 1
