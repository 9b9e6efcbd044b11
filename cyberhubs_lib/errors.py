"""Everything that can go wrong, as one tree.

CyberhubsError
├── SettingsError        a site file or a parameter: what the operator wrote
├── ConnectError         the host cannot be reached, trusted or logged in to
│   └── ConnectionLost   it could, and then it could not
├── CommandFailed        a command on the host ended with an exit code other than 0
├── NoAnswer             a question to the host: no answer in time, or none that can be read
├── PreconditionFailed   the host is not fit for this runbook
│   └── Unsupported      ... and never will be: wrong operating system
├── NotConfirmed         something irreversible, and its name was not typed
├── HostBusy             another run is changing the host
├── HostChanged          the host is not what the plan was made for
├── NotConverged         changed, read again, and still not as wanted
├── VerifyFailed         everything is configured, but it does not behave
├── HubSilent            the hub or its watch does not answer, so what was asked has no effect yet
├── OutOfOrder           a cell was run before the one it needs
├── RunFailed            a runbook stopped; its record is kept
├── LocalFileError       a file of the operator's own machine cannot be read or written
└── BookFailed           the book cannot be built, or must not be published as it is
"""

from __future__ import annotations

import errno


class CyberhubsError(Exception):
    """What was found, what was expected, what to do; with the evidence, if there is any."""

    exit_code = 1  # of ./cyberhubs

    def __init__(self, found: str, *, expected: str = "", todo: str = "", evidence: str = ""):
        self.found, self.expected, self.todo, self.evidence = found, expected, todo, evidence
        super().__init__(str(self))

    def __str__(self) -> str:
        lines = [f"{type(self).__name__}: {self.found}"]
        if self.expected:
            lines.append(f"  expected: {self.expected}")
        if self.todo:
            lines.append(f"  to do:    {self.todo}")
        if self.evidence:
            lines += ["  evidence:"] + [f"    {line}" for line in self.evidence.splitlines()]
        return "\n".join(lines)

    def _render_traceback_(self) -> list[str]:
        """IPython prints this instead of a traceback: the reader is an operator."""
        return str(self).splitlines()


class SettingsError(CyberhubsError):
    """A site file or parameter that cannot be meant."""


class ConnectError(CyberhubsError):
    """The host cannot be reached, trusted or logged in to."""


class ConnectionLost(ConnectError):
    """The connection ended before the answer came."""


class CommandFailed(CyberhubsError):
    """A command on the host ended with an exit code other than 0."""


class NoAnswer(CyberhubsError):
    """A question to the host got no answer in time, or one that cannot be read."""


class PreconditionFailed(CyberhubsError):
    """The host is not fit for this runbook, yet."""


class Unsupported(PreconditionFailed):
    """The host's operating system is one this project does not know."""


class NotConfirmed(CyberhubsError):
    """Something irreversible was asked for without typing its name."""


class HostBusy(CyberhubsError):
    """Another run is changing the host."""


class HostChanged(CyberhubsError):
    """The host changed between the plan and its application."""


class NotConverged(CyberhubsError):
    """The change was made, but reading again does not show what was wanted."""


class VerifyFailed(CyberhubsError):
    """The host is configured as wanted but does not behave so."""


class HubSilent(CyberhubsError):
    """The hub or its watch does not answer: what was asked for is written down, at most."""

    exit_code = 3


class OutOfOrder(CyberhubsError):
    """A cell was run before the one it needs."""


class BookFailed(CyberhubsError):
    """The book cannot be built, or must not be published as it is."""


class RunFailed(CyberhubsError):
    """A runbook stopped; the executed notebook up to there is kept."""


class LocalFileError(CyberhubsError):
    """A file of the operator's own machine cannot be read or written."""

    def __init__(self, error: OSError):
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        super().__init__(
            f"{error.strerror or error}" + (f": {error.filename}" if error.filename else ""),
            expected="room on this machine, and files that this account may read and write",
            todo="make room here, not on the host: `df -h . /tmp` shows where"
            if full
            else "`ls -ld` shows whose it is; after a run with sudo give it back with"
            " `sudo chown -R $USER`, then run this again",
        )
