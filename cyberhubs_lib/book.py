"""The book: the pages of book/ and the runbooks as they ran, as a folder of HTML.

Without a site it shows the committed runbooks; with one, the newest record of each. What a page
must not show goes before Sphinx sees it: `page` tidies and hides, `refuse_secrets` stops the build.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat

from .edition import BUILD, edition
from .errors import BookFailed
from .hiding import refuse_secrets
from .pages import note, page
from .runs import latest
from .site import REPOSITORY, Site
from .sitefile import SITES, load_site
from .table import RUNBOOKS

BOOK = REPOSITORY / "book"
EDITION = "% edition\n"  # the line of index.md that says whose book this is
MAIN = "from jupyter_book.cli.main import main; main()"


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
    (BUILD / "built.json").write_text(json.dumps(edition(wanted if site else None)))
    return BUILD / "html"


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
        return note(
            "note", "The tables in the runbooks come from a rehearsal on a throwaway server."
        )
    return note("note", f"This is the book of the site `{site.name}`: the runbooks show what was"
                 " done to its server. " + _left_out(site))  # fmt: skip


def _left_out(site: Site) -> str:
    return f"Left out of them: {', '.join(site.docs.hide)}." if site.docs.hide else ""


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
