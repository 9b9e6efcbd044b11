"""Images on a host: built there, pulled by it, or copied from here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import docker
from docker.errors import DockerException, ImageNotFound

from ..answers import matching
from ..contexts import LABEL, Context
from ..engine import engine
from ..host import Host, connect
from ..image_sources import bottom, build, pull
from ..shell import sh
from ..state import Resource, State, Unknown
from ..transport import Result
from .docker import ANSWERS


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
        return ANSWERS + sh(
            "docker image inspect -f {} {} 2>/dev/null || echo absent", form, self.tag()
        )

    def parse(self, answer: Result) -> State:
        """None if absent. Unknown without an engine."""
        if answer.code == 9:
            raise Unknown("no Docker engine answers")
        text = matching("absent|[0-9a-f]*", answer.out.strip())
        return None if text == "absent" else {"recipe": text or "none"}

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
class _Ours(_Image):
    """One of our images, wherever it is built."""

    context: Context

    @property
    def label(self) -> str:  # type: ignore[override]
        """Its digest is told apart, as what is found and wanted."""
        return f"image {self.context.title}"

    def tag(self) -> str:
        """Ours."""
        return self.context.tag

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """Built from these files."""
        return {"recipe": self.context.digest}


@dataclass(frozen=True)
class Built(_Ours):
    """Built on the host. `base` is what the bottom one starts from."""

    base: str

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
        pull(client, self.name, tell)


NOT_PUSHED = (
    "if the registry has only others, build the images with this version of the project and this site"
    " file, and push them: the book's page Images says how; without a way to it set images.source to"
    " `build` or `copy`"
)


@dataclass(frozen=True)
class Published(_Ours):
    """Pulled from the registry to which the group has pushed it."""

    registry: str

    def bring(self, host: Host, client: docker.DockerClient, tell: Callable[[str], None]) -> None:
        """Pull, and give it our name. Raises PreconditionFailed if the registry has only others."""
        there = f"{self.registry}/{self.tag().partition('/')[2]}"
        pull(client, there, tell, NOT_PUSHED)
        client.images.get(there).tag(self.tag())


@dataclass(frozen=True)
class Copied(Built):
    """Built here if need be, then copied to the host."""

    def bring(self, host: Host, client: docker.DockerClient, tell: Callable[[str], None]) -> None:
        """Streamed: nothing is stored in between."""
        here = connect("localhost")
        here.root = False
        with engine(here) as source:
            if _digest(source, self.tag()) != self.context.digest:
                Built.bring(self, here, source, tell)
            tell(f"copying {self.context.title}")
            for line in client.api.load_image(source.images.get(self.tag()).save(named=self.tag())):
                if "error" in line:
                    raise DockerException(line["error"])


def _digest(client: docker.DockerClient, tag: str) -> str:
    try:
        return str(client.images.get(tag).labels.get(LABEL, ""))
    except ImageNotFound:
        return ""
