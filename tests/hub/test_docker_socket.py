"""An update of Docker makes its socket anew: the broker has it again, without anybody's hand."""

import time

import pytest
from engine_socket import listening
from laws import until

from cyberhubs_lib.rendered import SERVER


@pytest.fixture
def broker(demo_hub, tmp_path):
    """A second broker, of the demo's image and files, at a socket of ours."""
    theirs, socket = demo_hub.services()["broker"], tmp_path / "docker.sock"
    binds = [
        f"{SERVER}/broker:/srv/broker:ro",
        f"{demo_hub.home}/broker.json:/srv/broker.json:ro",
        f"{socket}:/var/run/docker.sock",
    ]
    with listening(socket):
        made = demo_hub.engine.containers.run(
            theirs.image, theirs.attrs["Config"]["Cmd"], volumes=binds, detach=True, read_only=True,
            network_mode="none", user="nobody", name=f"{theirs.name}-socket",
            restart_policy={"Name": theirs.attrs["HostConfig"]["RestartPolicy"]["Name"]},
        )  # fmt: skip
        try:
            until(lambda: pinged(made))
        except BaseException:
            made.remove(force=True)
            raise
    try:
        yield made, socket
    finally:
        made.remove(force=True)


def pinged(container):
    """Whether it has an answer from Docker, as its health check asks."""
    ask = ["curl", "-fsS", "-m", "5", "http://localhost:2375/_ping"]
    container.reload()
    return container.status == "running" and container.exec_run(ask)[0] == 0


def restarts(container):
    container.reload()
    return container.attrs["RestartCount"]


def test_it_has_the_new_socket_within_seconds(broker):
    container, path = broker
    with listening(path):
        assert not pinged(container)  # it has the old one
        took = until(lambda: pinged(container), seconds=30)
        print("seconds until the broker had the new socket:", round(took, 1))
        assert restarts(container) == 1
    assert "nobody listens at Docker's socket" in container.logs().decode()


def test_while_nobody_is_there_it_is_not_started_again_and_again(broker):
    """Docker itself doubles the pause before each start; here it runs, and only the socket is dead."""
    container, _ = broker
    until(lambda: restarts(container) >= 3, seconds=60)
    began = restarts(container)
    time.sleep(10)
    assert restarts(container) - began <= 5
