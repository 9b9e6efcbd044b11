"""The pure parts of the resources: answers that hosts gave, and what is made of them."""

import re
import subprocess

import pytest
from daemon_settings import DAEMON

from cyberhubs_lib.resources.accounts import Account, Membership
from cyberhubs_lib.resources.daemon_json import DaemonSettings
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
from cyberhubs_lib.state import Resource, Unknown, difference
from cyberhubs_lib.transport import Result

REPOSITORY = ("docker", "https://d/debian", "bookworm", "https://d/debian/gpg", "AB")
APT = (
    "2 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.\n"
    "Inst libc6 [2.41-12] (2.41-12+deb13u1)\nInst tzdata [1] (2)\nConf libc6 (2.41)\n"
)
FILE = "644 root:root 0:0\n" + "ab" * 32 + "  -\n"
UP = "sha256:1\nhealthy|running|abc|sha256:1|2026-01-01|\n"
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
    (Membership("nobody", "docker"), Result(0, "no\n"), {"member": "no"}),
    (File("/f", b"x"), Result(0, ""), None),
    (File("/f", b"x"), Result(0, FILE), {"content": "abababab", "mode": "644", "owner": "root:root"}),
    (Directory("/d", "1:1"), Result(0, "755 a:b 1:1\n"), {"mode": "755", "owner": "1:1"}),
    (Token("/t", "1:1"), Result(0, ""), None),
    (Engine(("d",), "c"), Result(0, "installed\n2.26.1\n"), {"engine": "installed", "compose": "v2"}),
    (apt_repository(*REPOSITORY), Result(0, "\n"), None),
    (apt_repository(*REPOSITORY), Result(0, "https://d/debian bookworm\nAB\nCD\n"),
     {"address": "https://d/debian bookworm", "key": "AB CD"}),
    (apt_repository(*REPOSITORY), Result(0, "\nalso /l CD AB\n"),
     {"address": "https://d/debian bookworm", "key": "AB", "others": "/l"}),
    (apt_repository(*REPOSITORY), Result(0, "\nAB\nalso /l CD\n"),
     {"address": "https://d/debian bookworm", "key": "CD", "others": "/l"}),
    (apt_repository(*REPOSITORY), Result(0, "https://d/debian bookworm\nAB\nours\nalso /l AB\n"),
     {"address": "named twice, also in /l", "key": "AB", "others": "/l"}),
    (apt_repository(*REPOSITORY), Result(0, "https://d/debian bookworm\nAB\nours\n"),
     {"address": "https://d/debian bookworm", "key": "AB"}),
    (Engine(("d",), "c"), Result(0, "missing\nmissing\n"), {"engine": "missing", "compose": "missing"}),
    (container, Result(0, "sha256:1\n"), None),
    (container, Result(0, UP), FINE),
    (container, Result(0, UP.replace("healthy", "does not answer")),
     {**FINE, "state": "does not answer"}),
    (container, Result(0, UP.replace("abc|sha256:1", "x|sha256:2")),
     {**FINE, "settings": "x", "image": "old"}),
    (container, Result(0, UP.replace("running", "exited")), {**FINE, "state": "exited"}),
    (container, Result(0, UP.replace("01-01|", "01-01|/s/token")), {**FINE, "secrets": "older"}),
    (TimeService(), Result(0, "chronyd.service alias -\nchrony.service enabled enabled\n"),
     {"boot": "enabled"}),
    (Gone("a", "ls", "rm"), Result(0, "\n"), None),
    (Gone("a", "ls", "rm"), Result(0, "/a\n/b \n"), {"found": "/a, /b"}),
    (TimeService(), Result(0, "ntp.service disabled enabled\n"), {"boot": "none is enabled"}),
    (TimeService(), Result(0, ""), {"boot": "none is enabled"}),
    (ClockRuns(), Result(0, clock("active", "yes").replace("systemd-timesyncd", "openntpd")),
     {"now": "started", "unit": "openntpd.service"}),
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


def test_the_service_that_is_there_is_started_and_no_other_installed():
    for resource in (TimeService(), ClockRuns()):
        assert {"chrony.service", "openntpd.service"} <= set(resource.question().split())
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


def test_a_tree_that_finds_no_room_leaves_the_old_one(tmp_path):
    source, copy, tar = tmp_path / "a", tmp_path / "b", tmp_path / "tar"
    for folder, text in ((source, "new"), (copy, "old")):
        (folder / ".sub").mkdir(parents=True)
        (folder / ".sub" / "x").write_text(text)
    tree, inode = Tree(str(copy), source, "root:root"), copy.stat().st_ino
    change = tree.change(None).replace("chown -R root:root", "true")
    tar.write_text('#!/bin/sh\nfor last; do :; done; echo half >"$last/x"; exit 2\n')
    tar.chmod(0o755)
    for path, code, text in ((f"PATH={tmp_path}:$PATH\n", 1, "old"), ("", 0, "new")):
        done = subprocess.run(["sh", "-e"], input=path + change, text=True)
        assert done.returncode == code
        assert [p.relative_to(copy).as_posix() for p in copy.rglob("*")] == [".sub", ".sub/x"]
        assert (copy / ".sub" / "x").read_text() == text
        assert copy.stat().st_ino == inode  # a container looks into it
        assert {p.name for p in tmp_path.iterdir()} == {"a", "b", "tar"}


def test_authorities_name_what_is_missing():
    pem = b"-----BEGIN CERTIFICATE-----\n" + b"Q" * 64 + b"\nend==\n-----END CERTIFICATE-----\n"
    two = Authorities({"a": pem, "b": pem})
    assert two.parse(Result(0, "b\n")) == {"trusted": "1 of 2", "missing": "b"}
    assert two.change({"trusted": "1 of 2", "missing": "b"}).count("base64 -d") == 1
    assert difference(Authorities().parse(Result(0, "")), Authorities().wanted) == []
