"""Starts the Graph simulator named by CALPORT_SIM_GRAPH and gives each test a fresh mailbox and the official client."""

import http.server
import itertools
import json
import os
import queue
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass

import pytest
from azure.core.credentials import AccessToken
from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
from msgraph import GraphRequestAdapter, GraphServiceClient

NUMBERS = itertools.count()


@dataclass
class Simulator:
    """The running simulator and its admin door."""

    url: str
    tenant: str
    client_id: str
    client_secret: str

    def admin(self, method: str, path: str, body=None):
        """A request to the admin door; gives the JSON of the answer."""
        data = None if body is None and method == "GET" else json.dumps(body if body is not None else {}).encode()
        request = urllib.request.Request(f"{self.url}/_admin/{path}", data=data, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def fault(self, path: str, times: int, **fault):
        """Orders a fault for requests whose path contains `path`."""
        self.admin("POST", "faults", {"match": {"path": path}, "times": times, "fault": fault})


class SimulatorCredential:
    """Azure's credential protocol over the simulator's token endpoint (client credentials, plain HTTP)."""

    def __init__(self, simulator: Simulator, secret: str | None = None):
        self.simulator = simulator
        self.secret = secret or simulator.client_secret
        self.asked = 0

    def get_token(self, *scopes, **_):
        self.asked += 1
        form = {
            "grant_type": "client_credentials",
            "client_id": self.simulator.client_id,
            "client_secret": self.secret,
            "scope": scopes[0],
        }
        url = f"{self.simulator.url}/{self.simulator.tenant}/oauth2/v2.0/token"
        with urllib.request.urlopen(url, urllib.parse.urlencode(form).encode(), timeout=30) as answer:
            token = json.load(answer)
        assert token["token_type"] == "Bearer"
        return AccessToken(token["access_token"], int(time.time()) + token["expires_in"])


@pytest.fixture(scope="session")
def simulator():
    program = os.environ.get("CALPORT_SIM_GRAPH")
    if not program:
        pytest.exit("CALPORT_SIM_GRAPH must be the path of the simulator program: see README.md", returncode=4)
    process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Simulator(**json.loads(process.stdout.readline()))
    finally:
        process.stdin.close()
        assert process.wait(timeout=10) == 0


@pytest.fixture
def user(simulator):
    """The principal name of a new person with an empty mailbox."""
    name = f"person{next(NUMBERS)}@example.test"
    simulator.admin(
        "POST",
        "users",
        {
            "userPrincipalName": name,
            "mail": name,
            "displayName": "Person",
            "proxyAddresses": [f"SMTP:{name}", f"smtp:alias-{name}"],
            "timeZone": "W. Europe Standard Time",
        },
    )
    yield name
    simulator.admin("DELETE", "faults")


@pytest.fixture
def client(simulator):
    """The official client, with its own retry and redirect handling."""
    provider = AzureIdentityAuthenticationProvider(SimulatorCredential(simulator))
    adapter = GraphRequestAdapter(provider)
    adapter.base_url = f"{simulator.url}/v1.0"
    return GraphServiceClient(request_adapter=adapter)


@pytest.fixture
def hook():
    """A webhook receiver: answers handshakes, puts notifications into a queue."""

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            if "validationToken" in query:
                text = query["validationToken"][0].encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)
                return
            for item in json.loads(body)["value"]:
                self.server.items.put((self.path, item))
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.items = queue.Queue()
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()
