"""Starts the EWS simulator named by CALPORT_SIM_EWS and gives each test a fresh mailbox and an independent client."""

import itertools
import json
import os
import subprocess
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

# The client refuses tokens over plain HTTP unless it is told that this is a test.
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"

import pytest
import requests.adapters
from exchangelib import BASIC, IMPERSONATION, NTLM, Account, Configuration, Credentials, EWSTimeZone, OAuth2Credentials
from exchangelib.protocol import BaseProtocol, CachingProtocol, FailFast
from exchangelib.version import EXCHANGE_2016, Version

NUMBERS = itertools.count()
BERLIN = EWSTimeZone("Europe/Berlin")

# Every answer of the simulator to the client: the address, what was asked, and the text.
ANSWERS: list[tuple[int, bytes, bytes]] = []


# Origins that the simulator plays, and what was asked of them: the address, and the scheme of the credentials if there were any.
HOSTS: dict[str, str] = {}
ASKED: list[tuple[str, str | None]] = []


class RecordingAdapter(requests.adapters.HTTPAdapter):
    """The client's HTTP with a memory, and with a way to hosts that do not exist."""

    def send(self, request, **kwargs):
        place = urllib.parse.urlsplit(request.url)
        origin = f"{place.scheme}://{place.hostname}"
        if origin in HOSTS:
            ASKED.append((request.url, request.headers.get("Authorization", "").partition(" ")[0] or None))
            request.headers["Host"] = place.hostname
            request.url = urllib.parse.urlunsplit((*urllib.parse.urlsplit(HOSTS[origin])[:2], *place[2:]))
        elif place.hostname != "127.0.0.1":
            raise requests.exceptions.ConnectionError(f"nobody is at {origin}")
        response = super().send(request, **kwargs)
        # A refusal is left unread: the client's NTLM still wants to look at its connection.
        if request.url.endswith(".asmx") and response.status_code != 401:
            if b"GetStreamingEvents" in request.body:
                self.overhear(request, response)
            else:
                ANSWERS.append((response.status_code, request.body, response.content))
        return response

    @staticmethod
    def overhear(request, response):
        """A stream is not read to its end: what the client reads of it is kept, one document after the other."""
        read, heard = response.iter_content, bytearray()

        def iter_content(*args, **kwargs):
            for piece in read(*args, **kwargs):
                heard.extend(piece)
                if heard.endswith(b"</s:Envelope>"):
                    ANSWERS.append((response.status_code, request.body, bytes(heard)))
                    heard.clear()
                yield piece

        response.iter_content = iter_content


BaseProtocol.HTTP_ADAPTER_CLS = RecordingAdapter


class SimulatorOAuth(OAuth2Credentials):
    """Client credentials against the simulator's token endpoint."""

    def __init__(self, url, **kwargs):
        super().__init__(**kwargs)
        self.url = url

    @property
    def token_url(self):
        return f"{self.url}/{self.tenant_id}/oauth2/v2.0/token"


@dataclass
class Simulator:
    """The running simulator, its admin door, and Graph's side of the same mailboxes."""

    url: str
    ews_url: str
    tenant: str
    client_id: str
    client_secret: str = field(repr=False)
    ews_admin: str
    user: str
    autodiscover_url: str
    other_ews_url: str
    other_ews_admin: str
    faithful_proxy: str
    fresh_proxy: str
    shared_proxy: str
    password: str = field(repr=False)
    token: str = field(default="", repr=False)
    looked_at: int = 0

    def admin(self, method: str, path: str, body=None):
        """A request to the admin door; gives the JSON of the answer."""
        data = None if body is None and method == "GET" else json.dumps(body if body is not None else {}).encode()
        return self.ask(urllib.request.Request(f"{self.url}/_admin/{path}", data=data, method=method))

    def ews(self, method: str, path: str, body=None):
        """A request to the EWS endpoint's admin door."""
        data = None if body is None and method == "GET" else json.dumps(body if body is not None else {}).encode()
        return self.ask(urllib.request.Request(f"{self.ews_admin}/{path}", data=data, method=method))

    def connections(self):
        """The connections by which somebody logged in or tried to, those of earlier looks excepted."""
        new = [one for one in self.ews("GET", "connections")["value"] if one["number"] > self.looked_at]
        self.looked_at = max([self.looked_at, *(one["number"] for one in new)])
        return new

    def fault(self, operation: str, times: int, **fault):
        """Lets the next requests of an operation go wrong."""
        self.ews("POST", "faults", {"match": {"path": f"#{operation}"}, "times": times, "fault": fault})

    def graph(self, method: str, path: str, body=None, **headers):
        """A request to Graph with the application's token; gives the JSON of the answer."""
        if not self.token:
            form = {
                "grant_type": "client_credentials",
                "client_id": self.client_id,
                "client_secret": self.client_secret,
                "scope": "https://graph.microsoft.com/.default",
            }
            url = f"{self.url}/{self.tenant}/oauth2/v2.0/token"
            self.token = self.ask(urllib.request.Request(url, data=urllib.parse.urlencode(form).encode()))["access_token"]
        headers |= {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        path = urllib.parse.quote(path, safe="/?&=$-_.:@'")
        return self.ask(urllib.request.Request(f"{self.url}/v1.0/{path}", data=data, method=method, headers=headers))

    @staticmethod
    def ask(request):
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def configuration(
        self, version=EXCHANGE_2016, user=None, password=None, retry_policy=None, auth_type=BASIC, url=None
    ) -> Configuration:
        """How the client reaches the service account: over plain HTTP, with a pinned version, without retries by itself."""
        CachingProtocol.clear_cache()
        return Configuration(
            service_endpoint=url or self.ews_url,
            credentials=Credentials(user or self.user, password or self.password),
            auth_type=auth_type,
            version=Version(build=version),
            retry_policy=retry_policy or FailFast(),
        )

    def account(self, address: str, **options) -> Account:
        """A mailbox as the service account sees it that impersonates its owner."""
        return Account(
            address,
            config=self.configuration(**options),
            access_type=IMPERSONATION,
            autodiscover=False,
            default_timezone=BERLIN,
            locale="en_US",
        )


@pytest.fixture(scope="session")
def simulator():
    program = os.environ.get("CALPORT_SIM_EWS")
    if not program:
        pytest.exit("CALPORT_SIM_EWS must be the path of the simulator program: see README.md", returncode=4)
    process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Simulator(**json.loads(process.stdout.readline()))
    finally:
        CachingProtocol.clear_cache()
        process.stdin.close()
        assert process.wait(timeout=10) == 0


@pytest.fixture
def user(simulator):
    """The address of a new person with an empty mailbox."""
    name = f"person{next(NUMBERS)}@example.test"
    simulator.admin(
        "POST",
        "users",
        {
            "userPrincipalName": name,
            "mail": name,
            "displayName": f"Person {name.partition('@')[0]}",
            "proxyAddresses": [f"SMTP:{name}", f"smtp:alias-{name}"],
            "timeZone": "W. Europe Standard Time",
        },
    )
    yield name
    simulator.ews("DELETE", "faults")
    HOSTS.clear()
    ASKED.clear()
    simulator.ews("POST", "settings", {"version": "Online", "moved": [], "disabled_for": [], "disabled": False, "deviations": {}})
    service = {"user": simulator.user, "password": simulator.password, "impersonation": True}
    doors = {"accounts": [service], "basic": True, "oauth": True, "doors": {}, "autodiscover": {}, "elsewhere": {}}
    simulator.ews("POST", "settings", doors)


@pytest.fixture
def account(simulator, user):
    """The new mailbox through Basic and impersonation."""
    return simulator.account(user)


@pytest.fixture
def windows(simulator, user):
    """A server of a company's own, with Windows authentication and Basic; gives the name of an account as it is written there."""
    simulator.ews("POST", "settings", {"oauth": False, "doors": {"ntlm": True, "negotiate": True}})
    simulator.connections()
    return "EXAMPLE\\" + simulator.user.partition("@")[0]


@pytest.fixture
def ntlm_account(simulator, user, windows):
    """The new mailbox through NTLM and impersonation."""
    return simulator.account(user, user=windows, auth_type=NTLM)


@pytest.fixture
def oauth_account(simulator, user):
    """The new mailbox through a token and impersonation, as Exchange Online wants it."""
    CachingProtocol.clear_cache()
    credentials = SimulatorOAuth(
        simulator.url, client_id=simulator.client_id, client_secret=simulator.client_secret, tenant_id=simulator.tenant
    )
    configuration = Configuration(service_endpoint=simulator.ews_url, credentials=credentials, version=Version(build=EXCHANGE_2016))
    return Account(user, config=configuration, access_type=IMPERSONATION, autodiscover=False, default_timezone=BERLIN, locale="en_US")


@pytest.fixture(autouse=True)
def nobody_is_mailed(request):
    """Nothing that these tests do may mail an attendee, unless a test says so."""
    if "simulator" not in request.fixturenames or request.node.get_closest_marker("mails"):
        yield
        return
    simulator = request.getfixturevalue("simulator")
    before = simulator.admin("GET", "stats")
    yield
    after = simulator.admin("GET", "stats")
    assert after["attendee_mails"] == before["attendee_mails"]
    assert after["mails_sent"] == before["mails_sent"]


def pytest_collection_modifyitems(items):
    """The judgement of all answers comes when there are all answers."""
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)


def reference() -> Path:
    """The folder of the vendor's schemas."""
    root = Path(__file__).resolve().parents[3]
    return root / os.environ.get("CALPORT_REFERENCE", "../shared/reference")
