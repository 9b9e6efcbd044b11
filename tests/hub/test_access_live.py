"""A change of the lists counts within seconds, for logins, cookies, tokens, servers and websockets."""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import websocket
from browser import WAIT, drawn, page_of
from changing_lists import is_in, more_accounts, put_back, runs, started, status, until_entry
from docker.errors import NotFound
from laws import until
from trial import PROJECT, Person


@pytest.fixture(scope="module")
def hub(demo_hub):
    """The demo's hub with more accounts at the stand-in; afterwards as before."""
    with more_accounts(demo_hub):
        yield demo_hub


@pytest.fixture
def lists(hub):
    """The directory of the lists, put back afterwards."""
    with put_back(hub) as folder:
        yield folder


def channel(demo, login, token):
    """An open websocket to a new kernel."""
    header = {"Authorization": f"token {token}"}
    server = f"{demo.url}/user/{login}"
    made = httpx.post(f"{server}/api/kernels", headers=header, timeout=60).raise_for_status()
    address = server.replace("http", "ws", 1) + f"/api/kernels/{made.json()['id']}/channels"
    return websocket.create_connection(address, header=header, timeout=30)


def is_cut(socket):
    """Whether the other side has closed it."""
    socket.settimeout(0.05)
    try:
        return socket.recv() == ""
    except websocket.WebSocketTimeoutException:
        return False
    except (websocket.WebSocketException, OSError):
        return True


def test_who_is_blocked_is_out_at_once_and_comes_back(hub, lists, browser, tmp_path):
    ben = started(hub, "ben")
    token = ben.token()
    mine = {"Authorization": f"token {token}"}
    assert httpx.get(f"{hub.url}/hub/api/user", headers=mine).status_code == 200
    hub.user_container("ben").exec_run(["sh", "-c", "echo draft > /home/user/kept.txt"])
    with page_of(browser, tmp_path) as page:
        page.goto(f"{hub.url}/hub/login")
        page.get_by_text("Sign in with GitHub stand-in").click()
        page.get_by_role("button", name="ben").click()
        page.goto(f"{hub.url}/user/ben/lab")
        drawn(page, ".jp-Launcher")
        socket = channel(hub, "ben", token)
        code, out = hub.access("block", "ben")
        assert (code, "ben: blocked" in out) == (0, True), out
        began = time.monotonic()
        took = {"cookie dead": until(lambda: not is_in(ben))}
        until(lambda: httpx.get(f"{hub.url}/hub/api/user", headers=mine).status_code == 403)
        took["token dead"] = time.monotonic() - began
        until(lambda: is_cut(socket))
        took["websocket cut"] = time.monotonic() - began
        until(lambda: not runs(hub, "ben"))
        took["container gone"] = time.monotonic() - began
        page.goto(f"{hub.url}/user/ben/lab")
        page.wait_for_url("**/hub/login**", timeout=WAIT)
    print("seconds after the command:", {what: round(s, 1) for what, s in took.items()})
    assert Person(hub, "ben").reply.status_code == 403
    assert hub.access("unblock", "ben")[0] == 0
    again = Person(hub, "ben")
    assert again.reply.status_code == 200
    assert hub.file("ben", "kept.txt") == "draft\n"


SIGNAL = """for p in /proc/[0-9]*; do
tr '\\0' ' ' <$p/cmdline | grep -q '^[^ ]*python3 /srv/hub/watch.py' && kill -{} ${{p#/proc/}}
done 2>/dev/null; true"""


def test_a_block_is_not_told_as_done_while_the_watch_stands_still(hub, lists):
    started(hub, "ben")
    hub.in_hub(SIGNAL.format("STOP"))
    try:
        code, out = hub.access("block", "ben")
        assert code == 3, out
        assert "block ben: written, but without effect yet: the watch has not looked" in out
        assert "./cyberhubs hub logs --site" in out
        assert "out within seconds" not in out
        assert runs(hub, "ben")
    finally:
        hub.in_hub(SIGNAL.format("CONT"))
    until(lambda: not runs(hub, "ben"))
    assert hub.access("unblock", "ben") == (0, "ben: no longer blocked\n")


def is_starting(person):
    """Whether the hub says so."""
    reply = person.web.get(f"/hub/api/users/{person.login}", headers=person._xsrf())
    return reply.json()["pending"] == "spawn"


@pytest.mark.parametrize("moment", ["asked for", "container runs"])
def test_who_is_blocked_while_the_server_starts_is_out_and_keeps_nobody_in(hub, lists, moment):
    assert hub.access("allow", "dora")[0] == 0
    ben, dora = Person(hub, "ben"), Person(hub, "dora")
    ben.stop()
    with ThreadPoolExecutor(1) as thread:
        thread.submit(ben.press_start)
        until(lambda: is_starting(ben))
        if moment == "container runs":
            until(lambda: runs(hub, "ben"))
            assert is_starting(ben)
        began = time.monotonic()
        with (lists / "blocked_users").open("a") as file:
            file.write("ben\ndora\n")
        until(lambda: not is_in(dora))
        took = {"the other out": time.monotonic() - began}
        assert until_entry(lists, "edited by hand")["logins"] == ["+ben blocked", "+dora blocked"]
        until(lambda: not is_in(ben))
        took["out"] = time.monotonic() - began
    until(lambda: not runs(hub, "ben"))
    took["container gone"] = time.monotonic() - began
    print(f"seconds after the edit, {moment}:", {what: round(s, 1) for what, s in took.items()})
    time.sleep(3)  # nothing is left that would start it yet
    with pytest.raises(NotFound):
        hub.user_container("ben")
    assert json.loads(status(hub))["alarms"] == []


def test_a_server_that_does_not_end_keeps_nobody_else_in(hub, lists):
    assert hub.access("allow", "dora")[0] == 0
    started(hub, "ben")
    started(hub, "dora")
    halt = "kill -STOP $(pgrep -f [j]upyterhub-singleuser)"  # hears no SIGTERM
    assert hub.user_container("ben").exec_run(["sh", "-c", halt])[0] == 0
    began = int(time.time())
    assert hub.access("block", "ben", "dora")[0] == 0
    until(lambda: not runs(hub, "ben") and not runs(hub, "dora"))
    wanted = {"container": [f"{PROJECT}-user-{login}" for login in ("ben", "dora")]}
    until_now = {"since": began, "until": int(time.time()) + 1, "filters": wanted}
    seen = [(event["Action"], event["Actor"]["Attributes"], event["timeNano"] / 1e9 - began)
            for event in hub.engine.events(decode=True, **until_now)]  # fmt: skip
    told = {
        at["name"]: when for what, at, when in seen if (what, at.get("signal")) == ("kill", "15")
    }
    ended = {at["name"]: when for what, at, when in seen if what == "die"}
    print("seconds until told to stop, and ended:", told, ended)
    assert len(told) == len(ended) == 2
    assert max(told.values()) < min(ended.values())  # nobody had to wait for the other's end


def test_a_line_taken_out_by_hand(hub, lists):
    ben = started(hub, "ben")
    text = (lists / "allowed_users").read_text()
    (lists / "allowed_users").write_text(text.replace("ben\n", ""))
    until(lambda: not runs(hub, "ben"))
    until(lambda: not is_in(ben))
    last = until_entry(lists, "edited by hand")
    assert last["logins"] == ["-ben allowed"]


def test_a_list_that_cannot_be_read_ends_nobody(hub, lists):
    ben = started(hub, "ben")
    (lists / "allowed_users").write_bytes(b"ben\n\xff")
    until(lambda: "allowed_users cannot be read" in status(hub))
    refused = Person(hub, "ada").reply
    assert refused.status_code == 403
    assert "allowed_users cannot be read" in refused.text
    time.sleep(4)  # several looks
    assert runs(hub, "ben")
    assert is_in(ben)
    done = hub.operator.call(
        sys.executable, "-m", "cyberhubs_lib", "run", "10", "-p", "site", str(hub.site)
    )
    assert done.code == 1
    assert "alarms of the watch" in done.out
    ben.stop()


def admin_of(hub, login):
    """What the hub's database says."""
    ada = Person(hub, "ada")
    header = {"Authorization": f"token {ada.token()}"}
    return httpx.get(f"{hub.url}/hub/api/users/{login}", headers=header).json()["admin"]


def test_an_administrator_is_made_and_unmade(hub, lists):
    Person(hub, "ben")
    assert not admin_of(hub, "ben")
    hub.access("admin", "ben")
    until(lambda: admin_of(hub, "ben"))
    hub.access("unadmin", "ben")
    until(lambda: not admin_of(hub, "ben"))
    assert Person(hub, "ben").reply.status_code == 200


@pytest.mark.parametrize("what", ["unadmin", "block"])
def test_who_was_an_administrator_leaves_other_people_s_servers(hub, lists, what):
    """The hub ends their session; ben's server goes on, and remembers for seconds what it was told."""
    hub.access("allow", "dora")
    hub.access("admin", "dora")
    started(hub, "ben")
    token = Person(hub, "dora").token()
    mine = {"Authorization": f"token {token}"}

    def status():
        return httpx.get(f"{hub.url}/user/ben/api/status", headers=mine).status_code

    assert status() == 200
    socket = channel(hub, "ben", token)
    assert hub.access(what, "dora")[0] == 0
    print("seconds until ben's server refuses:", round(until(lambda: status() == 403), 1))
    assert runs(hub, "ben")
    # Jupyter asks when a websocket is opened and then no more; the book says what cuts it (threats.md)
    assert not is_cut(socket)
    hub.services()["proxy"].restart()
    until(lambda: is_cut(socket))
    until(lambda: status() == 403)  # the proxy knows ben's server again, which knows dora no more


def test_who_was_an_administrator_keeps_no_service_and_no_token_for_ever(hub, lists):
    hub.access("allow", "dora")
    hub.access("admin", "dora")
    Person(hub, "ben")
    mine = {"Authorization": f"token {Person(hub, 'dora').token()}"}
    api = f"{hub.url}/hub/api"
    made = {"admin": True, "api_token": "0123456789abcdef" * 2}
    post = httpx.post(f"{api}/services/back-door", headers=mine, json=made)
    assert post.status_code == 405
    assert "services are part of the hub's configuration" in post.json()["message"]
    assert "back-door" not in httpx.get(f"{api}/services", headers=mine).json()
    month = 30 * 24 * 3600
    token = httpx.post(f"{api}/users/ben/tokens", headers=mine, json={"expires_in": month + 1})
    assert token.status_code == 400
    token = httpx.post(f"{api}/users/ben/tokens", headers=mine, json={})
    assert token.json()["expires_at"]


def test_ten_thousand_names_change_nothing(hub, lists):
    """Seconds are printed; the tests above have the same patience with three names."""
    names = "".join(f"person-{number:05}\n" for number in range(10_000))
    path = lists / "allowed_users"
    path.write_text(path.read_text() + names)
    ben = started(hub, "ben")
    began = time.monotonic()
    path.write_text(path.read_text().replace("ben\n", ""))
    took = {"cookie dead": until(lambda: not is_in(ben))}
    until(lambda: not runs(hub, "ben"))
    took["container gone"] = time.monotonic() - began
    print("seconds after an edit of 10,000 names:", {k: round(s, 1) for k, s in took.items()})
    assert until_entry(lists, "edited by hand")["logins"] == ["-ben allowed"]
    code, out = hub.access("explain", "person-09999")
    assert (code, "allowed_users line 1" in out) == (0, True), out
