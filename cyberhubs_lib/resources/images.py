"""Images on a host: built there, pulled by it, or copied from here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import docker
from docker.errors import APIError, BuildError, DockerException, ImageNotFound

from ..contexts import LABEL, MADE, OFFICIAL, SUITE, Context
from ..engine import engine
from ..errors import CommandFailed, PreconditionFailed
from ..host import Host, advice, connect
from ..shell import sh
from ..state import Resource, State, Unknown
from ..transport import Result

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


@dataclass(frozen=True)
class _Image(Resource):
    """What all images share: how to look."""

    def tag(self) -> str:
        """The name under which the engine knows it."""
        raise NotImplementedError

    @property
    def label(self) -> str:  # type: ignore[override]
        """image TAG."""
        return f"image {self.tag()}"

    def question(self) -> str:
        """The digest of its context, for ours; `yes` for others."""
        form = '{{with .Config.Labels}}{{index . "' + LABEL + '"}}{{end}}'
        return "docker info -f ok >/dev/null 2>&1 || exit 9\n" + sh(
            "docker image inspect -f {} {} 2>/dev/null || echo absent", form, self.tag()
        )

    def parse(self, answer: Result) -> State:
        """None if absent. Unknown without an engine."""
        if answer.code == 9:
            raise Unknown("no Docker engine answers")
        text = answer.out.strip()
        return None if text == "absent" else {"recipe": text} if text else {"recipe": "none"}

    @classmethod
    def perform(
        cls, host: Host, items: Sequence[tuple[Resource, State]], tell: Callable[[str], None]
    ) -> None:
        """Through the SDK, one after the other: a build uses all cores anyway."""
        with engine(host) as client:
            for resource, _ in items:
                assert isinstance(resource, _Image)
                resource.bring(host, client, tell)

    def bring(self, host: Host, client: docker.DockerClient, tell: Callable[[str], None]) -> None:
        """Make this image be there."""
        raise NotImplementedError


@dataclass(frozen=True)
class Built(_Image):
    """One of our images, built on the host. `base` is what the bottom one starts from."""

    context: Context
    base: str

    def tag(self) -> str:
        """Ours."""
        return self.context.tag

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """Built from these files."""
        return {"recipe": self.context.digest}

    def bring(self, host: Host, client: docker.DockerClient, tell: Callable[[str], None]) -> None:
        """Build; the bottom image first needs something to stand on."""
        base = bottom(host, client, self.base, tell) if self.context.name == "base" else self.base
        build(client, self.context, base, tell)


@dataclass(frozen=True)
class Pulled(_Image):
    """An image from a registry."""

    name: str

    def tag(self) -> str:
        """As named in the menu."""
        return self.name

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """There; which version, the tag says."""
        return {"state": "present"}

    def parse(self, answer: Result) -> State:
        """Present or absent."""
        return {"state": "present"} if super().parse(answer) is not None else None

    def bring(self, host: Host, client: docker.DockerClient, tell: Callable[[str], None]) -> None:
        """Pull."""
        tell(f"pulling {self.name}")
        try:
            client.images.pull(*_split(self.name))
        except DockerException as error:
            raise PreconditionFailed(
                f"{self.name} cannot be pulled: {_said(error)}",
                expected="a registry that has it and lets this host in",
                todo=advice(
                    _said(error),
                    "check the name; without a way to the registry set images.source to `build`"
                    " or `copy` in the site file",
                ),
            ) from None


@dataclass(frozen=True)
class Copied(Built):
    """One of our images, built here if need be, then copied to the host."""

    def bring(self, host: Host, client: docker.DockerClient, tell: Callable[[str], None]) -> None:
        """Streamed: nothing is stored in between."""
        here = connect("localhost")
        with engine(here) as source:
            if _digest(source, self.tag()) != self.context.digest:
                Built.bring(self, here, source, tell)
            tell(f"copying {self.tag()}")
            for line in client.api.load_image(source.images.get(self.tag()).save(named=True)):
                if "error" in line:
                    raise DockerException(line["error"])


def _digest(client: docker.DockerClient, tag: str) -> str:
    try:
        return str(client.images.get(tag).labels.get(LABEL, ""))
    except ImageNotFound:
        return ""


def bottom(host: Host, client: docker.DockerClient, base: str, tell: Callable[[str], None]) -> str:
    """The image everything stands on: there, pulled, or made from Debian's packages."""
    if base:  # the site names its own: then only that one
        Pulled(base).bring(host, client, tell)
        return base
    for name in (OFFICIAL, MADE):
        try:
            client.images.get(name)
        except ImageNotFound:
            continue
        return name
    try:
        tell(f"pulling {OFFICIAL}")
        client.images.pull(*_split(OFFICIAL))
        return OFFICIAL
    except DockerException as error:
        tell(
            f"no registry ({_said(error)}): making {MADE} from Debian's packages,"
            " with debootstrap, which is installed as root if it is missing"
        )
    host.read(f"({debootstrap(SUITE, MADE)}) </dev/null", root=True)
    return MADE


def build(
    client: docker.DockerClient, context: Context, base: str, tell: Callable[[str], None]
) -> None:
    """Build one of our images. Raises CommandFailed with the end of the build's output."""
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
            said += [text] if text else []
            if text.startswith("Step "):
                tell(f"{context.tag}: {text[:90]}")
    except (BuildError, APIError) as error:
        raise CommandFailed(
            f"{context.tag} cannot be built: {_said(error)}",
            expected="a build to its end",
            todo=advice(
                f"{error} {said[-15:]}",
                "read the last lines below: most often a package server that cannot be reached,"
                " or a certificate authority that belongs into ca_certificates",
            ),
            evidence="\n".join(said[-15:]),
        ) from None


def _split(name: str) -> tuple[str, str | None]:
    """Repository and tag, as the SDK wants them; a digest stays with the name."""
    if "@" in name:
        repository, _, digest = name.partition("@")
        return repository.rpartition(":")[0] or repository, digest
    head, colon, tag = name.rpartition(":")
    return (head, tag) if colon and "/" not in tag else (name, "latest")


def _said(error: Exception) -> str:
    return str(getattr(error, "explanation", None) or getattr(error, "msg", None) or error)[:300]
