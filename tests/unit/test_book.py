"""The book's own part: which record, how a page is tidied, what is left out, what is refused."""

from __future__ import annotations

import json
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from cyberhubs_lib import edition, runs
from cyberhubs_lib.errors import BookFailed
from cyberhubs_lib.hiding import hider, refuse_secrets
from cyberhubs_lib.pages import page, tidy
from cyberhubs_lib.report import MIME, Report, Row
from cyberhubs_lib.runs import Record
from cyberhubs_lib.site import Site

STEM = "00_start_here"
PARAMETERS = (
    'host: str = ""  # user@name:port; "" takes the site\'s host\n'
    'site: str = ""  # name or path\n'
    "dry_run: bool = False  # True only shows what would change"
)
GITHUB = {"standin": [{"login": "b-en", "name": "Ben Bitdiddle"}]}


def executed(*rows, given='site = "mine"', parameters=None, ename=""):
    """A notebook as papermill leaves it, with one report."""
    report = Report("Verify", list(rows), meta={"dry_run": False, "seconds": 1.5, "round_trips": 5})
    output = new_output("display_data", report.bundle(), metadata=report.metadata())
    last = new_code_cell("run.verify()", outputs=[output], execution_count=3)
    if ename:
        last.outputs.append(new_output("error", ename=ename, evalue=f"{ename}: no answer"))
    nb = new_notebook(
        cells=[
            new_markdown_cell("# 00 · Start here"),
            new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}, execution_count=1),
            new_code_cell(
                f"# Parameters\n{given}\n",
                metadata={"tags": ["injected-parameters"]},
                execution_count=2,
            ),
            last,
        ]
    )
    nb.metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "papermill": {
            "start_time": "2026-11-22T22:17:21.58+00:00",
            "parameters": parameters or {},
            "input_path": "/somewhere/x.ipynb",
        },
    }
    return nb


def keep(nb, folder, name=f"20261122T221720Z_{STEM}"):
    file = folder / f"{name}.ipynb"
    nbformat.write(nb, file)
    return Record(file)


def text(nb):
    return json.dumps(nb, ensure_ascii=False)


# --- which record ---------------------------------------------------------------------------------


def test_the_newest_record_is_shown(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "place", lambda site, host: tmp_path)
    for stamp in ("20261122T221720Z", "20270101T000000Z", "20261231T235959Z"):
        keep(executed(Row(f"seen {stamp}")), tmp_path, f"{stamp}_{STEM}")
    shown = text(page(STEM, "mine", Site(), runs.latest("mine")[STEM]))
    assert "seen 20270101T000000Z" in shown
    assert "20261231" not in shown


def test_without_a_record_the_committed_page_says_so():
    shown = page(STEM, "mine", Site(name="mine"), None)
    assert "Not run for the site `mine` yet" in shown.cells[1].source


def test_without_a_site_the_committed_page_is_shown_as_it_is():
    shown = page(STEM, "", Site(), None)
    assert "Not run" not in text(shown)


# --- what a reader gets ---------------------------------------------------------------------------


def test_parameters_are_shown_once_with_the_values_that_held():
    nb = executed(given='site = "mine"\ndry_run = True')
    tidy(nb)
    assert nb.cells[1].source.splitlines() == [
        'host: str = ""  # user@name:port; "" takes the site\'s host',
        'site: str = "mine"  # name or path',
        "dry_run: bool = True  # True only shows what would change",
    ]
    assert "injected-parameters" not in text(nb)


def test_a_value_without_a_line_of_its_own_is_not_lost():
    nb = executed(given='device = "/dev/vdb"')
    tidy(nb)
    assert nb.cells[1].source.splitlines()[-1] == 'device = "/dev/vdb"'


def test_no_bookkeeping_is_left():
    nb = executed(Row("a"))
    tidy(nb)
    assert "papermill" not in text(nb)
    assert MIME not in text(nb)
    assert "text/html" in text(nb)


def test_the_note_tells_when_and_with_what_result(tmp_path):
    record = keep(executed(Row("a"), Row("b", status="changed")), tmp_path)
    note = page(STEM, "mine", Site(), record).cells[1].source
    assert "Run on 2026-11-22 22:17 UTC: 1 ok, 1 changed. 5 round trips to the host." in note


def test_a_run_that_failed_says_so_at_the_top(tmp_path):
    nb = executed(Row("a"), ename="ConnectError")
    nb.cells.insert(0, new_markdown_cell("<span>", metadata={"tags": ["papermill-error-cell-tag"]}))
    shown = page(STEM, "mine", Site(), keep(nb, tmp_path))
    assert shown.cells[0].source.startswith("# ")
    assert "**It failed** at `run.verify()`" in shown.cells[1].source
    assert "ConnectError: no answer" in shown.cells[1].source


def test_a_run_that_was_cut_off_says_so(tmp_path):
    nb = executed(Row("a"))
    nb.cells[-1].execution_count = None
    assert "cut off" in page(STEM, "mine", Site(), keep(nb, tmp_path)).cells[1].source


def test_a_file_that_is_no_notebook_is_named(tmp_path):
    (tmp_path / "x_00_start_here.ipynb").write_text("")
    with pytest.raises(BookFailed, match="is not a notebook"):
        page(STEM, "mine", Site(), Record(tmp_path / "x_00_start_here.ipynb"))


# --- what is left out -----------------------------------------------------------------------------

SITE = {
    "host": "alice@hub.example.org:2222",
    "public_url": "https://lab.example.org",
    "admins": ["Ada"],
    "allowed_users": ["td"],
}


@pytest.mark.parametrize(
    ("hide", "before", "after"),
    [
        ("logins", "cyberhubs-x-user-ada runs, ADA too", "cyberhubs-x-user-login runs, login too"),
        ("logins", "adamant Canada", "adamant Canada"),
        ("logins", "alice of Debian, root", "login of Debian, root"),
        ("logins", "at 192.0.2.7", "at 192.0.2.7"),
        ("addresses", "at 192.0.2.7:8000, and 10.0.0.1.", "at address:8000, and address."),
        ("addresses", "fe80::1 [2001:db8::5]:22 ::", "address [address]:22 ::"),
        ("addresses", "version 6.18.44, 12:30:45, a: b", "version 6.18.44, 12:30:45, a: b"),
        ("addresses", "::ffff:192.0.2.7 ::ffff:192.0.2.7:80", "address ::ffff:address:80"),
        ("addresses", "https://lab.example.org/hub", "https://address/hub"),
        ("hosts", "alice@hub.example.org:2222 answers", "host answers"),
        ("hosts", "ssh hub.example.org lab.example.org", "ssh host host"),
        ("hosts", "ada at 192.0.2.7", "ada at 192.0.2.7"),
    ],
)
def test_hide(hide, before, after):
    site = Site.model_validate({**SITE, "docs": {"hide": [hide]}})
    assert hider(site, new_notebook())(before) == after


def test_nothing_is_hidden_unless_asked():
    text_ = "ada alice@hub.example.org:2222 192.0.2.7"
    assert hider(Site.model_validate(SITE), new_notebook())(text_) == text_


def test_host_of_the_run_and_account_behind_an_alias_are_hidden(tmp_path):
    site = Site.model_validate({"docs": {"hide": ["logins", "hosts"]}})
    rows = [Row("login", "carol (sudo without a password)"), Row("at", "carol@other.example.org")]
    nb = executed(*rows, given='host = "other.example.org"')
    nb.metadata["papermill"]["parameters"] = {"host": "other.example.org"}
    shown = text(page(STEM, "mine", site, keep(nb, tmp_path)))
    assert "carol" not in shown
    assert "other.example" not in shown
    assert 'host: str = \\"host\\"' in shown


def test_whom_runbook_10_and_the_mounts_name_is_hidden(tmp_path):
    mount = {"path": "data/sky", "kind": "nfs", "source": "archive.example.org:/sky"}
    site = Site.model_validate({"docs": {"hide": ["logins", "hosts"]}, "mounts": [mount]})
    rows = [
        Row("allowed_users", "eve, frank and 3 more"),
        Row("grace", "may enter: administrator; account github:4711; allow by joe@laptop"),
        Row("mount", "hubdata@tape.example.org:/srv, archive.example.org:/sky"),
        Row("image", "debian:trixie@sha256:a292"),
    ]
    nb = executed(*rows, given='allow = "grace"')
    nb.metadata["papermill"]["parameters"] = {"allow": "grace, @Heidi", "rename": "ivan:judy"}
    nb.cells[-1].outputs.append(
        new_output("error", ename="HostBusy", evalue="changed by mike@desk", traceback=[])
    )
    shown = text(page(STEM, "mine", site, keep(nb, tmp_path)))
    for name in (
        "eve",
        "frank",
        "grace",
        "4711",
        "joe",
        "laptop",
        "tape",
        "archive",
        "mike",
        "desk",
    ):
        assert not re.search(rf"\b{name}\b", shown), name
    assert hider(site, nb)("heidi ivan judy") == "login login login"
    assert "debian:trixie@sha256:a292" in shown


def test_a_login_that_is_also_a_tag_leaves_the_table_whole(tmp_path):
    site = Site.model_validate({"admins": ["td"], "login": GITHUB, "docs": {"hide": ["logins"]}})
    rows = [Row("td logs in", "Ben Bitdiddle & b-en")]
    shown = page(STEM, "mine", site, keep(executed(*rows), tmp_path))
    table = shown.cells[-1].outputs[0].data["text/html"]
    assert "</td>" in table
    assert "login logs in" in table
    assert "login &amp; login" in table


def test_the_runbooks_own_words_stay(tmp_path):
    """Somebody called `verify` does not change a line that is the same for everyone."""
    site = Site.model_validate({"admins": ["verify"], "docs": {"hide": ["logins"]}})
    shown = page(STEM, "mine", site, keep(executed(Row("verify")), tmp_path))
    assert shown.cells[-1].source == "run.verify()"
    assert ">login<" in shown.cells[-1].outputs[0].data["text/html"]


# --- what is refused ------------------------------------------------------------------------------

SECRET = 'canary-"7f3a<&>91c2'


@pytest.fixture
def _own_secrets(monkeypatch):
    monkeypatch.setattr("cyberhubs_lib.shell._secrets", set())


@pytest.mark.parametrize("variable", ["CYBERHUBS_CLIENT_SECRET", "CYBERHUBS_SUDO_PASSWORD"])
@pytest.mark.parametrize("place", ["plain", "html", "source", "split"])
@pytest.mark.usefixtures("_own_secrets")
def test_a_secret_of_the_environment_is_refused(tmp_path, monkeypatch, variable, place):
    nb = executed(Row("a", SECRET))
    data = nb.cells[-1].outputs[0].data
    if place != "plain":
        data["text/plain"] = ""
    if place != "html":
        data["text/html"] = ""
    nb.cells[-1].outputs[0].metadata = {}
    if place == "source":
        data["text/html"], nb.cells[0].source = "", f"# {SECRET}"
    if place == "split":
        data["text/plain"] = ["canary-", SECRET.removeprefix("canary-")]
        (tmp_path / "p.ipynb").write_text(json.dumps(nb))
    else:
        keep(nb, tmp_path)
    refuse_secrets(tmp_path, Site())  # nobody knows yet that it is one
    monkeypatch.setenv(variable, SECRET)
    with pytest.raises(BookFailed) as caught:
        refuse_secrets(tmp_path, Site())
    assert "canary" not in str(caught.value)


@pytest.mark.usefixtures("_own_secrets")
def test_the_secret_in_the_sites_file_is_refused(tmp_path):
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "index.md").write_text(f"see {SECRET}")
    (tmp_path / "file").write_text(SECRET + "\n")
    site = Site.model_validate({"login": {"client_secret_file": str(tmp_path / "file")}})
    with pytest.raises(BookFailed, match=r"on the page index\.md"):
        refuse_secrets(tmp_path / "pages", site)


@pytest.mark.parametrize("found", ["-----BEGIN OPENSSH PRIVATE KEY-----", "gho_" + "a1B2" * 9])
@pytest.mark.usefixtures("_own_secrets")
def test_what_is_a_secret_for_everyone_is_refused(tmp_path, found):
    (tmp_path / "a.md").write_text(found)
    with pytest.raises(BookFailed):
        refuse_secrets(tmp_path, Site())


# --- whose book it is -----------------------------------------------------------------------------


def test_a_book_counts_only_for_its_site_and_its_settings(tmp_path, monkeypatch):
    monkeypatch.setattr(edition, "BUILD", tmp_path)
    site = Site.model_validate({"name": "own", "docs": {"hide": ["hosts"]}})
    assert edition.built(site) is None
    (tmp_path / "built.json").write_text('{"site": "own", "hide": ["hosts"]}')
    assert edition.built(site) == tmp_path / "html"
    assert edition.built(None) is None
    site.docs.hide.append("logins")
    assert edition.built(site) is None
