"""New secrets: people log in again, what runs goes on."""

import os
import sys
import time

import httpx
from trial import Person


def rotate(demo):
    """As if all secrets were old."""
    old = time.time() - 100 * 86400
    for path in (demo.home / "secrets").iterdir():
        os.utime(path, (old, old))
    done = demo.operator.call(
        sys.executable, "-m", "cyberhubs_lib", "run", "06", "-p", "site", str(demo.site),
        "-p", "rotate_days", "90",
    )  # fmt: skip
    assert done.code == 0, done.out


def test_new_secrets_log_people_out_and_stop_nothing(demo_hub):
    ben = Person(demo_hub, "ben")
    ben.stop()
    ben.start()
    server = demo_hub.user_container("ben").attrs["State"]["StartedAt"]
    secrets = {path: path.read_text() for path in (demo_hub.home / "secrets").iterdir()}
    rotate(demo_hub)
    assert {path for path, text in secrets.items() if path.read_text() == text} == set()
    demo_hub.again()  # 09 brings them to the services
    demo_hub.healthy()
    page = ben.web.get("/hub/home", follow_redirects=False)
    assert (page.status_code, "/hub/login" in page.headers["location"]) == (302, True)
    assert demo_hub.user_container("ben").attrs["State"]["StartedAt"] == server
    again = Person(demo_hub, "ben")
    assert again.web.get("/user/ben/api/status").status_code == 200
    again.stop()


def login_kept(demo, login):
    """What the hub keeps encrypted of somebody's last login, as an administrator sees it; or None."""
    mine = {"Authorization": f"token {Person(demo, 'ada').token()}"}
    return httpx.get(f"{demo.url}/hub/api/users/{login}", headers=mine).json()["auth_state"]


def test_stored_logins_stay_readable(demo_hub):
    """With a key of the first hubs, which kept it in the volume; and with a new one.

    They are stored only where members of organisations come in.
    """
    text = demo_hub.site.read_text()
    text = text.replace("login:\n", "login:\n  organizations: [institute]\n")
    Person(demo_hub, "ben")
    assert login_kept(demo_hub, "ben") is None
    with demo_hub.with_site(text):
        Person(demo_hub, "ben")
        kept = login_kept(demo_hub, "ben")
        assert kept["access_token"]
        path, first = demo_hub.home / "secrets" / "crypt_key", "/srv/state/crypt_key"
        demo_hub.in_hub(f"head -n 1 /run/secrets/crypt_key > {first}")
        path.unlink()
        demo_hub.again()
        demo_hub.healthy()
        assert login_kept(demo_hub, "ben") == kept
        Person(demo_hub, "ben")
        kept = login_kept(demo_hub, "ben")
        rotate(demo_hub)
        demo_hub.again()
        demo_hub.healthy()
        assert login_kept(demo_hub, "ben") == kept
        assert demo_hub.in_hub(f"test -e {first} || echo gone") == "gone\n"
