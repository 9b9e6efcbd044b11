"""Runbook 02 on a server: limits, packet filter seen from outside, ssh, restart."""

import time
from pathlib import Path

import pytest
from laws import answers, until
from roll_back import differences, roll_back, state

SITE = """\
name: os
host: {host}
public_url: http://127.0.0.1:8000
service_user: astro
ca_certificates: [{ca}]
system: {{ssh_hardening: true, open_ports: [8082], restart_at: "04:30"}}
"""
# What answers on a port: bash alone, on minimal hosts there is nothing else.
LISTEN = (
    "setsid nohup perl -MIO::Socket::INET -e '$s=IO::Socket::INET->new(LocalPort=>{0},Listen=>5,"
)
LISTEN += 'ReuseAddr=>1); while($c=$s->accept){{print $c "hello\\n"; close $c}}\' >/dev/null 2>&1 &'


@pytest.fixture(scope="module")
def site(operator, server, tmp_path_factory):
    """Its site file, with a certificate authority of its own; before it, ssh takes passwords."""
    server.sh(
        "sed -i 's/^PasswordAuth.*/PasswordAuthentication yes/' /etc/ssh/sshd_config.d/10-test.conf"
    )
    folder = tmp_path_factory.mktemp("site")
    operator.call("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=own",
                  "-keyout", str(folder / "key"), "-out", str(folder / "own.crt"))  # fmt: skip
    file = folder / "os.yaml"
    file.write_text(SITE.format(host=server.host, ca=folder / "own.crt"))
    return str(file)


@pytest.fixture(scope="module")
def before(operator, server, site):
    """What there is before the first run, and the packages that this will install."""
    dry = operator.papermill("02_prepare_os", site=site, dry_run="true").rows("would change")
    names = [row.removeprefix("package ") for row in dry if row.startswith("package ")]
    clock = ["systemd-timesyncd"] if "a service that keeps the clock" in dry else []
    return state(server), [*clock, *(name for name in names if name != "index")]


def listen(server):
    for port in (80, 8081, 8082):
        assert server.sh(LISTEN.format(port))[0] == 0
    for _ in range(50):
        if server.sh("grep -c ':1F9[12] .* 0A ' /proc/net/tcp")[1] == "2\n":
            return
        time.sleep(0.1)
    raise AssertionError("nothing listens")


def transactions(server):
    """How often packages were changed, as apt keeps book of it."""
    return int(server.sh("cat /var/log/apt/history.log | grep -c ^Start-Date")[1])


def test_the_plan_names_what_would_be_closed(operator, server, site, before):
    listen(server)
    assert [answers(server, port) for port in (80, 8081, 8082)] == [True] * 3
    began = transactions(server)
    done = operator.papermill("02_prepare_os", site=site)
    assert done.code == 0, done.out
    assert transactions(server) == began + 1
    again = operator.papermill("02_prepare_os", site=site)
    assert again.rows("changed") == []
    assert again.meta["round_trips"] <= 3
    server.sh("nft delete table inet cyberhubs")
    dry = operator.papermill("02_prepare_os", site=site, dry_run="true")
    assert dry.rows("would change") == ["firewall"]
    (row,) = dry.reports["Firewall"]["rows"]
    assert row["note"] == "open: 22, 80, 443, 8000, 8082; closes 8081, where something listens"
    assert operator.papermill("02_prepare_os", site=site).rows("changed") == ["firewall"]


def test_only_the_open_ports_answer_from_outside(server):
    assert [answers(server, port) for port in (80, 8081, 8082)] == [True, False, True]


@pytest.mark.parametrize(
    ("tamper", "shown"),
    [
        ("nft flush table inet cyberhubs", "firewall"),
        ("systemctl disable -q cyberhubs-firewall", "firewall"),
        ("sed -i s/443/444/ /etc/cyberhubs/firewall.nft", "firewall"),
        ("rm /usr/local/share/ca-certificates/own.crt; update-ca-certificates",
         "certificate authorities of the site"),
        ("rm -rf /var/lib/apt/lists/*", "package index"),
        ("systemctl disable -q systemd-timesyncd", "a service that keeps the clock"),
        ("userdel -r astro", "account astro"),
        ("sed -i /max_user_watches/d /etc/sysctl.d/zz-cyberhubs.conf", "fs.inotify.max_user_watches"),
        ("echo 100 > /proc/sys/fs/inotify/max_user_instances", "fs.inotify.max_user_instances"),
        ("echo PermitRootLogin yes > /etc/ssh/sshd_config.d/10-cyberhubs.conf",
         "ssh with keys only"),
        ("touch /run/cyberhubs.sshd.unread", "ssh with keys only"),
        ("rm /etc/apt/apt.conf.d/20auto-upgrades", "file /etc/apt/apt.conf.d/20auto-upgrades"),
        ("sed -i '/^Package: wget$/,/^$/s/^Version: .*/Version: 1.0-1/' /var/lib/dpkg/status",
         "updates"),
    ],
)  # fmt: skip
def test_what_was_tampered_with_is_shown_and_put_right(operator, server, site, tamper, shown):
    assert server.sh(tamper)[0] == 0
    done = operator.papermill("02_prepare_os", site=site)
    assert done.code == 0, done.out
    assert done.rows("changed") == [shown]


# Debian's own would not run in a container: it leaves the clock to the machine.
CLOCK = """
mkdir -p /run/systemd/system/systemd-timesyncd.service.d
cat > /run/systemd/system/systemd-timesyncd.service.d/runs.conf <<'END'
[Unit]
ConditionVirtualization=
[Service]
Type=simple
WatchdogSec=0
ExecStart=
ExecStart=/bin/sleep infinity
END
systemctl daemon-reload && systemctl restart systemd-timesyncd && systemctl is-active systemd-timesyncd
"""
CLOCK_AGAIN = "rm -r /run/systemd/system/systemd-timesyncd.service.d; systemctl daemon-reload;"
CLOCK_AGAIN += " systemctl restart systemd-timesyncd"


def test_a_time_service_that_was_stopped_is_started(operator, server, site):
    assert server.sh(CLOCK) == (0, "active\n")
    assert operator.papermill("02_prepare_os", site=site).rows("changed") == []
    server.sh("systemctl stop systemd-timesyncd")
    done = operator.papermill("02_prepare_os", site=site)
    assert done.rows("changed") == ["the clock's service"]
    assert server.sh("systemctl is-active systemd-timesyncd") == (0, "active\n")
    server.sh(CLOCK_AGAIN)
    assert operator.papermill("02_prepare_os", site=site).rows("changed") == []


SYSCTL_FILE, LATER = "/etc/sysctl.d/zz-cyberhubs.conf", "/etc/sysctl.d/zzz.conf"
SOMAXCONN = "net.core.somaxconn"  # each server has its own; most others are the machine's


def test_higher_values_and_other_lines_stay(operator, server, site):
    server.sh(f"echo 9999 > /proc/sys/net/core/somaxconn; sed -i /somaxconn/d {SYSCTL_FILE}")
    server.sh(f"echo 'kernel.sysrq = 0' >> {SYSCTL_FILE}")
    done = operator.papermill("02_prepare_os", site=site)
    assert done.code == 0, done.out
    assert done.rows("changed") == [SOMAXCONN]
    _, text = server.sh(f"cat {SYSCTL_FILE} /proc/sys/net/core/somaxconn")
    assert "kernel.sysrq = 0" in text
    assert f"{SOMAXCONN} = 9999" in text
    assert text.endswith("\n9999\n")


def test_who_sets_less_later_is_named(operator, server, site):
    server.sh(f"echo {SOMAXCONN}=1024 > {LATER}")
    done = operator.papermill("02_prepare_os", site=site)
    assert done.code == 1
    assert f"1024 by {LATER}" in done.out
    server.sh(f"rm {LATER}; echo {SOMAXCONN}=1024 > /etc/sysctl.d/99-sysctl.conf")
    assert operator.papermill("02_prepare_os", site=site).rows("changed") == []  # ours is later


def test_ssh_takes_keys_only(server):
    _, text = server.sh("sshd -T")
    assert "passwordauthentication no" in text
    assert "permitrootlogin without-password" in text


def ssh_settings(server, *keys):
    """What counts of these, as sshd says it, and what our file says."""
    found = dict(line.split(None, 1) for line in server.sh("sshd -T")[1].splitlines())
    return [found[key] for key in keys], server.sh(f"cat {OURS}")[1]


OURS = "/etc/ssh/sshd_config.d/10-cyberhubs.conf"


def test_a_stricter_line_of_others_stays(operator, server, site):
    server.sh(f"rm {OURS}; echo 'PermitRootLogin no' > /etc/ssh/sshd_config.d/50-own.conf")
    done = operator.papermill("02_prepare_os", site=site)
    assert done.rows("changed") == ["ssh with keys only"]
    assert "ssh takes keys only" in done.rows("ok")
    found, ours = ssh_settings(server, "permitrootlogin", "passwordauthentication")
    assert found == ["no", "no"]
    assert "PasswordAuthentication no" in ours
    assert "PermitRootLogin" not in ours
    server.sh("rm /etc/ssh/sshd_config.d/50-own.conf")


@pytest.mark.parametrize(
    ("tamper", "back"),
    [
        ("echo 'PasswordAuthentication yes' > /etc/ssh/sshd_config.d/00-first.conf",
         "rm /etc/ssh/sshd_config.d/00-first.conf"),
        ("sed -i s/^Include/#Include/ /etc/ssh/sshd_config",
         "sed -i s/^#Include/Include/ /etc/ssh/sshd_config"),
    ],
)  # fmt: skip
def test_what_would_be_without_effect_is_not_shown_as_done(operator, server, site, tamper, back):
    ours = ssh_settings(server)
    server.sh(tamper)
    dry = operator.papermill("02_prepare_os", site=site, dry_run="true")
    assert dry.rows("would change") == ["ssh with keys only"]
    assert "ssh takes keys only" in dry.rows("failed")
    done = operator.papermill("02_prepare_os", site=site)
    assert done.code == 1
    assert "without effect" in done.out
    assert "PasswordAuthentication no" in done.out
    assert "/etc/ssh/sshd_config" in done.out
    server.sh(back)
    assert ssh_settings(server) == ours
    assert operator.papermill("02_prepare_os", site=site).rows("changed") == []


WALL = "cat /etc/cyberhubs/firewall.nft; nft -s list table inet cyberhubs"


@pytest.fixture
def locked_out(operator, server, site, tmp_path):
    """Run 02 with rules that shut out the operator."""
    file = tmp_path / "narrow.yaml"
    narrow = "ssh_from: [192.0.2.0/24], ssh_hardening"
    file.write_text(Path(site).read_text().replace("ssh_hardening", narrow))

    def run():
        done = operator.papermill("02_prepare_os", site=str(file))
        assert done.code == 1
        assert "no new ssh connection came through" in done.out
        assert "192.0.2.0/24" in server.sh(WALL)[1]

    return run


def test_nobody_is_locked_out(operator, server, site, locked_out):
    """What was there comes back by itself: the rules that were kept before."""
    before = server.sh(WALL)
    locked_out()
    until(lambda: server.sh(WALL) == before, 90)
    assert operator.papermill("02_prepare_os", site=site).rows("changed") == []


def test_nobody_is_locked_out_by_a_restart(operator, server, site, locked_out):
    """In the middle of the trial: what boots are the rules that were kept before."""
    before = server.sh(WALL)
    locked_out()
    server.reboot()
    assert server.sh(WALL) == before
    assert operator.papermill("02_prepare_os", site=site).rows("changed") == []


def test_nobody_is_locked_out_where_nothing_was(operator, server, site, locked_out):
    server.sh("systemctl disable -q cyberhubs-firewall; nft delete table inet cyberhubs")
    server.sh("rm /etc/cyberhubs/firewall.*")
    locked_out()
    until(lambda: server.sh("nft list table inet cyberhubs")[0] != 0, 90)
    assert server.sh("systemctl is-enabled -q cyberhubs-firewall")[0] != 0
    assert server.sh("ls /etc/cyberhubs/firewall.nft")[0] != 0
    assert operator.papermill("02_prepare_os", site=site).rows("changed") == ["firewall"]


# The kernel at work is x.y.z-FLAVOUR: a younger one of the flavour, and one of another.
KERNELS = "k=$(uname -r); touch /boot/vmlinuz-99.1-${k#*-} /boot/vmlinuz-99.2-other"


def test_a_restart_only_if_it_is_allowed(operator, server, site):
    server.sh(KERNELS)
    booted = server.booted
    done = operator.papermill("02_prepare_os", site=site)
    assert "restart needed" in done.rows("warning")
    rows = {row["label"]: row["was"] for row in done.reports["Verify"]["rows"]}
    assert rows["restart needed"].startswith("yes: kernel 99.1-")
    assert server.booted == booted
    done = operator.papermill("02_prepare_os", site=site, allow_reboot="true")
    assert done.code == 0, done.out
    assert done.rows("changed") == ["restart"]
    assert server.booted != booted
    assert "restart needed" in done.rows("ok")  # the kernel that came is not started here


def test_all_of_it_is_there_after_the_restart(operator, server, site):
    booted = server.booted
    done = operator.papermill("02_prepare_os", site=site, allow_reboot="true")
    assert done.rows("changed") == []
    assert server.booted == booted
    listen(server)
    assert [answers(server, port) for port in (80, 8081, 8082)] == [True, False, True]
    assert server.sh("cat /proc/sys/net/core/somaxconn")[1] == "9999\n"
    server.sh("rm /boot/vmlinuz-* /etc/sysctl.d/99-sysctl.conf; touch /run/reboot-required")
    assert "restart needed" in operator.papermill("02_prepare_os", site=site).rows("warning")


def test_another_firewall_is_not_fought(operator, server, site):
    server.sh("printf '[Service]\\nExecStart=/bin/sleep 999\\n' > /run/systemd/system/ufw.service;"
              " systemctl daemon-reload; systemctl start ufw")  # fmt: skip
    done = operator.papermill("02_prepare_os", site=site)
    assert done.code == 1
    assert "other firewalls is 'ufw'" in done.out
    server.sh("systemctl stop ufw")


# as runbook 02 leaves its own; swap cannot be made here: the machine's own counts
SWAP = "touch {0}; echo '{0} none swap sw 0 0' >> /etc/fstab"
THEIRS = [
    "nft list tables | grep inet",  # and Docker's own, of this machine
    "grep swap /etc/fstab; ls /swapfile*",
    "cat /etc/ssh/sshd_config.d/50-own.conf",
]


def test_what_is_switched_off_goes_and_nothing_of_others(operator, server, site, tmp_path):
    server.sh(
        "nft add table inet others; echo 'X11Forwarding yes' > /etc/ssh/sshd_config.d/50-own.conf"
    )
    server.sh(f"{SWAP.format('/swapfile')}; {SWAP.format('/swapfile.cyberhubs')}")
    file = tmp_path / "less.yaml"
    less = "firewall: false, ssh_hardening: false, swap: none"
    file.write_text(Path(site).read_text().replace("ssh_hardening: true", less))
    gone = [
        "swap file of this runbook",
        "packet filter of this runbook",
        "ssh settings of this runbook",
    ]
    dry = operator.papermill("02_prepare_os", site=str(file), dry_run="true")
    assert dry.rows("would change") == gone
    done = operator.papermill("02_prepare_os", site=str(file))
    assert done.code == 0, done.out
    assert done.rows("changed") == gone
    assert [server.sh(ask)[1].split() for ask in THEIRS] == [
        ["table", "inet", "others"],
        ["/swapfile", "none", "swap", "sw", "0", "0", "/swapfile"],
        ["X11Forwarding", "yes"],
    ]
    assert ssh_settings(server, "passwordauthentication")[0] == ["yes"]
    assert (
        server.sh(f"ls {OURS} /etc/systemd/system/cyberhubs-firewall.service")[1].count("No such")
        == 2
    )
    again = operator.papermill("02_prepare_os", site=str(file))
    assert again.rows("changed") == []
    assert set(gone) <= set(again.rows("ok"))
    server.sh("nft delete table inet others; rm /etc/ssh/sshd_config.d/50-own.conf /swapfile")
    server.sh("sed -i '/^.swapfile /d' /etc/fstab")
    done = operator.papermill("02_prepare_os", site=site)
    assert done.rows("changed") == ["firewall", "ssh with keys only"]


def test_roll_back_as_the_page_says(server, before):
    there, packages = before
    server.sh(SWAP.format("/swapfile.cyberhubs"))
    words = {"ACCOUNT": "astro", "CERTIFICATE": "own", "PACKAGES": " ".join(packages)}
    roll_back(server, "02_prepare_os", **words)
    packages_made = ["systemd-timesync:", "/lib/python3", "/etc/(inputrc|networks|python3)"]
    stays = ["/home/astro", *packages_made]
    assert differences(there, state(server), *stays) == []
