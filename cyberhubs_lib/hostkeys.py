"""Which host keys are trusted: those in known_hosts, and new ones only if the site says so."""

from __future__ import annotations

import base64
import hashlib
import os
import sys
from pathlib import Path

import paramiko
from fabric import Connection

from .errors import ConnectError, SettingsError

# where ssh looks for host keys, if ~/.ssh/config does not say otherwise (ssh_config(5))
KNOWN_HOSTS = {
    "userknownhostsfile": "~/.ssh/known_hosts ~/.ssh/known_hosts2",
    "globalknownhostsfile": "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2",
}


def fingerprint(key: paramiko.PKey) -> str:
    """SHA256:... as ssh-keygen -l prints it."""
    digest = hashlib.sha256(key.asbytes()).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def load_known_hosts(connection: Connection) -> None:
    """Trust what the files say that ssh itself reads. Raises SettingsError for a broken one."""
    for option, usual in KNOWN_HOSTS.items():
        for name in connection.ssh_config.get(option, usual).split():
            file = os.path.expanduser(name)
            try:
                if os.path.isfile(file):
                    connection.client.load_system_host_keys(file)
            except (paramiko.hostkeys.InvalidHostKey, ValueError, OSError) as error:
                raise SettingsError(
                    f"{name} cannot be used: {str(error)[:200]}",
                    expected="one host and its key on each line",
                    todo="remove the line that is broken",
                ) from None


class KeyPolicy(paramiko.MissingHostKeyPolicy):
    """Refuse an unknown key with its fingerprint, or, if told so, write it to known_hosts."""

    def __init__(self, accept_new: bool):
        self.accept_new = accept_new

    def missing_host_key(
        self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey
    ) -> None:
        """Called by paramiko; `hostname` is name or [name]:port. Raises ConnectError."""
        shown = f"{key.get_name()} {fingerprint(key)}"
        line = f"{hostname} {key.get_name()} {key.get_base64()}"
        if not self.accept_new:
            raise ConnectError(
                f"the host key of {hostname} is not known: {shown}",
                expected="a key in ~/.ssh/known_hosts",
                todo="compare the fingerprint with the one your provider's console shows; then"
                " connect once with ssh and accept it, or set accept_new_host_key: true in the"
                " site file",
            )
        known = Path.home() / ".ssh" / "known_hosts"
        try:
            known.parent.mkdir(mode=0o700, exist_ok=True)
            before = known.read_bytes() if known.exists() else b""
            with known.open("a") as file:  # the last line of a file that was edited may be open
                file.write("\n" if before and not before.endswith(b"\n") else "")
                file.write(line + "\n")
        except OSError as error:
            raise ConnectError(
                f"the new host key of {hostname} cannot be kept: {error}",
                expected=f"a file {known} that this account may write",
                todo="put that right: a key that is not kept would be a new one again next time",
            ) from None
        client.get_host_keys().add(hostname, key.get_name(), key)
        print(f"accepted the new host key of {hostname}: {shown}", file=sys.stderr)


def changed_key(where: str, error: paramiko.BadHostKeyException) -> ConnectError:
    """The error for a key that is not the one of last time: perhaps somebody in between."""
    key, old = error.key, error.expected_key
    host, _, port = where.rpartition("@")[2].rpartition(":")
    name = host if port == "22" else f"[{host}]:{port}"
    return ConnectError(
        f"the host key of {where} has changed: now {fingerprint(key)}",
        expected=f"{fingerprint(old)}, as in ~/.ssh/known_hosts",
        todo="if the machine was reinstalled, remove the old key with"
        f" `ssh-keygen -R '{name}'`; if not, somebody may be in between: do not go on",
    )
