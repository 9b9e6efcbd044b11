"""How shell text reaches a machine: on this one, or to a function in a test; ssh.py goes to others.

All three take a whole script by stdin, so that nothing of it is ever on a command line.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from .shell import sh

START = "#cyberhubs-start"


@dataclass(frozen=True)
class Result:
    """What a script left: exit code, standard output, standard error."""

    code: int
    out: str = ""
    err: str = ""


class Transport(Protocol):
    """One way to run a script on one machine."""

    name: str

    @property
    def alive(self) -> bool:
        """Whether the next script needs no new connection."""

    def run(self, script: str, become: str | None = None, password: str = "") -> Result:
        """Run `script`; `become` is None or "sudo"."""

    def close(self) -> None:
        """Give the connection back."""


def interpreter(become: str | None, password: str, command: str = "sh -s") -> tuple[str, str]:
    """The command that reads stdin (a script), as root if asked, and what to send before it.

    With a password, sudo may or may not read it (NOPASSWD): the shell skips to the start mark, so
    that a password that was not asked for is never run as a command.
    """
    if become is None:
        return command, ""
    if not password:
        return f"sudo -n {command}", ""
    skip = f'while IFS= read -r l; do [ "$l" = "{START}" ] && break; done; exec {command}'
    return sh("sudo -k -S -p {} sh -c {}", "", skip), f"{password}\n{START}\n"


class Local:
    """This machine."""

    name = "localhost"
    alive = True

    def run(self, script: str, become: str | None = None, password: str = "") -> Result:
        """Run `script` in a shell of this machine."""
        command, first = interpreter(become, password)
        env = {**os.environ, "LC_ALL": "C.UTF-8"}
        done = subprocess.run(
            ["sh", "-c", command], input=first + script, capture_output=True, text=True,
            env=env, errors="replace", check=False,
        )  # fmt: skip
        return Result(done.returncode, done.stdout, done.stderr)

    def close(self) -> None:
        """Nothing to give back."""


class Fake:
    """A machine that is just a function: script -> Result or text; for tests."""

    name = "fake"
    alive = True

    def __init__(self, answer: Callable[[str], Result | str]):
        self.answer = answer

    def run(self, script: str, become: str | None = None, password: str = "") -> Result:
        """Ask the function."""
        answer = self.answer(script)
        return Result(0, answer) if isinstance(answer, str) else answer

    def close(self) -> None:
        """Nothing to give back."""
