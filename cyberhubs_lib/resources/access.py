"""Lines of the access lists, and the open window; the running hub changes them itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..access import SEEN, answer
from ..errors import CyberhubsError
from ..shell import sh
from ..state import Resource, State, Unknown
from ..transport import Result

# what is done -> on which list a login stands afterwards
WANTED: dict[str, dict[str, str]] = {
    "allow": {"allowed_users": "yes"},
    "block": {"blocked_users": "yes"},
    "unblock": {"blocked_users": "no"},
    "admin": {"admins": "yes"},
    "unadmin": {"admins": "no"},
    "remove": {"allowed_users": "no", "admins": "no"},
}


def _shown(result: Result) -> dict[str, Any]:
    try:
        return answer(result)
    except CyberhubsError as error:
        raise Unknown(f"{error.found}: {error.todo}") from None


@dataclass(frozen=True)
class Listed(Resource):
    """A login on a list, or off it. `what` is a key of WANTED."""

    login: str
    what: str
    manage: str  # shell text before a command of manage.py

    @property
    def label(self) -> str:  # type: ignore[override]
        """ACTION LOGIN."""
        return f"{self.what} {self.login}"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """The lists that matter."""
        return WANTED[self.what]

    def question(self) -> str:
        """The same for all: asked once."""
        return f"{self.manage}show"

    def parse(self, answer: Result) -> State:
        """Raises Unknown where no hub runs."""
        found = _shown(answer)
        return {name: "yes" if self.login in found[name] else "no" for name in WANTED[self.what]}

    def change(self, was: State) -> str:
        """Never one alone."""
        return self.change_all([(self, was)])

    @classmethod
    def change_all(cls, items: Sequence[tuple[Resource, State]]) -> str:
        """One command, and one line of the ledger, for all logins of one kind of change."""
        kinds: dict[str, list[Listed]] = {}
        for resource, _ in items:
            assert isinstance(resource, Listed)
            kinds.setdefault(resource.what, []).append(resource)
        return "\n".join(
            f"({group[0].manage}--seen {SEEN} {what} "
            + " ".join(sh("{}", r.login) for r in group)
            + ")"
            for what, group in kinds.items()
        )


@dataclass(frozen=True)
class OpenWindow(Resource):
    """A time until which everybody who can log in may enter; "" is no such time."""

    until: str
    on_close: str
    manage: str
    label: str = "open window"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """Until when, and what becomes of those who entered."""
        return {"until": self.until, "on_close": self.on_close} if self.until else None

    def question(self) -> str:
        """The lists and the window."""
        return f"{self.manage}show"

    def parse(self, answer: Result) -> State:
        """None if there is no window."""
        window = _shown(answer)["window"]
        return window and {"until": window["until"], "on_close": window["on_close"]}

    def change(self, was: State) -> str:
        """Open it, set it anew, or close it now."""
        if not self.until:
            return f"({self.manage}--seen {SEEN} close)"
        return f"({self.manage}--seen {SEEN} " + sh("open {} {})", self.until, self.on_close)


@dataclass(frozen=True)
class Confirmed(Resource):
    """The word that the servers which an edit would stop may really stop."""

    manage: str
    label: str = "servers that wait for a confirmation"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """Nobody waits."""
        return {"waiting": "nobody"}

    def question(self) -> str:
        """The lists, with what the watch says."""
        return f"{self.manage}show"

    def parse(self, answer: Result) -> State:
        """Who waits."""
        held = _shown(answer)["watch"].get("held", [])
        return {"waiting": ", ".join(held) or "nobody"}

    def change(self, was: State) -> str:
        """Confirm for those who were shown, and wait until the watch has done it."""
        names = (was or {})["waiting"].split(", ")
        waits = f"({self.manage}show) | grep -q '\"held\": \\[\\]'"
        return (
            f"({self.manage}confirm " + " ".join(sh("{}", name) for name in names) + ")\nn=0\n"
            f"until {waits} || [ $n -ge 30 ]; do sleep 1; n=$((n + 1)); done"
        )


@dataclass(frozen=True)
class Files(Resource):
    """The files of a login: kept under this name, moved to another, packed away, or deleted."""

    login: str
    what: str  # rename, archive, delete
    manage: str
    new: str = ""

    @property
    def label(self) -> str:  # type: ignore[override]
        """ACTION files of LOGIN."""
        return f"files of {self.login}" + (f", now {self.new}" if self.new else "")

    @property
    def irreversible(self) -> str:
        """What was deleted does not come back."""
        return self.login if self.what == "delete" else ""

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """Not under this name any more."""
        return {"under this name": "none"}

    def question(self) -> str:
        """Whether there are any."""
        return f"{self.manage}" + sh("files {}", self.login)

    def parse(self, answer: Result) -> State:
        """Raises Unknown where no hub runs."""
        return {"under this name": "files" if _shown(answer)["there"] else "none"}

    def note(self, was: State) -> str:
        """What will be done."""
        return {
            "rename": f"moved to {self.new}, with the place on the lists",
            "archive": "packed into .archive beside the homes, then deleted",
            "delete": "deleted for good",
        }[self.what]

    def change(self, was: State) -> str:
        """One command of the hub's own module."""
        words = [self.login, self.new] if self.new else [self.login]
        return f"({self.manage}{self.what} " + " ".join(sh("{}", word) for word in words) + ")"
