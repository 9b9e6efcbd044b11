"""Members of an organisation come in without being listed, and are out soon after they left it."""

import json
import re

import pytest
from docker.errors import NotFound
from laws import until
from trial import Person

MEMBER = "login: mallory, name: Mallory, id: 1003, organizations: [institute]"


@pytest.fixture(scope="module")
def hub(demo_hub):
    """The demo's hub with an organisation of which Mallory, who is on no list, is a member.

    It asks again every two seconds instead of every ten minutes.
    """
    before = demo_hub.site.read_text()
    text = before.replace("login:\n", "login:\n  organizations: [institute]\n")
    text = text.replace("login: mallory, name: Mallory, id: 1003", MEMBER)
    assert text.count("institute") == 2
    with demo_hub.with_site(text):  # its proof refuses nobody whose organisation lets them in
        path = demo_hub.home / "hub" / "ask_again.py"
        path.write_text(re.sub(r"(?m)^(EVERY|PAUSE) = \d+", r"\1 = 2", path.read_text()))
        demo_hub.services()["hub"].restart()
        demo_hub.healthy()
        yield demo_hub


@pytest.fixture
def standin(hub):
    """A way to say of what Mallory is a member; afterwards of the institute again."""
    path = hub.home / "standin" / "accounts.json"
    before = path.read_text()

    def belongs(*organizations):
        data = json.loads(path.read_text())
        for account in data["accounts"]:
            if account["login"] == "mallory":
                account["organizations"] = list(organizations)
        path.write_text(json.dumps(data))

    yield belongs
    path.write_text(before)


def gone(hub, login):
    try:
        hub.user_container(login)
    except NotFound:
        return True
    return False


def test_a_member_comes_in_and_is_out_after_leaving(hub, standin):
    mallory = Person(hub, "mallory")
    assert mallory.reply.status_code == 200
    code, out = hub.access("explain", "mallory")
    assert code == 0
    assert "a member of institute (seen" in out
    assert "member          of institute: mallory" in hub.access("show")[1]
    mallory.start()
    standin()
    took = until(lambda: gone(hub, "mallory"))
    until(lambda: mallory.web.get("/hub/home").url.path != "/hub/home")  # the container goes first
    print(f"\nout {took:.1f} s after leaving, asked every 2 s")
    code, out = hub.access("explain", "mallory")
    assert code == 3
    assert "no member of institute by hub" in out
    assert Person(hub, "mallory").reply.status_code == 403


def test_github_away_ends_nobody(hub):
    mallory = Person(hub, "mallory")
    assert mallory.reply.status_code == 200
    mallory.start()
    hub.services()["standin"].stop()
    try:
        told = until(lambda: "GitHub cannot be asked" in hub_says(hub))
        print(f"\nsaid after {told:.1f} s")
        assert mallory.web.get("/hub/home").url.path == "/hub/home"
        assert not gone(hub, "mallory")
        assert hub.access("explain", "mallory")[0] == 0
    finally:
        hub.services()["standin"].start()
        hub.healthy()
        mallory.stop()


def hub_says(hub):
    """The warnings of the watch."""
    code, out = hub.services()["hub"].exec_run(["cat", "/srv/state/access.json"])
    assert code == 0, out
    return " ".join(json.loads(out)["warnings"])


def test_block_wins_over_a_member(hub):
    assert Person(hub, "mallory").reply.status_code == 200
    hub.access("block", "mallory")
    try:
        assert "blocked on this hub" in Person(hub, "mallory").said
    finally:
        hub.access("unblock", "mallory")


def test_an_organisation_that_hides_its_members_is_told(hub, standin):
    standin()
    path = hub.home / "standin" / "github.py"
    before = path.read_text()
    words = "the `institute` organization has enabled OAuth App access restrictions"
    path.write_text(before.replace("SCOPE = ", f"HIDDEN = 403, {{'message': '{words}'}}\nSCOPE = ")
                    .replace("    match path", "    return HIDDEN\n    match path"))  # fmt: skip
    hub.services()["standin"].restart()
    hub.healthy()
    try:
        (hub.home / "access" / "members").unlink()  # as for somebody who comes for the first time
        assert "an owner of institute allows it" in Person(hub, "mallory").said
    finally:
        path.write_text(before)
        hub.services()["standin"].restart()
        hub.healthy()
