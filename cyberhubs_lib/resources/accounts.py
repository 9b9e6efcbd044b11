"""User accounts of the host, and their groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..answers import word
from ..host import Host
from ..shell import sh
from ..state import Resource, State
from ..transport import Result


@dataclass(frozen=True)
class Account(Resource):
    """An account with home directory and shell; no password is set."""

    name: str
    why: str = ""

    @property
    def label(self) -> str:  # type: ignore[override]
        """account NAME."""
        return f"account {self.name}"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """Present with a home."""
        return {"home": "present"}

    def question(self) -> str:
        """Its home, if the account exists."""
        return sh(
            'h=$(getent passwd {} | cut -d: -f6); [ -n "$h" ] || exit 0\n'
            '[ -d "$h" ] && echo present || echo missing',
            self.name,
        )

    def parse(self, answer: Result) -> State:
        """None if there is no such account."""
        return {"home": word(answer, "present", "missing")} if answer.out.strip() else None

    def note(self, was: State) -> str:
        """What it is for."""
        return self.why

    def change(self, was: State) -> str:
        """Add the account, or its missing home."""
        if was is None:
            return sh("useradd -m -s /bin/bash {}", self.name)
        return sh("mkhomedir_helper {}", self.name)


@dataclass(frozen=True)
class Membership(Resource):
    """An account in a group; counts from the next login on."""

    user: str
    group: str
    why: str = ""

    @property
    def label(self) -> str:  # type: ignore[override]
        """USER in group GROUP."""
        return f"{self.user} in group {self.group}"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """Yes."""
        return {"member": "yes"}

    def question(self) -> str:
        """The user's groups; root needs none."""
        return sh("id -Gn {} 2>/dev/null | tr ' ' '\\n' | grep -qxF {} && echo yes || echo no",
                  self.user, self.group)  # fmt: skip

    def parse(self, answer: Result) -> State:
        """Yes or no."""
        return {"member": word(answer, "yes", "no")}

    def note(self, was: State) -> str:
        """What it is for."""
        return self.why

    def change(self, was: State) -> str:
        """Add, keeping the other groups."""
        return sh("usermod -aG {} {}", self.group, self.user)

    @classmethod
    def perform(
        cls, host: Host, items: Sequence[tuple[Resource, State]], tell: Callable[[str], None]
    ) -> None:
        """Add, and log in again."""
        super().perform(host, items, tell)
        host.reconnect()
