"""A broker whose Docker has a new socket: it ends, and what starts it again gives it the new one."""

import sys

import pytest
from engine_socket import EVENT, listening

from cyberhubs_lib.rendered import SERVER

sys.path.insert(0, str(SERVER / "broker"))
import broker
import engine
from shape import Call


@pytest.fixture
def serving(monkeypatch, tmp_path):
    """A broker's server, and the path of Docker's socket, at which somebody has listened."""
    monkeypatch.setattr(engine, "GONE_SECONDS", 0.2)
    path = tmp_path / "docker.sock"
    with listening(path):
        docker = engine.Docker(str(path))
    monkeypatch.setattr(broker.Handler, "docker", docker, raising=False)
    with broker.Server(("127.0.0.1", 0), broker.Handler) as server:
        yield server, docker, path


def refuse(docker):
    with pytest.raises((ConnectionRefusedError, FileNotFoundError)):
        docker.ask(Call("GET", "/_ping"))


@pytest.mark.parametrize("file", ["stays", "goes"])
def test_it_ends_when_nobody_has_listened_for_a_while(serving, file):
    server, docker, path = serving
    if file == "goes":
        path.unlink()
    refuse(docker)
    with pytest.raises(SystemExit, match="nobody listens at Docker's socket"):
        server.serve_forever()


def test_a_short_pause_ends_nothing(serving, monkeypatch):
    server, docker, path = serving
    refuse(docker)
    with listening(path):
        assert docker.ask(Call("GET", "/_ping")).status == 200
    monkeypatch.setattr(engine.time, "monotonic", lambda: 1e9)
    assert not docker.gone()
    server.service_actions()


def test_events_of_docker_are_waited_for_until_it_tells_no_more(serving):
    _, docker, path = serving
    noted = []
    with listening(path), docker.events(noted.append) as wait:
        wait(0)  # nothing yet
        wait(60)  # one
        assert noted == [EVENT]
        with pytest.raises(OSError, match="no more events"):
            wait(60)
    with pytest.raises(ConnectionRefusedError), docker.events(noted.append):
        pass
    assert docker.nobody_since
