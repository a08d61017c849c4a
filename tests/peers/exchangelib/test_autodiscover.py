"""exchangelib's own Autodiscover, all its steps, against hosts that the simulator plays.

The client goes to `https://` addresses and asks the DNS. Here its HTTP leads every known name to the simulator (`HOSTS`), and
its resolver knows these names only; everything else is its own.
"""

import urllib.request

import dns.resolver
import pytest
from conftest import ASKED, HOSTS
from exchangelib import IMPERSONATION, NTLM, Account, Credentials
from exchangelib.autodiscover import Autodiscovery, clear_cache
from exchangelib.errors import AutoDiscoverFailed, ErrorNonExistentMailbox, TransportError, UnauthorizedError
from exchangelib.protocol import CachingProtocol

SVC = "/autodiscover/autodiscover.svc"
DOMAIN, USUAL, OTHER = "example.test", "autodiscover.example.test", "mail.other.test"


class Record:
    """An answer of the DNS."""

    def __init__(self, text):
        self.text = text

    def to_text(self):
        return self.text


class Resolver:
    """A DNS that knows the hosts of a test, and its SRV records."""

    services: dict[str, str] = {}

    def resolve(self, name, kind, lifetime):
        name = name.rstrip(".")
        if kind == "A" and any(origin.endswith(f"//{name}") for origin in HOSTS):
            return [Record("127.0.0.1")]
        if kind == "SRV" and name in self.services:
            return [Record(self.services[name])]
        raise dns.resolver.NXDOMAIN


@pytest.fixture
def discover(simulator, user, monkeypatch):
    """Runs Autodiscover for the new mailbox, where hosts answer as given; gives the client's answer and protocol.

    A host is there by https, one that is written with `http://` by http only.
    """
    monkeypatch.setattr(Autodiscovery, "resolver", Resolver())
    clear_cache()

    def run(hosts, email=user, services=None, **more):
        CachingProtocol.clear_cache()
        clear_cache()
        ASKED.clear()
        HOSTS.clear()
        target = simulator.ews_url.partition("/EWS/")[0]
        HOSTS.update({host if "://" in host else f"https://{host}": target for host in hosts})
        Resolver.services = services or {}
        answers = {host.removeprefix("http://"): reply for host, reply in hosts.items() if reply}
        simulator.ews("POST", "settings", {"autodiscover": {"hosts": answers, **more}})
        return Autodiscovery(email=email, credentials=Credentials(simulator.user, simulator.password)).discover()

    yield run
    clear_cache()


MISSING = {"kind": "missing"}


def test_b48_the_domain_itself_is_asked_first(simulator, user, discover):
    answer, protocol = discover({DOMAIN: None})
    assert (answer.ews_url, answer.autodiscover_smtp_address) == (simulator.ews_url, user)
    assert answer.user_settings["user_display_name"] == f"Person {user.partition('@')[0]}"
    assert protocol.service_endpoint == simulator.ews_url
    assert {url for url, _ in ASKED} == {f"https://{DOMAIN}{SVC}"}


def test_b48_then_the_usual_name(simulator, discover):
    answer, _ = discover({DOMAIN: MISSING, USUAL: None})
    assert answer.ews_url == simulator.ews_url


def test_b48_a_redirect_over_plain_http_is_followed_and_gets_no_credentials(simulator, discover):
    to = f"https://{OTHER}{SVC}"
    answer, _ = discover({f"http://{USUAL}": {"kind": "redirect", "to": to}, OTHER: None})
    assert answer.ews_url == simulator.ews_url
    assert ASKED[0] == (f"http://{USUAL}{SVC}", None)
    assert {url for url, scheme in ASKED if scheme} == {to}


def test_b48_the_dns_names_a_host(simulator, discover):
    answer, _ = discover({OTHER: None}, services={f"_autodiscover._tcp.{DOMAIN}": f"0 0 443 {OTHER}."})
    assert answer.ews_url == simulator.ews_url


def test_b48_another_address_is_asked_for(simulator, user, discover):
    answer, _ = discover(
        {DOMAIN: None}, email="old@example.test", addresses={"old@example.test": {"kind": "redirect_address", "to": user}}
    )
    assert (answer.ews_url, answer.autodiscover_smtp_address) == (simulator.ews_url, user)


def test_b48_another_place_is_asked(simulator, user, discover):
    to = f"https://{OTHER}{SVC}"
    with pytest.raises(AutoDiscoverFailed):
        # The other place says the same again, which the client takes for a circle.
        discover({DOMAIN: None, OTHER: None}, addresses={user: {"kind": "redirect_url", "to": to}})
    assert any(url == to for url, _ in ASKED)
    answer, _ = discover({DOMAIN: {"kind": "redirect_url", "to": to}, OTHER: None})
    assert answer.ews_url == simulator.ews_url


GIVES_UP = [("missing", AutoDiscoverFailed), ("page", AutoDiscoverFailed), ("loop", TransportError), ("unauthorized", UnauthorizedError)]


@pytest.mark.parametrize(("kind", "error"), GIVES_UP)
def test_b48_where_nobody_helps_the_client_gives_up(discover, kind, error):
    with pytest.raises(error):
        discover({DOMAIN: {"kind": kind}, USUAL: {"kind": kind}, f"http://{USUAL}": {"kind": kind}})
    assert 0 < len(ASKED) < 20


def test_an_unknown_address_is_told_apart(discover):
    with pytest.raises(ErrorNonExistentMailbox):
        discover({DOMAIN: None}, email="nobody@example.test")


def test_b47_autodiscover_and_the_service_by_ntlm(simulator, user, windows, discover):
    simulator.ews("POST", "settings", {"basic": False})
    answer, protocol = discover({DOMAIN: None})
    assert answer.ews_url == simulator.ews_url
    account = Account(
        user, credentials=Credentials(windows, simulator.password), access_type=IMPERSONATION, autodiscover=True, locale="en_US"
    )
    assert account.calendar.all().count() == 0
    assert account.protocol.auth_type == NTLM
    assert protocol.service_endpoint == account.protocol.service_endpoint
    schemes = [login["scheme"] for one in simulator.connections() for login in one["logins"]]
    assert len(schemes) >= 2 and set(schemes) == {"NTLM"}


def test_b33_after_a_move_the_new_place_is_told(simulator, user, discover):
    assert discover({DOMAIN: None})[0].ews_url == simulator.ews_url
    simulator.ews("POST", "settings", {"elsewhere": {user: simulator.other_ews_url}})
    answer, _ = discover({DOMAIN: None})
    assert answer.ews_url == simulator.other_ews_url


def test_the_older_protocol_says_the_same(simulator, user):
    schema = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
    body = (
        '<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request>'
        f"<EMailAddress>{user}</EMailAddress><AcceptableResponseSchema>{schema}</AcceptableResponseSchema></Request></Autodiscover>"
    )
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    passwords.add_password(None, simulator.ews_url.partition("/EWS/")[0], simulator.user, simulator.password)
    opener = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(passwords))
    url = simulator.autodiscover_url.replace(".svc", ".xml")
    request = urllib.request.Request(url, data=body.encode(), headers={"Content-Type": "text/xml"})
    with opener.open(request, timeout=20) as answer:
        text = answer.read().decode()
    assert f"<EwsUrl>{simulator.ews_url}</EwsUrl>" in text and "<Action>settings</Action>" in text, text
