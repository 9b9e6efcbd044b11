"""The pure parts of runbook 03: what was found on a disk, the edit of fstab, where data lie."""

import re
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyberhubs_lib.answers import Garbled
from cyberhubs_lib.errors import SettingsError
from cyberhubs_lib.facts import parse_facts
from cyberhubs_lib.params import StorageParams, check
from cyberhubs_lib.recipes.prepare_storage import recipe
from cyberhubs_lib.resources import fstab
from cyberhubs_lib.resources.disks import Filesystem, look, usable
from cyberhubs_lib.resources.docker_data import DockerData, engine_state, movable
from cyberhubs_lib.resources.docker_move import Restarted, fits, stopped
from cyberhubs_lib.resources.mounts import Mount, is_free, judged
from cyberhubs_lib.site import Site
from cyberhubs_lib.sitefile import load_site
from cyberhubs_lib.state import Unknown
from cyberhubs_lib.transport import Result

DISK = "signatures=\ndevice=/dev/vdb\nsize=107374182400\nmounted=\npartitions=\nholders=\nsystem=\n"
OURS = DISK.replace("signatures=", "signatures=ext4 \nTYPE=ext4\nLABEL=cyberhubs")

USABLE = {
    "empty": (DISK, True, "empty (/dev/vdb, 100 GiB)"),
    "ours": (OURS, True, "made by this runbook (/dev/vdb, 100 GiB)"),
    "ours, in its place": (OURS + "mounted=/mnt \n", True, "made by this runbook"),
    "ours, elsewhere": (OURS + "mounted=/srv \n", False, "but mounted at /srv"),
    "ours, and something else": (OURS.replace("ext4 ", "ext4 gpt "), False, "ext4 partition table"),
    "ours, but xfs": (OURS.replace("ext4", "xfs"), False, "not empty: xfs cyberhubs"),
    "filesystem": (OURS.replace("cyberhubs", "photos"), False, "not empty: ext4 photos"),
    "holders": (DISK + "holders=md0 dm-1 \n", False, "a part of md0 dm-1"),
    "swap": (DISK + "swap=/dev/vdb\n", False, "swap in use"),
    "system": (DISK + "system=/ /boot \npartitions=vdb1 \n", False,
               "the system disk: / /boot lies on it; divided into vdb1"),
    "mounted": (DISK + "mounted=/srv \n", False, "mounted at /srv"),
}  # fmt: skip


@pytest.mark.parametrize("case", USABLE)
def test_what_may_become_a_volume(case):
    text, good, said = USABLE[case]
    found = usable(Result(0, text), "cyberhubs", "ext4", "/mnt")
    assert found[0] is good
    assert said in found[1]


def test_a_disk_that_cannot_be_looked_at_is_not_empty():
    for code in (9, 10):
        assert usable(Result(code, "wipefs: error"), "cyberhubs", "ext4", "/mnt")[0] is False
    with pytest.raises(Unknown, match="no block device"):
        Filesystem("/dev/x").parse(Result(9))
    assert Filesystem("/dev/x").parse(Result(10)) is not None


@given(st.text(), st.sampled_from(["signatures", "device", "size", "system"]))
def test_garbage_is_neither_ours_nor_empty(text, key):
    """An answer without one of its lines, too: what is not known of a disk may be somebody's data."""
    for garbled in (text, "\n".join(line for line in DISK.split("\n") if not line.startswith(key))):
        with pytest.raises(Garbled):
            usable(Result(0, garbled), "cyberhubs", "ext4", "/mnt")
    with pytest.raises(Garbled):
        Filesystem("/dev/vdb").parse(Result(0, text))
    assert usable(Result(1, text), "cyberhubs", "ext4", "/mnt")[0] is False


def test_several_signatures_on_one_disk_are_not_an_empty_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.write_bytes(b"\0" * (16 << 20))
    subprocess.run(["mkfs.ext4", "-q", disk], check=True)
    image = bytearray(disk.read_bytes())
    image[0x8001:0x8006] = b"CD001"  # what a mixed image carries besides
    image[0x8000] = 1
    image[0:4] = b"XFSB"
    disk.write_bytes(image)
    script = look(str(disk), "/none").replace("[ -b ", "[ -f ")
    done = subprocess.run(["sh"], input=script, text=True, capture_output=True)
    assert Filesystem(str(disk)).parse(Result(done.returncode, done.stdout)) is not None
    assert usable(Result(done.returncode, done.stdout), "cyberhubs", "ext4", "/mnt")[0] is False


def test_filesystems():
    assert Filesystem("/dev/vdb").parse(Result(0, DISK)) is None
    assert Filesystem("/dev/vdb").parse(Result(0, OURS)) == Filesystem("/dev/vdb").wanted
    assert "i=8192" in Filesystem("/dev/vdb").change(None)
    assert "i=65536" in Filesystem("/dev/vdb", large_files=True).change(None)
    assert 'mkfs.xfs -q -L fast "$d"' in Filesystem("/dev/vdb", "xfs", "fast").change(None)


MOUNTED = "device=/dev/vdb\nuuid=u-1\nsource=/dev/vdb\nlive=rw\nfstab=UUID=u-1 noatime,nofail\n"
GOOD = {"now": "/dev/vdb", "boot": "by UUID, nofail", "options": "noatime,nofail"}
MOUNTS = [
    (Mount("/dev/vdb", "/mnt"), MOUNTED, GOOD),
    (Mount("/dev/disk/by-id/x", "/mnt"), MOUNTED, {**GOOD, "now": "/dev/disk/by-id/x"}),
    (Mount("/dev/vdb", "/mnt"), MOUNTED.replace("fstab=UUID=u-1", "fstab=/dev/vdb"),
     {**GOOD, "boot": "/dev/vdb"}),
    (Mount("/dev/vdb", "/mnt"), "uuid=u-1\nsource=\nlive=\nfstab=\n",
     {"now": "nothing", "boot": "not in fstab", "options": ""}),
    (Mount("/dev/vdb", "/mnt", "xfs", True), MOUNTED, {**GOOD, "boot": "UUID=u-1", "quotas": "none"}),
    (Mount("/dev/vdb", "/mnt", "xfs", True),
     MOUNTED.replace("live=rw", "live=rw,prjquota").replace("nofail", "nofail,prjquota"),
     {**GOOD, "quotas": "by project", "options": "noatime,nofail,prjquota"}),
]  # fmt: skip


@pytest.mark.parametrize(("mount", "answer", "state"), MOUNTS)
def test_mounts(mount, answer, state):
    assert mount.parse(Result(0, answer)) == state


def test_the_line_for_xfs_asks_for_project_quotas_and_keeps_other_options():
    """On a kernel that has them; the tests' own may not, so this is the proof of the line."""
    mount = Mount("/dev/vdb", "/data", "xfs", project_quotas=True)
    assert "' /data xfs defaults,nofail,prjquota 0 0'" in mount.change(None)
    was = {"now": "/dev/vdb", "boot": "x", "quotas": "none", "options": "noatime,nofail"}
    script = mount.change(was)
    assert "' /data xfs noatime,nofail,prjquota 0 0'" in script
    assert "\numount /data\n" in script  # xfs takes them up only at a mount
    assert "umount" not in mount.change({**was, "quotas": "by project"})


PLACES = [
    ("device=/dev/vdb\nmounted=/dev/vdb\n", True, "the volume"),
    ("device=/dev/vdb\nmounted=/dev/vdc\n", False, "/dev/vdc is mounted there"),
    ("device=/dev/vdb\nfile=\n", True, "free"),
    ("device=/dev/vdb\nfile=/mnt/user/a\n", False, "it would hide /mnt/user/a"),
]


@pytest.mark.parametrize(("text", "good", "said"), PLACES)
def test_places(text, good, said):
    assert is_free(Result(0, text)) == (good, said)


FOUND = "source=/dev/sdb1\nkind=ext4\noptions=rw\nline=defaults,nofail\nunit=/run/x.mount\n"
JUDGED = [
    (FOUND, True, "/dev/sdb1 ext4"),
    ("source=\nkind=\noptions=\nline=\nunit=\n", False, "a directory of the system disk"),
    (FOUND.replace("=rw", "=ro"), False, "read only"),
    (FOUND.replace("line=defaults,nofail", "line="), False, "not mounted after a restart"),
    (FOUND.replace("line=defaults,nofail", "line=").replace("/run", "/etc"), True, "ext4"),
    (FOUND.replace(",nofail", ""), False, "without nofail"),
    (
        FOUND.replace("nofail", "nofail,comment=cloudconfig"),
        False,
        "temporary disk of the provider",
    ),
]


@pytest.mark.parametrize(("text", "good", "said"), JUDGED)
def test_a_volume_that_somebody_else_mounted_is_judged(text, good, said):
    found = judged(Result(0, text))
    assert found[0] is good
    assert said in found[1]


# -- fstab: what the edit does not know it keeps ------------------------------------------------------

word = st.text(st.characters(codec="utf-8", exclude_characters="\n\0", exclude_categories=["Cs"]))
line = st.one_of(
    word,
    word.map(lambda text: f"# {text}"),
    st.just(""),
    st.builds("{}\t{} ext4 defaults 0 2".format, st.sampled_from(["LABEL=a", "/dev/sda1"]),
              st.sampled_from(["/", "/home", "/mnt/sub", "/mntx", "none"])),
)  # fmt: skip
LINE = r"UUID=u-1 /mnt ext4 defaults,x=\040,nofail 0 2"


def edited(folder, text):
    file = folder / "fstab"
    file.write_bytes(text.encode())
    script = fstab.edit("/mnt").replace(fstab.FSTAB, str(file))
    subprocess.run(["sh", "-e"], input=f"line='{LINE}'\n{script}", text=True, check=True)
    assert [path.name for path in folder.iterdir()] == ["fstab"]
    return file.read_bytes().decode().removesuffix("\n").split("\n")


def is_mnt(text):
    """Whether this is a line of fstab for /mnt, as fstab(5) says: fields between blanks and tabs."""
    fields = re.split(r"[ \t]+", text.strip(" \t"))
    return (
        len(fields) > 1
        and not text.strip(" \t").startswith("#")
        and fields[1].rstrip("/") == "/mnt"
    )


@given(before=st.lists(line), after=st.lists(line), old=st.booleans())
def test_fstab_keeps_what_it_does_not_know(tmp_path_factory, before, after, old):
    others = [text for text in [*before, *after] if not is_mnt(text)]
    before = [text for text in before if not is_mnt(text)]
    mine = ["/dev/vdb  /mnt/ ext3 ro 0 0"] if old else []
    after = others[len(before) :]
    folder = tmp_path_factory.mktemp("etc")
    found = edited(folder, "".join(f"{text}\n" for text in [*before, *mine, *after]))
    assert found == ([*before, LINE, *after] if old else [*before, *after, LINE])
    assert edited(folder, "".join(f"{text}\n" for text in found)) == found


def test_a_last_line_without_an_end_is_a_line(tmp_path):
    assert edited(tmp_path, "LABEL=a / ext4 defaults 0 1") == ["LABEL=a / ext4 defaults 0 1", LINE]
    assert edited(tmp_path, "") == [LINE]


def test_an_option_that_somebody_added_stays():
    assert fstab.options("", ["nofail"]) == "defaults,nofail"
    assert fstab.options("noatime,nofail", ["nofail"]) == "noatime,nofail"


# -- Docker's data -------------------------------------------------------------------------------------

docker = DockerData("/var/lib/docker", "/mnt")
UP = "volume=77\nat=77\npoint=yes\nfstab=/mnt/var/lib/docker\ndata=yes\nmoved=yes\n"
SMALL = "volume=77\nat=1\nfstab=\n"
LIE = [
    (UP, "/mnt"),
    (UP.replace("fstab=/mnt/var/lib/docker", "fstab="), "/mnt, until a restart"),
    ("volume=77\nat=77\nfstab=\ndata=yes\n", "/mnt"),  # a link, as the original made it
    (SMALL, "nowhere yet"),
    (SMALL + "moved=yes\n", "nowhere yet"),  # a volume that comes from another host
    ("volume=77\nfstab=\n", "nowhere yet"),
    (SMALL + "data=yes\n", "the system disk"),
    (SMALL + "data=yes\nmoved=yes\n", "both disks"),
    (SMALL + "data=yes\nmoved=yes\nunfinished=yes\n", "the system disk"),
    (UP.replace("at=77", "at=1").replace("point=yes\n", ""), "/mnt, not mounted"),
    ("volume=77\nat=5\npoint=yes\nfstab=/dev/vdc\n", "a disk of their own"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "place"), LIE)
def test_where_the_data_lie(text, place):
    assert docker.parse(Result(0, text)) == {"lie on": place}


def test_without_the_volume_nothing_can_be_told():
    with pytest.raises(Unknown, match="/mnt is not mounted yet"):
        docker.parse(Result(0, "at=1\ndata=yes\n"))
    assert docker.where("at=1\nfstab=\ndata=yes\n") == "the system disk"


IDLE = "running=0\ndriver=overlay2\nrsync=/usr/bin/rsync\n"
BUSY = IDLE.replace("running=0", "running=3")
MOVES = [
    (SMALL, IDLE, False, True, "nothing to move"),
    (SMALL + "data=yes\n", IDLE, False, True, "data to move"),
    (SMALL + "data=yes\n", BUSY, False, False, "data to move, and 3 containers run"),
    (SMALL + "data=yes\n", BUSY, True, True, "data to move; 3 containers stop"),
    (UP, BUSY, False, True, "nothing to move"),
    (SMALL + "data=yes\n", IDLE + "alone=yes\n", True, False, "run without their engine"),
    (UP, IDLE + "alone=yes\n", False, True, "nothing to move"),
    (SMALL + "data=yes\n", "running=0\ndriver=\nrsync=\n", True, False, "no rsync"),
    (SMALL + "data=yes\n", IDLE.replace("overlay2", "zfs"), True, False, "storage driver zfs"),
    (SMALL + "data=yes\nmoved=yes\n", IDLE, True, False, "data on both disks"),
]


@pytest.mark.parametrize(("text", "engine", "may_stop", "good", "said"), MOVES)
def test_when_docker_may_move(text, engine, may_stop, good, said):
    found = movable([text], engine, [DockerData("/var/lib/docker", "/mnt", may_stop)])
    assert found[0] is good
    assert said in found[1]


@pytest.mark.parametrize(("engine", "container", "alone"), [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_containers_without_their_engine(tmp_path, engine, container, alone):
    """The state asks for them, and a move that meets them anyhow stops nothing."""
    comm = tmp_path / "1"
    comm.write_text("containerd-shim\n" if container else "containerd\n")

    def run(text):
        text = text.replace("/proc/[0-9]*/comm", str(comm))
        text = f"docker() {{ return {engine}; }}\nsystemctl() {{ echo stops; }}\n{text}"
        return subprocess.run(["sh", "-e"], input=text, text=True, capture_output=True)

    state = run(engine_state([docker])).stdout
    assert ("alone=yes" in state) == (alone == 0)
    if alone == 0:
        done = run(stopped("echo changes", may_stop=True))
        assert (done.returncode, done.stdout) == (1, "")
        assert "`sudo systemctl start docker` first" in done.stderr


def test_the_engine_stops_once_and_only_for_a_copy():
    system, nowhere = {"lie on": "the system disk"}, {"lie on": "nowhere yet"}
    other = DockerData("/var/lib/containerd", "/mnt")
    assert DockerData.change_all([(docker, system), (other, system)]).count("systemctl stop") == 1
    assert "systemctl stop" not in DockerData.change_all([(docker, nowhere), (other, nowhere)])


ROOM = [
    (9999, 1500, 9999, 9, "No space left on device: 2"),  # KiB: each alone would fit
    (9999, 4000, 9999, 5, "files of a/ b/ do not fit into 5 files of v"),
    (9999, 4000, 9999, 9, ""),
    (9999, 4000, 0, 0, ""),
]


@pytest.mark.parametrize(("size", "free", "files", "free_files", "said"), ROOM)
def test_all_that_moves_fits_together(tmp_path, size, free, files, free_files, said):
    found = f"case $2 in -i) echo d {files} 0 {free_files};; *) echo d {size} 0 {free};; esac"
    df = f"df() {{ echo head; {found}; }}"
    data = "mkdir a b; for d in a b; do head -c 1M /dev/urandom >$d/1; touch $d/2; done"
    script = f"set -e\n{df}\n{data}\n{fits(['a', 'b'], 'v')}"
    done = subprocess.run(["sh"], input=script, text=True, capture_output=True, cwd=tmp_path)
    assert (done.returncode, said in done.stderr) == (1 if said else 0, True)


def test_what_was_copied_already_needs_no_more_room(tmp_path):
    df = 'df() { echo head; [ "$2" = -i ] && echo d 0 0 - || echo d 9999 0 700; }'
    data = "mkdir -p a va.incoming; for d in a va.incoming; do head -c 1M /dev/urandom >$d/1; done"
    script = f"set -e\n{df}\n{data}\n{fits(['a'], 'v')}"
    assert subprocess.run(["sh"], input=script, text=True, cwd=tmp_path).returncode == 0


def test_a_move_that_broke_off_leaves_work():
    assert Restarted().parse(Result(0, "")) == Restarted().wanted
    assert Restarted().parse(Result(0, "stopped\n")) != Restarted().wanted


# -- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize("device", ["vdb", "/etc/passwd", "/dev/a b", "UUID=$(id)", "/dev/../etc"])
def test_devices_that_cannot_be_meant(device):
    with pytest.raises(SettingsError, match="device"):
        check(StorageParams, {"device": device})


@pytest.mark.parametrize("device", ["/dev/vdb", "/dev/disk/by-id/scsi-0QEMU_x:1", "UUID=ab-12", ""])
def test_devices(device):
    assert check(StorageParams, {"device": device}).device == device


TWICE = {
    "device": "[{device: /dev/vdb}, {device: /dev/vdb, mount: /b, label: b}]",
    "mount": "[{device: /dev/vdb}, {device: /dev/vdc, label: b}]",
    "label": "[{device: /dev/vdb}, {device: /dev/vdc, mount: /b}]",
}


@pytest.mark.parametrize("key", TWICE)
def test_volumes_differ(tmp_path, key):
    file = tmp_path / "s.yaml"
    file.write_text(f"storage:\n  volumes: {TWICE[key]}\n")
    with pytest.raises(SettingsError, match=f"give each volume a {key} of its own"):
        load_site(str(file))


@pytest.mark.parametrize(
    ("disk", "confirm", "refused"),
    [
        ("", "", None),
        ("/dev/vdb", "/dev/vdb", None),
        ("/dev/vdb", "", None),
        ("", "/dev/vdb", "a disk that the site file names"),
        ("/dev/vdb", "/dev/vdb,/dev/vdc", "/dev/vdb"),
    ],
)
def test_a_disk_that_is_only_confirmed_is_not_used_silently(disk, confirm, refused):
    site = Site(storage={"volumes": [{"device": disk}] if disk else []})
    facts = parse_facts("id=debian\nversion=13\narch=x86_64\n")
    made = recipe(facts, site, StorageParams(confirm=confirm)).requirements
    rows = {c.label: c.row(Result(0)) for c in made if c.label == "confirm"}
    assert [row.wanted for row in rows.values()] == ([refused] if refused else [])
    assert {row.status for row in rows.values()} <= {"failed"}


@pytest.mark.parametrize(("account", "status"), [("", "failed"), ("service_uid=7\n", "ok")])
def test_nothing_is_given_to_an_account_that_is_missing(account, status):
    facts = parse_facts(f"id=debian\nversion=13\narch=x86_64\nservice_user=hub\n{account}")
    made = recipe(facts, Site(), StorageParams())
    assert [c.row(Result(0)).status for c in made.requirements if c.label == "account hub"] == [
        status
    ]
    directory = made.steps["directories"][0]
    if not account:
        with pytest.raises(Unknown, match="runbook 02 makes it"):
            directory.parse(Result(0, ""))
