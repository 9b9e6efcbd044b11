"""Where images come from, before any engine is asked for much."""

import subprocess

import docker
import pytest
from docker.errors import ImageNotFound

from cyberhubs_lib.facts import parse_facts
from cyberhubs_lib.image_sources import DEBOOTSTRAP, _split, bottom
from cyberhubs_lib.params import Params
from cyberhubs_lib.recipes.get_images import recipe
from cyberhubs_lib.site import Site
from cyberhubs_lib.transport import Result


class Engine(docker.DockerClient):
    """An engine with some images, that can pull every other."""

    def __init__(self, *names):
        self.there, self.pulled = names, []

    @property
    def images(self):
        """The images themselves."""
        return self

    def get(self, name):
        """One of them."""
        if name not in self.there:
            raise ImageNotFound(name)

    def pull(self, name, tag):
        """One more."""
        self.pulled.append(f"{name}:{tag}")


@pytest.mark.parametrize(("there", "pulled"), [(True, []), (False, ["mirror/debian:trixie"])])
def test_a_base_of_the_site_is_pulled_only_if_it_is_not_there(there, pulled):
    engine = Engine(*["mirror/debian:trixie"] * there)
    assert bottom(None, engine, "mirror/debian:trixie", lambda said: None) == "mirror/debian:trixie"
    assert engine.pulled == pulled


@pytest.mark.parametrize(("here", "status"), [("x86_64", "ok"), ("aarch64", "failed")])
def test_images_are_copied_only_to_the_same_kind_of_processor(here, status, monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: here)
    site = Site(images={"source": "copy"})
    (check,) = [
        check
        for check in recipe(parse_facts("arch=x86_64\n"), site, Params()).requirements
        if check.label.startswith("processor")
    ]
    assert check.row(Result(0, "")).status == status


USUAL = "http://deb.debian.org/debian"


@pytest.mark.parametrize(
    ("sources", "mirror", "security"),
    [
        ("URIs: http://m.test/debian\nSuites: trixie\n", "http://m.test/debian", "http://m.test/debian-security"),
        ("deb http://m.test/debian/ trixie main\ndeb https://s.test/debian-security trixie main\n",
         "http://m.test/debian", "https://s.test/debian-security"),
        ("deb [signed-by=/k] https://m.test/debian trixie main\n", "https://m.test/debian",
         "https://m.test/debian-security"),
        ("deb http://archive.ubuntu.com/ubuntu jammy main\n", USUAL, f"{USUAL}-security"),
        ("URIs: https://download.docker.com/linux/debian/x\n", USUAL, f"{USUAL}-security"),
    ],
)  # fmt: skip
def test_the_mirror_comes_from_the_system(sources, mirror, security):
    lines = DEBOOTSTRAP[DEBOOTSTRAP.index("urls=$(") : DEBOOTSTRAP.index("d=$(mktemp")]
    script = lines.replace("cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null", "cat")
    out = subprocess.run(["sh", "-c", script + 'echo "$mirror $security"'], input=sources, text=True,
                         capture_output=True).stdout  # fmt: skip
    assert out.split() == [mirror, security]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a/b:1", ("a/b", "1")),
        ("host:5000/a", ("host:5000/a", "latest")),
        ("host:5000/a:2", ("host:5000/a", "2")),
        ("debian:trixie@sha256:ff", ("debian", "sha256:ff")),
        ("debian@sha256:ff", ("debian", "sha256:ff")),
        ("host:5000/g/a@sha256:ff", ("host:5000/g/a", "sha256:ff")),
        ("host:5000/g/a:2@sha256:ff", ("host:5000/g/a", "sha256:ff")),
    ],
)
def test_image_names(name, parts):
    assert _split(name) == parts
