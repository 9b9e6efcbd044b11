"""Each file of server/ passes its own program's check as it is, before any site is known."""

import docker
import pytest

from cyberhubs_lib.contexts import context
from cyberhubs_lib.rendered import SERVER
from cyberhubs_lib.resources.images import Built
from cyberhubs_lib.sitefile import load_site

CADDY = "caddy validate --adapter caddyfile --config /srv/Caddyfile"
COMPOSE = "/usr/libexec/docker/cli-plugins/docker-compose -f /srv/compose.yaml"
CHECKS = [
    ("edge", CADDY),
    ("edge", f"env FRONT_DOOR=https CERTIFICATE=automatic {CADDY}"),
    ("edge", f"env FRONT_DOOR=https CERTIFICATE=internal {CADDY}"),
    ("edge", f"env FRONT_DOOR=https CERTIFICATE=own SITE_ADDRESS=https:// AUTO_HTTPS=off {CADDY}"),
    ("compose", f"{COMPOSE} config -q"),
    ("compose", f"{COMPOSE} -f /srv/compose.https.yaml config -q"),
    ("compose", f"{COMPOSE} -f /srv/compose.password.yaml config -q"),
    ("hub", "python3 -m compileall -q /srv/hub /srv/broker /srv/standin"),
    ("hub", "sh -n /srv/docker_probe.sh"),
]


@pytest.mark.parametrize(("image", "command"), CHECKS, ids=[c.split()[0] for _, c in CHECKS])
def test_it_is_well_formed(demo_hub, image, command):
    client, site = docker.from_env(), load_site("demo")
    found = context(image, site)
    if not client.images.list(found.tag):  # compose: where this machine has its own
        Built(found, context("base", site).tag).bring(None, client, print)
    said = client.containers.run(
        found.tag, ["sh", "-c", f"cp -r /server/. /srv && {command}"], entrypoint="", remove=True,
        volumes={str(SERVER): {"bind": "/server", "mode": "ro"}}, stderr=True, user="0",
        network_mode="none",
    )  # fmt: skip
    assert b"rror" not in said.replace(b"hub/error", b"")
