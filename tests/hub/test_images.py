"""Images: pulled from a real registry, built, and what is said when that fails."""

import contextlib
import re
import subprocess
import time
from dataclasses import replace

import docker
import httpx
import pytest
from docker.errors import ImageNotFound

from cyberhubs_lib.compose import compose
from cyberhubs_lib.contexts import LABEL, MADE, OFFICIAL, SUITE, Context, context
from cyberhubs_lib.errors import CommandFailed, PreconditionFailed
from cyberhubs_lib.host import connect
from cyberhubs_lib.image_sources import bottom, build
from cyberhubs_lib.plan import Plan
from cyberhubs_lib.resources.images import Built, Published, Pulled
from cyberhubs_lib.site import REPOSITORY, Site
from cyberhubs_lib.sitefile import load_site
from cyberhubs_lib.state import look

REGISTRY = "cyberhubs-test-registry"
FROM = b"ARG BASE\nFROM ${BASE}\n"
DOCKERFILE = b"""ARG BASE
FROM ${BASE}
RUN apt-get update && apt-get install -y --no-install-recommends docker-registry && apt-get clean
COPY config.yml /config.yml
CMD ["docker-registry", "serve", "/config.yml"]
"""
CONFIG = b"version: 0.1\nstorage: {filesystem: {rootdirectory: /tmp/r}}\nhttp: {addr: ':5000'}\n"


@pytest.fixture(scope="module")
def client():
    return docker.from_env(timeout=900)


@pytest.fixture(scope="module")
def host():
    return connect("localhost")


@pytest.fixture(scope="module")
def base(client, host):
    """Our bottom image, made if it is not there yet."""
    found = Built(context("base", load_site("demo")), "")
    plan = Plan("base", host, [found], look(host, [found]))
    plan.apply()
    return found.tag()


@pytest.fixture(scope="module")
def registry(client, base):
    """Debian's registry in a container, on a free port of this machine."""
    recipe = Context("test-registry", (("Dockerfile", DOCKERFILE), ("config.yml", CONFIG)))
    build(client, recipe, base, lambda text: None)
    container = client.containers.run(
        recipe.tag, name=REGISTRY, detach=True,
        ports={"5000/tcp": ("127.0.0.1", None)},
    )  # fmt: skip
    try:
        container.reload()
        address = f"127.0.0.1:{container.ports['5000/tcp'][0]['HostPort']}"
        for _ in range(100):
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"http://{address}/v2/").status_code == 200:
                    break
            time.sleep(0.2)
        yield address
    finally:
        container.remove(force=True, v=True)


def test_pull_then_nothing_to_do(client, host, base, registry):
    name = f"{registry}/group/notebook:1"
    client.images.get(base).tag(name)
    said = client.images.push(f"{registry}/group/notebook", tag="1")
    assert "error" not in said, said
    client.images.remove(name)
    image = Pulled(name)
    plan = Plan("menu", host, [image], look(host, [image]))
    assert plan.report().rows[0].status == "would change"
    assert plan.apply().rows[0].status == "changed"
    assert Plan("menu", host, [image], look(host, [image])).pending == []
    client.images.remove(name)


def pushing():
    """The commands of the book's page."""
    page = (REPOSITORY / "book" / "images.md").read_text()
    (command,) = re.findall(r"```sh\n(.*?)```", page, re.S)
    return command


def test_our_own_from_a_registry_of_the_group(client, host, base, registry):
    """Pushed as the book says; one that is built from other files is not there."""
    mine = Context("test-published", (("Dockerfile", FROM + b"RUN echo 1\n"),))
    other = Context("test-published", (("Dockerfile", FROM + b"RUN echo 2\n"),))
    build(client, mine, base, lambda text: None)
    commands = pushing().replace("ghcr.io/institute", f"{registry}/group")
    commands = commands.replace("'cyberhubs/*'", "'cyberhubs/test-published*'")
    pushed = subprocess.run(["sh", "-e", "-c", commands], capture_output=True, text=True)
    assert pushed.returncode == 0, pushed.stderr
    there = f"{registry}/group/{mine.tag.partition('/')[2]}"
    client.images.remove(mine.tag)
    client.images.remove(there)

    def plan(context):
        image = Published(context, f"{registry}/group")
        return Plan("images", host, [image], look(host, [image]))

    with pytest.raises(PreconditionFailed, match=f"{other.digest} cannot be pulled") as refused:
        plan(other).apply()
    assert "push them" in refused.value.todo
    assert plan(mine).apply().rows[0].status == "changed"
    assert client.images.get(mine.tag).labels[LABEL] == mine.digest
    assert plan(mine).pending == []
    client.images.remove(mine.tag)
    client.images.remove(there)


def test_images_of_two_sites_both_stay(client, host, base):
    """With other certificate authorities they differ: each finds its own, as if alone."""
    two = [
        Built(Context("test-two", (("Dockerfile", FROM), ("ca/x.crt", authority))), base)
        for authority in (b"one", b"two")
    ]
    for image in two:
        assert Plan("base", host, [image], look(host, [image])).apply().rows[0].status == "changed"
    for image in two:
        assert Plan("base", host, [image], look(host, [image])).pending == []
        client.images.remove(image.tag())


def test_an_image_that_no_registry_has(host, registry):
    image = Pulled(f"{registry}/nowhere:1")
    with pytest.raises(PreconditionFailed, match="cannot be pulled") as error:
        Plan("menu", host, [image], look(host, [image])).apply()
    assert "images.source" in str(error.value)


NPM = b"""RUN echo an earlier step
RUN printf '\\033[31mnpm error\\033[0m code SELF_SIGNED_CERT_IN_CHAIN\\n'; \
    printf ' 10%%\\r 90%%\\rnpm error reason: no certificate\\n\\n'; \
    echo 'npm error A complete log of this run can be found in: /root/.npm/_logs/x.log'; exit 3
"""


def test_a_build_that_fails_says_why_in_one_line(client, base):
    broken = Context("test-broken", (("Dockerfile", FROM + NPM),))
    with pytest.raises(CommandFailed) as error:
        build(client, broken, base, lambda text: None)
    assert error.value.found == f"{broken.title} cannot be built: npm error reason: no certificate"
    assert error.value.evidence.splitlines() == [
        "npm error code SELF_SIGNED_CERT_IN_CHAIN", "npm error reason: no certificate"
    ]  # fmt: skip
    assert "ca_certificates" in error.value.todo


def test_what_is_made_here_never_has_the_official_name(client, host):
    name = bottom(host, client, "", print)
    assert name in (OFFICIAL, MADE)
    if name == MADE:
        with pytest.raises(ImageNotFound):
            client.images.get(f"debian:{SUITE}-slim")


def test_compose_of_another_version_is_not_looked_for_at_docker_hub(host, tmp_path):
    """As after an upgrade, before 08: on a host without compose its image is missing."""
    (tmp_path / "a.crt").write_text("another authority")
    site = Site(server_dir=str(tmp_path), ca_certificates=[f"{tmp_path}/a.crt"])
    with pytest.raises(CommandFailed, match="No such image: cyberhubs/compose") as error:
        host.read(f"{compose(site, replace(host.facts, compose=''))} version", root=False)
    assert "08_get_images" in error.value.todo
