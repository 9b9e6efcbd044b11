"""What the tests share: an operator with a home of their own, and throwaway servers."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import hypothesis
import pytest
from xdist.scheduler import LoadFileScheduling

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "tests"))  # testhost
sys.path.insert(0, str(REPOSITORY / "cyberhubs_lib" / "server" / "hub"))  # as on the server

from browser import chromium  # noqa: E402
from terminal import Operator  # noqa: E402
from testhost.testhost import TestHost  # noqa: E402

from cyberhubs_lib.change import RECORD  # noqa: E402

# A busy machine is slow at times: a test says what is wrong, not how long it took. And the examples are
# the same each time: what a change breaks is seen with it, and not by chance with another one.
hypothesis.settings.register_profile("the same", deadline=None, derandomize=True)
hypothesis.settings.load_profile("the same")


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


@pytest.fixture(autouse=True)
def _no_records_of_what_tests_call(monkeypatch):
    """In this process; commands that tests start keep records as for everybody."""
    monkeypatch.setenv(RECORD, "")
