"""The service that makes the lists live: who is no longer allowed is out within seconds.

Removing a user from the hub ends cookies, tokens, open websockets and the container; the files and the
note of whose they are (accounts.py) lie elsewhere and stay.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import running
import stopped
from access import Decision, Lists
from ask_again import AskAgain
from changes import close_window, confirmed, note_edit, unconfirm
from door import STATE, STATUS, Door, rules_of
from hub_api import Hub
from judge import Verdict, judge
from kept import keep, kept
from lists import HALF, fingerprint, odd_lines, said, stamp
from providers import github_api
from tornado.httpclient import AsyncHTTPClient, HTTPError

PERIOD = 0.7  # seconds between two looks: two of them and the end of a server make less than 5
HUB_PERIOD = 5  # seconds between two comparisons if only the hub's database changes
ANYWAY = 60  # seconds after which everybody is compared although nothing has changed
ALIVE = 3  # seconds between two signs of life; manage.py misses them
PATIENCE = 15  # seconds in which what fails for one person, as while a server starts, is no alarm

SETTINGS = Path("/srv/hub.json")
BEFORE = "lists.json"  # what the lists said at the last look, beside STATUS
DATABASE = "jupyterhub.sqlite"  # of the hub, beside STATUS

log = logging.getLogger("access")


class Watch:
    """Looks at the lists again and again."""

    def __init__(
        self,
        hub: Hub,
        door: Door,
        state: Path = STATE,
        end_container: Callable[[str, Callable[[], bool]], bool] = running.end,
    ):
        self.hub, self.door, self.state = hub, door, state
        self.end_container = end_container
        self.known: Lists | None = None  # the lists of the last look that could be read
        self.before: dict[str, list[str]] | None = kept(state / BEFORE)
        self.verdict = Verdict(held=_held(state))
        self.last = -float(ANYWAY)
        self.hub_seen: object = None  # the state of the hub's database at the last comparison
        self.told: Lists | None = None  # the lists of `odd`
        self.odd: list[str] = []  # lines of them that count for nothing
        self.looked_at = ""  # of them: whoever changed the lists sees here that this has looked
        self.failing: dict[str, tuple[float, str]] = {}  # login -> since when, the last error
        self.status: dict[str, Any] = {}
        self.doubts: list[str] = []  # of memberships, told as warnings
        self.shared_password = False  # login.provider is password

    async def for_ever(self) -> None:
        """What goes wrong once is tried again, and said."""
        said = ""
        while True:
            try:
                await self.look()
                said = ""
            except (HTTPError, OSError, ValueError) as error:
                if str(error) != said:  # not once a second
                    log.error("cannot act on the lists just now: %s", error)
                said = str(error)
            await asyncio.sleep(PERIOD)

    async def look(self) -> None:
        """Once: close a window whose time has come, and act on lists, or a hub, that changed.

        If neither did it costs a few `stat`: an idle hub needs no processor.
        """
        door, now, folder = self.door, self.door.clock.now(), self.door.folder
        may_stop = confirmed(folder)  # before the lists: what was confirmed is in them, then
        lists = door.live.now()
        if lists.window and now >= lists.window.until and not lists.problems:
            close_window(folder, now, "hub")
            lists = door.live.now()
        changed = lists is not self.known
        waiting = self.verdict.refused or self.verdict.held or may_stop or self.failing
        if changed or waiting or stopped.names(self.state) or self.is_time():
            self.last, self.hub_seen = time.monotonic(), stamp(self.state / DATABASE)
            self.verdict = judge(
                await self.hub.people(), lists, now, door.accounts.of, self.verdict, may_stop,
                door.clock.real(),
            )  # fmt: skip
            await self.act()
            if may_stop and not lists.problems and not may_stop & self.verdict.refused:
                unconfirm(folder, may_stop)  # done; the next slip of the hand is another
        self.tell(lists)
        if changed and not lists.problems and self.noted(lists):
            self.known = lists

    def is_time(self) -> bool:
        """Whether everybody is to be compared although the lists are the same."""
        since = time.monotonic() - self.last
        hub_changed = stamp(self.state / DATABASE) != self.hub_seen
        return since > ANYWAY or (hub_changed and since > HUB_PERIOD)

    def noted(self, lists: Lists) -> bool:
        """Write down what was edited by hand; False if it is changed at this moment."""
        now = said(lists)
        if now != self.before:
            if not note_edit(self.door.folder, self.before, lists):
                return False
            keep(self.state / BEFORE, now)  # an edit while the hub is down is told as what it was
            self.before = now
        return True

    async def act(self) -> None:
        """All at once: one server that stops slowly must not keep the others in."""
        to_do = {name: self.end(name, decision.why) for name, decision in self.verdict.end.items()}
        for name, admin in self.verdict.admin.items():
            if name not in to_do:
                to_do[name] = self.set_admin(name, admin)
        for name in stopped.names(self.state):
            if name not in to_do:
                to_do[name] = self.see_gone(name)
        done = await asyncio.gather(*to_do.values(), return_exceptions=True)
        now, before = time.monotonic(), self.failing
        self.failing = {}
        for name, error in zip(to_do, done, strict=True):
            if isinstance(error, (HTTPError, OSError, ValueError)):
                since = before[name][0] if name in before else now
                self.failing[name] = since, str(error)
            elif error:
                raise error

    async def end(self, name: str, why: str) -> None:
        """Remove a user. What fails is tried again at the next look.

        It fails while the server is starting: that start ends by itself, spawn.py asks the lists.
        To interrupt it by the API could leave a container that Docker makes at this moment.
        """
        try:
            await self.hub.ask("DELETE", f"/users/{name}")
        except HTTPError as error:
            if error.code == 400:  # it is stopping
                return
            if error.code != 404:  # the user is gone already
                raise
        stopped.note(name, self.state)  # the hub says so too of a server that it could not stop
        log.warning("%s is out: %s", name, why)
        await self.see_gone(name)

    async def see_gone(self, name: str) -> None:
        """Look at Docker after a stop, and end a container that is still there. OSError if it stays."""

        def still() -> bool:
            return stopped.is_noted(name, self.state)

        if await asyncio.to_thread(self.end_container, name, still):
            log.warning("the hub had not stopped %s's server; it is stopped now", name)
        stopped.forget(name, self.state)

    async def set_admin(self, name: str, admin: bool) -> None:
        """Give or take an administrator's rights, in the hub's database.

        Where all share a password, anybody may be in with that name: they log in anew, with the other.
        """
        if admin and self.shared_password:
            await self.end(name, "an administrator now, and has to log in as one")
        else:
            await self.hub.ask("PATCH", f"/users/{name}", {"admin": admin})
            log.warning("%s is %s administrator", name, "an" if admin else "no longer an")

    def tell(self, lists: Lists) -> None:
        """Keep what an administrator has to know where manage.py finds it; log what is new."""
        alarms, clock = [*lists.problems, *self.hub.odd], self.door.clock.doubt()
        if lists is not self.told:
            self.told, self.odd, self.looked_at = (
                lists,
                odd_lines(self.door.folder),
                fingerprint(lists),
            )
        half = [
            f"{name} has lost logins and the end of its last line: until that is there, or for"
            f" {HALF} s, it counts as it was"
            for name in lists.unfinished
        ]
        if self.verdict.held:
            names = ", ".join(sorted(self.verdict.held))
            alarms.append(
                f"{len(self.verdict.held)} running servers would stop by one edit and wait for"
                f" `access apply --confirm`: {names}"
            )
        for name, (since, error) in sorted(self.failing.items()):
            if time.monotonic() - since > PATIENCE:
                alarms.append(f"what is to be done to {name} fails again and again: {error}")
        status = {
            "alarms": alarms,
            "warnings": [*self.odd, *half, *self.doubts, *filter(None, [clock])],
            "held": sorted(self.verdict.held),
            "reasons": {name: held.rule for name, held in sorted(self.verdict.held.items())},
            "lists": self.looked_at,
            "rules": asdict(self.door.live.rules),  # as this hub was started; hub.json may be newer
        }
        path = self.state / STATUS
        written = stamp(path)
        if not written or status != self.status:
            for alarm in alarms:
                if alarm not in self.status.get("alarms", ()):
                    log.error("ALARM: %s", alarm)
            keep(path, status)
            self.status = status
        elif abs(time.time_ns() - written[1]) > ALIVE * 10**9:
            os.utime(path)  # a sign of life


def _held(state: Path) -> dict[str, Decision]:
    """Who waited for a confirmation when the hub was last up."""
    reasons = (kept(state / STATUS) or {}).get("reasons", {})
    return {name: Decision(False, False, rule, "held") for name, rule in reasons.items()}


async def main() -> None:
    """Look at the lists for ever, and ask about members if the site lets any in."""
    logging.basicConfig(format="%(levelname)s access: %(message)s", stream=sys.stderr)
    hub = Hub(os.environ["JUPYTERHUB_API_URL"], os.environ["JUPYTERHUB_API_TOKEN"])
    AsyncHTTPClient.configure(None, max_clients=200)  # not ten: all who go, go at once
    settings = json.loads(SETTINGS.read_text())
    watch = Watch(hub, Door(rules_of(settings)))
    watch.shared_password = settings["login"]["provider"] == "password"
    jobs = [watch.for_ever()]
    if settings["login"]["organizations"]:
        again = AskAgain(hub, watch.door, github_api(settings["login"]))
        watch.doubts = again.doubts
        jobs.append(again.for_ever())
    await asyncio.gather(*jobs)


if __name__ == "__main__":
    asyncio.run(main())
