"""Runbook 09's proof on a running hub: who logs in, what is proven once, what a failure shows."""

import json
import time

import pytest

from cyberhubs_lib.host import connect
from cyberhubs_lib.proof import _mock_logins
from cyberhubs_lib.proven import recall
from cyberhubs_lib.server_proof import SERVER, depends, server_row
from cyberhubs_lib.site_login import Account
from cyberhubs_lib.sitefile import load_site

HOME = "/srv/jupyterhub_users/cyberhubs-check"


@pytest.fixture
def host():
    """This machine, as the demo uses it."""
    found = connect("localhost")
    found.root = False
    return found


@pytest.fixture
def site(demo_hub):
    """The demo's."""
    return load_site(str(demo_hub.site))


def test_a_mock_login_with_capitals(demo_hub, host, site):
    path = demo_hub.home / "standin" / "accounts.json"
    before = path.read_text()
    data = json.loads(before)
    for account in data["accounts"]:
        account["login"] = account["login"].capitalize()
    people = [Account(**account) for account in data["accounts"]]
    other = site.login.model_copy(update={"standin": people})
    path.write_text(json.dumps(data))
    try:
        rows = _mock_logins(host, site.model_copy(update={"login": other}), True)
    finally:
        path.write_text(before)
    assert {(row.label, row.status) for row in rows} == {
        ("Ada logs in", "ok"),
        ("Mallory is refused", "ok"),
    }


def test_a_user_server_that_ends_at_once_and_one_that_was_proven(demo_hub, host, site):
    def proven(prove):
        return server_row(host, site, host.facts, True, prove)

    config = f"{HOME}/.jupyter/jupyter_server_config.py"
    demo_hub.in_hub(f"mkdir -p {HOME}/.jupyter && echo 'exit(\"out of ink\")' >{config}")
    try:
        begun = time.monotonic()
        failed = proven(True)
        print(f"\na user server that cannot start: known after {time.monotonic() - begun:.1f} s")
    finally:
        demo_hub.in_hub(f"rm -rf {HOME}")
    assert failed.status == "failed"
    assert "Your server ended while it was starting" in failed.was
    assert "out of ink" in failed.evidence
    assert proven(True).was == "42 1000 1000"
    again = proven(False)
    assert again.status == "ok"
    assert again.was.startswith("42 1000 1000, on 20")
    demo_hub.services()["hub"].restart()
    demo_hub.healthy()
    home = str(demo_hub.home)
    assert host.run(recall(home, SERVER, depends(site, home)) + 'echo "$day"').out.strip() == ""
