"""Certificate authorities that the host must trust: an institution's own, or a proxy's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..answers import Garbled, matching
from ..shell import put, sh
from ..state import Resource, State
from ..transport import Result
from .services import restart


@dataclass(frozen=True)
class Store:
    """Where a system keeps authorities: local ones in `folder`, all in `bundle`, made by `tool`."""

    folder: str
    bundle: str
    tool: str


DEBIAN_STORE = Store(
    "/usr/local/share/ca-certificates",
    "/etc/ssl/certs/ca-certificates.crt",
    "update-ca-certificates",
)
RED_HAT_STORE = Store(
    "/etc/pki/ca-trust/source/anchors", "/etc/pki/tls/certs/ca-bundle.crt", "update-ca-trust"
)


@dataclass(frozen=True)
class Authorities(Resource):
    """All of them together: name -> certificate (PEM). One the host trusts already is left alone."""

    certificates: Mapping[str, bytes] = field(default_factory=dict)
    store: Store = DEBIAN_STORE

    label = "certificate authorities of the site"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """As many trusted as there are."""
        return {"trusted": self._of(len(self.certificates))}

    def _of(self, count: int) -> str:
        return f"{count} of {len(self.certificates)}"

    def question(self) -> str:
        """The number of each one that is missing, a line each."""
        return "\n".join(self._trusted(name, pem) for name, pem in self.certificates.items())

    def parse(self, answer: Result) -> State:
        """How many are trusted, and which are not."""
        missing = answer.out.split("\n")[:-1] if answer.out else []
        if not {*missing} <= self.certificates.keys():
            raise Garbled(answer.out)
        return {
            "trusted": self._of(len(self.certificates) - len(missing)),
            "missing": "\n".join(missing),
        }

    def _path(self, name: str) -> str:
        return f"{self.store.folder}/{name}.crt"

    def _trusted(self, name: str, pem: bytes) -> str:
        """Prints the name if it is not trusted. Before the tool is installed, the file counts."""
        store = self.store
        return (
            sh("if grep -qsF -e {} {}; then :\n", _end(pem), store.bundle)
            + sh(
                "elif [ -f {} ] && ! command -v {} >/dev/null; then :\n",
                self._path(name),
                store.tool,
            )
            + sh("else echo {}; fi", name)
        )

    def change(self, was: State) -> str:
        """Write those that are missing and make the bundle anew."""
        names = (was or {}).get("missing", "").split("\n")
        files = [put(self.certificates[n], self._path(n), "644", "root:root") for n in names]
        tool = f"if command -v {self.store.tool} >/dev/null; then {self.store.tool}; fi"
        return "\n".join([*files, tool])


@dataclass(frozen=True)
class KnownToEngine(Resource):
    """Docker reads the authorities of `store` once: after a change there it starts anew."""

    store: Store = DEBIAN_STORE
    live_restore: bool = True

    label = "authorities that the engine knows"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """All that the host has."""
        return {"known": "all"}

    def question(self) -> str:
        """Is a local one, or the folder of them, younger than the engine's start?"""
        return sh(
            "find -L {} -newer /run/docker.pid -print -quit 2>/dev/null || :", self.store.folder
        )

    def parse(self, answer: Result) -> State:
        """All, too, where no engine runs: it reads them when it starts."""
        younger = matching("(/.*)?", answer.out.strip())
        return {"known": "not those since its start" if younger else "all"}

    def note(self, was: State) -> str:
        """What happens to containers."""
        containers = "containers go on" if self.live_restore else "and all containers with it"
        return f"the engine restarts, {containers}"

    def change(self, was: State) -> str:
        """Only a start makes it read them."""
        return restart("docker.service")


def _end(pem: bytes) -> str:
    """The last full line of the certificate: part of its signature, so no other has it."""
    lines = [line.strip() for line in pem.decode("ascii", "replace").splitlines()]
    full = [line for line in lines if len(line) >= 64 and not line.startswith("-----")]
    return full[-1] if full else "no certificate"
