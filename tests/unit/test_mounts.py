"""Mounts: what a site may ask for, and the units that come of it."""

import re
import subprocess

import pytest
from pydantic import ValidationError

from cyberhubs_lib.facts import parse_facts
from cyberhubs_lib.params import Params
from cyberhubs_lib.recipes.mount_data import recipe, remote
from cyberhubs_lib.resources.mount_keys import MountKey
from cyberhubs_lib.resources.mount_units import Far, escape, mark, merged
from cyberhubs_lib.resources.old_mounts import OldMounts
from cyberhubs_lib.resources.remote_mounts import PROGRAM, RemoteMount, not_there
from cyberhubs_lib.site import Site
from cyberhubs_lib.sitefile import SITES, load_site
from cyberhubs_lib.transport import Result

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOmWpgO"
SKY = {"kind": "sshfs", "source": "a@far.test:/sky", "path": "data/sky", "host_key": KEY}
NFS = {"kind": "nfs", "source": "far.test:/sky", "path": "data/nfs"}
DEBIAN = parse_facts("id=debian\nversion=13\nuser=debian\nservice_user=debian\n")


def unit(**mount):
    return remote(Site(mounts=[mount]).mounts[0], Site())


def options(wanted):
    return re.search("^Options=(.*)$", wanted.text, re.M)[1].split(",")


# --- what is refused ------------------------------------------------------------------------------

WRONG = [
    ({**SKY, "host_key": ""}, "cat /etc/ssh/ssh_host_ed25519_key.pub"),
    ({**SKY, "host_key": "SHA256:abc"}, "public host key"),
    ({**SKY, "source": "far.test:/sky"}, "USER@HOST:/DIRECTORY"),
    ({**SKY, "source": "a@-oProxyCommand=x:/sky"}, "USER@HOST:/DIRECTORY"),
    ({**SKY, "source": "a@far.test:/sky;reboot"}, "pattern"),
    ({**SKY, "path": "data/../etc"}, "without .."),
    ({**SKY, "path": "data/$x"}, "pattern"),
    ({**SKY, "path": "data"}, "/mnt/data cannot be the place"),
    ({**SKY, "path": "/mnt/jupyterhub_users/"}, "cannot be the place"),
    ({**SKY, "read_only": False}, "below data, which users only read"),
    ({**SKY, "type": "ext4"}, "type"),
    ({**SKY, "options": ["StrictHostKeyChecking=no"]}, "stricthostkeychecking is not set here"),
    ({**SKY, "options": ["a,b"]}, "pattern"),
    ({**NFS, "options": ["rw"]}, "rw is not set here"),
    ({**NFS, "uid": 5}, "uid and gid are for sshfs"),
    ({**NFS, "host_key": KEY}, "host_key and port are for sshfs"),
    ({**NFS, "kind": "other"}, "type"),
    ({**NFS, "kind": "other", "type": "cifs", "options": ["password=x"]}, "no password in a site"),
]


@pytest.mark.parametrize(("mount", "said"), WRONG)
def test_what_is_refused(mount, said):
    with pytest.raises(ValidationError, match=re.escape(said)):
        Site(mounts=[mount])


def test_one_place_holds_one_mount():
    with pytest.raises(ValidationError, match="or of two"):
        Site(mounts=[SKY, {**NFS, "path": "/mnt/data/sky/"}])


def test_a_volume_has_no_place_for_relative_paths():
    with pytest.raises(ValidationError, match="needs a data_root"):
        Site(data_root="volume", mounts=[SKY])


@pytest.mark.parametrize(
    "line", [KEY, f"{KEY} root@far", f"far.test,192.0.2.1 {KEY}", f"  {KEY}\n"]
)
def test_the_host_key_may_come_from_any_file(line):
    assert Site(mounts=[{**SKY, "host_key": line}]).mounts[0].host_key == KEY


# --- the unit -------------------------------------------------------------------------------------

PATHS = [
    ("/mnt/data/sky", "mnt-data-sky"),
    ("/mnt/data/deep-sky", r"mnt-data-deep\x2dsky"),
    ("/mnt/data/v1.2_x", "mnt-data-v1.2_x"),
    ("/.hidden/x", r"\x2ehidden-x"),
]


@pytest.mark.parametrize(("path", "name"), PATHS)
def test_the_name_of_a_unit(path, name):
    assert escape(path) == name


def test_sshfs_is_strict_for_all_users_and_dies_within_seconds():
    wanted = unit(**SKY)
    assert {"ro", "nofail", "_netdev", "nosuid", "nodev", "allow_other", "default_permissions",
            "reconnect", "uid=1000", "gid=1000", "ServerAliveInterval=5", "ConnectTimeout=5",
            "StrictHostKeyChecking=yes", "BatchMode=yes"} <= set(options(wanted))  # fmt: skip
    assert "Type=fuse.sshfs\n" in wanted.text
    assert "What=a@far.test:/sky\nWhere=/mnt/data/sky\n" in wanted.text


def test_nfs_gives_up_and_tells_what_to_export():
    wanted = unit(**NFS)
    assert {"ro", "soft", "timeo=30", "retrans=2", "nofail"} <= set(options(wanted))
    assert "/sky ADDRESS(ro,all_squash,anonuid=1000,anongid=1000)" in wanted.advice


def test_options_of_the_site_replace_ours():
    site = ["ServerAliveInterval=60", "compression=yes"]
    assert merged(("ro", "serveraliveinterval=5"), site) == ("ro", *site)
    assert "hard" in options(unit(**NFS, options=["hard"]))


def test_a_percent_sign_is_not_for_systemd():
    with pytest.raises(ValidationError):
        unit(**{**SKY, "source": "a@far.test:/%h"})


@pytest.mark.parametrize(
    ("host", "port", "start"),
    [
        ("far.test", 22, "far.test ssh"),
        ("far.test", 64022, "[far.test]:64022 ssh"),
        ("::1", 22, "[::1]:22 ssh"),
    ],
)
def test_known_hosts_as_ssh_looks_it_up(host, port, start, tmp_path):
    far = Far("a", host, port, KEY, "/k", True)
    assert far.known_hosts.startswith(start)
    (tmp_path / "known").write_text(far.known_hosts.replace(KEY, key(tmp_path)))
    name = host if port == 22 and ":" not in host else f"[{host}]:{port}"
    found = subprocess.run(
        ["ssh-keygen", "-F", name, "-f", tmp_path / "known"], capture_output=True
    )
    assert found.returncode == 0


def key(folder):
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "key"], check=True
    )
    return " ".join((folder / "key.pub").read_text().split()[:2])


def test_an_address_in_brackets():
    (mount,) = Site(mounts=[{**SKY, "source": "a@[2001:db8::1]:/sky"}]).mounts
    wanted = remote(mount, Site())
    assert wanted.far.host == "2001:db8::1"
    assert "What=a@[2001:db8::1]:/sky\n" in wanted.text


def test_what_the_other_end_allows_is_what_is_asked_for():
    both = Site(mounts=[SKY, {**SKY, "path": "user/sky", "read_only": False}])
    reads, writes = (remote(mount, both) for mount in both.mounts)
    assert reads.line("KEY") == 'restrict,command="internal-sftp -R" KEY'
    assert writes.line("KEY") == 'restrict,command="internal-sftp" KEY'


# --- answers --------------------------------------------------------------------------------------

DENIED = "a@far.test: Permission denied (publickey)."
STATES = [
    ("unit=\nboot=\nnow=not mounted\noptions=\nfar=no key yet", "not mounted: no key yet", "absent"),
    (f"now=not mounted\nfar={DENIED}\npublic=KEY", "not mounted: key not accepted", "restrict,"),
    ("now=not mounted\nfar=Host key verification failed.", "not mounted: another host key", "ask"),
    ("now=not mounted\nfar=ssh: connect to host x port 22: Connection refused",
     "not mounted: no ssh server", "is far.test up"),
    ("now=no answer\nfar=Connection timed out during banner exchange", "does not answer", "is far"),
    ("now=Input/output error\nfar=timed out", "does not answer", "is far.test up"),
    ("now=Transport endpoint is not connected\nfar=", "does not answer", ""),
    ("now=not mounted\nfar=Bad configuration", "not mounted: Bad configuration", "is far.test up"),
    ("Killed\nnow=answers\noptions=ro,nosuid\nboot=enabled", "answers", ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "now", "noted"), STATES)
def test_what_the_host_says(text, now, noted):
    wanted = unit(**SKY)
    state = wanted.parse(Result(0, text))
    assert state["now"] == now
    assert noted in wanted.note(state) or state["unit"] == noted


@pytest.mark.parametrize(
    ("options_", "access"),
    [("ro,nosuid", "read only"), ("rw,relatime", "read and write"), ("", None)],
)
def test_access_is_what_the_kernel_says(options_, access):
    state = unit(**SKY).parse(Result(0, f"now=answers\noptions={options_}\n"))
    assert state.get("access") == access


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("", None),
        ("600 root:root\npresent\n", {"private": "600 root:root", "public": "present"}),
        ("644 root:root\nabsent\n", {"private": "644 root:root", "public": "absent"}),
    ],
)
def test_a_key(text, state):
    far = Far("a", "far.test", 22, KEY, "/k", True)
    assert MountKey(far, "/mnt/data/sky").parse(Result(0, text)) == state


def test_only_enabling_leaves_the_mount_alone():
    wanted = unit(**SKY)
    was = {**wanted.wanted, "boot": "disabled"}
    assert "again" not in wanted.change(was)
    assert "again" in wanted.change({**was, "unit": "other"})


@pytest.mark.parametrize(
    ("text", "mounted"),
    [
        ("", "none"),
        ("mnt-data-sky.mount:Where=/mnt/data/sky\n", "none"),  # is kept
        ("mnt-a.mount:Where=/mnt/a\nmnt-b\\x2dc.mount:Where=/mnt/b-c\n", "/mnt/a, /mnt/b-c"),
        ("mnt-a.mount:Where=/\nx.mount:Where=\n.mount:Where=/\n.mount:Where=\n", "none"),
        ("grep: x: No such file\n", "none"),
    ],
)
def test_which_mounts_are_old(text, mounted):
    old = OldMounts(mark("s"), ("/mnt/data/sky",))
    lines = "".join(f"/etc/systemd/system/{line}\n" for line in text.splitlines())
    assert old.parse(Result(0, lines)) == {"mounted": mounted}


def test_the_error_names_what_did_not_come_and_the_line_to_add():
    sky, work = unit(**SKY), unit(**{**SKY, "path": "user/work", "read_only": False})
    was = {**sky.wanted, "now": "not mounted", "public": "KEY"}
    error = not_there([(sky, was), (work, was)], f"x\ndid not come: /mnt/data/sky {DENIED}\n")
    assert error.found == "/mnt/data/sky: key not accepted"
    assert error.todo.endswith('a at far.test: restrict,command="internal-sftp -R" KEY')


# --- the runbook ----------------------------------------------------------------------------------


def test_without_mounts_only_old_ones_are_asked_for():
    wanted = recipe(DEBIAN, Site(), Params())
    assert [r for step in wanted.steps.values() for r in step] == [OldMounts(mark("default"), ())]
    assert not wanted.checks
    assert wanted.requirements[0].expect(Result(0))[1] == "none"


def test_packages_are_those_of_the_kinds():
    wanted = recipe(DEBIAN, Site(mounts=[NFS]), Params())
    assert [p.name for p in wanted.steps["packages"]] == ["nfs-common"]


def test_the_entry_that_the_example_shows_can_be_mounted(tmp_path):
    text = (SITES / "example.yaml").read_text()
    entry = re.search(r"(?ms)^#  - kind: sshfs.*?(?=^mounts:)", text)[0]
    lines = [line.removeprefix("#") for line in entry.splitlines()]
    (tmp_path / "s.yaml").write_text("\n".join(["mounts:", *lines]))
    mount, _ = recipe(DEBIAN, load_site(str(tmp_path / "s.yaml")), Params()).steps["mounts"]
    assert isinstance(mount, RemoteMount)
    assert mount.path == "/mnt/data/sky"


def test_the_program_is_shell():
    subprocess.run(["sh", "-n", PROGRAM], check=True)


def program(*arguments):
    done = subprocess.run(["sh", PROGRAM, *arguments], capture_output=True, text=True)
    return done.stdout.strip()


def test_the_program_sees_what_is_mounted(tmp_path):
    assert program("look", str(tmp_path)) == "not mounted"
    assert program("look", "/proc") == "answers"
