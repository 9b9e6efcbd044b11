"""The proof of runbook 06 on real directories: where there is nothing, nothing is proven."""

import subprocess

import pytest

from cyberhubs_lib.errors import PreconditionFailed
from cyberhubs_lib.facts import parse_facts
from cyberhubs_lib.host import Host
from cyberhubs_lib.params import Params
from cyberhubs_lib.recipes.configure_hub import recipe
from cyberhubs_lib.recipes.login_secrets import client_secret
from cyberhubs_lib.site import Site
from cyberhubs_lib.transport import Local


def rows(home):
    """Label -> row of the checks, asked on this machine."""
    site = Site(server_dir=str(home), login={"standin": [{"login": "ada"}]})
    checks = recipe(parse_facts(""), site, Params()).checks
    answers = Host(Local(), root=False).batch([check.question for check in checks])
    return {c.label: c.row(a) for c, a in zip(checks, answers, strict=True)}


@pytest.fixture
def home(tmp_path):
    """A server's directory as 06 leaves it, as far as the proof looks at it."""
    for folder in ("hub", "standin", "secrets"):
        (tmp_path / folder).mkdir()
    (tmp_path / ".env").write_text("HTTP_PORT=80\n")
    (tmp_path / "hub.json").write_text("{}\n")
    for name in ("proxy_token", "check_token", "cookie_secret", "crypt_key", "oauth_client_secret"):
        path = tmp_path / "secrets" / name
        path.write_text(f"canary-{name}")
        path.chmod(0o600)
    return tmp_path


def test_as_it_should_be(home):
    found = {label: (row.was, row.status) for label, row in rows(home).items()}
    assert found == {
        "secrets are private": ("0 of 5 readable by others", "ok"),
        "no secret in the settings": ("0 files hold one of 5", "ok"),
    }


@pytest.mark.parametrize("missing", ["secrets/*", "secrets/check_token", "secrets", ""])
def test_what_is_not_there_proves_nothing(home, missing):
    subprocess.run(f"rm -r {home}/{missing}", shell=True, check=True)
    assert {row.status for row in rows(home).values()} == {"failed"}


def test_a_secret_that_others_may_read(home):
    (home / "secrets" / "check_token").chmod(0o640)
    row = rows(home)["secrets are private"]
    assert (row.was, row.status) == ("1 of 5 readable by others", "failed")


@pytest.mark.parametrize("file", [".env", "hub.json", "hub/new.py", "standin/accounts.json"])
def test_a_secret_in_the_settings(home, file):
    (home / file).write_text("x = canary-check_token\n")
    row = rows(home)["no secret in the settings"]
    assert (row.was, row.status) == ("1 files hold one of 5", "failed")


def test_the_advice_for_a_missing_client_secret_makes_it(tmp_path):
    file = tmp_path / "not" / "there" / "client_secret"
    site = Site(login={"client_id": "x", "client_secret_file": str(file)})
    with pytest.raises(PreconditionFailed, match="is not there") as error:
        client_secret(site)
    command = error.value.todo.removeprefix("make it: ").removesuffix(", paste, Ctrl-D")
    subprocess.run(command, shell=True, input=b"canary-pasted\n", check=True)
    assert client_secret(site) == "canary-pasted"
