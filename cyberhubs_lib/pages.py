"""One page of the book: an executed runbook made fit to read."""

from __future__ import annotations

import ast
import html
import re
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from .errors import BookFailed
from .hiding import Change, hider
from .report import MIME
from .runs import Record
from .site import Site
from .table import path


def note(kind: str, text: str) -> str:
    """An admonition in MyST."""
    return f"```{{{kind}}}\n{text.strip()}\n```\n"


def page(stem: str, name: str, site: Site, record: Record | None) -> NotebookNode:
    """A runbook as the book shows it: `record` tidied, or the committed page if there is none."""
    committed = _read(path(stem))
    if record is None:
        tidy(committed)
        if name:
            said = f"Not run for the site `{site.name}` yet."
            if any(cell.get("outputs") for cell in committed.cells):
                said += " The tables come from a rehearsal on a throwaway server."
            committed.cells.insert(1, new_markdown_cell(note("note", said), id="book-note"))
        return committed
    shown = _read(record.path)
    change = hider(site, shown)
    said = change(_verdict(shown, record))
    tidy(shown)
    usual = {cell.source for cell in committed.cells}  # is about nobody in particular
    for cell in shown.cells:
        if cell.source not in usual:
            cell.source = change(cell.source)
        for output in cell.get("outputs", []):
            output.update(_changed(dict(output), change))
    shown.cells.insert(1, new_markdown_cell(said, id="book-note"))
    return shown


def _read(file: Path) -> NotebookNode:
    try:
        return nbformat.read(file, as_version=4)
    except (ValueError, nbformat.reader.NotJSONError) as error:
        raise BookFailed(
            f"{file} is not a notebook: {str(error)[:100]}",
            todo="a run that was killed may leave such a file; remove it",
        ) from None


def _verdict(nb: NotebookNode, record: Record) -> str:
    """The note at the top of an executed page: when, in which way, with what result."""
    began = str(nb.metadata.get("papermill", {}).get("start_time", ""))[:16].replace("T", " ")
    in_lab = re.match(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)\d\dZ_", record.path.name)
    if not began and in_lab:  # there the name tells when
        began = "{}-{}-{} {}:{}".format(*in_lab.groups())
    when = f"Run on {began} UTC" if began else "Run"
    code = [cell for cell in nb.cells if cell.cell_type == "code"]
    for cell in code:
        for output in cell.outputs:
            if output.output_type == "error":
                said = str(output.evalue).splitlines() or [output.ename]
                first = said[0].replace("`", "'")  # it stands between two of them
                return note("error", f"{when}. **It failed** at `{cell.source.splitlines()[-1]}`;"
                             f" the cells after it did not run.\n\n`{first}`")  # fmt: skip
    if not all(cell.execution_count for cell in code):
        return note("error", f"{when}. **It was cut off**: not all cells ran.")
    told = [o.metadata[MIME] for c in code for o in c.outputs if MIME in o.get("metadata", {})]
    result = f"{record.summary()}."
    if told and "round_trips" in told[-1]:  # each report counts from the beginning of the run
        result += f" {told[-1]['round_trips']} round trips to the host."
    if any(report.get("dry_run") for report in told):
        return note("note", f"{when}, **dry run**: nothing was changed. {result}")
    return note("note", f"{when}: {result}")


def tidy(nb: NotebookNode) -> None:
    """Leave what a reader wants: no bookkeeping, one parameters cell with the values that held."""
    nb.metadata = {
        "kernelspec": nb.metadata.get("kernelspec", {}),
        "language_info": {"name": "python"},
    }
    tagged = {tag: cell for cell in nb.cells for tag in cell.metadata.get("tags", [])}
    given = tagged.get("injected-parameters")
    if given and "parameters" in tagged:
        tagged["parameters"].source = _merged(tagged["parameters"].source, given.source)
        nb.cells.remove(given)
    nb.cells = [c for c in nb.cells if "papermill-error-cell-tag" not in c.metadata.get("tags", [])]
    for cell in nb.cells:
        cell.metadata = {"tags": cell.metadata["tags"]} if cell.metadata.get("tags") else {}
        for output in cell.get("outputs", []):
            output.get("metadata", {}).pop(MIME, None)


def _merged(defaults: str, given: str) -> str:
    """The lines of the parameters cell, with the values that papermill was given."""
    values = {
        target.id: ast.get_source_segment(given, node.value) or "?"
        for node in ast.parse(given).body if isinstance(node, ast.Assign)
        for target in node.targets if isinstance(target, ast.Name)
    }  # fmt: skip

    def line(text: str) -> str:
        found = re.match(r"(\w+)(: \w+)? = (\"[^\"]*\"|[^#]*?)(\s*#.*)?$", text)
        if not found or found[1] not in values:
            return text
        return f"{found[1]}{found[2] or ''} = {values.pop(found[1])}{found[4] or ''}"

    lines = [line(text) for text in defaults.splitlines()]
    return "\n".join(lines + [f"{name} = {value}" for name, value in values.items()])


def _changed(value: Any, change: Change, kind: str = "") -> Any:
    """An output with `change` made to its texts; in HTML, to what is between the tags."""
    if isinstance(value, dict):
        return {k: v if k == "output_type" else _changed(v, change, k) for k, v in value.items()}
    if isinstance(value, list):
        return [_changed(item, change, kind) for item in value]
    if not isinstance(value, str):
        return value
    if kind != "text/html":
        return change(value)
    parts = re.split(r"(<[^>]*>)", value)
    parts[::2] = [html.escape(change(html.unescape(text))) for text in parts[::2]]
    return "".join(parts)
