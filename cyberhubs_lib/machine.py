"""The machine of a site: how every runbook and command reaches it."""

from __future__ import annotations

from .errors import PreconditionFailed, SettingsError
from .host import Host, connect
from .site import Site


def machine(site: Site, target: str = "", again: bool = False) -> Host:
    """The site's machine, or `target` instead. Raises SettingsError if none is named.

    `again`: by the connection that this process has to it already, if there is one.
    """
    if not (target or site.host):
        raise SettingsError(
            "no host is named",
            expected="`host:` in the site file, or -p host user@name for a runbook",
            todo="there is no default host: whatever acts on a machine is given one",
        )
    return connect(target or site.host, site.identity_file or None, site.accept_new_host_key, again)


def hub_needs_root(host: Host, site: Site) -> bool:
    """Whether the hub's own settings and commands do; not in the demo, which Docker alone keeps."""
    return not (host.is_local and site.in_volume)


def hub_machine(site: Site) -> Host:
    """The machine as the commands of the running hub want it. Raises PreconditionFailed without Docker.

    A disk that is missing would keep each of them waiting.
    """
    host = machine(site)
    host.root = hub_needs_root(host, site)
    facts = host.facts
    if not facts.docker:
        raise PreconditionFailed(
            f"Docker on {host.name}: {facts.docker_trouble or 'not installed'}",
            expected="an engine that answers",
            todo=facts.docker_todo or "run 04_install_docker first",
        )
    return host
