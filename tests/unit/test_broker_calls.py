"""Which calls of Docker the broker passes on, and about whose containers."""

import sys

import pytest
from spawner_request import BEN, DEMO, ID, IMAGE

from cyberhubs_lib.rendered import SERVER

sys.path.insert(0, str(SERVER / "broker"))
from shape import owned, route
from strict_http import Head, Refused

DELETE = {"v": "True", "link": "False", "force": "False"}
ALLOWED = [
    ("GET", "/_ping", {}, "/_ping", ""),
    ("GET", "/version", {}, "/version", ""),
    ("GET", f"/v1.41/images/{IMAGE}/json", {}, f"/images/{IMAGE}/json", ""),
    ("GET", f"{BEN}/json", {}, "/containers/{id}/json", "cyberhubs-demo-user-ben"),
    ("GET", f"/v1.24/containers/{ID}/json", {}, "/containers/{id}/json", ID),
    ("POST", f"/v1.41/containers/{ID}/start", {}, "/containers/{id}/start", ID),
    ("POST", f"{BEN}/stop", {}, "/containers/{id}/stop?t=3", "cyberhubs-demo-user-ben"),
    ("DELETE", f"/v1.41/containers/{ID}", DELETE, "/containers/{id}?v=1", ID),
]


@pytest.mark.parametrize(("method", "path", "query", "docker_path", "container"), ALLOWED)
def test_calls_of_the_spawner(method, path, query, docker_path, container):
    call = route(Head(method, path, query, 0), b"", DEMO)
    assert (call.method, call.path, call.body) == (method, docker_path, None)
    assert call.container == container


UNROUTED = [
    ("HEAD", "/_ping"), ("POST", "/_ping"), ("GET", "/_ping/"), ("GET", "/info"), ("GET", "/events"),
    ("GET", "/containers/json"), ("POST", "/v1.41/v1.41/containers/create"), ("POST", "/build"),
    ("GET", f"{BEN}/archive"), ("PUT", f"{BEN}/archive"), ("GET", f"{BEN}/export"),
    ("GET", f"{BEN}/logs"), ("GET", f"{BEN}/top"), ("GET", f"{BEN}/stats"), ("POST", f"{BEN}/exec"),
    ("POST", f"{BEN}/attach"), ("GET", f"{BEN}/attach/ws"), ("POST", f"{BEN}/kill"),
    ("POST", f"{BEN}/update"), ("POST", f"{BEN}/rename"), ("POST", f"{BEN}/pause"),
    ("POST", f"{BEN}/restart"), ("POST", f"{BEN}/wait"), ("POST", "/v1.41/containers/prune"),
    ("POST", f"{BEN}/end"), ("DELETE", f"{BEN}/end"), ("GET", f"{BEN}/end/x"),
    ("POST", "/v1.41/commit"), ("POST", f"/v1.41/exec/{ID}/start"), ("POST", "/images/create"),
    ("POST", "/images/load"), ("GET", "/images/json"), ("GET", "/images/debian:trixie/json"),
    ("GET", f"/images/{IMAGE.replace('/', '%2F')}/json"), ("POST", "/volumes/create"),
    ("GET", "/volumes"), ("POST", "/networks/create"), ("GET", "/networks"), ("GET", "/plugins"),
    ("POST", "/swarm/init"), ("POST", "/services/create"), ("GET", "/secrets"),
    ("POST", "/session"), ("POST", "/grpc"), ("GET", "/distribution/x/json"), ("POST", "/auth"),
    ("GET", "//version"), ("GET", "/./version"), ("GET", "/v1.41/../version"), ("GET", "/%76ersion"),
    ("GET", f"{BEN}/../x/json"), ("GET", f"{BEN}%2f..%2fx/json"), ("POST", f"{BEN}//start"),
    ("DELETE", BEN),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), UNROUTED)
def test_other_calls_are_refused(method, path):
    with pytest.raises(Refused):
        route(Head(method, path, {}, 0), b"", DEMO)


@pytest.mark.parametrize(
    ("method", "path", "query", "body"),
    [
        ("GET", f"{BEN}/json", {"size": "1"}, b""),
        ("GET", "/version", {"a": ""}, b""),
        ("POST", f"{BEN}/start", {"detachKeys": "x"}, b""),
        ("POST", f"{BEN}/start", {}, b'{"Binds": ["/:/x"]}'),  # Docker before 1.24 obeyed that
        ("POST", f"{BEN}/stop", {"t": "0"}, b""),
        ("DELETE", BEN, {**DELETE, "link": "True"}, b""),
        ("GET", "/version", {}, b"x"),
    ],
)
def test_queries_and_bodies_that_no_call_has(method, path, query, body):
    with pytest.raises(Refused):
        route(Head(method, path, query, len(body)), body, DEMO)


@pytest.mark.parametrize(
    ("name", "site", "asked", "ours"),
    [
        ("cyberhubs-demo-user-ben", "demo", ID, True),
        ("cyberhubs-demo-user-ben", "demo", "cyberhubs-demo-user-ben", True),
        ("cyberhubs-demo-user-ben", "other", ID, False),
        ("cyberhubs-demo-user-ben", None, ID, False),
        ("cyberhubs-demo-hub-1", "demo", ID, False),
        ("cyberhubs-demo-user-ben", "demo", ID[:12], False),  # Docker also takes the first digits
        ("cyberhubs-demo-user-ben", "demo", "cyberhubs-demo-user-ada", False),
    ],
)
def test_a_container_is_looked_at_before_it_is_touched(name, site, asked, ours):
    labels = {"cyberhubs.site": site} if site else None
    found = {"Id": ID, "Name": f"/{name}", "Config": {"Labels": labels}}
    if ours:
        assert owned(found, asked, DEMO) == (ID, "ben")
    else:
        with pytest.raises(Refused) as refused:
            owned(found, asked, DEMO)
        assert refused.value.status == 404
