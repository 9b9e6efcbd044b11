"""Members of an organisation at the door: what is written down, and when it is asked again."""

from datetime import datetime, timedelta, timezone

import ask_again
import ledger
import pytest
from access import Rules, decide
from ask_again import AskAgain
from clock import Clock
from door import Door
from github_in_memory import ORGANIZATIONS, github_of, run, serving
from lists import read
from members import Answer
from tornado.httpclient import HTTPError

RULES = Rules(organizations=ORGANIZATIONS, hours=24)
YES, NO = Answer("institute"), Answer("", frozenset(ORGANIZATIONS))
UNSURE = Answer("", frozenset(["survey:pipeline"]), ("institute: away",))


class Time(Clock):
    """The door's clock, with the machine's time set by the test."""

    time = datetime(2026, 11, 25, tzinfo=timezone.utc)

    def real(self):
        return self.time


@pytest.fixture
def door(tmp_path):
    for folder in ("access", "homes", "state"):
        (tmp_path / folder).mkdir()
    for name in ("admins", "allowed_users", "blocked_users"):
        (tmp_path / "access" / name).write_text("")
    door = Door(RULES, tmp_path / "access", tmp_path / "homes", tmp_path / "state")
    door.clock = Time(tmp_path / "state" / "clock")
    return door


def test_a_member_comes_in_and_one_who_left_does_not(door):
    assert door.enter("mia", "github:1").rule == "unlisted"
    door.saw({"mia": ("github:1", YES)})
    decision = door.enter("mia", "github:1")
    assert decision.allowed
    assert decision.why == "a member of institute (seen 2026-11-25 00:00 UTC)"
    door.saw({"mia": ("github:1", UNSURE)})  # has not left
    assert door.decide("mia").rule == "member"
    door.saw({"mia": ("github:1", NO)})
    assert door.decide("mia").rule == "unlisted"
    said = [(e.who, e.what, e.logins) for e in ledger.entries(door.folder)]
    assert said == [
        ("hub", "member of institute", ("mia",)),
        ("hub", "no member of institute", ("mia",)),
    ]
    assert ledger.verify(door.folder)[2] == ""


def test_seen_again_counts_from_then_and_is_no_news(door):
    door.saw({"mia": ("github:1", YES)})
    door.enter("mia", "github:1")
    door.clock.time += timedelta(hours=23)
    door.saw({"mia": ("github:1", YES)})
    door.clock.time += timedelta(hours=24)
    assert door.decide("mia").allowed
    door.clock.time += timedelta(seconds=1)
    assert door.decide("mia").rule == "stale"
    assert len(list(ledger.entries(door.folder))) == 1


def test_a_freed_name_changes_nothing_for_its_first_account(door):
    door.saw({"mia": ("github:1", YES)})
    door.enter("mia", "github:1")
    before = (door.folder / "members").read_text()
    for answer in (YES, NO):
        door.saw({"mia": ("github:99", answer)})
        assert (door.folder / "members").read_text() == before
    assert door.enter("mia", "github:99").rule in ("recycled", "unlisted")


def test_an_organisation_that_the_site_no_longer_names_lets_nobody_in(door):
    door.saw({"mia": ("github:1", YES)})
    door.enter("mia", "github:1")
    account = door.accounts.of("mia")
    lists = read(door.folder, Rules(organizations=("survey:pipeline",)))
    assert decide("mia", lists, door.clock.now(), account).rule == "unlisted"
    assert decide("mia", read(door.folder), door.clock.now(), account).rule == "unlisted"


def test_lines_that_are_old_go(door):
    door.saw({"mia": ("github:1", YES)})
    door.clock.time += timedelta(hours=49)
    door.saw({"pia": ("github:2", Answer("survey:pipeline"))})
    text = (door.folder / "members").read_text()
    assert "pia" in text
    assert "mia" not in text


@pytest.mark.parametrize("text", ["mia github:1 institute\n", "\0", "mia a institute yesterday\n",
                                  "mia github:1 institute 2026-11-25T00:00:00\n"])  # fmt: skip
def test_a_damaged_file_lets_nobody_in_and_ends_nobody(door, text):
    (door.folder / "members").write_text(text)
    lists = read(door.folder, RULES)
    assert lists.problems[0].startswith("members cannot be read")
    assert decide("mia", lists, door.clock.now()).rule == "unsure"
    assert not read(door.folder).problems  # a site without organisations does not look


class FakeHub:
    """Users of the hub with the token of their last login."""

    def __init__(self, **tokens):
        self.tokens, self.asked = tokens, []

    async def ask(self, method, path, body=None):
        name = path.rpartition("/")[2]
        self.asked.append(name)
        if name not in self.tokens:
            raise HTTPError(404)
        token = self.tokens[name]
        return {"name": name, "auth_state": token and {"access_token": token}}


@pytest.fixture
def github():
    """The stand-in: its API, and a way to a token."""
    with serving() as serve:
        yield github_of(serve)


def test_members_are_asked_about_again_when_it_is_time(door, github, monkeypatch):
    api, token = github
    hub = FakeHub(mia=token("mia"), max=token("max"), sue=None)
    for login, number in (("mia", 1), ("max", 4), ("sue", 3), ("gone", 5)):
        door.saw({login: (f"github:{number}", YES)})
        door.enter(login, f"github:{number}")
    again = AskAgain(hub, door, api)
    run(again.once())
    assert hub.asked == []  # all were seen just now
    door.clock.time += timedelta(seconds=ask_again.EVERY)
    run(again.once())
    assert sorted(hub.asked) == ["gone", "max", "mia", "sue"]
    rules = {login: door.decide(login).rule for login in ("mia", "max", "sue", "gone")}
    assert rules == {"mia": "member", "max": "unlisted", "sue": "member", "gone": "member"}
    seen = door.live.now().members
    assert seen["mia"].seen == door.clock.now()
    assert seen["sue"].seen < door.clock.now()  # no token any more: it ages
    hub.asked.clear()
    run(again.once())
    assert hub.asked == []  # not again and again those of whom nothing can be told


def test_a_clock_that_was_ahead_for_a_moment_leaves_members_as_they_are(door):
    right = door.clock.time
    for login, account in (("mia", "github:1"), ("sue", "github:3")):
        door.saw({login: (account, YES)})
        door.enter(login, account)
    door.clock.time += timedelta(hours=25)
    door.clock.now()
    door.saw({"mia": ("github:1", YES)})
    door.clock.time = right + timedelta(minutes=1)
    assert door.clock.now() > right + timedelta(hours=24)  # by this time no window opens again
    assert "until then no window is open" in door.clock.doubt()
    assert (door.decide("mia").rule, door.decide("sue").rule) == ("member", "member")
    hub = FakeHub(mia=None)
    run(AskAgain(hub, door, "http://127.0.0.1:9").once())
    assert hub.asked == ["mia"]  # was seen in the future
    assert door.live.now().members["mia"].seen == door.clock.time  # and ages from now on
    door.clock.time += timedelta(hours=24, seconds=1)
    assert door.decide("mia").rule == "stale"


def test_what_could_not_be_asked_is_a_warning(door):
    door.saw({"mia": ("github:1", YES)})
    door.clock.time += timedelta(seconds=ask_again.EVERY)
    again = AskAgain(FakeHub(mia="x"), door, "http://127.0.0.1:9")
    told = again.doubts
    run(again.once())
    assert [doubt.partition(":")[0] for doubt in told] == ["institute", "survey"]
    assert "GitHub cannot be asked" in told[0]
