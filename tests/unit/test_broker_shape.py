"""What the broker makes of a request: the files that run on the server, without a server."""

import ast
import contextlib
import json
import socket
import sys
import time

import docker
import pytest
from docker.types import Mount
from hypothesis import given, settings
from hypothesis import strategies as st

from cyberhubs_lib.facts import parse_facts
from cyberhubs_lib.hub_settings import broker_settings
from cyberhubs_lib.rendered import SERVER
from cyberhubs_lib.site import Site
from cyberhubs_lib.site_isolation import Isolation
from cyberhubs_lib.sitefile import load_site

BROKER = SERVER / "broker"
sys.path.insert(0, str(BROKER))
import broker  # noqa: E402
import own_home  # noqa: E402
from container import Settings  # noqa: E402
from engine import Answer  # noqa: E402
from shape import owned, route, user_of  # noqa: E402
from strict_http import MOST_BODY, Head, Refused, parse_head, parse_json  # noqa: E402

FACTS = parse_facts("docker_root=/data/docker\n")
DEMO = Settings(**broker_settings(load_site("demo"), FACTS))
SERVER_SITE = Site(name="uni", login={"client_id": "x"}, isolation={"read_only": False}, menu=[
    {"title": "a", "image": "registry.example.org:5000/group/lab@sha256:" + "a" * 64},
])  # fmt: skip
UNI = Settings(**broker_settings(SERVER_SITE, FACTS))
(IMAGE,) = DEMO.images
ID = "0123456789abcdef" * 4
BEN = "/v1.41/containers/cyberhubs-demo-user-ben"
ENV = {
    "JUPYTERHUB_API_TOKEN": "s3cret",
    "JUPYTERHUB_OAUTH_SCOPES": '["a", "b"]',
    "CPU_LIMIT": "2.0",
}


def sdk(user="ben", site=DEMO, env=ENV, escaped=None):
    """The body that DockerSpawner 14 has the Docker SDK send, with the settings of our hub."""
    api = docker.APIClient(base_url="tcp://127.0.0.1:1", version="1.41")
    root, shared = site.data_root, {"type": "bind", "propagation": site.propagation}
    mounts = [
        Mount(type="bind", source=f"{root}/jupyterhub_users/{user}", target="/home/user"),
        Mount(source=f"{root}/user", target="/user", **shared),
        Mount(source=f"{root}/data", target="/data", read_only=True, **shared),
    ]
    host = api.create_host_config(
        auto_remove=True, binds={}, links={}, mounts=mounts, mem_limit=site.memory,
        cpu_period=100_000, cpu_quota=int(site.cpus * 100_000), pids_limit=site.processes,
        cap_drop=["ALL"], security_opt=["no-new-privileges"],
        network_mode=f"{site.project}_user-{escaped or user}",
        read_only=site.read_only, dns=["127.0.0.1"] if site.internal else None,
        tmpfs={"/tmp": f"exec,size={site.tmp}"} if site.read_only else None,
        log_config={"type": "json-file", "config": {"max-size": "10m", "max-file": "3"}},
    )  # fmt: skip
    config = api.create_container_config(
        site.images[0], [], environment=env, volumes=[], ports={"8888/tcp": None},
        user="1000:1000", labels={"cyberhubs.site": site.site}, host_config=host,
    )  # fmt: skip
    sent = {key: value for key, value in config.items() if value is not None}  # as _post_json does
    return json.loads(json.dumps(sent))


GOOD = sdk()


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


HEADS = [
    b"GET /version HTTP/1.0", b"GET /version HTTP/1.1 ", b"GET  /version HTTP/1.1",
    b"get /version HTTP/1.1", b"GET\t/version HTTP/1.1", b"GET /ver sion HTTP/1.1",
    b"GET version HTTP/1.1",
    b"GET http://docker/version HTTP/1.1", b"CONNECT docker:80 HTTP/1.1", b"OPTIONS * HTTP/1.1",
    b"GET /version#x HTTP/1.1", b"GET /version\\x HTTP/1.1", b"GET /version\x00 HTTP/1.1",
    b"GET /vers\xc3\xa4on HTTP/1.1", b"GET /version?a=1&a=2 HTTP/1.1", b"GET /version?a HTTP/1.1",
    b"GET /version?a=1;b=2 HTTP/1.1", b"GET /version?a=%31 HTTP/1.1", b"GET /version?a=1&&b=2 HTTP/1.1",
    b"GET /version?a=b=c HTTP/1.1", b"GET /version? HTTP/1.1", b"GET /version?&a=1 HTTP/1.1",
    b"", b"\r\nGET /version HTTP/1.1",
]  # fmt: skip
HEADERS = [
    b"Transfer-Encoding: chunked", b"transfer-encoding:chunked", b"Transfer-Encoding : chunked",
    b"Content-Length: 1\r\nContent-Length: 1", b"Content-Length: 1\r\nContent-Length: 2",
    b"Content-Length: +1", b"Content-Length: -1", b"Content-Length: 0x1", b"Content-Length: 1, 1",
    b"Content-Length: 01", b"Content-Length: 1 2", b"Content-Length:", b"Content-Length: \xb2",
    b"Content-Length: %d" % (MOST_BODY + 1), b"Content-Length: " + b"9" * 11,
    b" folded: line", b"X: a\r\n folded", b"X", b": x", b"X Y: z", b"X: a\nY: b", b"X: a\rb",
    b"X: \x00", b"Expect: 100-continue", b"Upgrade: tcp", b"Content-Encoding: gzip",
]  # fmt: skip


@pytest.mark.parametrize("head", HEADS + [b"GET /version HTTP/1.1\r\n" + line for line in HEADERS])
def test_heads_that_are_refused(head):
    with pytest.raises(Refused):
        parse_head(head)


def test_the_head_that_the_sdk_sends():
    lines = [
        "DELETE /v1.41/containers/x?v=True&link=False HTTP/1.1", "Host: broker:2375",
        "User-Agent: docker-sdk-python/7.2.0", "Accept-Encoding: gzip, deflate, zstd",
        "Accept: */*", "Connection: keep-alive", "Content-Length: 12",
    ]  # fmt: skip
    head = parse_head("\r\n".join(lines).encode())
    assert head == Head("DELETE", "/v1.41/containers/x", {"v": "True", "link": "False"}, 12)


@pytest.fixture
def place(tmp_path):
    """Homes of four users, of whom one has a directory."""
    (tmp_path / "ben").mkdir()
    (tmp_path / "link").symlink_to("/")
    (tmp_path / "file").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("user", "said"),
    [("link", "no directory of its own"), ("file", "no directory of its own"), ("gone", "missing")],
)
def test_a_home_is_a_directory_and_no_link(place, user, said):
    with pytest.raises(Refused, match=said):
        own_home.start(lambda call: pytest.fail("Docker was asked"), ID, user, place)


# number, what Docker says to start, exec, the look inside (None: the home), kill -> status or refusal
STARTS = [
    (1, 204, 201, None, ..., 204),
    (2, 304, 201, None, ..., 304),
    (3, 204, 201, "2049:2", 204, "is not the user's"),
    (4, 204, 201, "2049:2", 409, "is not the user's"),
    (5, 204, 201, "sh: stat: not found", 204, "cannot be seen"),
    (6, 204, 201, "", 204, "cannot be seen"),
    (7, 204, 500, "", 204, "cannot be seen"),
    (8, 204, 409, "", 409, 204),  # it has ended by itself
    (9, 204, 201, "", 404, 204),
    (10, 404, ..., ..., ..., 404),  # not started
    (11, 0, ..., ..., 204, "no answer"),  # then it may have started
]


@pytest.mark.parametrize(("number", "started", "made", "seen", "killed", "result"), STARTS)
def test_a_server_with_another_home_is_ended(place, number, started, made, seen, killed, result):
    def ask(call):
        asked.append(call.path)
        if call.path.endswith(f"{ID}/start") and not started:
            raise TimeoutError("no answer")
        said = f"{own_home.identity('ben', place) if seen is None else seen}\r\n".encode()
        return {
            f"/containers/{ID}/start": Answer(started, b""),
            f"/containers/{ID}/exec": Answer(made, b'{"Id": "e1"}'),
            "/exec/e1/start": Answer(200, said),
            f"/containers/{ID}/kill": Answer(killed, b""),
        }[call.path]

    asked = []
    try:
        got = own_home.start(ask, ID, "ben", place).status
    except (Refused, TimeoutError) as refused:
        got = str(refused)
    assert got == result if isinstance(result, int) else result in got
    assert (f"/containers/{ID}/kill" in asked) is (killed is not ...)


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


RAW = json.dumps(GOOD).encode()
REQUEST = (
    b"POST /v1.41/containers/create?name=cyberhubs-demo-user-ben HTTP/1.1\r\nHost: broker:2375\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(RAW), RAW)
)


@settings(max_examples=500)
@given(st.integers(0, len(REQUEST)), st.integers(0, 3), st.binary(max_size=3))
def test_changed_bytes_are_refused_or_built_as_the_good_one(at, cut, put):
    sent = REQUEST[:at] + put + REQUEST[at + cut :]
    head, _, body = sent.partition(b"\r\n\r\n")
    try:
        parsed = parse_head(head)
        if len(body) != parsed.length:
            raise Refused("as broker.read_body does")
        built = json.loads(route(parsed, body, DEMO).body)
    except Refused:
        return
    names = [text.partition("=")[0] for text in built.pop("Env")]
    assert set(names) <= {"CPU_LIMIT", "JUPYTERHUB_API_TOKEN", "JUPYTERHUB_OAUTH_SCOPES"}
    assert {**built, "Env": GOOD["Env"]} == GOOD


@given(st.binary(max_size=300))
def test_nothing_else_than_a_refusal_is_raised(data):
    for parse in (parse_head, parse_json):
        with contextlib.suppress(Refused):
            parse(data)


@pytest.mark.parametrize(
    ("pieces", "result"),
    [
        ([REQUEST], len(RAW)),
        ([REQUEST[:20], REQUEST[20:400], REQUEST[400:]], len(RAW)),
        ([REQUEST + b"GET /version HTTP/1.1\r\n\r\n"], "more bytes than Content-Length says"),
        ([b"GET /version HTTP/1.1\r\n\r\nGET /info HTTP/1.1\r\n\r\n"], "more bytes"),
        ([b"GET /version HTTP/1.1\r\nX: " + b"a" * 20_000], "a head of more than"),
        ([b"GET /version HTTP/1.1\n\n"], "took more than"),
        ([REQUEST[:-1]], "took more than"),
    ],
)
def test_reading_one_request(pieces, result):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        end = time.monotonic() + 0.3
        try:
            theirs.sendall(pieces[0])
            head, rest = broker.read_head(ours, end) if len(pieces) == 1 else (None, b"")
            for piece in pieces[1:]:
                theirs.sendall(piece)
            if head is None:
                head, rest = broker.read_head(ours, end)
            said = len(broker.read_body(ours, head, rest, end))
        except Refused as refused:
            said = str(refused)
    assert said == result if isinstance(result, int) else result in said


@pytest.mark.parametrize("path", sorted(BROKER.glob("*.py")), ids=lambda path: path.stem)
def test_it_stands_on_the_standard_library_alone(path):
    ours = {p.stem for p in BROKER.glob("*.py")}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = (
                [node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
            )
            assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names | ours
