"""The command line: ./cyberhubs COMMAND. Each command is one function, listed in `parser`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator

from . import access_commands, demo, drift, findings
from .access import wait_until_up
from .compose import REMOVE_NETWORKS, REMOVE_SERVERS, compose
from .errors import CyberhubsError, LocalFileError, SettingsError
from .host import PASSWORD_VARIABLE
from .machine import hub_machine, machine
from .params import describe
from .runs import Record, parse_parameters, run_and_tell
from .shell import sh
from .sitefile import load_site
from .table import RUNBOOKS

HUB_COMMANDS = {
    "up": "up -d",
    "stop": "stop",
    "restart": "restart",
    "down": "--profile '*' down --remove-orphans",  # what the site had before, too
    "logs": "logs --tail 100",
}


def parser() -> argparse.ArgumentParser:
    """All commands with their help."""
    top = argparse.ArgumentParser(
        prog="./cyberhubs",
        description="Runbooks that set up, prove and document a JupyterHub.",
        epilog="also: ./cyberhubs setup (the Python environment), ./cyberhubs test [unit]",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    one = commands.add_parser("demo", help="a hub on this machine, to try")
    one.add_argument("--port", type=int, help="of the hub (8000, or the port of last time)")
    one.add_argument("--site", default="demo", help=argparse.SUPPRESS)
    one.add_argument("--down", action="store_true", help="remove the hub again")
    one.add_argument("--data", action="store_true", help="with --down: its volumes too")
    one.set_defaults(do=_demo)

    one = commands.add_parser(
        "run",
        help="one runbook or several, headless",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="parameters:\n" + "\n".join(
            f"  {name:20} {describe(found.params)}" for name, found in RUNBOOKS.items()
        ),
    )  # fmt: skip
    one.add_argument("runbooks", nargs="+", metavar="runbook", help="02_prepare_os, or just 02")
    one.add_argument("-p", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"),
                     help="given to each of them that takes it")  # fmt: skip
    one.set_defaults(do=_run)

    one = commands.add_parser(
        "up",
        help="all runbooks of a site, in order",
        epilog="exit code of a dry run: 0 all as wanted, 2 something would change, 1 a check fails that"
        " no step puts right, or something is unknown",
    )
    one.add_argument("--site", required=True)
    one.add_argument("--dry-run", action="store_true", help="only show what would change")
    one.add_argument("-p", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"),
                     help="for those that know it: -p confirm /dev/vdb lets 03 format it")  # fmt: skip
    one.set_defaults(do=_up)

    one = commands.add_parser(
        "drift",
        help="is the server still as wanted? changes nothing, fit for cron",
        epilog="exit code: 0 as wanted, 2 something differs or fails, 1 something is unknown",
    )
    which = one.add_mutually_exclusive_group(required=True)
    which.add_argument("--site", default="", help="its machine and its hub")
    which.add_argument("--host", default="", help="a machine, with the defaults of a site")
    one.set_defaults(do=_drift)

    one = commands.add_parser("hub", help="the running service of a site")
    one.add_argument("action", choices=HUB_COMMANDS, help="down also ends everybody's servers")
    one.add_argument("--site", required=True, help="demo for the hub of ./cyberhubs demo")
    one.set_defaults(do=_hub)

    access_commands.add_parser(commands)

    one = commands.add_parser("book", help="build the book: book/_build/html")
    one.add_argument("--site", default="", help="with what was really done to this site's server")
    one.set_defaults(do=_book)

    one = commands.add_parser(
        "lab",
        help="step through the runbooks in JupyterLab",
        description="In fresh copies under runs/, which are the records of what was done.",
        epilog="All further arguments go to JupyterLab: ./cyberhubs lab --no-browser --port 8889",
    )
    one.add_argument("--site", default="", help="filled in on each page")
    one.set_defaults(do=_lab, more=[])
    return top


def _demo(args: argparse.Namespace) -> int:
    return demo.down(args.site, args.data) if args.down else demo.up(args.site, args.port)


def _run(args: argparse.Namespace) -> int:
    given = parse_parameters(args.p)
    _ask_password(str(given.get("site", "")), str(given.get("host", "")))
    return _told(run_and_tell(args.runbooks, given))


def _told(running: Iterator[Record]) -> int:
    """Run them, and tell what dry runs found, also of those before one that stopped; the exit code."""
    found: list[findings.Finding] = []
    records = []
    try:
        for record in running:
            records.append(record)
    finally:
        if any(record.is_dry for record in records):
            found = findings.findings(records)
            print(f"\n{findings.told(found)}", flush=True)
    return findings.exit_code(found)


def _ask_password(site_name: str, target: str) -> None:
    """Somebody at a terminal is asked here: the runbook's own process has no terminal."""
    if PASSWORD_VARIABLE in os.environ or not sys.stdin.isatty():
        return
    site = load_site(site_name)
    if target or site.host:
        host = machine(site, target)
        if host.facts.sudo == "password":
            os.environ[PASSWORD_VARIABLE] = host.sudo_password()


def _up(args: argparse.Namespace) -> int:
    site = load_site(args.site)
    _ask_password(args.site, "")
    given = parse_parameters(args.p)
    if "site" in given:
        raise SettingsError(
            f"-p site {given['site']} beside --site {args.site}",
            expected="one site",
            todo="leave out -p site",
        )
    given["site"] = args.site
    if args.dry_run:
        given["dry_run"] = True
    return _told(run_and_tell(["00_start_here", *drift.site_runbooks(site)], given))


def _drift(args: argparse.Namespace) -> int:
    _ask_password(args.site, args.host)
    given = {name: value for name in ("site", "host") if (value := getattr(args, name))}
    site = load_site(args.site)
    names = drift.site_runbooks(site) if args.site else drift.host_runbooks(site)
    report, code = drift.drift(names, given, lambda said: print(said, file=sys.stderr, flush=True))
    print(report)
    return code


def _hub(args: argparse.Namespace) -> int:
    site = load_site(args.site)
    host = hub_machine(site)
    script = f"({compose(site, host.facts)}{HUB_COMMANDS[args.action]}) 2>&1"
    if args.action == "down":  # a network goes only when nobody is on it
        script = (
            sh(f"({REMOVE_SERVERS}) >/dev/null\n", site.name)
            + f"{script} &&\n"
            + sh(f"({REMOVE_NETWORKS}) >/dev/null", site.name)
        )
    print(host.read(script, seconds=None), end="")
    if args.action in ("up", "restart"):
        wait_until_up(host, site)
        print(f"the hub answers at {site.public_url}")
    return 0


def _book(args: argparse.Namespace) -> int:
    from .book import build

    print(f"the book: {build(args.site)}")
    return 0


def _lab(args: argparse.Namespace) -> int:
    from .lab import lab

    return lab(args.site, args.more)


def main(arguments: list[str] | None = None) -> int:
    """Run a command; an error's exit code is 1, and 3 if the hub does not answer."""
    args, more = parser().parse_known_args(arguments)
    if args.command == "lab":
        args.more = [word for word in more if word != "--"]
    elif more:
        parser().error(f"unrecognized arguments: {' '.join(more)}")
    try:
        return int(args.do(args))
    except CyberhubsError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(LocalFileError(error), file=sys.stderr)
    return 1
