"""A real ACME authority: Pebble in a container, with certificates that hold as briefly as wanted."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import httpx
from authority import Authority, signed
from docker.errors import NotFound
from testhost.container import NETWORK, address_of, subnet
from testhost.images import base_image

IMAGE = "cyberhubs-test-pebble"
KEY_ID, KEY = "kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"


@dataclass
class Pebble:
    """One authority; it wants an account binding. `root` is the file by which its API is trusted."""

    container: Any
    root: Path
    address: str

    @classmethod
    def up(
        cls, name: str, folder: Path, seconds: int, hosts: dict[str, str] | None = None
    ) -> Pebble:
        """Certificates for `seconds`. With `hosts` it is on the network of the test servers, too."""
        client = docker.from_env()
        client.images.build(
            path=str(Path(__file__).parent), tag=IMAGE, rm=True, forcerm=True,
            buildargs={"BASE": base_image(client, "trixie")},
        )  # fmt: skip
        remove(client, name)
        made = Authority.made(folder)
        address = address_of(subnet(client), name)  # of the network of the test servers
        api = signed("api", made.between, "pebble", address)
        (folder / "api.pem").write_text(api.pem + made.between.pem)
        (folder / "api.key").write_text(api.key_pem)
        settings = {
            "listenAddress": "0.0.0.0:14000", "managementListenAddress": "0.0.0.0:15000",
            "certificate": "/etc/pebble/api.pem", "privateKey": "/etc/pebble/api.key",
            "httpPort": 80, "tlsPort": 443, "certificateValidityPeriod": seconds,
            "externalAccountBindingRequired": True, "externalAccountMACKeys": {KEY_ID: KEY},
        }  # fmt: skip
        (folder / "config.json").write_text(json.dumps({"pebble": settings}))
        container = client.containers.run(
            IMAGE, name=name, detach=True, volumes={str(folder): {"bind": "/etc/pebble", "mode": "ro"}},
            environment={"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"}, extra_hosts=hosts,
            cap_add=["NET_ADMIN"],
        )  # fmt: skip
        if hosts:
            client.networks.get(NETWORK).connect(container, ipv4_address=address)
        return cls(container, made.file, address)

    def issuing_root(self) -> str:
        """The root of the certificates that it gives, PEM; it makes a new one at each start."""
        self.container.reload()
        (network, *_) = self.container.attrs["NetworkSettings"]["Networks"].values()
        url = f"https://{network['IPAddress']}:15000/roots/0"
        wait = httpx.HTTPTransport(retries=5, verify=False)
        with httpx.Client(transport=wait, timeout=10) as client:
            return client.get(url).raise_for_status().text

    def away(self, is_away: bool) -> None:
        """Refuse every connection, or no more. One that is started again would not know us."""
        rule = "INPUT -p tcp --dport 14000 -j REJECT --reject-with tcp-reset"
        code, out = self.container.exec_run(f"iptables -{'I' if is_away else 'D'} {rule}")
        assert code == 0, out

    def asked(self) -> int:
        """How many certificates were asked for."""
        return self.container.logs().decode().count("/order-plz")

    def down(self) -> None:
        """Remove it."""
        remove(docker.from_env(), str(self.container.name))


def remove(client: docker.DockerClient, name: str) -> None:
    """A container of ours, if there is one."""
    with contextlib.suppress(NotFound):
        client.containers.get(name).remove(force=True, v=True)
