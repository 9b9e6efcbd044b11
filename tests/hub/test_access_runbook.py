"""Runbook 10 and `access` on a running hub: windows, confirmations, new names, reasons, files."""

import json
import sys
import time
from datetime import datetime, timedelta, timezone

import httpx
import pytest
from changing_lists import (
    MORE,
    is_in,
    more_accounts,
    put_back,
    renumber,
    runs,
    started,
    status,
    until_entry,
)
from laws import until
from roll_back import blocks
from trial import NAME, Person

from cyberhubs_lib.runs import Record


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


def run_10(demo, **params):
    words = [word for key, value in params.items() for word in ("-p", key, str(value))]
    done = demo.operator.call(
        sys.executable, "-m", "cyberhubs_lib", "run", "10", "-p", "site", str(demo.site), *words
    )
    assert done.code == (2 if params.get("dry_run") else 0), done.out  # 2: something would change
    return {r["title"]: r["rows"] for r in Record(demo.records()[-1]).reports()}


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


def test_many_removed_by_one_command_wait_and_many_blocked_by_name_go(hub, lists):
    people = ["ben", *MORE]
    assert hub.access("allow", *MORE)[0] == 0
    for login in people:
        started(hub, login)
    code, out = hub.access("remove", *people)
    assert (code, out.count("on no list, but the running server waits")) == (3, 4), out
    assert all(runs(hub, login) for login in people)
    began = time.monotonic()
    code, out = hub.access("block", *people)
    assert (code, out.count("blocked, out within seconds")) == (0, 4), out
    until(lambda: not any(runs(hub, login) for login in people))
    print("seconds until four blocked are out:", round(time.monotonic() - began, 1))
    until(lambda: not (lists / "confirmed").exists())


def test_a_removed_person_whom_a_window_lets_in_is_told(hub, lists):
    end = datetime.now(timezone.utc) + timedelta(hours=1)
    assert hub.access("open", end.isoformat())[0] == 0
    code, out = hub.access("remove", "ben")
    assert (code, "ben: on no list, but may enter: everybody may come in until" in out) == (3, True)


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


def test_the_runbook_changes_once_and_explains(hub, lists):
    shown = run_10(hub, allow="dora,Eve", dry_run=True)
    assert [row["status"] for row in shown["Lists"]] == ["would change"] * 2
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
