"""A hub that ends while somebody's server starts: the next one finds that server, and keeps it."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
from changing_lists import runs
from laws import until
from trial import Person

# A server with these settings listens once they are gone: until then no hub has noted where it is.
SETTINGS = "/srv/jupyterhub_users/ben/.jupyter/jupyter_server_config.py"
NOT_YET = r"import os, time\nwhile os.path.exists(__file__): time.sleep(0.1)\n"


def server_of(person):
    """What the hub says about somebody's server; {} if it says nothing."""
    try:
        reply = person.web.get(f"/hub/api/users/{person.login}", headers=person._xsrf())
        return reply.json()["servers"].get("", {})
    except (httpx.HTTPError, ValueError, KeyError, AssertionError):
        return {}  # the hub is not there yet


def test_a_hub_that_starts_before_the_broker_keeps_all_servers(demo_hub):
    ben = Person(demo_hub, "ben")
    ben.stop()
    ben.start()
    started = demo_hub.user_container("ben").attrs["State"]["StartedAt"]
    hub, broker = (demo_hub.services()[name] for name in ("hub", "broker"))
    broker.stop()
    try:
        hub.restart()
        time.sleep(15)  # longer than the hub waits before it answers, all the same
    finally:
        broker.start()
    until(lambda: server_of(ben).get("ready"))
    time.sleep(5)  # the watch has looked
    container = demo_hub.user_container("ben")
    assert (container.status, container.attrs["State"]["StartedAt"]) == ("running", started)
    assert ben.web.get("/user/ben/lab").status_code == 200
    ben.stop()


def test_a_start_goes_on_although_the_hub_ends(demo_hub):
    ben = Person(demo_hub, "ben")
    ben.stop()
    ben.start()  # there is a home
    ben.stop()
    demo_hub.in_hub(f"printf '{NOT_YET}' >{SETTINGS}")
    hub = demo_hub.services()["hub"]
    try:
        with ThreadPoolExecutor(1) as thread:
            thread.submit(ben.press_start)
            until(lambda: runs(demo_hub, "ben"))
            hub.kill()
            started, killed = demo_hub.user_container("ben").id, time.time()
            hub.start()
        until(lambda: b"had invalid url" in hub.logs(since=killed))
    finally:
        demo_hub.in_hub(f"rm {SETTINGS}")
    took = until(lambda: server_of(ben).get("ready"))
    print("seconds until the new hub knows the server:", round(took, 1))
    assert demo_hub.user_container("ben").id == started
    assert ben.web.get("/user/ben/lab").status_code == 200
    ben.stop()
