"""A machine behind ssh, through fabric: one connection for all scripts of a runbook."""

from __future__ import annotations

import contextlib
import os
import re
import socket
from collections.abc import Callable, Iterator

import paramiko
from fabric import Config, Connection

from .channels import Shells
from .errors import ConnectError, ConnectionLost, SettingsError
from .hostkeys import KeyPolicy, changed_key, load_known_hosts
from .marks import Marks
from .transport import START, Result, Silent, interpreter

CONNECT_SECONDS = 10
# A line that swallows everything (a VPN that is gone) sends no error: TCP itself gives up after a
# quarter of an hour. So something is sent now and then, and what is not acknowledged ends the line.
KEEPALIVE_SECONDS = 15
SILENCE_SECONDS = 60
NO_CODE = -1  # paramiko's exit code of a channel that closed and brought none
CHUNK, TAIL = 1 << 16, 64  # bytes read at once; more than an end mark has
# user@name:port, or an IPv6 address, which goes without a port
TARGET = re.compile(
    r"(\S+@)?([^\s\0@:]+(:(?P<port>[0-9]{1,5}))?|[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*)"
)


class Ssh:
    """A machine behind ssh: one fabric connection, opened at the first script.

    `target` is user@name:port or an alias of ~/.ssh/config. Raises ConnectError with the reason.
    """

    def __init__(self, target: str, identity_file: str | None = None, accept_new: bool = False):
        self.name = target
        if identity_file and not os.path.isfile(os.path.expanduser(identity_file)):
            raise SettingsError(
                f"identity_file: {identity_file} is not there",
                expected="a private key on this machine",
                todo="correct the path in the site file",
            )
        options: dict[str, object] = {"banner_timeout": CONNECT_SECONDS}
        if identity_file:
            options["key_filename"] = os.path.expanduser(identity_file)
        self.connection = _connection(target, options)
        for hop in _hops(self.connection):  # fabric itself would accept any key
            load_known_hosts(hop)
            hop.client.set_missing_host_key_policy(KeyPolicy(accept_new))

    @property
    def alive(self) -> bool:
        """Whether there is a connection."""
        return bool(self.connection.is_connected)

    def open(self) -> paramiko.Transport:
        """The live connection; opened if it is not yet."""
        if self.connection.is_connected:
            return self.connection.transport
        c = self.connection
        try:
            c.open()
        except (paramiko.SSHException, OSError, EOFError, UnicodeError) as error:
            raise _refused(c, error) from None
        for hop in _hops(c):
            _tune(hop.transport)
        self.shells = Shells(c.transport)
        return c.transport

    def run(
        self,
        script: str,
        become: str | None = None,
        password: str = "",
        seconds: float | None = None,
    ) -> Result:
        """Run `script` on the machine. Raises ConnectError, ConnectionLost, NoAnswer, Silent."""
        marks = Marks()
        command, first = interpreter(become, password, marks.around("sh -s"))
        self.open()
        try:
            channel = self.shells.next()
            _send(channel, f"{START} {command}\n{first}{script}".encode())
            with contextlib.closing(channel):
                channel.settimeout(seconds)
                out = _read(channel.recv, marks)
                err = _read(channel.recv_stderr, marks)
                if not marks.end.search(out):
                    channel.status_event.wait(seconds)
                code = channel.exit_status if channel.exit_status_ready() else NO_CODE
        except (paramiko.SSHException, OSError, EOFError) as e:
            raise self._lost(str(e)) from None
        if code == NO_CODE and not marks.end.search(out):
            raise self._lost("the connection ended before the answer came")
        return marks.result(code, out, err)

    def _lost(self, why: str) -> ConnectionLost:
        self.close()
        return ConnectionLost(
            f"lost the connection to {self.name}: {why}",
            expected="the connection to last until the step is done",
            todo="run this runbook again: it looks at the host and goes on from what it finds",
        )

    def close(self) -> None:
        """Close the connection; the next script opens a new one (with fresh group membership)."""
        self.connection.close()


def _read(receive: Callable[[int], bytes], marks: Marks) -> bytes:
    """All up to the end mark, or to the end of the stream. Raises Silent.

    What a login shell started in the background may keep the stream open behind the mark.
    """
    found, end = bytearray(), marks.end
    try:
        while not end.search(found, max(0, len(found) - CHUNK - TAIL)) and (more := receive(CHUNK)):
            found += more
    except TimeoutError:
        raise Silent(bytes(found.partition(marks.begin)[2])) from None
    return bytes(found)


def _send(channel: paramiko.Channel, data: bytes) -> None:
    try:
        channel.sendall(data)
        channel.shutdown_write()
    except OSError:  # the command ended before it had read all: its exit code tells why
        pass


def _connection(target: str, options: dict[str, object]) -> Connection:
    """Not open yet. Raises SettingsError for a target or an ~/.ssh/config that makes no sense."""
    found = TARGET.fullmatch(target)
    if not found or not 0 < int(found["port"] or 22) < 65536:
        raise SettingsError(
            f"the host {target!r} cannot be read",
            expected="user@name, user@name:port, or an alias of ~/.ssh/config",
            todo="correct the host",
        )
    try:
        config = Config(overrides={"timeouts": {"connect": CONNECT_SECONDS}})
        return Connection(target, config=config, connect_kwargs=options)
    except (paramiko.SSHException, OSError, ValueError) as error:
        raise SettingsError(
            f"~/.ssh/config cannot be used: {error}",
            expected="what ssh itself can read",
            todo=f"`ssh -G {target}` names the line that is wrong; correct it",
        ) from None


def _hops(connection: Connection) -> Iterator[Connection]:
    """The connection, and those of the hosts that it jumps over (ProxyJump), nearest last."""
    while isinstance(connection, Connection):
        yield connection
        connection = connection.gateway


def _tune(transport: paramiko.Transport) -> None:
    transport.set_keepalive(KEEPALIVE_SECONDS)
    if isinstance(transport.sock, socket.socket):  # not what leads through another connection
        transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
            milliseconds = SILENCE_SECONDS * 1000
            transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)


def _refused(c: Connection, error: Exception) -> ConnectError:
    """The error for a connection that did not come about."""
    where = f"{c.user}@{c.host}:{c.port}"
    if isinstance(error, paramiko.BadHostKeyException):
        return changed_key(where, error)
    if isinstance(error, paramiko.AuthenticationException):
        return ConnectError(
            f"{where} refused the login: {error}",
            expected="a key that this account accepts",
            todo=f"try `ssh -p {c.port} {c.user}@{c.host}`; name the key in the site file"
            " (identity_file), in ~/.ssh/config or load it into ssh-agent",
        )
    if isinstance(error, (socket.gaierror, UnicodeError)):
        return ConnectError(
            f"no address is known for the name {c.host!r}",
            expected="user@name:port, or an alias of ~/.ssh/config",
            todo="check the spelling of the host; an alias in a file that ~/.ssh/config includes is"
            " not found: write user@name:port",
        )
    if isinstance(error, paramiko.SSHException):
        return ConnectError(
            f"ssh to {where} did not come about: {error}",
            expected="an ssh server and a key it accepts",
            todo=f"try `ssh -p {c.port} {c.user}@{c.host}`",
        )
    if file := getattr(error, "filename", None):
        return ConnectError(
            f"the key {file} cannot be read: {error}",
            expected="a private key that only you can read",
            todo="correct identity_file in the site file, or IdentityFile in ~/.ssh/config",
        )
    return ConnectError(
        f"no ssh server answered at {where}: {error}",
        expected=f"an answer within {CONNECT_SECONDS} s",
        todo="is the machine up, is the port right, does a firewall let this address in?",
    )
