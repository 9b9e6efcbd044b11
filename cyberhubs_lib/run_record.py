"""The record that a run writes by itself, from its first change on.

`./cyberhubs run` has papermill write each cell's result at once. JupyterLab saves a page every two
minutes, other programs perhaps never: if they ended before, a change would have left no trace here.
"""

from __future__ import annotations

import contextlib
import os
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .change import RECORD
from .errors import LocalFileError
from .host import LIVE
from .params import Params
from .report import Report
from .runs import Record, beside, place, stamp
from .table import path

PROCESS_BEGAN = time.time()


class RunRecord:
    """The runbook's cells with what the run has shown; a notebook, written from `begin` on."""

    def __init__(self, name: str, params: Params):
        self.name, self.params = name, params
        self.file: Path | None = None  # None before the first change, and where papermill writes it
        self._began = False
        self._shown: dict[str, list[dict[str, Any]]] = {}  # a call, as cells have it -> outputs

    def note(self, call: str, report: Report) -> None:
        """What a call has shown. Raises LocalFileError."""
        self._put(call, [_output("display_data", data=report.bundle(), metadata=report.metadata())])

    def fail(self, call: str, error: BaseException) -> None:
        """With what a call ended, behind what it has shown."""
        name, lines = type(error).__name__, str(error).splitlines()
        ended = _output("error", ename=name, evalue=str(error), traceback=lines)
        with contextlib.suppress(LocalFileError):  # `error` tells more
            self._put(call, [*self._shown.get(call, []), ended])

    def begin(self, call: str) -> None:
        """Before each change of a host. Raises LocalFileError: without a record none is made."""
        if not self._began:
            self.file = _file(self.name, self.params)
            self._began = True
        text = f"Changes began at {_now()}.\n"
        self._put(call, [_output("stream", name="stdout", text=text)])

    def _put(self, call: str, outputs: list[dict[str, Any]]) -> None:
        self._shown.pop(call, None)  # the order is that of the last runs
        self._shown[call] = outputs
        if not self.file:
            return
        import nbformat  # takes a second

        new = self.file.with_suffix(".new")
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            nbformat.write(self._notebook(), new)
            new.replace(self.file)
        except OSError as error:
            raise LocalFileError(error) from None

    def _notebook(self) -> Any:
        """The runbook, with outputs and counts only where something ran in this process."""
        from nbformat import from_dict, read
        from nbformat.v4 import new_code_cell

        notebook = read(path(self.name), as_version=4)
        given = self.params.model_dump(exclude_defaults=True)
        notebook.metadata.papermill = {"parameters": given, "start_time": _now()}
        calls = list(self._shown)
        cells = []
        for cell in notebook.cells:
            cells.append(cell)
            if cell.cell_type != "code":
                continue
            if "parameters" in cell.metadata.get("tags", []):
                cell.execution_count = 1
                lines = ["# Parameters", *(f"{name} = {value!r}" for name, value in given.items())]
                cells.append(new_code_cell("\n".join(lines), execution_count=1,
                                           metadata={"tags": ["injected-parameters"]}))  # fmt: skip
                continue
            ran = [call for call in calls if call in cell.source]
            cell.execution_count = 2 + max(map(calls.index, ran)) if ran else None
            cell.outputs = [from_dict(output) for call in ran for output in self._shown[call]]
        notebook.cells = cells
        return notebook


def _output(kind: str, **content: Any) -> dict[str, Any]:
    return {"output_type": kind, **content}


def _now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S+00:00")


def _file(name: str, params: Params) -> Path | None:
    """Beside the page of JupyterLab if that is a record; None where papermill writes one."""
    folder = place(params.site, params.host)
    page = Path(os.environ.get(LIVE, ""))
    if page.parent == folder and Record(page).name == name:
        return beside(page)
    if RECORD in os.environ or _papermill_writes(folder, name):
        return None
    return folder / f"{stamp()}_{name}.ipynb"


def _papermill_writes(folder: Path, name: str) -> bool:
    """Whether papermill, started by hand, has a record open there: written since, and without end."""
    for file in folder.glob(f"*_{name}.ipynb"):
        if file.stat().st_mtime > PROCESS_BEGAN:
            said = Record(file).read().metadata.get("papermill", {})
            if said.get("output_path") and not said.get("end_time"):
                return True
    return False
