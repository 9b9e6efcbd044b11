"""A real browser for tests: Debian's Chromium, headless, driven by Playwright."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Error, Locator, Page, expect, sync_playwright

# Quiet: no downloads, nothing that asks the network for its own sake.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ALONE = Path(__file__).with_name("chromium-alone")
WAIT = 30_000  # ms until an element must be there; two busy cores are slow


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """The browser. Its absence is an error, never a skip."""
    assert shutil.which("chromium"), "chromium is missing: `./cyberhubs test` installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=ALONE, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def page_of(browser: Browser, pictures: Path | None = None, **options: object) -> Iterator[Page]:
    """A page with cookies of its own; what it looks like at a failure is kept as a picture."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, **options)  # type: ignore[arg-type]
    context.set_default_timeout(WAIT)
    page = context.new_page()
    try:
        yield page
    except BaseException:
        if pictures:
            with contextlib.suppress(Exception):
                page.screenshot(path=pictures / "failure.png")
        raise
    finally:
        context.close()


def drawn(page: Page, what: str, timeout: float = 2 * WAIT) -> Locator:
    """This part of JupyterLab, once it is there.

    Chromium drops what it is loading whenever this machine gets a network interface, as it does
    with each new container; JupyterLab then shows a dialog, and a person would load it again.
    """
    for _ in range(4):
        page.locator(f"{what}, .jp-Dialog, #main-frame-error").first.wait_for(timeout=timeout)
        if page.locator(".jp-Dialog, #main-frame-error").count() == 0:
            break
        with contextlib.suppress(Error):  # for the same reason
            page.reload()
    return page.locator(what).first


def visit(page: Page, url: str) -> None:
    """Go there; once more if the network changed on the way, see `drawn`."""
    for _ in range(4):
        with contextlib.suppress(Error):
            page.goto(url)
            return
    page.goto(url)


def arrive(page: Page, address: str, timeout: float = 4 * WAIT) -> None:
    """Wait until the page is there by itself; help if the network changed, see `drawn`."""
    there = r"(?<!/hub)" + re.escape(urlsplit(address).path)
    for _ in range(4):
        page.wait_for_url(re.compile(there + "|^chrome-error:"), timeout=timeout)
        if not page.url.startswith("chrome-error:"):
            break
        visit(page, address)


class Notebook:
    """The open notebook of JupyterLab."""

    def __init__(self, page: Page):
        self.page = page
        self.panel = page.locator(".jp-NotebookPanel:visible")

    def wait_until_ready(self) -> None:
        """Drawn, and connected with a kernel: before that, Shift+Enter is without effect."""
        self.cells.first.wait_for()
        self.wait_until_idle(2 * WAIT)

    def wait_until_idle(self, timeout: float = WAIT) -> None:
        """Nothing runs, as the bar at the bottom says."""
        bar = self.page.locator("#jp-main-statusbar").get_by_text(re.compile(r"\| Idle$"))
        bar.wait_for(timeout=timeout)

    @property
    def cells(self) -> Locator:
        """All cells."""
        return self.panel.locator(".jp-Cell")

    def cell(self, source: str) -> Locator:
        """The first code cell that contains this text."""
        return self.panel.locator(".jp-CodeCell").filter(has_text=source).first

    def select(self, cell: Locator) -> None:
        """Make a cell the active one, in command mode."""
        cell.locator(".jp-InputPrompt").click()

    def menu(self, *labels: str) -> None:
        """Choose from the menus at the top, one level after the other."""
        for label in labels:
            shown = self.page.locator(".lm-MenuBar-itemLabel, .lm-Menu-itemLabel")
            shown.filter(has_text=re.compile(f"^{re.escape(label)}$")).first.click()

    def write(self, cell: Locator, source: str) -> None:
        """Replace what is in a cell, by typing."""
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(source)

    def step(self) -> None:
        """Run the selected cell and go to the next."""
        self.page.keyboard.press("Shift+Enter")


def log_in(page: Page, url: str, who: str) -> None:
    """From the hub's own page to the stand-in and, by a button there, back."""
    page.goto(url)
    assert urlsplit(page.url).path == "/hub/login"
    page.get_by_text("Sign in with GitHub stand-in").click()
    expect(page.get_by_role("heading")).to_have_text("STAND-IN, NOT GITHUB")
    expect(page.locator("body")).to_contain_text("asks for no password")
    page.get_by_role("button", name=who).click()
    page.wait_for_url(re.compile("/hub/|/user/"))


def choose(page: Page, title: str) -> None:
    """Choose from the menu and start."""
    page.get_by_label(title).check()
    page.get_by_role("button", name="Start").click()


def stop_server(page: Page, url: str) -> None:
    """By the button of the hub's home page, which does nothing before the page's script is there.

    The script may be lost with whatever else Chromium was loading, see `drawn`: then load it again.
    """
    for _ in range(4):
        visit(page, f"{url}/hub/home")
        with contextlib.suppress(Error):
            page.wait_for_function("window._jupyterhub_page_loaded", timeout=WAIT / 2)
            break
    page.get_by_role("button", name="Stop My Server").click()
    expect(page.get_by_role("button", name="Start My Server")).to_be_visible(timeout=2 * WAIT)


def new_notebook(page: Page, kernel: str) -> Notebook:
    """A notebook from the launcher."""
    drawn(page, ".jp-Launcher")
    page.locator(".jp-LauncherCard", has_text=kernel).first.click()
    notebook = Notebook(page)
    notebook.wait_until_ready()
    return notebook
