"""JupyterLab on fresh copies of the runbooks: what is done there is a record like any other."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import nbformat

from .runs import Record, fuller, place, settle, stamp
from .site import REPOSITORY
from .table import RUNBOOKS, path


def lab(site: str, more: list[str]) -> int:
    """Open JupyterLab; its exit code. Copies in which nothing was run are removed again."""
    copies = [copy(name, site) for name in RUNBOOKS]
    command = [sys.executable, "-m", "jupyterlab", "--notebook-dir", str(REPOSITORY)]
    first = copies[0].path.relative_to(REPOSITORY)
    child = subprocess.Popen([*command, f"--LabApp.default_url=/lab/tree/{first}", *more])
    signal.signal(signal.SIGINT, lambda *_: None)  # it goes to JupyterLab too, which asks
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    try:
        return child.wait()
    finally:
        for record in copies:
            if fuller(record.path).is_file():
                settle(record.path)


def copy(name: str, site: str) -> Record:
    """A runbook without outputs among the site's records, the site filled in."""
    notebook = nbformat.read(path(name), as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            if "parameters" in cell.metadata.get("tags", []):
                filled = f"site: str = {json.dumps(site)} "
                cell.source = cell.source.replace('site: str = "" ', filled)
    out: Path = place(site, "lab") / f"{stamp()}_{name}.ipynb"
    out.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, out)
    return Record(out)
