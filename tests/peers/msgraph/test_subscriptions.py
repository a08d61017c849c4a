"""Subscriptions through the official client, with a webhook that is really called."""

import datetime

import pytest
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.subscription import Subscription

pytestmark = pytest.mark.asyncio


def soon(**delta):
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**delta)


def wish(hook, user, expires):
    return Subscription(
        change_type="created,updated,deleted",
        notification_url=f"{hook.url}/changes",
        lifecycle_notification_url=f"{hook.url}/lifecycle",
        resource=f"/users/{user}/events",
        expiration_date_time=expires,
        client_state="known to both",
    )


async def test_a_subscription_lives_calls_is_renewed_and_ends(simulator, client, hook, user):
    made = await client.subscriptions.post(wish(hook, user, soon(days=6)))
    assert made.client_state == "known to both" and made.lifecycle_notification_url.endswith("/lifecycle")
    times = {"start": {"dateTime": "2026-03-02T09:00:00", "timeZone": "UTC"}, "end": {"dateTime": "2026-03-02T10:00:00", "timeZone": "UTC"}}
    event = simulator.admin("POST", f"users/{user}/events", {"subject": "New", **times})
    path, item = hook.items.get(timeout=10)
    assert path == "/changes"
    assert (item["changeType"], item["clientState"], item["subscriptionId"]) == ("created", "known to both", made.id)
    assert item["resourceData"]["id"] == event["id"]
    one = client.subscriptions.by_subscription_id(made.id)
    later = soon(days=6, hours=12)
    renewed = await one.patch(Subscription(expiration_date_time=later))
    assert abs((renewed.expiration_date_time - later).total_seconds()) < 1
    assert (await one.get()).resource == f"/users/{user}/events"
    assert made.id in [s.id for s in (await client.subscriptions.get()).value]
    simulator.admin("POST", "lifecycle", {"event": "reauthorizationRequired", "user": user})
    path, item = hook.items.get(timeout=10)
    assert (path, item["lifecycleEvent"], item["clientState"]) == ("/lifecycle", "reauthorizationRequired", "known to both")
    await one.reauthorize.post()
    await one.delete()
    with pytest.raises(ODataError) as refused:
        await one.get()
    assert refused.value.response_status_code == 404


async def test_wishes_that_cannot_be_met_are_refused(client, hook, user):
    with pytest.raises(ODataError) as refused:
        await client.subscriptions.post(wish(hook, user, soon(days=8)))
    assert refused.value.response_status_code == 400
    deaf = wish(hook, user, soon(days=1))
    deaf.notification_url = "http://127.0.0.1:1/"
    with pytest.raises(ODataError) as refused:
        await client.subscriptions.post(deaf)
    assert (refused.value.response_status_code, refused.value.error.code) == (400, "ValidationError")
    short = await client.subscriptions.post(wish(hook, user, soon(minutes=5)))
    assert short.expiration_date_time > soon(minutes=40)


async def test_a_removed_subscription_is_told_and_gone(simulator, client, hook, user):
    made = await client.subscriptions.post(wish(hook, user, soon(days=1)))
    simulator.admin("POST", "lifecycle", {"event": "subscriptionRemoved", "user": user})
    _, item = hook.items.get(timeout=10)
    assert item["lifecycleEvent"] == "subscriptionRemoved"
    with pytest.raises(ODataError):
        await client.subscriptions.by_subscription_id(made.id).get()
