"""10: who may come in; changes of the running hub's lists, and the reason of each decision."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from ..access import answer, explained, manage, this_run
from ..check import Check
from ..errors import CyberhubsError
from ..facts import Facts
from ..logins import of_list as logins
from ..params import CLOSED, AccessParams, Params
from ..resources.access import WANTED, Confirmed, Files, Listed, OpenWindow
from ..shell import sh
from ..site import Site
from ..state import Resource
from ..transport import Result
from .recipe import Recipe, docker_answers


def recipe(facts: Facts, site: Site, params: Params) -> Recipe:
    """Only what was asked for is changed; the lists themselves are shown by the first check."""
    asked = params if isinstance(params, AccessParams) else AccessParams()
    ask = manage(site, facts, this_run("10_manage_access"))
    lists: list[Resource] = [
        Listed(login, what, ask) for what in WANTED for login in logins(getattr(asked, what))
    ]
    closes = asked.open_until in ("", CLOSED)
    until = "" if closes else datetime.fromisoformat(asked.open_until).isoformat()
    return Recipe(
        requirements=[docker_answers(facts), *_shown(ask, bool(site.login.organizations))],
        steps={
            "lists": lists,
            "window": [OpenWindow(until, asked.on_close, ask)] if asked.open_until else [],
            "servers": [Confirmed(ask)] if asked.stop_servers else [],
            "files": _files(asked, ask),  # of nobody whose server still waits for that
        },
        checks=[*_explained(asked, ask), *_healthy(ask)],
    )


def _files(asked: AccessParams, ask: str) -> list[Resource]:
    old, _, new = asked.rename.lower().partition(":")
    found: list[Resource] = [Files(old, "rename", ask, new)] if old else []
    if asked.files != "keep":
        found += [Files(login, asked.files, ask) for login in logins(asked.remove)]
    return found


Look = Callable[[dict[str, Any]], tuple[bool, str]]


def _asked(look: Look) -> Callable[[Result], tuple[bool, str]]:
    """A look at the hub's answer; no answer is a row that failed, and says why."""

    def expect(result: Result) -> tuple[bool, str]:
        try:
            return look(answer(result))
        except CyberhubsError as error:
            return False, error.found

    return expect


def _shown(ask: str, organizations: bool) -> list[Check]:
    """The lists as they are, before anything is changed."""
    lists = ["admins", "allowed_users", "blocked_users", "recorded_users"]
    if organizations:
        lists.append("members")

    def names(of: str) -> Look:
        return lambda found: (True, _names(list(found[of])))

    return [
        Check(of, f"{ask}show", _asked(names(of)), "", "start the hub: runbook 09_launch_hub")
        for of in lists
    ]


def _names(names: list[str]) -> str:
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return (", ".join(names[:20]) + more) or "nobody"


def _explained(asked: AccessParams, ask: str) -> list[Check]:
    """A row for everybody who was named: may they enter now, and why."""
    enter = {login: "may enter" for what in ("allow", "admin") for login in
             logins(getattr(asked, what))}  # fmt: skip
    stay_out = {login: "may not enter" for what in ("block", "remove") for login in
                logins(getattr(asked, what))}  # fmt: skip
    wanted = {**enter, **stay_out}
    named = dict.fromkeys([*wanted, *logins(asked.unblock), *logins(asked.unadmin),
                           *logins(asked.explain)])  # fmt: skip

    def look(login: str) -> Look:
        def of(found: dict[str, Any]) -> tuple[bool, str]:
            words = explained(found["logins"][0])
            return words.startswith(wanted.get(login, "")), words

        return of

    return [
        Check(login, ask + sh("explain {}", login), _asked(look(login)), wanted.get(login, ""),
              "the words under `found` say which line of which list decides")
        for login in named
    ]  # fmt: skip


def _healthy(ask: str) -> list[Check]:
    """What an administrator has to know about the lists."""

    def alarms(found: dict[str, Any]) -> tuple[bool, str]:
        said = found["watch"].get("alarms", ["the watch has not looked yet"])
        return not said, "; ".join(said) or "none"

    def odd(found: dict[str, Any]) -> tuple[bool, str]:
        return not found["problems"], "; ".join(found["problems"]) or "none"

    def ledger(found: dict[str, Any]) -> tuple[bool, str]:
        kept = found["ledger"]
        good = f"unbroken, {kept['lines']} lines, head {kept['head'][:12]}"
        return not kept["bad"], kept["bad"] or good

    shown = f"{ask}show"
    return [
        Check("alarms of the watch", shown, _asked(alarms), "none",
              "read them: lists that cannot be read let nobody in; servers that wait for a"
              " confirmation stop with -p stop_servers True"),
        Check("lines without effect", shown, _asked(odd), "none", "correct the file", hard=False),
        Check("ledger", shown, _asked(ledger), "unbroken",
              "somebody changed the record; earlier runs of this runbook show its earlier heads"),
    ]  # fmt: skip
