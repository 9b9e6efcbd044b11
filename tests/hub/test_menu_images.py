"""Images of the menu that cannot be user servers, or would lose what users save: 08 says why."""

import docker
import pytest
from docker.errors import ImageNotFound

from cyberhubs_lib.contexts import Context, context
from cyberhubs_lib.facts import parse_facts
from cyberhubs_lib.host import connect
from cyberhubs_lib.image_sources import build
from cyberhubs_lib.params import Params
from cyberhubs_lib.recipes.image_checks import runs
from cyberhubs_lib.site import Site
from cyberhubs_lib.site_images import Choice
from cyberhubs_lib.sitefile import load_site

ELSEWHERE = "ENV HOME=/home/jovyan\nRUN mkdir -m 777 /home/jovyan\nWORKDIR /home/jovyan\n"
PUT_RIGHT = "ENV HOME=/home/user\nWORKDIR /home/user\n"  # as the book's page Images says
SINGLEUSER = "/opt/corehub/bin/jupyterhub-singleuser"
WRITES = (
    'RUN mkdir -m 777 /opt/own\nENTRYPOINT ["sh", "-ec", ": > /opt/own/x; exec \\"$@\\"", "sh"]\n'
)
IMAGES = {
    "as it is": ("", "JupyterHub 6.1.1, home /home/user"),
    "another home": (ELSEWHERE, "its home is /home/jovyan; what users save there is lost"),
    "another home, put right": (ELSEWHERE + PUT_RIGHT, "JupyterHub 6.1.1, home /home/user"),
    "begins elsewhere": ("WORKDIR /srv\n", "it begins in /srv (WORKDIR); what users save there"),
    "no singleuser": (f"RUN rm {SINGLEUSER}\n", "no jupyterhub-singleuser: "),
    "an old one": (f"RUN printf '#!/bin/sh\\necho 1.5.1' > {SINGLEUSER}\n", "JupyterHub 1.5.1"),
    "writes to its own": (WRITES, "it wants to write to its own files (isolation.read_only)"),
    "no stat": ("RUN rm /usr/bin/stat\n", "no program `stat`"),
    "no program at all": ('ENTRYPOINT ["/nothing"]\n', "/nothing"),
}


@pytest.mark.parametrize(("lines", "said"), IMAGES.values(), ids=IMAGES)
def test_why_an_image_is_refused(demo_hub, lines, said):
    base = context("corehub", load_site("demo")).tag
    recipe = Context("test-menu", (("Dockerfile", b"ARG BASE\nFROM ${BASE}\n" + lines.encode()),))
    client = docker.from_env(timeout=600)
    build(client, recipe, base, lambda text: None)
    try:
        site = Site(menu=[Choice(title="x", image=recipe.tag)], server_dir="/nowhere")
        row = row_of(recipe.tag, site)
        assert said in row.was
        assert row.status == ("ok" if said.startswith("JupyterHub 6") else "failed")
        if "read_only" in said:
            assert row_of(recipe.tag, Site(isolation={"read_only": False})).status == "ok"
    finally:
        client.images.remove(recipe.tag)


def test_an_image_that_is_not_there(demo_hub):
    with pytest.raises(ImageNotFound):
        docker.from_env().images.get("registry.invalid/none:1")
    assert row_of("registry.invalid/none:1", Site()).status == "failed"


def row_of(image, site):
    check = runs(image, site, parse_facts("docker=26.1.5\n"), Params(dry_run=True))
    return check.row(connect("localhost").batch([check.question])[0])
