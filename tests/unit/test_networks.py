"""Users' networks, as the broker makes, connects and removes them: against a Docker in memory."""

import contextlib
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from time import sleep as real_sleep

import pytest
from docker_in_memory import DockerInMemory

from cyberhubs_lib.facts import parse_facts
from cyberhubs_lib.hub_settings import broker_settings
from cyberhubs_lib.rendered import SERVER
from cyberhubs_lib.sitefile import load_site

sys.path.insert(0, str(SERVER / "broker"))
import networks
from container import Settings
from strict_http import Refused

DEMO = Settings(**broker_settings(load_site("demo"), parse_facts("docker_root=/data/docker\n")))
BEN, ADA = "cyberhubs-demo_user-ben", "cyberhubs-demo_user-ada"


@pytest.fixture
def engine():
    return DockerInMemory()


@pytest.fixture
def clock(monkeypatch):
    """Time stands still; the test moves it."""
    now = [1000.0]
    monkeypatch.setattr(networks.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def ours(engine, clock):
    return networks.Networks(engine.ask, DEMO)


def test_a_network_before_the_server_starts(engine, ours):
    ours.ready(BEN)
    made = engine.networks[BEN]
    assert made["Labels"] == {"cyberhubs.site": "demo"}
    assert (made["Driver"], made["Internal"]) == ("bridge", False)
    assert made["Options"] == {"com.docker.network.bridge.name": networks.bridge(BEN)}
    assert engine.on(BEN) == {"hub", "proxy"}
    connects = [body for _, path, body in engine.changes if path.endswith("/connect")]
    assert [(b["Container"], b["EndpointConfig"]["Aliases"]) for b in connects] == [
        ("hub", ["hub"]), ("proxy", ["proxy"]),
    ]  # fmt: skip
    (addresses,) = made["IPAM"]["Config"]
    assert addresses["IPRange"] == "192.168.129.32/27"  # users' servers are there
    at = [body["EndpointConfig"]["IPAMConfig"]["IPv4Address"] for body in connects]
    assert at == ["192.168.129.2", "192.168.129.3"]
    engine.changes.clear()
    ours.ready(BEN)
    assert engine.changes == []


def test_the_host_knows_a_users_bridge_by_its_name():
    names = {networks.bridge(f"cyberhubs-{'x' * 30}_user-{user}") for user in ("a", "b" * 39)}
    assert len(names) == 2
    assert all(name.startswith("cu-") and len(name) <= 15 for name in names)


def test_a_network_without_a_way_out(engine, clock):
    inside = networks.Networks(engine.ask, replace(DEMO, internal=True))
    engine.network(BEN)  # made while users still had one
    engine.containers["hub"]["Networks"].add(BEN)
    inside.ready(BEN)
    assert engine.networks[BEN]["Internal"] is True
    assert engine.networks[BEN]["Options"]["com.docker.network.bridge.inhibit_ipv4"] == "true"
    assert engine.on(BEN) == {"hub", "proxy"}


def test_many_at_once(engine, ours):
    """Threads of the broker, some for the same user: a network is made once, and all are made."""
    at_once, most, lock = 0, 0, threading.Lock()

    def slowly(call):
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        real_sleep(0.002)
        with lock:
            at_once -= 1

    engine.before, engine.room = slowly, 100
    names = [f"cyberhubs-demo_user-{number}" for number in range(10)]
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(ours.ready, names * 3))
    made = [body["Name"] for _, path, body in engine.changes if path == "/networks/create"]
    assert sorted(made) == sorted(names * 2)  # once for the addresses
    assert engine.containers["hub"]["Networks"] == {"cyberhubs-demo_control", *names}
    assert most > 1


def test_no_addresses_left(engine, ours):
    engine.room = 0
    with pytest.raises(Refused, match=r"no addresses left .* docker\.address_pools") as refused:
        ours.ready(BEN)
    assert refused.value.status == 503


@pytest.mark.parametrize("site", ["other", None])
def test_a_network_of_somebody_else_is_not_touched(engine, ours, clock, site):
    engine.network(BEN, site)
    with pytest.raises(Refused, match="is not this hub's"):
        ours.ready(BEN)
    for clock[0] in (1000.0, 5000.0):
        ours.keep()
    assert engine.changes == []


def test_a_service_that_was_made_anew_is_connected_again(engine, ours):
    ours.ready(BEN)
    engine.server("ben")
    del engine.containers["proxy"]
    engine.service("proxy", "new proxy")
    engine.service("proxy", "old proxy", "exited")
    engine.service("hub", "another hub", project="cyberhubs-other")
    ours.keep()
    (_, _, body) = engine.changes[-1]
    assert body["EndpointConfig"]["IPAMConfig"]["IPv4Address"] == "192.168.129.3"
    assert engine.on(BEN) == {"hub", "new proxy", "of ben"}
    engine.changes.clear()
    ours.keep()
    assert engine.changes == []


def test_a_service_that_the_site_has_no_more_is_taken_off(engine, ours):
    """A relay to a proxy, made while the site had one, would be a way out of a closed network."""
    engine.service("egress")
    relayed = networks.Networks(engine.ask, replace(DEMO, services=["hub", "proxy", "egress"]))
    relayed.ready(BEN)
    engine.server("ben")
    assert engine.on(BEN) == {"hub", "proxy", "egress", "of ben"}
    ours.keep()
    assert engine.on(BEN) == {"hub", "proxy", "of ben"}


def test_an_unused_network_goes_after_a_while(engine, ours, clock):
    for name in (BEN, ADA):
        ours.ready(name)
    engine.server("ada")
    engine.containers["hub"]["State"] = "exited"  # it could not start with a network that is gone
    clock[0] += networks.UNUSED_SECONDS
    ours.keep()
    assert set(engine.networks) == {BEN, ADA}
    clock[0] += 1
    ours.keep()
    assert set(engine.networks) == {ADA}
    assert engine.containers["hub"]["Networks"] == {"cyberhubs-demo_control", ADA}


def test_a_network_that_was_there_before_the_broker_is_given_time(engine, ours, clock):
    engine.network(BEN)
    ours.keep()
    assert BEN in engine.networks
    clock[0] += networks.UNUSED_SECONDS + 1
    ours.keep()
    assert engine.networks == {}


@pytest.mark.parametrize("moment", ["/containers/json?all=1", "/networks"])
def test_whoever_comes_back_at_the_last_moment_keeps_it(engine, ours, clock, moment):
    def come_back(call):
        if call.path == moment:
            engine.before = lambda call: None
            ours.ready(BEN)

    ours.ready(BEN)
    clock[0] += networks.UNUSED_SECONDS + 1
    engine.before = come_back
    ours.keep()
    assert engine.on(BEN) == {"hub", "proxy"}


def test_the_network_that_all_shared_goes_with_its_last_server(engine, ours, clock):
    shared = "cyberhubs-demo_users"
    engine.network(shared, site=None)
    engine.server("ben", on=shared)
    ours.keep()
    assert engine.on(shared) == {"hub", "proxy", "of ben"}
    del engine.containers["of ben"]
    for _ in range(2):
        ours.keep()
        clock[0] += networks.UNUSED_SECONDS + 1
    assert engine.networks == {}


def test_it_looks_again_when_an_unused_network_has_to_go(engine, ours, clock):
    assert ours._pause() == networks.ANYWAY_SECONDS
    ours.ready(BEN)
    clock[0] += 20
    assert ours._pause() == networks.UNUSED_SECONDS - 20
    clock[0] += 100
    assert ours._pause() == 1
    engine.server("ben")
    ours.keep()
    assert ours._pause() == networks.ANYWAY_SECONDS


def test_an_error_does_not_end_it(engine, ours, monkeypatch):
    pauses = []

    @contextlib.contextmanager
    def events():
        if not pauses:
            raise OSError("nobody at Docker's socket")
        yield wait

    def wait(seconds):
        raise KeyboardInterrupt

    engine.network(BEN)
    engine.server("ben")
    monkeypatch.setattr(networks.time, "sleep", pauses.append)
    with pytest.raises(KeyboardInterrupt):
        ours.keep_on(events)
    assert pauses == [networks.AGAIN_SECONDS]
    assert engine.on(BEN) == {"hub", "proxy", "of ben"}
