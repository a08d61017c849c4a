"""Writes as Calport makes them, through the official client: once, on a condition, only what changed, and no mail to attendees."""

import pytest
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_http.middleware.options import RetryHandlerOption
from msgraph.generated.models.automatic_replies_setting import AutomaticRepliesSetting
from msgraph.generated.models.automatic_replies_status import AutomaticRepliesStatus
from msgraph.generated.models.category_color import CategoryColor
from msgraph.generated.models.date_time_time_zone import DateTimeTimeZone
from msgraph.generated.models.email_address import EmailAddress
from msgraph.generated.models.event import Event
from msgraph.generated.models.event_type import EventType
from msgraph.generated.models.external_audience_scope import ExternalAudienceScope
from msgraph.generated.models.free_busy_status import FreeBusyStatus
from msgraph.generated.models.item_body import ItemBody
from msgraph.generated.models.mailbox_settings import MailboxSettings
from msgraph.generated.models.message import Message
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.outlook_category import OutlookCategory
from msgraph.generated.models.recipient import Recipient
from msgraph.generated.models.sensitivity import Sensitivity
from msgraph.generated.models.single_value_legacy_extended_property import SingleValueLegacyExtendedProperty
from msgraph.generated.users.item.events.events_request_builder import EventsRequestBuilder
from msgraph.generated.users.item.events.item.instances.instances_request_builder import InstancesRequestBuilder
from msgraph.generated.users.item.send_mail.send_mail_post_request_body import SendMailPostRequestBody

pytestmark = pytest.mark.asyncio

ZONE = "W. Europe Standard Time"
TAG = "String {5f1c7f0e-3d0a-4a49-9c52-7b8f2e6d41a3} Name CalportTag"


@pytest.fixture(autouse=True)
def no_mail_to_attendees(simulator):
    """Whatever a test here writes, nobody who is invited hears of it."""
    before = simulator.admin("GET", "stats")["attendee_mails"]
    yield
    assert simulator.admin("GET", "stats")["attendee_mails"] == before


def config(query=None, **headers):
    """A request configuration with headers, of a request that the client does not repeat by itself."""
    made = RequestConfiguration(query_parameters=query, options=[RetryHandlerOption(should_retry=False)])
    for name, value in headers.items():
        made.headers.add(name.replace("_", "-"), value)
    return made


def at(text, zone=ZONE):
    return DateTimeTimeZone(date_time=text, time_zone=zone)


def plan(user, **fields):
    """An appointment without attendees, with the operation's id and a tag."""
    return Event(
        subject="Focus",
        start=at("2026-03-30T09:00:00"),
        end=at("2026-03-30T10:00:00"),
        transaction_id=f"op-{user}",
        single_value_extended_properties=[SingleValueLegacyExtendedProperty(id=TAG, value=f"tag-{user}")],
        **fields,
    )


async def tagged(events, value):
    """Ids of the events with this tag."""
    wanted = f"singleValueExtendedProperties/Any(ep: ep/id eq '{TAG}' and ep/value eq '{value}')"
    query = EventsRequestBuilder.EventsRequestBuilderGetQueryParameters(filter=wanted, select=["id", "subject"])
    return [e.id for e in (await events.get(config(query))).value]


def etag(event):
    return event.additional_data["@odata.etag"]


def last_write(simulator):
    """The latest request that was no read."""
    return [r for r in simulator.admin("GET", "requests")["value"] if r["method"] != "GET"][-1]


async def test_the_same_transaction_makes_one_event_which_its_property_finds(client, user):
    events = client.users.by_user_id(user).events
    first = await events.post(plan(user))
    second = await events.post(plan(user))
    assert first.id == second.id
    assert [e.id for e in (await events.get()).value] == [first.id]
    assert await tagged(events, f"tag-{user}") == [first.id]
    assert await tagged(events, "another tag") == []
    with pytest.raises(ODataError) as refused:
        await events.post(plan(user, show_as=FreeBusyStatus.Oof))
    assert (refused.value.response_status_code, refused.value.error.code) == (409, "ErrorDuplicateTransactionId")
    assert len((await events.get()).value) == 1


async def test_a_lost_answer_to_a_create_leaves_one_event(simulator, client, user):
    events = client.users.by_user_id(user).events
    simulator.fault(f"{user.replace('@', '%40')}/events", 1, kind="lost")
    with pytest.raises(Exception):  # noqa: B017 the transport's own error, which differs by its version
        await events.post(plan(user), config())
    found = await tagged(events, f"tag-{user}")
    assert len(found) == 1
    simulator.fault(f"{user.replace('@', '%40')}/events", 1, kind="lost", status=504)
    with pytest.raises(ODataError) as lost:
        await events.post(plan(user), config())
    assert lost.value.response_status_code == 504
    assert (await events.post(plan(user))).id == found[0]
    assert [e.id for e in (await events.get()).value] == found


async def test_a_title_only_edit_sends_only_the_title(simulator, client, user):
    events = client.users.by_user_id(user).events
    made = await events.post(
        plan(user, show_as=FreeBusyStatus.Oof, sensitivity=Sensitivity.Private, categories=["Red"], body=ItemBody(content="Agenda"))
    )
    one = events.by_event_id(made.id)
    changed = await one.patch(Event(subject="Focus 2"), config(if_match=etag(made)))
    sent = last_write(simulator)
    assert (sent["method"], sent["if_match"]) == ("PATCH", etag(made))
    assert {name for name in sent["body"] if not name.startswith("@")} == {"subject"}
    assert changed.subject == "Focus 2"
    assert (changed.start.date_time, changed.end.date_time) == (made.start.date_time, made.end.date_time)
    kept = ["show_as", "sensitivity", "categories", "original_start_time_zone", "i_cal_u_id", "transaction_id"]
    for name in kept:
        assert getattr(changed, name) == getattr(made, name), name
    assert changed.body.content == made.body.content


async def test_a_stale_version_is_refused_and_changes_nothing(client, user):
    events = client.users.by_user_id(user).events
    made = await events.post(plan(user))
    one = events.by_event_id(made.id)
    newer = await one.patch(Event(subject="Somebody's own words"))
    for attempt in [lambda: one.patch(Event(subject="Mine"), config(if_match=etag(made))), lambda: one.delete(config(if_match=etag(made)))]:
        with pytest.raises(ODataError) as refused:
            await attempt()
        assert (refused.value.response_status_code, refused.value.error.code) == (412, "ErrorIrresolvableConflict")
    now = await one.get()
    assert (now.subject, etag(now)) == ("Somebody's own words", etag(newer))
    await one.delete(config(if_match=etag(newer)))
    with pytest.raises(ODataError) as gone:
        await one.delete()
    assert (gone.value.response_status_code, gone.value.error.code) == (404, "ErrorItemNotFound")
    assert await tagged(events, f"tag-{user}") == []


async def test_one_occurrence_is_edited_and_one_deleted(simulator, client, user):
    series = {
        "subject": "Stand-up",
        "start": {"dateTime": "2026-03-27T09:00:00", "timeZone": ZONE},
        "end": {"dateTime": "2026-03-27T09:15:00", "timeZone": ZONE},
        "recurrence": {"pattern": {"type": "daily", "interval": 1}, "range": {"type": "numbered", "numberOfOccurrences": 4}},
    }
    master = simulator.admin("POST", f"users/{user}/events", series)["id"]
    events = client.users.by_user_id(user).events
    query = InstancesRequestBuilder.InstancesRequestBuilderGetQueryParameters(
        start_date_time="2026-03-27T00:00:00Z", end_date_time="2026-04-02T00:00:00Z"
    )
    instances = (await events.by_event_id(master).instances.get(config(query))).value
    second, third = (events.by_event_id(instances[n].id) for n in (1, 2))
    edited = await second.patch(Event(subject="Late", show_as=FreeBusyStatus.Free), config(if_match=etag(instances[1])))
    assert (edited.type, edited.original_start.isoformat()) == (EventType.Exception, "2026-03-28T08:00:00+00:00")
    with pytest.raises(ODataError) as stale:
        await second.patch(Event(subject="Later"), config(if_match=etag(instances[1])))
    assert stale.value.response_status_code == 412
    await third.delete()
    left = (await events.by_event_id(master).instances.get(config(query))).value
    assert [(e.subject, e.show_as) for e in left] == [
        ("Stand-up", FreeBusyStatus.Busy),
        ("Late", FreeBusyStatus.Free),
        ("Stand-up", FreeBusyStatus.Busy),
    ]
    assert left[2].start.date_time == "2026-03-30T07:00:00.0000000", "nine o'clock, now in summer time"


async def test_what_only_the_owner_sees_is_not_mailed(simulator, client, user):
    guest = {"emailAddress": {"address": "guest@example.test"}, "type": "required"}
    times = {"start": {"dateTime": "2026-03-30T09:00:00", "timeZone": ZONE}, "end": {"dateTime": "2026-03-30T10:00:00", "timeZone": ZONE}}
    meeting = simulator.admin("POST", f"users/{user}/events", {"subject": "Review", "attendees": [guest], **times})
    one = client.users.by_user_id(user).events.by_event_id(meeting["id"])
    changed = await one.patch(Event(show_as=FreeBusyStatus.Free, categories=["Red"], is_reminder_on=False))
    assert (changed.show_as, changed.categories, len(changed.attendees)) == (FreeBusyStatus.Free, ["Red"], 1)


async def test_categories_are_made_once(client, user):
    categories = client.users.by_user_id(user).outlook.master_categories
    for name, color in [("Leave", CategoryColor.Preset24), ("Plain", CategoryColor.None_)]:
        assert (await categories.post(OutlookCategory(display_name=name, color=color))).color == color
    with pytest.raises(ODataError) as refused:
        await categories.post(OutlookCategory(display_name="leave", color=CategoryColor.Preset3))
    assert refused.value.response_status_code == 409
    listed = (await categories.get()).value
    assert [(c.display_name, c.color) for c in listed] == [("Leave", CategoryColor.Preset24), ("Plain", CategoryColor.None_)]


async def test_automatic_replies_are_switched_without_losing_their_texts(simulator, client, user):
    box = client.users.by_user_id(user).mailbox_settings
    setting = AutomaticRepliesSetting(
        status=AutomaticRepliesStatus.Scheduled,
        external_audience=ExternalAudienceScope.ContactsOnly,
        scheduled_start_date_time=at("2026-08-03T09:00:00"),
        scheduled_end_date_time=at("2026-08-10T09:00:00"),
        internal_reply_message="<p>Back on Monday</p>",
        external_reply_message="<p>Away</p>",
    )
    zone = (await box.get()).time_zone
    await box.patch(MailboxSettings(automatic_replies_setting=setting))
    switched = AutomaticRepliesSetting(status=AutomaticRepliesStatus.AlwaysEnabled)
    after = await box.patch(MailboxSettings(automatic_replies_setting=switched))
    replies = after.automatic_replies_setting
    assert (replies.status, replies.external_audience) == (AutomaticRepliesStatus.AlwaysEnabled, ExternalAudienceScope.ContactsOnly)
    assert (replies.internal_reply_message, replies.external_reply_message) == ("<p>Back on Monday</p>", "<p>Away</p>")
    assert replies.scheduled_end_date_time.date_time == "2026-08-10T09:00:00.0000000"
    assert after.time_zone == zone


async def test_a_mail_is_sent_and_counted_by_itself(simulator, client, user):
    mails = simulator.admin("GET", "stats")["mails_sent"]
    message = Message(
        subject="Connection stopped",
        body=ItemBody(content="Since noon."),
        to_recipients=[Recipient(email_address=EmailAddress(address="admin@example.test"))],
    )
    await client.users.by_user_id(user).send_mail.post(SendMailPostRequestBody(message=message, save_to_sent_items=False))
    assert simulator.admin("GET", "stats")["mails_sent"] == mails + 1
    sent = simulator.admin("GET", "mails")["value"][-1]
    assert (sent["sender"], sent["recipients"], sent["subject"], sent["kept"]) == (user, ["admin@example.test"], "Connection stopped", False)
