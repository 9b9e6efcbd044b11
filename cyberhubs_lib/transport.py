"""How shell text reaches a machine: on this one, or to a function in a test; ssh.py goes to others.

All three take a whole script by stdin, so that nothing of it is ever on a command line.
"""

from __future__ import annotations

import contextlib
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


class Silent(Exception):
    """Nothing came for as long as was allowed; `out` is what the script had printed."""

    def __init__(self, out: bytes):
        self.out = out.decode(errors="replace")
        super().__init__("no answer")


class Transport(Protocol):
    """One way to run a script on one machine."""

    name: str

    @property
    def alive(self) -> bool:
        """Whether the next script needs no new connection."""

    def run(
        self,
        script: str,
        become: str | None = None,
        password: str = "",
        seconds: float | None = None,
    ) -> Result:
        """Run `script`; `become` is None or "sudo". Raises Silent if nothing comes for `seconds`."""

    def close(self) -> None:
        """Give the connection back."""


def interpreter(become: str | None, password: str, command: str = "sh -s") -> tuple[str, str]:
    """The command that reads stdin (a script), as root if asked, and what to send before it.

    `command` is one line of shell text. With a password, sudo may or may not read it (NOPASSWD): the
    shell skips to the start mark, so that a password that was not asked for is never run as a command.
    """
    if become is None:
        return sh("sh -c {}", command), ""
    if not password:
        return sh("sudo -n sh -c {}", command), ""
    skip = f'while IFS= read -r l; do [ "$l" = "{START}" ] && break; done; {command}'
    return sh("sudo -k -S -p {} sh -c {}", "", skip), f"{password}\n{START}\n"


class Local:
    """This machine."""

    name = "localhost"
    alive = True

    def run(
        self,
        script: str,
        become: str | None = None,
        password: str = "",
        seconds: float | None = None,
    ) -> Result:
        """Run `script` in a shell of this machine."""
        command, first = interpreter(become, password)
        env = {**os.environ, "LC_ALL": "C.UTF-8"}
        shell = subprocess.Popen(
            ["sh", "-c", command], env=env,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        out, err = communicate(shell, (first + script).encode(), seconds)
        return Result(shell.returncode, out.decode(errors="replace"), err.decode(errors="replace"))

    def close(self) -> None:
        """Nothing to give back."""


def communicate(
    shell: subprocess.Popen[bytes], script: bytes, seconds: float | None
) -> tuple[bytes, bytes]:
    """Both outputs. Raises Silent when `seconds` brought nothing more; the shell ends then."""
    given: bytes | None = script
    before = None
    try:
        while True:
            try:
                return shell.communicate(given, timeout=seconds)
            except (
                subprocess.TimeoutExpired
            ) as late:  # what came is kept, and the next call goes on
                given, so_far = None, late.output
            if so_far == before:
                raise Silent(before or b"")
            before = so_far
    except BaseException:
        with contextlib.suppress(PermissionError):  # sudo's, which only root may end
            shell.kill()
        raise


class Fake:
    """A machine that is just a function: script -> Result or text; for tests."""

    name = "fake"
    alive = True

    def __init__(self, answer: Callable[[str], Result | str]):
        self.answer = answer

    def run(
        self,
        script: str,
        become: str | None = None,
        password: str = "",
        seconds: float | None = None,
    ) -> Result:
        """Ask the function."""
        answer = self.answer(script)
        return Result(0, answer) if isinstance(answer, str) else answer

    def close(self) -> None:
        """Nothing to give back."""
