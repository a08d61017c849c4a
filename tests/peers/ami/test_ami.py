"""What a foreign client sees of the PBX: the manager over HTTP Digest, the REST interface, and every trap that matters to Calport."""

import base64
import threading
import time

import pytest
import requests

STATES = ["unavailable", "available", "away", "xa", "chat", "dnd", "not_set"]


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def message(block) -> str:
    return dict(block).get("PresenceMessage", "")


def test_no_credentials_give_a_digest_challenge_whose_opaque_is_the_nonce(pbx):
    answer = requests.get(f"{pbx.url}/arawman", params={"action": "Ping"}, timeout=10)
    assert answer.status_code == 401
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge.startswith('Digest algorithm=MD5, realm="asterisk", nonce="')
    assert 'qop="auth"' in challenge and "stale" not in challenge
    nonce = challenge.split('nonce="')[1][:8]
    assert f'opaque="{nonce}"' in challenge


def test_wrong_secret_is_refused(pbx):
    auth = requests.auth.HTTPDigestAuth(pbx.user, pbx.secret + "x")
    answer = requests.get(f"{pbx.url}/arawman", params={"action": "Ping"}, auth=auth, timeout=10)
    assert answer.status_code == 401


def test_one_challenge_serves_a_whole_session(manager):
    for _ in range(5):
        assert dict(manager.blocks(action="Ping")[0])["Ping"] == "Pong"
    # One before the first request; the fixture's requests count as well.
    assert len(manager.challenges) == 1


def test_trap_06_seven_states_and_no_other(manager):
    for state in STATES:
        assert manager.set("alice", state) == {"Response": "Success", "Message": "Variable Set"}
        assert dict(manager.get("alice"))["State"] == state
    for bad in ("busy", "bogus,,x", ""):
        assert manager.set("alice", bad) == {"Response": "Error", "Message": "Variable not set"}


def test_trap_09_only_custom_presence_can_be_written(manager):
    answer = dict(manager.blocks(action="Setvar", variable="PRESENCE_STATE(SIP:alice)", value="dnd")[0])
    assert answer == {"Response": "Error", "Message": "Variable not set"}


def test_trap_04_a_comma_is_refused_or_makes_garbage(manager):
    assert manager.set("alice", "dnd,,Call, room 7")["Response"] == "Error"
    assert manager.set("alice", "away,vacation,Holiday, be back")["Response"] == "Success"
    assert message(manager.get("alice")) != "Holiday, be back"


@pytest.mark.parametrize("post", [False, True])
def test_trap_04_base64_carries_everything(manager, post):
    text = 'Sync, bis 15:30 – grüße "x" it\'s? \\ %20+&='
    assert manager.set("alice", f"away,{b64('meeting')},{b64(text)},e", post=post)["Response"] == "Success"
    block = manager.get("alice")
    assert ("Subtype", "meeting") in block and message(block) == text
    assert [n for n, _ in block].count("Message") == 2


def test_trap_05_base64_is_cut_at_255_bytes(manager):
    manager.set("alice", f"dnd,,{b64('a' + 'ü' * 150)},e")
    assert message(manager.get("alice")) == "a" + "ü" * 127
    manager.set("alice", f"dnd,,{b64('ü' * 150)},e")
    raw = manager.answer(action="PresenceState", provider="CustomPresence:alice").content
    line = next(x for x in raw.split(b"\r\n") if x.startswith(b"PresenceMessage: "))
    assert len(line.removeprefix(b"PresenceMessage: ")) == 255


def test_trap_08_unknown_users_read_as_not_set(manager):
    assert manager.get("nobody") == [("Response", "Success"), ("Message", "Presence State"), ("State", "not_set")]


def test_lists_have_a_start_events_and_an_end(manager):
    manager.set("alice", f"dnd,{b64('meeting')},{b64('Board')},e")
    for action, event in (("ExtensionStateList", "ExtensionStatus"), ("PresenceStateList", "PresenceStateChange")):
        first, *events, last = manager.blocks(action=action)
        assert ("EventList", "start") in first
        assert {dict(e)["Event"] for e in events} == {event}
        assert ("EventList", "Complete") in last and ("ListItems", str(len(events))) in last
    hints = [dict(e)["Hint"] for e in manager.blocks(action="ExtensionStateList")[1:-1]]
    assert "Custom:alice,CustomPresence:alice" in hints


def test_trap_12_lists_escape_texts_as_in_c(manager):
    manager.set("alice", f"dnd,,{b64(chr(39) + 'a' + chr(34) + '?' + chr(92))},e")
    events = [dict(e) for e in manager.blocks(action="PresenceStateList")]
    alice = next(e for e in events if e.get("Presentity") == "CustomPresence:alice")
    assert alice["Message"] == "\\'a\\\"\\?\\\\"


def test_trap_07_deleting_from_the_database_leaves_the_live_state(manager):
    manager.set("alice", "dnd,,x")
    assert dict(manager.blocks(action="DBDel", family="CustomPresence", key="alice")[0])["Response"] == "Success"
    assert dict(manager.get("alice"))["State"] == "dnd"


def test_database_round_trip(manager):
    assert dict(manager.blocks(action="DBPut", family="calport", key="greeting/alice", val="holiday")[0])["Response"] == "Success"
    got = manager.blocks(action="DBGet", family="calport", key="greeting/alice")
    assert dict(got[1])["Val"] == "holiday"
    tree = manager.blocks(action="DBGetTree", family="calport")
    assert {"Event": "DBGetTreeResponse", "Key": "/calport/greeting/alice", "Val": "holiday"} in [dict(b) for b in tree]
    assert ("ListItems", str(len(tree) - 2)) in tree[-1]
    assert dict(manager.blocks(action="DBDel", family="calport", key="greeting/alice")[0])["Response"] == "Success"
    assert dict(manager.blocks(action="DBGet", family="calport", key="greeting/alice")[0])["Message"] == "Database entry not found"


def test_version_and_start_are_told(manager):
    assert dict(manager.blocks(action="CoreSettings")[0])["AsteriskVersion"]
    assert dict(manager.blocks(action="CoreStatus")[0])["CoreStartupDate"]


def test_trap_10_events_belong_to_the_session(pbx, manager):
    events = pbx.session()
    events.blocks(action="WaitEvent", timeout="0")
    manager.set("bob", f"xa,{b64('vacation')},,e")

    def changes(blocks):
        return [dict(b) for b in blocks if ("Event", "PresenceStateChange") in b]

    # The first wait may be over before the event is queued.
    got = []
    deadline = time.monotonic() + 20
    while not got and time.monotonic() < deadline:
        got = changes(events.blocks(action="WaitEvent", timeout="5"))
    assert [(c["Presentity"], c["Status"], c["Subtype"], c["Privilege"]) for c in got] == [
        ("CustomPresence:bob", "xa", "vacation", "call,all")
    ]
    manager.set("bob", "away")
    assert changes(pbx.session().blocks(action="WaitEvent", timeout="0")) == []


def test_a_wait_ends_soon_after_the_event(pbx, manager):
    events = pbx.session()
    events.blocks(action="Events", eventmask="call")
    timer = threading.Timer(0.5, lambda: manager.set("bob", "dnd"))
    timer.start()
    began = time.monotonic()
    blocks = []
    # Another event, such as PresenceStatus, may end a wait before.
    while not any(("Event", "PresenceStateChange") in b and ("Status", "dnd") in b for b in blocks):
        assert time.monotonic() - began < 10
        blocks += events.blocks(action="WaitEvent", timeout="25")
    timer.join()


def test_events_action_limits_the_classes(pbx, manager):
    events = pbx.session()
    assert dict(events.blocks(action="Events", eventmask="call")[0]) == {"Response": "Success", "Events": "On"}
    manager.set("bob", "chat")
    time_limit = time.monotonic() + 20
    blocks = []
    while not any(("Event", "PresenceStateChange") in b for b in blocks) and time.monotonic() < time_limit:
        blocks += events.blocks(action="WaitEvent", timeout="5")
    assert any(("Status", "chat") in b for b in blocks)


def test_xml_has_the_same_content(manager):
    manager.set("alice", f"dnd,,{b64('A & B <c>')},e")
    answer = manager.answer(path="amxml", action="PresenceState", provider="CustomPresence:alice")
    assert answer.headers["Content-Type"] == "text/xml"
    assert "message-2='A &amp; B &lt;c&gt;'" in answer.text


def test_trap_01_and_03_rest_cannot_read_presence_and_hides_refusals(pbx, manager):
    manager.set("alice", "dnd,,x")
    name = "PRESENCE_STATE(CustomPresence:alice)"
    read = pbx.rest("GET", "asterisk/variable", params={"variable": name.replace(")", ",value)")})
    assert (read.status_code, read.json()) == (200, {"value": ""})
    refused = pbx.rest("POST", "asterisk/variable", params={"variable": name}, json={"value": "bogus,,x"})
    assert refused.status_code == 204
    assert dict(manager.get("alice"))["State"] == "dnd"


def test_trap_06_device_states_by_rest_and_by_manager(pbx, manager):
    assert pbx.rest("PUT", "deviceStates/Stasis:bob", params={"deviceState": "BUSY"}).status_code == 204
    assert {"name": "Stasis:bob", "state": "BUSY"} in pbx.rest("GET", "deviceStates").json()
    refused = pbx.rest("PUT", "deviceStates/Custom:alice", params={"deviceState": "BUSY"})
    assert (refused.status_code, refused.json()) == (409, {"message": "Uncontrolled device specified"})
    unknown = pbx.rest("PUT", "deviceStates/Stasis:bob", params={"deviceState": "FANCY"})
    assert unknown.status_code == 500
    assert manager.blocks(action="Setvar", variable="DEVICE_STATE(Custom:alice)", value="BUSY")[0][0] == ("Response", "Success")
    assert pbx.rest("DELETE", "deviceStates/Stasis:bob").status_code == 204


def test_rest_refuses_strangers(pbx):
    answer = requests.get(f"{pbx.url}/ari/asterisk/info", auth=("x", "y"), timeout=10)
    assert (answer.status_code, answer.json()) == (401, {"message": "Authentication required"})


def test_trap_07_state_survives_a_restart_and_sessions_do_not(pbx, manager):
    if not pbx.admin:
        pytest.skip("needs the simulator's admin door")
    manager.set("alice", f"xa,{b64('vacation')},{b64('Until Monday')},e")
    requests.post(f"{pbx.admin}/restart", timeout=10).raise_for_status()
    assert message(pbx.session().get("alice")) == "Until Monday"


def test_trap_10_an_old_nonce_is_replaced_in_the_same_session(pbx, manager):
    if not pbx.admin:
        pytest.skip("needs the simulator's admin door")
    manager.blocks(action="WaitEvent", timeout="0")
    requests.post(f"{pbx.admin}/clock", json={"advance_ms": 40_000}, timeout=10).raise_for_status()
    manager.set("bob", "away")
    requests.post(f"{pbx.admin}/clock", json={"advance_ms": 30_000}, timeout=10).raise_for_status()
    blocks = manager.blocks(action="WaitEvent", timeout="0")
    assert "stale=true" in manager.challenges[-1]
    assert any(("Presentity", "CustomPresence:bob") in b for b in blocks)
