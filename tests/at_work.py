"""Somebody at work in JupyterLab while services restart: what was printed, and what they see of it."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx
from browser import Notebook, drawn, visit
from docker.models.containers import Container
from playwright.sync_api import Page

FILE = "work.ipynb"
# a line a second; when each was printed is in a file on the server
PRINT = """\
import itertools, time
for n in itertools.count():
    with open("printed", "a" if n else "w") as file:
        print("line", n, flush=True)
        print(time.time(), file=file)
    time.sleep(1)"""
SHELL = "for n in $(seq 0 9999); do echo line $n; echo $n > typed; sleep 1; done\n"
# when the connections to kernels ended
CUTS = """
window.cuts = [];
window.WebSocket = class extends WebSocket {
  constructor(...given) {
    super(...given);
    this.addEventListener("open", () => this.addEventListener("close", () => {
      if (this.url.includes("/channels")) window.cuts.push(Date.now() / 1000);
    }));
  }
};
"""
# every dialog that JupyterLab shows, also one that closes by itself
WATCH = """
window.dialogs = [];
new MutationObserver(() => {
  for (const one of document.querySelectorAll(".jp-Dialog-content"))
    if (!one.noted) { one.noted = true; setTimeout(() => window.dialogs.push(one.innerText), 100); }
}).observe(document.body, {childList: true, subtree: true});
"""


def notebook() -> dict[str, object]:
    """A first cell to be edited and saved, and one that prints."""
    cells = [
        {"cell_type": "code", "id": name, "source": source, "metadata": {}, "outputs": [],
         "execution_count": None}
        for name, source in (("edited", "# 0"), ("printing", PRINT))
    ]  # fmt: skip
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    return {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}


def cookies(web: httpx.Client, url: str) -> list[dict[str, str]]:
    """Those of somebody who is logged in, for a browser."""
    return [
        {
            "name": c.name,
            "value": c.value or "",
            "domain": urlsplit(url).hostname or "",
            "path": c.path,
        }
        for c in web.cookies.jar
    ]


class AtWork:
    """A notebook that prints and is saved, and a terminal, both open in JupyterLab."""

    def __init__(self, page: Page, lab: str, token: str, container: Container):
        """`lab` is the address of the running server, `token` is for its API."""
        self.page, self.container, self.saves, self.typed = page, container, 0, ""
        content = {"type": "notebook", "format": "json", "content": notebook()}
        headers = {"Authorization": f"token {token}"}
        httpx.put(f"{lab}/api/contents/{FILE}", json=content, headers=headers,
                  timeout=60).raise_for_status()  # fmt: skip
        page.on("websocket", self._listen)
        page.add_init_script(CUTS)
        visit(page, f"{lab}/lab/tree/{FILE}?reset")  # nothing else is open
        drawn(page, ".jp-NotebookPanel .jp-Cell")
        self.notebook = Notebook(page)
        self.notebook.wait_until_ready()
        page.evaluate(WATCH)
        self._open_terminal()
        self.notebook.select(self.notebook.cells.nth(1))
        self.notebook.step()
        self.until(lambda: self.shown() and self.typed_lines())

    def _open_terminal(self) -> None:
        self.notebook.menu("File", "New", "Terminal")
        self.page.locator(".jp-Terminal .xterm-screen").click()
        self.page.keyboard.type(SHELL)
        self.page.locator(".lm-TabBar-tabLabel", has_text=FILE).first.click()
        self.notebook.cells.first.wait_for()

    def _listen(self, socket) -> None:
        def hear(frame) -> None:
            if isinstance(frame, str) and frame.startswith('["stdout"'):
                self.typed += json.loads(frame)[1]

        if "/terminals/" in socket.url:
            socket.on("framereceived", hear)

    def until(self, condition: Callable[[], object], seconds: float = 180) -> float:
        """Wait until it holds, while the browser works on; seconds that it took."""
        began = time.monotonic()
        while not condition():
            assert time.monotonic() < began + seconds, (
                self.dialogs(),
                self.lost(),
                self.terminal_lost(),
            )
            self.page.wait_for_timeout(100)
        return time.monotonic() - began

    def shown(self) -> set[int]:
        """Numbers of the lines below the cell."""
        text = self.notebook.cells.nth(1).locator(".jp-OutputArea").first.inner_text()
        return {int(n) for n in re.findall(r"^line (\d+)$", text, re.M)}

    def typed_lines(self) -> set[int]:
        """Numbers of the lines that came to the terminal."""
        return {int(n) for n in re.findall(r"line (\d+)\r", self.typed)}

    def on_server(self, name: str) -> str:
        """What is in a file of the home directory."""
        code, out = self.container.exec_run(["cat", f"/home/user/{name}"])
        assert code == 0, out
        return str(out.decode())

    def missing(self) -> list[int]:
        """Lines that the cell has printed and nobody sees."""
        printed = len(self.printed()) - 1
        self.page.wait_for_timeout(500)
        return sorted(set(range(printed)) - self.shown())

    def lost(self) -> list[int]:
        """Those of them that were not on their way when a connection ended: one for each end.

        Nobody confirms output: what has left the server and not reached the browser is gone.
        """
        missing, printed = self.missing(), self.printed()
        for cut in self.page.evaluate("window.cuts"):
            on_its_way = [n for n in missing if abs(printed[n] - cut) < 1]
            missing = [n for n in missing if n not in on_its_way[:1]]
        return missing

    def printed(self) -> list[float]:
        """When each line of the cell was."""
        return [float(moment) for moment in self.on_server("printed").split()]

    def terminal_lost(self) -> list[int]:
        """Lines that the shell has printed and the terminal did not get."""
        typed = int(self.on_server("typed") or 0)
        self.page.wait_for_timeout(500)  # the browser takes in what has come
        return sorted(set(range(typed)) - self.typed_lines())

    def goes_on(self, seconds: float = 180) -> float:
        """Wait until what is printed from now on arrives in both; seconds that it took."""
        cell, shell = len(self.printed()), int(self.on_server("typed") or 0) + 1
        return self.until(lambda: cell in self.shown() and shell in self.typed_lines(), seconds)

    def save(self) -> str:
        """Change the notebook and save it, as a person would; what must be in the file then."""
        self.close_dialogs()
        self.saves += 1
        text = f"# {self.saves}"
        self.notebook.write(self.notebook.cells.first, text)
        self.page.keyboard.press("Control+s")
        return text

    def saved(self) -> str:
        """The first cell of the file on the server; "" while that is no whole notebook."""
        try:
            return str("".join(json.loads(self.on_server(FILE))["cells"][0]["source"]))
        except ValueError:
            return ""

    def dialogs(self) -> list[str]:
        """The dialogs that JupyterLab has shown until now."""
        return list(self.page.evaluate("window.dialogs"))

    def close_dialogs(self) -> None:
        """As a person would, who wants to go on."""
        while self.page.locator(".jp-Dialog").count():
            self.page.keyboard.press("Escape")
            self.page.wait_for_timeout(300)


class Visits:
    """Requests to one address, one after the other, until the end of the block."""

    def __init__(self, url: str, token: str = "", body: object = None):
        """With a `body`, which is JSON, it is PUT there."""
        self.url, self.body = url, body
        self.headers = {"Authorization": f"token {token}"} if token else {}
        self.failed: list[str] = []
        self.made, self.slowest = 0, 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._visit)

    def __enter__(self) -> Visits:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _visit(self) -> None:
        while not self._stop.wait(0.2):
            self.made += 1
            began = time.monotonic()
            try:
                method = "GET" if self.body is None else "PUT"
                reply = httpx.request(
                    method, self.url, headers=self.headers, json=self.body, timeout=200,
                    follow_redirects=True,
                )  # fmt: skip
                if not reply.is_success:
                    self.failed.append(str(reply.status_code))
            except httpx.HTTPError as error:
                self.failed.append(type(error).__name__)
            self.slowest = max(self.slowest, time.monotonic() - began)
