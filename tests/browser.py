"""A real browser for tests: Debian's Chromium, headless, driven by Playwright."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, sync_playwright

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
WAIT = 30_000  # ms until an element must be there; two busy cores are slow


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """The browser. Its absence is an error, never a skip."""
    program = shutil.which("chromium")
    assert program, "chromium is missing: `./cyberhubs test` installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
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


class Notebook:
    """The open notebook of JupyterLab."""

    def __init__(self, page: Page):
        self.page = page
        self.panel = page.locator(".jp-NotebookPanel:visible")

    def wait_until_ready(self) -> None:
        """The kernel answers and the page is drawn."""
        self.cells.first.wait_for()
        self.wait_until_idle(2 * WAIT)

    def wait_until_idle(self, timeout: float = WAIT) -> None:
        """Nothing runs."""
        idle = '.jp-Notebook-ExecutionIndicator[data-status="idle"]'
        self.panel.locator(idle).wait_for(timeout=timeout)

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

    def command(self, label: str) -> None:
        """Run a command by its name, from the palette."""
        self.page.keyboard.press("Control+Shift+c")
        self.page.locator(".lm-CommandPalette-input:visible").fill(label)
        self.page.locator(".lm-CommandPalette-item:visible", has_text=label).first.click()

    def write(self, cell: Locator, source: str) -> None:
        """Replace what is in a cell, by typing."""
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(source)

    def step(self) -> None:
        """Run the selected cell and go to the next."""
        self.page.keyboard.press("Shift+Enter")
