"""What somebody at work sees when a kernel, a server or their access ends: why."""

import re

import pytest
from browser import arrive, choose, log_in, new_notebook, page_of, visit
from laws import until
from playwright.sync_api import expect
from trial import Person

LONG = 60_000
TAKE = """\
x = bytearray({} << 20)
for i in range(0, len(x), 4096): x[i] = 1  # Linux gives memory when it is used
print('there was enough')"""
LIMIT = "its limit of 1 GiB"
# The server itself is to be the first that is ended, and then another program takes the memory.
END_SERVER = (
    "p=$(pgrep -f -o jupyterhub-singleuser); echo 1000 >/proc/$p/oom_score_adj;"
    " python3 -c 'x = b\"x\" * (1200 << 20)'"
)


@pytest.fixture
def page(browser, tmp_path):
    with page_of(browser, tmp_path) as page:
        page.pictures = tmp_path
        yield page


@pytest.fixture
def notebook(demo_hub, page):
    """Ben's, with a kernel; his server is gone afterwards."""
    Person(demo_hub, "ben").stop()
    log_in(page, demo_hub.url, "ben")
    choose(page, "JupyterLab")
    arrive(page, f"{demo_hub.url}/user/ben/lab")
    visit(page, f"{demo_hub.url}/user/ben/lab?reset")  # without the last test's notebook
    yield new_notebook(page, "Python 3")
    Person(demo_hub, "ben").stop()


def test_a_kernel_that_was_ended_for_memory_says_so(page, notebook):
    notebook.write(notebook.cells.first, TAKE.format(1200))
    notebook.step()
    output = notebook.cells.first.locator(".jp-OutputArea-output").first
    expect(output).to_contain_text(
        f"needed more memory than {LIMIT}, so this kernel was", timeout=LONG
    )
    page.get_by_text("appears to have died").wait_for()  # JupyterLab's own words
    page.screenshot(path=page.pictures / "kernel.png")
    page.get_by_role("button", name="Ok", exact=True).click()
    notebook.wait_until_idle(LONG)
    notebook.write(notebook.cells.last, TAKE.format(10))
    notebook.step()
    expect(notebook.panel.get_by_text("there was enough", exact=True)).to_be_visible(timeout=LONG)


def test_a_kernel_that_was_ended_by_something_else_does_not_speak_of_memory(page, notebook):
    notebook.write(notebook.cells.first, "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    notebook.step()
    page.get_by_text("appears to have died").wait_for(timeout=LONG)
    assert not page.get_by_text(LIMIT).count()
    page.get_by_role("button", name="Ok", exact=True).click()


def test_a_server_that_was_ended_for_memory_says_so(demo_hub, page, notebook):
    code, out = demo_hub.user_container("ben").exec_run(["sh", "-c", END_SERVER])
    assert code, out
    page.goto(f"{demo_hub.url}/user/ben/lab")
    page.get_by_text("The server of ben has stopped").wait_for(timeout=LONG)
    words = " ".join(page.locator("body").inner_text().split())
    assert f"needed more memory than {LIMIT}" in words
    page.screenshot(path=page.pictures / "server.png")


def test_whose_access_has_ended_is_told_so(demo_hub, page, notebook):
    try:
        demo_hub.access("block", "ben")
        page.get_by_text("Your access has ended").wait_for(timeout=LONG)
        page.screenshot(path=page.pictures / "access.png")
        assert not page.get_by_text(re.compile("died|Would you like to restart")).count()
        page.get_by_role("button", name="Log in", exact=True).click()
        page.get_by_text("Sign in with GitHub stand-in").click()
        page.get_by_role("button", name="ben").click()
        page.get_by_text("is blocked").first.wait_for()
    finally:
        demo_hub.access("unblock", "ben")
        until(lambda: Person(demo_hub, "ben").reply.status_code == 200)


def test_who_stops_the_server_is_asked_whether_to_start_it(demo_hub, page, notebook):
    """Their access goes on: JupyterHub's own words."""
    Person(demo_hub, "ben").stop()
    page.get_by_text("Would you like to restart it?").wait_for(timeout=LONG)
    with page.expect_popup() as popup:
        page.get_by_role("button", name="Restart", exact=True).click()
    popup.value.wait_for_url(re.compile("/hub/spawn"))
