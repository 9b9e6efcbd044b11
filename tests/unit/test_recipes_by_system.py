"""What the runbooks make of each system: its packages, its engine, and what it lacks."""

import subprocess

import pytest
from os_releases import ALL, facts

from cyberhubs_lib.facts import QUESTION, parse_facts
from cyberhubs_lib.params import SystemParams
from cyberhubs_lib.recipes import install_docker, mount_data, prepare_os
from cyberhubs_lib.resources.packages import Package
from cyberhubs_lib.resources.services import KEEPERS, TimeService
from cyberhubs_lib.site import Site
from cyberhubs_lib.site_host import Docker
from cyberhubs_lib.systems.choose import system
from cyberhubs_lib.transport import Result


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
    ("name", "extra", "package"),
    [
        ("bookworm", ["jq"], "systemd-timesyncd"), ("bookworm", ["jq", "chrony"], "chrony"),
        ("jammy", ["openntpd"], "openntpd"), ("rocky", [], "chrony"), ("rocky", ["ntpsec"], "ntpsec"),
    ],
)  # fmt: skip
def test_the_clock_is_kept_by_what_the_site_asks_for(name, extra, package, tmp_path):
    """Two packages that keep it conflict: there is one in the transaction, and its service runs."""
    site = Site(extra_packages=extra)
    _, made = steps(name, prepare_os.recipe, tmp_path, site)
    found = [r for r in made.steps["packages"] if isinstance(r, Package)]
    assert {r.name for r in found} & KEEPERS.keys() == {package}
    (clock,) = [r for r in found if isinstance(r, TimeService)]
    assert clock.manager == found[0].manager
    (tmp_path / "systemctl").write_text(
        f'#!/bin/sh\n[ "$1" = cat ] || echo "$@" >>{tmp_path}/done\n'
    )
    (tmp_path / "systemctl").chmod(0o755)
    subprocess.run(["sh", "-e"], input=f"PATH={tmp_path}\n{clock.after}", text=True, check=True)
    wanted = f"enable --now {KEEPERS[package][0]}.service\n"
    assert (tmp_path / "done").read_text() == wanted


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
