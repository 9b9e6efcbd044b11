"""Marks around what a command prints, so that nothing else counts as its answer.

A login shell prints what ~/.bashrc tells it to, sudo its lecture, and a trap something at the end; and
any of them may change the exit code. So the command's own shell tells where its output begins and
ends, and with which exit code.
"""

from __future__ import annotations

import re
import secrets

from .errors import NoAnswer
from .transport import Result


class Marks:
    """The marks of one command: nobody else can print them, since nobody knows them before."""

    def __init__(self) -> None:
        key = secrets.token_hex(8)
        self.begin = f"<{key}>".encode()
        self._end = f"</{key}"

    @property
    def end(self) -> re.Pattern[bytes]:
        """What ends each output; its group is the exit code."""
        return re.compile(rf"{self._end} (\d+)>".encode())

    def around(self, command: str) -> str:
        """Shell text, one line: `command` with a mark before and after it, on both outputs."""
        begin = self.begin.decode()
        return (
            f"printf '{begin}'; printf '{begin}' >&2; {command}; c=$?;"
            f" printf '{self._end} %d>' $c >&2; printf '{self._end} %d>' $c; exit $c"
        )

    def before(self, program: str) -> str:
        """Shell text, one line: what `program` prints follows the mark, to the end of the line."""
        return f"printf '{self.begin.decode()}'; exec {program}"

    def result(self, code: int, out: bytes, err: bytes) -> Result:
        """What the command left; of one that never began all that was said instead, as its errors.

        `code` is what the line itself ended with. Raises NoAnswer if all was well and yet nothing came.
        """
        said, found = self._inside(out)
        errors, _ = self._inside(err)
        if found is not None:
            return Result(found, _text(said), _text(errors))
        if code == 0:
            raise NoAnswer(
                "the login shell ended before it had run what it was given",
                expected="an account whose shell runs the commands that it gets by ssh",
                todo="look for `exit`, `exec` or `read` in ~/.bashrc and in the other files that the"
                " shell reads at its start",
                evidence=_text(out + err)[-500:],
            )
        if self.begin in out:
            return Result(code, _text(said), _text(errors))
        return Result(code, "", _text(out + err))

    def _inside(self, data: bytes) -> tuple[bytes, int | None]:
        """What lies between the marks, and the exit code if the second is there."""
        rest = data.partition(self.begin)[2] if self.begin in data else data
        found = self.end.search(rest)
        return (rest[: found.start()], int(found[1])) if found else (rest, None)


def _text(data: bytes) -> str:
    return data.decode(errors="replace")
