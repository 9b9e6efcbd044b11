"""A server that nobody uses stops by itself; the files stay."""

import time

from trial import Person

COMMANDS = "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"


def test_an_idle_server_is_stopped(demo_hub):
    with demo_hub.with_site(f"{demo_hub.site.read_text()}\nculling: {{idle_minutes: 1}}\n"):
        assert (
            "--cull-every=60 " in f"{demo_hub.in_hub(COMMANDS)} "
        )  # the age is looked at as often
        ben = Person(demo_hub, "ben")
        ben.start()
        name, began = demo_hub.user_container("ben").name, time.monotonic()
        while name in demo_hub.left()["containers"]:
            assert time.monotonic() < began + 200, "still there"
            time.sleep(1)
        assert time.monotonic() > began + 30  # not at once
