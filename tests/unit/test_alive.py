"""Whether hub and watch are seen at work after a change."""

import os
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from alive import hub_answers, silent
from kept import keep

NOW = "0123456789ab"  # the fingerprint of the lists


@pytest.fixture
def status(tmp_path):
    """The file that the watch writes; the last look was a minute ago, at other lists."""
    path = tmp_path / "access.json"
    keep(path, {"lists": "before"})
    os.utime(path, (0, time.time() - 60))
    return path


def after(status, began, seconds=0.0, answers=lambda: True):
    return silent(status, lambda: NOW, began, seconds, answers)


def test_a_watch_that_looks_after_the_change(status):
    threading.Timer(0.5, keep, (status, {"lists": NOW})).start()
    assert after(status, time.time(), 60) == ""


def test_a_look_that_began_before_the_change_does_not_count(status):
    began = time.time() - 1
    os.utime(status)  # a sign of life, of a watch that has seen the lists as they were
    assert "the watch has not looked" in after(status, began)


def test_a_watch_that_looked_before_and_then_stood_still(status):
    keep(status, {"lists": NOW})
    assert "the watch has not looked" in after(status, status.stat().st_mtime)


@pytest.mark.parametrize("ahead", [None, 3600])
def test_a_watch_that_never_looked_or_by_a_wrong_clock(status, ahead):
    keep(status, {"lists": NOW})
    if ahead:
        os.utime(status, (0, time.time() + ahead))
    else:
        status.unlink()
    assert "the watch has not looked" in after(status, time.time())


def test_a_watch_alone_is_not_enough(status):
    keep(status, {"lists": NOW})
    assert after(status, 0, answers=lambda: False) == "the hub does not answer"


class Health(BaseHTTPRequestHandler):
    """A hub that is well, or answers every question with an error."""

    well = True

    def do_GET(self):
        self.send_response(200 if self.well and self.path == "/hub/health" else 500)
        self.end_headers()

    def log_message(self, *_):
        """Nothing is to be printed."""


def test_the_hub_is_asked_for_its_health(monkeypatch):
    server = HTTPServer(("127.0.0.1", 0), Health)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        assert hub_answers(server.server_address)
        monkeypatch.setattr(Health, "well", False)
        assert not hub_answers(server.server_address)
    finally:
        server.shutdown()
        server.server_close()
    assert not hub_answers(server.server_address)
