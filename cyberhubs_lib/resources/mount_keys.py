"""The key for the other end of a mount by ssh."""

from __future__ import annotations

from dataclasses import dataclass

from ..shell import sh
from ..state import Resource, State
from ..transport import Result
from .mount_units import Far


@dataclass(frozen=True)
class MountKey(Resource):
    """A key pair made on the host for one mount; the private key never leaves it."""

    far: Far
    path: str  # of the mount

    @property
    def label(self) -> str:  # type: ignore[override]
        """key for PATH."""
        return f"key for {self.path}"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """Both halves, and only root reads the private one."""
        return {"private": "600 root:root", "public": "present"}

    def question(self) -> str:
        """Mode and owner; never the content."""
        return sh(
            "[ -s {} ] || exit 0\nstat -c '%a %U:%G' {}\n[ -s {} ] && echo present || echo absent",
            self.far.key, self.far.key, f"{self.far.key}.pub",
        )  # fmt: skip

    def parse(self, answer: Result) -> State:
        """None if there is no key."""
        private, _, public = answer.out.strip().partition("\n")
        return {"private": private, "public": public} if private else None

    def note(self, was: State) -> str:
        """Whose account it opens."""
        return f"opens {self.far.user} at {self.far.host}; made here, stays here"

    def change(self, was: State) -> str:
        """An existing key keeps its content: the other end knows it."""
        key = self.far.key
        if was is None:
            return sh(
                "umask 077; mkdir -p {}; rm -f {} {}\n"
                'ssh-keygen -q -t ed25519 -N "" -C "cyberhubs@$(uname -n):"{} -f {}',
                self.far.folder, key, f"{key}.pub", self.path, key,
            )  # fmt: skip
        public = sh("chown root:root {} && chmod 600 {}\n", key, key)
        return public + sh("[ -s {} ] || ssh-keygen -y -f {} > {}", f"{key}.pub", key, f"{key}.pub")
