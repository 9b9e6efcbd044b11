"""A login that fails through nobody's fault: a page that says so, and nothing is counted."""

import re
from html import unescape

import httpx
import pytest
from trial import Person, on_the_way, words

BEN = "/hub/api/oauth2/authorize?client_id=jupyterhub-user-ben"  # as ben's server sends a visitor
NOTES = "/srv/jupyterhub_users/.accounts"


@pytest.fixture
def away(demo_hub):
    """The stand-in, which is stopped in the test; afterwards it is back."""
    standin = demo_hub.services()["standin"]
    yield standin
    standin.start()
    demo_hub.healthy()


def test_the_login_service_is_away(demo_hub, away):
    web, back = on_the_way(demo_hub, "ben")
    away.stop()
    page = web.get(back)
    assert page.status_code == 503
    said = words(page.text)
    assert "Not just now" in said
    assert "The login service GitHub stand-in cannot be used just now" in said
    assert "Try again in a few minutes." in said


def test_a_code_that_is_none(demo_hub):
    web, back = on_the_way(demo_hub, "ben")
    page = web.get(back.replace("code=", "code=none"))
    said = words(page.text)
    assert page.status_code in (400, 403), said
    assert "Internal Server Error" not in said


def test_a_disk_that_cannot_be_written(demo_hub):
    demo_hub.in_hub(f"rm -f {NOTES}/ben && mkdir -p {NOTES}/.ben.new")  # where the note is begun
    try:
        ben = Person(demo_hub, "ben")
        assert ben.reply.status_code == 503
        assert "The hub cannot write to its disk: Is a directory." in ben.said
    finally:
        demo_hub.in_hub(f"rmdir {NOTES}/.ben.new")
    assert Person(demo_hub, "ben").reply.status_code == 200


@pytest.mark.parametrize("path", ["/", "/hub/login", "/hub/home", "/hub/oauth_login", BEN])
def test_by_another_name_of_the_server_a_login_begins_at_the_public_address(demo_hub, path):
    other = demo_hub.url.replace("127.0.0.1", "localhost")
    with httpx.Client(timeout=60, follow_redirects=True) as web:
        page = web.get(other + path)
        assert str(page.url).startswith(demo_hub.url)
        if path != "/hub/oauth_login":
            assert page.url.path == "/hub/login"
            button = re.search(r"""href=["']([^"']*/hub/oauth_login[^"']*)""", page.text)
            page = web.get(page.url.join(unescape(button[1])))
        back = web.post(page.url, data={"login": "ben"})
        assert back.status_code == 200
        assert str(back.url).startswith(demo_hub.url)
        home = web.get(f"{demo_hub.url}/hub/home", follow_redirects=False)
        assert 'user: "ben"' in home.text


@pytest.mark.parametrize("path", ["/", "/hub/login", "/hub/oauth_login"])
def test_a_proxy_that_writes_another_host_makes_no_loop(demo_hub, path):
    changed = {"Host": "inner.example"}
    with httpx.Client(timeout=60, follow_redirects=True, headers=changed) as web:
        assert web.get(demo_hub.url + path).status_code == 200
