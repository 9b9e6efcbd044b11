"""Notebooks in a row in one process: each begins with nothing of the one before."""

import asyncio
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest
from jupyter_core.utils import ensure_event_loop
from nbformat.v4 import new_code_cell, new_notebook

from cyberhubs_lib.access import this_run
from cyberhubs_lib.change import RECORD
from cyberhubs_lib.errors import RunFailed, SettingsError
from cyberhubs_lib.execute import Kernel
from cyberhubs_lib.host import LIVE
from cyberhubs_lib.runs import of_each

LOOK = "import os; print(os.getpid(), 'left' in globals(), len(In), x)"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A function: code -> what it prints and the numbers of its cells, in one Kernel for all."""
    folder = tmp_path_factory.mktemp("notebooks")

    def execute(code, x=1, out="out.ipynb"):
        page = new_notebook(cells=[new_code_cell("x = 0"), new_code_cell(code)])
        page.metadata["language_info"] = {"name": "python"}
        page.cells[0].metadata["tags"] = ["parameters"]
        nbformat.write(page, folder / "page.ipynb")
        kernel.execute(folder / "page.ipynb", folder / out, {"x": x})
        cells = nbformat.read(folder / out, as_version=4).cells
        assert [cell.execution_count for cell in cells] == [1, 2, 3]  # with papermill's own
        return cells[2].outputs[0].text.split()

    execute.folder = folder
    with Kernel() as kernel:
        yield execute
    assert "HBChannel" not in str(threading.enumerate())


def test_one_process_and_nothing_left_in_it(run):
    first, *_ = run("left = 1; " + LOOK, x=5)
    assert run(LOOK, x=7) == [first, "False", "4", "7"]


def test_ctrl_c_just_when_the_process_was_started(tmp_path):
    """Its start and its end wait for the same then, which jupyter_client calls an invalid state."""
    pids = []

    def interrupted():
        loop = ensure_event_loop()
        with Kernel() as kernel, kernel._lent(tmp_path / "out.ipynb") as manager:
            loop.create_task(manager.start_kernel())
            while not manager.has_kernel:
                loop.run_until_complete(asyncio.sleep(0))
            pids.append(manager.provisioner.pid)
            raise KeyboardInterrupt

    with ThreadPoolExecutor(1) as thread, pytest.raises(KeyboardInterrupt):
        thread.submit(
            interrupted
        ).result()  # a thread has a loop of its own; a browser uses this one's
    assert not Path(f"/proc/{pids[0]}").exists()


@pytest.mark.parametrize("name", ["one", "another"])
def test_the_page_knows_the_record_that_it_is_written_to(run, name):
    code = "from cyberhubs_lib.access import this_run; print(this_run('10_manage_access'))"
    assert run(code, out=f"{name}.ipynb") == [name]


def test_without_a_record_the_runbook_is_named(monkeypatch):
    monkeypatch.delenv(RECORD, raising=False)
    monkeypatch.delenv(LIVE, raising=False)
    assert this_run("10_manage_access") == "10_manage_access"
    monkeypatch.setenv(LIVE, "/x/runs/demo/20261126T000000Z_10_manage_access.ipynb")
    assert this_run("10_manage_access") == "20261126T000000Z_10_manage_access"


@pytest.mark.parametrize(
    ("code", "said"),
    [("1 / 0", "ZeroDivisionError"), ("import os; os._exit(3)", "its Python process ended")],
)
def test_after_one_that_failed_there_is_a_new_process(run, code, said):
    before, *_ = run(LOOK)
    with pytest.raises(RunFailed, match=said):
        run(code)
    record = nbformat.read(run.folder / "out.ipynb", as_version=4)
    assert record.cells[-1].source == code
    assert run(LOOK)[0] != before


def test_a_process_that_was_killed_in_between_is_replaced(run):
    before, *_ = run(LOOK)
    os.kill(int(before), signal.SIGKILL)
    assert run(LOOK)[0] != before


def test_a_process_that_does_not_answer_is_replaced(run, monkeypatch):
    monkeypatch.setattr("cyberhubs_lib.execute.FORGET_SECONDS", 0.5)
    before, *_ = run(LOOK)
    os.kill(int(before), signal.SIGSTOP)
    assert run(LOOK)[0] != before


def test_each_runbook_gets_the_parameters_that_it_takes():
    given = {"host": "x@y", "confirm": "/dev/vdb", "allow_reboot": "true"}
    assert of_each(["02", "03", "04"], given) == [
        ("02_prepare_os", {"host": "x@y", "allow_reboot": "true"}),
        ("03_prepare_storage", {"host": "x@y", "confirm": "/dev/vdb"}),
        ("04_install_docker", {"host": "x@y"}),
    ]


@pytest.mark.parametrize("given", [{"hosst": "x"}, {"allow_reboot": "perhaps"}, {"confirm": "x"}])
def test_a_parameter_that_none_takes_or_that_is_wrong_stops_all(given):
    with pytest.raises(SettingsError, match=next(iter(given))):
        of_each(["00", "02"], given)
