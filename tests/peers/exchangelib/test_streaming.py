"""Changes told by streams, and by being asked for: the client subscribes, another door changes the mailbox, the client is told."""

import threading

import pytest
from conftest import BERLIN
from exchangelib import EWSDateTime
from exchangelib.errors import ErrorSubscriptionNotFound
from exchangelib.properties import CreatedEvent, DeletedEvent, ModifiedEvent, StatusEvent


@pytest.fixture(params=["basic", "ntlm"])
def watched(request):
    """The new mailbox, seen by a client that logs in for each request, and by one whose connection is logged in."""
    return request.getfixturevalue({"basic": "account", "ntlm": "ntlm_account"}[request.param])


def add(simulator, user, subject):
    """Somebody else adds an appointment; its id in the other door."""
    time = {"timeZone": "UTC"}
    times = {"start": time | {"dateTime": "2026-03-02T09:00:00"}, "end": time | {"dateTime": "2026-03-02T10:00:00"}}
    return simulator.graph("POST", f"users/{user}/events", {"subject": subject} | times)["id"]


def first(account, subscription, ids=None):
    """What the first notification of a stream tells."""
    (told,) = account.calendar.get_streaming_events(ids or subscription, connection_timeout=1, max_notifications_returned=1)
    return told


def kinds(notification):
    return {type(event) for event in notification.events}


def test_c09_a_change_that_was_made_before_the_stream_opened_is_told_by_it(simulator, user, watched):
    with watched.calendar.streaming_subscription() as subscription:
        add(simulator, user, "Between the two")
        told = first(watched, subscription)
        assert told.subscription_id == subscription and CreatedEvent in kinds(told)
        (created,) = [event for event in told.events if isinstance(event, CreatedEvent)]
        assert watched.calendar.get(id=created.item_id.id).subject == "Between the two"
    with pytest.raises(ErrorSubscriptionNotFound):
        first(watched, subscription)


def test_c09_a_change_is_told_while_the_stream_is_open(simulator, user, watched):
    with watched.calendar.streaming_subscription() as subscription:
        heard = []
        listener = threading.Thread(target=lambda: heard.append(first(watched, subscription)))
        listener.start()
        add(simulator, user, "While it is open")
        listener.join(timeout=30)
        assert not listener.is_alive() and CreatedEvent in kinds(heard[0])


def test_c09_changes_and_deletions_are_told_by_the_next_stream(simulator, user, watched):
    id = add(simulator, user, "To be changed")
    with watched.calendar.streaming_subscription() as subscription:
        simulator.graph("PATCH", f"users/{user}/events/{id}", {"subject": "Changed"})
        assert ModifiedEvent in kinds(first(watched, subscription))
        simulator.graph("DELETE", f"users/{user}/events/{id}")
        assert DeletedEvent in kinds(first(watched, subscription))


def test_c09_one_stream_tells_of_several_subscriptions(simulator, user, watched):
    with watched.calendar.streaming_subscription() as one, watched.calendar.streaming_subscription() as other:
        add(simulator, user, "For both")
        stream = watched.calendar.get_streaming_events([one, other], connection_timeout=1, max_notifications_returned=2)
        assert {told.subscription_id for told in stream} == {one, other}


def test_b33_after_a_restart_of_the_server_the_subscription_is_gone(simulator, watched):
    subscription = watched.calendar.subscribe_to_streaming()
    simulator.ews("POST", "restart")
    with pytest.raises(ErrorSubscriptionNotFound):
        first(watched, subscription)


def test_c14_who_is_not_reached_asks_for_what_has_changed(simulator, user, watched):
    with watched.calendar.pull_subscription() as (subscription, watermark):
        (nothing,) = watched.calendar.get_events(subscription, watermark)
        watermark = nothing.events[-1].watermark
        add(simulator, user, "Asked for")
        (told,) = watched.calendar.get_events(subscription, watermark)
        assert CreatedEvent in kinds(told) and not told.more_events
        (quiet,) = watched.calendar.get_events(subscription, told.events[-1].watermark)
        assert kinds(quiet) == {StatusEvent}
        start = EWSDateTime(2026, 3, 2, tzinfo=BERLIN)
        assert [one.subject for one in watched.calendar.view(start=start, end=start.replace(day=3))] == ["Asked for"]
    with pytest.raises(ErrorSubscriptionNotFound):
        list(watched.calendar.get_events(subscription, watermark))
