"""Lists, accounts and clock together, as login, spawn and watch ask them."""

from __future__ import annotations

from pathlib import Path

from access import Decision, decide, fold, show_time
from accounts import HOMES, Accounts
from changes import locked
from lists import ACCESS, Clock, LiveLists, record

STATE = Path("/srv/state")  # the volume hub_state


class Door:
    """Who may come in, now. `everybody`: the site says `access: open`."""

    def __init__(
        self,
        everybody: bool = False,
        folder: Path = ACCESS,
        homes: Path = HOMES,
        state: Path = STATE,
    ):
        self.folder = folder
        self.live = LiveLists(folder, everybody)
        self.accounts = Accounts(homes)
        self.clock = Clock(state / "clock")

    def decide(self, login: str, number: str = "") -> Decision:
        """Ask the lists as they are now; `number` is the account, if the provider has just said so."""
        account = self.accounts.of(fold(login), number)
        return decide(login, self.live.now(), self.clock.now(), account)

    def enter(self, login: str, number: str) -> Decision:
        """Somebody has logged in: decide, and remember who came in. OSError lets nobody in."""
        decision = self.decide(login, number)
        if decision.rule == "window":  # noted before they are in: so they are allowed afterwards
            with locked(self.folder):
                record(self.folder, fold(login), self.clock.now())
        if decision.allowed:
            self.accounts.claim(fold(login), number)
        return decision

    def open_until(self) -> str:
        """For the login page: until when everybody may come in, "" if not."""
        window, now = self.live.now().window, self.clock.now()
        return show_time(window.until) if window and now < window.until else ""
