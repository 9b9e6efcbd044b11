"""The book: the pages of book/ and the runbooks as they ran, as a folder of HTML.

Without a site it shows the committed runbooks; with one, the newest record of each. What a page
must not show goes before Sphinx sees it: `page` tidies and hides, `refuse_secrets` stops the build.
"""

from __future__ import annotations

import ast
import html
import ipaddress
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from .errors import CyberhubsError
from .host import PASSWORD_VARIABLE
from .recipes.configure_hub import SECRET_VARIABLE
from .report import MIME
from .runs import Record, latest
from .shell import keep_secret, mask
from .site import REPOSITORY, SITES, Site, load_site
from .table import RUNBOOKS, path

BOOK = REPOSITORY / "book"
BUILD = BOOK / "_build"
EDITION = "% edition\n"  # the line of index.md that says whose book this is
# Accounts that providers make on every machine: they name nobody, and "debian" is a word.
EVERYWHERE = {"root", "debian", "ubuntu", "admin", "centos", "docker", "ec2-user", "localhost"}
# Secrets whoever they belong to: private keys, GitHub's tokens.
SECRET = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----|\bgh[oprsu]_[A-Za-z0-9]{36}")
IPV4 = re.compile(r"(?<![A-Za-z0-9.])\d{1,3}(\.\d{1,3}){3}(?![A-Za-z0-9]|\.\d)")
IPV6 = re.compile(r"(?<![A-Za-z0-9.:])[0-9A-Fa-f]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*(?![A-Za-z0-9])")
MAIN = "from jupyter_book.cli.main import main; main()"
Change = Callable[[str], str]


class BookFailed(CyberhubsError):
    """The book cannot be built, or must not be published as it is."""


def build(site: str = "") -> Path:
    """Build the book; the folder of its HTML. Executes nothing and needs no network.

    Raises SettingsError, and BookFailed if a page holds a secret or Sphinx warns of anything; then
    there is no HTML, not even an earlier one.
    """
    wanted = load_site(site)
    shutil.rmtree(BUILD, ignore_errors=True)
    source = _fill(BUILD / "source", site, wanted)
    refuse_secrets(source, wanted)
    _sphinx(source)
    (BUILD / "html" / ".nojekyll").touch()  # GitHub Pages then keeps folders that begin with _
    (BUILD / "built.json").write_text(json.dumps(_edition(site, wanted)))
    return BUILD / "html"


def built(site: str) -> Path | None:
    """The HTML, if what was built last is this site's book with its settings of today."""
    try:
        same = json.loads((BUILD / "built.json").read_text()) == _edition(site, load_site(site))
    except FileNotFoundError:
        same = False
    return BUILD / "html" if same else None


def _edition(name: str, site: Site) -> dict[str, object]:
    return {"site": site.name if name else "", "hide": sorted(site.docs.hide)}


def _fill(source: Path, name: str, site: Site) -> Path:
    """All that Sphinx reads, in a new folder."""
    (source / "runbooks").mkdir(parents=True)
    for file in [*BOOK.glob("*.md"), *BOOK.glob("*.yml"), *BOOK.glob("*.svg"), *BOOK.glob("*.css")]:
        shutil.copy(file, source)
    if (SITES / "example.yaml").is_file():
        shutil.copy(SITES / "example.yaml", source)
    index = source / "index.md"
    index.write_text(index.read_text().replace(EDITION, _whose(name, site)))
    records = latest(name) if name else {}
    for stem in RUNBOOKS:
        shown = page(stem, name, site, records.get(stem))
        nbformat.write(shown, source / "runbooks" / f"{stem}.ipynb")
    return source


def _whose(name: str, site: Site) -> str:
    if not name:
        return _note(
            "note", "The tables in the runbooks come from a rehearsal on a throwaway server."
        )
    return _note("note", f"This is the book of the site `{site.name}`: the runbooks show what was"
                 " done to its server. " + _left_out(site))  # fmt: skip


def _left_out(site: Site) -> str:
    return f"Left out of them: {', '.join(site.docs.hide)}." if site.docs.hide else ""


def _note(kind: str, text: str) -> str:
    return f"```{{{kind}}}\n{text.strip()}\n```\n"


# --- one page ----------------------------------------------------------------------------------


def page(stem: str, name: str, site: Site, record: Record | None) -> NotebookNode:
    """A runbook as the book shows it: `record` tidied, or the committed page if there is none."""
    committed = _read(path(stem))
    if record is None:
        tidy(committed)
        if name:
            said = f"Not run for the site `{site.name}` yet."
            if any(cell.get("outputs") for cell in committed.cells):
                said += " The tables come from a rehearsal on a throwaway server."
            committed.cells.insert(1, new_markdown_cell(_note("note", said), id="book-note"))
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
    when = f"Run on {began} UTC" if began else "Run"
    code = [cell for cell in nb.cells if cell.cell_type == "code"]
    for cell in code:
        for output in cell.outputs:
            if output.output_type == "error":
                said = str(output.evalue).splitlines() or [output.ename]
                first = said[0].replace("`", "'")  # it stands between two of them
                return _note("error", f"{when}. **It failed** at `{cell.source.splitlines()[-1]}`;"
                             f" the cells after it did not run.\n\n`{first}`")  # fmt: skip
    if not all(cell.execution_count for cell in code):
        return _note("error", f"{when}. **It was cut off**: not all cells ran.")
    dry = any(o.metadata.get(MIME, {}).get("dry_run") for c in code for o in c.outputs
              if "metadata" in o)  # fmt: skip
    if dry:
        return _note("note", f"{when}, **dry run**: nothing was changed. {record.summary()}.")
    return _note("note", f"{when}: {record.summary()}.")


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
            output.get("data", {}).pop(MIME, None)
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


# --- what a page must not show -----------------------------------------------------------------


def hider(site: Site, nb: NotebookNode) -> Change:
    """A function that leaves out of a text what `docs.hide` names."""
    hide = site.docs.hide
    words: dict[str, str] = {}
    public = urlsplit(site.public_url).hostname or ""
    for kind, word, names in (
        ("logins", "login", _logins(site, nb)),
        ("addresses", "address", [public]),
        ("hosts", "host", [*_hosts(site, nb), public]),
    ):
        if kind in hide:
            words |= {n.lower(): word for n in names if n and n.lower() not in EVERYWHERE}
    either = "|".join(re.escape(name) for name in sorted(words, key=len, reverse=True))
    known = re.compile(rf"(?<![A-Za-z0-9])({either})(?![A-Za-z0-9])", re.I) if either else None

    def change(text: str) -> str:
        if known:
            text = known.sub(lambda found: words[found[0].lower()], text)
        if "addresses" in hide:
            text = IPV4.sub("address", IPV6.sub(_address, text))
        return text

    return change


def _logins(site: Site, nb: NotebookNode) -> list[str]:
    people = site.login.standin
    found = [*site.admins, *site.allowed_users, *site.blocked_users, site.service_user]
    found += [account.login for account in people] + [account.name for account in people]
    found += [target.rpartition("@")[0] for target in _targets(site, nb)]
    for report in _reports(nb):  # the account behind an alias of ~/.ssh/config
        found += [row["was"].split(" ")[0] for row in report["rows"] if row["label"] == "login"]
    return found


def _hosts(site: Site, nb: NotebookNode) -> list[str]:
    targets = _targets(site, nb)
    return targets + [re.sub(r":\d+$", "", t.rpartition("@")[2]).strip("[]") for t in targets]


def _targets(site: Site, nb: NotebookNode) -> list[str]:
    return [site.host, str(nb.metadata.get("papermill", {}).get("parameters", {}).get("host", ""))]


def _reports(nb: NotebookNode) -> Iterator[dict[str, Any]]:
    for cell in nb.cells:
        for output in cell.get("outputs", []):
            if MIME in output.get("data", {}):
                yield output["data"][MIME]


def _address(found: re.Match[str]) -> str:
    text = found[0].rstrip(":.")
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return found[0]
    return found[0] if not text.strip(":") else "address" + found[0][len(text) :]


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


def refuse_secrets(source: Path, site: Site) -> None:
    """Raise BookFailed if a page holds a secret that this machine knows; without showing it."""
    for variable in (SECRET_VARIABLE, PASSWORD_VARIABLE):
        keep_secret(os.environ.get(variable, "").strip())
    file = Path(site.login.client_secret_file).expanduser()
    if site.login.client_secret_file and file.is_file():
        keep_secret(file.read_text().strip())
    for shown in sorted(p for p in source.rglob("*") if p.is_file()):
        for text in _texts(shown):
            if any(
                SECRET.search(form) or mask(form) != form for form in (text, html.unescape(text))
            ):
                raise BookFailed(
                    f"a secret is on the page {shown.relative_to(source)}",
                    expected="no page that shows a secret",
                    todo="remove that record from runs/, give the secret anew where it came from"
                    " (a secret that was written down is one no more), and run the runbook again",
                )


def _texts(file: Path) -> Iterator[str]:
    """All strings of a file; of a notebook as they were before JSON escaped them."""
    if file.suffix != ".ipynb":
        yield file.read_text()
        return
    waiting: list[Any] = [json.loads(file.read_text())]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield "".join(item for item in value if isinstance(item, str))
            waiting += value
        elif isinstance(value, dict):
            waiting += [*value, *value.values()]


def _sphinx(source: Path) -> None:
    """Jupyter Book, every warning an error."""
    command = [
        sys.executable,
        "-c",
        MAIN,
        "build",
        str(source),
        "-W",
        "-n",
        "--keep-going",
    ]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CYBERHUBS_")}
    done = subprocess.run(
        [*command, "--path-output", str(BUILD.parent)],
        env={**environment, "LC_ALL": "C.UTF-8"}, stdin=subprocess.DEVNULL, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    if done.returncode:
        shutil.rmtree(BUILD / "html", ignore_errors=True)
        said = [line for line in done.stdout.splitlines() if line.strip()]
        plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in said]
        raise BookFailed(
            "Jupyter Book warned or stopped",
            expected="a build without a warning",
            todo="correct the page that is named below",
            evidence="\n".join([*[x for x in plain if "WARNING" in x], *plain[-15:]]),
        )
