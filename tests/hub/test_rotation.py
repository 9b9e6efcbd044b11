"""New secrets: people log in again, what runs goes on."""

import os
import sys
import time

from trial import Person


def test_new_secrets_log_people_out_and_stop_nothing(demo_hub):
    ben = Person(demo_hub, "ben")
    ben.stop()
    ben.start()
    server = demo_hub.user_container("ben").attrs["State"]["StartedAt"]
    old = time.time() - 100 * 86400
    secrets = {path: path.read_text() for path in (demo_hub.home / "secrets").iterdir()}
    for path in secrets:
        os.utime(path, (old, old))
    done = demo_hub.operator.call(
        sys.executable, "-m", "cyberhubs_lib", "run", "06", "-p", "site", str(demo_hub.site),
        "-p", "rotate_days", "90",
    )  # fmt: skip
    assert done.code == 0, done.out
    assert {path for path, text in secrets.items() if path.read_text() == text} == set()
    demo_hub.again()  # 09 brings them to the services
    demo_hub.healthy()
    page = ben.web.get("/hub/home", follow_redirects=False)
    assert (page.status_code, "/hub/login" in page.headers["location"]) == (302, True)
    assert demo_hub.user_container("ben").attrs["State"]["StartedAt"] == server
    again = Person(demo_hub, "ben")
    assert again.web.get("/user/ben/api/status").status_code == 200
    again.stop()
