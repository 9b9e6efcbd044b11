"""What a runbook once made and the site file no longer asks for: taken away, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from ..state import Resource, State
from ..transport import Result


@dataclass(frozen=True)
class Gone(Resource):
    """Something of ours that shall not be there.

    `there` is shell text that prints what is left of it, one a line, and `undo` takes that away. Both
    name only what a runbook made: the same thing made by other hands is not ours to remove.
    """

    label: str
    there: str
    undo: str

    wanted = None

    def question(self) -> str:
        """What is left."""
        return self.there

    def parse(self, answer: Result) -> State:
        """None if nothing is."""
        found = answer.out.split("\n")
        left = ", ".join(line.strip() for line in found if line.strip())
        return {"found": left} if left else None

    def note(self, was: State) -> str:
        """Why it goes."""
        return "the site file does not ask for it any more"

    def change(self, was: State) -> str:
        """Take it away."""
        return self.undo
