"""Starts the PBX simulator named by CALPORT_SIM_PBX, or uses the PBX at CALPORT_PBX_URL, for the tests of this folder.

A PBX given by URL needs the account of CALPORT_PBX_USER and CALPORT_PBX_SECRET (all classes) and hints for alice and bob, each
`Custom:NAME,CustomPresence:NAME`, in the context of CALPORT_PBX_CONTEXT (`default`). Tests that need the simulator's admin door
are skipped there, and those that need a second account (class `call`) unless CALPORT_PBX_OTHER_USER and CALPORT_PBX_OTHER_SECRET
name it.
"""

import json
import os
import subprocess
from dataclasses import dataclass, field

import pytest
import requests
from requests.auth import HTTPBasicAuth, HTTPDigestAuth


@dataclass
class Pbx:
    """A PBX and its account."""

    url: str
    user: str
    secret: str
    admin: str | None = None
    other: tuple[str, str] | None = None
    context: str = "default"
    http: requests.Session = field(default_factory=requests.Session)

    def session(self) -> "Manager":
        """A manager session of its own (its own nonce)."""
        return Manager(self)

    def somebody_else(self) -> "Manager":
        """A session of another account, as a program has it that sets presence beside Calport."""
        if not self.other:
            pytest.skip("no second account is named")
        return Manager(Pbx(self.url, *self.other))

    def do(self, what: str, **body) -> None:
        """What happens at the PBX from outside, by the simulator's admin door."""
        if not self.admin:
            pytest.skip("needs the simulator's admin door")
        self.http.post(f"{self.admin}/{what}", json=body, timeout=10).raise_for_status()

    def rest(self, method: str, path: str, **options) -> requests.Response:
        """A request to the REST interface."""
        auth = HTTPBasicAuth(self.user, self.secret)
        return self.http.request(method, f"{self.url}/ari/{path}", auth=auth, timeout=40, **options)


class Manager:
    """A manager session over HTTP Digest; requests run one after the other and keep nonce and count."""

    def __init__(self, pbx: Pbx):
        self.url = pbx.url
        self.http = requests.Session()
        self.http.auth = HTTPDigestAuth(pbx.user, pbx.secret)
        self.challenges: list[str] = []

    def answer(self, post: bool = False, path: str = "arawman", **params) -> requests.Response:
        """The answer to an action, by GET or POST."""
        where = {"data": params} if post else {"params": params}
        answer = self.http.request("POST" if post else "GET", f"{self.url}/{path}", timeout=40, **where)
        self.challenges += [r.headers["WWW-Authenticate"] for r in answer.history if r.status_code == 401]
        return answer

    def blocks(self, **params) -> list[list[tuple[str, str]]]:
        """The blocks of an answer, each a list of (name, value)."""
        answer = self.answer(**params)
        assert answer.status_code == 200, answer.status_code
        assert answer.headers["Content-Type"] == "text/plain"
        text = answer.content.decode("utf-8", "replace")
        return [
            [tuple(line.split(": ", 1)) if ": " in line else (line.rstrip(":"), "") for line in block.split("\r\n")]
            for block in text.split("\r\n\r\n")
            if block.strip()
        ]

    def set(self, user: str, value: str, **more) -> dict[str, str]:
        """Writes a presence."""
        variable = f"PRESENCE_STATE(CustomPresence:{user})"
        return dict(self.blocks(action="Setvar", variable=variable, value=value, **more)[0])

    def get(self, user: str) -> list[tuple[str, str]]:
        """Reads a presence."""
        return self.blocks(action="PresenceState", provider=f"CustomPresence:{user}")[0]


@pytest.fixture(scope="session")
def pbx():
    """The PBX under test."""
    if url := os.environ.get("CALPORT_PBX_URL"):
        get = os.environ.get
        other = (get("CALPORT_PBX_OTHER_USER"), get("CALPORT_PBX_OTHER_SECRET", ""))
        yield Pbx(
            url,
            os.environ["CALPORT_PBX_USER"],
            os.environ["CALPORT_PBX_SECRET"],
            other=other if other[0] else None,
            context=get("CALPORT_PBX_CONTEXT", "default"),
        )
        return
    binary = os.environ.get("CALPORT_SIM_PBX")
    if not binary:
        pytest.skip("neither CALPORT_SIM_PBX (the simulator's program) nor CALPORT_PBX_URL is set")
    with subprocess.Popen([binary, "alice", "bob"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdin
        started = json.loads(process.stdout.readline())
        other = (started["other"]["user"], started["other"]["secret"])
        yield Pbx(started["url"], started["user"], started["secret"], started["admin"], other)
        process.stdin.close()
        assert process.wait(timeout=10) == 0


@pytest.fixture
def manager(pbx):
    """A fresh manager session; presences of alice and bob are cleared first."""
    session = pbx.session()
    for user in ("alice", "bob"):
        assert session.set(user, "not_set")["Response"] == "Success"
    return session
