"""A signed repository of packages: its key is compared with the fingerprint that is pinned."""

from __future__ import annotations

from dataclasses import dataclass

from ..shell import put, sh
from ..state import Resource, State, Unknown
from ..transport import Result
from .apt_sources import elsewhere

# keys FILE: the fingerprints of the keys in a file (of the keys themselves, not of their subkeys). gpg
# gets a home for the moment: it would write into root's own, even to look at a file.
KEYS = """keys() { h=$(mktemp -d)
gpg --homedir "$h" --batch --show-keys --with-colons "$1" 2>/dev/null |
awk -F: '$1 == "pub" {p = 1} $1 == "fpr" && p {print $10; p = 0}'; rm -rf "$h"; }
"""
WRITTEN = "# Written by runbook 04 from the site file; change it there.\n"


@dataclass(frozen=True)
class Repository(Resource):
    """A file that names it, and a file with its key; unless other files name it already.

    These are kept, if their key is the pinned one: `elsewhere` prints `also FILE FINGERPRINT...` for
    each. One of ours beside them goes.

    `read` is a script of sed that prints `address` from the file's lines; `index` is shell text that
    reads this repository's index alone: reading the others is runbook 02's.
    """

    name: str
    key_url: str  # http, https or file
    fingerprint: str  # 40 hex digits
    file: str
    text: str
    address: str
    read: str
    key: str  # a path
    index: str
    why: str = ""
    elsewhere: str = ""  # shell text

    @property
    def label(self) -> str:  # type: ignore[override]
        """repository NAME."""
        return f"repository {self.name}"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """The address, signed by the pinned key."""
        return {"address": self.address, "key": self.fingerprint}

    def question(self) -> str:
        """The address in the file, and the fingerprints of all keys that may sign."""
        return (
            f"command -v gpg >/dev/null || exit 9\n{KEYS}"
            + sh("sed -n {} {} 2>/dev/null | paste -sd ' '\n", self.read, self.file)
            + sh("keys {}\n", self.key)
            + (sh("! grep -qsF {} {} || echo ours\n", WRITTEN.strip(), self.file) + self.elsewhere)
        )

    def parse(self, answer: Result) -> State:
        """None if no file names it. Unknown without gpg."""
        if answer.code == 9:
            raise Unknown("package gnupg is not installed yet")
        address, *lines = answer.out.rstrip("\n").split("\n")
        others = [line.split()[1:] for line in lines if line.startswith("also ")]
        keys = [line for line in lines if line and line != "ours" and not line.startswith("also ")]
        if others and ("ours" in lines or address.strip() != self.address):
            files = " ".join(file for file, *_ in others)
            good = all(self.fingerprint in found for _, *found in others)
            theirs = " ".join(key for _, *found in others for key in found) or "none"
            return {
                "address": f"named twice, also in {files}" if "ours" in lines else self.address,
                "key": self.fingerprint if good else theirs,
                "others": files,
            }
        if not address:
            return None
        return {"address": address.strip(), "key": " ".join(keys) or "none"}

    def note(self, was: State) -> str:
        """What the key is for."""
        return self.why

    def change(self, was: State) -> str:
        """Fetch the key, compare it, and only then trust it; read this repository's index."""
        if was and "others" in was:
            return self._leave_to(was["others"], was["key"] == self.fingerprint)
        other = f"{self.key_url} holds another key than {self.fingerprint}:"
        return (
            KEYS
            + sh('mkdir -p "$(dirname {})"; t=$(mktemp {}.XXXXXX)\n', self.key, self.key)
            + sh('curl -fsSL --retry 2 -m 60 -o "$t" {} || { rm -f "$t"; exit 1; }\n'
                 'found=$(keys "$t")\n'
                 'if [ "$found" != {} ]; then rm -f "$t"; echo {} "$found" >&2; exit 1; fi\n',
                 self.key_url, self.fingerprint, other)
            + sh('chmod 644 "$t"; mv -f "$t" {}\n', self.key)
            + put(self.text.encode(), self.file, "644", "root:root")
            + f"\n{self.index}"
        )  # fmt: skip

    def _leave_to(self, others: str, good: bool) -> str:
        """Two files with two keys would end all of apt's work. Ours goes; theirs must be as pinned."""
        if good:
            return sh("rm -f {}", self.file)
        said = f"{others}: another key than {self.fingerprint} for {self.address}; remove that file"
        return sh("echo {} >&2; exit 1", f"{said}, or name its key in docker.key_fingerprint")


def apt_repository(name: str, url: str, suite: str, key_url: str, fingerprint: str) -> Repository:
    """In deb822 form, with a key that counts for nothing else."""
    key, file = f"/etc/apt/keyrings/{name}.asc", f"/etc/apt/sources.list.d/{name}.sources"
    return Repository(
        name, key_url, fingerprint, file, key=key,
        text=f"{WRITTEN}Types: deb\nURIs: {url}\nSuites: {suite}\nComponents: stable\n"
             f"Signed-By: {key}\n",
        address=f"{url} {suite}", read="s/^URIs: //p; s/^Suites: //p",
        index=sh("apt-get -q -o Dir::Etc::sourcelist={} -o Dir::Etc::sourceparts=-"
                 " -o APT::Get::List-Cleanup=0 -o APT::Update::Error-Mode=any update", file),
        why="the key counts for this repository alone", elsewhere=elsewhere(url, suite, file),
    )  # fmt: skip


def dnf_repository(name: str, url: str, key_url: str, fingerprint: str) -> Repository:
    """In dnf's form; each of its packages must be signed."""
    key, file = f"/etc/pki/rpm-gpg/{name}.asc", f"/etc/yum.repos.d/{name}.repo"
    return Repository(
        name, key_url, fingerprint, file, key=key,
        text=f"{WRITTEN}[{name}]\nname={name}\nbaseurl={url}\nenabled=1\ngpgcheck=1\n"
             f"gpgkey=file://{key}\n",
        address=f"{url} enabled signed",
        read="s/^baseurl=//p; s/^enabled=1$/enabled/p; s/^gpgcheck=1$/signed/p",
        index=sh("dnf -q --repo={} makecache", name),
        why="rpm has one ring of keys: this one joins it with the first package",
    )  # fmt: skip
