"""Settings of a mailbox through the independent client: automatic replies, free/busy, names, zones, categories."""

import datetime
from xml.etree import ElementTree

import pytest
from conftest import BERLIN
from exchangelib import UTC, CalendarItem, EWSDateTime, EWSTimeZone, OofSettings
from exchangelib.errors import (
    ErrorItemNotFound,
    ErrorItemSave,
    ErrorMailRecipientNotFound,
    ErrorNameResolutionNoResults,
    ErrorTimeIntervalTooBig,
)
from exchangelib.items import SEND_TO_NONE

CATEGORIES = """<?xml version="1.0" encoding="utf-8"?>
<categories xmlns="CategoryList.xsd" default="Red"><category name="Red" color="0" guid="{%s}"/><category name="Plain" color="-1" guid="{%s}"/>
</categories>""" % ("0b6c7a52-7a52-4d2c-8f5e-000000000001", "0b6c7a52-7a52-4d2c-8f5e-000000000002")


def at(day, hour, minute=0, zone=BERLIN):
    return EWSDateTime(2026, 3, day, hour, minute, tzinfo=zone)


def appointment(account, **fields):
    values = {"subject": "Review", "start": at(2, 9), "end": at(2, 10)} | fields
    return CalendarItem(account=account, folder=account.calendar, **values).save(send_meeting_invitations=SEND_TO_NONE)


def free_busy(account, *addresses, **options):
    values = {"start": at(2, 0), "end": at(3, 0), "requested_view": "DetailedMerged"} | options
    wanted = [(address, "Required", False) for address in addresses or [account.primary_smtp_address]]
    return list(account.protocol.get_free_busy_info(accounts=wanted, **values))


def test_automatic_replies_are_read_changed_and_shared_with_graph(account, simulator, user):
    assert account.oof_settings.state == "Disabled"
    account.oof_settings = OofSettings(
        state="Enabled", external_audience="Known", internal_reply="<b>Away</b> & back soon", external_reply="away"
    )
    got = account.oof_settings
    assert (got.state, got.external_audience) == ("Enabled", "Known")
    assert (got.internal_reply, got.external_reply) == ("<b>Away</b> & back soon", "away")
    seen = simulator.graph("GET", f"users/{user}/mailboxSettings")["automaticRepliesSetting"]
    assert (seen["status"], seen["externalAudience"]) == ("alwaysEnabled", "contactsOnly")
    assert seen["internalReplyMessage"] == "<b>Away</b> & back soon"


def test_a_scheduled_absence_keeps_its_times(account, simulator, user):
    start = (EWSDateTime.now(tz=UTC) + datetime.timedelta(days=1)).replace(microsecond=0)
    end = start + datetime.timedelta(days=3)
    account.oof_settings = OofSettings(
        state="Scheduled", external_audience="All", start=start, end=end, internal_reply="a", external_reply="b"
    )
    got = account.oof_settings
    assert (got.state, got.start, got.end) == ("Scheduled", start, end)
    change = {
        "automaticRepliesSetting": {
            "status": "scheduled",
            "scheduledStartDateTime": {"dateTime": "2026-07-01T08:00:00", "timeZone": "W. Europe Standard Time"},
            "scheduledEndDateTime": {"dateTime": "2026-07-09T18:00:00", "timeZone": "W. Europe Standard Time"},
        }
    }
    simulator.graph("PATCH", f"users/{user}/mailboxSettings", change)
    got = account.oof_settings
    assert got.start == EWSDateTime(2026, 7, 1, 8, tzinfo=BERLIN)
    assert got.end == EWSDateTime(2026, 7, 9, 18, tzinfo=BERLIN)


def test_free_busy_is_merged_and_detailed(account):
    appointment(account, legacy_free_busy_status="Tentative", location="Room 4")
    appointment(account, start=at(2, 9, 30), end=at(2, 11), legacy_free_busy_status="OOF", subject="Doctor", sensitivity="Private")
    appointment(account, start=at(2, 13), end=at(2, 14), legacy_free_busy_status="WorkingElsewhere")
    (view,) = free_busy(account, start=at(2, 8), end=at(2, 15))
    assert view.view_type == "DetailedMerged"
    assert view.merged == "00" + "13" + "33" + "00" + "00" + "44" + "00"
    first, second, third = view.calendar_events
    assert (first.start, first.end, first.busy_type) == (at(2, 9), at(2, 10), "Tentative")
    assert (first.details.subject, first.details.location, first.details.is_private) == ("Review", "Room 4", False)
    assert second.busy_type == "OOF" and second.details.is_private
    assert not second.details.subject
    assert third.busy_type == "WorkingElsewhere"


def test_working_hours_come_with_the_zone_of_the_mailbox(account):
    (view,) = free_busy(account, requested_view="FreeBusy")
    (period,) = view.working_hours
    assert len(period.weekdays) == 5
    assert (period.start, period.end) == (datetime.time(8), datetime.time(17))
    zone = view.working_hours_timezone
    assert zone.bias == -60
    assert (zone.daylight_time.bias, zone.daylight_time.iso_month, zone.daylight_time.occurrence) == (-60, 3, 5)
    name = zone.to_server_timezone(account.protocol.get_timezones(return_full_timezone_data=True), 2026)
    # Several names have these rules.
    assert name.endswith("Europe Standard Time") or name in ("Romance Standard Time", "Central European Standard Time")


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Kolkata"])
def test_free_busy_speaks_the_zone_that_is_asked_in(account, zone):
    zone = EWSTimeZone(zone)
    appointment(account, start=at(30, 9), end=at(30, 10))
    (view,) = free_busy(account, start=at(27, 0, zone=zone), end=at(31, 0, zone=zone), requested_view="Detailed")
    (event,) = view.calendar_events
    assert (event.start, event.end) == (at(30, 9), at(30, 10))


def test_free_busy_of_strangers_has_no_details_and_nobody_is_named(account, simulator, user):
    other = f"other-{user}"
    simulator.admin("POST", "users", {"userPrincipalName": other, "mail": other, "displayName": "Other"})
    appointment(simulator.account(other), subject="Secret")
    view, missing = free_busy(account, user, "nobody@example.test")
    assert view.calendar_events in (None, [])
    assert isinstance(missing, ErrorMailRecipientNotFound)
    (view,) = free_busy(account, other, requested_view="FreeBusyMerged")
    assert view.calendar_events[0].details is None


def test_free_busy_of_a_long_time_is_refused(account):
    with pytest.raises(ErrorTimeIntervalTooBig):
        free_busy(account, start=at(1, 0), end=EWSDateTime(2026, 6, 1, tzinfo=BERLIN))


def test_names_are_resolved_in_the_directory(account, user):
    (found,) = account.protocol.resolve_names([f"smtp:{user}"])
    assert (found.email_address, found.mailbox_type) == (user, "Mailbox")
    ((mailbox, contact),) = account.protocol.resolve_names([user], return_full_contact_data=True, search_scope="ActiveDirectory")
    assert mailbox.email_address == user
    assert contact.display_name == f"Person {user.partition('@')[0]}"
    (answer,) = account.protocol.resolve_names(["nobody-of-that-name"])
    assert isinstance(answer, ErrorNameResolutionNoResults)


def test_an_ambiguous_name_gives_several(account, simulator, user):
    stem = user.partition("@")[0] + "x"
    for number in range(3):
        name = f"{stem}{number}@example.test"
        simulator.admin("POST", "users", {"userPrincipalName": name, "mail": name, "displayName": f"{stem} {number}"})
    found = account.protocol.resolve_names([stem])
    assert len(found) == 3


def test_the_server_knows_its_zones(account):
    names = {zone.id: zone for zone in account.protocol.get_timezones()}
    assert len(names) > 130
    assert names["W. Europe Standard Time"].name.startswith("(UTC+01:00)")
    zones = [BERLIN, EWSTimeZone("America/New_York"), EWSTimeZone("Asia/Kolkata")]
    full = list(account.protocol.get_timezones(timezones=zones, return_full_timezone_data=True))
    assert [zone.id for zone in full] == [zone.ms_id for zone in zones]
    standard, daylight, period = full[0].get_std_and_dst(for_year=2026)
    assert (period.bias_in_minutes, daylight.bias) == (-60, -60)
    assert (standard.iso_month, standard.occurrence, standard.time) == (10, 5, datetime.time(3))
    assert full[2].get_std_and_dst(for_year=2026)[2].bias_in_minutes == -330


def test_categories_live_in_a_user_configuration_and_in_graph(account, simulator, user):
    folder = account.calendar
    with pytest.raises(ErrorItemNotFound):
        folder.get_user_configuration(name="CategoryList")
    folder.create_user_configuration(name="CategoryList", xml_data=CATEGORIES.encode())
    with pytest.raises(ErrorItemSave):
        folder.create_user_configuration(name="CategoryList", xml_data=CATEGORIES.encode())
    seen = simulator.graph("GET", f"users/{user}/outlook/masterCategories")["value"]
    assert {one["displayName"]: one["color"] for one in seen} == {"Red": "preset0", "Plain": "none"}
    simulator.graph("POST", f"users/{user}/outlook/masterCategories", {"displayName": "Blue & co", "color": "preset7"})
    text = folder.get_user_configuration(name="CategoryList").xml_data
    assert b'default="Red"' in text
    tree = ElementTree.fromstring(text)
    assert [(one.get("name"), one.get("color")) for one in tree] == [("Red", "0"), ("Plain", "-1"), ("Blue & co", "7")]
    tree.remove(tree[0])
    folder.update_user_configuration(name="CategoryList", xml_data=ElementTree.tostring(tree))
    seen = simulator.graph("GET", f"users/{user}/outlook/masterCategories")["value"]
    assert [one["displayName"] for one in seen] == ["Plain", "Blue & co"]


def test_a_configuration_with_a_dictionary_is_kept_and_deleted(account):
    folder = account.calendar
    folder.create_user_configuration(name="Peer", dictionary={"text": "a & b", "number": 7, "yes": True}, binary_data=b"\x00\xff")
    got = folder.get_user_configuration(name="Peer")
    assert got.dictionary == {"text": "a & b", "number": 7, "yes": True}
    assert got.binary_data == b"\x00\xff"
    folder.delete_user_configuration(name="Peer")
    with pytest.raises(ErrorItemNotFound):
        folder.get_user_configuration(name="Peer")
