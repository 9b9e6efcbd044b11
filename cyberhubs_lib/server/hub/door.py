"""Lists, accounts and clock together, as login, spawn and watch ask them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from access import LISTED, Decision, Rules, decide, fold, show_time
from accounts import HOMES, Accounts
from changes import locked, record
from clock import Clock
from lists import ACCESS, LiveLists
from members import Answer, remember

STATE = Path("/srv/state")  # the volume hub_state
STATUS = "access.json"  # what watch.py says, in that volume


def rules_of(settings: dict[str, Any]) -> Rules:
    """From hub.json."""
    login = settings["login"]
    return Rules(
        settings["access"] == "open", tuple(login["organizations"]), login["organizations_hours"]
    )


class Door:
    """Who may come in, now, by the lists and what the site file says."""

    def __init__(
        self,
        rules: Rules = LISTED,
        folder: Path = ACCESS,
        homes: Path = HOMES,
        state: Path = STATE,
    ):
        self.folder = folder
        self.live = LiveLists(folder, rules)
        self.accounts = Accounts(homes)
        self.clock = Clock(state / "clock")

    def decide(self, login: str, number: str = "") -> Decision:
        """Ask the lists as they are now; `number` is the account, if the provider has just said so."""
        account = self.accounts.of(fold(login), number)
        return decide(login, self.live.now(), self.clock.now(), account, self.clock.real())

    def enter(self, login: str, number: str) -> Decision:
        """Somebody has logged in: decide, and remember who came in. OSError lets nobody in."""
        decision = self.decide(login, number)
        if decision.rule == "window":  # noted before they are in: so they are allowed afterwards
            record(self.folder, fold(login), self.clock.now())
        if decision.allowed:
            self.accounts.claim(fold(login), number)
        return decision

    def saw(self, answers: Mapping[str, tuple[str, Answer]]) -> None:
        """Write down what the provider said of memberships: login -> number, answer."""
        keep = timedelta(hours=self.live.rules.hours)
        mine = {
            name: found
            for name, found in answers.items()
            if self.accounts.owner(name) in ("", found[0])
        }  # not of who took over a freed name
        with locked(self.folder):
            remember(self.folder, mine, self.clock.real(), keep)

    def open_until(self) -> str:
        """For the login page: until when everybody may come in, "" if not."""
        window, now = self.live.now().window, self.clock.now()
        return show_time(window.until) if window and now < window.until else ""
