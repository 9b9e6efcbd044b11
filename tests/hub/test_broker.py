"""The broker from inside a hub that was taken over: every way to the host, and none of them open."""

import base64
import collections
import contextlib
import copy
import io
import json
import subprocess
import sys
import tarfile
import time

import httpx
import pytest
from docker.errors import APIError, NotFound
from trial import PROJECT, Person

from cyberhubs_lib.rendered import SERVER
from cyberhubs_lib.site import VERSION

sys.path.insert(0, str(SERVER / "broker"))
import shape

PREFIX = f"{PROJECT}-user-"
USERS = f"{PROJECT}_user-"  # their networks
HUB_IMAGE = f"cyberhubs/hub:{VERSION}"  # on the server, but not in the menu
VICTIM = f"{PROJECT}-victim"  # a container of somebody else on this machine
ENV = ["JUPYTERHUB_API_TOKEN=s3cret-s3cret", "JUPYTERHUB_USER=eve"]
DELETE = "?v=True&link=False&force=False"

# What the attacker runs in the hub: each line is a request, sent as it is on a connection of its own.
SEND = """
import base64, socket, sys
for line in sys.stdin:
    answer = b""
    with socket.create_connection(("broker", 2375), 20) as broker:
        broker.sendall(base64.b64decode(line))
        broker.shutdown(socket.SHUT_WR)
        try:
            while data := broker.recv(65536):
                answer += data
        except ConnectionError:
            pass
    print(base64.b64encode(answer).decode(), flush=True)
"""


class Attacker:
    """A program in the hub's container, and what Docker shows of everything that it could touch."""

    def __init__(self, demo, shell, ids):
        self.demo, self.shell, self.ids, self.before = demo, shell, ids, None
        settings = shape.Settings.read(demo.home / "broker.json")
        self.good = {
            **shape.container(f"{PREFIX}eve", "eve", settings.images[0], settings),
            "Env": ENV,
        }

    def send(self, raw):
        """Status and body of the answer."""
        self.shell.stdin.write(base64.b64encode(raw) + b"\n")
        self.shell.stdin.flush()
        head, _, body = base64.b64decode(self.shell.stdout.readline()).partition(b"\r\n\r\n")
        return int(head.split()[1]), body.decode()

    def fill(self, text):
        """{hub}, {victim} and so on are the ids of containers."""
        for name, ident in self.ids.items():
            text = text.replace(f"{{{name}}}", ident)
        return text

    def state(self):
        """All that has our name, or the name that every attack gives to what it would make."""
        api, ours = self.demo.engine.api, (PROJECT, "evil")
        seen = {}
        for row in api.containers(all=True):
            if row["Names"][0][1:].startswith(ours) or "evil" in row["Labels"]:
                with contextlib.suppress(NotFound):  # a stopped server that is just being removed
                    found = api.inspect_container(row["Id"])
                    state, config = found["State"], found["Config"]
                    execs = None if config.get("Healthcheck") else found["ExecIDs"]  # or its own
                    seen[row["Id"]] = [
                        found["Name"], found["HostConfig"], config, execs,
                        *[state[key] for key in ("Status", "StartedAt", "Pid")],
                    ]  # fmt: skip
        # what other users left goes by itself after a while: only ben's network must stay
        names = [net["Name"] for net in api.networks()
                 if not net["Name"].startswith(USERS) or net["Name"] == f"{USERS}ben"]  # fmt: skip
        names += [volume["Name"] for volume in api.volumes()["Volumes"]]
        seen["networks and volumes"] = sorted(name for name in names if name.startswith(ours))
        tags = [tag for image in api.images() for tag in image["RepoTags"] or []]
        seen["images"] = [tag for tag in tags if tag.startswith(("evil", "cyberhubs/corehub"))]
        with contextlib.suppress(NotFound):
            api.get_archive(VICTIM, "/etc/evil")
            seen["written"] = True
        seen["swarm"] = api.info()["Swarm"]["LocalNodeState"]
        return seen


@pytest.fixture(scope="module")
def ben(demo_hub):
    """Somebody at work, who must not notice anything."""
    person = Person(demo_hub, "ben")
    person.start()
    yield person
    person.stop()


@pytest.fixture(scope="module")
def attacker(demo_hub, ben):
    """Code of the attacker's in the running hub."""
    hub = demo_hub.services()["hub"]
    victim = demo_hub.engine.containers.run(
        hub.image, ["sleep", "infinity"], name=VICTIM, detach=True, network_mode="none"
    )
    command = ["docker", "exec", "-i", hub.id, "python3", "-c", SEND]
    ids = {name: found.id for name, found in demo_hub.services().items()}
    ids |= {"victim": victim.id, "short": victim.id[:12], "ben": demo_hub.user_container("ben").id}
    try:
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as shell:
            yield Attacker(demo_hub, shell, ids)
            shell.stdin.close()
    finally:
        victim.remove(force=True)


def ask(method, path, body=b"", *headers):
    """One request as the SDK would write it."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: broker:2375", "Content-Type: application/json",
             f"Content-Length: {len(raw)}", *headers, "", ""]  # fmt: skip
    return "\r\n".join(lines).encode() + raw


def create(body, name=f"{PREFIX}eve"):
    return ask("POST", f"/v1.41/containers/create?name={name}", body)


def test_the_attacker_can_do_what_the_hub_can(attacker, homes, demo_hub):
    """The control: the same channel, with nothing changed, makes a server and ends it."""
    status, said = attacker.send(create(attacker.good))
    assert status == 201, said
    ident = json.loads(said)["Id"]
    made = demo_hub.engine.containers.get(ident)
    try:
        assert attacker.send(ask("POST", f"/v1.41/containers/{ident}/start"))[0] == 204
        assert attacker.send(ask("GET", f"/containers/{PREFIX}eve/json"))[0] == 200
        assert made.name == f"{PREFIX}eve"
        status, said = attacker.send(ask("POST", f"/containers/{ident}/stop"))
        assert status == 204, said
        # it removes itself, and may be gone already
        assert attacker.send(ask("DELETE", f"/v1.41/containers/{ident}{DELETE}"))[0] in (
            204,
            404,
            409,
        )
    finally:
        with contextlib.suppress(APIError):  # gone, or going: it removes itself
            made.remove(force=True)
    gone(demo_hub)


HOST = "HostConfig."
SOCK = "/var/run/docker.sock"
ROOT = {"Type": "bind", "Source": "/", "Target": "/host", "ReadOnly": False}

# number, where in a new container, what; "+" is one more in a list
CONTAINERS = [
    (1, HOST + "Privileged", True),
    (2, HOST + "Binds", ["/:/host"]),
    (3, HOST + "Binds", ["/srv:/x:ro", "/:/host"]),
    (4, HOST + "Mounts+", ROOT),
    (5, HOST + "Mounts+", {**ROOT, "Source": SOCK, "Target": SOCK}),
    (6, HOST + "Mounts+", {"Type": "volume", "Source": f"{PROJECT}_hub_state", "Target": "/x"}),
    (7, HOST + "Mounts+", {"Type": "volume", "Target": "/x", "VolumeOptions": {"DriverConfig": {
        "Name": "local", "Options": {"type": "none", "o": "bind", "device": "/"}}}}),
    (8, HOST + "Mounts", []),
    (9, HOST + "Devices", [{"PathOnHost": "/dev/sda", "PathInContainer": "/dev/sda",
                            "CgroupPermissions": "rwm"}]),
    (10, HOST + "DeviceCgroupRules", ["a *:* rwm"]),
    (11, HOST + "DeviceRequests", [{"Driver": "", "Count": -1, "Capabilities": [["gpu"]]}]),
    (12, HOST + "CapAdd", ["SYS_ADMIN"]),
    (13, HOST + "CapDrop", []),
    (14, HOST + "SecurityOpt", ["seccomp=unconfined"]),
    (15, HOST + "SecurityOpt+", "apparmor=unconfined"),
    (16, HOST + "VolumesFrom", ["{broker}"]),
    (17, HOST + "PidMode", "host"),
    (18, HOST + "PidMode", "container:{broker}"),
    (19, HOST + "NetworkMode", "host"),
    (20, HOST + "NetworkMode", "container:{proxy}"),
    (21, HOST + "NetworkMode", f"{PROJECT}_broker"),
    (22, HOST + "IpcMode", "host"),
    (23, HOST + "UTSMode", "host"),
    (24, HOST + "UsernsMode", "host"),
    (25, HOST + "CgroupnsMode", "host"),
    (26, HOST + "CgroupParent", "/"),
    (27, HOST + "Sysctls", {"net.ipv4.ip_forward": "1"}),
    (28, HOST + "Runtime", "io.containerd.runc.v2"),
    (29, HOST + "GroupAdd", ["0"]),
    (30, HOST + "MaskedPaths", []),
    (31, HOST + "ReadonlyPaths", []),
    (32, HOST + "PortBindings", {"8888/tcp": [{"HostIp": "0.0.0.0", "HostPort": "2222"}]}),
    (33, HOST + "RestartPolicy", {"Name": "always"}),
    (34, HOST + "LogConfig", {"Type": "syslog", "Config": {"syslog-address": "unixgram:///dev/log"}}),
    (35, HOST + "Memory", 0),
    (36, HOST + "PidsLimit", None),
    (37, HOST + "ExtraHosts", ["hub:10.0.0.1"]),
    (38, HOST + "Tmpfs", {"/x": "exec,suid"}),
    (39, "User", "0"),
    (40, "User", ""),
    (41, "Image", HUB_IMAGE),
    (42, "Image", "sha256:" + "0" * 64),
    (43, "Entrypoint", ["sh", "-c", "id"]),
    (44, "Cmd", ["sh", "-c", "id"]),
    (45, "Env+", "LD_PRELOAD=/user/evil.so"),
    (46, "Volumes", {"/etc": {}}),
    (47, "NetworkingConfig", {"EndpointsConfig": {f"{PROJECT}_control": {}}}),
    (48, "Labels", {"com.docker.compose.project": PROJECT, "evil": "1"}),
    (49, "hostconfig", {"Privileged": True}),
    (50, "Healthcheck", {"Test": ["CMD", "id"]}),
    (51, HOST + "NetworkMode", f"{USERS}ben"),
    (52, "NetworkingConfig", {"EndpointsConfig": {f"{USERS}ben": {}}}),
    (53, HOST + "Dns", ["10.0.0.1"]),
]  # fmt: skip


@pytest.mark.parametrize(("number", "where", "what"), CONTAINERS, ids=[c[0] for c in CONTAINERS])
def test_a_container_of_any_other_shape(attacker, number, where, what):
    body = copy.deepcopy(attacker.good)
    inside = where.startswith(HOST)
    place, key = body["HostConfig"] if inside else body, where.removeprefix(HOST)
    if key.endswith("+"):
        place[key[:-1]].append(what)
    else:
        place[key] = what
    unharmed(attacker, create(json.loads(attacker.fill(json.dumps(body)))))


def tar():
    """An archive with an empty file `evil`, and a Dockerfile for good measure."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("evil"))
        archive.addfile(tarfile.TarInfo("Dockerfile"))
    return made.getvalue()


TAR = tar()
EVIL = {"Image": HUB_IMAGE, "Labels": {"evil": "1"}, "HostConfig": {"Privileged": True}}

# number, method, path, body
CALLS = [
    (101, "POST", "/containers/{hub}/exec", {"Cmd": ["id"], "Privileged": True}),
    (102, "POST", f"/containers/{PREFIX}ben/exec", {"Cmd": ["id"], "User": "0", "Privileged": True}),
    (103, "POST", "/containers/{ben}/attach?stream=1&stdin=1", b""),
    (104, "PUT", "/containers/{victim}/archive?path=/etc", TAR),
    (105, "GET", "/containers/{broker}/archive?path=/etc/shadow", b""),
    (106, "GET", "/containers/{victim}/export", b""),
    (107, "POST", "/containers/{ben}/update", {"Memory": 0, "RestartPolicy": {"Name": "always"}}),
    (108, "POST", f"/containers/{{ben}}/rename?name={PROJECT}-evil", b""),
    (109, "POST", "/containers/{victim}/kill", b""),
    (110, "POST", "/containers/{ben}/kill?signal=KILL", b""),
    (111, "POST", "/containers/{proxy}/stop", b""),
    (112, "POST", "/containers/{broker}/stop", b""),
    (113, "POST", f"/containers/{VICTIM}/stop", b""),
    (114, "DELETE", "/containers/{victim}" + DELETE, b""),
    (115, "DELETE", "/containers/{short}" + DELETE, b""),
    (116, "DELETE", f"/containers/{PREFIX}ben?v=True&link=False&force=True", b""),
    (117, "GET", "/containers/{broker}/json", b""),
    (118, "GET", f"/containers/{PROJECT}-proxy-1/json", b""),
    (119, "GET", "/containers/json?all=1", b""),
    (120, "POST", "/containers/prune", b""),
    (121, "POST", f"/commit?container={PREFIX}ben&repo=evil", b""),
    (122, "POST", "/build?t=evil", TAR),
    (123, "POST", "/images/create?fromImage=evil&tag=1", b""),
    (124, "POST", "/images/load", TAR),
    (125, "POST", f"/images/{HUB_IMAGE}/tag?repo=evil", b""),
    (126, "DELETE", f"/images/cyberhubs/corehub:{VERSION}", b""),
    (127, "GET", f"/images/{HUB_IMAGE}/json", b""),
    (128, "POST", "/volumes/create", {"Name": "evil", "DriverOpts": {
        "type": "none", "o": "bind", "device": "/"}}),
    (129, "DELETE", f"/volumes/{PROJECT}_hub_state", b""),
    (130, "POST", "/networks/create", {"Name": "evil"}),
    (131, "POST", f"/networks/{PROJECT}_control/connect", {"Container": f"{PREFIX}ben"}),
    (132, "POST", "/swarm/init", {"ListenAddr": "127.0.0.1:2377"}),
    (133, "POST", "/services/create", {"Name": "evil", "TaskTemplate": {}}),
    (134, "POST", "/plugins/pull?remote=evil", b""),
    (135, "POST", "/session", b""),
    (136, "GET", "/events?since=0&until=1", b""),
    (137, "GET", "/info", b""),
    (138, "POST", "/containers/create", EVIL),
    (139, "POST", f"/containers/create?name={PROJECT}-hub-2", EVIL),
    (140, "POST", f"/containers/create?name={PREFIX}eve/../evil", EVIL),
    (141, "GET", "/containers/{ben}/logs?stdout=1", b""),
    (142, "POST", f"/containers/{PREFIX}ben/start", {"Binds": ["/:/host"]}),
    (143, "POST", "/networks/create", {"Name": f"{USERS}eve", "Labels": {"evil": "1"}}),
    (144, "POST", f"/networks/{USERS}ben/connect", {"Container": "{victim}"}),
    (145, "POST", f"/networks/{USERS}ben/disconnect", {"Container": "{ben}", "Force": True}),
    (146, "DELETE", f"/networks/{USERS}ben", b""),
    (147, "GET", f"/networks/{USERS}ben", b""),
    (148, "POST", "/networks/prune", b""),
]  # fmt: skip


@pytest.mark.parametrize(("number", "method", "path", "body"), CALLS, ids=[c[0] for c in CALLS])
@pytest.mark.parametrize("version", ["/v1.41"])
def test_any_other_call(attacker, version, number, method, path, body):
    unharmed(attacker, ask(method, attacker.fill(version + path), body))


INFO = b"GET /info HTTP/1.1\r\nHost: x\r\n\r\n"
MAKE = f"/v1.41/containers/create?name={PREFIX}eve"


def bodies(good):
    """Number -> a request that one program might read in one way and another in another."""
    evil, fine = json.dumps(EVIL).encode(), json.dumps(good).encode()
    chunk = b"%x\r\n%s\r\n0\r\n\r\n" % (len(evil), evil)
    twice = b'{"HostConfig": {"Privileged": true}, ' + fine[1:]
    ping = b"GET /_ping HTTP/1.1\r\nHost: x\r\n"
    post = f"POST {MAKE} HTTP/1.1\r\nHost: x\r\n".encode()
    return {
        201: create(twice),
        202: create(fine[:-1] + b', "HostConfig": {"Privileged": true}}'),
        203: create(fine.replace(b'"Binds": []', b'"Binds": [], "Binds": ["/:/host"]')),
        204: create(fine.replace(b'"Links"', b'"B\\u0069nds": ["/:/host"], "Links"')),
        205: create(json.dumps(good).encode("utf-16")),
        206: create(fine.replace(b"s3cret-s3cret", b"\xc0\xaf")),
        207: create(b"[" * 50_000),
        208: create(fine + b" " * 100_000),
        209: post + b"Transfer-Encoding: chunked\r\n\r\n" + chunk,
        210: post + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk,
        211: post + b"Transfer-Encoding : chunked\r\n\r\n" + chunk,
        212: post + b"Transfer-Encoding:\r\n chunked\r\n\r\n" + chunk,
        213: post + b"Content-Length: %d\r\nContent-Length: 0\r\n\r\n" % len(fine) + fine,
        214: post + b"Content-Length: +%d\r\n\r\n" % len(fine) + fine,
        215: post + b"Content-Length: -1\r\n\r\n" + fine,
        216: post + b"Content-Length: 2\r\n\r\n" + fine,
        217: post + b"Content-Length: %d\r\n\r\n" % (len(fine) + 1) + fine,
        218: post + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(fine) + fine,
        219: ping + b"\r\n" + INFO,
        220: ping + b"Content-Length: %d\r\n\r\n" % len(INFO) + INFO,
        221: ping + b"Upgrade: tcp\r\nConnection: Upgrade\r\n\r\n",
        222: ping + b"X: a\n\n" + INFO,
        223: ping + b"X: " + b"a" * 100_000 + b"\r\n\r\n",
        224: b"GET http://docker/info HTTP/1.1\r\nHost: x\r\n\r\n",
        225: b"GET /v1.41/containers/../info HTTP/1.1\r\nHost: x\r\n\r\n",
        226: b"GET /v1.41/%69nfo HTTP/1.1\r\nHost: x\r\n\r\n",
        227: b"GET //info HTTP/1.1\r\nHost: x\r\n\r\n",
        228: f"GET /containers/{PREFIX}ben/..%2f..%2finfo HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
        229: f"GET /containers/{PREFIX}ben/json/../../../info HTTP/1.1\r\n\r\n".encode(),
        230: create(fine, f"{PREFIX}eve&name=evil"),
        231: create(fine, f"evil&name={PREFIX}eve"),
        232: create(fine, f"{PREFIX}eve%00"),
        233: create(fine, f"{PREFIX}eve&platform=linux"),
        234: create(fine, f"{PREFIX}ada"),  # with eve's home
        235: b"GET /info\r\n\r\n",
        236: b"GET /info HTTP/1.0\r\n\r\n",
        237: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        238: b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n",
    }


@pytest.mark.parametrize("number", range(201, 239))
def test_tricks_of_http_and_json(attacker, number):
    unharmed(attacker, bodies(attacker.good)[number])


def unharmed(attacker, raw):
    """The request is refused with a reason, and Docker shows that nothing happened."""
    before = attacker.before or attacker.state()
    status, said = attacker.send(raw)
    attacker.before = attacker.state()
    assert attacker.before == before
    assert status in (403, 404), said
    assert "the broker refused" in json.loads(said)["message"]
    assert "s3cret" not in said


LINK = """
import ctypes, os, shutil, sys, time
os.chdir("/srv/jupyterhub_users")
if sys.argv[1] == "away":
    for name in ("eve", "link"):
        if os.path.islink(name):
            os.remove(name)
        elif os.path.isdir(name):
            shutil.rmtree(name)
    os.mkdir("eve")
    os.chown("eve", 1000, 1000)
elif sys.argv[1] == "link":
    os.rmdir("eve")
    os.symlink("/etc", "eve")
else:  # home and link change places, as often as it goes
    os.symlink("/etc", "link")
    here, swap = -100, ctypes.CDLL(None).renameat2
    end = time.monotonic() + float(sys.argv[1])
    while time.monotonic() < end:
        swap(here, b"eve", here, b"link", 2)
"""


@pytest.fixture
def homes(demo_hub):
    """The attacker among the homes, where the hub may do anything."""
    hub = demo_hub.services()["hub"]

    def do(what, **options):
        return hub.exec_run(["python3", "-c", LINK, what], **options)

    assert do("away")[0] == 0
    yield do
    do("away")


def test_a_home_that_is_a_link_to_the_host(attacker, homes, demo_hub):
    """301: at the start; 302: between making the container and starting it."""
    homes("link")
    unharmed(attacker, create(attacker.good))
    homes("away")
    ident = json.loads(attacker.send(create(attacker.good))[1])["Id"]
    try:
        homes("link")
        status, said = attacker.send(ask("POST", f"/containers/{ident}/start"))
        assert (status, "no directory of its own" in said) == (403, True)
        assert demo_hub.engine.containers.get(ident).status == "created"
    finally:
        demo_hub.engine.containers.get(ident).remove(force=True)


def test_a_home_that_changes_places_with_a_link(attacker, homes, demo_hub):
    """303: whatever moment it is, no server keeps a directory of the host."""
    homes("12", detach=True)
    outcomes = collections.Counter()
    end = time.monotonic() + 10
    while time.monotonic() < end:
        status, said = attacker.send(create(attacker.good))
        if status != 201:
            outcomes["link seen before"] += 1
            continue
        made = demo_hub.engine.containers.get(json.loads(said)["Id"])
        status, said = attacker.send(ask("POST", f"/containers/{made.id}/start"))
        if status == 204:
            outcomes["started"] += 1
            code, found = made.exec_run(["ls", "-a", "/home/user"])
            assert (code, b"passwd" in found) == (0, False)
        else:
            assert status == 403, said
            outcomes["ended after" if "is not the user's" in said else "link seen before"] += 1
        with contextlib.suppress(NotFound, APIError):
            made.remove(force=True)
        gone(demo_hub)
    print(f"starts while home and link changed places: {dict(outcomes)}")
    assert outcomes["link seen before"] > 2


def gone(demo_hub):
    """Wait until Docker has removed eve's container."""
    end = time.monotonic() + 30
    while f"{PREFIX}eve" in demo_hub.left()["containers"]:
        assert time.monotonic() < end
        time.sleep(0.1)


def test_nothing_is_left_of_it_and_people_can_start_servers(attacker, demo_hub):
    assert not any(name.startswith("evil") for name in attacker.state()["images"])
    assert demo_hub.user_container("ben").id == attacker.ids["ben"]
    ada = Person(demo_hub, "ada")
    ada.start()
    ada.stop()


def test_refusals_are_in_the_log_without_secrets(attacker, demo_hub):
    attacker.send(create({**attacker.good, "User": "0"}))
    log = demo_hub.services()["broker"].logs().decode()
    assert 'refused POST /v1.41/containers/create: User must be "1000:1000"' in log
    assert "s3cret" not in log
    assert "Traceback" not in log


def test_a_hub_with_other_settings_cannot_widen_them_and_says_so(demo_hub):
    path = demo_hub.home / "hub.json"
    before = path.read_text()
    settings = json.loads(before)
    settings["limits"]["memory"] = "64G"
    try:
        path.write_text(json.dumps(settings))  # the same file: the hub's container sees it
        demo_hub.services()["hub"].restart()
        demo_hub.healthy()
        ada = Person(demo_hub, "ada")
        with pytest.raises(httpx.HTTPStatusError) as refused:
            ada.start()
        said = refused.value.response.json()["message"]
        assert said.startswith("This server cannot start: the broker refused")
        assert "HostConfig.Memory must be 1073741824" in said
        assert f"{PREFIX}ada" not in demo_hub.left()["containers"]
    finally:
        path.write_text(before)
        demo_hub.services()["hub"].restart()
        demo_hub.healthy()
