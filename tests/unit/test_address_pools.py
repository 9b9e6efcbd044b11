"""How many networks Docker can make on a host, as runbook 04 counts them."""

import pytest

from cyberhubs_lib.recipes.docker_probe import together
from cyberhubs_lib.recipes.install_docker import _room
from cyberhubs_lib.site import Site
from cyberhubs_lib.transport import Result

SMALL = [{"base": "10.201.0.0/24", "size": 27}]

# what the site file says, the host's own networks -> enough, words
CASES = [
    ({}, "10.1.0.0/16", True, "512 networks"),
    ({}, "", True, "512 networks"),
    ({}, "192.168.130.0/24 blackhole 10.0.0.1", True,
     "in use: 192.168.130.0/24, which leaves 508 networks"),
    ({}, "192.168.0.0/16", False, "in use: 192.168.0.0/16, which leaves 0 networks"),
    ({"docker": {"address_pools": SMALL}}, "", False, "8 networks"),
    ({"limits": {"servers": 498}}, "", True, "512 networks"),
    ({"limits": {"servers": 499}}, "", False, "512 networks"),
]  # fmt: skip


@pytest.mark.parametrize(("site", "routes", "enough", "words"), CASES)
def test_room_for_a_network_for_each_user(site, routes, enough, words):
    assert _room(Site(**site))(Result(0, routes)) == (enough, words)


def test_neighbours_are_shown_as_one():
    assert together("172.17.0.0/16 192.168.128.64/26  192.168.128.0/26 fd00::/64") == (
        "172.17.0.0/16, 192.168.128.0/25"
    )
