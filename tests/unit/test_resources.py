"""The pure parts of the resources: answers that hosts gave, and what is made of them."""

import base64
import json
import re
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyberhubs_lib.facts import parse_facts
from cyberhubs_lib.image_sources import DEBOOTSTRAP, _split
from cyberhubs_lib.resources.accounts import Account, Membership
from cyberhubs_lib.resources.daemon_json import DaemonSettings, open_files, settings
from cyberhubs_lib.resources.docker import Engine
from cyberhubs_lib.resources.files import Directory, File, Token
from cyberhubs_lib.resources.gone import Gone
from cyberhubs_lib.resources.packages import Package, PackageIndex, Updates
from cyberhubs_lib.resources.repository import apt_repository
from cyberhubs_lib.resources.service_containers import Container
from cyberhubs_lib.resources.services import ClockRuns, Service, TimeService
from cyberhubs_lib.resources.sshd import KeysOnly, keys_only
from cyberhubs_lib.resources.tree import Tree
from cyberhubs_lib.resources.trust import Authorities
from cyberhubs_lib.site_host import Docker
from cyberhubs_lib.state import Resource, Unknown, difference
from cyberhubs_lib.transport import Result

FACTS = parse_facts("open_files=20000\n")
DAEMON = settings(Docker(registry_mirrors=["https://mirror.example.org"]), FACTS)
REPOSITORY = ("docker", "https://d/debian", "bookworm", "https://d/debian/gpg", "AB")
APT = "Inst libc6 [2.41-12] (2.41-12+deb13u1)\nInst tzdata [1] (2)\nConf libc6 (2.41)\n"
FILE = "644 root:root 0:0\n" + "ab" * 32 + "  -\n"
UP = "sha256:1\nrunning|healthy|abc|sha256:1|2026-01-01|\n"
FINE = {"state": "healthy", "settings": "abc", "image": "current", "secrets": "current"}
SSHD = "port 22\npermitrootlogin {}\npasswordauthentication {}\n"
SSHD += "kbdinteractiveauthentication no\nx11forwarding no\n"
STARTED = {"now": "started", "unit": "systemd-timesyncd.service"}
# What `systemctl show` (252) prints of a unit that is not there.
NO_UNIT = """\
Id=chrony.service
ActiveState=inactive
UnitFileState=
ConditionResult=no
ConditionTimestampMonotonic=0

"""


def clock(state, condition, tried=5, file="enabled"):
    """And then of one that is."""
    return NO_UNIT + (
        f"Id=systemd-timesyncd.service\nActiveState={state}\nUnitFileState={file}\n"
        f"ConditionResult={condition}\nConditionTimestampMonotonic={tried}\n"
    )


container = Container("hub", "p", "i:1", "abc", "docker compose ")

CASES = [
    (PackageIndex(), Result(0, "never\n"), {"age": "never read"}),
    (PackageIndex(), Result(0, "young\n"), {"age": "under two days"}),
    (Updates(), Result(0, APT), {"waiting": "2 packages"}),
    (Package("git"), Result(0, "installed"), {"state": "installed"}),
    (Package("git"), Result(0, "config-files"), {"state": "missing"}),
    (Package("git"), Result(0, ""), {"state": "missing"}),
    (Service("a.service"), Result(0, "enabled\nactive\n"), {"boot": "enabled", "now": "active"}),
    (Account("a"), Result(0, ""), None),
    (Account("a"), Result(0, "present\n"), {"home": "present"}),
    (Membership("a", "docker"), Result(0, "yes\n"), {"member": "yes"}),
    (Membership("nobody", "docker"), Result(1, ""), {"member": "no"}),
    (File("/f", b"x"), Result(0, ""), None),
    (File("/f", b"x"), Result(0, FILE), {"content": "abababab", "mode": "644", "owner": "root:root"}),
    (Directory("/d", "1:1"), Result(0, "755 a:b 1:1\n"), {"mode": "755", "owner": "1:1"}),
    (Token("/t", "1:1"), Result(0, ""), None),
    (Engine(("d",), "c"), Result(0, "installed\n2.26.1\n"), {"engine": "installed", "compose": "v2"}),
    (apt_repository(*REPOSITORY), Result(0, "\n"), None),
    (apt_repository(*REPOSITORY), Result(0, "https://d/debian bookworm\nAB\nCD\n"),
     {"address": "https://d/debian bookworm", "key": "AB CD"}),
    (Engine(("d",), "c"), Result(0, "missing\nmissing\n"), {"engine": "missing", "compose": "missing"}),
    (container, Result(0, "sha256:1\n"), None),
    (container, Result(0, UP), FINE),
    (container, Result(0, UP.replace("healthy|abc|sha256:1", "starting|x|sha256:2")),
     {**FINE, "state": "starting", "settings": "x", "image": "old"}),
    (container, Result(0, UP.replace("running|healthy", "exited|")), {**FINE, "state": "exited"}),
    (container, Result(0, UP.replace("01-01|", "01-01|/s/token")), {**FINE, "secrets": "older"}),
    (TimeService(), Result(0, "chronyd.service alias -\nchrony.service enabled enabled\n"),
     {"boot": "enabled"}),
    (Gone("a", "ls", "rm"), Result(0, "\n"), None),
    (Gone("a", "ls", "rm"), Result(0, "/a\n/b \n"), {"found": "/a, /b"}),
    (TimeService(), Result(0, "ntp.service disabled enabled\n"), {"boot": "none is enabled"}),
    (TimeService(), Result(0, ""), {"boot": "none is enabled"}),
    (ClockRuns(), Result(0, clock("active", "yes")), STARTED),
    (ClockRuns(), Result(0, clock("activating", "yes")), STARTED),
    (ClockRuns(), Result(0, clock("inactive", "no")), STARTED),  # in a container
    (ClockRuns(), Result(0, clock("inactive", "yes")), {**STARTED, "now": "inactive"}),
    (ClockRuns(), Result(0, clock("failed", "yes")), {**STARTED, "now": "failed"}),
    (ClockRuns(), Result(0, clock("inactive", "no", tried=0)), {**STARTED, "now": "inactive"}),
]  # fmt: skip


@pytest.mark.parametrize(("resource", "answer", "state"), CASES)
def test_answers(resource, answer, state):
    assert resource.parse(answer) == state


UNKNOWN = [
    (Updates(), Result(9), "never read"),
    (Updates(), Result(100, "E: broken"), "E: broken"),
    (Service("a.service"), Result(0, "not-found\ninactive\n"), "not installed yet"),
    (ClockRuns(), Result(0, NO_UNIT), "no service keeps the clock yet"),
    (ClockRuns(), Result(0, clock("active", "yes", file="disabled")), "no service keeps the clock"),
    (apt_repository(*REPOSITORY), Result(9), "gnupg"),
    (DaemonSettings(DAEMON), Result(0, "---\n{broken"), "not JSON"),
    (DaemonSettings(DAEMON), Result(0, "---\n[1]"), "not a JSON object"),
    (container, Result(9), "no Docker engine"),
    (container, Result(8), "runbook 08"),
    (KeysOnly("ssh"), Result(127, "sh: 1: sshd: not found\n"), "sshd: not found"),
    (KeysOnly("ssh"), Result(0, "port 22\n"), "port 22"),
]


@pytest.mark.parametrize(("resource", "answer", "said"), UNKNOWN)
def test_what_cannot_be_told_yet(resource, answer, said):
    with pytest.raises(Unknown, match=said):
        resource.parse(answer)


@pytest.mark.parametrize(
    ("root", "password", "differs", "told"),
    [
        ("without-password", "no", [], "yes"),
        ("prohibit-password", "no", [], "yes"),
        ("no", "no", [], "yes"),
        ("forced-commands-only", "no", [], "yes"),
        ("yes", "no", ["PermitRootLogin"], "PermitRootLogin yes"),
        ("no", "yes", ["PasswordAuthentication"], "PasswordAuthentication yes"),
    ],
)
def test_ssh_settings_that_are_stricter_are_good(root, password, differs, told):
    answer = Result(0, SSHD.format(root, password))
    resource = KeysOnly("ssh")
    assert difference(resource.parse(answer), resource.wanted) == differs
    assert keys_only(answer) == (not differs, told)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


TABLES = {key: value for key, value in DAEMON.items() if isinstance(value, dict)}
LINES = st.dictionaries(
    st.sampled_from(["max-size", "max-file", "nofile", "memlock", "tag"]), JSON, max_size=4
)
OTHERS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys([*DAEMON, "debug", "dns", "x", "ключ"], JSON),
        **{key: JSON | LINES for key in TABLES},
        "log-driver": st.sampled_from(["json-file", "json-file", "syslog"]),
    },
)


def files(found, mark=None):
    """The answer of a host with this daemon.json, and with this mark of an earlier run."""
    return Result(0, f"{json.dumps(mark) if mark else ''}\n---\n{json.dumps(found)}")


def both(script):
    """What a change would write into the mark, and into daemon.json."""
    texts = [base64.b64decode(part.split(" ")[0]) for part in script.split("printf %s ")[1:]]
    return [json.loads(text) for text in texts]


@given(OTHERS)
def test_daemon_json_keeps_what_others_wrote(others):
    resource = DaemonSettings(DAEMON)
    was = resource.parse(files(others))
    now = both(resource.change(was))[-1]
    assert {k: v for k, v in now.items() if k not in DAEMON} == {
        k: v for k, v in others.items() if k not in DAEMON
    }
    for key, value in DAEMON.items():
        theirs = others.get(key)
        stays = isinstance(theirs, dict) and key in TABLES
        if key == "log-opts" and others.get("log-driver") == "syslog":
            stays = False  # the engine would not start with another driver's options
        assert now[key] == ({**theirs, **value} if stays else value)
    assert (now == others) == (difference(was, resource.wanted) == [])
    assert difference(resource.parse(files(now)), resource.wanted) == []


def test_daemon_json_keeps_the_limits_and_log_options_of_others():
    theirs = {
        "default-ulimits": {"memlock": {"Name": "memlock", "Soft": -1, "Hard": -1}},
        "log-opts": {"tag": "{{.Name}}", "max-size": "1g"},
    }
    resource = DaemonSettings(DAEMON)
    now = both(resource.change(resource.parse(files(theirs))))[-1]
    assert now["default-ulimits"] == {**theirs["default-ulimits"], **DAEMON["default-ulimits"]}
    assert now["log-opts"] == {"tag": "{{.Name}}", "max-size": "10m", "max-file": "3"}
    assert resource.parse(files(now)) | {"file": "", "mark": ""} == {
        **resource.wanted, "file": "", "mark": ""
    }  # fmt: skip


MIRRORS = DAEMON["registry-mirrors"]
NO_LISTS = settings(Docker(address_pools=[]), FACTS)


def test_lists_that_the_site_no_longer_asks_for_go():
    with_lists, without = DaemonSettings(DAEMON), DaemonSettings(NO_LISTS)
    mark, now = both(with_lists.change(with_lists.parse(files({"debug": True}))))
    assert mark == {key: DAEMON[key] for key in ("default-address-pools", "registry-mirrors")}
    was = without.parse(files(now, mark))
    assert difference(was, without.wanted) == ["default-address-pools", "registry-mirrors"]
    assert "restarts" in without.note(was)  # a reload does not forget a mirror
    after = both(without.change(was))
    assert after[-1] == {"debug": True, **NO_LISTS}
    assert difference(without.parse(files(after[-1], after[0])), without.wanted) == []


@pytest.mark.parametrize("mark", [None, {"registry-mirrors": ["https://old.example.org"]}])
def test_lists_of_others_stay(mark):
    theirs = {**NO_LISTS, "registry-mirrors": MIRRORS}
    without, with_lists = DaemonSettings(NO_LISTS), DaemonSettings(DAEMON)
    assert difference(without.parse(files(theirs, mark)), without.wanted) == []
    # nor do they become ours when the site asks for what is there already
    was = with_lists.parse(files(theirs, mark))
    assert both(with_lists.change(was))[0].get("registry-mirrors") != MIRRORS


@pytest.mark.parametrize(
    ("host", "container"), [("unlimited", (65536, 524288)), ("20000", (20000, 20000))]
)
def test_a_container_asks_for_no_more_files_than_the_host_has(host, container):
    assert open_files(parse_facts(f"open_files={host}\n")) == container


@pytest.mark.parametrize(
    ("live_restore", "changed", "said", "restarts"),
    [
        (True, {"live-restore": False}, "without a restart", False),
        (True, {"log-driver": "local"}, "containers go on", True),
        (False, {"log-driver": "local"}, "all containers with it", True),
    ],
)
def test_the_engine_restarts_only_if_it_must(live_restore, changed, said, restarts):
    values = settings(Docker(live_restore=live_restore), FACTS)
    resource = DaemonSettings(values)
    was = resource.parse(files({**values, **changed}))
    assert said in resource.note(was)
    assert ("restart docker" in resource.change(was)) == restarts
    assert "reload docker" in resource.change(was)


def test_the_service_that_is_there_is_started_and_no_other_installed():
    assert ClockRuns().change(STARTED) == "systemctl start systemd-timesyncd.service"


def test_packages_are_one_transaction():
    script = Package.change_all([(Package("a"), None), (Package("b"), None)])
    assert script.count("apt-get") == 1
    assert script.endswith("install a b")
    plan = [(Updates(), {"waiting": "2 packages"}), (Package("a"), None), (TimeService(), None)]
    script = Updates.change_all(plan)
    assert script.count("apt-get") == 1
    assert "upgrade a systemd-timesyncd\n" in script


def test_what_neighbours_need_after_their_change_is_done_once():
    needs = {"/1": "echo A", "/2": "echo A", "/3": "", "/4": "echo A"}
    files = [File(path, b"", after=after) for path, after in needs.items()]
    script = Resource.change_all([(file, None) for file in files])
    found = re.findall(r'mv -fT "\$t" (/\d)|^(echo A)$', script, re.MULTILINE)
    assert [a or b for a, b in found] == ["/1", "/2", "echo A", "/3", "/4", "echo A"]


def test_a_secret_never_shows_its_digest():
    plain, secret = File("/f", b"s"), File("/f", b"s", secret=True)
    assert plain.wanted["content"] != secret.wanted["content"]


def test_a_tree_has_the_same_digest_here_and_there(tmp_path):
    source, copy = tmp_path / "a", tmp_path / "b"
    (source / "sub dir").mkdir(parents=True)
    (source / "sub dir" / "x").write_text("1")
    (source / "B").write_text("2")
    (source / "a").write_text("3")
    tree = Tree(str(copy), source, "root:root")
    subprocess.run(["sh", "-e"], input=tree.change(None).replace("chown -R root:root", "true"),
                   text=True, check=True)  # fmt: skip
    out = subprocess.run(["sh"], input=tree.question(), text=True, capture_output=True).stdout
    assert tree.parse(Result(0, out)) == tree.wanted


def test_authorities_name_what_is_missing():
    pem = b"-----BEGIN CERTIFICATE-----\n" + b"Q" * 64 + b"\nend==\n-----END CERTIFICATE-----\n"
    two = Authorities({"a": pem, "b": pem})
    assert two.parse(Result(0, "b\n")) == {"trusted": "1 of 2", "missing": "b"}
    assert two.change({"trusted": "1 of 2", "missing": "b"}).count("base64 -d") == 1
    assert difference(Authorities().parse(Result(0, "")), Authorities().wanted) == []


USUAL = "http://deb.debian.org/debian"


@pytest.mark.parametrize(
    ("sources", "mirror", "security"),
    [
        ("URIs: http://m.test/debian\nSuites: trixie\n", "http://m.test/debian", "http://m.test/debian-security"),
        ("deb http://m.test/debian/ trixie main\ndeb https://s.test/debian-security trixie main\n",
         "http://m.test/debian", "https://s.test/debian-security"),
        ("deb [signed-by=/k] https://m.test/debian trixie main\n", "https://m.test/debian",
         "https://m.test/debian-security"),
        ("deb http://archive.ubuntu.com/ubuntu jammy main\n", USUAL, f"{USUAL}-security"),
        ("URIs: https://download.docker.com/linux/debian/x\n", USUAL, f"{USUAL}-security"),
    ],
)  # fmt: skip
def test_the_mirror_comes_from_the_system(sources, mirror, security):
    lines = DEBOOTSTRAP[DEBOOTSTRAP.index("urls=$(") : DEBOOTSTRAP.index("d=$(mktemp")]
    script = lines.replace("cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null", "cat")
    out = subprocess.run(["sh", "-c", script + 'echo "$mirror $security"'], input=sources, text=True,
                         capture_output=True).stdout  # fmt: skip
    assert out.split() == [mirror, security]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a/b:1", ("a/b", "1")),
        ("host:5000/a", ("host:5000/a", "latest")),
        ("host:5000/a:2", ("host:5000/a", "2")),
        ("debian:trixie@sha256:ff", ("debian", "sha256:ff")),
    ],
)
def test_image_names(name, parts):
    assert _split(name) == parts
