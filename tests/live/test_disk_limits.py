"""Homes with a limit: what runbook 03 makes for them, and what the host's service does with a name.

ext4 images are real. xfs has no quotas in the kernel of the tests: there the program's own words to
xfs_quota are looked at, and all else (the numbers of projects on files) is real.
"""

import re
import shlex
from pathlib import Path

import nbformat
import pytest
from testhost.testhost import TestHost

from cyberhubs_lib.table import path

RUNBOOK = "03_prepare_storage"
SITE = """\
name: limited
host: {host}
limits: {{disk: 100M, disk_of: {{Grace: 200M}}}}
storage: {{docker_data: false, volumes: [{{device: {device}}}]}}
"""
UNIT = "cyberhubs-homes-limited"
# connects, sends a line, prints the answer: what the hub does
ASK = ("use IO::Socket::UNIX; my $s = IO::Socket::UNIX->new(Peer => qq(/run/%s/socket)) or die $!;"
       " print $s qq($ARGV[0]\\n); print <$s>")  # fmt: skip
MIB = 1 << 20


@pytest.fixture(scope="module")
def server(operator):
    with TestHost.up("disk-limits", disks=2) as made:
        operator.knows(made)
        code, out = made.sh("apt-get -q update")
        assert code == 0, out
        yield made


@pytest.fixture(scope="module")
def site(server, tmp_path_factory):
    file = tmp_path_factory.mktemp("site") / "limited.yaml"
    file.write_text(SITE.format(host=server.host, device=server.device))
    return file


def run(operator, site, **params):
    return operator.papermill(RUNBOOK, site=str(site), **params)


def ask(server, name, unit=UNIT, user=None):
    return server.sh(f"perl -e {shlex.quote(ASK % unit)} -- {shlex.quote(name)}", user)[1].strip()


def as_user(server, command):
    """As the uid that all users' programs have."""
    return server.sh(
        f"setpriv --reuid 1000 --regid 1000 --clear-groups sh -c {shlex.quote(command)}"
    )


def home(name):
    return f"/mnt/jupyterhub_users/{name}"


def image(server, name):
    """Its size and what it takes from the disk, in MiB."""
    _, out = server.sh(f"stat -c '%s %b %B' /mnt/home_images/{name}.ext4")
    size, blocks, unit = map(int, out.split())
    return size // MIB, blocks * unit // MIB


SNAPSHOT = (
    "{ find /etc /usr/local -xdev -printf '%p %i %m %U:%G %T@\\n' | sort; findmnt -rno TARGET,SOURCE;"
    " ls -AR /mnt; } | sha256sum"
)


def test_the_plan_changes_nothing_and_the_second_run_neither(operator, server, site):
    before = server.sh(SNAPSHOT)
    dry = run(operator, site, dry_run="true")
    assert dry.code == 0, dry.out
    assert server.sh(SNAPSHOT) == before
    done = run(operator, site, confirm=server.device)
    assert done.code == 0, done.out
    assert {f"service {UNIT}.socket", "package rsync", "directory /mnt/home_images"} <= set(
        done.rows("changed")
    )
    before = server.sh(SNAPSHOT)
    done = run(operator, site)
    assert done.code == 0, done.out
    assert done.rows("changed") == []
    assert done.meta["round_trips"] <= 3
    assert server.sh(SNAPSHOT) == before
    found = {row["label"]: row["was"] for row in done.reports["Verify"]["rows"]}
    assert re.fullmatch(r"(29|3[0-2]) of 32 MiB: No space left on device",
                        found["a write over a limit of 32 MiB"])  # fmt: skip


def test_a_home_is_made_when_the_hub_asks(server):
    assert ask(server, "ada") == "ok"
    assert server.sh(f"stat -c %u:%g:%a {home('ada')}; ls -A {home('ada')}")[1] == "1000:1000:700\n"
    assert "nosuid,nodev" in server.sh(f"findmnt -no OPTIONS {home('ada')}")[1]
    size, takes = image(server, "ada")
    assert (size, takes < 20) == (100, True)


def test_at_the_limit_the_user_stops_and_nobody_else(server):
    code, out = as_user(server, f"head -c 300M /dev/zero > {home('ada')}/large")
    assert code != 0
    assert "No space left on device" in out
    assert image(server, "ada")[1] <= 100
    assert as_user(server, f"rm {home('ada')}/large && echo kept > {home('ada')}/file")[0] == 0
    server.sh(f"sync; fstrim {home('ada')}")
    assert image(server, "ada")[1] < 20  # the disk has it back


@pytest.mark.parametrize("name", [
    "", "..", "../x", "a/b", "/etc", "Ada", "-rf", "a b", "a$(touch /root/x)", "a;b", "lost+found",
    "a" * 65, ".hidden", "ä",
])  # fmt: skip
def test_what_is_no_name_is_refused(server, name):
    before = server.sh("ls -A /root /mnt/home_images /mnt/jupyterhub_users")
    assert ask(server, name) == "this cannot be the name of a home"
    assert server.sh("ls -A /root /mnt/home_images /mnt/jupyterhub_users") == before


def test_nobody_but_root_may_ask(server):
    assert "Permission denied" in ask(server, "ada", user="debian")


def test_many_at_once(server):
    names = [f"user{i}" for i in range(5)] * 3
    asked = " ".join(f"perl -e {shlex.quote(ASK % UNIT)} {name} &" for name in names)
    _, out = server.sh(f"{asked} wait")
    assert out.split() == ["ok"] * len(names)
    _, out = server.sh("findmnt -rno TARGET | grep user[0-4]; ls /mnt/home_images")
    assert len(re.findall(r"^/mnt/\S+/user\d$", out, re.M)) == 5
    assert ".new" not in out


def test_a_raised_limit_comes_with_the_next_start(operator, server, site):
    assert ask(server, "grace") == "ok"
    assert image(server, "grace")[0] == 200
    site.write_text(site.read_text().replace("disk: 100M", "disk: 150M"))
    assert run(operator, site).rows("changed") == ["file /etc/cyberhubs/homes/limited"]
    busy = f"setsid sh -c 'cd {home('ada')}; exec sleep 600' >/dev/null 2>&1 & echo $!"
    _, pid = server.sh(busy)
    assert ask(server, "ada") == "ok"
    assert image(server, "ada")[0] == 100  # somebody is in it
    server.sh(f"kill {pid}; sleep 0.3")
    assert ask(server, "ada") == "ok"
    assert server.sh(f"df --output=size -BM {home('ada')} | tail -1")[1].strip() in ("140M", "141M")
    assert server.sh(f"cat {home('ada')}/file")[1] == "kept\n"
    assert image(server, "grace")[0] == 200


def test_after_a_restart_nobody_writes_beside_the_home(server):
    server.reboot()
    assert server.sh(f"findmnt {home('ada')}")[0] != 0
    assert as_user(server, f"touch {home('ada')}/x")[0] != 0
    assert ask(server, "ada") == "ok"
    assert server.sh(f"cat {home('ada')}/file")[1] == "kept\n"


def test_a_damaged_home_stops_its_user_alone(server):
    server.sh(f"umount {home('user0')}; dd if=/dev/urandom of=/mnt/home_images/user0.ext4 bs=1M"
              " count=8 conv=notrunc")  # fmt: skip
    assert "user0.ext4 is damaged" in ask(server, "user0")
    assert "user0.ext4 is damaged" in server.sh("journalctl -q -t cyberhubs-homes")[1]
    assert ask(server, "user1") == "ok"
    server.sh("rm /mnt/home_images/user0.ext4")


@pytest.mark.parametrize(
    ("tamper", "shown"),
    [
        ("echo limit=1 >> /etc/cyberhubs/homes/limited", "file /etc/cyberhubs/homes/limited"),
        ("chmod 700 /usr/local/sbin/cyberhubs-homes", "file /usr/local/sbin/cyberhubs-homes"),
        (f"rm /etc/systemd/system/{UNIT}@.service; systemctl daemon-reload",
         f"file /etc/systemd/system/{UNIT}@.service"),
        (f"systemctl disable --now {UNIT}.socket", f"service {UNIT}.socket"),
        ("chmod 755 /mnt/home_images", "directory /mnt/home_images"),
        ("mkdir /mnt/jupyterhub_users/alan; echo 1 > /mnt/jupyterhub_users/alan/x",
         "homes without a limit"),
    ],
)  # fmt: skip
def test_what_was_tampered_with_is_shown_and_put_right(operator, server, site, tamper, shown):
    code, out = server.sh(tamper)
    assert code == 0, out
    done = run(operator, site)
    assert done.code == 0, done.out
    assert done.rows("changed") == [shown]
    assert ask(server, "ada") == "ok"


OLDER = f"""set -e
mkdir {home("old")} && cd {home("old")}
echo 1 > file; ln file same; ln -s /user user; mkfifo pipe; head -c 5M /dev/urandom > large
truncate -s 50M sparse; chown -Rh 1000:1000 .; chmod 711 .; chmod 600 file
"""
LOOK = (
    f"cd {home('old')} && find . -printf '%P %m %U:%G %n %l\\n' | sort; sha256sum large file sparse"
)


def test_an_older_home_is_copied_and_its_original_kept(operator, server, site):
    code, out = server.sh(OLDER)
    assert code == 0, out
    before = server.sh(LOOK)
    assert ask(server, "old") == "ok"  # the user goes on as before
    assert server.sh(f"findmnt {home('old')}")[0] != 0
    done = run(operator, site)
    assert done.code == 0, done.out
    assert done.rows("changed") == ["homes without a limit"]
    assert server.sh(LOOK) == before
    assert server.sh(f"findmnt {home('old')} && ls /mnt/home_images/old.before-limit/large")[0] == 0
    found = {row["label"]: row for row in done.reports["Verify"]["rows"]}
    assert "old.before-limit" in found["copies from before the limit"]["was"]


def test_a_home_that_is_larger_than_the_limit_stays_as_it_is(operator, server, site):
    server.sh(f"mkdir {home('big')}; head -c 160M /dev/zero > {home('big')}/x")
    done = run(operator, site)
    assert done.code == 1
    assert f"{home('big')} holds 161M, and the limit is 150M" in done.out
    assert server.sh(f"ls {home('big')}")[1] == "x\n"
    assert server.sh("ls -d /mnt/home_images/big*")[0] != 0
    server.sh(f"rm -r {home('big')}")


FAKE = r"""set -e
mv /usr/bin/findmnt /usr/bin/findmnt.real
cat > /usr/bin/findmnt <<'E'
#!/bin/sh
findmnt.real "$@" | sed 's/^\(xfs .*\)noquota/\1prjquota/'
E
cat > /usr/sbin/xfs_quota <<'E'
#!/bin/sh
echo "$*" >> /root/quotas
sed -n 's/.*bhard=[0-9]* \([0-9]*\) .*/#\1 0 0 0 00 [--------]/p' /root/quotas
E
chmod 755 /usr/bin/findmnt /usr/sbin/xfs_quota
"""
PROJECT = "xfs_io -r -c lsproj {0} && lsattr -pd {0}"


def test_on_xfs_with_quotas_a_home_is_a_project(operator, server, site, tmp_path):
    file = tmp_path / "quota.yaml"
    disk = f"{{device: {server.devices[1]}, mount: /data, label: q, filesystem: xfs"
    disk += ", project_quotas: false}"
    file.write_text(f"name: quota\nhost: {server.host}\ndata_root: /data\nlimits: {{disk: 1G}}\n"
                    f"storage: {{docker_data: false, volumes: [{disk}]}}\n")  # fmt: skip
    done = run(operator, file, confirm=server.devices[1])
    assert done.code == 0, done.out  # without quotas: images, on xfs too
    assert ask(server, "ada", "cyberhubs-homes-quota") == "ok"
    assert "loop" in server.sh("findmnt -no SOURCE /data/jupyterhub_users/ada")[1]
    code, out = server.sh(FAKE)
    assert code == 0, out
    users = "/data/jupyterhub_users"
    server.sh(f"mkdir -p {users}/old/a; touch {users}/old/a/b; chown -R 1000:1000 {users}/old")
    for name in ("ben", "old", "ben", "ada"):
        assert ask(server, name, "cyberhubs-homes-quota") == "ok"
    limits = [line for line in server.sh("cat /root/quotas")[1].splitlines() if "limit" in line]
    assert limits == [f"-x -c limit -p bhard={1 << 30} {n} /data" for n in (100001, 100002, 100001)]
    for place, number in (("ben", 100001), ("old", 100002), ("old/a", 100002), ("old/a/b", 100002)):
        _, out = server.sh(PROJECT.format(f"{users}/{place}"))
        assert f"projid = {number}" in out
        assert place == "old/a/b" or re.search(r"-P-* ", out), (
            out
        )  # what is made in it belongs to it
    assert server.sh(f"stat -c %u:%g:%a {users}/ben")[1] == "1000:1000:700\n"
    # what the book warns of: who knows how gets round a quota
    code, out = as_user(server, f"xfs_io -r -c 'chproj 0' -c lsproj {users}/old/a/b")
    assert (code, out) == (0, "projid = 0\n")
    assert run(operator, file).rows("changed") == []
    server.sh("mv /usr/bin/findmnt.real /usr/bin/findmnt; rm /usr/sbin/xfs_quota")


def test_roll_back_as_the_page_says(operator, server, site):
    page = "".join(c.source for c in nbformat.read(path(RUNBOOK), as_version=4).cells)
    section = page[page.index("\nDisk limits, of all") : page.index("Directories; `rmdir`")]
    (block,) = re.findall(r"```bash\n(.*?)```", section, re.S)
    before = server.sh(LOOK)
    code, out = server.sh(f"set -e\n{block}", "debian")
    assert code == 0, out
    assert server.sh(LOOK) == before
    assert (
        server.sh("findmnt -rno TARGET | grep jupyterhub_users; ls /etc/cyberhubs/homes")[1].count(
            "\n"
        )
        == 1
    )
    assert server.sh(f"cat {home('ada')}/file")[1] == "kept\n"
    assert server.sh("systemctl is-enabled cyberhubs-homes-limited.socket")[0] != 0
    text = Path(site).read_text()
    Path(site).write_text(re.sub("limits:.*\n", "", text))
    assert run(operator, site).rows("changed") == []
