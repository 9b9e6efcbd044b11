"""Whether GitHub takes the secret: asked of the stand-in, which answers as GitHub does."""

import sys
import threading
from http.server import ThreadingHTTPServer

import pytest

from cyberhubs_lib.oauth_app import accepted, form
from cyberhubs_lib.rendered import SERVER
from cyberhubs_lib.site import Site

sys.path.insert(0, str(SERVER / "standin"))
import oauth
import standin


@pytest.fixture
def url():
    class Handler(standin.Handler):
        standin = oauth.Standin("id", "secret-of-the-tests", [])

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("provider", "client", "secret", "found"),
    [
        ("github", "id", "secret-of-the-tests", (True, "accepts id and secret")),
        ("github", "id", "another", (False, "refuses the client secret")),
        ("github", "other", "secret-of-the-tests", (False, "refuses the client secret")),
        ("gitlab", "id", "secret-of-the-tests", (True, "accepts id and secret")),
        ("gitlab", "id", "another", (False, "refuses id or secret")),
        ("gitlab", "other", "secret-of-the-tests", (False, "refuses id or secret")),
    ],
)
def test_the_provider_is_asked(url, provider, client, secret, found):
    site = Site(login={"provider": provider, "url": url, "client_id": client})
    assert accepted(site, secret) == found


def test_nobody_there():
    site = Site(login={"url": "http://127.0.0.1:9", "client_id": "id"})
    assert accepted(site, "x") == (True, "could not be asked from here (ConnectError)")


def test_what_goes_into_gitlabs_form():
    site = Site(public_url="https://hub.example.org", login={"provider": "gitlab"})
    assert form(site)["Redirect URI"] == "https://hub.example.org/hub/oauth_callback"
    assert site.login.address == "https://gitlab.com"


def test_what_goes_into_the_form():
    assert form(Site(public_url="https://hub.example.org")) == {
        "Homepage URL": "https://hub.example.org",
        "Authorization callback URL": "https://hub.example.org/hub/oauth_callback",
    }
