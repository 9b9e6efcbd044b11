"""The passwords of a workshop: the operator's if they are good ones, otherwise made on the server."""

import os
import re

import pytest

from cyberhubs_lib.errors import PreconditionFailed
from cyberhubs_lib.facts import parse_facts
from cyberhubs_lib.host import Host
from cyberhubs_lib.params import Params
from cyberhubs_lib.passwords import PASSWORDS, all_given
from cyberhubs_lib.recipes.configure_hub import recipe
from cyberhubs_lib.rendered import files
from cyberhubs_lib.resources.files import File, Token
from cyberhubs_lib.site import Site
from cyberhubs_lib.transport import Local

FACTS = parse_facts("service_uid=1001\nservice_gid=1001\n")


def site(**login):
    return Site(login={"provider": "password", **login})


@pytest.fixture
def file(tmp_path):
    """A private file with this text; its path."""

    def make(text, name="p"):
        path = tmp_path / name
        path.write_text(text)
        path.chmod(0o600)
        return str(path)

    return make


def test_what_is_given_is_taken(file, monkeypatch):
    monkeypatch.setenv("CYBERHUBS_ADMIN_PASSWORD", "a" * 32)
    given = all_given(site(password_file=file("galaxies 2026\n")))
    assert given == {"user_password": "galaxies 2026", "admin_password": "a" * 32}
    assert all_given(site()) == {"user_password": "", "admin_password": "a" * 32}


@pytest.mark.parametrize(
    ("user", "admin", "said"),
    [
        ("short12", "", "at least 8"),
        ("pässword1", "", "not every keyboard"),
        ("two\nlines", "", "not every keyboard"),
        ("", "a" * 31, "at least 32"),
        ("b" * 32, "b" * 32, "both passwords are the same"),
    ],
)
def test_what_is_no_good_is_refused_and_not_shown(file, user, admin, said):
    given = site(password_file=user and file(user), admin_password_file=admin and file(admin, "a"))
    with pytest.raises(PreconditionFailed) as error:
        all_given(given)
    assert said in str(error.value)
    assert not user or user not in str(error.value)
    requirements = {check.label: check for check in recipe(FACTS, given, Params()).requirements}
    assert requirements["passwords"].row(None).status == "failed"
    made = [one.path for one in recipe(FACTS, given, Params()).steps["secrets"]]
    assert not any("password" in path for path in made)


def test_without_any_the_server_makes_them_and_the_page_says_how_to_read_them():
    made = {one.path: one for one in recipe(FACTS, site(), Params()).steps["secrets"]}
    user, admin = (made[f"/opt/cyberhubs/default/secrets/{p.name}"] for p in PASSWORDS)
    assert isinstance(user, Token)
    assert isinstance(admin, Token)
    assert "sudo cat /opt/cyberhubs/default/secrets/user_password" in user.why
    assert not any("oauth" in path for path in made)


def test_a_given_one_is_a_secret_file(file):
    made = recipe(FACTS, site(password_file=file("galaxies 2026")), Params()).steps["secrets"]
    user = next(one for one in made if one.path.endswith("user_password"))
    assert isinstance(user, File)
    assert (user.secret, user.mode, user.content) == (True, "600", b"galaxies 2026")


def test_a_made_one_can_be_typed(tmp_path):
    owner = f"{os.getuid()}:{os.getgid()}"
    host = Host(Local(), root=False)
    for name in ("a", "b"):
        host.read(Token(str(tmp_path / name), owner, letters=12).change(None))
    first, second = ((tmp_path / name).read_text() for name in ("a", "b"))
    assert re.fullmatch("[a-z2-9]{12}", first)
    assert not set(first) & set("lo")
    assert first != second


def test_no_password_is_in_the_settings(file):
    rendered = files(site(password_file=file("galaxies 2026")), FACTS)
    assert not any(b"galaxies" in content for content in rendered.values())
    env = rendered[".env"].decode()
    assert "COMPOSE_FILE=compose.yaml:compose.password.yaml\n" in env
    assert "LOGIN_SECRET=user_password\n" in env
