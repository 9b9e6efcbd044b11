"""A runbook stepped through in JupyterLab, in the browser, against a throwaway server."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import httpx
import pytest
from browser import Notebook, drawn, page_of
from testhost.place import own_port

from cyberhubs_lib.runs import Record, latest
from cyberhubs_lib.site import REPOSITORY

RUNBOOK = "02_prepare_os"
LONG = 180_000
STEPS = ["packages", "account", "limits", "firewall", "remote_login", "restart"]
PLACE = REPOSITORY / "runs" / "lab-test"
ALL_OK = re.compile(r"Packages: \d+ ok")
TOKEN = "only-for-this-test"


@pytest.fixture(scope="module")
def site(server, tmp_path_factory):
    """The server's site; no record of it is left of an earlier run."""
    shutil.rmtree(PLACE, ignore_errors=True)
    file = tmp_path_factory.mktemp("site") / f"{PLACE.name}.yaml"
    file.write_text(f"host: {server.host}\n")
    yield file
    shutil.rmtree(PLACE)


@pytest.fixture(scope="module")
def lab(operator, site):
    """`./cyberhubs lab --site ...`, without a browser of its own."""
    port = own_port()
    command = [sys.executable, "-m", "cyberhubs_lib", "lab", "--site", str(site)]
    settings = operator.home / "settings" / "@jupyterlab" / "docmanager-extension"
    settings.mkdir(parents=True)
    (settings / "plugin.jupyterlab-settings").write_text('{"autosave": false}')
    command += [f"--LabApp.user_settings_dir={operator.home / 'settings'}"]
    command += ["--no-browser", "--port", str(port), f"--ServerApp.token={TOKEN}"]
    if os.getuid() == 0:
        command.append("--allow-root")
    log = operator.home / "lab.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            command, cwd=REPOSITORY, env=operator.environment(), stdin=subprocess.DEVNULL,
            stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(f"{address}/api?token={TOKEN}", process, log)
        yield address
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)
    # what was run is a record, the other copies are gone
    assert [record.name for record in map(Record, PLACE.glob("*.ipynb"))] == [RUNBOOK]
    assert "changed" in latest(str(site))[RUNBOOK].summary()


def _wait_for(address, process, log):
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(address).status_code == 200:
                return
        time.sleep(0.2)
    pytest.fail(f"JupyterLab does not answer:\n{log.read_text()}")


@pytest.fixture(scope="module")
def page(lab, browser, tmp_path_factory):
    """JupyterLab with the runbook open."""
    pictures = tmp_path_factory.mktemp("pictures")
    with page_of(browser, pictures) as page:
        page.pictures = pictures
        (copy,) = PLACE.glob(f"*_{RUNBOOK}.ipynb")
        page.goto(f"{lab}/lab/tree/{copy.relative_to(REPOSITORY)}?token={TOKEN}")
        yield page


@pytest.fixture(autouse=True)
def picture(page, request):
    """What the page looks like after each test."""
    yield
    page.screenshot(path=page.pictures / f"{request.node.name}.png")


@pytest.fixture(scope="module")
def notebook(page):
    """The runbook, ready."""
    drawn(page, ".jp-NotebookPanel")
    found = Notebook(page)
    found.wait_until_ready()
    return found


def statuses(output):
    """Label -> status, sign left out, as the reader sees them in the table."""
    head, *rows = [r.locator("th, td").all_inner_texts() for r in output.locator("tr").all()]
    at = head.index("status")
    return {row[0]: row[at].split(maxsplit=1)[-1] for row in rows}


def run_cell(notebook, source, until):
    """Run the cell with this source; its output, once it says `until`."""
    notebook.select(notebook.cell(source))
    notebook.step()
    output = notebook.cell(source).locator(".jp-Cell-outputArea")
    output.filter(has_text=until).wait_for(timeout=LONG)
    notebook.wait_until_idle(LONG)
    return output


def test_the_site_is_filled_in_and_the_facts_are_shown(notebook, page, site):
    parameters = notebook.cell("host: str")
    assert f'site: str = "{site}"' in parameters.inner_text()
    notebook.select(parameters)
    notebook.step()
    facts = run_cell(notebook, "from cyberhubs_lib import start", "The host")
    assert "Debian GNU/Linux 13" in facts.inner_text()
    requirements = run_cell(notebook, "run.requirements()", "Requirements")
    assert set(statuses(requirements).values()) == {"ok"}


def test_step_by_step_plan_then_apply(notebook, page):
    for step in STEPS:
        title = step.replace("_", " ").capitalize()
        planned = run_cell(notebook, f'run.plan("{step}")', f"{title}:")
        before = statuses(planned) if planned.locator("tr").count() else {}
        assert "changed" not in before.values()
        applied = run_cell(notebook, f'run.apply("{step}")', f"{title}:")
        after = statuses(applied) if applied.locator("tr").count() else {}
        # one table, redrawn in place: what was to change is changed
        assert applied.locator("table").count() == bool(before)
        assert list(after) == list(before)
        assert {after[label] for label, was in before.items() if was == "would change"} <= {
            "changed"
        }
        if step == "packages":
            assert after["package git"] == "changed"
            page.screenshot(path=page.pictures / "packages.png")


def test_verify_is_ok(notebook, page):
    found = statuses(run_cell(notebook, "run.verify()", "Verify:"))
    assert set(found.values()) <= {"ok", "warning"}
    assert found["git runs"] == "ok"


def test_an_apply_run_twice_does_no_harm(notebook, page):
    again = run_cell(notebook, 'run.apply("packages")', "has not been shown")
    assert "run the cell above, look at the table" in again.inner_text()
    run_cell(notebook, 'run.plan("packages")', ALL_OK)
    for _ in range(2):
        again = run_cell(notebook, 'run.apply("packages")', ALL_OK)
        assert set(statuses(again).values()) == {"ok"}


def test_out_of_order_says_what_is_missing(notebook, page):
    notebook.menu("Kernel", "Restart Kernel…")
    page.get_by_role("button", name="Confirm Kernel Restart").click()
    notebook.wait_until_idle(LONG)
    said = run_cell(notebook, 'run.apply("packages")', "NameError").inner_text()
    assert "name 'run' is not defined" in said
    notebook.select(notebook.cell("host: str"))
    notebook.step()
    run_cell(notebook, "from cyberhubs_lib import start", "The host")
    said = run_cell(notebook, 'run.apply("packages")', "OutOfOrder").inner_text()
    assert "the plan of step 'packages' has not been shown" in said
    assert len(said.splitlines()) < 15, said


def test_tables_can_be_read_in_the_dark_theme(notebook, page):
    run_cell(notebook, "run.requirements()", "Requirements")
    notebook.menu("Settings", "Theme", "JupyterLab Dark")
    page.locator('body[data-jp-theme-light="false"]').wait_for(state="attached")


def test_what_was_done_is_a_record_although_nobody_saved_it(notebook, site):
    """The fixture looks at what is left when Lab has ended."""
    record = latest(str(site))[RUNBOOK]
    assert not Record(PLACE / record.path.name.removeprefix(".")).was_run
