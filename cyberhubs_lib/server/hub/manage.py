"""Look at and change who may come in, inside the hub's container; prints one JSON object.

    docker compose exec hub python3 /srv/hub/manage.py explain ada

`./cyberhubs access` and runbook 10 call it. Exit code 0; 1 if it could not; 3 if `explain` says no, or
with --seen if it is done but hub or watch were not seen afterwards: then `silent` says which.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import alive
import changes
import ledger
import user_files
from access import LOGIN, Decision, Lists, Rules, Window, administrators, decide, fold
from accounts import Accounts
from clock import Clock
from door import STATE, STATUS
from lists import ACCESS, WINDOW, fingerprint, odd_lines, read
from running import wait_until_stopped

SILENT = 15  # seconds without a sign of life after which something is wrong; ALIVE in watch.py

NOBODY = (
    "no administrator is left on this hub: `./cyberhubs access admin LOGIN --site SITE` adds one"
)


def status(path: Path = STATE / STATUS) -> dict[str, Any]:
    """What the watch said last, and an alarm if that is too long ago.

    It touches the file at each look, so that a watch that died, or fails each time, is seen.
    """
    if not path.exists():
        return {"alarms": ["the watch has not looked yet"]}
    said = dict(json.loads(path.read_text()))
    age = abs(time.time() - path.stat().st_mtime)
    if age > SILENT:
        said["alarms"] = [*said.get("alarms", []), f"the watch has not looked for {age:.0f} s: nobody"
                          " is put out; the hub's log says why (docker compose logs hub)"]  # fmt: skip
    return said


def alarms(lists: Lists, said: dict[str, Any]) -> list[str]:
    """Those of the watch, and one while nobody administers the hub."""
    known = lists.problems or administrators(lists)
    return [*said.get("alarms", []), *([] if known else [NOBODY])]


def rules() -> Rules:
    """Those with which the hub was started; hub.json may be newer."""
    said = status().get("rules", {})
    return Rules(**{**said, "organizations": tuple(said.get("organizations", ()))})


def explain(login: str, lists: Lists, clock: Clock) -> dict[str, Any]:
    """The decision about a login, with its reason and since when it is so."""
    name = fold(login)
    account = Accounts().of(name)
    found: Decision = decide(name, lists, clock.now(), account, clock.real())
    since = [e for e in ledger.entries(ACCESS) if any(_names(x) == name for x in e.logins)]
    return {
        "login": name,
        "allowed": found.allowed,
        "admin": found.admin,
        "rule": found.rule,
        "why": found.why,
        "place": found.place,
        "account": account.owner,
        "changed": [f"{e.when} {e.what}" + (f" by {e.who}" if e.who else "") for e in since],
    }


def _names(login: str) -> str:
    """An edit by hand is written down as `+ben allowed`."""
    return login.lstrip("+-").partition(" ")[0]


def show(lists: Lists, now: datetime) -> dict[str, Any]:
    """Everything that is written down, and what the watch says."""
    lines, head, bad = ledger.verify(ACCESS)
    said = status()
    return {
        "admins": sorted(lists.admins),
        "allowed_users": sorted(lists.allowed),
        "blocked_users": sorted(lists.blocked),
        "recorded_users": sorted({*lists.recorded, *lists.waiting}),
        "members": {n: one.organization for n, one in sorted(lists.members.items())},
        "open": lists.open,
        "window": _window(lists.window, now),
        "problems": [*lists.problems, *odd_lines(ACCESS)],
        "ledger": {"lines": lines, "head": head, "bad": bad},
        "watch": {**said, "alarms": alarms(lists, said)},
    }  # fmt: skip


def _window(window: Window | None, now: datetime) -> dict[str, Any] | None:
    """Also of one that cannot be understood: so that it can be closed."""
    if window:
        until, is_open = window.until.isoformat(), now < window.until
        return {"until": until, "on_close": window.on_close, "open": is_open}
    if (ACCESS / WINDOW).exists():
        return {"until": "cannot be understood", "on_close": "", "open": False}
    return None


def _logins(given: list[str]) -> list[str]:
    names = [fold(login) for login in given]
    odd = [login for login, name in zip(given, names, strict=True) if not LOGIN.fullmatch(name)]
    if odd:
        raise ValueError(f"{odd[0]!r} is not a login: letters a to z, digits, - and _, such as ben")
    return names


def do(args: argparse.Namespace) -> tuple[dict[str, Any], int]:
    """Carry out one command: what to print, and the exit code."""
    clock = Clock(STATE / "clock")
    if args.what in changes.EDITS:
        logins = _logins(args.words)
        done = changes.edit(ACCESS, args.what, logins, args.by, args.run, args.wait)
        return {"changed": done}, 0
    if args.what == "open":
        until, on_close = args.words
        changes.open_window(ACCESS, until, on_close, args.by, args.run)
        clock.path.unlink(missing_ok=True)  # whoever opens a window has looked at the clock
        return {"changed": ["window"]}, 0
    if args.what == "close":
        return {"changed": changes.close_window(ACCESS, None, args.by, args.run)}, 0
    if args.what in ("archive", "delete", "rename"):
        return {"changed": _files(args, clock)}, 0
    if args.what == "confirm":
        return {"changed": changes.confirm(ACCESS, _logins(args.words), args.by, args.run)}, 0
    lists = read(ACCESS, rules())
    if args.what == "files":
        return {"there": [w for w in _logins(args.words) if user_files.known(w)]}, 0
    if args.what == "explain":
        found = [explain(login, lists, clock) for login in _logins(args.words)]
        return {"logins": found}, 0 if all(f["allowed"] for f in found) else 3
    return show(lists, clock.now()), 0


def _files(args: argparse.Namespace, clock: Clock) -> list[str]:
    """Move, pack or delete files; who may still come in keeps them, and whose server runs."""
    login, *new = _logins(args.words)
    if args.what == "rename":
        user_files.rename(login, new[0])
        changes.rename(ACCESS, login, new[0], args.by, args.run)
        return [login, *new]
    found = explain(login, read(ACCESS, rules()), clock)
    if found["allowed"]:
        raise ValueError(f"{login} may still come in: remove or block the login first")
    if found["rule"] == "unsure":
        raise ValueError(f"whether {login} may come in is {found['why']}: put that right first")
    wait_until_stopped(login, lambda: status().get("held", ()))
    done = user_files.archive(login) if args.what == "archive" else user_files.delete(login)
    what = f"files archived as {done}" if done else "files deleted"
    changes.note(ACCESS, what, [login], args.by, args.run)
    return [login]


def _lists_now() -> str:
    return fingerprint(read(ACCESS, rules()))


def main() -> int:
    """Read the arguments, print the answer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--by", default="?", help="who: user@machine")
    parser.add_argument("--run", default="", help="the run of which this is a part")
    parser.add_argument("--wait", action="store_true", help="block: many servers wait, as by hand")
    parser.add_argument("--seen", type=float, help="seconds to wait for hub and watch, afterwards")
    parser.add_argument("what", choices=[*changes.EDITS, "open", "close", "confirm", "explain",
                                         "show", "files", "archive", "delete", "rename"])  # fmt: skip
    parser.add_argument("words", nargs="*")
    try:
        args, began = parser.parse_args(), time.time()
        answer, code = do(args)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    if args.seen and (silent := alive.silent(STATE / STATUS, _lists_now, began, args.seen)):
        answer, code = {**answer, "silent": silent}, 3
        print(silent, file=sys.stderr)
    print(json.dumps(answer))
    return code


if __name__ == "__main__":
    sys.exit(main())
