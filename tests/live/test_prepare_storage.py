"""Runbook 03 on a server with three disks: refusals, several volumes, and an engine that is in use."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from laws import changing, until
from roll_back import differences, roll_back
from roll_back import state as everything
from testhost.testhost import TestHost

from cyberhubs_lib import start
from cyberhubs_lib.change import UNIT
from cyberhubs_lib.errors import NotConfirmed, PreconditionFailed

RUNBOOK = "03_prepare_storage"


@pytest.fixture(scope="module")
def server(operator):
    """With rsync, as runbook 02 leaves it, and the tools that other people's disks are made with.

    The engine has live-restore, as 04 sets it: containers outlive it.
    """
    with TestHost.up("prepare-storage", disks=3) as made:
        operator.knows(made)
        code, out = made.sh(
            "apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q -y"
            " --no-install-recommends install rsync fdisk lvm2 cryptsetup-bin docker.io iptables"
            """ docker-cli && echo '{"live-restore": true}' > /etc/docker/daemon.json"""
            " && systemctl reload docker"
        )
        assert code == 0, out
        yield made


def requirements(server, **params):
    """The rows of the requirements, as label -> what was found; of a dry run, which raises nothing."""
    report = start(RUNBOOK, host=server.host, dry_run=True, **params).requirements()
    return {row.label: row.was for row in report.rows}


def wipe(server):
    assert server.sh(f"wipefs -aq {server.device}; head -c 2M /dev/zero > {server.device}")[0] == 0


def of_disk(server, number=0, **params):
    device = server.devices[number]
    return requirements(server, device=device, **params)[f"disk {device}"]


# -- what is refused: how it comes there, with the disk as $1; what is said; how it goes away again ----

RAID = (
    r"printf '\374\116\053\251\0\0\0\0\132' |"
    " dd of=$1 bs=1 seek=$(($(blockdev --getsize64 $1)-65536)) conv=notrunc"
)
THERE = "mkdir -p /srv/x; mount $1 /srv/x"
REFUSED = {
    "filesystem": ("mkfs.ext4 -q -L photos $1", "not empty: ext4 photos", ""),
    "mounted": (f"mkfs.ext4 -q $1; {THERE}", "mounted at /srv/x", "umount /srv/x"),
    "swap on it": ("mkswap -q $1", "not empty: swap", ""),
    "swap in use": ("mkswap -q $1; swapon $1", "swap in use", "swapoff $1"),
    "partition table": ("echo label:gpt | sfdisk -q $1", "not empty: partition table", ""),
    "LVM": ("pvcreate -q -q $1", "not empty: LVM", ""),
    "LUKS": ("echo x | cryptsetup luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 $1",
             "not empty: LUKS", ""),
    "RAID": (RAID, "not empty: RAID", ""),
    "several": ("mkfs.ext4 -q $1; printf CD001 | dd of=$1 bs=1 seek=32769 conv=notrunc",
                "not empty:", ""),
    "ours, of another hub": ("mkfs.ext4 -q -L hub2 $1", "not empty: ext4 hub2", ""),
    "ours, mounted elsewhere": (f"mkfs.ext4 -q -L cyberhubs $1; {THERE}",
                                "made by this runbook, but mounted at /srv/x", "umount /srv/x"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_disk_that_is_in_use_is_refused_and_stays(in_process, server, case):
    setup, said, undo = REFUSED[case]
    device = server.device
    assert "empty" in of_disk(server)
    code, out = server.sh(f"set -- {device}; {setup}")
    assert code == 0, out
    before = server.sh(f"wipefs --no-act {device}")  # with the UUIDs
    try:
        run = start(RUNBOOK, host=server.host, device=device, confirm=device)
        with pytest.raises(PreconditionFailed, match="empty, or made by this runbook") as error:
            run.requirements()
        assert said in str(error.value)
        assert server.sh(f"wipefs --no-act {device}") == before
    finally:
        server.sh(undo.replace("$1", device))
        wipe(server)


def test_the_system_disk_is_refused(in_process, server):
    """A disk with a partition that /boot lies on: neither is free, although the disk is not mounted."""
    device, name = server.device, server.device.rpartition("/")[2]
    make = f"""set -e
    echo ',1G' | sfdisk -q -X gpt {device}; partx -a {device} || :
    mknod {device}p1 b $(tr : ' ' < /sys/class/block/{name}p1/dev)
    mkfs.ext4 -q {device}p1; mkdir -p /boot; mount {device}p1 /boot"""
    try:
        code, out = server.sh(make)
        assert code == 0, out
        found = of_disk(server)
        assert "the system disk: /boot lies on it" in found
        assert f"divided into {name}p1" in found
        part = f"{device}p1"
        assert "mounted at /boot" in requirements(server, device=part)[f"disk {part}"]
    finally:
        server.sh(f"umount /boot; partx -d {device}; rm -f {device}p1")
        wipe(server)


def test_files_in_the_way_are_not_hidden(server, in_process):
    server.sh("mkdir -p /mnt/user; echo 1 > /mnt/user/thesis")
    found = requirements(server, device=server.device)
    assert found["place /mnt"] == "it would hide /mnt/user/thesis"
    server.sh("rm -r /mnt/user")


def test_without_a_name_it_judges_what_is_mounted(server, in_process):
    assert "a directory of the system disk" in requirements(server)["volume at /mnt"]
    server.sh(f"mkfs.ext4 -q -L theirs {server.device}; mount {server.device} /mnt")
    assert requirements(server)["volume at /mnt"] == (
        f"{server.device} ext4; not mounted after a restart"
    )
    server.sh("umount /mnt")
    wipe(server)


@pytest.mark.parametrize(
    ("name", "said"),
    [("/dev/nothing", "no such block device"), ("UUID=00000000-0000", "no such block device"),
     ("/dev/null", "no such block device")],
)  # fmt: skip
def test_names_of_nothing(server, in_process, name, said):
    assert requirements(server, device=name)[f"disk {name}"] == said


def test_nothing_is_formatted_unless_each_name_is_typed(server, in_process, volumes):
    run = start(RUNBOOK, site=volumes, confirm=server.devices[1])
    run.requirements()
    run.plan("filesystem")
    with pytest.raises(NotConfirmed, match=f"{BY_ID},{server.devices[1]}"):
        run.apply("filesystem")
    assert [server.sh(f"blkid -p {d}")[1] for d in server.devices] == [""] * 3


# -- several volumes; the engine is in use ----------------------------------------------------------

BY_ID = "/dev/disk/by-id/test-first"
SITE = """\
name: storage
host: {host}
storage:
  volumes:
    - device: {by_id}
    - {{device: {second}, mount: /data, label: data, filesystem: xfs, project_quotas: false}}
    - {{device: {third}, mount: /archive, label: archive, files: large}}
"""


@pytest.fixture(scope="module")
def volumes(server, tmp_path_factory):
    """A site file with three volumes; the first by a name that stays."""
    link = f"mkdir -p /dev/disk/by-id; ln -sf {server.device} {BY_ID}"
    assert server.sh(link)[0] == 0
    file = tmp_path_factory.mktemp("site") / "storage.yaml"
    _, second, third = server.devices
    file.write_text(SITE.format(host=server.host, by_id=BY_ID, second=second, third=third))
    return str(file)


# An image of the host's own shell, as runbook 04 makes it; 300 MB that do not compress to be copied.
IN_USE = r"""
set -e
libraries=$(ldd /bin/sh /bin/sleep | grep -o '/lib[^ ]*' | sort -u)
tar --hard-dereference -chf - /bin/sh /bin/sleep $libraries 2>/dev/null |
  docker import - test/shell >/dev/null
for name in one two; do
  docker run -d --name $name -v $name:/v --network none --restart unless-stopped test/shell \
    /bin/sh -c 'trap exit TERM; echo kept > /v/file; while :; do /bin/sleep 1; done' >/dev/null
done
docker create --name off --network none test/shell /bin/sleep 1 >/dev/null
head -c 300M /dev/urandom > /var/lib/docker/volumes/one/_data/large
ln /var/lib/docker/volumes/one/_data/large /var/lib/docker/volumes/one/_data/same
"""
STATE = (
    "docker ps -a --format '{{.Names}} {{.Image}} {{.State}}' | sort; docker images -q --no-trunc;"
    " cd /var/lib/docker/volumes && find . -type f -o -type d | LC_ALL=C sort |"
    " xargs stat -c '%n %a %u %h';"
    " sha256sum one/_data/* two/_data/*"
)


def state(server):
    """Containers, images and files of volumes, as the engine and its directory show them."""
    code, out = server.sh(STATE)
    assert code == 0, out
    return re.sub(r".*metadata.db.*\n", "", out)


def names(server):
    return f"{BY_ID},{server.devices[1]},{server.devices[2]}"


# Stops the copy while the large file is under way.
FREEZE = f"""setsid nohup sh -c 'until ls /mnt/var/lib/docker.incoming/volumes/one/_data/.[ls]*; do
sleep 0.02; done; systemctl kill -s STOP {UNIT}; touch /root/frozen' >/dev/null 2>&1 &"""


@pytest.fixture(scope="module")
def before_all(server):
    """What there is before the first run that changes anything: an engine in use."""
    code, out = server.sh(IN_USE)
    assert code == 0, out
    return everything(server)


def test_running_containers_are_not_stopped_unasked(operator, server, volumes, before_all):
    before = state(server)
    done = operator.papermill(RUNBOOK, site=volumes, confirm=names(server))
    assert done.code == 1
    assert "data to move, and 2 containers run" in done.out
    assert "stop_containers" in done.out
    assert state(server) == before
    assert server.sh(f"blkid -p {server.device}")[1] == ""


def test_containers_that_outlived_their_engine_are_not_moved_away_from(server, in_process, volumes):
    """As when it died: nothing lists them, and they write on."""
    server.sh("systemctl stop docker.socket docker.service")
    found = requirements(server, site=volumes, stop_containers=True)["Docker's data"]
    said, command = found.split("`")[:2]
    assert said == "data to move, and containers run without their engine: "
    assert server.sh(f"systemctl reset-failed docker; {command}")[0] == 0
    found = requirements(server, site=volumes, stop_containers=True)["Docker's data"]
    assert found == "data to move; 2 containers stop"


def test_a_move_that_is_killed_goes_on(operator, server, volumes):
    """First the runbook dies, then, as at a loss of power, the copy itself, in its middle."""
    before = state(server)
    server.sh(FREEZE)
    command = [sys.executable, "-m", "cyberhubs_lib", "run", "03", "-p", "site", volumes]
    command += ["-p", "confirm", names(server), "-p", "stop_containers", "true"]
    run = subprocess.Popen(command, env=operator.environment(), start_new_session=True)
    until(lambda: server.sh("ls /root/frozen")[0] == 0, 150)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    assert changing(server)
    assert server.sh(f"systemctl kill -s KILL {UNIT}")[0] == 0
    until(lambda: not changing(server))
    assert server.sh("docker ps")[0] != 0
    assert server.sh("ls /mnt/var/lib/docker.incoming; ls /mnt/var/lib/docker")[0] != 0
    done = operator.papermill(RUNBOOK, site=volumes, stop_containers="true")
    assert done.code == 0, done.out
    assert {
        "data in /var/lib/docker",
        "data in /var/lib/containerd",
        "engine and containers",
    } <= set(done.rows("changed"))
    assert state(server) == before
    assert server.sh("ls -d /var/lib/docker.before-move /var/lib/containerd.before-move")[0] == 0
    assert (
        server.sh("ls -d /mnt/var/lib/*.incoming /var/lib/cyberhubs/stopped")[1].count("No such")
        == 2
    )


def test_images_really_lie_on_the_volume(operator, server, volumes):
    done = operator.papermill(RUNBOOK, site=volumes)
    assert done.code == 0, done.out
    assert done.rows("changed") == []
    assert done.meta["round_trips"] <= 3
    found = {row["label"]: row["was"] for row in done.reports["Verify"]["rows"]}
    assert found["Docker's data really lie in"] == f"/var/lib/docker on {server.device} ext4"
    assert (
        found["containerd's data really lie in"] == f"/var/lib/containerd on {server.device} ext4"
    )
    before = "/var/lib/containerd.before-move, /var/lib/docker.before-move"
    assert found["copies from before the move"] == before


def test_the_other_volumes(server):
    _, text = server.sh(
        "findmnt -rno TARGET,FSTYPE,LABEL /data; findmnt -rno TARGET,FSTYPE,LABEL /archive"
    )
    assert text == "/data xfs data\n/archive ext4 archive\n"
    # 4 GiB by 8 KiB, and by 64 KiB
    inodes = [int(server.sh(f"df --output=itotal {p} | tail -1")[1]) for p in ("/mnt", "/archive")]
    assert inodes == [524288, 65536]


def test_a_volume_made_here_is_known_by_its_uuid(server, in_process):
    _, uuid = server.sh(f"blkid -p -s UUID -o value {server.device}")
    name = f"UUID={uuid.strip()}"
    assert "made by this runbook" in requirements(server, device=name)[f"disk {name}"]


def test_disks_whose_names_have_changed_are_known(operator, server, volumes, tmp_path):
    """As after a restart: the first has no such name any more, the two others have each other's."""
    _, second, third = server.devices
    text = Path(volumes).read_text().replace(BY_ID, "/dev/vdx").replace(second, "/dev/other")
    file = tmp_path / "storage.yaml"
    file.write_text(text.replace(third, second).replace("/dev/other", third))
    done = operator.papermill(RUNBOOK, site=str(file))
    assert done.code == 0, done.out
    assert done.rows("changed") == []
    rows = {row["label"]: row["was"] for row in done.reports["Requirements"]["rows"]}
    for name, device in (("/dev/vdx", server.device), (third, second), (second, third)):
        _, uuid = server.sh(f"blkid -p -s UUID -o value {device}")
        said = f"({device}, 4 GiB); its name has changed: write UUID={uuid.strip()}"
        assert said in rows[f"disk {name}"]


def test_no_other_disk_takes_the_place_of_one_that_is_away(server, in_process, volumes):
    """A new empty one may have its name by then; /etc/fstab knows which it was."""
    away = "UUID=00000000-0000-4000-8000-000000000000"
    server.sh(f"cp -p /etc/fstab /root; sed -i '/ .archive /s/^[^ ]*/{away}/' /etc/fstab")
    try:
        run = start(RUNBOOK, site=volumes, dry_run=True)
        found = {row.label: row.was for row in run.requirements().rows}
        said = f"the disk of /archive in /etc/fstab, {away}, is not there"
        assert found[f"disk {server.devices[2]}"] == said
        rows = {row.label: row.status for row in run.plan("filesystem").rows}
        assert rows[f"filesystem on {server.devices[2]}"] == "unknown"
    finally:
        server.sh("mv /root/fstab /etc/fstab")


def test_project_quotas_as_far_as_the_kernel_has_them(server, in_process, volumes, tmp_path):
    """The kernel of the tests may lack CONFIG_XFS_QUOTA: then it must say so before it formats."""
    file = tmp_path / "storage.yaml"
    file.write_text(Path(volumes).read_text().replace(", project_quotas: false", ""))
    found = {
        row.label: row for row in start(RUNBOOK, site=str(file), dry_run=True).requirements().rows
    }
    has = server.sh("[ -e /proc/fs/xfs/xqm ]")[0] == 0
    assert found["project quotas"].status == ("ok" if has else "failed")
    if not has:
        assert "project_quotas: false" in found["project quotas"].note


@pytest.mark.parametrize(
    ("tamper", "shown"),
    [
        ("sed -i '/ .data xfs /d' /etc/fstab", ["mount /data"]),
        ("sed -i 's/,nofail 0 2/ 0 2/' /etc/fstab", ["mount /mnt", "mount /archive"]),
        ("umount /archive", ["mount /archive"]),
        ("sed -i '/ .var.lib.docker /d' /etc/fstab", ["data in /var/lib/docker"]),
        ("systemctl stop docker.socket docker containerd; umount /var/lib/containerd;"
         " rm -rf /var/lib/containerd", ["data in /var/lib/containerd"]),
        ("rm /etc/systemd/system/docker.service.d/cyberhubs.conf",
         ["file /etc/systemd/system/docker.service.d/cyberhubs.conf"]),
        ("chmod 700 /mnt/user", ["directory /mnt/user"]),
    ],
)  # fmt: skip
def test_what_was_tampered_with_is_shown_and_put_right(operator, server, volumes, tamper, shown):
    code, out = server.sh(f"{tamper}; systemctl daemon-reload")
    assert code == 0, out
    done = operator.papermill(RUNBOOK, site=volumes)
    assert done.code == 0, done.out
    assert done.rows("changed") == shown
    server.sh("systemctl reset-failed docker; systemctl start docker")


def test_lines_of_others_stay_in_fstab(operator, server, volumes):
    server.sh(
        "sed -i '1i # by hand' /etc/fstab; echo 'tmpfs /scratch tmpfs noauto 0 0' >> /etc/fstab"
    )
    server.sh("sed -i 's/ .archive ext4 defaults,/&noatime,/; s/,nofail 0 2/ 0 2/' /etc/fstab")
    assert operator.papermill(RUNBOOK, site=volumes).code == 0
    _, text = server.sh("cat /etc/fstab")
    assert text.startswith("# by hand\n")
    assert text.endswith("tmpfs /scratch tmpfs noauto 0 0\n")
    assert " /archive ext4 defaults,noatime,nofail 0 2\n" in text


def test_all_of_it_survives_a_restart(operator, server, volumes):
    before = state(server)
    server.reboot()
    assert server.sh(f"mkdir -p /dev/disk/by-id; ln -sf {server.device} {BY_ID}")[0] == 0
    until(lambda: server.sh("docker ps -q | wc -l")[1] == "2\n")
    assert state(server) == before
    done = operator.papermill(RUNBOOK, site=volumes)
    assert done.code == 0, done.out
    assert done.rows("changed") == []


def test_data_on_both_disks_are_for_somebody_to_decide(operator, server, in_process, volumes):
    server.sh("systemctl stop docker.socket docker containerd; umount /var/lib/containerd;"
              " sed -i '/ .var.lib.containerd /d' /etc/fstab; touch /var/lib/containerd/x")  # fmt: skip
    found = requirements(server, site=volumes)
    assert found["Docker's data"] == "/var/lib/containerd: data on both disks"
    server.sh("rm /var/lib/containerd/x")
    assert operator.papermill(RUNBOOK, site=volumes).rows("changed") == [
        "data in /var/lib/containerd"
    ]
    server.sh("systemctl reset-failed docker; systemctl start docker")
    until(lambda: server.sh("docker ps -q | wc -l")[1] == "2\n")


MOUNTS = "/mnt /data /archive"
# what xfsprogs brought, as the page says; and what the tests above wrote
STAYS = ("/etc/fstab", "/root/frozen", "/etc/networks", "/etc/python3", "/usr/local/lib/python3")


def test_roll_back_as_the_page_says(server, before_all):
    assert server.sh("docker ps -q | wc -l")[1] == "2\n"
    roll_back(server, RUNBOOK, MOUNTS=MOUNTS)
    assert differences(before_all, everything(server), *STAYS) == []
    assert server.sh("grep -E 'docker|containerd| (/mnt|/data|/archive) ' /etc/fstab")[0] != 0
    assert server.sh("docker start one two")[1] == "one\ntwo\n"
    assert server.sh("cat /var/lib/docker/volumes/two/_data/file")[1] == "kept\n"
    assert server.sh("stat -c %d /var/lib/docker /var/lib | uniq | wc -l")[1] == "1\n"


def test_a_move_that_broke_off_between_two_names_goes_on(operator, server, volumes):
    """The copy has its name and fstab does not know it yet; the original went on changing."""
    server.sh(f"mount {server.device} /mnt; touch /mnt/var/lib/{{docker,containerd}}.compared")
    server.sh("echo later > /var/lib/docker/volumes/two/_data/x")
    before = state(server)
    done = operator.papermill(RUNBOOK, site=volumes, stop_containers="true")
    assert done.code == 0, done.out
    assert {"data in /var/lib/docker", "data in /var/lib/containerd"} <= set(done.rows("changed"))
    assert state(server) == before
    assert server.sh("ls -d /mnt/var/lib/*.*")[0] != 0
    assert operator.papermill(RUNBOOK, site=volumes).rows("changed") == []


def test_roll_back_when_the_copies_were_removed(server, before_all):
    """As the page says one does after a while: then the volume has the only data."""
    code, out = server.sh(
        "rm -r /var/lib/{docker,containerd}.before-move; docker start one two;"
        " echo new > /var/lib/docker/volumes/one/_data/new"
    )
    assert code == 0, out
    before = state(server)
    roll_back(server, RUNBOOK, MOUNTS=MOUNTS)
    assert differences(before_all, everything(server), *STAYS) == []
    assert server.sh("docker start one two")[1] == "one\ntwo\n"
    assert state(server) == before
    server.reboot()
    until(lambda: server.sh("docker ps -q | wc -l")[1] == "2\n")
    assert server.sh("stat -c %d /var/lib/docker /var/lib | uniq | wc -l")[1] == "1\n"
