"""What a site may choose otherwise: whose users' files are, images of its own in the menu, limits."""

import contextlib

from docker.errors import ImageNotFound
from trial import Person

from cyberhubs_lib.contexts import context
from cyberhubs_lib.sitefile import load_site

OWN = "demo-test/own:1"
MENU = f"""
menu:
  - title: JupyterLab
  - {{ title: Our own, image: "{OWN}" }}
"""


def test_users_files_may_belong_to_another_account(demo_hub):
    with demo_hub.with_site(demo_hub.site.read_text() + "\nuid: 4711\ngid: 4712\n") as hub:
        ben = Person(hub, "ben")
        ben.start()
        try:
            inside = hub.user_container("ben")
            look = "id -u; id -g; cd && touch new && stat -c %u:%g new . /user"
            code, out = inside.exec_run(["sh", "-c", look])
            assert code == 0, out
            assert out.decode().split() == ["4711", "4712", *["4711:4712"] * 3]
        finally:
            ben.stop()


def test_an_image_that_went_is_named_to_the_user(demo_hub):
    corehub = demo_hub.engine.images.get(context("corehub", load_site("demo")).tag)
    corehub.tag(OWN)
    try:
        with demo_hub.with_site(demo_hub.site.read_text() + MENU) as hub:
            hub.engine.images.remove(OWN)
            said = Person(hub, "ben").press_start("Our own").text
            assert f"The image {OWN} is not on this server" in said
            assert "runbook 08" in said
    finally:
        with contextlib.suppress(ImageNotFound):
            demo_hub.engine.images.remove(OWN)


def test_another_limit_of_uploads_makes_only_the_front_door_anew(demo_hub):
    before = {name: c.id for name, c in demo_hub.services().items()}
    text = demo_hub.site.read_text().replace("  memory: 1G", "  memory: 1G\n  upload: 2G")
    with demo_hub.with_site(text) as hub:
        after = {name: c.id for name, c in hub.services().items()}
        assert {name for name in before if before[name] != after[name]} == {"caddy"}
        assert "UPLOAD_LIMIT=2GiB" in hub.services()["caddy"].attrs["Config"]["Env"]
