"""A network of its own for each user's server, so that no user's program reaches another's.

On it are that server and the services that talk with it, nobody else. The broker makes it
before the server starts; a thread connects services that were made anew, and removes networks that
nobody uses any more. A service has the same address in all its lives: programs remember it.
"""

from __future__ import annotations

import hashlib
import http.client
import ipaddress
import json
import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from container import Settings
from engine import Answer
from shape import Call
from strict_http import Refused

UNUSED_SECONDS = 60  # until a network goes: whoever comes back soon does not wait for a new one
ANYWAY_SECONDS = 60  # between two looks at most, whatever Docker says
AGAIN_SECONDS = 2  # after an error
ORDER = ("hub", "proxy", "egress")  # theirs are the addresses after the gateway's
BRIDGE = "com.docker.network.bridge.name"
NO_HOST = "com.docker.network.bridge.inhibit_ipv4"  # the host has no address on the bridge
FULL = "address pool"  # in all of Docker's words for: no addresses are left
log = logging.getLogger("networks")

Ask = Callable[[Call], Answer]  # Docker.ask
Events = Callable[[], AbstractContextManager[Callable[[float], None]]]  # Docker.events


@dataclass(frozen=True)
class Seen:
    """What containers there are: networks that users' servers are on, and each service's."""

    used: set[str]
    services: dict[str, tuple[str, set[str], bool]]  # id -> service, its networks, does it run


def bridge(name: str) -> str:
    """The name of a network's interface on the host: `cu-`, so that the packet filter knows it.

    Linux allows 15 characters.
    """
    return f"cu-{hashlib.sha256(name.encode()).hexdigest()[:10]}"


class Networks:
    """Users' networks: each is made, connected and removed by one thread at a time."""

    def __init__(self, ask: Ask, settings: Settings) -> None:
        self.ask, self.settings = ask, settings
        self.making = threading.Lock()
        self.locks: dict[str, threading.Lock] = {}
        self.unused: dict[str, float] = {}  # network -> since when nobody's server is on it

    def ready(self, name: str) -> None:
        """Have this network, with the services on it; Refused (503) if Docker cannot."""
        with self._lock(name):
            self.unused[name] = time.monotonic()  # until its server is there
            self._connect(self._make(name), self._look())

    def keep(self) -> None:
        """Look at all networks once."""
        seen = self._look()
        for name, network in self._networks().items():
            if name in seen.used:
                self.unused.pop(name, None)
                with self._lock(name):
                    self._connect(network, seen)
            elif self._unused(name):
                with self._lock(name):
                    if self._unused(name):  # nobody asked for it meanwhile
                        self._remove(name, seen)

    def keep_on(self, events: Events) -> None:
        """`keep` whenever a container starts or ends, for ever."""
        while True:
            try:
                with events() as wait:
                    while True:
                        self.keep()
                        wait(self._pause())
            except (OSError, http.client.HTTPException, ValueError, KeyError, Refused) as error:
                log.error("looking after the networks: %s: %s", type(error).__name__, error)
            time.sleep(AGAIN_SECONDS)

    def _pause(self) -> float:
        """Seconds until a network that nobody uses goes, at least one."""
        first = min(self.unused.values(), default=float("inf"))
        left = first + UNUSED_SECONDS - time.monotonic()
        return max(1.0, min(left, ANYWAY_SECONDS))

    def _lock(self, name: str) -> threading.Lock:
        return self.locks.setdefault(name, threading.Lock())

    def _unused(self, name: str) -> bool:
        now = time.monotonic()
        return now - self.unused.setdefault(name, now) > UNUSED_SECONDS

    def _look(self) -> Seen:
        used: set[str] = set()
        services = {}
        for found in self._json(Call("GET", "/containers/json?all=1")):
            labels, networks = (
                found["Labels"] or {},
                set(found["NetworkSettings"]["Networks"] or {}),
            )
            service = labels.get("com.docker.compose.service")
            if labels.get("cyberhubs.site") == self.settings.site:
                used |= networks
            elif labels.get("com.docker.compose.project") == self.settings.project:
                services[found["Id"]] = (service, networks, found["State"] == "running")
        return Seen(used, services)

    def _networks(self) -> dict[str, Any]:
        """Ours; and the one that all users shared before, until it is gone."""
        return {
            found["Name"]: found
            for found in self._json(Call("GET", "/networks"))
            if (found["Labels"] or {}).get("cyberhubs.site") == self.settings.site
            or found["Name"] == f"{self.settings.project}_users"
        }

    def _make(self, name: str) -> Any:
        """The network as Docker describes it, made if need be."""
        answer = self.ask(Call("GET", _path(name)))
        if answer.status == 200:
            found = json.loads(answer.body)
            if (found["Labels"] or {}).get("cyberhubs.site") != self.settings.site:
                raise Refused(f"the network {name} is not this hub's", 503)
            if found["Internal"] == self.settings.internal:
                return found
            self._remove(name, self._look())  # the site's setting has changed
        with self.making:  # nobody else of us may take the addresses in between
            self._create(name, [])
            subnet = self._json(Call("GET", _path(name)))["IPAM"]["Config"][0]["Subnet"]
            self.ask(Call("DELETE", _path(name)))
            self._create(name, [_divided(subnet)])
        return self._json(Call("GET", _path(name)))

    def _create(self, name: str, addresses: list[dict[str, str]]) -> None:
        """Docker chooses the addresses, but a service gets one of its own only if they are given."""
        body = {
            "Name": name,
            "CheckDuplicate": True,
            "Driver": "bridge",
            "Internal": self.settings.internal,
            "Labels": {"cyberhubs.site": self.settings.site},
            "IPAM": {"Driver": "default", "Config": addresses},
            "Options": {
                BRIDGE: bridge(name),
                **({NO_HOST: "true"} if self.settings.internal else {}),
            },
        }
        answer = self._post("/networks/create", body)
        if answer.status != 201:
            said = answer.body.decode(errors="replace").strip()
            if FULL in said:
                count = len(self._networks())
                said = (
                    f"Docker on the server has no addresses left for one more network ({count} are"
                    " in use); an administrator can give it more: docker.address_pools in the"
                    " site file, then runbook 04"
                )
            raise Refused(said, 503)

    def _connect(self, network: Any, seen: Seen) -> None:
        """Exactly the services that the settings name."""
        name = network["Name"]
        for ident, (service, networks, running) in seen.services.items():
            if service not in self.settings.services:
                if name in networks:  # the site had it before
                    self._disconnect(name, ident)
            elif running and name not in networks:
                endpoint = {"Aliases": [service], **_address(service, network)}
                body = {"Container": ident, "EndpointConfig": endpoint}
                answer = self._post(f"{_path(name)}/connect", body)
                if answer.status not in (200, 403, 404):  # 403: it is on it; 404: one has gone
                    log.warning("%s is not connected to %s: %s", service, name, answer.body)

    def _remove(self, name: str, seen: Seen) -> None:
        """Take the services off first, stopped ones too: they could not start without it."""
        for ident, (_, networks, _) in seen.services.items():
            if name in networks:
                self._disconnect(name, ident)
        answer = self.ask(Call("DELETE", _path(name)))
        if answer.status in (204, 404):
            self.unused.pop(name, None)
        else:
            log.warning("the network %s stays: %s", name, answer.body)

    def _disconnect(self, name: str, ident: str) -> None:
        self._post(f"{_path(name)}/disconnect", {"Container": ident, "Force": True})

    def _post(self, path: str, body: dict[str, Any]) -> Answer:
        return self.ask(Call("POST", path, json.dumps(body).encode()))

    def _json(self, call: Call) -> Any:
        answer = self.ask(call)
        if answer.status != 200:
            raise Refused(f"Docker does not say what there is: {answer.body[:200]!r}", 503)
        return json.loads(answer.body)


def _path(name: str) -> str:
    return f"/networks/{quote(name, safe='')}"


def _divided(subnet: str) -> dict[str, str]:
    """The upper half for users' servers; the lower one is the gateway's and the services'."""
    net = ipaddress.ip_network(subnet)
    return {
        "Subnet": subnet,
        "Gateway": str(net[1]),
        "IPRange": str(list(net.subnets(prefixlen_diff=1))[1]),
    }


def _address(service: str, network: Any) -> dict[str, Any]:
    """Where on the network a service is; nothing to say where the addresses are Docker's affair."""
    config = network["IPAM"]["Config"][0]
    if "IPRange" not in config:
        return {}
    net = ipaddress.ip_network(config["Subnet"])
    return {"IPAMConfig": {"IPv4Address": str(net[2 + ORDER.index(service)])}}
