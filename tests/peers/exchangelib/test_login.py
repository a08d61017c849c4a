"""The front doors of a company's own server: NTLM by three clients of others, NTLM inside Negotiate, and the forms login."""

import shutil
import subprocess
import threading
from base64 import b64decode, b64encode

import pytest
import requests
import spnego
from exchangelib import NTLM
from exchangelib.errors import UnauthorizedError

GET_FOLDER = """<?xml version="1.0"?>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"
 xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages">
<s:Header><t:RequestServerVersion Version="Exchange2013_SP1"/><t:ExchangeImpersonation><t:ConnectingSID>
<t:SmtpAddress>{user}</t:SmtpAddress></t:ConnectingSID></t:ExchangeImpersonation></s:Header>
<s:Body><m:GetFolder><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape></m:FolderShape>
<m:FolderIds><t:DistinguishedFolderId Id="calendar"/></m:FolderIds></m:GetFolder></s:Body></s:Envelope>"""

PRINTABLE = "".join(chr(c) for c in range(0x21, 0x7F))
XML = {"Content-Type": "text/xml; charset=utf-8"}


def logins(connections):
    return [[(one["scheme"], one["requests"]) for one in connection["logins"]] for connection in connections]


def accounts(simulator, user, password):
    simulator.ews("POST", "settings", {"accounts": [{"user": user, "password": password, "impersonation": True}]})


@pytest.fixture
def curl(tmp_path, user):
    """Runs curl with the request for a folder; gives what it prints."""
    if not shutil.which("curl"):
        pytest.skip("curl is not installed: apt-get install curl")
    body = tmp_path / "request.xml"
    body.write_text(GET_FOLDER.format(user=user))

    def run(*arguments, post=True):
        command = ["curl", "-q", "--silent", "--show-error", "--noproxy", "*", "--max-time", "20"]
        if post:
            command += ["-H", "Content-Type: text/xml; charset=utf-8", "--data-binary", f"@{body}"]
        return subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=60, cwd=tmp_path).stdout

    return run


# exchangelib: requests_ntlm with pyspnego below it.


def test_b47_exchangelib_logs_in_by_ntlm_once_for_all_its_requests(simulator, ntlm_account):
    ntlm_account.calendar.refresh()
    for _ in range(4):
        assert ntlm_account.calendar.all().count() == 0
    (connection,) = [one for one in simulator.connections() if one["logins"]]
    ((scheme, requests_carried),) = logins([connection])[0]
    assert (scheme, requests_carried >= 5, connection["begun"], connection["refused"]) == ("NTLM", True, 1, [])


def test_b47_a_client_that_finds_out_by_itself_chooses_ntlm(simulator, user, windows):
    simulator.ews("POST", "settings", {"basic": False})
    account = simulator.account(user, user=windows, auth_type=None)
    assert account.calendar.all().count() == 0
    assert account.protocol.auth_type == NTLM


def test_b47_each_thread_has_a_connection_with_one_login(simulator, user, windows):
    account = simulator.account(user, user=windows, auth_type=NTLM)
    account.protocol.config.max_connections = 4
    account.calendar.refresh()
    simulator.connections()
    counts = []
    threads = [threading.Thread(target=lambda: counts.append(account.calendar.all().count())) for _ in range(12)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert counts == [0] * 12
    found = simulator.connections()
    assert all(len(one["logins"]) <= 1 and not one["refused"] for one in found), found


def test_a_wrong_password_is_refused_by_ntlm(simulator, user, windows):
    account = simulator.account(user, user=windows, password="wrong", auth_type=NTLM)
    with pytest.raises(UnauthorizedError):
        account.calendar.all().count()
    assert {reason for one in simulator.connections() for reason in one["refused"]} == {"wrong password"}


@pytest.mark.parametrize("name", ["EXAMPLE\\anna", "example.test\\ANNA", "anna@example.test", "EXAMPLE\\jürgen"])
@pytest.mark.parametrize("password", [PRINTABLE, "Grüße 日本語 €😀"], ids=["printable", "other scripts"])
def test_c05_names_and_passwords_of_all_kinds(simulator, user, windows, name, password):
    accounts(simulator, name.lower().replace("example.test\\", "example\\"), password)
    account = simulator.account(user, user=name, password=password, auth_type=NTLM)
    assert account.calendar.all().count() == 0


def test_b47_behind_a_proxy_that_changes_connections_ntlm_cannot_work(simulator, user, windows):
    for proxy, works in [(simulator.faithful_proxy, True), (simulator.fresh_proxy, False)]:
        account = simulator.account(user, user=windows, auth_type=NTLM, url=f"{proxy}/EWS/Exchange.asmx")
        if works:
            assert account.calendar.all().count() == 0
        else:
            with pytest.raises(UnauthorizedError):
                account.calendar.all().count()


# pyspnego: NTLM wrapped as Negotiate wraps it, with the list of mechanisms signed.


@pytest.mark.parametrize("protocol", ["negotiate", "ntlm"])
def test_ntlm_inside_negotiate_wrapped_and_raw(simulator, user, windows, protocol):
    context = spnego.client(windows, simulator.password, protocol=protocol, options=spnego.NegotiateOptions.use_ntlm)
    with requests.Session() as session:
        token, statuses = context.step(), []
        while token:
            header = {"Authorization": f"Negotiate {b64encode(token).decode()}"}
            answer = session.post(simulator.ews_url, data=GET_FOLDER.format(user=user), headers=XML | header, timeout=20)
            statuses.append(answer.status_code)
            offered = answer.headers.get("WWW-Authenticate", "")
            token = context.step(b64decode(offered.partition(" ")[2])) if offered.startswith("Negotiate ") else None
        assert statuses == [401, 200] and context.complete
        assert session.post(simulator.ews_url, data=GET_FOLDER.format(user=user), headers=XML, timeout=20).status_code == 200
    assert logins(simulator.connections()) == [[("Negotiate", 2)]]


# curl, whose NTLM is its own.


def test_curl_logs_in_by_ntlm_once_for_two_requests(simulator, windows, curl):
    said = curl("--ntlm", "-u", f"{windows}:{simulator.password}", simulator.ews_url, simulator.ews_url)
    assert said.count("NoError") == 2, said
    assert logins(simulator.connections()) == [[("NTLM", 2)]]


@pytest.mark.parametrize("challenges", ["separate", "repeated", "joined"])
def test_curl_chooses_the_best_of_what_is_offered(simulator, windows, curl, challenges):
    simulator.ews("POST", "settings", {"doors": {"ntlm": True, "challenges": challenges, "realm": "mail"}})
    assert "NoError" in curl("--anyauth", "-u", f"{windows}:{simulator.password}", simulator.ews_url)
    assert logins([one for one in simulator.connections() if one["logins"]]) == [[("NTLM", 1)]]


@pytest.mark.parametrize("scheme", ["--ntlm", "--basic"])
def test_curl_sends_a_password_of_every_printable_character(simulator, windows, curl, scheme):
    accounts(simulator, "EXAMPLE\\anna", PRINTABLE)
    assert "NoError" in curl(scheme, "-u", f"EXAMPLE\\anna:{PRINTABLE}", simulator.ews_url)


def test_curl_with_a_wrong_password_is_refused(simulator, windows, curl):
    assert curl("--ntlm", "-u", f"{windows}:wrong", "-o", "x", "-w", "%{http_code}", simulator.ews_url) == "401"
    assert [one["refused"] for one in simulator.connections()] == [["wrong password"]]


# The forms login, as a browser does it.


def test_b49_curl_logs_in_by_the_form_and_keeps_the_cookies(simulator, user, curl):
    simulator.ews("POST", "settings", {"basic": False, "oauth": False, "doors": {"forms": {}}})
    before = simulator.ews("GET", "connections")["forms"]
    origin = simulator.ews_url.partition("/EWS/")[0]
    jar = ["-b", "jar", "-c", "jar"]
    page = curl("-L", *jar, f"{origin}/owa/", post=False)
    assert 'action="/owa/auth.owa"' in page, page
    form = {"username": simulator.user, "password": simulator.password, "destination": f"{origin}/owa/", "flags": "4"}
    fields = [part for name, value in form.items() for part in ("--data-urlencode", f"{name}={value}")]
    where = curl(*jar, *fields, "-o", "page", "-w", "%{http_code} %{redirect_url}", f"{origin}/owa/auth.owa", post=False)
    assert where == f"302 {origin}/owa/"
    assert "NoError" in curl(*jar, simulator.ews_url)
    simulator.ews("POST", "sessions/expire")
    status = ["-o", "page", "-w", "%{http_code} %{redirect_url}", simulator.ews_url]
    assert curl(*jar, *status) == "440 "
    assert curl(*jar, "-H", "Accept: text/html", *status).startswith(f"302 {origin}/owa/auth/logon.aspx?url=")
    wrong = [field.replace(simulator.password, "wrong") for field in fields]
    assert "reason=2" in curl(*wrong, "-o", "page", "-w", "%{redirect_url}", f"{origin}/owa/auth.owa", post=False)
    after = simulator.ews("GET", "connections")["forms"]
    assert {name: count - before[name] for name, count in after.items()} == {"accepted": 1, "refused": 1}


def test_a_restart_ends_what_curl_had(simulator, user, curl):
    simulator.ews("POST", "settings", {"doors": {"forms": {}}, "basic": False, "oauth": False})
    origin = simulator.ews_url.partition("/EWS/")[0]
    fields = ["--data-urlencode", f"username={simulator.user}", "--data-urlencode", f"password={simulator.password}"]
    curl("-b", "jar", "-c", "jar", *fields, f"{origin}/owa/auth.owa", post=False)
    assert "NoError" in curl("-b", "jar", simulator.ews_url)
    simulator.ews("POST", "restart")
    assert curl("-b", "jar", "-o", "page", "-w", "%{http_code}", simulator.ews_url) == "440"
