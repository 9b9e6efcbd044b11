"""The service that ends what the lists no longer allow, with a hub that is a dictionary."""

import asyncio
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor

import changes
import ledger
import manage
import pytest
import stopped
import watch
from door import Door
from judge import Person
from lists import fingerprint, read
from tornado.httpclient import HTTPError


class FakeHub:
    """Its users; for those in `fails` every change answers with an error."""

    def __init__(self, *names):
        self.users = {name: Person(name, running=True) for name in names}
        self.fails = {}
        self.odd = []

    async def people(self):
        return list(self.users.values())

    async def ask(self, method, path, body=None):
        name = path.removeprefix("/users/")
        if name in self.fails:
            raise self.fails[name]
        del self.users[name]


@pytest.fixture
def place(tmp_path):
    for name in ("access", "homes", "state"):
        (tmp_path / name).mkdir()
    for name in ("admins", "blocked_users"):
        (tmp_path / "access" / name).write_text("")
    (tmp_path / "access" / "allowed_users").write_text("ben\ncarl\n")
    return tmp_path


class FakeDocker(dict):
    """login -> whether the container runs; while it is away nothing can be told."""

    away = False

    def end(self, login, still):
        if self.away:
            raise OSError("the broker says 502")
        return bool(still() and self.pop(login, False))


def watching(place, hub, containers=None):
    """A watch as the hub starts it."""
    door = Door(folder=place / "access", homes=place / "homes", state=place / "state")
    end = (FakeDocker() if containers is None else containers).end
    return watch.Watch(hub, door, place / "state", end)


def look(one, times=1):
    """In a thread: where Playwright was used this one has a loop for ever."""
    with ThreadPoolExecutor(1) as thread:
        for _ in range(times):
            thread.submit(asyncio.run, one.look()).result()


def said(place):
    return json.loads((place / "state" / "access.json").read_text())


def entries(place):
    return [(entry.what, list(entry.logins)) for entry in ledger.entries(place / "access")]


def test_one_who_cannot_be_ended_does_not_keep_the_others_in(place, monkeypatch):
    hub = FakeHub("ben", "carl")
    one = watching(place, hub)
    look(one)
    hub.fails = {"ben": HTTPError(500)}  # JupyterHub's answer while a server is starting
    (place / "access" / "allowed_users").write_text("# nobody\n")
    look(one, 2)
    assert list(hub.users) == ["ben"]
    assert entries(place)[-1] == ("edited by hand", ["-ben allowed", "-carl allowed"])
    assert said(place)["alarms"] == []
    monkeypatch.setattr(watch, "PATIENCE", -1)
    look(one)
    assert "done to ben fails" in said(place)["alarms"][0]
    hub.fails = {}
    look(one, 2)
    assert (hub.users, said(place)["alarms"]) == ({}, [])


@pytest.mark.parametrize("spoiled", ["window", "allowed_users", "recorded_users"])
def test_who_is_blocked_goes_while_another_file_is_faulty(place, spoiled):
    hub = FakeHub("ben", "carl")
    one = watching(place, hub)
    look(one)
    (place / "access" / spoiled).write_bytes(b"\xff")
    (place / "access" / "blocked_users").write_text("ben\n")
    look(one, 2)
    assert list(hub.users) == ["carl"]
    assert spoiled in said(place)["alarms"][0]
    assert one.door.decide("ada").why.startswith(f"not known just now: {spoiled}")


def test_a_list_of_the_blocked_that_cannot_be_read_ends_nobody(place):
    hub = FakeHub("ben", "carl")
    one = watching(place, hub)
    look(one)
    (place / "access" / "blocked_users").write_bytes(b"ben\n\xff\n")
    look(one, 3)
    assert list(hub.users) == ["ben", "carl"]


TEN = [f"person{number}" for number in range(10)]


@pytest.fixture
def ten(place):
    """Ten people with a running server."""
    (place / "access" / "allowed_users").write_text("\n".join(TEN) + "\n")
    return FakeHub(*TEN)


def test_four_who_are_blocked_by_one_command_go(place, ten):
    one = watching(place, ten)
    look(one)
    changes.edit(place / "access", "block", TEN[:4], "joe")
    look(one, 2)
    assert (list(ten.users), said(place)["held"]) == (TEN[4:], [])
    look(one)
    assert changes.confirmed(place / "access") == set()
    (place / "access" / "allowed_users").write_text("")  # the next slip is another
    look(one, 3)
    assert said(place)["held"] == list(ten.users) == TEN[4:]


def test_four_who_are_removed_or_blocked_by_a_file_wait(place, ten):
    one = watching(place, ten)
    look(one)
    changes.edit(place / "access", "remove", TEN[:4], "joe")
    look(one, 3)
    changes.edit(place / "access", "block", TEN[4:8], "joe", wait=True)
    look(one, 3)
    assert (list(ten.users), said(place)["held"]) == (TEN, TEN[:8])
    changes.edit(place / "access", "block", TEN[:4], "joe")
    look(one, 3)
    assert (list(ten.users), said(place)["held"]) == (TEN[4:], TEN[4:8])


def test_a_command_in_the_middle_of_a_look_is_not_forgotten(place, ten, monkeypatch):
    """Between what was confirmed, the lists, and what the hub says: wherever it comes."""
    one = watching(place, ten)
    look(one)
    now = one.door.live.now

    def then_somebody_blocks():
        lists = now()
        if not changes.read(place / "access").blocked:
            changes.edit(place / "access", "block", TEN[:4], "joe")
        return lists

    monkeypatch.setattr(one.door.live, "now", then_somebody_blocks)
    look(one, 4)
    assert (list(ten.users), said(place)["held"]) == (TEN[4:], [])


def test_a_server_that_the_hub_could_not_stop_is_stopped_when_docker_is_back(place, monkeypatch):
    """The hub answers 204 although its own stop failed; a hub made anew goes on."""
    hub, containers = FakeHub("ben", "carl"), FakeDocker(ben=True, carl=True)
    look(watching(place, hub, containers))
    (place / "access" / "blocked_users").write_text("ben\n")
    containers.away = True
    look(watching(place, hub, containers), 2)
    assert list(hub.users) == ["carl"]
    one = watching(place, hub, containers)
    monkeypatch.setattr(watch, "PATIENCE", -1)
    look(one)
    assert said(place)["alarms"] == [
        "what is to be done to ben fails again and again: the broker says 502"
    ]
    containers.away = False
    look(one)
    assert (containers, said(place)["alarms"]) == ({"carl": True}, [])
    assert stopped.names(place / "state") == []


def test_any_stop_is_looked_at_and_a_new_start_left_alone(place):
    hub, containers = FakeHub("ben", "carl"), FakeDocker(ben=True, carl=True)
    one = watching(place, hub, containers)
    look(one)
    for name in ("ben", "carl", "../access"):  # by the user, an administrator, the culler
        stopped.note(name, place / "state")
    stopped.forget("carl", place / "state")  # starts again
    look(one)
    assert containers == {"carl": True}
    assert list(hub.users) == ["ben", "carl"]


def test_a_watch_that_does_not_look_is_an_alarm(place):
    path = place / "state" / "access.json"
    assert manage.status(path)["alarms"] == ["the watch has not looked yet"]
    hub = FakeHub("ben")
    one = watching(place, hub)
    look(one)
    assert manage.status(path)["alarms"] == []
    os.utime(path, (0, time.time() - 16))
    hub.people = None  # the look fails before its end
    (place / "access" / "allowed_users").write_text("ben\n")
    with pytest.raises(TypeError):
        look(one)
    assert "the watch has not looked for 16 s" in manage.status(path)["alarms"][0]
    del hub.people
    look(one)
    assert manage.status(path)["alarms"] == []


def test_users_that_cannot_be_used_are_an_alarm(place):
    hub = FakeHub("ben")
    hub.odd = ["users of the hub's database without a usable name"]
    look(watching(place, hub))
    assert said(place)["alarms"] == hub.odd


def test_an_idle_hub_is_not_asked_and_its_lists_are_not_read(place, monkeypatch):
    hub, asked = FakeHub("ben", "carl"), []
    monkeypatch.setattr(FakeHub, "people", lambda self: asked.append(1) or _people(self))
    monkeypatch.setattr(watch, "odd_lines", lambda folder: asked.append(2) or [])
    one = watching(place, hub)
    for path in (place / "access").iterdir():  # not so new that they may still be written to
        os.utime(path, (0, time.time() - 60))
    look(one, 2)
    asked.clear()
    look(one, 20)
    assert asked == []


def test_a_hub_that_changed_is_compared_with_the_lists(place, monkeypatch):
    hub, database = FakeHub("ben", "carl"), place / "state" / watch.DATABASE
    monkeypatch.setattr(watch, "HUB_PERIOD", 0)
    one = watching(place, hub)
    look(one, 2)
    database.write_text("an administrator made eve")  # in the hub's pages, or by its API
    hub.users["eve"] = Person("eve", running=True)
    look(one, 2)
    assert list(hub.users) == ["ben", "carl"]


def test_who_changed_the_lists_sees_that_the_watch_has_looked(place):
    one = watching(place, FakeHub("ben"))
    look(one)
    before = said(place)["lists"]
    (place / "access" / "blocked_users").write_text("carl\n")
    assert said(place)["lists"] == before
    look(one)
    assert said(place)["lists"] == fingerprint(read(place / "access")) != before


def test_a_sign_of_life_is_not_a_write_at_each_look(place):
    one, path = watching(place, FakeHub()), place / "state" / "access.json"
    look(one, 2)
    old = time.time() - watch.ALIVE + 1
    os.utime(path, (0, old))
    look(one)
    assert path.stat().st_mtime == pytest.approx(old)
    os.utime(path, (0, old - 1))
    look(one)
    assert time.time() - path.stat().st_mtime < watch.ALIVE


async def _people(hub):
    return list(hub.users.values())


def test_an_edit_while_the_hub_was_down_is_told_as_what_it_was(place):
    look(watching(place, FakeHub()))
    (place / "access" / "allowed_users").write_text("ben\ndora\n")
    look(watching(place, FakeHub()))
    assert entries(place) == [
        ("begin", ["+ben allowed", "+carl allowed"]),
        ("edited by hand", ["+dora allowed", "-carl allowed"]),
    ]
    (place / "state" / "lists.json").unlink()  # as with a hub whose state is new
    (place / "access" / "allowed_users").write_text("ben\n")
    look(watching(place, FakeHub()))
    assert entries(place)[2:] == [("found as it is: nobody looked before", [])]
