"""What people see: the demo's hub in a real browser."""

import time
from urllib.parse import urlsplit

import pytest
from browser import WAIT, arrive, choose, drawn, log_in, new_notebook, page_of, stop_server
from playwright.sync_api import expect
from trial import Person

START = 2 * WAIT  # until somebody's server is there and its page drawn


@pytest.fixture
def page(demo_hub, browser, tmp_path):
    """A new person's browser; its pictures are kept under tmp_path. No server runs yet."""
    for login in ("ada", "ben"):
        Person(demo_hub, login).stop()
    with page_of(browser, tmp_path) as page:
        page.pictures = tmp_path
        yield page


@pytest.fixture
def picture(page):
    """Take a picture under a name."""
    return lambda name: page.screenshot(path=page.pictures / f"{name}.png")


def stop_and_log_out(page, url):
    """By the hub's control panel."""
    stop_server(page, url)
    page.locator("#logout").click()
    expect(page.get_by_text("Sign in with GitHub stand-in")).to_be_visible()


def prints(notebook, source, output):
    """Type into the first cell, run it, and see this output."""
    notebook.write(notebook.cells.first, source)
    notebook.step()
    shown = notebook.cells.first.locator(".jp-OutputArea-output").first
    expect(shown).to_have_text(output, timeout=START)


def test_ben_works_in_jupyterlab(demo_hub, page, picture):
    log_in(page, demo_hub.url, "ben")
    picture("menu")
    choose(page, "JupyterLab")
    arrive(page, f"{demo_hub.url}/user/ben/lab")
    notebook = new_notebook(page, "Python 3")
    prints(notebook, "import ipywidgets\nprint(6 * 7)\nipywidgets.IntSlider(5)", "42")
    page.locator(".widget-slider").wait_for()
    page.keyboard.press("Control+s")
    page.get_by_role("button", name="Rename and Save").click()
    page.locator(".jp-Dialog").wait_for(state="detached")
    expect(page.locator(".jp-DirListing-item", has_text="Untitled.ipynb")).to_be_visible()
    picture("lab")
    end = time.monotonic() + 20
    while "print(6 * 7)" not in demo_hub.file("ben", "Untitled.ipynb"):
        assert time.monotonic() < end, "not saved"
        time.sleep(0.2)

    with page.expect_popup() as opened:
        notebook.menu("File", "Hub Control Panel")
    opened.value.wait_for_load_state()
    assert urlsplit(opened.value.url).path == "/hub/home"
    opened.value.screenshot(path=page.pictures / "control_panel.png")
    opened.value.close()
    stop_and_log_out(page, demo_hub.url)
    page.goto(f"{demo_hub.url}/user/ben/lab")
    assert urlsplit(page.url).path == "/hub/login"


def test_a_logout_closes_a_running_server_too(demo_hub, page):
    log_in(page, demo_hub.url, "ben")
    choose(page, "JupyterLab")
    arrive(page, f"{demo_hub.url}/user/ben/lab")
    page.goto(f"{demo_hub.url}/hub/home")
    page.locator("#logout").click()
    page.goto(f"{demo_hub.url}/user/ben/lab")
    assert urlsplit(page.url).path == "/hub/login"
    assert demo_hub.user_container("ben").status == "running"  # the work itself goes on


def test_ada_uses_notebook_and_bash(demo_hub, page, picture):
    log_in(page, demo_hub.url, "ada")
    choose(page, "Notebook")
    arrive(page, f"{demo_hub.url}/user/ada/tree")
    drawn(page, ".jp-DirListing-item")
    picture("tree")
    page.goto(f"{demo_hub.url}/user/ada/lab")
    prints(new_notebook(page, "Bash"), "echo $((6*7))", "42")
    picture("bash")
    page.goto(f"{demo_hub.url}/hub/home")
    page.get_by_role("link", name="Admin").click()
    expect(page.get_by_role("row", name="ada")).to_be_visible()
    picture("admin")


def test_mallory_reads_why_not(demo_hub, page, picture):
    log_in(page, demo_hub.url, "mallory")
    expect(page.locator("body")).to_contain_text(
        "The account mallory is not on the list of allowed users"
    )
    expect(page.get_by_role("heading")).to_have_text("You are not let in")
    expect(page.locator("body")).to_contain_text("Ask an administrator")
    assert page.get_by_text("not on the list").count() == 1
    picture("refused")
    page.get_by_role("link", name="Sign in again").click()
    expect(page.get_by_role("heading")).to_have_text("A hub to try")
    expect(page.locator("body")).to_contain_text("stand-in for GitHub, without a password")
    picture("login")
    page.goto(f"{demo_hub.url}/hub/home")
    assert urlsplit(page.url).path == "/hub/login"
