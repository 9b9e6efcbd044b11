"""Runbook 05 with a second server at the other end: real ssh, real mounts, real containers.

NFS is proven by its unit's text alone (tests/unit and systemd's own check): the kernel that the tests
run on has neither NFS server nor client.
"""

import re
import time
from pathlib import Path

import pytest
from laws import planned, until
from roll_back import differences, roll_back, state
from testhost.testhost import TestHost

from cyberhubs_lib.facts import parse_facts
from cyberhubs_lib.params import Params
from cyberhubs_lib.recipes.mount_data import recipe
from cyberhubs_lib.resources.mount_units import mark
from cyberhubs_lib.resources.old_mounts import OldMounts
from cyberhubs_lib.resources.remote_mounts import RemoteMount
from cyberhubs_lib.sitefile import load_site

SITE = """\
name: mounts
host: {host}
uid: 1000
gid: 1000
mounts:
  - {{kind: sshfs, source: "archive@{ip}:/srv/sky", host_key: "{key}", path: data/deep-sky}}
  - {{kind: sshfs, source: "archive@{ip}:/srv/work", host_key: "{key}", path: user/work,
     read_only: false}}
  - {{kind: other, type: ext4, source: "{device}", path: /mnt/data/disk}}
"""
SKY, WORK, DISK = "mount /mnt/data/deep-sky", "mount /mnt/user/work", "mount /mnt/data/disk"
OLD = OldMounts.label
SKY_UNIT = r"mnt-data-deep\\x2dsky.mount"  # as a shell reads it
DEBIAN = "id=debian\nversion=13\nsystem=Debian\nuser=debian\nservice_user=debian\nhome=/h\n"
# A server of a user as the hub starts it, with nothing in it but a shell and two programs.
CONTAINER = r"""
tar -chf - /bin/sh /bin/cat /bin/sleep \
    $(ldd /bin/sh /bin/cat | grep -o '/[^ )]*/[^ :)]*\.so[^ )]*' | sort -u) 2>/dev/null \
    | docker import - user:test >/dev/null
docker run -d --name cyberhubs-mounts-user-ada --user 1000:1000 \
    --mount type=bind,source=/mnt/data,target=/data,readonly,bind-propagation=rslave \
    --mount type=bind,source=/mnt/user,target=/user,bind-propagation=rslave \
    user:test /bin/sleep 9999
"""


@pytest.fixture(scope="module")
def far():
    """The other end: an account with two directories."""
    with TestHost.up("mount-data-far", disk_gib=0) as other:
        code, out = other.sh(
            "useradd -m -s /bin/sh archive && mkdir -p /srv/sky /srv/work &&"
            " echo M31 > /srv/sky/galaxy && chown -R archive: /srv/sky /srv/work &&"
            " install -d -m 700 -o archive -g archive ~archive/.ssh"
        )
        assert code == 0, out
        yield other


def host_key(server):
    return " ".join(server.sh("cat /etc/ssh/ssh_host_ed25519_key.pub")[1].split()[:2])


@pytest.fixture(scope="module")
def site(server, far, tmp_path_factory):
    """The site file; and the server as runbooks 02 to 04 leave it, with a running container."""
    file = tmp_path_factory.mktemp("site") / "mounts.yaml"
    text = SITE.format(host=server.host, ip=far.ip, key=host_key(far), device=server.device)
    file.write_text(text)
    code, out = server.sh(
        "apt-get update -q && apt-get install -qy --no-install-recommends docker.io docker-cli iptables"
        f" && mkfs.ext4 -q {server.device} && mkdir -p /mnt/data /mnt/user && chown 1000:1000 /mnt/user"
    )
    assert code == 0, out[-2000:]
    code, out = server.sh(CONTAINER)
    assert code == 0, out
    return str(file)


@pytest.fixture(scope="module")
def before(server, site):
    """What there is before the first run with mounts."""
    return state(server)


@pytest.fixture(autouse=True)
def _not_while_the_timer_is_near():
    """What a test takes away must not be mounted again before the runbook has looked."""
    second = time.time() % 60
    if second > 40:
        time.sleep(62 - second)


def run(operator, site, **more):
    return operator.papermill("05_mount_data", site=site, **more)


def inside(server, command):
    return server.sh(f"docker exec cyberhubs-mounts-user-ada /bin/sh -c '{command}'")


def accept(far, done):
    """Type at the other end what the page says."""
    lines = re.findall(r"restrict,command=.*? ssh-ed25519 \S+ cyberhubs@[\w-]+:\S+", done.out)
    assert lines, done.out
    for line in dict.fromkeys(lines):
        far.sh(f"echo '{line}' >> ~archive/.ssh/authorized_keys")
    far.sh("cd ~archive/.ssh && chown archive: authorized_keys && chmod 600 authorized_keys")
    return lines


def snapshot(server):
    return server.sh(
        "find /etc /usr/local /root -xdev -printf '%p %i %m %U %T@\\n' | sort | sha256sum"
    )


def test_a_site_without_mounts_says_so_and_changes_nothing(operator, server):
    before = snapshot(server)
    done = operator.papermill("05_mount_data", host=server.host)
    assert done.code == 0, done.out
    assert snapshot(server) == before
    (row,) = done.reports["Requirements"]["rows"]
    assert row["was"] == "none"
    (row,) = done.reports["Mounts"]["rows"]
    assert (row["label"], row["was"]) == (OLD, "none")


def test_a_dry_run_shows_all_and_changes_nothing(operator, server, site, before):
    before = snapshot(server)
    done = run(operator, site, dry_run="true")
    assert done.code == 0, done.out
    assert snapshot(server) == before
    assert {SKY, WORK, DISK, "key for /mnt/data/deep-sky", "package sshfs"} <= set(
        done.rows("would change")
    )


def test_the_key_is_not_accepted_yet(operator, server, far, site):
    done = run(operator, site)
    assert done.code == 1
    assert "NotConverged: /mnt/data/deep-sky: key not accepted" in done.out
    assert f"~/.ssh/authorized_keys of archive at {far.ip}" in done.out
    assert server.sh("findmnt /mnt/data/disk")[0] == 0  # the others are mounted
    first = accept(far, done)
    assert 'command="internal-sftp -R"' in " ".join(line for line in first if "deep-sky" in line)
    assert 'command="internal-sftp" ' in " ".join(line for line in first if "work" in line)


def test_it_appears_in_a_container_that_runs_already(operator, server, site):
    code, _ = inside(server, "cat /data/deep-sky/galaxy")
    done = run(operator, site)
    assert done.code == 0, done.out
    assert {SKY, WORK} >= set(done.rows("changed"))  # the timer may have been faster
    assert inside(server, "cat /data/deep-sky/galaxy") == (0, "M31\n")
    assert inside(server, "echo new > /user/work/x && cat /user/work/x") == (0, "new\n")
    assert "running servers that see /mnt/data/deep-sky" in done.rows("ok")
    assert code != 0 or done.rows("changed") == []


def test_the_second_run_changes_nothing(operator, server, site):
    before = snapshot(server)
    done = run(operator, site)
    assert done.code == 0, done.out
    assert done.rows("changed") == []
    assert snapshot(server) == before
    assert done.meta["round_trips"] <= 3


def test_the_other_end_gives_files_and_nothing_else(server, far):
    ssh = (
        "ssh -o BatchMode=yes -o UserKnownHostsFile=/etc/cyberhubs/mounts/mnt/data/deep-sky/known_hosts"
        f" -i /etc/cyberhubs/mounts/mnt/data/deep-sky/key archive@{far.ip} id"
    )
    assert "uid=" not in server.sh(f"timeout 10 {ssh} </dev/null")[1]
    assert (
        server.sh("mount -o remount,rw /mnt/data/deep-sky; echo x > /mnt/data/deep-sky/x")[0] != 0
    )
    assert far.sh("ls /srv/sky")[1] == "galaxy\n"


def test_only_root_reads_the_key(server):
    listed = server.sh("stat -c '%a %U' /etc/cyberhubs/mounts/mnt/data/deep-sky/key")[1]
    assert listed == "600 root\n"


TAMPER = [
    ("umount /mnt/data/disk; umount /mnt/user/work", [WORK, DISK]),
    (f"systemctl disable -q {SKY_UNIT}", [SKY]),
    (f"sed -i s/nosuid/suid/ /etc/systemd/system/{SKY_UNIT}", [SKY]),
    ("mount -o remount,rw /mnt/data/disk", [DISK]),
    ("pkill -KILL -f 'mount.fuse.sshfs.*deep-sk[y]'", [SKY]),
    ("pkill -STOP -f 'mount.fuse.sshfs.*deep-sk[y]'", [SKY]),
    ("chmod 644 /etc/cyberhubs/mounts/mnt/user/work/key", ["key for /mnt/user/work"]),
    ("echo >> /etc/cyberhubs/mounts/mnt/user/work/known_hosts",
     ["file /etc/cyberhubs/mounts/mnt/user/work/known_hosts"]),
    ("rm /usr/local/sbin/cyberhubs-mounts", ["file /usr/local/sbin/cyberhubs-mounts"]),
    ("systemctl stop cyberhubs-mounts.timer", ["service cyberhubs-mounts.timer"]),
]  # fmt: skip


@pytest.mark.parametrize(("tamper", "shown"), TAMPER)
def test_what_was_tampered_with_is_shown_and_put_right(operator, server, site, tamper, shown):
    server.sh(tamper)
    done = run(operator, site)
    assert done.code == 0, done.out
    assert done.rows("changed") == shown
    assert inside(server, "cat /data/deep-sky/galaxy") == (0, "M31\n")


def test_a_silent_server_hangs_nobody_and_comes_back(operator, server, far, site):
    far.container.pause()
    try:
        began = time.monotonic()
        code, out = inside(server, "cat /data/deep-sky/other")
        assert code != 0
        assert time.monotonic() - began < 25
        assert "Input/output error" in out
        began = time.monotonic()
        done = run(operator, site)
        assert time.monotonic() - began < 120
        assert done.code == 1
        assert "/mnt/data/deep-sky: no answer; /mnt/user/work: no answer" in done.out
        assert f"is {far.ip} up" in done.out
    finally:
        far.container.unpause()
    until(lambda: inside(server, "cat /data/deep-sky/galaxy") == (0, "M31\n"), 90)
    assert run(operator, site).rows("changed") == []


def test_without_its_server_the_host_starts_and_mounts_later(operator, server, far, site):
    far.sh("systemctl stop ssh.socket ssh; pkill -u archive sshd")
    server.reboot()
    server.sh("docker start cyberhubs-mounts-user-ada")
    began = time.monotonic()
    assert server.sh("ls /mnt/data/deep-sky")[1] == ""
    assert time.monotonic() - began < 2
    assert server.sh("su -s /bin/sh debian -c 'touch /mnt/user/work/lost'")[0] != 0
    done = run(operator, site)
    assert done.code == 1
    assert "/mnt/data/deep-sky: no ssh server" in done.out
    far.sh("systemctl start ssh")
    until(lambda: inside(server, "cat /data/deep-sky/galaxy") == (0, "M31\n"), 90)  # by the timer
    assert "mounted again" in server.sh("journalctl -o cat -u cyberhubs-mounts")[1]


def test_all_of_it_is_there_after_a_restart(operator, server, site):
    server.reboot()
    until(lambda: server.sh("cat /mnt/data/deep-sky/galaxy") == (0, "M31\n"), 20)
    server.sh("docker start cyberhubs-mounts-user-ada")
    done = run(operator, site)
    assert done.code == 0, done.out
    assert done.rows("changed") == []


def test_another_host_key_is_refused(operator, server, far, site):
    far.sh("rm /etc/ssh/ssh_host_*; ssh-keygen -A; systemctl restart ssh; pkill -u archive sshd")
    server.sh("systemctl restart mnt-user-work.mount")
    done = run(operator, site)
    assert done.code == 1
    assert "/mnt/user/work: another host key" in done.out
    assert "ask its administrator" in done.out
    text = Path(site).read_text()
    old = re.search(r'host_key: "(.*?)"', text)[1]
    Path(site).write_text(text.replace(old, host_key(far)))
    done = run(operator, site)
    assert done.code == 0, done.out
    assert inside(server, "cat /user/work/x") == (0, "new\n")


def test_files_that_a_mount_would_hide_are_not_hidden(operator, server, far, site, tmp_path):
    server.sh("mkdir -p /mnt/data/full && touch /mnt/data/full/mine")
    more = tmp_path / "more.yaml"
    more.write_text(
        Path(site).read_text() + "  - {kind: other, type: tmpfs, source: tmpfs, path: data/full}\n"
    )
    done = run(operator, str(more))
    assert done.code == 1
    assert "the place /mnt/data/full is 'holds files of its own'" in done.out
    server.sh("rm -r /mnt/data/full")


def test_systemd_takes_every_unit(server, site, tmp_path):
    """NFS too, of which this kernel can do no more."""
    text = (
        Path(site).read_text()
        + "  - {kind: nfs, source: 'archive.test:/srv/sky', path: data/nfs}\n"
    )
    (tmp_path / "nfs.yaml").write_text(text)
    steps = recipe(parse_facts(DEBIAN), load_site(str(tmp_path / "nfs.yaml")), Params()).steps
    mounts = [m for m in steps["mounts"] if isinstance(m, RemoteMount)]
    assert len(mounts) == 4
    for mount in mounts:
        unit = f"/run/{mount.unit}"
        server.container.exec_run(["sh", "-c", 'printf %s "$TEXT" > "$UNIT"'],
                                  environment={"TEXT": mount.text, "UNIT": unit})  # fmt: skip
        code, out = server.sh(
            f"systemd-escape -p --suffix=mount {mount.path}; systemd-analyze verify '{unit}'"
        )
        assert (code, out) == (0, f"{mount.unit}\n")


OF_OTHERS = """\
{mark}[Mount]
What=tmpfs
Where=/mnt/data/{name}
Type=tmpfs
"""


def test_a_mount_that_left_the_site_file_goes(operator, server, in_process, site, tmp_path):
    """With its key, also while somebody is in it; those of other hands and other sites stay."""
    for name, line in (("hand", "# by hand\n"), ("other", mark("other"))):
        unit = OF_OTHERS.format(mark=line, name=name)
        server.sh(f"printf '%s' '{unit}' > /etc/systemd/system/mnt-data-{name}.mount")
    server.sh("systemctl daemon-reload; systemctl start mnt-data-hand.mount mnt-data-other.mount")
    server.sh("docker exec -d cyberhubs-mounts-user-ada /bin/sh -c 'cd /user/work; exec sleep 999'")
    less = tmp_path / "less.yaml"
    text = Path(site).read_text()
    less.write_text(re.sub(r"(?s)  - {kind: sshfs[^}]*srv/work.*?}\n", "", text))
    before = snapshot(server)
    dry = run(operator, str(less), dry_run="true")
    assert dry.rows("would change") == [OLD]
    (row,) = [row for row in dry.reports["Mounts"]["rows"] if row["label"] == OLD]
    assert row["was"] == "/mnt/user/work"
    assert snapshot(server) == before
    done = run(operator, str(less))
    assert done.code == 0, done.out
    assert done.rows("changed") == [OLD]
    assert server.sh("findmnt /mnt/user/work")[0] != 0
    assert server.sh("ls -d /etc/cyberhubs/mounts/mnt/user /mnt/user/work")[0] != 0
    assert inside(server, "ls /user/work")[0] != 0
    assert server.sh("findmnt -n /mnt/data/hand && findmnt -n /mnt/data/other")[0] == 0
    assert planned("05_mount_data", site=str(less)) == []
    server.sh("systemctl stop mnt-data-hand.mount mnt-data-other.mount;"
              " rm /etc/systemd/system/mnt-data-{hand,other}.mount; rmdir /mnt/data/{hand,other};"
              " systemctl daemon-reload")  # fmt: skip


def test_roll_back_as_the_page_says(operator, server, site, before, tmp_path):
    """One mount as the site file does it, one by hand, the last by the page without any."""
    words = {"mnt-data-observations": "mnt-data-disk", "data/observations": "data/disk",
             "PACKAGES": "sshfs"}  # fmt: skip
    none = tmp_path / "none.yaml"
    none.write_text(Path(site).read_text().partition("mounts:")[0])
    roll_back(server, "05_mount_data", **words)
    assert run(operator, str(none)).rows("changed") == [OLD]
    assert differences(before, state(server)) == []
