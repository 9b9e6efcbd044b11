"""Whether users' servers were ended for memory: Docker tells it once, and removes the container."""

from __future__ import annotations

from typing import Any

KILLED = "137"  # exit code of a container whose main program was ended by a signal KILL
TOGETHER_SECONDS = 10  # Linux ends a program, Docker tells of it, and of the container's end


class Ends:
    """What Docker's events say of the containers whose names begin with `prefix`."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.short_of_memory: dict[str, float] = {}  # container -> when a program in it was ended
        self.for_memory: dict[str, bool] = {}  # container that ended -> whether for memory

    def note(self, event: dict[str, Any]) -> None:
        """One more event: `start`, `oom`, `die`, or another that says nothing here."""
        said, now = event["Actor"]["Attributes"], event["timeNano"] / 1e9  # not when it is read
        name = str(said.get("name", ""))
        if not name.startswith(self.prefix):
            return
        match event["Action"]:
            case "start":
                self.short_of_memory.pop(name, None)
                self.for_memory.pop(name, None)
            case "oom":
                self.short_of_memory[name] = now
            case "die":
                recent = now - self.short_of_memory.get(name, 0) < TOGETHER_SECONDS
                self.for_memory[name] = recent and said.get("exitCode") == KILLED
