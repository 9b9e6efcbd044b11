"""A signed repository of packages: its key is compared with the fingerprint that the site pins."""

from __future__ import annotations

from dataclasses import dataclass

from ..shell import put, sh
from ..state import Resource, State, Unknown
from ..transport import Result

KEYRINGS = "/etc/apt/keyrings"
# keys FILE: the fingerprints of the keys in a file (of the keys themselves, not of their subkeys)
KEYS = """keys() { gpg --batch --show-keys --with-colons "$1" 2>/dev/null |
awk -F: '$1 == "pub" {p = 1} $1 == "fpr" && p {print $10; p = 0}'; }
"""


@dataclass(frozen=True)
class AptRepository(Resource):
    """A repository in deb822 form with a key of its own, which counts for nothing else.

    `url` and `key_url` may begin with http, https or file; `fingerprint` is 40 hex digits.
    """

    name: str
    url: str
    suite: str
    key_url: str
    fingerprint: str

    @property
    def label(self) -> str:  # type: ignore[override]
        """repository NAME."""
        return f"repository {self.name}"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """The address, signed by the pinned key."""
        return {"address": f"{self.url} {self.suite}", "key": self.fingerprint}

    @property
    def _key(self) -> str:
        return f"{KEYRINGS}/{self.name}.asc"

    @property
    def _source(self) -> str:
        return f"/etc/apt/sources.list.d/{self.name}.sources"

    @property
    def _text(self) -> str:
        return (
            f"# Written by runbook 04 from the site file; change it there.\nTypes: deb\n"
            f"URIs: {self.url}\nSuites: {self.suite}\nComponents: stable\nSigned-By: {self._key}\n"
        )

    def question(self) -> str:
        """The address in the file, and the fingerprints of all keys that may sign."""
        return (
            f"command -v gpg >/dev/null || exit 9\n{KEYS}"
            + sh("sed -n 's/^URIs: //p; s/^Suites: //p' {} 2>/dev/null | paste -sd ' '\n",
                 self._source)
            + sh("keys {}", self._key)
        )  # fmt: skip

    def parse(self, answer: Result) -> State:
        """None if there is no such file. Unknown without gpg."""
        if answer.code == 9:
            raise Unknown("package gnupg is not installed yet")
        address, _, keys = answer.out.strip("\n").partition("\n")
        if not address:
            return None
        return {"address": address.strip(), "key": " ".join(keys.split()) or "none"}

    def note(self, was: State) -> str:
        """What the key is for."""
        return "the key counts for this repository alone"

    def change(self, was: State) -> str:
        """Fetch the key, compare it, and only then trust it; read this repository's index."""
        other = f"{self.key_url} holds another key than {self.fingerprint}:"
        return (
            KEYS
            + sh('t=$(mktemp); curl -fsSL --retry 2 -m 60 -o "$t" {}\nfound=$(keys "$t")\n'
                 'if [ "$found" != {} ]; then rm -f "$t"; echo {} "$found" >&2; exit 1; fi\n',
                 self.key_url, self.fingerprint, other)
            + sh('mkdir -p {}; chmod 644 "$t"; mv -f "$t" {}\n', KEYRINGS, self._key)
            + put(self._text.encode(), self._source, "644", "root:root")
            # this one index alone: reading the others is runbook 02's
            + sh("\napt-get -q -o Dir::Etc::sourcelist={} -o Dir::Etc::sourceparts=-"
                 " -o APT::Get::List-Cleanup=0 -o APT::Update::Error-Mode=any update", self._source)
        )  # fmt: skip
