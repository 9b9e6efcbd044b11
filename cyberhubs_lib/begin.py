"""A runbook's first cell: check what it was given, read the site, reach the host."""

from __future__ import annotations

import os

from .host import LIVE
from .machine import hub_needs_root, machine
from .params import check, injected
from .runbook import Run
from .sitefile import load_site
from .table import Entry, entry


def start(name: str, **given: object) -> Run:
    """Check the parameters, read the site, reach the host, and say what this runbook wants of it.

    Raises SettingsError before anything is touched, ConnectError, Unsupported.
    """
    name, found = entry(name)
    params = check(found.params, {**_stray(found), **_from_environment(found, given)})
    site = load_site(params.site)
    # runbooks in a row share a connection; in JupyterLab to begin again is to log in again
    again = LIVE not in os.environ
    host = machine(site, params.host, again)
    host.runbook = name
    host.service_user = site.service_user
    host.root = found.root == "always" or (found.root == "remote" and hub_needs_root(host, site))
    return Run(name, host, site, params, found.recipe(host.facts, site, params))


def _from_environment(found: Entry, given: dict[str, object]) -> dict[str, object]:
    """For nbval, which knows no parameters: those left at their default from CYBERHUBS_HOST and so on.

    Only under CYBERHUBS_TEST: a variable that somebody forgot must not choose a host or confirm.
    """
    out = dict(given)
    if "CYBERHUBS_TEST" not in os.environ:
        return out
    for name, field in found.params.model_fields.items():
        value = os.environ.get(f"CYBERHUBS_{name.upper()}")
        if value is not None and given.get(name, field.default) == field.default:
            out[name] = value
    return out


def _stray(found: Entry) -> dict[str, object]:
    """Names that papermill injected and the model does not know: they make the check fail."""
    try:
        from IPython import get_ipython
    except ImportError:
        return {}
    shell = get_ipython()
    cells = [str(cell) for cell in shell.user_ns.get("In", [])] if shell else []
    known = set(found.params.model_fields)
    return {name: shell.user_ns.get(name) for name in injected(cells) - known} if shell else {}
