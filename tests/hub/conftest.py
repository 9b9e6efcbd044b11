"""The real demo, brought up by its own command, under a name and on a port of its own."""

from __future__ import annotations

import re
import shutil

import docker
import pytest
from testhost.place import lock, own_port
from trial import NAME, Demo

from cyberhubs_lib.runs import RUNS
from cyberhubs_lib.sitefile import SITES

WIDE = "  starts: 1000\n  refused_logins: 1000"


@pytest.fixture(scope="package")
def port() -> int:
    """One for the hub alone, also while it restarts."""
    return own_port()


@pytest.fixture(scope="package")
def demo_hub(operator, tmp_path_factory, port):
    """`./cyberhubs demo`, with names of its own: somebody's own demo is not touched."""
    folder = tmp_path_factory.mktemp("demo")
    site, home = folder / f"{NAME}.yaml", folder / "server"
    text = (SITES / "demo.yaml").read_text()
    text = re.sub(r"(?m)^server_dir:.*", f"server_dir: {home}", text)
    text = re.sub(r"(?m)^data_root:.*", f"data_root: {NAME}-data", text)
    # tests are refused, and start servers, more often than people do
    site.write_text(text.replace("  memory: 1G", f"  memory: 1G\n{WIDE}"))
    shutil.rmtree(RUNS / NAME, ignore_errors=True)
    demo = Demo(f"http://127.0.0.1:{port}", site, home, "", operator, docker.from_env())
    with lock(NAME):
        demo.clear()
        try:
            demo.out = demo.cli("demo", "--port", str(port)).out
            yield demo
        finally:
            demo.cli("demo", "--down", "--data")
    assert not any(demo.left().values()), demo.left()
    assert not home.exists()
