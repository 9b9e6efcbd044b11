"""What a site becomes on the server: .env, hub.json, broker.json and the stand-in's accounts, as bytes.

The other server files are copied as they are. Where they meet the site is here and nowhere else.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from .contexts import context
from .facts import Facts
from .site import Site
from .site_limits import in_bytes

SERVER = Path(__file__).parent / "server"
COPIED = (
    "compose*.yaml", "Caddyfile", "broker/*.py", "hub/*.py", "hub/templates/*.html",
    "standin/*.py",
)  # fmt: skip
STANDIN_CLIENT = "cyberhubs-standin"
STANDIN = "http://standin:8080"  # for the hub; browsers have it below the public address:
STANDIN_PATH = "/github-standin"
RELAY_PORT = 3128  # of the service `egress`, in compose.yaml


def data_root(site: Site, facts: Facts) -> str:
    """The directory on the host; a Docker volume's is below Docker's own."""
    if site.data_root.startswith("/"):
        return site.data_root
    return f"{facts.docker_root or '/var/lib/docker'}/volumes/{site.data_root}/_data"


def homes_unit(site: Site) -> str:
    """The name of the host's service that makes homes with a limit; its socket's directory, too."""
    return f"cyberhubs-homes-{site.name}"


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


def hub_settings(site: Site, facts: Facts) -> dict[str, object]:
    """What jupyterhub_config.py reads. No secret."""
    return {
        "site": site.name,
        "title": site.title or site.name,
        "contact": site.contact,
        "public_url": site.public_url,
        "subdomains": site.subdomains,
        "behind": site.certificate.behind(site.public_url),
        "login": _login(site),
        "access": site.access,
        "network_prefix": f"{site.project}_user-",
        "container_prefix": f"{site.project}-user-",
        "data_root": data_root(site, facts),
        "propagation": _propagation(site),
        "uid": site.uid,
        "gid": site.gid,
        "limits": site.limits.model_dump(exclude={"upload", "disk", "disk_of"}),  # of others
        "disk_limit": site.limits.disk is not None,  # the number is runbook 03's affair
        "isolation": {
            "internal": site.isolation.internal,
            "read_only": site.isolation.read_only,
            "tmp": in_bytes(site.isolation.tmp),
        },
        "culling": site.culling.model_dump(),
        "menu": [choice.model_dump() for choice in site.menu],
        "docs": None
        if site.docs.readers == "nobody"
        else {"path": "/srv/docs", "for": site.docs.readers},
    }


def broker_settings(site: Site, facts: Facts) -> dict[str, object]:
    """What a user's container may look like, for the broker alone: server/broker/container.py."""
    return {
        "site": site.name,
        "project": site.project,
        "internal": site.isolation.internal,
        "services": [name for name in ("hub", "proxy", "egress") if name in services(site)],
        "variables": _variables(site),
        "read_only": site.isolation.read_only,
        "tmp": in_bytes(site.isolation.tmp),
        "images": sorted({choice.image for choice in site.menu}),
        "uid": site.uid,
        "gid": site.gid,
        "memory": in_bytes(site.limits.memory),
        "cpus": site.limits.cpus,
        "processes": site.limits.processes,
        "data_root": data_root(site, facts),
        "propagation": _propagation(site),
    }


def _variables(site: Site) -> dict[str, str]:
    """Where users' programs find the proxy. Some programs read one spelling, some the other."""
    if site.isolation.internet != "proxy":
        return {}
    relay, own = f"http://egress:{RELAY_PORT}", "localhost,127.0.0.1,hub,proxy"
    found = {"http_proxy": relay, "https_proxy": relay, "no_proxy": own}
    return {**found, **{name.upper(): value for name, value in found.items()}}


def _propagation(site: Site) -> str | None:
    """systemd makes / and what is mounted below it shared; a Docker volume need not be."""
    return "rslave" if site.data_root.startswith("/") else None


def _login(site: Site) -> dict[str, object]:
    login = site.login
    said: dict[str, object] = {
        "provider": login.provider,
        "name": login.name,
        "scope": login.scopes,
        "organizations": login.organizations,
        "organizations_hours": login.organizations_hours,
    }
    if login.provider == "oidc":
        said["username"] = {
            "username_claim": login.username_claim,
            "domain": login.username_domain,
            "dots": login.username_dots,
        }
    if login.standin:
        return {
            **said,
            "url": f"{site.public_url}{STANDIN_PATH}",
            "internal_url": STANDIN,
            "standin": True,
            "client_id": STANDIN_CLIENT,
        }
    return {**said, "url": login.address, "standin": False, "client_id": login.client_id}


def bind_address(site: Site) -> str:
    """Where the port is published: everywhere, but with the stand-in only here unless the site says."""
    name = site.public_name
    if site.bind_address:
        return site.bind_address
    here = name == "localhost" or name.endswith(".localhost") or name.startswith("127.")
    return "127.0.0.1" if here or site.login.standin else "0.0.0.0"


def http_port(site: Site) -> int:
    """The port of plain http: the public one, or 80 to redirect, and where another does the https."""
    return 80 if site.public_url.startswith("https:") else site.port


def ports(site: Site) -> list[int]:
    """All that the front door publishes."""
    return [http_port(site), *([site.port] if site.speaks_https else [])]


# Half a year. Only where everybody trusts the certificate: else there would be no way around it.
HSTS_SECONDS = 180 * 24 * 3600


def _https_address(site: Site) -> str:
    """The names for which the front door speaks https, as the Caddyfile writes them."""
    name = site.public_name
    if site.certificate_mode == "own":  # any; the Caddyfile says why
        return "https://"
    if ":" in name:
        return f"https://[{name}]"
    return f"https://{name}" + (f", https://*.{name}" if site.subdomains else "")


NOBODY = "255.255.255.255/32"  # an address that no visitor has


def _front_door(site: Site) -> dict[str, str]:
    """What the Caddyfile reads."""
    mode, hsts = site.certificate_mode, site.certificate.hsts
    strict = hsts == "always" or (hsts == "auto" and mode in ("automatic", "own"))
    name = site.public_name
    return {
        "FRONT_DOOR": "https" if site.speaks_https else "http",
        "PUBLIC_URL": site.public_url,
        "PUBLIC_NAME": name,
        "SITE_ADDRESS": _https_address(site),
        "COOKIES": "SameSite=Lax" + ("; Secure" if site.public_url.startswith("https:") else ""),
        "DOCS": site.service_url("docs"),
        "CERTIFICATE": mode,
        "AUTO_HTTPS": "off" if mode == "own" else "disable_redirects",
        "ACME_DIRECTORY": site.certificate.directory,
        "HSTS_SECONDS": str(HSTS_SECONDS if strict else 0),
        "UPLOAD_LIMIT": f"{site.limits.upload}iB",
        "BEHIND": " ".join(site.certificate.behind(site.public_url)) or NOBODY,
    }


def _env(site: Site, facts: Facts, found: dict[str, bytes]) -> bytes:
    values = {
        "COMPOSE_PROJECT_NAME": site.project,
        "COMPOSE_FILE": ":".join(_compose_files(site)),
        "COMPOSE_PROFILES": ",".join(name for name in OPTIONAL if name in services(site)),
        "HOST_ROUTING": "--host-routing" if site.subdomains else "",
        "HUB_IMAGE": context("hub", site).tag,
        "EDGE_IMAGE": context("edge", site).tag,
        "BIND_ADDRESS": bind_address(site),
        "HTTP_PORT": str(http_port(site)),
        "HTTPS_PORT": str(site.port),
        **_front_door(site),
        "DATA_ROOT": data_root(site, facts),
        # with a limit the host makes and mounts homes: the hub asks there, and sees what is mounted
        "HOMES": f"/run/{homes_unit(site)}" if site.limits.disk else "",
        "HOMES_PROPAGATION": _propagation(site) or "",  # a home may be a mount of its own
        "LOGIN_SECRET": login_secret(site),
        "INTERNET_PROXY": site.isolation.proxy_place,
        "SERVICE_UID": str(facts.service_uid),
        "SERVICE_GID": str(facts.service_gid),
        "DOCKER_GID": str(facts.docker_gid),
    }
    for service in services(site):
        values[f"CONFIG_{service.upper()}"] = _digest(service, values, found)
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
    "caddy": "Caddyfile", "broker": "broker", "hub": "hub", "standin": "standin", "proxy": "-",
    "egress": "-",
}  # fmt: skip


def _digest(service: str, values: dict[str, str], found: dict[str, bytes]) -> str:
    """Changes with the service's own files, compose.yaml or .env: then it is made anew."""
    whole = hashlib.sha256(
        json.dumps({k: v for k, v in values.items() if "CONFIG_" not in k}).encode()
    )
    for path, content in sorted(found.items()):
        if path.startswith((OWN_FILES[service], "compose.")):
            whole.update(path.encode() + b"\0" + content)
    return whole.hexdigest()[:12]


def settings_of(site: Site, facts: Facts) -> dict[str, str]:
    """Service -> the digest that its container must carry."""
    lines = files(site, facts)[".env"].decode().splitlines()
    env = dict(line.split("=", 1) for line in lines if "=" in line)
    return {service: env[f"CONFIG_{service.upper()}"] for service in services(site)}


def _json(data: object) -> bytes:
    return (json.dumps(data, indent=2) + "\n").encode()
