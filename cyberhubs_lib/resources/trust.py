"""Certificate authorities that the host must trust: an institution's own, or a proxy's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..shell import put, sh
from ..state import Resource, State
from ..transport import Result

BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
FOLDER = "/usr/local/share/ca-certificates"  # where Debian looks for local ones


@dataclass(frozen=True)
class Authorities(Resource):
    """All of them together: name -> certificate (PEM). One the host trusts already is left alone."""

    certificates: Mapping[str, bytes] = field(default_factory=dict)

    label = "certificate authorities of the site"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """As many trusted as there are."""
        return {"trusted": self._of(len(self.certificates))}

    def _of(self, count: int) -> str:
        return f"{count} of {len(self.certificates)}"

    def question(self) -> str:
        """The number of each one that is missing, a line each."""
        return "\n".join(
            _trusted(pem, self._path(name), name) for name, pem in self.certificates.items()
        )

    def parse(self, answer: Result) -> State:
        """How many are trusted, and which are not."""
        missing = answer.out.split("\n")[:-1] if answer.out else []
        return {
            "trusted": self._of(len(self.certificates) - len(missing)),
            "missing": "\n".join(missing),
        }

    @staticmethod
    def _path(name: str) -> str:
        return f"{FOLDER}/{name}.crt"

    def change(self, was: State) -> str:
        """Write those that are missing and make the bundle anew."""
        names = (was or {}).get("missing", "").split("\n")
        files = [put(self.certificates[n], self._path(n), "644", "root:root") for n in names]
        tool = "if command -v update-ca-certificates >/dev/null; then update-ca-certificates; fi"
        return "\n".join([*files, tool])


def _end(pem: bytes) -> str:
    """The last full line of the certificate: part of its signature, so no other has it."""
    lines = [line.strip() for line in pem.decode("ascii", "replace").splitlines()]
    full = [line for line in lines if len(line) >= 64 and not line.startswith("-----")]
    return full[-1] if full else "no certificate"


def _trusted(pem: bytes, path: str, name: str) -> str:
    """Prints the name if it is not trusted. Before the tool is installed, the file itself counts."""
    return (
        sh("if grep -qsF -e {} ", _end(pem))
        + BUNDLE
        + "; then :\n"
        + sh("elif [ -f {} ] && ! command -v update-ca-certificates >/dev/null; then :\n", path)
        + sh("else echo {}; fi", name)
    )
