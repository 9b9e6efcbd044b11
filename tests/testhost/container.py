"""The container that is a test server: its powers, its network, its address."""

from __future__ import annotations

import ipaddress
import re
import zlib
from pathlib import Path
from typing import Any

import docker
from docker.errors import NotFound

from .place import PREFIX, lock, own_port

NETWORK = PREFIX + "network"


def start(
    client: docker.DockerClient, name: str, image: str, disks: list[str], public_key: str
) -> tuple[Any, int]:
    """Create and start the container, on a port that it keeps when it restarts."""
    port = own_port()
    return _run(client, name, image, disks, public_key.strip(), port), port


def _run(
    client: docker.DockerClient,
    name: str,
    image: str,
    disks: list[str],
    public_key: str,
    port: int,
) -> Any:
    api = client.api
    devices = ["/dev/fuse", "/dev/loop-control", *disks]
    settings = api.create_host_config(
        # Not privileged: where this machine itself lacks a capability, Docker refuses that.
        cap_add=["ALL"],
        cap_drop=["SYS_RESOURCE"],
        security_opt=["seccomp=unconfined", "apparmor=unconfined"],
        cgroupns="private",
        devices=[f"{path}:{path}:rwm" for path in devices if Path(path).exists()],
        device_cgroup_rules=["a *:* rwm"],
        tmpfs={"/run": "", "/run/lock": "", "/tmp": "exec"},
        binds=[f"{PREFIX}{name}-varlib:/var/lib"],  # a real filesystem: overlay2 works inside
        restart_policy={"Name": "always"},  # this is what makes `reboot` a reboot
        port_bindings={22: ("127.0.0.1", port)},
        network_mode=NETWORK,
    )
    # What the client program calls systempaths=unconfined: a server sees all of /proc and /sys.
    settings["MaskedPaths"], settings["ReadonlyPaths"] = [], []
    made = api.create_container(
        image,
        name=PREFIX + name,
        hostname=name,
        tty=True,
        ports=[22],
        environment={"TEST_AUTHORIZED_KEY": public_key, "TEST_NAMESERVERS": _nameservers()},
        host_config=settings,
        networking_config=api.create_networking_config(
            {NETWORK: api.create_endpoint_config(ipv4_address=address_of(subnet(client), name))}
        ),
    )
    api.start(made["Id"])
    return client.containers.get(made["Id"])


def subnet(client: docker.DockerClient) -> str:
    """The network of all test servers, as address/bits. Small packets: they cross several bridges.

    Docker chooses the addresses, and the network is made again with them: only then may a server have
    one of its own, which it must, or another one could take it during a reboot.
    """
    with lock("network", wait=True):
        try:
            found = client.networks.get(NETWORK)
        except NotFound:
            free = client.networks.create(NETWORK)
            free.reload()
            chosen = free.attrs["IPAM"]["Config"][0]["Subnet"]
            free.remove()
            mtu = {"com.docker.network.driver.mtu": "1400"}
            pool = docker.types.IPAMConfig(pool_configs=[docker.types.IPAMPool(subnet=chosen)])
            found = client.networks.create(NETWORK, options=mtu, ipam=pool)
            found.reload()
        return str(found.attrs["IPAM"]["Config"][0]["Subnet"])


def address_of(network: str, name: str) -> str:
    """One of the upper half of the network, by the server's name: Docker itself begins below."""
    every = ipaddress.IPv4Network(network)
    half = every.num_addresses // 2
    return str(every[half + zlib.crc32(name.encode()) % (half - 2)])


def _nameservers() -> str:
    """This machine's real ones. Docker's 127.0.0.11 would do for the server itself, but an engine
    inside it sees only a loopback address and sends its containers to a public one instead."""
    for source in (Path("/run/systemd/resolve/resolv.conf"), Path("/etc/resolv.conf")):
        if source.exists():
            found = re.findall(r"^nameserver\s+([0-9.]+)\s*$", source.read_text(), re.MULTILINE)
            real = [address for address in found if not address.startswith("127.")]
            if real:
                return " ".join(real)
    return ""
