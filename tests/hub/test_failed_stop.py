"""Docker away while a server is to stop: JupyterHub says that it has, and the container runs on."""

import contextlib

import pytest
from changing_lists import is_in, put_back, runs, started
from laws import until
from trial import Person


@pytest.fixture
def lists(demo_hub):
    """Put back afterwards."""
    with put_back(demo_hub) as folder:
        yield folder


@pytest.fixture
def ben(demo_hub, lists):
    """Ben with a running server."""
    yield started(demo_hub, "ben")
    Person(demo_hub, "ben").stop()


@contextlib.contextmanager
def no_docker(demo):
    """As while the engine restarts and keeps its containers."""
    broker = demo.services()["broker"]
    broker.stop(timeout=1)
    try:
        yield
    finally:
        broker.start()
        demo.healthy()


def test_who_is_blocked_has_no_server_when_docker_is_back(demo_hub, ben, lists):
    with no_docker(demo_hub):
        assert demo_hub.access("block", "ben")[0] == 0
        until(lambda: not is_in(ben))
        assert runs(demo_hub, "ben")
    until(lambda: not runs(demo_hub, "ben"))
    assert demo_hub.access("unblock", "ben")[0] == 0
    Person(demo_hub, "ben").start()


def test_who_is_deleted_has_no_server_when_docker_is_back(demo_hub, ben):
    """By an administrator at the hub, without our commands: it answers that all is done."""
    ada = Person(demo_hub, "ada")
    header = ada._xsrf()
    with no_docker(demo_hub):
        reply = ada.web.delete("/hub/api/users/ben", headers=header)
        assert reply.status_code == 204, reply.text
        assert runs(demo_hub, "ben")
    until(lambda: not runs(demo_hub, "ben"))
    assert (
        demo_hub.access("allow", "ben")[0] == 0
    )  # to delete somebody is to take them off the lists
    Person(demo_hub, "ben").start()


def test_a_container_of_which_nobody_knows_is_in_nobodys_way(demo_hub, ben):
    ada, left = Person(demo_hub, "ada"), demo_hub.user_container("ben").id
    header = ada._xsrf()
    with no_docker(demo_hub):
        ada.web.delete("/hub/api/users/ben", headers=header).raise_for_status()
        demo_hub.in_hub("rm /srv/state/stopped/ben")
    assert runs(demo_hub, "ben")
    assert demo_hub.access("allow", "ben")[0] == 0
    Person(demo_hub, "ben").start()
    assert runs(demo_hub, "ben")
    assert demo_hub.user_container("ben").id != left
