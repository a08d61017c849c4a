"""Events, series, windows and delta through the official client."""

import datetime

import pytest
from kiota_abstractions.base_request_configuration import RequestConfiguration
from msgraph.generated.models.attendee import Attendee
from msgraph.generated.models.date_time_time_zone import DateTimeTimeZone
from msgraph.generated.models.day_of_week import DayOfWeek
from msgraph.generated.models.email_address import EmailAddress
from msgraph.generated.models.event import Event
from msgraph.generated.models.event_type import EventType
from msgraph.generated.models.free_busy_status import FreeBusyStatus
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.patterned_recurrence import PatternedRecurrence
from msgraph.generated.models.recurrence_pattern import RecurrencePattern
from msgraph.generated.models.recurrence_pattern_type import RecurrencePatternType
from msgraph.generated.models.recurrence_range import RecurrenceRange
from msgraph.generated.models.recurrence_range_type import RecurrenceRangeType
from msgraph.generated.models.sensitivity import Sensitivity
from msgraph.generated.models.single_value_legacy_extended_property import SingleValueLegacyExtendedProperty
from msgraph.generated.users.item.calendar_view.calendar_view_request_builder import CalendarViewRequestBuilder
from msgraph.generated.users.item.calendar_view.delta.delta_request_builder import DeltaRequestBuilder
from msgraph.generated.users.item.events.item.event_item_request_builder import EventItemRequestBuilder
from msgraph.generated.users.item.events.item.instances.instances_request_builder import InstancesRequestBuilder

pytestmark = pytest.mark.asyncio

FROM, TO = "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z"
PROPERTY = "String {00020329-0000-0000-C000-000000000046} Name Calport"


def config(query=None, **headers):
    """A request configuration with headers (`prefer=...`)."""
    made = RequestConfiguration(query_parameters=query)
    for name, value in headers.items():
        for one in value if isinstance(value, list) else [value]:
            made.headers.add(name.replace("_", "-"), one)
    return made


def at(text, zone="UTC"):
    return DateTimeTimeZone(date_time=text, time_zone=zone)


def weekly(subject, start, end, zone):
    pattern = RecurrencePattern(type=RecurrencePatternType.Weekly, interval=1, days_of_week=[DayOfWeek.Monday, DayOfWeek.Thursday])
    span = RecurrenceRange(type=RecurrenceRangeType.NoEnd, start_date=datetime.date.fromisoformat(start[:10]))
    return Event(subject=subject, start=at(start, zone), end=at(end, zone), recurrence=PatternedRecurrence(pattern=pattern, range=span))


async def rounds(client, user, link=None, **headers):
    """Follows a round of delta; gives its items and the delta link."""
    builder = client.users.by_user_id(user).calendar_view.delta
    query = DeltaRequestBuilder.DeltaRequestBuilderGetQueryParameters(start_date_time=FROM, end_date_time=TO)
    page = await (builder.with_url(link).get(config(**headers)) if link else builder.get(config(query, **headers)))
    items = list(page.value)
    while page.odata_next_link:
        assert not page.odata_delta_link
        page = await builder.with_url(page.odata_next_link).get(config(**headers))
        items += page.value
    assert page.odata_delta_link
    return items, page.odata_delta_link


async def test_an_event_is_created_read_changed_and_deleted(simulator, client, user):
    events = client.users.by_user_id(user).events
    mails = simulator.admin("GET", "stats")["mails_sent"]
    draft = Event(
        subject="Plan",
        start=at("2026-03-02T10:00:00", "Europe/Berlin"),
        end=at("2026-03-02T11:00:00", "Europe/Berlin"),
        show_as=FreeBusyStatus.WorkingElsewhere,
        sensitivity=Sensitivity.Private,
        categories=["Red"],
        transaction_id=f"t-{user}",
        single_value_extended_properties=[SingleValueLegacyExtendedProperty(id=PROPERTY, value="x1")],
    )
    made = await events.post(draft)
    assert (made.start.date_time, made.start.time_zone) == ("2026-03-02T09:00:00.0000000", "UTC")
    assert (made.show_as, made.sensitivity, made.type) == (FreeBusyStatus.WorkingElsewhere, Sensitivity.Private, EventType.SingleInstance)
    assert (await events.post(draft)).id == made.id
    one = events.by_event_id(made.id)
    query = EventItemRequestBuilder.EventItemRequestBuilderGetQueryParameters(
        expand=[f"singleValueExtendedProperties($filter=id eq '{PROPERTY}')"]
    )
    read = await one.get(config(query, prefer='outlook.timezone="W. Europe Standard Time"'))
    assert read.start.date_time == "2026-03-02T10:00:00.0000000"
    assert [p.value for p in read.single_value_extended_properties] == ["x1"]
    etag = read.additional_data["@odata.etag"]
    changed = await one.patch(Event(subject="Plan B"), config(if_match=etag))
    assert changed.subject == "Plan B" and changed.change_key != made.change_key
    with pytest.raises(ODataError) as refused:
        await one.patch(Event(subject="Plan C"), config(if_match=etag))
    assert refused.value.response_status_code == 412
    await one.delete()
    with pytest.raises(ODataError) as refused:
        await one.get()
    assert (refused.value.response_status_code, refused.value.error.code) == (404, "ErrorItemNotFound")
    assert simulator.admin("GET", "stats")["mails_sent"] == mails


async def test_a_meeting_of_the_application_would_be_mailed(simulator, client, user):
    mails = simulator.admin("GET", "stats")["mails_sent"]
    guest = Attendee(email_address=EmailAddress(address="guest@example.test"))
    meeting = Event(subject="M", start=at("2026-03-02T10:00:00"), end=at("2026-03-02T11:00:00"), attendees=[guest])
    made = await client.users.by_user_id(user).events.post(meeting)
    assert made.attendees[0].email_address.address == "guest@example.test"
    assert simulator.admin("GET", "stats")["mails_sent"] == mails + 1


async def test_a_series_has_instances_exceptions_and_cancelled_occurrences(client, user):
    events = client.users.by_user_id(user).events
    series = await events.post(weekly("Jour fixe", "2026-03-23T09:00:00", "2026-03-23T10:00:00", "W. Europe Standard Time"))
    assert series.type == EventType.SeriesMaster
    assert series.recurrence.pattern.days_of_week == [DayOfWeek.Monday, DayOfWeek.Thursday]
    query = InstancesRequestBuilder.InstancesRequestBuilderGetQueryParameters(start_date_time="2026-03-23T00:00:00Z", end_date_time="2026-04-04T00:00:00Z")
    instances = (await events.by_event_id(series.id).instances.get(config(query))).value
    assert [i.start.date_time[:13] for i in instances] == ["2026-03-23T08", "2026-03-26T08", "2026-03-30T07", "2026-04-02T07"]
    moved = await events.by_event_id(instances[1].id).patch(Event(start=at("2026-03-27T12:00:00"), end=at("2026-03-27T13:00:00")))
    assert (moved.type, moved.original_start.isoformat(), moved.series_master_id) == (EventType.Exception, "2026-03-26T08:00:00+00:00", series.id)
    await events.by_event_id(instances[2].id).delete()
    left = (await events.by_event_id(series.id).instances.get(config(query))).value
    assert [i.type for i in left] == [EventType.Occurrence, EventType.Exception, EventType.Occurrence]
    query = EventItemRequestBuilder.EventItemRequestBuilderGetQueryParameters(select=["subject", "cancelledOccurrences"])
    master = await events.by_event_id(series.id).get(config(query))
    assert [c.rsplit(".", 1)[1] for c in master.cancelled_occurrences] == ["2026-03-30"]


async def test_a_window_is_read_by_pages(simulator, client, user):
    for hour in range(13):
        times = {"start": {"dateTime": f"2026-03-02T{hour:02}:00:00", "timeZone": "UTC"}, "end": {"dateTime": f"2026-03-02T{hour:02}:30:00", "timeZone": "UTC"}}
        simulator.admin("POST", f"users/{user}/events", {"subject": f"E{hour:02}", **times})
    view = client.users.by_user_id(user).calendar_view
    query = CalendarViewRequestBuilder.CalendarViewRequestBuilderGetQueryParameters(
        start_date_time=FROM, end_date_time=TO, top=5, select=["subject", "start", "end", "showAs"]
    )
    page = await view.get(config(query, prefer='outlook.timezone="India Standard Time"'))
    sizes, subjects = [len(page.value)], [e.subject for e in page.value]
    assert page.value[0].start.time_zone == "India Standard Time" and page.value[0].body is None
    while page.odata_next_link:
        page = await view.with_url(page.odata_next_link).get()
        sizes.append(len(page.value))
        subjects += [e.subject for e in page.value]
    assert sizes == [5, 5, 3] and subjects == [f"E{hour:02}" for hour in range(13)]


async def test_delta_gives_sparse_occurrences_changes_and_removals(simulator, client, user):
    events = client.users.by_user_id(user).events
    series = await events.post(weekly("Series", "2026-03-02T09:00:00", "2026-03-02T10:00:00", "Europe/Berlin"))
    single = await events.post(Event(subject="Single", start=at("2026-03-05T10:00:00"), end=at("2026-03-05T11:00:00")))
    far = await events.post(Event(subject="Far", start=at("2026-09-05T10:00:00"), end=at("2026-09-05T11:00:00")))
    items, link = await rounds(client, user, prefer="odata.maxpagesize=3")
    assert [i.type for i in items].count(EventType.Occurrence) == 9 and len(items) == 11
    sparse = next(i for i in items if i.type == EventType.Occurrence)
    assert sparse.subject is None and sparse.show_as is None and sparse.series_master_id == series.id
    items, link = await rounds(client, user, link)
    assert items == []
    await events.by_event_id(single.id).patch(Event(subject="Single 2"))
    await events.by_event_id(far.id).patch(Event(subject="Far 2"))
    items, link = await rounds(client, user, link)
    removed = [i.id for i in items if "@removed" in i.additional_data]
    assert removed == [far.id], "changed outside the window, though it is still there"
    assert [i.subject for i in items if i.id == single.id] == ["Single 2"]
    query = InstancesRequestBuilder.InstancesRequestBuilderGetQueryParameters(start_date_time=FROM, end_date_time=TO)
    instance = (await events.by_event_id(series.id).instances.get(config(query))).value[2]
    await events.by_event_id(instance.id).delete()
    items, link = await rounds(client, user, link)
    assert [(i.id, i.type) for i in items] == [(series.id, EventType.SeriesMaster)], "no marker for the occurrence"
    await events.by_event_id(single.id).delete()
    items, link = await rounds(client, user, link)
    assert [(i.id, i.additional_data["@removed"]["reason"]) for i in items] == [(single.id, "deleted")]
    simulator.admin("POST", "delta/expire", {"user": user})
    with pytest.raises(ODataError) as gone:
        await rounds(client, user, link)
    assert (gone.value.response_status_code, gone.value.error.code) == (410, "SyncStateNotFound")


async def test_immutable_ids_survive_a_move(client, user):
    events = client.users.by_user_id(user).events
    made = await events.post(Event(subject="Box", start=at("2026-03-05T10:00:00"), end=at("2026-03-05T11:00:00")))
    stable = await events.by_event_id(made.id).get(config(prefer='IdType="ImmutableId"'))
    assert stable.id != made.id
    items, _ = await rounds(client, user, prefer=['IdType="ImmutableId"', "odata.maxpagesize=50"])
    assert [i.id for i in items] == [stable.id]
    calendars = (await client.users.by_user_id(user).calendars.get()).value
    assert [c.is_default_calendar for c in calendars] == [True]
    assert (await client.users.by_user_id(user).calendar.get()).id == calendars[0].id
    listed = await client.users.by_user_id(user).calendars.by_calendar_id(calendars[0].id).events.get()
    assert [e.id for e in listed.value] == [made.id]
