"""Which system a host has, from the os-release that such hosts have, and what their tools answer.

The texts are what hosts of these releases print, shortened. Amazon documents its own beside those of
Fedora, Debian and Ubuntu: docs.aws.amazon.com/linux/al2/ug/ident-os-release.html; the fields are those
of os-release(5), for Enterprise Linux as in the packages *-release of 9.4 and 9.6.
"""

import contextlib
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyberhubs_lib.errors import Unsupported
from cyberhubs_lib.facts import QUESTION, parse_facts, question
from cyberhubs_lib.params import SystemParams
from cyberhubs_lib.recipes import install_docker, mount_data, prepare_os
from cyberhubs_lib.resources.docker import SysconfigOptions
from cyberhubs_lib.resources.packages import DNF, Package
from cyberhubs_lib.resources.repository import dnf_repository
from cyberhubs_lib.resources.restart import RestartTimer
from cyberhubs_lib.resources.rpm import DnfIndex, DnfUpdates, Epel, parse_whole
from cyberhubs_lib.resources.swap import Swap
from cyberhubs_lib.site import Site
from cyberhubs_lib.site_host import Docker
from cyberhubs_lib.state import Unknown
from cyberhubs_lib.systems.choose import system
from cyberhubs_lib.transport import Result

ROCKY = """\
NAME="Rocky Linux"
VERSION="9.6 (Blue Onyx)"
ID="rocky"
ID_LIKE="rhel centos fedora"
VERSION_ID="9.6"
PLATFORM_ID="platform:el9"
PRETTY_NAME="Rocky Linux 9.6 (Blue Onyx)"
ANSI_COLOR="0;32"
LOGO="fedora-logo-icon"
CPE_NAME="cpe:/o:rocky:rocky:9::baseos"
REDHAT_SUPPORT_PRODUCT="Rocky Linux"
REDHAT_SUPPORT_PRODUCT_VERSION="9.6"
"""
ALMA = """\
NAME="AlmaLinux"
VERSION="9.6 (Sage Margay)"
ID="almalinux"
ID_LIKE="rhel centos fedora"
VERSION_ID="9.6"
PLATFORM_ID="platform:el9"
PRETTY_NAME="AlmaLinux 9.6 (Sage Margay)"

ALMALINUX_MANTISBT_PROJECT="AlmaLinux-9"
SUPPORT_END=2032-06-01
"""
RHEL = """\
NAME="Red Hat Enterprise Linux"
VERSION="9.4 (Plow)"
ID="rhel"
ID_LIKE="fedora"
VERSION_ID="9.4"
PLATFORM_ID="platform:el9"
PRETTY_NAME="Red Hat Enterprise Linux 9.4 (Plow)"
REDHAT_BUGZILLA_PRODUCT="Red Hat Enterprise Linux 9"
"""
AMAZON = """\
NAME="Amazon Linux"
VERSION="2023"
ID="amzn"
ID_LIKE="fedora"
VERSION_ID="2023"
PLATFORM_ID="platform:al2023"
PRETTY_NAME="Amazon Linux 2023.8.20250808"
CPE_NAME="cpe:2.3:o:amazon:amazon_linux:2023"
VENDOR_NAME="AWS"
SUPPORT_END="2029-06-30"
"""
JAMMY = """\
PRETTY_NAME="Ubuntu 22.04.2 LTS"
NAME="Ubuntu"
VERSION_ID="22.04"
VERSION="22.04.2 LTS (Jammy Jellyfish)"
VERSION_CODENAME=jammy
ID=ubuntu
ID_LIKE=debian
UBUNTU_CODENAME=jammy
"""
NOBLE = """\
PRETTY_NAME="Ubuntu 24.04.1 LTS"
NAME="Ubuntu"
VERSION_ID="24.04"
VERSION="24.04.1 LTS (Noble Numbat)"
VERSION_CODENAME=noble
ID=ubuntu
ID_LIKE=debian
UBUNTU_CODENAME=noble
"""
BOOKWORM = """\
PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
VERSION_CODENAME=bookworm
ID=debian
"""
AMAZON_2 = 'NAME="Amazon Linux"\nID="amzn"\nID_LIKE="centos rhel fedora"\nVERSION_ID="2"\n'
TRIXIE = BOOKWORM.replace("12", "13").replace("bookworm", "trixie")
ALL = {"trixie": TRIXIE, "rocky": ROCKY, "alma": ALMA, "rhel": RHEL, "amazon": AMAZON, "jammy": JAMMY,
       "noble": NOBLE, "bookworm": BOOKWORM}  # fmt: skip


# What such machines told, by facter 5.1 in github.com/voxpupuli/facterdb (February 2026): kernel,
# KiB of memory, processors, the device of /, KiB free on it, mode of SELinux.
MACHINES = {
    "rocky": ("5.14.0-570.28.1.el9_6.x86_64", 3039744, 2, "/dev/sda2", 61581088, "Enforcing"),
    "alma": ("5.14.0-570.12.1.el9_6.x86_64", 961812, 1, "/dev/sda4", 17747784, "Enforcing"),
    "amazon": ("6.1.155-176.282.amzn2023.x86_64", 2005908, 2, "/dev/sda1", 23916568, "Permissive"),
    "jammy": ("5.15.0-144-generic", 980128, 2, "/dev/sda1", 38218364, ""),
    "noble": ("6.8.0-64-generic", 3044176, 2, "/dev/mapper/ubuntu--vg-ubuntu--lv", 25269888, ""),
    "trixie": ("6.12.41+deb13-amd64", 2002068, 4, "/dev/sda3", 1466316, ""),
}
TOOLS = """
uname() {{ case $1 in -r) echo {kernel};; -m) echo x86_64;; *) echo hub;; esac; }}
getconf() {{ echo {cpus}; }}
df() {{
    echo 'Filesystem     1024-blocks    Used Available Capacity Mounted on'
    echo '{device}       99999999 2289888  {free}       4% /'
}}
getenforce() {{ [ -n '{selinux}' ] && echo {selinux}; }}
"""


def facts(os_release, folder, user="nobody-there", tools="", memory=3039744):
    """As a host with this file, memory and tools answers the real question."""
    file, meminfo = folder / "os-release", folder / "meminfo"
    file.write_text(os_release)
    meminfo.write_text(f"MemTotal:       {memory:>8} kB\nMemFree:          215860 kB\n")
    script = tools + question(user).replace("/etc/os-release", str(file))
    script = script.replace("/proc/meminfo", str(meminfo)).replace("/swapfile", str(folder / "no"))
    return parse_facts(subprocess.run(["sh"], input=script, text=True, capture_output=True).stdout)


@pytest.mark.parametrize(
    ("name", "kind", "codename"),
    [
        ("rocky", "EnterpriseLinux", ""),
        ("alma", "EnterpriseLinux", ""),
        ("rhel", "EnterpriseLinux", ""),
        ("amazon", "Amazon", ""),
        ("jammy", "Debian", "jammy"),
        ("noble", "Debian", "noble"),
        ("bookworm", "Debian", "bookworm"),
    ],
)
def test_the_family(name, kind, codename, tmp_path):
    found = facts(ALL[name], tmp_path)
    assert type(system(found)).__name__ == kind
    assert found.codename == codename


@pytest.mark.parametrize(
    ("name", "memory", "free", "sshfs", "swap"),
    [
        ("rocky", 2968, 58.7, True, 1484),
        ("alma", 939, 16.9, True, 469),
        ("amazon", 1958, 22.8, False, 979),
        ("jammy", 957, 36.4, True, 478),
        ("noble", 2972, 24.1, True, 1486),
        ("trixie", 1955, 1.4, True, 0),  # no room on /
    ],
)
def test_what_real_machines_tell(name, memory, free, sshfs, swap, tmp_path):
    kernel, kib, cpus, device, left, selinux = MACHINES[name]
    tools = TOOLS.format(kernel=kernel, cpus=cpus, device=device, free=left, selinux=selinux)
    found = facts(ALL[name], tmp_path, tools=tools, memory=kib)
    assert (found.kernel, found.arch, found.cpus) == (kernel, "x86_64", cpus)
    assert (found.memory_mib, found.root_free_gib, found.selinux) == (memory, free, selinux)
    made = prepare_os.recipe(found, Site(), SystemParams())
    assert [r.mib for r in made.steps["limits"] if isinstance(r, Swap)] == ([swap] if swap else [])
    assert ("sshfs runs" in [c.label for c in made.checks]) is sshfs
    (room,) = [c.row(Result(0)) for c in made.requirements if c.label == "free on /"]
    assert room.status == ("ok" if free >= 2 else "failed")
    checks = install_docker.recipe(found, Site(), SystemParams()).checks
    assert any(c.label.startswith("SELinux") for c in checks) is bool(selinux)


@pytest.mark.parametrize(
    ("os_release", "said"),
    [
        (AMAZON_2, "launch a new machine with Debian 13"),
        (AMAZON.replace("2023", "2027"), "use a machine with one of these"),
        (ROCKY.replace("9.6", "8.10"), "use a machine with one of these"),
        (ROCKY.replace("9.6", "10.0"), "use a machine with one of these"),
        ("ID=fedora\nVERSION_ID=42\n", "use a machine with one of these"),
        ("ID=ol\nID_LIKE=fedora\nVERSION_ID=9.5\n", "use a machine with one of these"),
        (JAMMY.replace("22.04", "20.04"), "bring it to one of these releases"),
    ],
)
def test_what_is_refused(os_release, said, tmp_path):
    with pytest.raises(Unsupported, match=said):
        system(facts(os_release, tmp_path))


@given(st.text(), st.text(), st.text())
def test_garbage_is_a_system_or_unsupported(name, like, version):
    with contextlib.suppress(Unsupported):
        assert system(parse_facts(f"id={name}\nlike={like}\nversion={version}\nsystem=x")).name


PARSERS = [
    DnfIndex(), DnfUpdates(), Epel(), RestartTimer("04:30"), SysconfigOptions(("--default-ulimit",)),
    Package("git", manager=DNF), dnf_repository("d", "u", "k", "AB"),
]  # fmt: skip


@given(st.sampled_from(PARSERS), st.integers(0, 255), st.text())
def test_parsers_make_a_state_of_garbage(resource, code, text):
    try:
        state = resource.parse(Result(code, text))
    except Unknown:
        return
    assert state is None or set(resource.wanted) <= set(state)


@given(st.integers(0, 255), st.text())
def test_dnf_check_is_read_by_its_exit_code(code, text):
    assert parse_whole(Result(code, text))[0] == (code == 0)


# What dnf 4.14 printed on a test server, shortened.
UPGRADE = """\
Dependencies resolved.
================================================================================
Installing:
 kernel            x86_64            5.14.1-1             base            5.5 k
Upgrading:
 tzdata            x86_64            2025-1               base            5.5 k

Transaction Summary
================================================================================
Install  1 Package
Upgrade  12 Packages

Operation aborted.
"""


@pytest.mark.parametrize(
    ("code", "out", "waiting"),
    [(1, UPGRADE, "13 packages"), (0, "Dependencies resolved.\nNothing to do.\n", "0 packages")],
)
def test_updates_by_dnf(code, out, waiting):
    assert DnfUpdates().parse(Result(code, out)) == {"waiting": waiting}


@pytest.mark.parametrize(
    ("code", "out", "said"),
    [(9, "", "never read"), (1, "Error: Cache-only enabled but no cache for 'base'", "no cache")],
)
def test_updates_by_dnf_that_cannot_be_told(code, out, said):
    with pytest.raises(Unknown, match=said):
        DnfUpdates().parse(Result(code, out))


def steps(name, recipe, tmp_path, site=None, params=None):
    made = recipe(facts(ALL[name], tmp_path), site or Site(), params or SystemParams())
    return {step: [r.label for r in resources] for step, resources in made.steps.items()}, made


@pytest.mark.parametrize(
    ("name", "sshfs"),
    [("rocky", "package fuse-sshfs"), ("alma", "package fuse-sshfs"), ("rhel", None), ("amazon", None),
     ("jammy", "package sshfs")],
)  # fmt: skip
def test_a_feature_that_is_lacking_is_a_row_with_the_way_round(name, sshfs, tmp_path):
    found, made = steps(name, prepare_os.recipe, tmp_path)
    assert [label for label in found["packages"] if "sshfs" in label] == ([sshfs] if sshfs else [])
    rows = [c.row(Result(1)) for c in made.requirements if c.label == "sshfs"]
    assert [row.status for row in rows] == ([] if sshfs else ["warning"])
    assert all("NFS" in row.note for row in rows)
    assert ("sshfs runs" in [c.label for c in made.checks]) == bool(sshfs)


@pytest.mark.parametrize(
    ("setting", "step", "label"),
    [
        ({"swap": "none"}, "limits", "swap file of this runbook"),
        ({"swap": "2G"}, "limits", "swap"),
        ({"firewall": False}, "firewall", "packet filter of this runbook"),
        ({"firewall": True}, "firewall", "firewall"),
        ({"ssh_hardening": False}, "remote_login", "ssh settings of this runbook"),
        ({"ssh_hardening": True}, "remote_login", "ssh with keys only"),
    ],
)
def test_what_is_switched_off_is_looked_for(setting, step, label, tmp_path):
    found, made = steps("bookworm", prepare_os.recipe, tmp_path, Site(system=setting))
    assert found[step][-1] == label
    assert (made.steps[step][-1].wanted is None) == label.endswith("of this runbook")


@pytest.mark.parametrize(
    ("name", "source", "engine", "url"),
    [
        ("rocky", "auto", "docker-ce", "https://download.docker.com/linux/centos/9/$basearch/stable"),
        ("rhel", "docker", "docker-ce", "https://download.docker.com/linux/rhel/9/$basearch/stable"),
        ("amazon", "auto", "docker", ""),
        ("amazon", "distribution", "docker", ""),
        ("jammy", "auto", "docker.io", ""),
        ("noble", "docker", "docker-ce", "https://download.docker.com/linux/ubuntu noble"),
        ("bookworm", "auto", "docker-ce", "https://download.docker.com/linux/debian bookworm"),
    ],
)  # fmt: skip
def test_where_the_engine_comes_from(name, source, engine, url, tmp_path):
    docker = Docker(source=source)
    host = system(facts(ALL[name], tmp_path))
    assert host.engine(docker).packages[0] == engine
    assert [r.wanted["address"].split(" enabled")[0] for r in host.repository(docker)] == (
        [url] if url else []
    )
    keys = {r.wanted["key"][:4] for r in host.repository(docker)}
    assert keys <= ({"060A"} if "basearch" in url else {"9DC8"})


NFS = {"kind": "nfs", "source": "far.test:/sky", "path": "data/sky"}
SSHFS = {"kind": "sshfs", "source": "a@far.test:/sky", "path": "data/sky",
         "host_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOmWpgO"}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "mount", "package", "refused"),
    [
        ("bookworm", NFS, ["package nfs-common"], False),
        ("rocky", NFS, ["package nfs-utils"], False),
        ("rocky", SSHFS, ["package fuse-sshfs"], False),
        ("amazon", NFS, ["package nfs-utils"], False),
        ("amazon", SSHFS, [], True),
    ],
)
def test_mounts_need_the_system_s_own_packages(name, mount, package, refused, tmp_path):
    found, made = steps(name, mount_data.recipe, tmp_path, Site(mounts=[mount]))
    assert found["packages"] == package
    rows = [c.row(Result(1)) for c in made.requirements if c.label == "sshfs"]
    assert [row.status for row in rows] == (["failed"] if refused else [])


def test_a_source_that_a_system_lacks_stops_the_run(tmp_path):
    for name, source in (("rocky", "distribution"), ("amazon", "docker")):
        _, made = steps(name, install_docker.recipe, tmp_path, Site(docker={"source": source}))
        rows = [c.row(Result(0)) for c in made.requirements if c.label == "docker.source"]
        assert [row.status for row in rows] == ["failed"]


@pytest.mark.parametrize("selinux", ["", "Enforcing", "Permissive"])
def test_selinux_is_told_where_there_is_one(selinux, tmp_path):
    found = parse_facts(f"id=rocky\nlike=rhel\nversion=9.6\nselinux={selinux}\nsystem=Rocky\n")
    made = install_docker.recipe(found, Site(), SystemParams())
    rows = [c.row(Result(0, "yes\n")) for c in made.checks if c.label.startswith("SELinux")]
    assert [row.status for row in rows] == (["warning"] if selinux else [])
    assert all("container_file_t" in row.note for row in rows)
    assert "getenforce" in QUESTION


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ('OPTIONS="--default-ulimit nofile=32768:65536"', 'OPTIONS=""'),
        ('OPTIONS="--debug --default-ulimit=nofile=1:2 --dns 192.0.2.1"',
         'OPTIONS="--debug --dns 192.0.2.1"'),
        ('# OPTIONS="--default-ulimit nofile=1:2"', '# OPTIONS="--default-ulimit nofile=1:2"'),
        ("DAEMON_MAXFILES=1048576", "DAEMON_MAXFILES=1048576"),
    ],
)  # fmt: skip
def test_options_that_exclude_daemon_json_are_taken_out(line, left, tmp_path):
    file = tmp_path / "docker"
    file.write_text(line + "\n")
    script = SysconfigOptions(("--default-ulimit",)).change(None)
    subprocess.run(["sh", "-ec", script.replace(SysconfigOptions.file, str(file))], check=True)
    assert file.read_text() == left + "\n"
