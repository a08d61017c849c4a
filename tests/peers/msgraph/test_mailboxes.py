"""Directory, mailbox settings, categories, mail, free/busy and errors through the official client."""

import urllib.error

import pytest
from conftest import SimulatorCredential
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_http.middleware.options import RetryHandlerOption
from msgraph.generated.models.automatic_replies_setting import AutomaticRepliesSetting
from msgraph.generated.models.automatic_replies_status import AutomaticRepliesStatus
from msgraph.generated.models.category_color import CategoryColor
from msgraph.generated.models.date_time_time_zone import DateTimeTimeZone
from msgraph.generated.models.day_of_week import DayOfWeek
from msgraph.generated.models.email_address import EmailAddress
from msgraph.generated.models.free_busy_status import FreeBusyStatus
from msgraph.generated.models.item_body import ItemBody
from msgraph.generated.models.mailbox_settings import MailboxSettings
from msgraph.generated.models.message import Message
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.outlook_category import OutlookCategory
from msgraph.generated.models.recipient import Recipient
from msgraph.generated.users.item.calendar.get_schedule.get_schedule_post_request_body import GetSchedulePostRequestBody
from msgraph.generated.users.item.send_mail.send_mail_post_request_body import SendMailPostRequestBody
from msgraph.generated.users.users_request_builder import UsersRequestBuilder

pytestmark = pytest.mark.asyncio


def once():
    """A request that the client does not repeat by itself."""
    return RequestConfiguration(options=[RetryHandlerOption(should_retry=False)])


async def test_a_wrong_secret_gets_no_token(simulator):
    with pytest.raises(urllib.error.HTTPError) as refused:
        SimulatorCredential(simulator, "wrong").get_token("https://graph.microsoft.com/.default")
    assert refused.value.code == 401
    assert b"AADSTS7000215" in refused.value.read()


async def test_users_are_listed_by_pages_and_found_by_any_address(simulator, client, user):
    for number in range(5):
        simulator.admin("POST", "users", {"userPrincipalName": f"page{number}-{user}", "displayName": "Page"})
    query = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(
        select=["id", "displayName", "mail", "userPrincipalName", "proxyAddresses", "accountEnabled"], top=2
    )
    page = await client.users.get(RequestConfiguration(query_parameters=query))
    found = list(page.value)
    pages = 1
    while page.odata_next_link:
        page = await client.users.with_url(page.odata_next_link).get()
        found += page.value
        pages += 1
    assert pages >= 3
    names = [one.user_principal_name for one in found]
    assert len(names) == len(set(names)) and user in names
    for wanted in [f"mail eq '{user}'", f"proxyAddresses/any(p:p eq 'smtp:alias-{user}')"]:
        query = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(filter=wanted)
        hits = await client.users.get(RequestConfiguration(query_parameters=query))
        assert [one.mail for one in hits.value] == [user]
    one = await client.users.by_user_id(user).get()
    assert one.id == next(o.id for o in found if o.user_principal_name == user)
    assert len((await client.organization.get()).value) == 1


async def test_mailbox_settings_are_read_and_changed(client, user):
    box = client.users.by_user_id(user).mailbox_settings
    before = await box.get()
    assert before.time_zone == "W. Europe Standard Time"
    assert before.automatic_replies_setting.status == AutomaticRepliesStatus.Disabled
    assert before.working_hours.days_of_week[0] == DayOfWeek.Monday
    change = MailboxSettings(
        automatic_replies_setting=AutomaticRepliesSetting(
            status=AutomaticRepliesStatus.Scheduled,
            scheduled_start_date_time=DateTimeTimeZone(date_time="2026-03-05T07:00:00", time_zone="UTC"),
            scheduled_end_date_time=DateTimeTimeZone(date_time="2026-03-09T07:00:00", time_zone="UTC"),
            internal_reply_message="away",
        )
    )
    after = await box.patch(change)
    assert after.automatic_replies_setting.status == AutomaticRepliesStatus.Scheduled
    assert after.automatic_replies_setting.internal_reply_message == "away"
    assert after.time_zone == before.time_zone


async def test_categories_are_made_and_listed(client, user):
    categories = client.users.by_user_id(user).outlook.master_categories
    made = await categories.post(OutlookCategory(display_name="Phone", color=CategoryColor.Preset7))
    listed = await categories.get()
    assert [(c.id, c.color) for c in listed.value] == [(made.id, CategoryColor.Preset7)]


async def test_mail_is_counted(simulator, client, user):
    before = simulator.admin("GET", "stats")["mails_sent"]
    message = Message(
        subject="Hello",
        body=ItemBody(content="There"),
        to_recipients=[Recipient(email_address=EmailAddress(address="someone@example.test"))],
    )
    await client.users.by_user_id(user).send_mail.post(SendMailPostRequestBody(message=message, save_to_sent_items=False))
    assert simulator.admin("GET", "stats")["mails_sent"] == before + 1


async def test_free_busy_is_given(simulator, client, user):
    times = {"start": {"dateTime": "2026-03-02T09:00:00", "timeZone": "UTC"}, "end": {"dateTime": "2026-03-02T10:00:00", "timeZone": "UTC"}}
    simulator.admin("POST", f"users/{user}/events", {"subject": "Away", "showAs": "oof", **times})
    body = GetSchedulePostRequestBody(
        schedules=[user],
        start_time=DateTimeTimeZone(date_time="2026-03-02T08:00:00", time_zone="UTC"),
        end_time=DateTimeTimeZone(date_time="2026-03-02T11:00:00", time_zone="UTC"),
        availability_view_interval=60,
    )
    got = await client.users.by_user_id(user).calendar.get_schedule.post(body)
    assert got.value[0].availability_view == "030"
    assert got.value[0].schedule_items[0].status == FreeBusyStatus.Oof


async def test_errors_come_as_the_clients_own_error(simulator, client, user):
    events = client.users.by_user_id(user).events
    simulator.fault(f"{user.replace('@', '%40')}/events", 1, kind="status", status=429, retry_after=7)
    with pytest.raises(ODataError) as refused:
        await events.get(once())
    assert (refused.value.response_status_code, refused.value.error.code) == (429, "TooManyRequests")
    assert refused.value.response_headers["retry-after"] == "7"
    assert refused.value.error.inner_error.request_id
    with pytest.raises(ODataError) as refused:
        await client.users.by_user_id("ghost@example.test").events.get()
    assert (refused.value.response_status_code, refused.value.error.code) == (404, "ErrorInvalidUser")
    with pytest.raises(ODataError) as refused:
        await events.by_event_id("nonsense").get()
    assert refused.value.error.code == "ErrorInvalidIdMalformed"


async def test_the_clients_own_retry_gets_through_a_throttled_mailbox(simulator, client, user):
    simulator.fault(f"{user.replace('@', '%40')}/events", 2, kind="status", status=429, retry_after=1)
    got = await client.users.by_user_id(user).events.get()
    assert got.value == []
