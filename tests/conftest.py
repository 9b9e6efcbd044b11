"""What the tests share: an operator with a home of their own, and throwaway servers."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import hypothesis
import pytest
from xdist.scheduler import LoadFileScheduling

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "tests"))  # testhost
sys.path.insert(0, str(REPOSITORY / "cyberhubs_lib" / "server" / "hub"))  # as on the server

from browser import chromium  # noqa: E402
from testhost.testhost import TestHost  # noqa: E402

from cyberhubs_lib.runs import Record  # noqa: E402

# A busy machine is slow at times: a test says what is wrong, not how long it took.
hypothesis.settings.register_profile("no deadline", deadline=None)
hypothesis.settings.load_profile("no deadline")


class ByServer(LoadFileScheduling):
    """One process runs what shares a server (a file's tests, all of the hub's, all of tls) or the book.

    Not by xdist's marks for groups: with pytest 9 xdist 3.8 overlooks them and says nothing.
    """

    def _split_scope(self, nodeid: str) -> str:
        for part in ("tests/hub", "tests/tls"):
            if nodeid.startswith(f"{part}/"):
                return part
        return "tests/hub" if nodeid.startswith("tests/book/") else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)  # nobody asks when the tests run in one process
def pytest_xdist_make_scheduler(config, log):
    """Called by xdist."""
    return ByServer(config, log)


@dataclass
class Done:
    """A finished command and, if it was a runbook, its record."""

    code: int
    out: str
    path: Path | None = None

    @property
    def reports(self) -> dict[str, dict]:
        """Title -> the last report of that title."""
        return {r["title"]: r for r in Record(self.path).reports()}

    def rows(self, status: str) -> list[str]:
        """Labels of all rows that have this status in the last report of each step, each once."""
        rows = [row for r in self.reports.values() for row in r["rows"] if row["status"] == status]
        return list(dict.fromkeys(row["label"] for row in rows))

    @property
    def meta(self) -> dict:
        """Seconds and round trips, as the last report counted them."""
        return list(Record(self.path).reports())[-1]


@dataclass
class Operator:
    """Somebody at a terminal with this home directory (for ~/.ssh), in this repository."""

    home: Path
    env: dict[str, str] = field(default_factory=dict)
    runs: int = 0

    def knows(self, server: TestHost) -> None:
        """As after a first ssh: the host key in known_hosts, the key in ~/.ssh/config."""
        ssh = self.home / ".ssh"
        ssh.mkdir(mode=0o700, exist_ok=True)
        with (ssh / "known_hosts").open("a") as file:
            file.write(Path(server.known_hosts).read_text())
        (ssh / "config").write_text(f'Host *\n  IdentityFile "{server.key}"\n')

    def call(self, *command: str, timeout: float = 1200, **env: str) -> Done:
        """Run a command to its end; output and errors together. If it hangs, its children end too."""
        process = subprocess.Popen(
            command, cwd=REPOSITORY, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env=self.environment(**env), start_new_session=True,
        )  # fmt: skip
        try:
            out, _ = process.communicate(timeout=timeout)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            out, _ = process.communicate()
            print(f"{' '.join(command)} was ended; it had printed:\n{out[-2000:]}")
            raise
        return Done(process.returncode, out)

    def environment(self, **more: str) -> dict[str, str]:
        """The operator's environment."""
        bin_first = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, "HOME": str(self.home), "PATH": bin_first, **self.env, **more}

    def papermill(self, runbook: str, /, env: dict[str, str] | None = None, **params: str) -> Done:
        """`papermill runbooks/NN_....ipynb OUT -p NAME VALUE ...`, as the README says it."""
        self.runs += 1
        out = self.home / "runs" / f"{self.runs:03}_{runbook}.ipynb"
        out.parent.mkdir(exist_ok=True)
        pairs = [word for name, value in params.items() for word in ("-p", name, value)]
        command = ["papermill", f"runbooks/{runbook}.ipynb", str(out), "--no-progress-bar", *pairs]
        done = self.call(*command, **(env or {}))
        done.path = out
        return done


@pytest.fixture(scope="session")
def operator(tmp_path_factory) -> Operator:
    """One for the whole session."""
    return Operator(tmp_path_factory.mktemp("home"))


def _server(operator: Operator, name: str, **options):
    with TestHost.up(name, **options) as server:
        operator.knows(server)
        yield server


@pytest.fixture(scope="module")
def server(operator, request):
    """A fresh server for one test module."""
    yield from _server(operator, request.module.__name__.rpartition(".")[2].replace("_", "-"))


@pytest.fixture(scope="session")
def browser():
    """One Chromium for all tests: Playwright can be there only once in a process."""
    with chromium() as started:
        yield started


@pytest.fixture
def in_process(operator, monkeypatch):
    """The library called in this process, with the operator's home."""
    monkeypatch.setenv("HOME", str(operator.home))
    return operator


@pytest.fixture(scope="session", autouse=True)
def _no_parameters_from_outside():
    """CYBERHUBS_HOST and so on of somebody's shell must not steer the tests."""
    for name in [name for name in os.environ if name.startswith("CYBERHUBS_")]:
        del os.environ[name]


def tool(name: str) -> str:
    """A program that the tests need; its absence is an error, never a skip."""
    found = shutil.which(name)
    assert found, f"{name} is missing: `./cyberhubs test` installs it"
    return found
