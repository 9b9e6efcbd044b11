"""A change of the lists counts within seconds, for logins, cookies, tokens, servers and websockets."""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import httpx
import pytest
import websocket
from browser import WAIT, drawn, page_of
from docker.errors import NotFound
from laws import until
from roll_back import blocks
from trial import NAME, PROJECT, Person

from cyberhubs_lib.runs import Record

MORE = ["dora", "eve", "finn"]  # accounts of the stand-in beside the demo's own


@pytest.fixture(scope="module")
def hub(demo_hub):
    """The demo's hub with more accounts at the stand-in; afterwards as before."""
    accounts = demo_hub.home / "standin" / "accounts.json"
    before = accounts.read_text()
    lists = {path: path.read_text() for path in (demo_hub.home / "access").iterdir()
             if path.name in ("admins", "allowed_users", "blocked_users")}  # fmt: skip
    renumber(demo_hub, {login: 2000 + i for i, login in enumerate(MORE)})
    yield demo_hub
    accounts.write_text(before)
    for path, text in lists.items():
        path.write_text(text)
    demo_hub.services()["standin"].restart()
    demo_hub.healthy()


def started(demo, login):
    """Somebody with a new server."""
    person = Person(demo, login)
    person.stop()
    person.start()
    return person


def renumber(demo, numbers):
    """Give accounts of the stand-in these numbers; new ones are made."""
    path = demo.home / "standin" / "accounts.json"
    data = json.loads(path.read_text())
    kept = [a for a in data["accounts"] if a["login"] not in numbers]
    new = [{"login": login, "name": login, "id": number} for login, number in numbers.items()]
    path.write_text(json.dumps({**data, "accounts": kept + new}))
    demo.services()["standin"].restart()
    demo.healthy()


@pytest.fixture
def lists(hub):
    """The directory of the lists, put back afterwards."""
    folder = hub.home / "access"
    names = ("admins", "allowed_users", "blocked_users")
    before = {name: (folder / name).read_text() for name in names}
    yield folder
    for name, text in before.items():
        (folder / name).write_text(text)
    for name in ("recorded_users", "window"):
        (folder / name).unlink(missing_ok=True)
    until(lambda: not json.loads(status(hub))["held"])


def status(demo):
    code, out = demo.services()["hub"].exec_run(["cat", "/srv/state/access.json"])
    assert code == 0, out
    return out.decode()


def runs(demo, login):
    try:
        return demo.user_container(login).status == "running"
    except NotFound:
        return False


def is_in(person):
    """Whether the cookie still opens the hub's own page."""
    return person.web.get("/hub/home", follow_redirects=False).status_code == 200


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


def until_entry(folder, what):
    """The newest line of the ledger, once it says this."""

    def entries():
        return [json.loads(line.partition(" ")[2]) for line in
                (folder / "ledger").read_text().splitlines()]  # fmt: skip

    until(lambda: entries()[-1]["what"] == what)
    return entries()[-1]


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


@pytest.mark.parametrize(("on_close", "stays"), [("allow", True), ("review", False)])
def test_a_window_opens_and_closes_by_itself(hub, lists, on_close, stays):
    assert Person(hub, "mallory").reply.status_code == 403
    end = datetime.now(timezone.utc) + timedelta(hours=1)
    assert hub.access("open", end.isoformat(), "--on-close", on_close)[0] == 0
    hub.services()["hub"].restart()  # a window outlives it
    hub.healthy()
    page = httpx.get(f"{hub.url}/hub/login").text
    assert f"may come in until {end:%Y-%m-%d %H:%M}" in page
    mallory = Person(hub, "mallory")
    assert mallory.reply.status_code == 200
    assert "mallory" in (lists / "recorded_users").read_text()
    now = datetime.now(timezone.utc).isoformat()  # sooner than an hour: the time set anew by hand
    (lists / "window").write_text(f"open_until: {now}\non_close: {on_close}\n")
    until(lambda: not (lists / "window").exists())
    time.sleep(3)
    assert is_in(mallory) == stays
    assert ("mallory\n" in (lists / "allowed_users").read_text()) == stays
    code, out = hub.access("explain", "mallory")
    assert code == (0 if stays else 3), out
    assert Person(hub, "finn").reply.status_code == 403
    assert until_entry(lists, f"window closed, on close {on_close}")["who"] == "hub"


@pytest.mark.parametrize("how", ["command", "runbook"])
def test_a_slip_of_the_hand_stops_no_servers(hub, lists, how):
    people = ["ben", *MORE]
    assert hub.access("allow", *MORE)[0] == 0
    for login in people:
        started(hub, login)
    (lists / "allowed_users").write_text("")
    until(lambda: len(json.loads(status(hub))["held"]) == 4)
    assert Person(hub, "ben").reply.status_code == 403  # logins follow at once
    time.sleep(3)
    assert all(runs(hub, login) for login in people)
    archive = ["python3", "/srv/hub/manage.py", "archive", "ben"]
    code, said = hub.services()["hub"].exec_run(archive)  # not under a running server
    assert (code, b"waits for a confirmation, so the files stay" in said) == (1, True), said
    code, out = hub.access("apply")
    assert code == 3
    assert "4 running servers would stop: ben, dora, eve, finn" in out
    if how == "command":
        code, out = hub.access("apply", "--confirm")
        assert code == 0, out
    else:
        run_10(hub, stop_servers=True)
    until(lambda: not any(runs(hub, login) for login in people))
    assert until_entry(lists, "confirmed")["logins"] == people
    until(lambda: not (lists / "confirmed").exists())  # the next slip is another


def test_a_login_belongs_to_an_account(hub, lists):
    assert Person(hub, "ben").reply.status_code == 200
    hub.services()["hub"].exec_run(["sh", "-c", "echo mine > /srv/jupyterhub_users/ben/own.txt"])
    try:
        renumber(hub, {"ben": 9999})  # the name was freed, and somebody else took it
        refused = Person(hub, "ben").reply
        assert refused.status_code == 403
        assert "not the one that had this name here" in refused.text
        renumber(hub, {"benny": 1002})  # and this is where the first one went
        assert hub.access("allow", "benny")[0] == 0
        refused = Person(hub, "benny").reply
        assert refused.status_code == 403
        assert "known here as ben" in refused.text
        moved = hub.operator.call(
            sys.executable, "-m", "cyberhubs_lib", "run", "10", "-p", "site", str(hub.site),
            "-p", "rename", "ben:benny",
        )  # fmt: skip
        assert moved.code == 0, moved.out
        assert Person(hub, "benny").reply.status_code == 200
        assert hub.file("benny", "own.txt") == "mine\n"
    finally:
        hub.services()["hub"].exec_run(
            ["sh", "-c", "cd /srv/jupyterhub_users; mv benny ben; mv .accounts/benny .accounts/ben"]
        )
        renumber(hub, {"ben": 1002})


def test_who_never_started_a_server_is_renamed_too(hub, lists):
    assert hub.access("allow", "finn")[0] == 0
    assert Person(hub, "finn").reply.status_code == 200
    renumber(hub, {"finnja": 2000 + MORE.index("finn")})
    assert hub.access("allow", "finnja")[0] == 0
    assert "known here as finn" in Person(hub, "finnja").said
    moved = run_10(hub, rename="finn:finnja")
    assert [row["status"] for row in moved["Files"]] == ["changed"]
    assert Person(hub, "finnja").reply.status_code == 200
    hub.in_hub("rm /srv/jupyterhub_users/.accounts/finnja")


def test_a_name_that_only_looks_like_another_stays_out(hub, lists):
    renumber(hub, {"\N{LATIN SMALL LETTER LONG S}am": 3000})
    assert hub.access("allow", "sam")[0] == 0
    refused = Person(hub, "\N{LATIN SMALL LETTER LONG S}am")
    assert refused.reply.status_code == 403
    assert "cannot be a name here" in refused.said


@pytest.mark.parametrize("line", ["@ben", "Ben", " ben # since May", "ben\r"])
def test_the_way_back_of_the_page_takes_any_line_off(hub, lists, line):
    (lists / "allowed_users").write_bytes(f"# people\n{line}\nbenny\n".encode())
    (block,) = blocks("10_manage_access", SITE=NAME, LOGIN="ben")
    done = hub.operator.call("sh", "-c", f'sudo() {{ "$@"; }}\n{block}')  # who tests is root
    assert done.code == 0, done.out
    assert (lists / "allowed_users").read_text() == "# people\nbenny\n"
    assert hub.access("explain", "ben")[0] == 3


def test_the_reason_is_told(hub, lists):
    code, out = hub.access("explain", "ada")
    assert (code, out.strip().startswith("ada may enter: administrator (admins line 2)")) == (
        0,
        True,
    )
    hub.access("block", "ada")
    code, out = hub.access("explain", "ADA", "ben")
    assert code == 3
    assert "ada may not enter: blocked on this hub (blocked_users line 2)" in out
    assert "block by " in out
    assert hub.access("explain", "no such login!")[0] == 1


def run_10(demo, **params):
    words = [word for key, value in params.items() for word in ("-p", key, str(value))]
    done = demo.operator.call(
        sys.executable, "-m", "cyberhubs_lib", "run", "10", "-p", "site", str(demo.site), *words
    )
    assert done.code == 0, done.out
    return {r["title"]: r["rows"] for r in Record(demo.records()[-1]).reports()}


def test_the_runbook_changes_once_and_explains(hub, lists):
    shown = run_10(hub, allow="dora,Eve", dry_run=True)
    assert [row["status"] for row in shown["Lists (dry run: nothing is changed)"]] == [
        "would change"
    ] * 2
    assert "dora" not in (lists / "allowed_users").read_text()
    first = run_10(hub, allow="dora,Eve", explain="ben")
    assert [row["status"] for row in first["Lists"]] == ["changed", "changed"]
    found = {row["label"]: row for row in first["Verify"]}
    assert found["dora"]["was"].startswith("may enter: on the list of allowed users")
    assert found["ben"]["was"].startswith("may enter")
    before = {p.name: p.stat().st_mtime_ns for p in lists.iterdir()}
    again = run_10(hub, allow="dora,Eve")
    assert [row["status"] for row in again["Lists"]] == ["ok", "ok"]
    assert {p.name: p.stat().st_mtime_ns for p in lists.iterdir()} == before
    last = until_entry(lists, "allow")
    assert last["logins"] == ["dora", "eve"]
    assert last["run"] in [path.stem for path in hub.records()]


def test_files_are_deleted_only_with_their_name(hub, lists):
    hub.access("allow", "dora")
    started(hub, "dora")  # and goes on: the files are not touched before the server has ended
    words = ["run", "10", "-p", "site", str(hub.site), "-p", "remove", "dora", "-p", "files"]
    call = (sys.executable, "-m", "cyberhubs_lib", *words)
    refused = hub.operator.call(*call, "delete")
    assert refused.code == 1
    assert "confirm = 'dora'" in refused.out
    look = ["test", "-d", "/srv/jupyterhub_users/dora"]
    assert hub.services()["hub"].exec_run(look)[0] == 0
    done = hub.operator.call(*call, "delete", "-p", "confirm", "dora")
    assert done.code == 0, done.out
    assert not runs(hub, "dora")
    assert hub.services()["hub"].exec_run(look)[0] == 1


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
