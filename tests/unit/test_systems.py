"""Which system a host has, from its os-release and what its tools answer."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from os_releases import ALL, AMAZON, JAMMY, ROCKY, facts

from cyberhubs_lib.errors import Unsupported
from cyberhubs_lib.facts import parse_facts
from cyberhubs_lib.params import SystemParams
from cyberhubs_lib.recipes import install_docker, prepare_os
from cyberhubs_lib.resources.swap import Swap
from cyberhubs_lib.site import Site
from cyberhubs_lib.systems.choose import system
from cyberhubs_lib.transport import Result

AMAZON_2 = 'NAME="Amazon Linux"\nID="amzn"\nID_LIKE="centos rhel fedora"\nVERSION_ID="2"\n'

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
