"""Any sequence of edits, logins, clock steps and restarts: the hub agrees with a model of ten lines."""

import asyncio
import contextlib
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path

import changes
import ledger
import watch
from access import Rules
from clock import Clock
from door import Door
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from judge import Person
from lists import NAMES
from members import Answer

LOGINS = ["ada", "ben", "carl", "dora", "eve"]
START = datetime(2026, 11, 25, tzinfo=timezone.utc)
names = st.one_of(st.sets(st.sampled_from(LOGINS)), st.sampled_from([set(), set(LOGINS)]))


def number(login):
    """Of somebody's account."""
    return f"github:{LOGINS.index(login)}"


class Time(Clock):
    """The door's clock, with the machine's time set by the test."""

    time = START

    def real(self):
        return self.time


class FakeHub:
    """The hub's users, as its API gives and takes them."""

    def __init__(self):
        self.users: dict[str, Person] = {}
        self.odd: list[str] = []

    async def people(self):
        return list(self.users.values())

    async def ask(self, method, path, body=None):
        name = path.removeprefix("/users/")
        if method == "DELETE":
            del self.users[name]
        else:
            self.users[name] = Person(name, body["admin"], self.users[name].running)


class Access(RuleBasedStateMachine):
    """The real door, watch and files; the hub's database is a dictionary."""

    @initialize(admins=names, allowed=names, blocked=names)
    def begin(self, admins, allowed, blocked):
        self.stack = contextlib.ExitStack()
        root = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.folder, self.root = root / "access", root
        for path in (self.folder, root / "homes", root / "state"):
            path.mkdir()
        self.lists = dict(zip(NAMES, (admins, allowed, blocked), strict=True))
        for name, logins in self.lists.items():
            self.write(name, logins)
        self.hub, self.time, self.window, self.recorded = (
            FakeHub(),
            Time(root / "clock"),
            None,
            set(),
        )
        self.waiting = set()  # who came in an earlier window
        self.unreadable = set()
        self.seen = {}  # login -> organisation, when
        self.restart()

    def write(self, name, logins):
        (self.folder / name).write_text("".join(f"{login}\n" for login in sorted(logins)))

    @rule()
    def restart(self):
        rules = Rules(organizations=("institute", "institute:team"), hours=2)
        self.door = Door(rules, self.folder, self.root / "homes", self.root / "state")
        self.door.clock = self.time
        self.watch = watch.Watch(self.hub, self.door, self.root / "state")

    @rule(name=st.sampled_from(NAMES), logins=names)
    def edit_by_hand(self, name, logins):
        self.lists[name] = logins
        self.unreadable.discard(name)
        self.write(name, logins)

    @rule(stop=st.sets(st.sampled_from(LOGINS)), restarted=st.booleans())
    def a_slip_of_the_hand(self, stop, restarted):
        for name in NAMES:
            self.edit_by_hand(name, set(LOGINS) if name == "allowed_users" else set())
        self.settle()
        self.all_log_in(True)
        self.edit_by_hand("allowed_users", set())
        self.settle()
        if restarted:
            self.restart()
        for login in stop & set(self.hub.users):
            self.hub.users[login] = Person(login)  # stopped by its owner
        self.settle()

    @rule()
    def a_review_and_a_slip_later(self):
        self.edit_by_hand("allowed_users", set())
        self.open_window(1, "review")
        self.all_log_in(True)
        self.time_passes(1)
        self.settle()
        self.the_review()
        self.all_log_in(True)
        self.settle()
        self.edit_by_hand("allowed_users", set())
        self.settle()

    @rule()
    def the_review(self):
        self.edit_by_hand(
            "allowed_users", self.lists["allowed_users"] | self.recorded | self.waiting
        )

    @rule()
    def confirm(self):
        held = self.watch.verdict.held
        if held:
            changes.confirm(self.folder, held, "test")
            self.settle()
            left = {n for n in held if n in self.hub.users and not self.model(n)}
            assert not left or self.unreadable

    @rule(name=st.sampled_from((*NAMES, "window")))
    def spoil(self, name):
        self.unreadable.add(name)
        (self.folder / name).write_bytes(b"\xff")

    @rule(minutes=st.integers(1, 90), on_close=st.sampled_from(["allow", "review"]))
    def open_window(self, minutes, on_close):
        self.unreadable.discard("window")
        self.window = (self.time.time + timedelta(minutes=minutes), on_close)
        changes.open_window(self.folder, self.window[0].isoformat(), on_close, "test")

    @rule(minutes=st.integers(-90, 90))
    def time_passes(self, minutes):
        """Or goes back, as somebody sets it right; the hub looks at it all the time."""
        self.time.time += timedelta(minutes=minutes)
        self.time.now()

    @rule(
        login=st.sampled_from(LOGINS),
        member=st.sampled_from(["", "institute", "institute:team"]),
        away=st.booleans(),
    )
    def the_provider_answers(self, login, member, away):
        """At a login, or when it is asked again; `away`: about the organisation it says nothing."""
        denied = {"institute", "institute:team"} - {member} - ({"institute"} if away else set())
        self.the_file_is_written()
        self.door.saw({login: (number(login), Answer(member, frozenset(denied)))})
        if member:
            self.seen[login] = (member, self.time.time)
        elif login in self.seen and self.seen[login][0] in denied:
            del self.seen[login]

    def the_file_is_written(self):
        """Who was seen in the future counts as seen now, and what is twice too old goes."""
        now = self.time.time
        self.seen = {
            login: (organization, min(when, now))
            for login, (organization, when) in self.seen.items()
            if now - when <= timedelta(hours=4)
        }

    @rule(login=st.sampled_from(LOGINS))
    def another_account_takes_the_name(self, login):
        """And belongs to the organisation: that counts only while nobody had the name here."""
        before = self.door.accounts.owner(login)
        self.the_file_is_written()
        self.door.saw({login: ("github:99", Answer("institute"))})
        if not before:
            self.seen.pop(login, None)  # it is written down, but for another account than ours
        assert self.door.decide(login, "github:99").rule in (
            ("recycled", "blocked", "unsure", "unlisted", "closed", "stale") if before else
            ("admin", "allowed", "blocked", "unsure", "member")
        )  # fmt: skip

    @rule(login=st.sampled_from(LOGINS), running=st.booleans())
    def log_in(self, login, running):
        model = self.model(login)
        decision = self.door.enter(login, number(login))
        assert decision.allowed == (model and not self.unreadable)
        if decision.allowed:
            self.hub.users[login] = Person(login, decision.admin, running)
            by_name = login in self.lists["admins"] | self.lists["allowed_users"]
            by_name = by_name or self.member(login)
            if self.window and self.time.now() < self.window[0] and not by_name:
                self.recorded.add(login)
                self.waiting.discard(login)

    @rule(running=st.booleans())
    def all_log_in(self, running):
        for login in LOGINS:
            self.log_in(login, running)

    @rule()
    def look(self):
        held, users = self.watch.verdict.held, dict(self.hub.users)
        may_stop = changes.confirmed(self.folder) | (
            self.recorded | self.waiting if self.closes() else set()
        )
        # in a thread: where Playwright was used this one has a loop for ever
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, self.watch.look()).result()
        if self.closes():
            self.close()
        stopped = {name for name, person in users.items() if person.running} - set(self.hub.users)
        unconfirmed = stopped - may_stop
        assert len(unconfirmed) <= 3
        for name in unconfirmed & set(held):
            assert name in self.lists["blocked_users"]
            assert held[name].rule != "blocked"

    def closes(self):
        """Whether the next look closes the window."""
        return self.window and self.time.now() >= self.window[0] and not self.unreadable

    def close(self):
        """The model's own closing of the window."""
        if self.window[1] == "allow":
            self.lists["allowed_users"] = self.lists["allowed_users"] | (
                self.recorded - self.lists["blocked_users"]
            )
        else:
            self.waiting |= self.recorded
        self.recorded = set()
        self.window = None

    @rule()
    def settle(self):
        to_stop = {n for n, p in self.hub.users.items() if p.running and not self.model(n)}
        # all of them by what happened since the last look, and nobody was told of it
        verdict, told = self.watch.verdict, changes.confirmed(self.folder) or self.closes()
        at_once = not verdict.refused and not verdict.held and not told
        for _ in range(4):
            self.look()
        if self.unreadable:
            readable = "blocked_users" not in self.unreadable
            blocked = self.lists["blocked_users"] & set(self.hub.users) if readable else set()
            assert blocked <= set(self.watch.status["held"])
            return
        left = {n for n in self.hub.users if not self.model(n)}
        assert left == set(self.watch.status["held"])
        assert not changes.confirmed(self.folder)
        if at_once:
            assert left == (to_stop if len(to_stop) > 3 else set())
        for name, person in self.hub.users.items():
            assert name in left or person.admin == (name in self.lists["admins"])

    def model(self, login):
        """May they enter? The whole of it."""
        if login in self.lists["blocked_users"]:
            return False
        if login in self.lists["admins"] | self.lists["allowed_users"]:
            return True
        if self.member(login):
            return True
        if self.window and self.time.now() < self.window[0]:
            return True
        return bool(self.window and self.window[1] == "allow" and login in self.recorded)

    def member(self, login):
        """Seen as one within two hours."""
        seen = self.seen.get(login)
        return bool(seen and self.time.time - seen[1] <= timedelta(hours=2))

    @invariant()
    def the_ledger_is_unbroken(self):
        if hasattr(self, "folder"):
            assert ledger.verify(self.folder)[2] == ""

    def teardown(self):
        if hasattr(self, "stack"):
            self.stack.close()


# a busy machine is slow at making examples, which says nothing of them
Access.TestCase.settings = settings(
    max_examples=100, stateful_step_count=30, suppress_health_check=[HealthCheck.too_slow]
)
TestAccess = Access.TestCase
