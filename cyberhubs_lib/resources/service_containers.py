"""The hub's own containers, as compose makes them, and the volume for the users' files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..answers import matching
from ..compose import waiting
from ..shell import sh
from ..state import Resource, State, Unknown
from ..transport import Result
from .docker import ANSWERS

INSPECT = (
    '{{.State.Status}}|{{index .Config.Labels "cyberhubs.config"}}|{{.Image}}|{{.State.StartedAt}}'
)
STARTING = 60  # seconds for a service that runs to answer: after a restart it is still starting


@dataclass(frozen=True)
class Container(Resource):
    """One service of the compose project: it answers, with today's settings and today's image."""

    service: str
    project: str
    image: str
    settings: str
    compose: str  # shell text before a compose command
    answering: str = ":"  # shell text that waits until all services answer
    secrets: tuple[str, ...] = ()  # files and directories that it read at its start
    unwanted: tuple[str, ...] = ()  # services that this site has not, or no more

    @property
    def label(self) -> str:  # type: ignore[override]
        """service NAME."""
        return f"service {self.service}"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """Healthy, new enough."""
        return {
            "state": "healthy",
            "settings": self.settings,
            "image": "current",
            "secrets": "current",
        }

    def question(self) -> str:
        """State, digest of its settings, image; and whether it answers, asked now: Docker's own
        health may be a minute old.
        """
        return (
            ANSWERS
            + sh("docker image inspect -f {} {} 2>/dev/null || exit 8\n", "{{.Id}}", self.image)
            + waiting(self.project, STARTING, sh("wait_for {} >/dev/null", self.service))
            + " && a=healthy || a='does not answer'\n"
            + sh(
                "l=$(docker ps -aq --filter {} --filter {} |"
                " xargs -r docker inspect -f {} | head -1)\n",
                f"label=com.docker.compose.project={self.project}",
                f"label=com.docker.compose.service={self.service}",
                INSPECT,
            )
            # a secret is a mounted file: a new one takes its place only in a new container
            + '[ -z "$l" ] || echo "$a|$l|$(find '
            + " ".join(sh("{}", path) for path in self.secrets or ("/nonexistent",))
            + ' -type f -newermt "${l##*|}" 2>/dev/null)"'
        )

    def parse(self, answer: Result) -> State:
        """None if there is no such container."""
        if answer.code == 9:
            raise Unknown("no Docker engine answers")
        if answer.code == 8:
            raise Unknown(f"image {self.image} is missing: runbook 08 gets it")
        image, _, line = answer.out.strip().partition("\n")
        matching("sha256:[0-9a-f]+", image)
        if not line:
            return None
        answers, status, settings, running, _, newer = line.splitlines()[0].split("|", 5)
        return {
            "state": answers if status == "running" else status,
            "settings": settings,
            "image": "current" if running == image else "old",
            "secrets": "older" if newer else "current",
        }

    def change(self, was: State) -> str:
        """Never one alone."""
        return self.change_all([(self, was)])

    @classmethod
    def change_all(cls, items: Sequence[tuple[Resource, State]]) -> str:
        """Compose creates, keeps or recreates them as needed; then all must answer."""
        first = items[0][0]
        assert isinstance(first, Container)
        old = [r.service for r, was in items
               if isinstance(r, Container) and was and was["secrets"] != "current"]  # fmt: skip
        recreate = (
            f"({first.compose}up -d --force-recreate --no-deps {' '.join(old)}) &&" if old else ""
        )
        # a service whose profile is off is no orphan to compose: it would let it run
        gone = "".join(
            sh(
                "docker ps -aq --filter {} --filter {} | xargs -r docker rm -f >/dev/null\n"
                "docker network rm {} >/dev/null 2>&1 || :\n",
                f"label=com.docker.compose.project={first.project}",
                f"label=com.docker.compose.service={name}",
                f"{first.project}_{name}",
            )
            for name in first.unwanted
        )
        up = f"{recreate} ({first.compose}up -d --remove-orphans --quiet-pull)"
        return f"{gone}{{ {up} && {first.answering}; }} || {{ {first.compose}ps -a; exit 1; }} >&2"


@dataclass(frozen=True)
class DataVolume(Resource):
    """A Docker volume in place of a data disk, with the same directories in it."""

    name: str
    owner: str
    image: str

    @property
    def label(self) -> str:  # type: ignore[override]
        """volume NAME."""
        return f"volume {self.name}"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """The directories, and whose `user` is."""
        return {"directories": "data jupyterhub_users tmp user", "owner of user": self.owner}

    def _inside(self, script: str) -> str:
        return sh(
            "docker run --rm --network none -v {}:/v --entrypoint sh {} -c {}",
            self.name, self.image, script,
        )  # fmt: skip

    def question(self) -> str:
        """Looked at from a container: the directory itself is root's."""
        return (
            ANSWERS
            + sh("docker volume inspect {} >/dev/null 2>&1 || exit 0\n", self.name)
            + sh("docker image inspect {} >/dev/null 2>&1 || exit 8\n", self.image)
            + self._inside("cd /v && echo $(ls); stat -c %u:%g user 2>/dev/null || echo none")
        )

    def parse(self, answer: Result) -> State:
        """None if there is no such volume."""
        if answer.code == 9:
            raise Unknown("no Docker engine answers")
        if answer.code:
            raise Unknown(f"image {self.image} is missing: runbook 08 gets it")
        if not answer.out.strip():
            return None
        found, _, owner = answer.out.strip().partition("\n")
        known = [d for d in found.split() if d in ("data", "jupyterhub_users", "tmp", "user")]
        matching(r"\d+:\d+|none", owner.strip())
        return {"directories": " ".join(known), "owner of user": owner.strip()}

    def change(self, was: State) -> str:
        """Make what is missing."""
        script = (
            "cd /v && mkdir -p data jupyterhub_users user tmp && chmod 1777 tmp && chmod 775 user"
            f" && chown {self.owner} user"
        )
        return sh("docker volume create {} >/dev/null\n", self.name) + self._inside(script)
