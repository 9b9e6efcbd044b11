"""./cyberhubs access: the command-line twin of runbook 10, for one change or one question."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from typing import Any

from . import logins
from .access import REFUSED, ask, explained, tell
from .errors import SettingsError
from .host import Host
from .machine import hub_machine
from .params import AccessParams, check
from .site import Site
from .sitefile import load_site

# what may be done -> what it says when something was changed
DONE = {
    "allow": "may come in",
    "block": "blocked",
    "unblock": "no longer blocked",
    "remove": "on no list",
    "admin": "administrator",
    "unadmin": "no longer an administrator",
}
FEW = 3  # more running servers than that may have to wait for a confirmation (server/hub/judge.py)
SETTLED = 5  # seconds in which the hub has told who waits
OTHERS = ("explain", "open", "close", "apply", "show")


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command with its arguments."""
    one = commands.add_parser(
        "access",
        help="who may come in: allow, block, explain, ... a login",
        description="\n".join(
            ["allow | block | unblock | remove | admin | unadmin  LOGIN...",
             "explain LOGIN     may they come in, and why; exit code 0 if so, 3 if not",
             "open TIME         everybody, until 2026-12-01T18:00+01:00",
             "close             end that now",
             "apply --confirm   the servers that wait for a confirmation may stop",
             "show              the lists"]
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    one.add_argument("action", choices=[*DONE, *OTHERS], metavar="ACTION")
    one.add_argument("logins", nargs="*", metavar="LOGIN")
    one.add_argument("--from", dest="file", default="", help="a file with one login a line (wlist)")
    one.add_argument("--on-close", choices=["allow", "review"], default="allow")
    one.add_argument("--confirm", action="store_true")
    one.add_argument("--site", required=True, help="demo for the hub of ./cyberhubs demo")
    one.set_defaults(do=access)


def access(args: argparse.Namespace) -> int:
    """Carry it out on the site's running hub. Exit code 3: that login may not come in, or stays."""
    site = load_site(args.site)
    host = hub_machine(site)
    if args.action in DONE:
        return _edit(host, site, args.action, _named(args), bool(args.file))
    if args.action == "explain":
        found = ask(host, site, "explain", *_named(args))["logins"]
        for one in found:
            print(f"{one['login']} {explained(one)}")
        return 0 if all(one["allowed"] for one in found) else REFUSED
    if args.action == "open":
        until = args.logins[0] if args.logins else "(no time)"
        check(AccessParams, {"open_until": until})
        tell(host, site, "open", until, args.on_close)
        print(f"everybody may come in until {until}")
    elif args.action == "close":
        tell(host, site, "close")
        print("closed: the lists decide")
    elif args.action == "apply":
        return _apply(host, site, args.confirm)
    else:
        _show(ask(host, site, "show"))
    return 0


def _named(args: argparse.Namespace) -> list[str]:
    """The logins of the command line and of the file: the old lists wlist and blist are such files."""
    words = [("", word) for word in args.logins]
    found = logins.read([*words, *(_lines(args.file) if args.file else ())])
    if not found:
        raise SettingsError(
            "no login is named",
            expected=f"./cyberhubs access {args.action} LOGIN",
            todo="name one, or a file with --from",
        )
    return found


def _lines(path: str) -> Iterator[tuple[str, str]]:
    """The lines of a file that are not empty, each with its place; # begins a comment."""
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        for number, line in enumerate(file, 1):
            if text := line.partition("#")[0].strip():
                yield f"{path} line {number}: ", text


def _edit(host: Host, site: Site, what: str, names: list[str], from_file: bool) -> int:
    # a name that was typed is meant; a file may be the wrong one
    words = ["--wait", what] if from_file else [what]
    changed = tell(host, site, *words, *names)["changed"]
    done = {n: DONE[what] + ("" if n in changed else " (it was so already)") for n in names}
    if what in ("block", "remove"):
        return _out(host, site, done, may_wait=from_file or what == "remove")
    for login in names:
        print(f"{login}: {done[login]}")
    if what == "allow":
        for one in ask(host, site, "explain", *names)["logins"]:
            if not one["allowed"]:
                print(f"{one['login']} {explained(one)}")
    if what == "unadmin":
        _alarms(ask(host, site, "show")["watch"])
    return 0


def _alarms(watch: dict[str, Any]) -> None:
    for alarm in watch.get("alarms", []):
        print(f"ALARM           {alarm}")


def _out(host: Host, site: Site, done: dict[str, str], may_wait: bool) -> int:
    """Say of each whether they go, or what keeps them in; `may_wait` if they do not go in any case."""
    watch, end = ask(host, site, "show")["watch"], time.monotonic() + SETTLED
    while may_wait and len(done) > FEW and not watch.get("held") and time.monotonic() < end:
        time.sleep(1)  # the watch looks twice before it decides
        watch = ask(host, site, "show")["watch"]
    held, code = watch.get("held", []) if may_wait else [], 0
    for one in ask(host, site, "explain", *done)["logins"]:
        state = "out within seconds; the files stay"
        if one["allowed"]:
            state = f"but {explained(one)}"
        elif one["rule"] == "unsure":
            state = f"but who is in stays in: {one['why']}"
        elif one["login"] in held:
            state = f"but the running server waits: ./cyberhubs access apply --site {site.name}"
        if state.startswith("but"):
            code = REFUSED
        print(f"{one['login']}: {done[one['login']]}, {state}")
    _alarms(watch)
    return code


def _apply(host: Host, site: Site, confirm: bool) -> int:
    held = ask(host, site, "show")["watch"].get("held", [])
    if not held:
        print("no server waits for a confirmation")
        return 0
    print(f"{len(held)} running servers would stop: {', '.join(held)}")
    if not confirm:
        print("if the lists are right: ./cyberhubs access apply --confirm --site " + site.name)
        return REFUSED
    tell(host, site, "confirm", *held)
    print("confirmed: they stop within seconds")
    return 0


def _show(found: dict[str, Any]) -> None:
    for name in ("admins", "allowed_users", "blocked_users", "recorded_users"):
        print(f"{name:15} {', '.join(found[name]) or 'nobody'}")
    members = found["members"]
    for organization in sorted(set(members.values())):
        names = sorted(name for name, one in members.items() if one == organization)
        print(f"member          of {organization}: {', '.join(names)}")
    if found["open"]:
        print("access: open    everybody who can log in may come in")
    if found["window"]:
        print(f"open window     {found['window']}")
    for warning in found["watch"].get("warnings", []):
        print(f"warning         {warning}")
    _alarms(found["watch"])
