"""Ways from a hub that was taken over to the host: what is asked of the broker, by number."""

import io
import json
import tarfile

from attacker import COREHUB, PREFIX, USERS, VICTIM, create
from trial import PROJECT

from cyberhubs_lib.contexts import context
from cyberhubs_lib.sitefile import load_site

HUB_IMAGE = context("hub", load_site("demo")).tag  # on the server, but not in the menu
DELETE = "?v=True&link=False&force=False"

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
    (126, "DELETE", f"/images/{COREHUB}", b""),
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
