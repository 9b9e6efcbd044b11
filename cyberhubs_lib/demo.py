"""The demo: the hub's own runbooks against this machine, with a stand-in for GitHub."""

from __future__ import annotations

from typing import Any

from ruamel.yaml import YAML

from .access import ask
from .compose import REMOVE_NETWORKS, REMOVE_SERVERS
from .engine import engine
from .errors import PreconditionFailed, SettingsError
from .host import Host, connect
from .image_sources import bottom
from .machine import hub_machine
from .recipes.launch_hub import port_is_free
from .runs import run_and_tell
from .shell import sh
from .site import Site
from .sitefile import file_of, load_site, local_of

RUNBOOKS = ["00_start_here", "06_configure_hub", "08_get_images", "09_launch_hub"]


def up(name: str, port: int | None) -> int:
    """Bring the demo up, or find that it is. Prints the address and how to log in."""
    site = _trial(name)
    if port is not None:
        site = _on_port(site, port)
    _stop_if_taken(site)
    if port is not None:
        remember(name, site.public_url)
    _base(site)
    for _ in run_and_tell(RUNBOOKS, {"host": "localhost", "site": name}):
        pass
    print(f"\nThe hub is at {site.public_url}")
    print("Log in with the stand-in for GitHub: press the button of one of these accounts.")
    logins = [account.login for account in site.login.standin]
    for found in ask(hub_machine(site), site, "explain", *logins)["logins"]:
        print(f"  {found['login']:10} {role(found)}")
    return 0


def _trial(name: str) -> Site:
    """The site, if it is a trial on this machine: nothing else is put up or removed here."""
    site = load_site(name)
    if site.host != "localhost" or not site.in_volume or not site.login.standin:
        raise SettingsError(
            f"the site {site.name} is not a demo",
            expected="host: localhost, a Docker volume as data_root, accounts of the stand-in",
            todo="for a real site use the runbooks, or `./cyberhubs hub down --site ...`",
        )
    return site


def _on_port(site: Site, port: int) -> Site:
    if not 0 < port < 65536:
        raise SettingsError(
            f"--port {port} is no port", expected="1 to 65535", todo="give another one"
        )
    name = site.public_name if site.subdomains else "127.0.0.1"
    return site.model_copy(update={"public_url": f"http://{name}:{port}"})


def _stop_if_taken(site: Site) -> None:
    """As runbook 09 would, but before ten minutes of building."""
    host, check = connect("localhost"), port_is_free(site)
    host.root = False
    row = check.row(host.batch([check.question])[0])
    if row.status == "failed":
        raise PreconditionFailed(
            f"{row.label} of this machine is {row.was!r}",
            expected=row.wanted,
            todo=f"{row.note}: ./cyberhubs demo --port {site.port + 1}",
        )


def _base(site: Site) -> None:
    """The bottom image before the runbooks: what has to be installed for it is said here."""
    host = connect("localhost")
    host.root = False  # but for what `bottom` installs
    with engine(host) as client:
        bottom(host, client, site.images.base, print)


def role(found: dict[str, Any]) -> str:
    """What the hub says of a login, in a word: its lists decide, which may differ from the site's."""
    if not found["allowed"]:
        return f"is refused: {found['why']}"
    return "may come in" + (" and is an administrator" if found["admin"] else "")


def remember(name: str, public_url: str) -> None:
    """Into the site's local file, whose other keys stay."""
    path, yaml = local_of(file_of(name)), YAML()
    keys = (yaml.load(path) if path.is_file() else None) or {}
    keys["public_url"] = public_url
    yaml.dump(keys, path)


# what the demo has made, whatever became of its files: by the labels that compose and the hub set
REMOVE = f"""{REMOVE_SERVERS}
docker ps -aq --filter label=com.docker.compose.project={{}} | xargs -r docker rm -f
docker network ls -q --filter label=com.docker.compose.project={{}} | xargs -r docker network rm
{REMOVE_NETWORKS}"""
REMOVE_DATA = """
docker volume ls -q --filter label=com.docker.compose.project={} | xargs -r docker volume rm -f
docker volume rm -f {}
"""


def down(name: str, data: bool) -> int:
    """Remove the demo's containers, networks and settings; with `data` its volumes too."""
    site, host = _trial(name), connect("localhost")
    host.root = False
    host.read(sh(REMOVE, site.name, site.project, site.project, site.name), seconds=None)
    if data:
        host.read(sh(REMOVE_DATA, site.project, site.data_root), seconds=None)
    _remove_settings(host, site.directory(host.facts.home), data)
    print(
        "the demo is gone" + ("" if data else "; its volumes are kept: --down --data removes them")
    )
    return 0


def _remove_settings(host: Host, home: str, data: bool) -> None:
    """The secrets go only with the data: the hub's database knows them."""
    if data:
        host.read(sh("rm -rf {}", home))
    else:
        host.read(sh("cd {} 2>/dev/null && find . -maxdepth 1 ! -name . ! -name secrets ! -name access"
                     " -exec rm -rf {} + || :", home, "{}"))  # fmt: skip
