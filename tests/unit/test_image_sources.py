"""Where images come from, before any engine is asked for much."""

import docker
import pytest
from docker.errors import ImageNotFound

from cyberhubs_lib.facts import parse_facts
from cyberhubs_lib.image_sources import bottom
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
