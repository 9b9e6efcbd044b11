"""The proof of runbook 09 must not take somebody else's page for a welcome."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cyberhubs_lib import proof
from cyberhubs_lib.proof import log_in
from cyberhubs_lib.site import Site
from cyberhubs_lib.site_login import Provider

HOME = '<script>window.jhdata = { user: "%s" }</script>'


@pytest.fixture
def hub():
    """Serve a page at /hub/home, or send away from there; yields the site and the way to set it."""

    class Handler(BaseHTTPRequestHandler):
        page, away, sent = "", "", ""

        def do_GET(self):
            if self.path == "/hub/home" and Handler.away:
                self.send_response(302)
                self.send_header("Location", Handler.away)
                self.end_headers()
                return
            self.send_response(200)
            self.end_headers()
            self.wfile.write(Handler.page.encode())

        def do_POST(self):
            Handler.sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self.do_GET()

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Site(public_url=f"http://127.0.0.1:{server.server_port}"), Handler
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("page", "away", "found"),
    [
        (HOME % "ada", "", "welcome"),
        ("<meta name='metadata'>", "", "HTTP 200 at"),  # the name, but by chance
        (HOME % "adam", "", "HTTP 200 at"),
        (HOME % "ada", "/hub/login?next=ada", "HTTP 200 at"),  # sent away: not logged in
    ],
)
def test_only_the_own_home_page_is_a_welcome(hub, page, away, found):
    site, handler = hub
    handler.page, handler.away = page, away
    assert log_in(site, "Ada").startswith(found)


@pytest.mark.parametrize(
    ("login", "page", "found"),
    [
        ({}, "ada", "welcome"),
        ({"provider": "oidc", "username_claim": "sub"}, "person-7", "welcome"),
        ({"provider": "oidc", "username_claim": "sub"}, "ada", "HTTP 200 at"),
    ],
)
def test_a_login_whose_name_on_the_hub_differs(hub, login, page, found):
    site, handler = hub
    handler.page = HOME % page
    mock = Provider(standin=[{"login": "Ada", "id": 7}], **login)
    assert log_in(site.model_copy(update={"login": mock}), "Ada").startswith(found)
    assert handler.sent == "login=Ada"  # as the mock provider knows it


def test_each_login_is_asked_for_by_the_name_on_the_hub_and_logs_in_as_sent(monkeypatch):
    asked, sent = [], []

    def ask(host, site, *words):
        asked.extend(words)
        return {"logins": [{"login": "ada", "allowed": True, "rule": "listed"},
                           {"login": "eve", "allowed": False, "rule": "nobody"},
                           {"login": "ben", "allowed": False, "rule": "nobody"}]}  # fmt: skip

    def log_in(site, login, tls):
        sent.append(login)
        return "403" if login == "Eve" else "welcome"

    monkeypatch.setattr(proof, "ask", ask)
    monkeypatch.setattr(proof, "log_in", log_in)
    people = [{"login": "Ada"}, {"login": "Eve"}, {"login": "Ben", "organizations": ["uni"]}]
    site = Site(login={"standin": people, "organizations": ["uni"]})
    rows = proof._mock_logins(None, site, None)
    assert asked == ["explain", "ada", "eve", "ben"]
    assert sent == ["Ada", "Eve"]  # Ben is a member: whether he may log in is known only then
    assert [(row.label, row.status) for row in rows] == [
        ("Ada logs in", "ok"), ("Eve is refused", "ok"),
    ]  # fmt: skip
