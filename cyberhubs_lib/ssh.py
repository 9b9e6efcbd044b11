"""A machine behind ssh, through fabric: one connection for all scripts of a runbook."""

from __future__ import annotations

import os
import socket

import paramiko
from fabric import Config, Connection

from .errors import ConnectError, ConnectionLost, SettingsError
from .hostkeys import KeyPolicy, changed_key
from .transport import Result, interpreter

CONNECT_SECONDS = 10


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
        config = Config(overrides={"timeouts": {"connect": CONNECT_SECONDS}})
        try:
            self.connection = Connection(target, config=config, connect_kwargs=options)
        except ValueError as error:
            raise SettingsError(
                f"the host {target!r} cannot be read: {error}",
                expected="user@name:port, or an alias of ~/.ssh/config",
                todo="correct the host",
            ) from None
        self.client: paramiko.SSHClient = self.connection.client
        self.client.load_system_host_keys()
        self.client.set_missing_host_key_policy(KeyPolicy(accept_new))

    def open(self) -> paramiko.Transport:
        """The live connection; opened if it is not yet."""
        if self.connection.is_connected:
            return self.connection.transport
        c = self.connection
        where = f"{c.user}@{c.host}:{c.port}"
        try:
            c.open()
        except paramiko.BadHostKeyException as e:
            raise changed_key(where, e) from None
        except paramiko.AuthenticationException as e:
            raise ConnectError(
                f"{where} refused the login: {e}",
                expected="a key that this account accepts",
                todo=f"try `ssh -p {c.port} {c.user}@{c.host}`; name the key in the site file"
                " (identity_file), in ~/.ssh/config or load it into ssh-agent",
            ) from None
        except (socket.gaierror, UnicodeError):
            raise ConnectError(
                f"no address is known for the name {c.host!r}",
                expected="user@name:port, or an alias of ~/.ssh/config",
                todo="check the spelling of the host",
            ) from None
        except (TimeoutError, OSError, EOFError) as e:
            raise ConnectError(
                f"no ssh server answered at {where}: {e}",
                expected=f"an answer within {CONNECT_SECONDS} s",
                todo="is the machine up, is the port right, does a firewall let this address in?",
            ) from None
        except paramiko.SSHException as e:
            raise ConnectError(
                f"ssh to {where} did not come about: {e}",
                expected="an ssh server and a key it accepts",
                todo=f"try `ssh -p {c.port} {c.user}@{c.host}`",
            ) from None
        c.transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        c.transport.set_keepalive(15)
        return c.transport

    def run(self, script: str, become: str | None = None, password: str = "") -> Result:
        """Run `script` on the machine. Raises ConnectError, ConnectionLost."""
        command, first = interpreter(become, password)
        self.open()
        try:
            _stdin, stdout, stderr = self.client.exec_command(command)
            channel = stdout.channel
            _send(channel, (first + script).encode())
            # stdout is read to its end first; paramiko keeps stderr (a few lines) meanwhile
            channel.set_combine_stderr(False)
            out, err = stdout.read(), stderr.read()
            code = channel.recv_exit_status()
        except (paramiko.SSHException, OSError, EOFError) as e:
            raise self._lost(str(e)) from None
        if code == -1:  # paramiko: the channel closed and no exit code came
            raise self._lost("the connection ended before the answer came")
        return Result(code, out.decode(errors="replace"), err.decode(errors="replace"))

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


def _send(channel: paramiko.Channel, data: bytes) -> None:
    try:
        channel.sendall(data)
        channel.shutdown_write()
    except OSError:  # the command ended before it had read all: its exit code tells why
        pass
