"""No change of a host without a record: what a run writes by itself, and which record counts."""

import os

import nbformat
import pytest
from nbformat.v4 import new_notebook
from test_state import Machine, Thing

from cyberhubs_lib import run_record, runs
from cyberhubs_lib.change import RECORD
from cyberhubs_lib.errors import LocalFileError, PreconditionFailed
from cyberhubs_lib.host import LIVE
from cyberhubs_lib.lab import copy
from cyberhubs_lib.params import SystemParams
from cyberhubs_lib.recipes.recipe import Recipe
from cyberhubs_lib.report import Report, Row
from cyberhubs_lib.run_record import RunRecord
from cyberhubs_lib.runbook import Run
from cyberhubs_lib.runs import Record, beside, fuller, latest, settle
from cyberhubs_lib.site import Site

NAME = "02_prepare_os"
PLAN, APPLY, VERIFY = 'run.plan("packages")', 'run.apply("packages")', "run.verify()"


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Records of a site, kept nowhere else, by a process that papermill did not start."""
    monkeypatch.setattr(runs, "RUNS", tmp_path / "runs")
    monkeypatch.delenv(RECORD)
    site = tmp_path / "mine.yaml"
    site.write_text("name: mine\n")
    return site


def report(word, seconds=1.5):
    return Report("Packages", [Row("git", word, "present", "changed")], meta={"seconds": seconds})


def ran(site):
    """A run that has planned and applied one step."""
    record = RunRecord(NAME, SystemParams(site=str(site), allow_reboot=True))
    record.note(PLAN, report("absent"))
    record.begin(APPLY)
    record.note(APPLY, report("absent", 2.5))
    return record


def cells(file):
    """Source -> cell, of those that ran."""
    return {
        c.source: c for c in nbformat.read(file, as_version=4).cells if c.get("execution_count")
    }


def test_nothing_is_written_before_the_first_change(place):
    record = RunRecord(NAME, SystemParams(site=str(place)))
    record.note(PLAN, report("absent"))
    assert not runs.RUNS.exists()


def test_from_the_first_change_on_there_is_a_record_like_any_other(place):
    record = RunRecord(NAME, SystemParams(site=str(place), allow_reboot=True))
    record.note(PLAN, report("absent"))
    record.begin(APPLY)
    (found,) = runs.RUNS.rglob("*.ipynb")
    assert latest(str(place))[NAME].path == found.parent / found.name
    first = cells(found)
    assert "Changes began at" in first[APPLY].outputs[0].text
    assert [r["rows"][0]["was"] for r in Record(found).reports()] == ["absent"]
    assert f"site = {str(place)!r}" in "".join(first)
    assert "allow_reboot = True" in "".join(first)
    record.note(APPLY, report("absent", 2.5))
    record.fail(VERIFY, PreconditionFailed("what was found"))
    ended = cells(found)
    assert [o.output_type for o in ended[APPLY].outputs] == ["display_data"]
    assert "what was found" in ended[VERIFY].outputs[-1].evalue
    assert ended[PLAN].execution_count < ended[APPLY].execution_count


def test_no_second_record_where_papermill_writes_one(place, monkeypatch):
    """Started by our command, or by hand with a file in the usual folder."""
    monkeypatch.setenv(RECORD, "x.ipynb")
    assert ran(place).file is None
    monkeypatch.delenv(RECORD)
    monkeypatch.setattr(run_record, "PROCESS_BEGAN", 0)
    page = runs.place(str(place), "") / f"by_hand_{NAME}.ipynb"
    page.parent.mkdir(parents=True)
    for metadata, alone in (
        ({"output_path": "x"}, False),
        ({"output_path": "x", "end_time": "y"}, True),
    ):
        nbformat.write(new_notebook(metadata={"papermill": metadata}), page)
        assert (ran(place).file is not None) == alone


def test_no_change_without_a_place_for_the_record(place):
    runs.RUNS.write_text("a file where the folder should be")
    machine = Machine(a="0")
    recipe = Recipe(steps={"packages": [Thing("a", "1")]})
    run = Run(NAME, machine.host, Site(), SystemParams(site=str(place)), recipe)
    run.plan("packages")
    with pytest.raises(LocalFileError):
        run.apply("packages")
    assert machine.state == {"a": "0"}
    runs.RUNS.unlink()
    run.apply("packages")
    assert machine.state == {"a": "1"}
    assert latest(str(place))[NAME].summary() == "1 changed"


def test_a_page_of_jupyterlab_that_was_not_saved(place, monkeypatch):
    """While it is open its record is the one beside it; at the end there is one record."""
    page = copy(NAME, str(place)).path
    monkeypatch.setenv(LIVE, str(page))
    record = ran(place)
    assert record.file == beside(page)
    assert latest(str(place))[NAME].path == beside(page)
    settle(page)
    assert latest(str(place))[NAME].path == page
    assert len(list(Record(page).reports())) == 2
    assert os.listdir(page.parent) == [page.name]


def test_a_page_of_jupyterlab_that_was_saved_stays(place, monkeypatch):
    """It may have notes; but an older run in it does not hide the newer."""
    page = copy(NAME, str(place)).path
    monkeypatch.setenv(LIVE, str(page))
    ran(place)
    saved = nbformat.read(beside(page), as_version=4)
    saved.cells[0].source += "\n\nwith a note"
    nbformat.write(saved, page)
    assert fuller(page) == page
    record = ran(place)
    record.note(VERIFY, report("well", 3.5))
    assert fuller(page) == beside(page)
    record.fail(VERIFY, KeyboardInterrupt())
    settle(page)
    assert os.listdir(page.parent) == [page.name]


def test_a_page_in_which_nothing_was_run_goes(place):
    page = copy(NAME, str(place)).path
    settle(page)
    assert os.listdir(page.parent) == []
