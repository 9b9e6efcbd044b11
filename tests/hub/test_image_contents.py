"""What is in the images: the pinned versions and nothing beside them, and what a user looks for."""

import json

import pytest

from cyberhubs_lib.contexts import IMAGES, context
from cyberhubs_lib.sitefile import load_site

TOOLS = "gcc make curl git less mg nano rsync ssh svn unzip vi wget"
EXTENSIONS = [
    "@jupyter-widgets/jupyterlab-manager",
    "@jupyterlab/git",
    "jupyter-matplotlib",
    "jupyterlab-gitlab",
]


@pytest.fixture(params=["hub", "corehub"])
def name(request):
    """One of our images that pip has filled."""
    return request.param


def inside(demo_hub, name, *command):
    """What a command prints in an image, where it must succeed."""
    tag = context(name, load_site("demo")).tag
    return demo_hub.engine.containers.run(
        tag, [*command], entrypoint=[], network_mode="none", remove=True
    ).decode()


def pinned(name, file):
    """The lines of a list of packages."""
    lines = [line.partition("#")[0].strip() for line in (IMAGES / name / file).open()]
    return [line for line in lines if line]


def test_python_packages_are_the_pinned_ones(demo_hub, name):
    found = inside(demo_hub, name, f"/opt/{name}/bin/pip", "freeze", "--local")
    assert found.splitlines() == pinned(name, "constraints.txt")
    spelled = {line.lower().replace("_", "-") for line in found.splitlines()}
    assert {line.lower().replace("_", "-") for line in pinned(name, "requirements.txt")} <= spelled


def test_the_proxys_packages_are_the_pinned_ones(demo_hub):
    def versions(text):
        return {path: one["version"] for path, one in json.loads(text)["packages"].items() if path}

    text = inside(demo_hub, "hub", "cat", "/opt/proxy/node_modules/.package-lock.json")
    wanted = versions((IMAGES / "hub" / "package-lock.json").read_text())
    assert versions(text) == wanted
    assert (
        '"resolved"' not in (IMAGES / "hub" / "package-lock.json").read_text()
    )  # no mirror's name


def test_tools_of_corehub(demo_hub):
    ask = f"for t in {TOOLS}; do command -v $t >/dev/null || echo $t; done"
    assert inside(demo_hub, "corehub", "sh", "-c", ask) == ""


def test_jupyterlab_has_its_extensions(demo_hub):
    found = inside(demo_hub, "corehub", "sh", "-c", "jupyter labextension list 2>&1")
    for extension in EXTENSIONS:
        (line,) = [line for line in found.splitlines() if line.split()[:1] == [extension]]
        assert "OK" in line
        assert "enabled" in line


def test_kernels_and_modules(demo_hub):
    found = json.loads(inside(demo_hub, "corehub", "jupyter", "kernelspec", "list", "--json"))
    assert set(found["kernelspecs"]) == {"python3", "bash"}
    assert inside(demo_hub, "corehub", "python", "-c", "import ipympl, ipywidgets, tqdm; print(1)")
