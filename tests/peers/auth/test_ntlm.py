"""NTLM against pyspnego and Samba."""

import shutil
import string

import pytest

import front

PRINTABLE = string.ascii_letters + string.digits + string.punctuation + " "


def ntlm(user="EXAMPLE\\alice", **more):
    return {"scheme": "ntlm", "user": user, **more}


def samba(password, user="alice"):
    """Logins judged by Samba, for this user of the domain EXAMPLE."""
    if not shutil.which("ntlm_auth"):
        pytest.skip("ntlm_auth is not installed: apt-get install winbind")
    return lambda: front.Samba("EXAMPLE", user, password)


@pytest.fixture
def spnego_front(tmp_path):
    front.user_file(tmp_path / "users", ("EXAMPLE", "alice", "Passw0rd"), ("example.test", "alice", "Passw0rd"))
    with front.Front(front.Spnego) as server:
        yield server


def one(client, url, password, auth=None, **more):
    result = client(url, auth=auth or ntlm(), secrets={"password": password}, **more)
    return result["answers"][0] if "answers" in result else result


@pytest.mark.parametrize("user", ["EXAMPLE\\alice", "example\\ALICE", "example.test\\alice"])
def test_b47_the_domain_is_a_netbios_or_a_dns_name(client, spnego_front, user):
    answer = one(client, spnego_front.url, "Passw0rd", auth=ntlm(user), body="text ")
    assert answer == {"status": 200, "text": "text 0"}, answer
    assert spnego_front.counters["bodies with a first message"] == 0


@pytest.mark.parametrize("kind", ["spnego", "samba"])
def test_b47_a_hundred_requests_over_eight_connections_log_in_eight_times(client, spnego_front, kind):
    if kind == "samba":
        spnego_front.acceptor = samba("Passw0rd")
    spnego_front.takes = 0.05
    result = client(spnego_front.url, auth=ntlm(), secrets={"password": "Passw0rd"}, requests=100, connections=8, body="body ")
    assert sorted(answer["text"] for answer in result["answers"]) == sorted(f"body {n}" for n in range(100))
    counters = spnego_front.counters
    assert counters["connections"] == 8 and counters["logins"] == 8 and counters["first messages"] == 8, counters
    assert counters["requests"] == 100 and counters["login on a known connection"] == 0, counters


def test_b47_a_wrong_password_is_tried_once_however_many_ask(client, spnego_front):
    result = client(spnego_front.url, auth=ntlm(), secrets={"password": "wrong"}, requests=50, connections=8)
    assert {answer["kind"] for answer in result["answers"]} == {"Login Refused"}, result["answers"][0]
    text = result["answers"][0]["error"]
    assert "EXAMPLE\\alice" in text and "tried once" in text and "calport secret set password" in text and "wrong" not in text, text
    assert spnego_front.counters["refused"] == 1, spnego_front.counters


PASSWORDS = [
    PRINTABLE,
    'p"ä€😀 \\%$&\' x',
    " blanks around ",
    "tab\tinside",
    "Ä" * 127,
    "$NTLM$:short",
    "$NTLM$:" + "0123456789abcdef" * 2,
    "日本語パスワード",
]


@pytest.mark.parametrize("password", PASSWORDS)
def test_passwords_of_every_character_reach_samba(client, spnego_front, password):
    spnego_front.acceptor = samba(password)
    answer = one(client, spnego_front.url, password)
    assert answer.get("status") == 200, answer


@pytest.mark.parametrize("password", PASSWORDS)
def test_passwords_of_every_character_reach_pyspnego(client, tmp_path, password):
    front.user_file(tmp_path / "users", ("EXAMPLE", "alice", password))
    with front.Front(front.Spnego) as server:
        answer = one(client, server.url, password)
    assert answer.get("status") == 200, answer


@pytest.mark.parametrize("password", PASSWORDS)
def test_passwords_of_every_character_work_with_basic(client, password):
    with front.Front(front.Spnego, basic=f"alice:{password}") as server:
        answer = one(client, server.url, password, auth={"scheme": "basic", "user": "alice"})
    assert answer.get("status") == 200, answer


def test_b47_samba_takes_a_principal_name_and_a_bare_user(client, spnego_front):
    spnego_front.acceptor = samba("Passw0rd")
    assert one(client, spnego_front.url, "Passw0rd", auth=ntlm("alice")).get("status") == 200
    spnego_front.acceptor = samba("Passw0rd", "alice@example.test")
    assert one(client, spnego_front.url, "Passw0rd", auth=ntlm("alice@example.test")).get("status") == 200


def test_b47_a_user_name_with_an_ambiguous_capital_letter_is_refused_before_any_attempt(client, spnego_front):
    result = client(spnego_front.url, auth=ntlm("EXAMPLE\\straße"), secrets={"password": "Passw0rd"})
    assert "`ß`" in result["setup"] and not spnego_front.counters, result
    spnego_front.acceptor = samba("Passw0rd", "jürgen")
    assert one(client, spnego_front.url, "Passw0rd", auth=ntlm("EXAMPLE\\jürgen")).get("status") == 200


def test_b47_a_refusal_behind_a_proxy_names_the_proxy(client, spnego_front):
    spnego_front.extra_headers = [("Via", "1.1 proxy.example")]
    answer = one(client, spnego_front.url, "wrong")
    assert answer["kind"] == "Login Intermediary" and "CONNECT" in answer["error"], answer
