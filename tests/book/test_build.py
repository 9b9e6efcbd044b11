"""The book, really built: every warning an error, nothing loaded from elsewhere."""

from __future__ import annotations

import re
import shutil
from html.parser import HTMLParser

import nbformat
import pytest

from cyberhubs_lib import book, edition, runs
from cyberhubs_lib.book import build
from cyberhubs_lib.errors import BookFailed
from cyberhubs_lib.report import MIME, Report, Row
from cyberhubs_lib.sitefile import load_site
from cyberhubs_lib.table import RUNBOOKS, path

CANARY = "canary-4b1d-6e02"
FAILING = "03_prepare_storage"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site that has run all runbooks but the first and the last; one of the runs failed."""
    folder = tmp_path_factory.mktemp("site")
    file = folder / "trial.yaml"
    file.write_text(
        "admins: [octavia]\nhost: alice@hub.example.org\ndocs: {hide: [logins, addresses, hosts]}\n"
    )
    for stem in list(RUNBOOKS)[1:-1]:
        record(stem, folder / "runs" / f"20261122T221720Z_{stem}.ipynb", stem == FAILING)
    return file


def record(stem, file, failed=False):
    """The committed page with a report below each code cell, as papermill would leave it."""
    nb = nbformat.read(path(stem), 4)
    rows = [Row(f"row of {stem}", "octavia at 192.0.2.7", "hub.example.org", "changed", "a <note>")]
    for count, cell in enumerate((c for c in nb.cells if c.cell_type == "code"), 1):
        cell.execution_count = count
        report = Report("Step", rows, meta={"dry_run": False})
        output = nbformat.v4.new_output("display_data", report.bundle(), metadata=report.metadata())
        cell.outputs = [] if count == 1 else [output]
        if failed and count == 4:
            said = "PreconditionFailed: no disk\n  expected: one"
            lines = said.splitlines()
            error = nbformat.v4.new_output(
                "error", ename="PreconditionFailed", evalue=said, traceback=lines
            )
            cell.outputs = [error]
    given = nbformat.v4.new_code_cell(
        '# Parameters\nsite = "trial"\n',
        metadata={"tags": ["injected-parameters"]},
        execution_count=1,
    )
    nb.cells.insert(2, given)
    nb.metadata["papermill"] = {"start_time": "2026-11-22T22:17:21", "parameters": {}}
    file.parent.mkdir(exist_ok=True)
    nbformat.write(nb, file)


@pytest.fixture
def place(tmp_path, monkeypatch, site):
    """Where this test builds, and where it looks for records."""
    for module in (book, edition):
        monkeypatch.setattr(module, "BUILD", tmp_path / "_build")
    monkeypatch.setattr(runs, "place", lambda name, host: site.parent / "runs")
    monkeypatch.setattr("cyberhubs_lib.shell._secrets", set())
    return tmp_path


def pages(folder):
    return {str(p.relative_to(folder)): p.read_text() for p in sorted(folder.rglob("*.html"))}


class Loaded(HTMLParser):
    """Addresses that a browser loads by itself: scripts, styles, images, frames."""

    def __init__(self, text):
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag in ("script", "img", "iframe", "source", "video", "audio", "object"):
            self.found.append(given.get("src") or given.get("data") or "")
        if tag == "link" and given.get("rel") != "canonical":
            self.found.append(given.get("href") or "")


def test_the_committed_book(place):
    html = build()
    assert html == place / "_build" / "html"
    shown = pages(html)
    for stem in RUNBOOKS:
        page = shown[f"runbooks/{stem}.html"]
        assert f'href="runbooks/{stem}.html"' in shown["index.html"]
        committed = nbformat.read(path(stem), 4)
        outputs = [output for cell in committed.cells for output in cell.get("outputs", [])]
        tables = sum("<table" in output.get("data", {}).get("text/html", "") for output in outputs)
        assert page.count("<table style=") == tables > 0
        assert "Not run for the site" not in page
    assert 'class="admonition warning"' in shown[f"runbooks/{FAILING}.html"]
    assert "public_url" in shown["site_file.html"]  # the example is really in it
    assert (html / ".nojekyll").exists()
    assert edition.built(None) == html
    nothing_is_loaded_from_elsewhere(html)


def nothing_is_loaded_from_elsewhere(html):
    for name, text in pages(html).items():
        away = [a for a in Loaded(text).found if re.match(r"(https?:)?//", a)]
        assert away == [], f"{name} loads {away}"
    for sheet in html.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*[\"']?(https?:)?//", sheet.read_text()), sheet


def test_the_book_of_a_site(place, site):
    html = build(str(site))
    shown = pages(html)
    assert "This is the book of the site" in shown["index.html"]
    first, *ran, last = RUNBOOKS
    for stem in (first, last):
        assert "Not run for the site" in shown[f"runbooks/{stem}.html"]
    for stem in ran:
        page = shown[f"runbooks/{stem}.html"]
        assert "Run on 2026-11-22 22:17 UTC" in page
        assert f"row of {stem}" in page
        assert "login at address" in page
        assert "a &lt;note&gt;" in page
        assert "trial" in page  # the parameter that held
    failed = re.sub(r"<[^>]*>", "", shown[f"runbooks/{FAILING}.html"])
    assert "It failed at run.plan" in failed
    assert failed.count("PreconditionFailed: no disk") == 2  # in the note, and where it happened
    left = [p for p in html.rglob("*") if p.suffix in (".html", ".ipynb", ".js", ".md")]
    for file in left:
        text = file.read_text()
        for word in ("192.0.2.7", "alice", "octavia", MIME, "input_path"):
            assert word not in text, f"{word} in {file}"
    assert edition.built(load_site(str(site))) == html
    assert edition.built(None) is None


def test_a_secret_on_a_page_means_no_book(place, site, monkeypatch):
    (place / "_build" / "html").mkdir(parents=True)  # of an earlier build
    spoilt = place / "runs"
    shutil.copytree(site.parent / "runs", spoilt)
    monkeypatch.setattr(runs, "place", lambda name, host: spoilt)
    file = spoilt / "20261122T221720Z_04_install_docker.ipynb"
    file.write_text(file.read_text().replace("row of", CANARY))
    monkeypatch.setenv("CYBERHUBS_CLIENT_SECRET", CANARY)
    with pytest.raises(BookFailed, match="04_install_docker") as caught:
        build(str(site))
    assert CANARY not in str(caught.value)
    assert not (place / "_build" / "html").exists()
    assert edition.built(load_site(str(site))) is None


def test_a_warning_means_no_book(place, monkeypatch):
    broken = place / "book"
    shutil.copytree(book.BOOK, broken, ignore=shutil.ignore_patterns("_build"))
    (broken / "images.md").write_text("# Images\n\n[nowhere](nowhere.md)\n")
    monkeypatch.setattr(book, "BOOK", broken)
    with pytest.raises(BookFailed, match=r"images\.md.*nowhere"):
        build()
    assert not (place / "_build" / "html").exists()
