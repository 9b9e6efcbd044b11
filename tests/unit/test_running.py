"""Files are packed or deleted only when no server of that person runs any more."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import running


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

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.status, server.settings = [], 200, settings
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("status", "there"), [(200, True), (404, False)])
def test_the_broker_is_asked_by_the_container_s_own_name(broker, status, there):
    broker.status = status
    assert running.runs("ada_l-2", broker.server_address, broker.settings) is there
    assert broker.asked == ["/containers/cyberhubs-x-user-ada-5fl-2d2/json"]


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
