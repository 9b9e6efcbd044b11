"""Files and directories with their owner and mode."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from ..answers import matching
from ..facts import NOT_YET
from ..shell import put, sh
from ..state import Resource, State, Unknown
from ..transport import Result


@dataclass(frozen=True)
class File(Resource):
    """A file with this content. The content is compared by SHA-256 and never printed."""

    path: str
    content: bytes
    mode: str = "644"
    owner: str = "root:root"
    why: str = ""
    secret: bool = False
    after: str = ""

    @property
    def label(self) -> str:  # type: ignore[override]
        """file PATH."""
        return f"file {self.path}"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """Digest (short), mode and owner."""
        return {
            "content": digest(self.content, self.secret),
            "mode": self.mode,
            "owner": self.owner,
        }

    def question(self) -> str:
        """Mode, owner, digest; nothing if there is no such file."""
        return sh(
            "[ -f {} ] && stat -c '%a %U:%G %u:%g' {} && sha256sum < {} || :", *[self.path] * 3
        )

    def parse(self, answer: Result) -> State:
        """None if absent."""
        words = _words(answer, self.owner)
        if not words:
            return None
        owner, found = _owner(words, self.owner), matching("[0-9a-f]{64}", words[3])
        return {"content": _short(found, self.secret), "mode": words[0], "owner": owner}

    def note(self, was: State) -> str:
        """What it is for."""
        return self.why

    def change(self, was: State) -> str:
        """Written beside and moved into place."""
        return put(self.content, self.path, self.mode, self.owner)


def digest(content: bytes, secret: bool = False) -> str:
    """The first 8 hex digits of SHA-256; of a secret only whether it is the one wanted."""
    return _short(hashlib.sha256(content).hexdigest(), secret)


def _short(sha256: str, secret: bool) -> str:
    # hashed once more: 8 digits of the plain hash would let somebody test a guessed secret
    return hashlib.sha256(b"cyberhubs" + sha256.encode()).hexdigest()[:8] if secret else sha256[:8]


def _words(answer: Result, owner: str) -> list[str]:
    """Raises Unknown while the account that shall own it is missing."""
    if owner == NOT_YET:
        raise Unknown("the service account is missing: runbook 02 makes it")
    return matching(r"([0-7]{1,4} \S+:\S+ \d+:\d+(\s.*)?)?", answer.out.strip()).split()


def _owner(words: list[str], wanted: str) -> str:
    """From "mode names numbers": the owner in the form in which it is wanted."""
    return words[2] if wanted.partition(":")[0].isdigit() else words[1]


LETTERS = "a-km-np-z2-9"  # without l, o, 0 and 1


@dataclass(frozen=True)
class Token(Resource):
    """A secret made on the host itself; nobody needs to know it, so it never travels.

    With `days` one that is older is made anew; 0 keeps it for ever. With `letters` it is a password of
    so many, which people can type. With `earlier` the one before stays, on a second line: what it has
    encrypted can still be read.
    """

    path: str
    owner: str
    why: str = ""
    days: int = 0
    letters: int = 0
    earlier: bool = False

    @property
    def label(self) -> str:  # type: ignore[override]
        """secret PATH."""
        return f"secret {self.path}"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """Not empty, young enough, and only its owner reads it."""
        young = {"age": f"at most {self.days} days"} if self.days else {}
        return {"content": "present", "mode": "600", "owner": self.owner, **young}

    def question(self) -> str:
        """Mode, owner, age in seconds; nothing if it is empty or absent. Never the content."""
        return sh(
            "[ -s {} ] && stat -c '%a %U:%G %u:%g' {} && echo $(($(date +%s) - $(stat -c %Y {}))) || :",
            *[self.path] * 3,
        )

    def parse(self, answer: Result) -> State:
        """None if absent or empty."""
        words = _words(answer, self.owner)
        if not words:
            return None
        state = {"content": "present", "mode": words[0], "owner": _owner(words, self.owner)}
        days = int(words[3]) / 86400
        young = self.days and days <= self.days
        return {**state, "age": f"at most {self.days} days" if young else f"{days:.0f} days"}

    def note(self, was: State) -> str:
        """What it is for."""
        return self.why

    def change(self, was: State) -> str:
        """256 random bits; an existing one keeps its content unless it is too old."""
        random = "od -An -tx1 -N32 /dev/urandom | tr -d ' \\n'"
        if self.letters:  # 32 that nobody takes for another; 12 are 60 bits
            random = (
                f"head -c 4096 /dev/urandom | LC_ALL=C tr -dc {LETTERS} | head -c {self.letters}"
            )
        if self.earlier and was is not None:
            random = f"{{ {random} && echo && " + sh("head -n 1 {}; }", self.path)
        make = sh(
            "d=$(dirname {}) && mkdir -p \"$d\" && chmod 700 \"$d\" && chown {} \"$d\" && umask 077"
            f" && {random} > {{}}.new && mv {{}}.new {{}}\n",
            self.path, self.owner, self.path, self.path, self.path,
        )  # fmt: skip
        old = was is not None and was["age"] != (self.wanted or {}).get("age", was["age"])
        return (make if was is None or old else "") + sh(
            "chown {} {} && chmod 600 {}", self.owner, self.path, self.path
        )


@dataclass(frozen=True)
class Directory(Resource):
    """A directory with owner and mode; what is in it is left alone."""

    path: str
    owner: str = "root:root"
    mode: str = "755"
    why: str = ""

    @property
    def label(self) -> str:  # type: ignore[override]
        """directory PATH."""
        return f"directory {self.path}"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """Mode and owner."""
        return {"mode": self.mode, "owner": self.owner}

    def question(self) -> str:
        """Mode and owner, as names and as numbers."""
        return sh("[ -d {} ] && stat -c '%a %U:%G %u:%g' {} || :", self.path, self.path)

    def parse(self, answer: Result) -> State:
        """None if absent."""
        words = _words(answer, self.owner)
        if not words:
            return None
        return {"mode": words[0], "owner": _owner(words, self.owner)}

    def note(self, was: State) -> str:
        """What it is for."""
        return self.why

    def change(self, was: State) -> str:
        """Make it; never recursive."""
        return sh(
            "mkdir -p {} && chown {} {} && chmod {} {}",
            self.path, self.owner, self.path, self.mode, self.path,
        )  # fmt: skip
