"""The Docker engine of a host, through the docker SDK, over the connection that is there already.

Each connection of the SDK becomes a channel that runs `docker system dial-stdio`, as docker's own
ssh client does it: one connection, one policy for host keys, and nothing listens on a port. On this
machine it is a program of its own, where only root may use the engine.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import docker
import paramiko
import requests
import urllib3
from docker.errors import DockerException

from .channels import execute
from .errors import CommandFailed, ConnectionLost, PreconditionFailed
from .host import Host, advice
from .marks import Marks
from .ssh import Ssh
from .transport import interpreter

DIAL = "docker system dial-stdio"
CHUNK = 1 << 18  # bytes
TIMEOUT = 1800  # seconds without a byte: a build step that compiles may be silent for long
ANSWER_SECONDS = 60  # for the first question
Line: TypeAlias = socket.socket | paramiko.Channel  # its other end is the engine


@contextlib.contextmanager
def engine(host: Host) -> Iterator[docker.DockerClient]:
    """A client for the host's engine. Raises PreconditionFailed if the engine does not answer."""
    with contextlib.ExitStack() as stack:
        marks = Marks()
        dial = _dial(host, marks)
        where = stack.enter_context(_tunnel(dial, marks.begin)) if dial else None
        try:
            client = (
                docker.DockerClient(f"unix://{where}", version="auto", timeout=ANSWER_SECONDS)
                if where
                else docker.from_env(version="auto", timeout=ANSWER_SECONDS)
            )
            client.api.timeout = TIMEOUT
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


def _dial(host: Host, marks: Marks) -> Callable[[], Line] | None:
    """What opens a line to the engine; None where the SDK finds it by itself."""
    if isinstance(host.transport, Ssh):
        may, transport = host.facts.docker_as == "docker", host.transport.open()
        dial = interpreter(*((None, "") if may else host.become()), marks.before(DIAL))
        return lambda: _channel(transport, *dial)
    # `root` is False for the demo, and where nothing but images is wanted of this machine
    if host.is_local and host.root and host.facts.docker and host.facts.docker_as != "docker":
        dial = interpreter(*host.become(), marks.before(DIAL))
        return lambda: _program(*dial)
    return None


def _channel(transport: paramiko.Transport, command: str, first: str) -> Line:
    channel = execute(transport, command)
    channel.sendall(first.encode())
    return channel


def _program(command: str, first: str) -> Line:
    ours, theirs = socket.socketpair()
    with theirs:
        end, null = theirs.fileno(), subprocess.DEVNULL
        dialled = subprocess.Popen(["sh", "-c", command], stdin=end, stdout=end, stderr=null)
    threading.Thread(target=dialled.wait, daemon=True).start()  # leaves no zombie
    ours.sendall(first.encode())
    return ours


@contextlib.contextmanager
def _tunnel(dial: Callable[[], Line], begin: bytes) -> Iterator[Path]:
    """A local socket whose connections end in the engine; only this user can open it.

    What comes from there before `begin` is not the engine's.
    """
    with tempfile.TemporaryDirectory(prefix="cyberhubs-") as folder:
        path = Path(folder) / "docker.sock"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen()
            threading.Thread(target=_accept, args=(listener, dial, begin), daemon=True).start()
            yield path


def _accept(listener: socket.socket, dial: Callable[[], Line], begin: bytes) -> None:
    with contextlib.suppress(OSError):  # the listener was closed: the end
        while True:
            here, _ = listener.accept()
            try:
                channel = dial()
            except (paramiko.SSHException, EOFError, OSError):  # no way there: say so at once
                here.close()
                continue
            for pump, more in ((_forward, ()), (_back, (begin,))):
                threading.Thread(target=pump, args=(here, channel, *more), daemon=True).start()


def _forward(here: socket.socket, channel: Line) -> None:
    with contextlib.suppress(OSError):
        while data := here.recv(CHUNK):
            channel.sendall(data)
        channel.shutdown(socket.SHUT_WR)


def _behind(begin: bytes, channel: Line) -> bytes:
    """The first bytes behind the mark; none if it does not come."""
    said = b""
    while begin not in said:
        if not (more := channel.recv(CHUNK)):
            return b""
        said += more
    return said.partition(begin)[2] or channel.recv(CHUNK)


def _back(here: socket.socket, channel: Line, begin: bytes) -> None:
    with contextlib.suppress(OSError):
        data = _behind(begin, channel)
        while data:
            here.sendall(data)
            data = channel.recv(CHUNK)
    with contextlib.suppress(OSError):
        here.shutdown(socket.SHUT_RDWR)
    here.close()
    channel.close()
