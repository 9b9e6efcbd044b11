"""Who may come in, asked of and told to the running hub: server/hub/manage.py answers."""

from __future__ import annotations

import json
import os
from pathlib import Path
from textwrap import shorten
from typing import Any

from . import change
from .compose import answering, compose
from .errors import CommandFailed, HubSilent, PreconditionFailed
from .facts import Facts
from .host import LIVE, Host, failed
from .shell import sh
from .site import Site
from .transport import Result

REFUSED = 3  # exit code of `explain` for a login that may not enter
KILLED = 137  # exit code of a command in a container that ends
SEEN = 15  # seconds in which the watch has looked after a change; it does so at once, or after 5
STARTED = 60  # ... after a restart, when it has to start first
WORKS = "a hub that answers, and a watch that looks at the lists every few seconds"


def manage(site: Site, facts: Facts, run: str = "") -> str:
    """Shell text to which a command of manage.py can be appended."""
    who = sh("--by {} --run {} ", change.operator(), run or "access")
    return f"{compose(site, facts)}exec -T hub python3 /srv/hub/manage.py {who}"


def this_run(runbook: str) -> str:
    """The name of the record that is being made, here or in JupyterLab; else the runbook's."""
    path = os.environ.get(change.RECORD) or os.environ.get(LIVE, "")
    return Path(path).stem or runbook


def answer(result: Result) -> dict[str, Any]:
    """What manage.py printed. Raises CommandFailed, PreconditionFailed if the hub does not run."""
    said = result.out + result.err
    if result.code and "is restarting" in said:
        raise PreconditionFailed(
            "the hub ends again and again: a crash loop",
            expected="a hub that runs: its lists are read by its own module",
            todo="`./cyberhubs hub logs` says why",
        )
    if "is not running" in said or "No such service" in said:
        raise PreconditionFailed(
            "the hub is not running",
            expected="a hub that can be asked: its lists are read by its own module",
            todo="start it: runbook 09_launch_hub",
        )
    if result.code == KILLED:
        raise HubSilent(
            "the hub ended while it was asked",
            expected="a hub that runs",
            todo="`./cyberhubs hub logs` says why; when it runs, do this again",
        )
    if result.code not in (0, REFUSED):
        raise failed("manage.py", result)
    try:
        return dict(json.loads(result.out.strip().rpartition("\n")[2]))
    except ValueError:
        raise CommandFailed(
            "the hub's manage.py gave no answer that can be read",
            expected="one JSON object",
            todo="run 06_configure_hub and 09_launch_hub: the hub's files are older than these",
            evidence=result.out[-500:],
        ) from None


def ask(host: Host, site: Site, *words: str) -> dict[str, Any]:
    """One question or change; the answer of manage.py."""
    script = manage(site, host.facts) + " ".join(sh("{}", word) for word in words)
    return answer(host.run(script))


def tell(host: Host, site: Site, *words: str) -> dict[str, Any]:
    """A change; the answer of manage.py, when hub and watch were seen at work after it.

    Raises HubSilent if they were not: the change is in the lists, and has no effect yet.
    """
    found = ask(host, site, "--seen", str(SEEN), *words)
    if found.get("silent"):
        what = shorten(" ".join(word for word in words if not word.startswith("--")), 80)
        raise HubSilent(
            f"{what}: written, but without effect yet: {found['silent']}",
            expected=WORKS,
            todo=f"`./cyberhubs hub logs --site {site.name}` says why; after `./cyberhubs hub restart"
            f" --site {site.name}` what is written takes effect",
        )
    return found


def wait_until_up(host: Host, site: Site) -> None:
    """Wait until all services of the hub answer, and its watch looks. Raises HubSilent."""
    result = host.run(answering(site), seconds=None)  # it has a limit of its own
    silent = "not all services answer"
    if not result.code:
        silent = ask(host, site, "--seen", str(STARTED), "show").get("silent", "")
    if silent:
        raise HubSilent(
            silent,
            expected=WORKS,
            todo=f"put right what the log says (`./cyberhubs hub logs --site {site.name}` shows more of"
            " it), then do this again",
            evidence=result.out,
        )


def explained(found: dict[str, Any]) -> str:
    """One login's decision in one sentence."""
    words = "may enter" if found["allowed"] else "may not enter"
    place = f" ({found['place']})" if found["place"] else ""
    account = f"; account {found['account']}" if found["account"] else ""
    since = f"; {found['changed'][-1]}" if found["changed"] else ""
    return f"{words}: {found['why']}{place}{account}{since}"
