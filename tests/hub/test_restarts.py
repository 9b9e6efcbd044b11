"""Restarts of the services, and deaths of users' servers: what somebody at work notices of them."""

import contextlib
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import websocket
from at_work import AtWork, cookies
from browser import page_of
from changing_lists import runs
from laws import until
from trial import PROJECT, Person, words


@pytest.fixture
def ben(demo_hub):
    """Ben with a running server."""
    ben = Person(demo_hub, "ben")
    ben.stop()
    ben.start()
    yield ben
    ben.stop()


@pytest.fixture
def work(demo_hub, ben, browser, tmp_path):
    """Ben at work: a cell and a terminal that print, and a notebook to be saved."""
    with page_of(browser, tmp_path) as page:
        page.context.add_cookies(cookies(ben.web, demo_hub.url))
        lab, container = f"{demo_hub.url}/user/ben", demo_hub.user_container("ben")
        yield AtWork(page, lab, ben.token(), container)
        page.goto("about:blank")


@contextlib.contextmanager
def restart(work, container):
    """In the block it is away, or just back; afterwards it is back."""
    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(container.restart)
        yield
        work.until(done.done)
        done.result()


def test_who_works_notices_no_restart(demo_hub, ben, work):
    services = demo_hub.services()
    for name in ("broker", "hub"):  # not on the way to the server: a save passes meanwhile
        with restart(work, services[name]):
            saved(work)
        print(f"{name}: cell and terminal go on after {work.goes_on():.1f} s")
    with restart(work, services["proxy"]):
        pass
    work.until(lambda: answers(ben.web, "/user/ben/lab"))
    saved(work)
    print(f"proxy: cell and terminal go on after {work.goes_on():.1f} s")
    before = demo_hub.site.read_text()
    for text in (before.replace("memory: 1G", "memory: 1200M"), before):
        up(demo_hub, text)
        saved(work)
        work.goes_on()
    assert work.dialogs() == []
    demo_hub.cli("hub", "restart")  # all of them, with the front door
    work.until(lambda: answers(ben.web, "/user/ben/lab"))
    print(f"all: cell and terminal go on after {work.goes_on():.1f} s")
    saved(work)
    # while there was no front door, nobody could tell whether the server runs
    assert [said for said in work.dialogs() if not said.startswith("Server unavailable")] == []
    assert (work.lost(), work.terminal_lost()) == ([], [])


def up(demo, text):
    """What `up` does for another site file: its settings, and new containers for what they change."""
    demo.site.write_text(text)
    given = ["-p", "host", "localhost", "-p", "site", str(demo.site)]
    done = demo.operator.call(sys.executable, "-m", "cyberhubs_lib", "run", "06", *given)
    assert done.code == 0, done.out
    demo.cli("hub", "up")


def saved(work):
    """Change the notebook, save it, and see it on the server."""
    wanted = work.save()
    work.until(lambda: work.saved() == wanted)


def answers(web, url, **more):
    """Whether it does, just now."""
    try:
        return web.get(url, **more).is_success
    except httpx.HTTPError:
        return False


# Three times 200 lines from a thread: the kernel itself is idle. Each begins when a file is there.
BURSTS = """
import pathlib, threading, time
def write():
    for burst in range(3):
        while not pathlib.Path(f"begin{burst}").exists():
            time.sleep(0.01)
        for line in range(200):
            print(f"line {burst} {line}", flush=True)
            time.sleep(0.005)
threading.Thread(target=write).start()
"""


def test_who_comes_back_gets_all_of_the_output(demo_hub, ben):
    """Of a kernel that prints while the browser is away, while it connects, and after that."""
    server, header = f"{demo_hub.url}/user/ben", {"Authorization": f"token {ben.token()}"}
    kernel = httpx.post(f"{server}/api/kernels", headers=header, timeout=60).raise_for_status()
    address = f"{server.replace('http', 'ws', 1)}/api/kernels/{kernel.json()['id']}/channels"

    def connection():
        # by this name jupyter_server knows that it is the same browser
        return websocket.create_connection(f"{address}?session_id=one", header=header, timeout=60)

    socket = connection()
    asked = {"msg_id": "begin", "msg_type": "execute_request", "session": "one", "version": "5.4"}
    content = {"code": BURSTS, "silent": False}
    message = {"header": asked, "parent_header": {}, "metadata": {}, "content": content}
    socket.send(json.dumps({**message, "channel": "shell"}))
    while json.loads(socket.recv())["msg_type"] != "execute_reply":
        pass
    for burst in range(3):
        socket.close()  # nothing is on its way
        demo_hub.user_container("ben").exec_run(["touch", f"/home/user/begin{burst}"])
        time.sleep(0.2)
        socket, heard = connection(), ""
        while f"line {burst} 199\n" not in heard:
            said = json.loads(socket.recv())
            heard += said["content"]["text"] if said["msg_type"] == "stream" else ""
        assert heard.splitlines() == [f"line {burst} {line}" for line in range(200)]
    socket.close()


def test_while_the_hub_is_away(demo_hub, ben):
    """Servers go on. A page for people that loads itself again, and JSON for programs."""
    server, token = f"{demo_hub.url}/user/ben/api/status", {"Authorization": f"token {ben.token()}"}
    assert answers(httpx, server, headers=token)
    services = demo_hub.services()
    services["hub"].stop(timeout=5)
    try:
        services["proxy"].restart()
        until(lambda: answers(httpx, server, headers=token))  # the routes are kept
        page = httpx.get(f"{demo_hub.url}/hub/home", headers={"Accept": "text/html"}, timeout=60)
        answer = httpx.post(f"{demo_hub.url}/hub/api/users/ben/server", timeout=60)
    finally:
        services["hub"].start()
        until(lambda: answers(httpx, f"{demo_hub.url}/hub/health"), 180)
    assert page.status_code == answer.status_code == 503
    assert "Temporarily unavailable" in words(page.text)
    assert '<meta http-equiv="refresh"' in page.text
    assert page.headers["Retry-After"] == answer.headers["Retry-After"] == "5"
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Content-Security-Policy"] == "frame-ancestors 'self'"
    assert "Temporarily unavailable" in answer.json()["message"]


def test_a_server_that_died_can_be_started_again(demo_hub, ben):
    began = time.monotonic()
    demo_hub.user_container("ben").kill()
    page = ben.web.get("/user/ben/lab?one=two")
    print(f"the page is there after {time.monotonic() - began:.1f} s")
    assert page.status_code == 503
    assert "The server of ben has stopped" in words(page.text)
    assert "/hub/spawn/ben?next=%2Fhub%2Fuser%2Fben%2Flab%3Fone%3Dtwo" in page.text
    reply = ben.web.get("/user/ben/api/status")  # for programs it is clear, too
    assert (reply.status_code, "no longer running" in reply.json()["message"]) == (424, True)
    ben.start()
    assert ben.web.get("/user/ben/lab").status_code == 200


def test_who_logs_in_after_their_server_died_is_offered_a_start(demo_hub, ben):
    """As Linux ends it when memory is short: one process, without a word to Docker."""
    server = ["pkill", "-KILL", "-f", "jupyterhub-singleuser"]
    assert demo_hub.user_container("ben").exec_run(server).exit_code == 0
    until(lambda: not runs(demo_hub, "ben"))
    began = time.monotonic()
    again = Person(demo_hub, "ben")
    print(f"logged in after {time.monotonic() - began:.1f} s")
    assert "/hub/spawn/ben" in again.reply.text
    again.start()


def test_a_server_that_cannot_be_reached_is_not_called_dead(demo_hub, ben):
    """As long as the hub does not know that: the work in it goes on."""
    services = demo_hub.services()
    services["broker"].stop(timeout=1)
    try:
        demo_hub.engine.networks.get(f"{PROJECT}_user-ben").disconnect(services["proxy"])
        page = ben.web.get("/user/ben/lab")
    finally:
        services["broker"].start()
    assert page.status_code == 503
    assert "The server of ben does not answer" in words(page.text)
    assert '<meta http-equiv="refresh"' in page.text
    until(lambda: ben.web.get("/user/ben/lab").status_code == 200)  # the broker connects it again
