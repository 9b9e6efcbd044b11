"""Everybody in the hub's database, as the watch asks for them."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import hub_api
import pytest
from judge import Person


def user(name, **more):
    return {"name": name, "admin": False, "servers": {}, "pending": None, **more}


@pytest.fixture
def people(monkeypatch):
    """A function: what the hub says of these users, of whom it leaves out those that are None."""
    monkeypatch.setattr(hub_api, "PAGE", 3)

    def of(users):
        hub = hub_api.Hub("http://hub", "token")

        async def ask(method, path, body=None):
            offset = int(path.rpartition("=")[2])
            items = [one for one in users[offset : offset + 3] if one]
            return {"items": items, "_pagination": {"total": len(users)}}

        hub.ask = ask
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, hub.people()).result(), hub.odd

    return of


@pytest.mark.parametrize("number", [0, 1, 3, 4, 7])
def test_all_pages_are_read(people, number):
    names = [f"person{n}" for n in range(number)]
    assert people([user(name) for name in names]) == ([Person(name) for name in names], [])


def test_who_runs_and_who_is_an_administrator(people):
    found, _ = people(
        [user("a", admin=True), user("b", servers={"": {}}), user("c", pending="stop")]
    )
    assert found == [Person("a", admin=True), Person("b", running=True), Person("c", running=True)]


@pytest.mark.parametrize("odd", [None, user(None), user(5), user("bén"), {}])
def test_a_broken_record_hides_none_of_the_others(people, odd):
    found, alarms = people([user("ada"), odd, user("ben"), user("carl")])
    assert [person.name for person in found] == ["ada", "ben", "carl"]
    assert len(alarms) == 1
    assert "without a usable name, whom the lists do not reach: 1;" in alarms[0]
