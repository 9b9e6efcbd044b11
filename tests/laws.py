"""What the tests of all runbooks share: plan and work in this process, and a death at each cell."""

import contextlib
import signal
import socket
import subprocess
import sys
import time

import nbformat

from cyberhubs_lib import start
from cyberhubs_lib.change import UNIT
from cyberhubs_lib.table import path

DIE = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"


def until(condition, seconds=60):
    """Wait until it holds; how long it took in seconds. A busy test machine may take its time."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() < began + seconds, "it did not happen"
        time.sleep(0.1)
    return time.monotonic() - began


def answers(server, port):
    """Whether something answers at the server's own address, seen from outside: hello."""
    try:
        with socket.create_connection((server.ip, port), timeout=3) as connection:
            return connection.recv(5) == b"hello"
    except OSError:
        return False


def changing(server):
    """Whether somebody changes the server just now."""
    return server.sh(f"systemctl is-active -q {UNIT}")[0] == 0


@contextlib.contextmanager
def at_work(operator, server):
    """Another run that is changing the server meanwhile: its process."""
    text = f"from cyberhubs_lib.host import connect; h = connect({server.host!r});"
    text += "h.runbook = '04_install_docker'; h.change('echo at work; sleep 300')"
    first = subprocess.Popen([sys.executable, "-c", text], env=operator.environment())
    try:
        until(lambda: changing(server))
        yield first
    finally:
        first.kill()
        server.sh(f"systemctl kill -s KILL {UNIT}")  # it cannot be stopped
        until(lambda: not changing(server))


def _labels(statuses, runbook, **params):
    run = start(runbook, **params)
    run.requirements()
    rows = []
    for step in run.recipe.steps:
        run.plan(step)
        rows += run.apply(step).rows
    return [row.label for row in rows if row.status in statuses]


def planned(runbook, **params):
    """Labels of what a dry run would change, or cannot tell."""
    return _labels(("would change", "unknown"), runbook, dry_run=True, **params)


def changed(runbook, **params):
    """Labels of what a run changes; each was read again and is as wanted."""
    return _labels(("changed",), runbook, **params)


def _cells(operator, runbook, params):
    """The code of its cells, and an environment in which they take these parameters."""
    cells = nbformat.read(path(runbook), as_version=4).cells
    given = {f"CYBERHUBS_{name.upper()}": value for name, value in params.items()}
    env = operator.environment(CYBERHUBS_TEST="1", **given)
    return [cell.source for cell in cells if cell.cell_type == "code"], env


def kill_at_each_cell(operator, runbook, after=lambda: None, **params):
    """The cells up to the n-th in one process that is then killed, for all n but the last."""
    code, env = _cells(operator, runbook, params)
    for n in range(1, len(code)):
        script = "\n".join([*code[:n], DIE])
        done = subprocess.run(
            [sys.executable, "-c", script], env=env, capture_output=True, text=True
        )
        assert done.returncode == -signal.SIGKILL, done.stderr
        after()


def kill_when(condition, operator, runbook, **params):
    """All cells in one process that is killed in the middle of its work."""
    code, env = _cells(operator, runbook, params)
    with subprocess.Popen([sys.executable, "-c", "\n".join(code)], env=env) as run:
        until(lambda: condition() or run.poll() is not None, 300)
        run.kill()
    assert run.returncode == -signal.SIGKILL
