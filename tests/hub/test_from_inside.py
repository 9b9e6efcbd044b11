"""An attacker among the users: programs in Ben's server, while Ada is at work in hers."""

import contextlib
import re
import time

import httpx
import pytest
from inside import PROGRAM, Inside
from trial import PROJECT, Person

from cyberhubs_lib.compose import answering, compose
from cyberhubs_lib.host import connect
from cyberhubs_lib.sitefile import load_site


def addresses(container):
    """Network -> address."""
    container.reload()
    networks = container.attrs["NetworkSettings"]["Networks"]
    return {name: net["IPAddress"] for name, net in networks.items()}


@pytest.fixture(scope="module")
def ada(demo_hub):
    """Ada at work; beside her server she has a program that listens."""
    person = Person(demo_hub, "ada")
    person.start()
    listen = (
        "import http.server as s; s.test(s.SimpleHTTPRequestHandler, port=9999, bind='0.0.0.0')"
    )
    demo_hub.user_container("ada").exec_run(["python3", "-c", listen], detach=True)
    yield person
    person.stop()


@pytest.fixture(scope="module")
def found(demo_hub, ada):
    """All that an attacker may know: addresses are no secrets."""
    services = {name: addresses(container) for name, container in demo_hub.services().items()}
    own = addresses(demo_hub.user_container("ada"))
    (network,) = own
    net = demo_hub.engine.networks.get(network).attrs["IPAM"]["Config"][0]
    end = net["Gateway"].rpartition(".")[0]
    return {
        "ada": own[network],
        "neighbours": [f"{end}.{number}" for number in range(2, 12)],
        **{name: list(on.values()) for name, on in services.items()},
        "names": [f"{PROJECT}-user-ada", f"{PROJECT}-broker-1", "broker", "proxy-api", "standin"],
    }


@pytest.fixture(scope="module")
def ben(demo_hub, found):
    """The attacker, who logged in like everybody."""
    person = Person(demo_hub, "ben")
    person.start()
    yield Inside(demo_hub.user_container("ben"), found)
    person.stop()


# whoever is on the same network -> what they reach with the attacker's program
CONTROLS = [
    ("proxy", "ports([found['ada']], [8888, 9999])", "8888"),
    ("hub", "ports(found['proxy'], [8001])", "8001"),
    ("caddy", "ports(['proxy'], [8000])", "8000"),
    ("hub", "ports(found['broker'], [2375])", "2375"),
    ("hub", "ports(found['standin'], [8080])", "8080"),
]


def test_what_the_attacker_looks_for_is_there(demo_hub, found, ben):
    for service, expression, seen in CONTROLS:
        other = Inside(demo_hub.services()[service], found, PROGRAM.partition("token =")[0])
        assert seen in other.says(expression)
    assert ben.says("ports(['hub'], [8081])") == "[('hub', 8081)]"


LSRR = """
route = bytes([1, 131, 7, 4]) + socket.inet_aton(name("hub"))
print(attempt(lambda: socket.socket().setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, route)))
"""
ROUTE = """
import struct, fcntl
to = lambda address: struct.pack("HH4s8x", 2, 0, socket.inet_aton(address))
entry = struct.pack("Q16s16s16sHh", 0, to(found["ada"]), to(name("hub")), to("255.255.255.255"), 7, 0)
entry += bytes(120 - len(entry))
print(attempt(lambda: fcntl.ioctl(socket.socket(), 0x890B, entry)))
"""
RAW = "attempt(lambda: socket.socket({}, socket.SOCK_RAW, {}))"
CLOSED = r"\[\]"

# number, what is tried (a program or an expression), what comes of it; above: what it would be good for
NETWORK = [
    # read her notebooks, run cells in her name
    (1, "ports([found['ada']], [8888])", CLOSED),
    # whatever she starts and believes to be alone with: a database, a dashboard, a debugger
    (2, "ports([found['ada']], [9999])", CLOSED),
    (3, "ports(found['neighbours'], [22, 80, 8000, 8001, 8081, 8888, 9999])", CLOSED),
    # the hub has a foot in every network: it must not be a way from one to the other
    (4, LSRR, "EPERM"),
    (5, ROUTE, "EPERM"),
    # names tell who else is here, and lead there
    (6, "{name(text) for text in found['names']}", "{'no such name'}"),
    # send everybody's traffic to a server of one's own
    (7, "ports([*found['proxy'], 'proxy'], [8001])", CLOSED),
    # root on the host, by way of the broker
    (8, "ports([*found['broker'], 'broker'], [2375])", CLOSED),
    (9, "os.path.exists('/var/run/docker.sock') or os.path.exists('/run/docker.sock')", "False"),
    # the provider of logins, the front door's own administration
    (10, "ports(found['standin'], [8080])", CLOSED),
    (11, "ports(found['caddy'], [80, 443, 2019, 2020])", CLOSED),
    # of the hub nothing but what everybody reaches through the front door anyway
    (12, "[number for _, number in ports(['hub'], range(1, 12000))]", r"\[8081\]"),
    (13, "[number for _, number in ports(['proxy'], range(1, 12000))]", CLOSED),
    # read what passes by; pretend to be another address
    (14, RAW.format("socket.AF_INET", "socket.IPPROTO_ICMP"), "EPERM"),
    (15, RAW.format("socket.AF_PACKET", "3"), "EPERM"),
]  # fmt: skip
API = [
    # the hub without a token; another's account, server and tokens with one's own; the whole hub
    (21, "api('GET', '/users')", "403"),
    (22, "api('GET', '/users/ada', token)", "40[34]"),
    (23, "api('DELETE', '/users/ada/server', token)", "40[34]"),
    (24, "api('POST', '/users/ada/tokens', token)", "40[34]"),
    (25, "api('POST', '/users/eve', token)", "403"),
    (26, "api('GET', '/proxy', token)", "403"),
    (27, "api('POST', '/shutdown', token)", "403"),
    (28, "api('GET', '/users/ben', token)", "200"),  # the control: the token is good for this
]
POWERS = [
    # all that root could do in a container, and then to the host
    (31, "{inside('self', key) for key in ('CapEff', 'CapPrm', 'CapBnd', 'CapInh', 'CapAmb')}",
     "{'0000000000000000'}"),
    (32, "inside('self', 'NoNewPrivs'), inside(1, 'NoNewPrivs'), inside('self', 'Seccomp')",
     "1 1 2"),
    (33, "attempt(lambda: os.setuid(0))", "EPERM"),
    (34, "attempt(lambda: os.setgroups([0]))", "EPERM"),
    (35, "call(libc.mount(b'none', b'/mnt', b'tmpfs', 0, None))", "EPERM"),
    # a namespace of one's own is full of old errors of the kernel
    (36, "call(libc.unshare(0x10000000))", "EPERM"),
    (37, "call(libc.unshare(0x40000000))", "EPERM"),
    (38, "attempt(lambda: os.chroot('/tmp'))", "EPERM"),
    (39, "attempt(lambda: os.mknod('/tmp/disk', 0o60660, os.makedev(8, 0)))", "EPERM"),
    # parts of the kernel that users have no business with: bpf, keys, modules, time, reboot
    (40, "[call(libc.syscall(number, 0, 0, 0, 0)) for number in (321, 250, 175, 169)]",
     r"\['EPERM', '(EPERM|ENOSYS)', 'EPERM', 'EPERM'\]"),
    (41, "call(libc.syscall(298, ctypes.create_string_buffer(128), 0, -1, -1, 0))",
     "(EPERM|EACCES|ENOSYS)"),
    # settings of the kernel that hold for the whole host
    (42, "{write('/proc/sys/' + key) for key in ('kernel/core_pattern', 'vm/overcommit_memory',"
     " 'net/ipv4/ip_forward')}", "{'EROFS'}"),
    (43, "{write('/proc/sysrq-trigger', 'b'), write('/sys/kernel/uevent_helper', '/x')}",
     "{('EROFS'|'EACCES'|'ENOENT')(, ('EROFS'|'EACCES'|'ENOENT'))*}"),
    # its own limits
    (44, "[path for top, _, files in os.walk('/sys/fs/cgroup') for file in files"
     " if 'max' in file or 'limit' in file or file == 'release_agent'"
     " for path in [os.path.join(top, file)] if write(path, '-1') == 'done']", CLOSED),
    # disks and memory of the host, which would be all files of all users
    (45, "{e.name for e in os.scandir('/dev')} - {'core', 'fd', 'full', 'mqueue', 'null', 'ptmx',"
     " 'pts', 'random', 'shm', 'stderr', 'stdin', 'stdout', 'tty', 'urandom', 'zero', 'console'}",
     r"set\(\)"),
    # programs of others and what is in their environment: tokens
    (46, "max(int(pid) for pid in os.listdir('/proc') if pid.isdigit()) < 100_000"
     " and open('/proc/1/comm').read().strip()", "tini"),
    (47, "{n for n in os.listdir('/proc') if n.isdigit()"
     " and b'JUPYTERHUB_USER=ada' in open(f'/proc/{n}/environ', 'rb').read()}", r"set\(\)"),
]  # fmt: skip
FILES = [
    # another's files, and where they are on the host
    (51, "os.listdir('/home')", r"\['user'\]"),
    (52, "'jupyterhub_users/ada' in open('/proc/self/mountinfo').read()", "False"),
    (53, "attempt(lambda: os.listdir('/home/user/../../srv/jupyterhub_users'))", "ENOENT"),
    # data that everybody computes with
    (54, "write('/data/x')", "EROFS"),
]  # fmt: skip
CASES = NETWORK + API + POWERS + FILES


@pytest.mark.parametrize(("number", "tried", "comes"), CASES, ids=[case[0] for case in CASES])
def test_a_way_that_leads_nowhere(ben, number, tried, comes):
    code, out = ben.run(tried) if "\n" in tried else ben.run(f"print({tried})")
    assert code == 0, out
    assert re.fullmatch(comes, out), out


def test_a_setuid_program_makes_nobody_root(demo_hub, ben):
    """A hub that was taken over could leave one in a home, owned by root."""
    hub = demo_hub.services()["hub"]
    home = "/srv/jupyterhub_users/ben/id"
    script = (
        f"cp /usr/bin/id {home} && chown 0:0 {home} && chmod 4755 {home} && stat -c %a:%u {home}"
    )
    assert hub.exec_run(["sh", "-c", script])[1] == b"4755:0\n"
    try:
        assert ben.container.exec_run(["/home/user/id", "-u"])[1] == b"1000\n"
    finally:
        hub.exec_run(["rm", home])


BOMB = """
import signal, time
children = []
try:
    while len(children) < 5000:
        child = os.fork()
        if not child:
            time.sleep(60)
            os._exit(0)
        children.append(child)
except OSError as error:
    print(errno.errorcode[error.errno], len(children))
print("at the limit", flush=True)
time.sleep(hold)
for child in children:
    os.kill(child, signal.SIGKILL)
"""


def works(person):
    """Whether somebody's server answers through the front door."""
    url = f"{person.demo.url}/user/{person.login}/api/status"
    header = {"Authorization": f"token {person.token()}"}
    return httpx.get(url, headers=header, timeout=10).status_code == 200


def test_a_fork_bomb_stops_at_the_limit(demo_hub, ada, ben):
    """Otherwise one user takes the host's process numbers from all."""
    code, out = ben.run(f"hold = 0\n{BOMB}")
    assert code == 0, out
    error, count = out.split()[:2]
    assert error == "EAGAIN"
    assert int(count) < 512
    ben.run(f"hold = 6\n{BOMB}", detach=True)
    end = time.monotonic() + 6
    while time.monotonic() < end:
        assert works(ada)
    eventually(lambda: works(Person(demo_hub, "ben")))


def test_more_memory_than_the_limit_ends_only_that_program(demo_hub, ada, ben):
    code, out = ben.run(
        "x = bytearray(3 << 30); x[::4096] = b'1' * len(x[::4096]); print('got it')"
    )
    assert code != 0, out
    assert "got it" not in out
    ben.container.reload()
    assert ben.container.status == "running"
    assert works(Person(demo_hub, "ben"))
    assert works(ada)


def eventually(true, seconds=60):
    """Wait until it is; connections that are refused are no answer yet."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(httpx.HTTPError, AssertionError):
            if true():
                return
        time.sleep(0.1)
    raise AssertionError("it never was")


def anew(demo_hub, service):
    """Have compose make a service's container once more."""
    host, site = connect("localhost"), load_site(str(demo_hub.site))
    host.root = False
    host.read(f"{compose(site, host.facts)}up -d --force-recreate --no-deps {service}")
    host.read(answering(site))


@pytest.mark.parametrize("service", ["proxy", "hub"])
def test_people_go_on_after_a_service_was_made_anew(demo_hub, ada, ben, service):
    anew(demo_hub, service)
    begun = time.monotonic()
    eventually(lambda: works(ada))
    seconds = time.monotonic() - begun
    print(f"{service} made anew: a server answers {seconds:.1f} s after all services do")
    assert ben.says("ports(['hub'], [8081]) != []") == "True"
    assert ben.says("ports([found['ada']], [8888, 9999])") == "[]"
    ada.stop()
    ada.start()
    assert works(ada)
