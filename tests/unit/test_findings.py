"""What dry runs found, as `up --dry-run` and `drift` tell it: each row once, and what is expected."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from cyberhubs_lib import cli, drift
from cyberhubs_lib.cli import main
from cyberhubs_lib.errors import RunFailed
from cyberhubs_lib.findings import exit_code, findings, told
from cyberhubs_lib.report import Report, Row
from cyberhubs_lib.runs import Record

CHANGE = Row("package git", "missing", "installed", "would change")
NEEDS_02 = Row("program curl", "missing", "there", "failed", "run 02_prepare_os first")
DISK = Row("disk", "none", "an empty disk", "failed", "attach a disk")
UNKNOWN = Row("updates", "?", "0 packages", "unknown", "the package index was never read")
PROOF = Row("git runs", "no", "yes", "failed")
OK = Row("hostname", "set")


@pytest.fixture
def dry(tmp_path):
    """A function that writes the record of a dry run: rows before, of a step, and of the proof."""

    def dry(name, before=(), step=(), proof=(), **more):
        plan = Report("Packages", list(step), meta={"dry_run": True})
        applied = Report("Packages", list(step), meta={"dry_run": True}, aside="dry run")
        first = Report("Requirements", list(before), meta={"dry_run": True, **more})
        reports = [first, plan, applied, Report("Verify", list(proof), meta={"dry_run": True})]
        outputs = [new_output("display_data", r.bundle(), metadata=r.metadata()) for r in reports]
        file = tmp_path / f"20260101T000000Z_{name}.ipynb"
        nbformat.write(new_notebook(cells=[new_code_cell(outputs=outputs)]), file)
        return Record(file)

    return dry


def test_a_row_counts_once_although_it_is_planned_and_applied(dry):
    record = dry("06_configure_hub", [OK], [OK, CHANGE], [OK])
    assert record.summary() == "3 ok, 1 would change"


def test_a_dry_run_names_itself_to_readers_and_is_the_same_step_to_programs():
    report = Report("Packages", [OK], aside="dry run: nothing is changed")
    assert str(report).startswith("Packages (dry run: nothing is changed): 1 ok")
    assert "<b>Packages (dry run: nothing is changed)</b>" in report.html()
    assert report.as_dict()["title"] == "Packages"


def test_on_a_fresh_host_only_what_no_step_puts_right_has_failed(dry):
    found = findings([
        dry("02_prepare_os", [OK], [CHANGE, UNKNOWN], [PROOF]),
        dry("03_prepare_storage", [DISK], []),
        dry("04_install_docker", [NEEDS_02], [], [PROOF]),
    ])  # fmt: skip
    assert [f.expected for f in found] == [[PROOF], [], [NEEDS_02, PROOF]]
    assert [f.deviating for f in found] == [[CHANGE, UNKNOWN], [DISK], []]
    text = told(found)
    assert all(str(f.record.path) in text for f in found)
    assert "failed, as expected until the steps above have run: program curl; git runs" in text
    assert "1 would change, 1 unknown, 1 failed, 3 failed as expected" in text
    assert "Put right what failed in 03_prepare_storage:" in text


def test_what_needs_a_runbook_that_is_not_run_here_or_has_nothing_to_do_has_failed(dry):
    alone = findings([dry("04_install_docker", [NEEDS_02])])
    assert alone[0].deviating == [NEEDS_02]
    (_, later) = findings([dry("02_prepare_os", [OK]), dry("04_install_docker", [NEEDS_02])])
    assert (later.deviating, later.expected) == ([NEEDS_02], [])


@pytest.mark.parametrize(("step", "proof", "up", "of_drift"), [
    ([OK], [OK], 0, 0),
    ([CHANGE], [PROOF], 2, 2),
    ([CHANGE, UNKNOWN], [], 2, 2),
    ([UNKNOWN], [], 1, 1),
    ([OK], [PROOF], 1, 2),
])  # fmt: skip
def test_the_exit_code_says_what_there_is_to_do(
    dry, step, proof, up, of_drift, monkeypatch, capsys
):
    record = dry("02_prepare_os", [OK], step, proof)
    assert exit_code(findings([record])) == up
    monkeypatch.setattr(cli, "run_and_tell", lambda names, parameters: iter([record]))
    assert main(["up", "--dry-run", "--site", "demo"]) == up
    assert main(["run", "02", "-p", "dry_run", "true"]) == up
    assert ("nothing was changed: all as wanted" in capsys.readouterr().out) == (up == 0)
    monkeypatch.setattr(drift, "run", lambda name, parameters, kernel: record)
    report, code = drift.drift(["02_prepare_os"], {}, print)
    assert code == of_drift
    assert len(report.rows) == max(1, len([r for r in [*step, *proof] if r.status != "ok"]))


def test_what_docker_waits_for_is_said_at_once_and_once(dry, monkeypatch):
    record = dry("02_prepare_os", [OK], docker_waits="the data disk is not there")
    heard = []

    def run(name, parameters, kernel):
        assert heard == ([] if name == "02_prepare_os" else ["Docker: the data disk is not there"])
        return record

    monkeypatch.setattr(drift, "run", run)
    drift.drift(["02_prepare_os", "03_prepare_storage", "04_install_docker"], {}, heard.append)
    assert heard == ["Docker: the data disk is not there"]


def test_what_was_found_before_a_run_that_stopped_is_told(dry, monkeypatch, capsys):
    def run(names, parameters):
        yield dry("02_prepare_os", [], [CHANGE])
        raise RunFailed("03_prepare_storage stopped")

    monkeypatch.setattr(cli, "run_and_tell", run)
    assert main(["up", "--dry-run", "--site", "demo"]) == 1
    said = capsys.readouterr()
    assert "package git" in said.out
    assert "03_prepare_storage stopped" in said.err


def test_of_many_rows_the_first_are_shown_and_what_failed_is_among_them(dry):
    many = [Row(f"file {n}", "absent", "x" * 300, "would change") for n in range(80)]
    text = told(findings([dry("06_configure_hub", [DISK], many)]))
    assert text.splitlines()[2].startswith("  disk ")
    assert "... and 66 more" in text
    assert max(len(line) for line in text.splitlines()) < 200
