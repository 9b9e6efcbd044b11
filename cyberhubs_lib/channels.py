"""Shells on an ssh connection, started ahead of the scripts that they will run.

A script by ssh takes three round trips: open a channel, name the command, send the script. The first
two need not wait until the script is known, so a far host answers in a third of the time.
"""

from __future__ import annotations

import logging
import threading
import time

import paramiko

from .transport import START

# What stands behind START says what it becomes: `sh -s`, or sudo's shell, which reads the rest. If
# ~/.bashrc has read that line away, nothing that follows is taken for it.
WAITING = (
    f'sh -c \'while IFS= read -r l; do case $l in "{START} "*) eval "exec ${{l#* }}";; esac; done\''
)
AHEAD = 2  # what a runbook needs at once: its facts, then its plans
OPEN_SECONDS = 10
TRIES = 10

logging.getLogger("paramiko").addHandler(logging.NullHandler())  # what it logs it also raises


class Shells:
    """The shells of one connection: one at work, two that wait."""

    def __init__(self, transport: paramiko.Transport):
        self._transport = transport
        self._waiting = [_Start(transport) for _ in range(AHEAD)]

    def next(self) -> paramiko.Channel:
        """One that waits for its first line; another one starts meanwhile.

        Raises SSHException, EOFError and OSError as paramiko does.
        """
        for last in [False] * TRIES + [True]:
            self._waiting.append(_Start(self._transport))
            try:
                return self._waiting.pop(0).shell()
            except paramiko.ChannelException:  # sshd allows fewer at a time (MaxSessions), and one
                if last:  # that has ended counts for a moment longer
                    raise
                time.sleep(0.1)
        raise AssertionError("not reached")


class _Start(threading.Thread):
    """Opens a shell in the background; `shell` waits for it and raises what went wrong."""

    def __init__(self, transport: paramiko.Transport):
        super().__init__(daemon=True)
        self.transport = transport
        self.channel: paramiko.Channel | None = None
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        """In the background."""
        try:
            self.channel = _open(self.transport)
        except Exception as error:
            self.error = error

    def shell(self) -> paramiko.Channel:
        """The shell."""
        self.join()
        if self.channel is None:
            raise self.error or EOFError("no channel")
        return self.channel


def _open(transport: paramiko.Transport) -> paramiko.Channel:
    return execute(transport, WAITING)


def execute(transport: paramiko.Transport, command: str) -> paramiko.Channel:
    """A channel whose other end is `command`. Raises SSHException, EOFError and OSError."""
    channel = transport.open_session(timeout=OPEN_SECONDS)
    channel.exec_command(command)
    return channel
