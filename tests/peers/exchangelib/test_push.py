"""Requests of the server's own: subscribed to, read and answered by the client."""

import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from exchangelib.errors import ErrorInvalidPushSubscriptionUrl, ErrorInvalidSubscription, ErrorSubscriptionNotFound
from exchangelib.properties import CreatedEvent, StatusEvent
from exchangelib.services import SendNotification


class Host:
    """Takes the server's requests, reads them with the client's own service, and answers with it."""

    def __init__(self):
        self.told = queue.Queue()
        self.unsubscribes = False
        host = self

        class Handler(BaseHTTPRequestHandler):
            """One request of the server."""

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                service = SendNotification(protocol=None)
                told = list(service.parse(body))
                answer = service.unsubscribe_payload() if host.unsubscribes else service.ok_payload()
                self.send_response(200)
                self.send_header("Content-Type", "text/xml; charset=utf-8")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
                host.told.put((self.path, told))

            def log_message(self, *_):
                """Nothing on the terminal."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def url(self, path):
        """Where it listens."""
        return f"http://127.0.0.1:{self.server.server_address[1]}{path}"

    def next(self):
        """The next request: its path, and the one notification in it."""
        path, told = self.told.get(timeout=20)
        (notification,) = told
        return path, notification

    def stop(self):
        """Ends it."""
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def host():
    listening = Host()
    yield listening
    listening.stop()


def test_push_is_subscribed_read_and_ended_by_the_answer(account, simulator, user, host):
    subscription, watermark = account.calendar.subscribe_to_push(callback_url=host.url("/hook?key=x"), status_frequency=1)
    path, first = host.next()
    assert path == "/hook?key=x"
    assert first.subscription_id == subscription and first.previous_watermark == watermark
    assert [type(event) for event in first.events] == [StatusEvent]
    host.unsubscribes = True
    day = {"dateTime": "2026-01-06T09:00:00", "timeZone": "UTC"}
    created = simulator.graph("POST", f"users/{user}/events", {"subject": "Told", "start": day, "end": day})
    assert created["subject"] == "Told"
    _, second = host.next()
    assert second.subscription_id == subscription and second.previous_watermark == first.events[-1].watermark
    assert isinstance(second.events[0], CreatedEvent) and second.events[0].item_id.id
    with pytest.raises(ErrorSubscriptionNotFound):
        # The answer ended it; the request that told so has been answered, but perhaps not been read yet.
        for _ in range(200):
            try:
                account.calendar.unsubscribe(subscription)
            except ErrorInvalidSubscription:
                threading.Event().wait(0.05)


def test_only_this_machine_is_called(account):
    with pytest.raises(ErrorInvalidPushSubscriptionUrl):
        account.calendar.subscribe_to_push(callback_url="https://example.com/hook")
