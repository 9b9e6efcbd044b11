"""The proof of runbook 09 must not take somebody else's page for a welcome."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cyberhubs_lib.proof import log_in
from cyberhubs_lib.site import Site

HOME = '<script>window.jhdata = { user: "%s" }</script>'


@pytest.fixture
def hub():
    """Serve a page at /hub/home, or send away from there; yields the site and the way to set it."""

    class Handler(BaseHTTPRequestHandler):
        page, away = "", ""

        def do_GET(self):
            if self.path == "/hub/home" and Handler.away:
                self.send_response(302)
                self.send_header("Location", Handler.away)
                self.end_headers()
                return
            self.send_response(200)
            self.end_headers()
            self.wfile.write(Handler.page.encode())

        do_POST = do_GET

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
