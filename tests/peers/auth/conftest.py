"""Runs the egress (an example program of `calport-egress`) against servers of others."""

import json
import os
import subprocess

import pytest


@pytest.fixture(scope="session")
def client():
    """Gives the result of one job of the client program, see `host/egress/examples/client.rs`."""
    program = os.environ.get("CALPORT_EGRESS_CLIENT")
    if not program:
        pytest.exit("CALPORT_EGRESS_CLIENT must be the path of the client program: see README.md", returncode=4)

    def run(url, environment=None, **job):
        variables = {**os.environ, **(environment or {})}
        text = json.dumps({"url": url, **job})
        done = subprocess.run([program], input=text, capture_output=True, text=True, timeout=120, env=variables, check=True)
        return json.loads(done.stdout)

    return run
