"""Files are packed or deleted only when no server of that person runs any more; the end of one."""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import running
from spawner_request import DEMO

from cyberhubs_lib.rendered import SERVER

sys.path.insert(0, str(SERVER / "broker"))
from shape import route
from strict_http import parse_head


@pytest.fixture
def broker(tmp_path):
    """A broker that answers with `status` and writes down what it is asked; where it is."""
    settings = tmp_path / "hub.json"
    settings.write_text(json.dumps({"container_prefix": "cyberhubs-x-user-"}))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append(self.path)
            self.send_response(self.server.status)
            self.end_headers()
            self.wfile.write(json.dumps({"Id": "0a1b", "State": self.server.state}).encode())

        def do_POST(self):
            self.server.asked.append(f"{self.command} {self.path}")
            self.send_response(self.server.acts)
            self.end_headers()

        do_DELETE = do_POST

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.status, server.settings = [], 200, settings
    server.state, server.acts = {"Running": True}, 204
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("status", "there"), [(200, True), (404, False)])
def test_the_broker_is_asked_by_the_container_s_own_name(broker, status, there):
    broker.status = status
    assert running.runs("ada_l-2", broker.server_address, broker.settings) is there
    assert broker.asked == ["/containers/cyberhubs-x-user-ada-5fl-2d2/json"]


def test_a_container_that_never_ran_does_not_run(broker):
    """A start that the broker refuses leaves it."""
    broker.state = {"Status": "created", "Running": False}
    assert running.runs("ada", broker.server_address, broker.settings) is False


NAME, ACT = "/containers/cyberhubs-x-user-ada/json", "/containers/0a1b"
STOP, DELETE = f"POST {ACT}/stop", f"DELETE {ACT}?v=True&link=False&force=False"


@pytest.mark.parametrize(
    ("status", "runs", "still", "asked"),
    [
        (200, True, True, [NAME, STOP, DELETE]),
        (200, False, True, [NAME, DELETE]),
        (200, True, False, [NAME]),  # the user starts a new one
        (404, True, True, [NAME]),
    ],
)
def test_the_very_container_that_was_seen_is_ended(broker, status, runs, still, asked):
    broker.status, broker.state = status, {"Running": runs}
    ended = running.end("ada", lambda: still, broker.server_address, broker.settings)
    assert (ended, broker.asked) == (STOP in asked, asked)


def test_a_container_that_cannot_be_ended_is_told(broker):
    broker.acts = 502
    with pytest.raises(OSError, match="the broker says 502"):
        running.end("ada", lambda: True, broker.server_address, broker.settings)


def test_the_broker_lets_these_calls_through(broker):
    """Word for word what DockerSpawner asks; shape.py knows no other."""
    running.end("ada", lambda: True, broker.server_address, broker.settings)
    for asked in broker.asked[1:]:
        method, path = asked.split(" ")
        head = parse_head(f"{method} {path} HTTP/1.1\r\nHost: broker".encode())
        assert route(head, b"", DEMO).container == "0a1b"


def test_a_broker_that_refuses_or_is_away_is_no_answer(broker):
    broker.status = 502
    with pytest.raises(OSError, match="the broker says 502"):
        running.runs("ada", broker.server_address, broker.settings)
    with pytest.raises(ConnectionError):
        running.runs("ada", ("127.0.0.1", 9), broker.settings)


def wait(answers, held=()):
    """Wait for a server that runs so often as the list says; how many answers were left."""
    running.wait_until_stopped("ada", lambda: held, lambda login: answers.pop(0), seconds=0.5)
    return answers


def test_a_server_that_stops_is_waited_for():
    assert wait([True, True, False, True]) == [True]


def test_a_server_that_goes_on_keeps_the_files():
    with pytest.raises(ValueError, match="still runs, so the files stay: stop it"):
        wait([True] * 100)


def test_a_server_that_waits_for_a_confirmation_keeps_the_files():
    with pytest.raises(ValueError, match="access apply --confirm"):
        wait([True, True], held=["ada"])
