"""Where an image comes from: pulled, built by our Dockerfiles, or made from Debian's packages."""

from __future__ import annotations

import re
from collections.abc import Callable

import docker
from docker.errors import APIError, BuildError, DockerException, ImageNotFound

from .contexts import LABEL, MADE, OFFICIAL, SUITE, Context
from .errors import CommandFailed, PreconditionFailed
from .host import Host, advice

# Debian's own tool makes a minimal system from its packages; stripped of what no container needs.
DEBOOTSTRAP = r"""
keys=/usr/share/keyrings/debian-archive-keyring.gpg
{ command -v debootstrap && [ -f $keys ]; } >/dev/null ||
  { apt-get -q update && apt-get -q -y install debootstrap debian-archive-keyring; }
urls=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
  sed -n 's/^URIs: *//p; s/^deb  *\(\[[^]]*\] *\)\{0,1\}\(http[^ ]*debian[^ /]*\)\/\{0,1\} .*/\2/p' |
  sed 's/ .*//; s,/$,,' | grep '^https*:.*debian[^/]*$' | grep -v download.docker.com)
mirror=$(echo "$urls" | grep -v security | head -1)
mirror=${mirror:-http://deb.debian.org/debian}
security=$(echo "$urls" | grep security | head -1)
security=${security:-$mirror-security}
d=$(mktemp -d); trap 'rm -rf "$d"' EXIT
# signatures are checked, also on Ubuntu; `sid` is the script that every debootstrap has
debootstrap --force-check-gpg --keyring=$keys --variant=minbase --include=ca-certificates \
  SUITE "$d/root" "$mirror" /usr/share/debootstrap/scripts/sid >"$d/log" 2>&1 ||
  { tail -5 "$d/log" >&2; exit 1; }
cd "$d/root"
rm -rf var/cache/apt/*.bin var/cache/apt/archives/*.deb var/lib/apt/lists/* \
  usr/share/doc/* usr/share/man/* usr/share/locale/*
printf 'deb %s SUITE main\ndeb %s SUITE-updates main\ndeb %s SUITE-security main\n' \
  "$mirror" "$mirror" "$security" > etc/apt/sources.list
tar -c . | docker import - IMAGE
"""


def debootstrap(suite: str, image: str) -> str:
    """Shell text that makes `image` from the packages of a release of Debian."""
    return DEBOOTSTRAP.replace("SUITE", suite).replace("IMAGE", image)


NO_WAY = (
    "check the name; without a way to the registry set images.source to `build` or `copy` in the"
    " site file"
)


def pull(
    client: docker.DockerClient, name: str, tell: Callable[[str], None], todo: str = NO_WAY
) -> None:
    """Pull an image by its tag or digest. Raises PreconditionFailed."""
    tell(f"pulling {name}")
    try:
        client.images.pull(*_split(name))
    except DockerException as error:
        raise PreconditionFailed(
            f"{name} cannot be pulled: {_said(error)}",
            expected="a registry that has it and lets this host in",
            todo=advice(_said(error), todo),
        ) from None


def bottom(host: Host, client: docker.DockerClient, base: str, tell: Callable[[str], None]) -> str:
    """The image everything stands on: there, pulled, or made from Debian's packages."""
    for name in [base] if base else [OFFICIAL, MADE]:
        try:
            client.images.get(name)
        except ImageNotFound:
            continue
        return name
    if base:  # the site names its own: then only that one
        pull(client, base, tell)
        return base
    try:
        pull(client, OFFICIAL, tell)
        return OFFICIAL
    except PreconditionFailed as error:
        tell(
            f"{error.found}: making {MADE} from Debian's packages,"
            " with debootstrap, which is installed as root if it is missing"
        )
    host.read(f"({debootstrap(SUITE, MADE)}) </dev/null", root=True, seconds=None)
    return MADE


def build(
    client: docker.DockerClient, context: Context, base: str, tell: Callable[[str], None]
) -> None:
    """Build one of our images. Raises CommandFailed: why, and the last lines of the failed step."""
    said: list[str] = []
    try:
        stream = client.api.build(
            fileobj=context.tar(), custom_context=True, tag=context.tag, rm=True, forcerm=True,
            buildargs={"BASE": base}, labels={LABEL: context.digest}, use_config_proxy=True,
            decode=True,
        )  # fmt: skip
        for line in stream:
            if "error" in line:
                raise BuildError(line["error"], iter(()))
            text = str(line.get("stream", "")).rstrip()
            if text.startswith("Step "):
                tell(f"{context.title}: {text[:90]}")
                said.clear()
            said += _plain(text)
    except (BuildError, APIError) as error:
        lines = [line for line in said if not NOISE.match(line)][-15:]
        reasons = [line for line in lines if REASON.search(line)] or lines
        raise CommandFailed(
            f"{context.title} cannot be built: {reasons[-1] if reasons else _said(error)}",
            expected="a build to its end",
            todo=advice(
                f"{error} {lines}",
                "read the last lines below: most often a package server that cannot be reached,"
                " or a certificate authority that belongs into ca_certificates",
            ),
            evidence="\n".join(lines),
        ) from None


# Of a build's output: what tells nobody why it failed, and what does.
NOISE = re.compile(
    r"\W*$|Step \d|\s*--->|Removing intermed|npm error A complete log|(Get|Hit|Ign):\d"
)
REASON = re.compile("error|fail|cannot|could not|unable|refused|denied|not found|no space", re.I)


def _plain(text: str) -> list[str]:
    """Lines without colours; of one that was written over itself, the last state."""
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).rstrip().split("\n")
    return [line.rstrip().rpartition("\r")[2] for line in lines]


def _split(name: str) -> tuple[str, str]:
    """Repository and tag, as the SDK wants them; a digest goes before a tag and takes its place."""
    name, _, digest = name.partition("@")
    head, colon, tag = name.rpartition(":")
    # what follows a colon and has a slash is a registry's port
    repository, tag = (head, tag) if colon and "/" not in tag else (name, "latest")
    return repository, digest or tag


def _said(error: Exception) -> str:
    return str(getattr(error, "explanation", None) or getattr(error, "msg", None) or error)[:300]
