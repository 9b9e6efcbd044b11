"""Who may come in, asked of and told to the running hub: server/hub/manage.py answers."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from . import change
from .compose import compose
from .errors import CommandFailed, PreconditionFailed
from .facts import Facts
from .host import LIVE, Host, failed
from .shell import sh
from .site import Site
from .transport import Result

REFUSED = 3  # exit code of `explain` for a login that may not enter


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
    if "is not running" in result.out + result.err or "No such service" in result.out + result.err:
        raise PreconditionFailed(
            "the hub is not running",
            expected="a hub that can be asked: its lists are read by its own module",
            todo="start it: runbook 09_launch_hub",
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


def explained(found: dict[str, Any]) -> str:
    """One login's decision in one sentence."""
    words = "may enter" if found["allowed"] else "may not enter"
    place = f" ({found['place']})" if found["place"] else ""
    account = f"; account {found['account']}" if found["account"] else ""
    since = f"; {found['changed'][-1]}" if found["changed"] else ""
    return f"{words}: {found['why']}{place}{account}{since}"
