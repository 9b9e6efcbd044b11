"""What a site says to the hub and to the broker: hub.json and broker.json. No secret is in them."""

from __future__ import annotations

from .contexts import reference
from .facts import Facts
from .site import Site
from .site_limits import in_bytes

STANDIN_CLIENT = "cyberhubs-standin"
STANDIN = "http://standin:8080"  # for the hub; browsers have it below the public address:
STANDIN_PATH = "/github-standin"
RELAY_PORT = 3128  # of the service `egress`, in compose.yaml


def data_root(site: Site, facts: Facts) -> str:
    """The directory on the host; a Docker volume's is below Docker's own."""
    if not site.in_volume:
        return site.data_root
    return f"{facts.docker_root or '/var/lib/docker'}/volumes/{site.data_root}/_data"


def homes_unit(site: Site) -> str:
    """The name of the host's service that makes homes with a limit; its socket's directory, too."""
    return f"cyberhubs-homes-{site.name}"


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
        "propagation": propagation(site),
        "uid": site.uid,
        "gid": site.gid,
        "limits": {
            **site.limits.model_dump(exclude={"upload", "disk", "disk_of"}),  # of others
            "memory": in_bytes(site.limits.memory),
        },
        "disk_limit": site.limits.disk is not None,  # the number is runbook 03's affair
        "isolation": {
            "internal": site.isolation.internal,
            "read_only": site.isolation.read_only,
            "tmp": in_bytes(site.isolation.tmp),
        },
        "culling": site.culling.model_dump(),
        "menu": [
            {**choice.model_dump(), "tag": reference(choice.image, site)} for choice in site.menu
        ],
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
        "services": ["hub", "proxy", *(["egress"] if site.isolation.internet == "proxy" else [])],
        "variables": _variables(site),
        "read_only": site.isolation.read_only,
        "tmp": in_bytes(site.isolation.tmp),
        "images": sorted({reference(choice.image, site) for choice in site.menu}),
        "uid": site.uid,
        "gid": site.gid,
        "memory": in_bytes(site.limits.memory),
        "cpus": site.limits.cpus,
        "processes": site.limits.processes,
        "data_root": data_root(site, facts),
        "propagation": propagation(site),
    }


def _variables(site: Site) -> dict[str, str]:
    """Where users' programs find the proxy. Some programs read one spelling, some the other."""
    if site.isolation.internet != "proxy":
        return {}
    relay, own = f"http://egress:{RELAY_PORT}", "localhost,127.0.0.1,hub,proxy"
    found = {"http_proxy": relay, "https_proxy": relay, "no_proxy": own}
    return {**found, **{name.upper(): value for name, value in found.items()}}


def propagation(site: Site) -> str | None:
    """systemd makes / and what is mounted below it shared; a Docker volume need not be."""
    return None if site.in_volume else "rslave"


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
