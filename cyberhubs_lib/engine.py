"""The Docker engine of a host, through the docker SDK, over the connection that is there already.

Each connection of the SDK becomes a channel that runs `docker system dial-stdio`, as docker's own
ssh client does it: one connection, one policy for host keys, and nothing listens on a port.
"""

from __future__ import annotations

import contextlib
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import docker
import paramiko
import requests
import urllib3
from docker.errors import DockerException

from .errors import CommandFailed, ConnectionLost, PreconditionFailed
from .host import Host, advice
from .ssh import Ssh
from .transport import interpreter

DIAL = "docker system dial-stdio"
TIMEOUT = 1800  # seconds without a byte: a build step that compiles may be silent for long


@contextlib.contextmanager
def engine(host: Host) -> Iterator[docker.DockerClient]:
    """A client for the host's engine. Raises PreconditionFailed if the engine does not answer."""
    with contextlib.ExitStack() as stack:
        where = None
        if isinstance(host.transport, Ssh):
            may = host.facts.docker_as == "docker"
            dial = interpreter(*((None, "") if may else host.become()), DIAL)
            where = stack.enter_context(_tunnel(host.transport.open(), dial))
        try:
            client = (
                docker.DockerClient(f"unix://{where}", version="auto", timeout=TIMEOUT)
                if where
                else docker.from_env(version="auto", timeout=TIMEOUT)
            )
        except DockerException as error:
            raise PreconditionFailed(
                f"Docker on {host.name} does not answer: {str(error)[:200]}",
                expected="a running engine that this account may use",
                todo="on a server run 04_install_docker; here, start Docker",
            ) from None
        stack.callback(client.close)
        try:
            yield client
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise ConnectionLost(
                f"Docker on {host.name} stopped answering: {str(error)[:200]}",
                expected="an engine that answers to the end",
                todo="run this runbook again: what is there already stays",
            ) from None
        except DockerException as error:
            said = str(getattr(error, "explanation", None) or error)
            raise CommandFailed(
                f"Docker on {host.name} refused: {said[:300]}",
                expected="to be allowed to",
                todo=advice(said, "put right what it says and run this runbook again"),
            ) from None


@contextlib.contextmanager
def _tunnel(transport: paramiko.Transport, dial: tuple[str, str]) -> Iterator[Path]:
    """A local socket whose connections end in the remote engine; only this user can open it."""
    with tempfile.TemporaryDirectory(prefix="cyberhubs-") as folder:
        path = Path(folder) / "docker.sock"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen()
            threading.Thread(target=_accept, args=(listener, transport, dial), daemon=True).start()
            yield path


def _accept(listener: socket.socket, transport: paramiko.Transport, dial: tuple[str, str]) -> None:
    command, first = dial
    with contextlib.suppress(OSError):  # the listener was closed: the end
        while True:
            here, _ = listener.accept()
            try:
                channel = transport.open_session()
                channel.exec_command(command)
                channel.sendall(first.encode())
            except (paramiko.SSHException, EOFError):  # the connection is gone: say so at once
                here.close()
                continue
            for pump in (_forward, _back):
                threading.Thread(target=pump, args=(here, channel), daemon=True).start()


def _forward(here: socket.socket, channel: paramiko.Channel) -> None:
    with contextlib.suppress(OSError):
        while data := here.recv(1 << 18):
            channel.sendall(data)
        channel.shutdown_write()


def _back(here: socket.socket, channel: paramiko.Channel) -> None:
    with contextlib.suppress(OSError):
        while data := channel.recv(1 << 18):
            here.sendall(data)
    with contextlib.suppress(OSError):
        here.shutdown(socket.SHUT_RDWR)
    here.close()
    channel.close()
