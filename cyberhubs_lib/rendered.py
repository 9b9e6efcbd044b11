"""What a site becomes on the server: .env, hub.json, broker.json and the stand-in's accounts, as bytes.

The other server files are copied as they are. Where they meet the site is here and nowhere else.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from . import front_door
from .contexts import context
from .facts import Facts
from .hub_settings import (
    STANDIN,
    STANDIN_CLIENT,
    STANDIN_PATH,
    broker_settings,
    data_root,
    homes_unit,
    hub_settings,
    propagation,
)
from .site import Site

SERVER = Path(__file__).parent / "server"
COPIED = (
    "compose*.yaml", "Caddyfile", "broker/*.py", "hub/*.py", "hub/templates/*.html",
    "proxy/*.[cm]js", "standin/*.py",
)  # fmt: skip


def files(site: Site, facts: Facts) -> dict[str, bytes]:
    """All files of the server's directory but the secrets: relative path -> content."""
    found = {
        str(p.relative_to(SERVER)): p.read_bytes()
        for pattern in COPIED
        for p in sorted(SERVER.glob(pattern))
    }
    found["hub.json"] = _json(hub_settings(site, facts))
    found["broker.json"] = _json(broker_settings(site, facts))
    if site.login.standin:
        accounts = [account.model_dump() for account in site.login.standin]
        known = {"client_id": STANDIN_CLIENT, "name": site.login.name, "accounts": accounts}
        known |= {"url": f"{site.public_url}{STANDIN_PATH}", "inside": STANDIN}
        found["standin/accounts.json"] = _json(known)
    found[".env"] = _env(site, facts, found)
    return found


def _env(site: Site, facts: Facts, found: dict[str, bytes]) -> bytes:
    values = {
        "COMPOSE_PROJECT_NAME": site.project,
        "COMPOSE_FILE": ":".join(_compose_files(site)),
        "COMPOSE_PROFILES": ",".join(name for name in OPTIONAL if name in services(site)),
        "HOST_ROUTING": "--host-routing" if site.subdomains else "",
        "HUB_IMAGE": context("hub", site).tag,
        "EDGE_IMAGE": context("edge", site).tag,
        "BIND_ADDRESS": front_door.bind_address(site),
        "HTTP_PORT": str(front_door.http_port(site)),
        "HTTPS_PORT": str(site.port),
        **front_door.variables(site),
        "DATA_ROOT": data_root(site, facts),
        # with a limit the host makes and mounts homes: the hub asks there, and sees what is mounted
        "HOMES": f"/run/{homes_unit(site)}" if site.limits.disk else "",
        "HOMES_PROPAGATION": propagation(site) or "",  # a home may be a mount of its own
        "LOGIN_SECRET": login_secret(site),
        "INTERNET_PROXY": site.isolation.proxy_place,
        "SERVICE_UID": str(facts.service_uid),
        "SERVICE_GID": str(facts.service_gid),
        "DOCKER_GID": str(facts.docker_gid),
    }
    said = [YAML(typ="safe").load(found[name]) for name in _compose_files(site)]
    digests = {service: _digest(service, said, values, found) for service in services(site)}
    values |= {f"CONFIG_{service.upper()}": digest for service, digest in digests.items()}
    head = "# Written by runbook 06 from the site file; change it there. No secrets here.\n"
    return (head + "".join(f"{k}={v}\n" for k, v in values.items())).encode()


def _compose_files(site: Site) -> list[str]:
    https = ["compose.https.yaml"] if site.speaks_https else []
    password = ["compose.password.yaml"] if site.login.provider == "password" else []
    return ["compose.yaml", *https, *password]


def login_secret(site: Site) -> str:
    """The file in secrets/ that the hub needs for a login."""
    return "user_password" if site.login.provider == "password" else "oauth_client_secret"


def services(site: Site) -> dict[str, str]:
    """The services of this site's hub -> the image that each runs."""
    hub, edge = context("hub", site).tag, context("edge", site).tag
    found = {"caddy": edge, "proxy": hub, "hub": hub, "broker": hub}
    wanted = {"standin": site.login.standin, "egress": site.isolation.internet == "proxy"}
    return {**found, **{name: hub for name in OPTIONAL if wanted[name]}}


OPTIONAL = ("standin", "egress")  # profiles of compose.yaml, each of one service
OWN_FILES = {
    "caddy": "Caddyfile", "broker": "broker", "hub": "hub", "standin": "standin",
    "proxy": "proxy", "egress": "-",
}  # fmt: skip


def _digest(
    service: str, compose: list[Any], values: dict[str, str], found: dict[str, bytes]
) -> str:
    """Changes with what the service is, and with nothing else: then it is made anew.

    That is its own files, what the compose files say of it, and the values named there: a value of
    the hub's must not restart the proxy, which cuts everybody's connections.
    """
    said: list[Any] = []
    for file in compose:
        part = file["services"].get(service, {})
        said.append(part)
        for kind in ("secrets", "networks"):  # they are described apart
            said += [file.get(kind, {}).get(name) for name in part.get(kind, ())]
    text = json.dumps(said, sort_keys=True)
    used = {name: values[name] for name in re.findall(r"\$\{(\w+)", text) if name in values}
    whole = hashlib.sha256((text + json.dumps(used, sort_keys=True)).encode())
    for path, content in sorted(found.items()):
        if path.startswith(OWN_FILES[service]):
            whole.update(path.encode() + b"\0" + content)
    return whole.hexdigest()[:12]


def settings_of(site: Site, facts: Facts) -> dict[str, str]:
    """Service -> the digest that its container must carry."""
    lines = files(site, facts)[".env"].decode().splitlines()
    env = dict(line.split("=", 1) for line in lines if "=" in line)
    return {service: env[f"CONFIG_{service.upper()}"] for service in services(site)}


def _json(data: object) -> bytes:
    return (json.dumps(data, indent=2) + "\n").encode()
