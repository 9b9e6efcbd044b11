"""A file that a runbook begins and people go on with."""

from __future__ import annotations

from dataclasses import dataclass

from ..shell import sh
from ..state import State
from ..transport import Result
from .files import File, _owner, _words


@dataclass(frozen=True)
class StartingFile(File):
    """A file that is written once; what is in it later is somebody's work and stays."""

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """Only that it is there, with its mode and owner."""
        return {"content": "present", "mode": self.mode, "owner": self.owner}

    def question(self) -> str:
        """Mode and owner; nothing if there is no such file."""
        return sh("[ -f {} ] && stat -c '%a %U:%G %u:%g' {} || :", self.path, self.path)

    def parse(self, answer: Result) -> State:
        """None if absent."""
        words = _words(answer, self.owner)
        if not words:
            return None
        return {"content": "present", "mode": words[0], "owner": _owner(words, self.owner)}

    def change(self, was: State) -> str:
        """Write it if it is missing; set mode and owner right."""
        if was is None:
            return super().change(was)
        return sh("chown {} {} && chmod {} {}", self.owner, self.path, self.mode, self.path)
