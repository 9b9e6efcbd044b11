"""What the broker builds when a container is asked for: the one shape of the site, or nothing."""

import json
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spawner_request import DEMO, ENV, FACTS, GOOD, IMAGE, sdk

from cyberhubs_lib.hub_settings import broker_settings
from cyberhubs_lib.rendered import SERVER
from cyberhubs_lib.site import Site
from cyberhubs_lib.site_isolation import Isolation
from cyberhubs_lib.sitefile import load_site

sys.path.insert(0, str(SERVER / "broker"))
from container import Settings
from shape import route, user_of
from strict_http import Head, Refused

SERVER_SITE = Site(name="uni", login={"client_id": "x"}, isolation={"read_only": False}, menu=[
    {"title": "a", "image": "registry.example.org:5000/group/lab@sha256:" + "a" * 64},
])  # fmt: skip
UNI = Settings(**broker_settings(SERVER_SITE, FACTS))


def create(body, query=None, site=DEMO):
    """The request that Docker gets for this body."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    query = {"name": "cyberhubs-demo-user-ben"} if query is None else query
    return route(Head("POST", "/v1.41/containers/create", query, len(raw)), raw, site)


def test_what_the_spawner_sends_is_built_anew():
    call = create(GOOD)
    assert (call.method, call.path) == ("POST", "/containers/create?name=cyberhubs-demo-user-ben")
    assert json.loads(call.body) == GOOD


def test_a_site_with_a_data_disk_and_an_image_by_digest():
    body = sdk("a-5f_b", UNI, escaped="a-2d5f-5fb")
    call = create(body, {"name": "cyberhubs-uni-user-a-2d5f-5fb"}, UNI)
    assert json.loads(call.body) == body
    sources = [mount["Source"] for mount in body["HostConfig"]["Mounts"]]
    assert sources == ["/mnt/jupyterhub_users/a-5f_b", "/mnt/user", "/mnt/data"]
    image = f"/images/{UNI.images[0].replace('@', '%40')}/json"
    assert route(Head("GET", f"/v1.41{image}", {}, 0), b"", UNI).path == image


PROXY = {"internet": "proxy", "proxy": "http://proxy.uni.test:8080"}


def test_a_site_whose_users_go_out_by_a_proxy_alone():
    site = load_site("demo").model_copy(update={"isolation": Isolation(**PROXY)})
    inside = Settings(**broker_settings(site, FACTS))
    body = sdk(site=inside)
    assert body["HostConfig"]["Dns"] == ["127.0.0.1"]
    built = json.loads(create(body, site=inside).body)
    assert built["Env"][: len(ENV)] == body["Env"]
    assert "https_proxy=http://egress:3128" in built["Env"][len(ENV) :]
    with pytest.raises(Refused, match="Dns"):
        create(GOOD, site=inside)
    with pytest.raises(Refused, match="Env"):
        create(sdk(site=inside, env={"https_proxy": "http://evil"}), site=inside)


@pytest.mark.parametrize(
    ("escaped", "user"),
    [
        ("ben", "ben"), ("a-2db", "a-b"), ("a-5fb", "a_b"), ("a-2d5fb", "a-5fb"), ("0", "0"),
        ("", ""), ("Ben", ""), ("-2da", ""), ("a-b", ""), ("a-2", ""), ("a-2e", ""), ("a.b", ""),
        ("a/..", ""), ("a\n", ""), ("ä", ""), ("a" * 200, ""),
    ],
)  # fmt: skip
def test_the_user_of_a_container(escaped, user):
    assert user_of(f"cyberhubs-demo-user-{escaped}", DEMO) == user


# number, where in the body, value (... takes the key away)
TAMPERED = [
    (1, "HostConfig.Privileged", True),
    (2, "HostConfig.Binds", ["/:/host"]),
    (3, "HostConfig.Mounts.0.Source", "/"),
    (4, "HostConfig.Mounts.0.Source", "/data/docker/volumes/demo-data/_data/jupyterhub_users/ada"),
    (5, "HostConfig.Mounts.2.ReadOnly", False),
    (6, "HostConfig.Mounts.3", {"Type": "bind", "Source": "/", "Target": "/x"}),
    (7, "HostConfig.Mounts.0.BindOptions", {"Propagation": "rshared"}),
    (8, "HostConfig.Devices", [{"PathOnHost": "/dev/vda", "PathInContainer": "/dev/vda"}]),
    (9, "HostConfig.CapAdd", ["SYS_ADMIN"]),
    (10, "HostConfig.CapDrop", []),
    (11, "HostConfig.CapDrop", ...),
    (12, "HostConfig.SecurityOpt", ["no-new-privileges", "apparmor=unconfined"]),
    (13, "HostConfig.VolumesFrom", ["cyberhubs-demo-hub-1"]),
    (14, "HostConfig.PidMode", "host"),
    (15, "HostConfig.NetworkMode", "host"),
    (16, "HostConfig.IpcMode", "host"),
    (17, "HostConfig.UsernsMode", "host"),
    (18, "HostConfig.Sysctls", {"kernel.core_pattern": "|/x"}),
    (19, "HostConfig.Runtime", "other"),
    (20, "HostConfig.CgroupParent", "/"),
    (21, "HostConfig.PortBindings", {"8888/tcp": [{"HostPort": "22"}]}),
    (22, "HostConfig.LogConfig.Type", "syslog"),
    (23, "HostConfig.LogConfig.Config.max-size", "10g"),
    (24, "HostConfig.Memory", 0),
    (25, "HostConfig.Memory", float(DEMO.memory)),
    (50, "HostConfig.MemorySwap", 2 * DEMO.memory),
    (51, "HostConfig.MemorySwap", -1),
    (52, "HostConfig.MemorySwap", ...),
    (53, "HostConfig.MemorySwappiness", 60),
    (54, "HostConfig.ShmSize", 64 << 20),
    (55, "HostConfig.ShmSize", ...),
    (26, "HostConfig.PidsLimit", -1),
    (27, "HostConfig.AutoRemove", 1),
    (47, "HostConfig.ReadonlyRootfs", False),
    (48, "HostConfig.Tmpfs./srv", "exec,suid"),
    (49, "HostConfig.Tmpfs", ...),
    (28, "HostConfig", None),
    (29, "User", "0:0"),
    (30, "Image", "debian:trixie-slim"),
    (31, "Image", [IMAGE]),
    (32, "Cmd", ["sh", "-c", "id"]),
    (33, "Entrypoint", ["sh"]),
    (34, "Volumes", {"/etc": {}}),
    (35, "Labels.cyberhubs.site", "other"),
    (36, "Labels.com.docker.compose.project", "cyberhubs-demo"),
    (37, "NetworkingConfig", {"EndpointsConfig": {"cyberhubs-demo_control": {}}}),
    (38, "privileged", True),  # Go's parser does not tell cases apart
    (39, "hostconfig", {"Privileged": True}),
    (40, "Env", ["LD_PRELOAD=/user/x.so"]),
    (41, "Env", ["JUPYTERHUB_USER"]),
    (42, "Env", ["JUPYTERHUB_USER=a", "JUPYTERHUB_USER=b"]),
    (43, "Env", ["JUPYTERHUB_USER=a\nPATH=/x"]),
    (44, "Env", {"JUPYTERHUB_USER": "a"}),
    (45, "Env", [1]),
    (46, "Env", None),
]


def tampered(where, value):
    """GOOD with one thing otherwise."""
    body = json.loads(json.dumps(GOOD))
    label = where.startswith("Labels.")
    *path, last = ["Labels", where[7:]] if label else where.split(".")
    place = body
    for key in path:
        place = place[int(key) if isinstance(place, list) else key]
    if isinstance(place, list):
        place[int(last) :] = [value]
    elif value is ...:
        del place[last]
    else:
        place[last] = value
    return body


@pytest.mark.parametrize(("number", "where", "value"), TAMPERED)
def test_any_other_container_is_refused(number, where, value):
    with pytest.raises(Refused) as refused:
        create(tampered(where, value))
    named = ".".join(where.split(".")[: 1 if where.startswith(("Env", "Image")) else 2])
    assert named.split(".")[-1] in str(refused.value)
    assert not any(secret in str(refused.value) for secret in ("s3cret", "/user/x.so"))


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"null", b"{", b"\xff\xfe{}", b'{"Image": NaN}', b'{"Memory": 1e}',
        json.dumps(GOOD).encode() + b"{}",
        json.dumps(GOOD).encode("utf-16"),
        b'{"User": "0:0", ' + json.dumps(GOOD).encode()[1:],  # twice, the right one last
        json.dumps(GOOD).encode()[:-1] + b', "User": "1000:1000"}',
        json.dumps(GOOD).encode().replace(b'"Binds"', b'"Binds": [], "B\\u0069nds"'),
        b"[" * 60_000,
        b'{"a":' * 9_000 + b"1" + b"}" * 9_000,
        b'{"Memory": ' + b"9" * 50_000 + b"}",
    ],
)  # fmt: skip
def test_bodies_that_are_refused(body):
    with pytest.raises(Refused):
        create(body)


@pytest.mark.parametrize(
    "query",
    [
        {}, {"name": "x"}, {"name": "cyberhubs-demo-hub-1"}, {"name": "cyberhubs-demo-user-"},
        {"name": "cyberhubs-demo-user-ada"},  # whose home is not ben's
        {"name": "cyberhubs-demo-user-ben", "platform": "linux"},
    ],
)  # fmt: skip
def test_names_that_are_refused(query):
    with pytest.raises(Refused):
        create(GOOD, query)


LEAF = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("host")
JSON = st.recursive(
    LEAF, lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(), x), max_leaves=5
)
KEYS = (
    st.sampled_from(["Privileged", "Binds", "Devices", "CapAdd", "Source", "User", "Type"])
    | st.text()
)


def places(node):
    """Every object and list within; variables' values are free, so the list of them is left out."""
    yield node
    for key, child in node.items() if isinstance(node, dict) else enumerate(node):
        if isinstance(child, (dict, list)) and key != "Env":
            yield from places(child)


@settings(max_examples=500)
@given(st.data())
def test_a_changed_container_is_refused_or_built_as_the_good_one(data):
    body = json.loads(json.dumps(GOOD))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(list(places(body))))
        if isinstance(place, list):
            place.insert(0, data.draw(JSON))
            continue
        key = data.draw(st.sampled_from([*place, ""]) | KEYS)
        if data.draw(st.booleans()):
            place[key] = data.draw(JSON)
        elif key != "Env":
            place.pop(key, None)
    try:
        call = create(body)
    except Refused:
        return
    built = json.loads(call.body)
    if body["Env"] == []:
        built["Env"] = GOOD["Env"]
    assert built == GOOD
