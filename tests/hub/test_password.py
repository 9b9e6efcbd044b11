"""A workshop where all share a password: nobody is an administrator by it, and the lists hold."""

import json
import re
import sys

import httpx
import pytest
from laws import until
from trial import words

ALL = "canary galaxies 2026"
NOTES = "/srv/jupyterhub_users/.accounts"


class Guest:
    """Somebody who types a name and a password."""

    def __init__(self, demo, name, password):
        self.web = httpx.Client(base_url=demo.url, timeout=60, follow_redirects=True)
        self.page = self.web.get("/hub/login").text
        self.reply = self.web.post("/hub/login", data={
            "username": name, "password": password,
            "_xsrf": re.search(r'name="_xsrf" value="([^"]+)"', self.page)[1],
        })  # fmt: skip

    @property
    def inside(self):
        """The name with which they are in, "" if not."""
        home = self.web.get("/hub/home")
        found = re.search(r'user: "([^"]+)"', home.text)
        return found[1] if home.url.path == "/hub/home" and found else ""

    @property
    def said(self):
        return words(self.reply.text)


def run(demo, *runbooks):
    """Runbooks on this machine, as for a site that is no demo."""
    done = demo.operator.call(
        sys.executable, "-m", "cyberhubs_lib", "run", *runbooks, "-p", "host", "localhost",
        "-p", "site", str(demo.site),
    )  # fmt: skip
    assert done.code == 0, done.out
    return done.out


@pytest.fixture(scope="module")
def hub(demo_hub, tmp_path_factory):
    """The demo with a password in the stand-in's place; afterwards as before."""
    before = demo_hub.site.read_text()
    file = tmp_path_factory.mktemp("private") / "password"
    file.write_text(ALL + "\n")
    file.chmod(0o600)
    login = f"login:\n  provider: password\n  password_file: {file}\n"
    text = re.sub(r"(?s)login:\n  standin:\n(    - [^\n]*\n)+", login, before)
    assert "standin" not in text.partition("login:")[2]
    demo_hub.site.write_text(text)
    demo_hub.in_hub(f"mkdir -p {NOTES} && cd {NOTES} && mkdir ../kept && mv * ../kept/ || :")
    try:
        run(demo_hub, "06", "09")  # 09's proof starts a server and tries a wrong password
        demo_hub.healthy()
        yield demo_hub
    finally:
        demo_hub.in_hub(f"cd {NOTES} && rm -f * && mv ../kept/* . && rmdir ../kept || :")
        demo_hub.site.write_text(before)
        for path in (demo_hub.home / "secrets").glob("*_password"):
            path.unlink()
        demo_hub.again()
        demo_hub.healthy()


@pytest.fixture
def lists(hub):
    """The directory of the lists, put back afterwards."""
    folder = hub.home / "access"
    before = {name: (folder / name).read_text() for name in ("admins", "blocked_users")}
    yield folder
    for name, text in before.items():
        (folder / name).write_text(text)


@pytest.fixture
def admins_password(hub):
    """Made on the server, since the site names none."""
    text = (hub.home / "secrets" / "admin_password").read_text()
    assert len(text) == 64
    return text


def test_who_knows_the_password_and_is_listed_comes_in(hub):
    ben = Guest(hub, "Ben", ALL)
    assert "the password that you were given" in ben.page
    assert "GitHub" not in ben.page
    assert ben.inside == "ben"
    assert hub.in_hub(f"cat {NOTES}/ben") == "password:ben\n"


@pytest.mark.parametrize("password", ["", "wrong", ALL + " ", ALL.upper(), "pässword"])
def test_a_wrong_password_is_refused(hub, password):
    ben = Guest(hub, "ben", password)
    assert (ben.reply.status_code, ben.inside) == (403, "")
    assert "Invalid username or password" in ben.said


def test_who_is_not_listed_is_refused_with_the_reason(hub):
    mallory = Guest(hub, "mallory", ALL)
    assert (mallory.reply.status_code, mallory.inside) == (403, "")
    assert "The account mallory is not on the list of allowed users" in mallory.said


@pytest.mark.parametrize(
    "name", ["ada", "ADA", "@ada", " ada", "@ ada", "cyberhubs-check", "../ben"]
)
def test_nobody_is_an_administrator_by_the_password_of_all(hub, name):
    guest = Guest(hub, name, ALL)
    assert (guest.reply.status_code, guest.inside) == (403, "")


def test_administrators_have_their_own(hub, admins_password):
    ada = Guest(hub, "ada", admins_password)
    assert ada.inside == "ada"
    assert ada.web.get("/hub/admin").status_code == 200
    assert Guest(hub, "ben", admins_password).inside == ""


def test_blocked_is_out_within_seconds(hub, lists):
    ben = Guest(hub, "ben", ALL)
    (lists / "blocked_users").write_text("ben\n")
    until(lambda: not ben.inside)
    assert "blocked on this hub" in Guest(hub, "ben", ALL).said


def test_who_has_another_name_from_now_on_comes_in_with_it(hub):
    allowed = hub.home / "access" / "allowed_users"
    before = allowed.read_text()
    allowed.write_text("seat01\n" + before)
    assert Guest(hub, "seat01", ALL).inside == "seat01"
    try:
        done = hub.operator.call(
            sys.executable, "-m", "cyberhubs_lib", "run", "10", "-p", "site", str(hub.site),
            "-p", "rename", "seat01:tess",
        )  # fmt: skip
        assert done.code == 0, done.out
        assert Guest(hub, "tess", ALL).inside == "tess"
        assert Guest(hub, "seat01", ALL).inside == ""
    finally:
        allowed.write_text(before)


def test_who_becomes_an_administrator_logs_in_anew(hub, lists, admins_password):
    anybody = Guest(hub, "ben", ALL)
    assert anybody.inside == "ben"
    with (lists / "admins").open("a") as file:
        file.write("ben\n")
    until(lambda: not anybody.inside)
    assert Guest(hub, "ben", ALL).inside == ""
    ben = Guest(hub, "ben", admins_password)
    assert ben.web.get("/hub/admin").status_code == 200
    (lists / "admins").write_text((lists / "admins").read_text().replace("ben\n", ""))
    until(lambda: ben.web.get("/hub/admin").status_code == 403)


def test_the_passwords_are_nowhere_else(hub, admins_password):
    texts = {path.name: path.read_text(errors="replace") for path in hub.home.rglob("*")
             if path.is_file() and path.parent.name != "secrets"}  # fmt: skip
    texts |= {path.name: path.read_text() for path in hub.records()}
    for name, container in hub.services().items():
        texts[f"inspect {name}"] = json.dumps(container.attrs)
        texts[f"processes {name}"] = str(container.top())
        texts[f"log {name}"] = container.logs().decode(errors="replace")
    assert len(texts) > 20
    held = [name for name, text in texts.items() for one in (ALL, admins_password) if one in text]
    assert held == []
