"""Reads the calendar window of many mailboxes as the documentation of exchangelib recommends, and says what it cost.

Standard input: JSON with `url`, `user`, `password`, `mailboxes` (addresses), `start`, `end` (RFC 3339), `threads`. Standard
output: JSON with `events`, `cpu_seconds` of this process and `wall_seconds`, without start, imports and the first mailbox.
"""

import json
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

from exchangelib import BASIC, IMPERSONATION, Account, Configuration, Credentials, EWSDateTime, EWSTimeZone, FailFast
from exchangelib.protocol import BaseProtocol
from exchangelib.version import EXCHANGE_2016, Version

# What presence needs of an appointment; all of it comes with FindItem, so that there is one request a window.
FIELDS = (
    "subject",
    "start",
    "end",
    "is_all_day",
    "legacy_free_busy_status",
    "sensitivity",
    "categories",
    "is_cancelled",
    "my_response_type",
    "organizer",
    "location",
    "uid",
    "type",
    "last_modified_time",
)


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    order = json.load(sys.stdin)
    utc = EWSTimeZone("UTC")
    start, end = (
        EWSDateTime.from_datetime(datetime.fromisoformat(order[key]).astimezone(timezone.utc)).astimezone(utc)
        for key in ("start", "end")
    )
    BaseProtocol.SESSION_POOLSIZE = order["threads"]
    configuration = Configuration(
        service_endpoint=order["url"],
        credentials=Credentials(order["user"], order["password"]),
        auth_type=BASIC,
        version=Version(build=EXCHANGE_2016),
        retry_policy=FailFast(),
        max_connections=order["threads"],
    )

    def read(address: str) -> int:
        account = Account(
            address,
            config=configuration,
            access_type=IMPERSONATION,
            autodiscover=False,
            default_timezone=utc,
            locale="en_US",
        )
        return sum(1 for _ in account.calendar.view(start, end).only(*FIELDS))

    first, *mailboxes = order["mailboxes"]
    assert read(first) > 0
    before, began = cpu(), time.monotonic()
    with ThreadPoolExecutor(order["threads"]) as pool:
        events = sum(pool.map(read, mailboxes))
    took = {"events": events, "cpu_seconds": cpu() - before, "wall_seconds": time.monotonic() - began}
    json.dump(took, sys.stdout)


if __name__ == "__main__":
    main()
