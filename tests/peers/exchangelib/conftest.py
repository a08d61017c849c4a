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
from exchangelib import BASIC, IMPERSONATION, Account, Configuration, Credentials, EWSTimeZone, OAuth2Credentials
from exchangelib.protocol import BaseProtocol, CachingProtocol, FailFast
from exchangelib.version import EXCHANGE_2016, Version

NUMBERS = itertools.count()
BERLIN = EWSTimeZone("Europe/Berlin")

# Every answer of the simulator to the client: the address, what was asked, and the text.
ANSWERS: list[tuple[int, bytes, bytes]] = []


class RecordingAdapter(requests.adapters.HTTPAdapter):
    """The client's HTTP with a memory."""

    def send(self, request, **kwargs):
        response = super().send(request, **kwargs)
        if request.url.endswith(".asmx"):
            ANSWERS.append((response.status_code, request.body, response.content))
        return response


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
    password: str = field(repr=False)
    token: str = field(default="", repr=False)

    def admin(self, method: str, path: str, body=None):
        """A request to the admin door; gives the JSON of the answer."""
        data = None if body is None and method == "GET" else json.dumps(body if body is not None else {}).encode()
        return self.ask(urllib.request.Request(f"{self.url}/_admin/{path}", data=data, method=method))

    def ews(self, method: str, path: str, body=None):
        """A request to the EWS endpoint's admin door."""
        data = None if body is None and method == "GET" else json.dumps(body if body is not None else {}).encode()
        return self.ask(urllib.request.Request(f"{self.ews_admin}/{path}", data=data, method=method))

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

    def configuration(self, version=EXCHANGE_2016, user=None, password=None, retry_policy=None) -> Configuration:
        """How the client reaches the service account: Basic over plain HTTP, a pinned version, no retries by itself."""
        CachingProtocol.clear_cache()
        return Configuration(
            service_endpoint=self.ews_url,
            credentials=Credentials(user or self.user, password or self.password),
            auth_type=BASIC,
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
    simulator.ews("POST", "settings", {"version": "Online", "moved": [], "disabled_for": [], "disabled": False, "deviations": {}})


@pytest.fixture
def account(simulator, user):
    """The new mailbox through Basic and impersonation."""
    return simulator.account(user)


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
