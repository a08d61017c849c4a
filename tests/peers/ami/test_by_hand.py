"""What users and their telephones do at the PBX: presence set by hand, greetings in the database, calls."""

import time

import pytest


@pytest.fixture
def events(pbx):
    """A session that is told of presence and calls from now on."""
    session = pbx.session()
    assert dict(session.blocks(action="Events", eventmask="call")[0])["Events"] == "On"
    # What was on its way before belongs to nobody's test.
    until(session, lambda _: True, seconds=1.5)
    return session


def until(session, wanted, seconds: float = 20) -> list[dict[str, str]]:
    """Events up to one that is wanted; the real product hands them out once a second."""
    got: list[dict[str, str]] = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not any(wanted(e) for e in got):
        got += [dict(b) for b in session.blocks(action="WaitEvent", timeout="1") if b[0][0] == "Event"]
    return got


def changes(events: list[dict[str, str]], user: str) -> list[tuple[str, str, str]]:
    of = [e for e in events if e.get("Event") == "PresenceStateChange" and e["Presentity"] == f"CustomPresence:{user}"]
    return [(e["Status"], e["Subtype"], e["Message"]) for e in of]


def is_change(user: str):
    return lambda event: bool(changes([event], user))


def test_a_value_of_another_account_is_told_and_read(pbx, manager, events):
    other = pbx.somebody_else()
    assert other.set("alice", "dnd,,Lunch") == {"Response": "Success", "Message": "Variable Set"}
    assert changes(until(events, is_change("alice")), "alice") == [("dnd", "", "Lunch")]
    assert manager.get("alice") == [
        ("Response", "Success"),
        ("Message", "Presence State"),
        ("State", "dnd"),
        ("Message", "Lunch"),
        ("PresenceMessage", "Lunch"),
    ]
    listed = [b for b in manager.blocks(action="PresenceStateList") if ("Presentity", "CustomPresence:alice") in b]
    assert listed == [
        [
            ("Event", "PresenceStateChange"),
            ("Presentity", "CustomPresence:alice"),
            ("Status", "dnd"),
            ("Subtype", ""),
            ("Message", "Lunch"),
        ]
    ]


def test_back_to_automatic_is_told_as_not_set(pbx, manager, events):
    other = pbx.somebody_else()
    other.set("bob", "away,until=1796000000,Back at 15:30")
    until(events, is_change("bob"))
    assert ("Subtype", "until=1796000000") in manager.get("bob")
    other.set("bob", "not_set")
    assert changes(until(events, is_change("bob")), "bob") == [("not_set", "", "")]


def test_a_hint_tells_the_presence_too(pbx, manager, events):
    manager.set("alice", "xa,,Gone")
    got = until(events, lambda e: e.get("Event") == "PresenceStatus")
    status = next(e for e in got if e.get("Event") == "PresenceStatus")
    hint = "Custom:alice,CustomPresence:alice"
    assert (status["Hint"], status["Context"], status["Status"], status["Message"]) == (hint, pbx.context, "xa", "Gone")


@pytest.mark.parametrize("door", ["set", "presence"])
def test_a_feature_code_and_a_telephone_are_told_like_any_other(pbx, manager, events, door):
    if door == "set":
        pbx.do("set", variable="PRESENCE_STATE(CustomPresence:alice)", value="dnd,,Lunch")
    else:
        pbx.do("presence", user="alice", state="dnd", message="Lunch")
    assert changes(until(events, is_change("alice")), "alice") == [("dnd", "", "Lunch")]
    assert manager.get("alice")[2:] == [("State", "dnd"), ("Message", "Lunch"), ("PresenceMessage", "Lunch")]


def test_a_text_with_a_line_break_forges_lines_in_the_one_answer_and_not_in_the_list(manager):
    # "x", line break, "State: away"
    manager.set("alice", "dnd,,eA0KU3RhdGU6IGF3YXk=,e")
    assert [n for n, _ in manager.get("alice")].count("State") == 3
    listed = [dict(b) for b in manager.blocks(action="PresenceStateList")]
    assert [e["Message"] for e in listed if e.get("Presentity") == "CustomPresence:alice"] == ["x\\r\\nState: away"]


def test_greetings_and_their_notes_are_families_apart(manager):
    written = {"calport-greeting": "holiday", "calport-greeting-written": "holiday"}
    for family, value in written.items():
        answer = dict(manager.blocks(action="DBPut", family=family, key="alice", val=value)[0])
        assert answer == {"Response": "Success", "Message": "Updated database successfully"}
    tree = manager.blocks(action="DBGetTree", family="calport-greeting")
    assert [dict(b).get("Key") for b in tree[1:-1]] == ["/calport-greeting/alice"]
    got = manager.blocks(action="DBGet", family="calport-greeting", key="alice")
    assert got[1] == [("Event", "DBGetResponse"), ("Family", "calport-greeting"), ("Key", "alice"), ("Val", "holiday")]
    for family in written:
        assert dict(manager.blocks(action="DBDel", family=family, key="alice")[0])["Message"] == "Key deleted successfully"
        again = dict(manager.blocks(action="DBDel", family=family, key="alice")[0])
        assert again == {"Response": "Error", "Message": "Database entry could not be deleted"}
        gone = dict(manager.blocks(action="DBGet", family=family, key="alice")[0])
        assert gone == {"Response": "Error", "Message": "Database entry not found"}


CALLS = [("RINGING", "8", "Ringing"), ("INUSE", "1", "InUse"), ("RINGINUSE", "9", "InUse&Ringing"), ("ONHOLD", "16", "Hold")]


def test_calls_show_in_lists_and_events(pbx, manager, events):
    device = {"action": "Setvar", "variable": "DEVICE_STATE(Custom:alice)"}
    manager.blocks(**device, value="NOT_INUSE")
    until(events, lambda _: True, seconds=1.5)
    for state, number, text in [*CALLS, ("NOT_INUSE", "0", "Idle")]:
        assert manager.blocks(**device, value=state)[0][0] == ("Response", "Success")

        def is_told(event, number=number):
            return event.get("Event") == "ExtensionStatus" and event["Status"] == number

        told = until(events, is_told)
        status = next(e for e in told if is_told(e))
        assert (status["Hint"], status["StatusText"]) == ("Custom:alice,CustomPresence:alice", text)
        listed = [dict(b) for b in manager.blocks(action="ExtensionStateList")]
        row = next(e for e in listed if e.get("Hint") == "Custom:alice,CustomPresence:alice")
        assert (row["Status"], row["StatusText"]) == (number, text)
        one = manager.blocks(action="ExtensionState", exten=row["Exten"], context=row["Context"])[0]
        assert one[:2] == [("Response", "Success"), ("Message", "Extension Status")]
        assert one[2:] == [(n, row[n]) for n in ("Exten", "Context", "Hint", "Status", "StatusText")]


def test_an_extension_without_a_hint_is_unknown(pbx, manager):
    one = manager.blocks(action="ExtensionState", exten="nobody", context=pbx.context)[0]
    assert one[4:] == [("Hint", ""), ("Status", "-1"), ("StatusText", "Unknown")]
    assert manager.blocks(action="ExtensionState")[0][1] == ("Message", "Extension not specified")


def test_a_call_by_the_admin_door_is_a_call(pbx, manager, events):
    pbx.do("call", user="bob", state="InUse")
    told = until(events, lambda e: e.get("Event") == "DeviceStateChange")
    assert {"Event": "DeviceStateChange", "Privilege": "call,all", "Device": "Custom:bob", "State": "INUSE"} in told
    pbx.do("call", user="bob", state="Idle")
    listed = [dict(b) for b in manager.blocks(action="ExtensionStateList")]
    assert next(e for e in listed if e.get("Exten") == "bob")["StatusText"] == "Idle"
