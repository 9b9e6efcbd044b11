"""A login that fails through nobody's fault: a page that says so, and nothing is counted."""

import pytest
from trial import Person, on_the_way, words

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
    assert page.status_code in (400, 403)
    assert "500" not in words(page.text)


def test_a_disk_that_cannot_be_written(demo_hub):
    demo_hub.in_hub(f"rm -f {NOTES}/ben && mkdir -p {NOTES}/.ben.new")  # where the note is begun
    try:
        ben = Person(demo_hub, "ben")
        assert ben.reply.status_code == 503
        assert "The hub cannot write to its disk: Is a directory." in ben.said
    finally:
        demo_hub.in_hub(f"rmdir {NOTES}/.ben.new")
    assert Person(demo_hub, "ben").reply.status_code == 200
