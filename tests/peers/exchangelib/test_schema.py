"""What the whole run came to: every operation was asked for, and every answer is valid by the vendor's own schemas."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import ANSWERS, reference

# What real servers send and the schemas forbid: a language in faults; in streams, the names of two elements in another namespace.
LANGUAGE = re.compile(rb'(<faultstring) xml:lang="[^"]*"')
IN_STREAMS = re.compile(rb"(?<=<)(/?)m:(Notification|SubscriptionId)(?=>)")


def as_written(text):
    """An answer as the schemas want it."""
    text = LANGUAGE.sub(rb"\1", text)
    return IN_STREAMS.sub(rb"\1t:\2", text) if b"GetStreamingEventsResponse" in text else text


# All that the simulator has: its table of operations.
OPERATIONS = {
    *("FindItem", "GetItem", "SyncFolderItems", "CreateItem", "UpdateItem", "DeleteItem", "MoveItem", "SendItem"),
    *("GetFolder", "FindFolder", "SyncFolderHierarchy", "CreateFolder", "DeleteFolder"),
    *("GetUserConfiguration", "CreateUserConfiguration", "UpdateUserConfiguration", "DeleteUserConfiguration"),
    *("GetUserOofSettings", "SetUserOofSettings", "GetUserAvailability", "GetServerTimeZones", "ResolveNames"),
    *("Subscribe", "Unsubscribe", "GetStreamingEvents", "GetEvents"),
}


@pytest.mark.last
def test_every_operation_was_asked_for(request, simulator):
    whole = [Path(one).resolve() for one in request.config.args] == [Path(__file__).resolve().parent]
    if request.config.option.keyword or not whole:
        pytest.skip("only a part of the suite runs")
    asked = simulator.ews("GET", "stats")["operations"]
    assert OPERATIONS - asked.keys() == set()


@pytest.mark.last
def test_every_answer_is_valid_by_the_vendors_schemas(tmp_path):
    schema = reference() / "ews" / "ews.xsd"
    missing = None
    if not schema.is_file():
        missing = f"{schema} is missing: CALPORT_REFERENCE must be the folder of the reference contracts"
    elif not shutil.which("xmllint"):
        missing = "xmllint is missing: apt-get install libxml2-utils"
    if missing:
        assert not os.environ.get("CI"), missing
        pytest.skip(missing)
    envelopes = [text for _, _, text in ANSWERS if b"<s:Envelope" in text]
    if not envelopes:
        pytest.skip("no answers: run the whole suite")
    files = []
    for number, text in enumerate(sorted(set(envelopes))):
        files.append(tmp_path / f"{number}.xml")
        files[-1].write_bytes(as_written(text))
    listed = [str(file) for file in files]
    judged = subprocess.run(
        ["xmllint", "--noout", "--nonet", "--schema", str(schema), *listed], capture_output=True, text=True, timeout=300
    )
    wrong = [line for line in judged.stderr.splitlines() if not line.endswith(" validates")]
    assert judged.returncode == 0, "\n".join(wrong[:40])
