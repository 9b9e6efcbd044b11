"""Runbooks 02 and 04 where dnf rules: on a stand-in for Rocky Linux 9 and Amazon Linux 2023.

dnf, rpm, its database, signatures, systemd and the engine are real; the packages are made for the
test (testhost/redhat.sh), and SELinux is not there.
"""

import laws
import pytest
from roll_back import roll_back
from testhost.testhost import TestHost

from cyberhubs_lib.recipes.prepare_os import SYSCTLS

SITE = """\
name: {name}
host: {host}
public_url: http://127.0.0.1:8000
service_user: astro
ca_certificates: [{ca}]
system: {{ssh_hardening: true, restart_at: "{at}"}}
docker: {{{docker}}}
"""
SNAPSHOT = (
    "{ find /etc /usr /opt /home /root -xdev -printf '%p %i %m %U:%G %T@\\n' | sort; rpm -qa | sort;"
    " ls /srv; } 2>/dev/null | sha256sum"
)


class Family:
    """A server of one family, and the site file for it."""

    def __init__(self, operator, server, folder):
        self.operator, self.server, self.folder = operator, server, folder
        self.sh = server.sh

    def site(self, at="04:30", **docker):
        if self.server.name == "family-el9":
            key = self.sh("cat /srv/fingerprint")[1].strip()
            docker = {"repository": "file:///srv/docker/linux", "key_fingerprint": key, **docker}
        file = self.folder / "family.yaml"
        words = ", ".join(f"{key}: {value}" for key, value in docker.items())
        file.write_text(SITE.format(name="family", host=self.server.host, docker=words, at=at,
                                    ca=self.folder / "own.crt"))  # fmt: skip
        return str(file)

    def run(self, runbook, site=None, **params):
        return self.operator.papermill(runbook, site=site or self.site(), **params)

    def done(self, runbook, site=None, **params):
        done = self.run(runbook, site, **params)
        assert done.code == 0, done.out
        return done

    def changed(self, runbook):
        """What one run changes, called in this process."""
        return laws.changed(runbook, site=self.site())

    def again(self, runbook):
        """A run with nothing to do: no change, no touched file, 3 round trips."""
        before = self.sh(SNAPSHOT)
        done = self.done(runbook)
        assert done.rows("changed") == []
        assert self.sh(SNAPSHOT) == before
        assert done.meta["round_trips"] <= 3
        return done


def up(name, operator, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    operator.call("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=own",
                  "-keyout", str(folder / "key"), "-out", str(folder / "own.crt"))  # fmt: skip
    with TestHost.up(f"family-{name}", family=name, disk_gib=0) as server:
        operator.knows(server)
        yield Family(operator, server, folder)


@pytest.fixture(scope="module")
def el9(operator, tmp_path_factory):
    yield from up("el9", operator, tmp_path_factory)


@pytest.fixture(scope="module")
def amazon(operator, tmp_path_factory):
    yield from up("al2023", operator, tmp_path_factory)


def test_02_dry_run_shows_and_changes_nothing(el9):
    before = el9.sh(SNAPSHOT)
    done = el9.done("02_prepare_os", dry_run="true")
    assert el9.sh(SNAPSHOT) == before
    wanted = {"package index", "package git", "package fuse-sshfs", "package dnf-automatic",
              "repository EPEL", "certificate authorities of the site"}  # fmt: skip
    assert wanted <= set(done.rows("would change"))
    assert {"updates", "service dnf-automatic-install.timer"} <= set(done.rows("unknown"))
    assert "package /usr/bin/curl" in done.rows("ok")  # of curl-minimal, which excludes curl


def test_02_prepares_the_system(el9):
    done = el9.done("02_prepare_os")
    assert {"updates", "package git", "repository EPEL", "firewall"} <= set(done.rows("changed"))
    assert "restart needed" in done.rows("warning")  # a kernel came
    assert el9.sh("rpm -q tzdata")[1] == "tzdata-2025-1.x86_64\n"
    assert "passwordauthentication no" in el9.sh("sshd -T")[1]
    last = "dnf -q history list %s | tail -n 1 | cut -d '|' -f 1"
    assert el9.sh(last % "git") == el9.sh(last % "wget") != (0, "")  # one transaction for all


def test_02_no_restart_by_night_while_a_runbook_is_at_work(el9):
    booted = el9.server.booted
    with laws.at_work(el9.operator, el9.server):
        assert el9.sh("systemctl start cyberhubs-restart.service")[0] == 0
    _, shown = el9.sh("systemctl show -p Result,ConditionResult cyberhubs-restart.service")
    assert "Result=exec-condition" in shown
    assert el9.server.booted == booted


def test_02_a_restart_is_known_and_made(el9):
    booted = el9.server.booted
    done = el9.done("02_prepare_os", allow_reboot="true")
    assert done.rows("changed") == ["restart"]
    assert el9.server.booted != booted
    assert "restart needed" in el9.again("02_prepare_os").rows("ok")


@pytest.mark.parametrize(
    ("tamper", "shown"),
    [
        ("rpm -e wget", "package wget"),
        ("rpm -e fuse-sshfs", "package fuse-sshfs"),
        ("sed -i s/enabled=1/enabled=0/ /etc/yum.repos.d/epel.repo", "repository EPEL"),
        ("rpm -e --nodeps tzdata; rpm -i /srv/base/tzdata-2024.rpm", "updates"),
        ("rm -rf /var/cache/dnf", "package index"),
        ("mkdir /srv/new; createrepo_c -q /srv/new; cd /etc/yum.repos.d; sed 's,epel,new,'"
         " epel.repo >new.repo", "package index"),
        ("systemctl disable -q --now dnf-automatic-install.timer",
         "service dnf-automatic-install.timer"),
        ("systemctl stop cyberhubs-restart.timer", "timer cyberhubs-restart.timer"),
        ("sed -i s/04:30/05:30/ /etc/systemd/system/cyberhubs-restart.timer",
         "timer cyberhubs-restart.timer"),
        ("echo '# x' >> /etc/systemd/system/cyberhubs-restart.service",
         "file /etc/systemd/system/cyberhubs-restart.service"),
        ("systemctl disable -q --now chronyd", "a service that keeps the clock"),
        ("systemctl stop chronyd", "the clock's service"),
        ("rm /etc/pki/ca-trust/source/anchors/own.crt; update-ca-trust",
         "certificate authorities of the site"),
    ],
)  # fmt: skip
def test_02_what_was_tampered_with_is_shown_and_put_right(el9, in_process, tamper, shown):
    code, out = el9.sh(tamper)
    assert code == 0, out
    assert el9.changed("02_prepare_os") == [shown]


def test_02_a_setting_that_went_takes_its_timer_with_it(el9):
    never = el9.site(at="")
    assert el9.done("02_prepare_os", never).rows("changed") == ["timer cyberhubs-restart.timer"]
    assert el9.sh("systemctl list-timers --all | grep cyberhubs-restart")[0] == 1
    assert el9.done("02_prepare_os").rows("changed") == ["timer cyberhubs-restart.timer"]


def test_02_an_installation_that_was_cut_off_is_ended(el9):
    el9.sh("rpm -e --nodeps perl-interpreter")
    assert el9.done("02_prepare_os").rows("changed") == ["package manager", "package /usr/bin/perl"]
    assert el9.sh("dnf -C -q check --dependencies --duplicates; rpm -q perl-interpreter")[0] == 0
    assert el9.done("02_prepare_os").rows("changed") == []


def test_04_a_key_with_another_fingerprint_is_not_trusted(el9):
    done = el9.run("04_install_docker", el9.site(key_fingerprint="AB" * 20))
    assert done.code == 1
    assert "file:///srv/docker/linux/centos/gpg holds another key than ABAB" in done.out
    assert el9.sh("ls /etc/pki/rpm-gpg/docker* /etc/yum.repos.d/docker*")[0] != 0


def test_04_the_engine_comes_from_the_signed_repository(el9):
    done = el9.done("04_install_docker")
    assert {"repository docker", "Docker engine"} <= set(done.rows("changed"))
    assert el9.sh("rpm -q docker-ce docker-compose-plugin && rpm -q gpg-pubkey")[0] == 0
    assert "a published port answers" in done.rows("ok")
    assert "a container finds names" in done.rows("ok")
    el9.again("04_install_docker")


@pytest.mark.parametrize(
    ("tamper", "shown"),
    [
        ("sed -i s/gpgcheck=1/gpgcheck=0/ /etc/yum.repos.d/docker.repo", "repository docker"),
        ("sed -i s/enabled=1/enabled=0/ /etc/yum.repos.d/docker.repo", "repository docker"),
        ("rm /etc/pki/rpm-gpg/docker.asc", "repository docker"),
        ("rpm -e docker-compose-plugin", "Docker engine"),
        ("systemctl disable -q docker", "service docker.service"),
        ("gpasswd -d astro docker", "astro in group docker"),
    ],
)
def test_04_what_was_tampered_with_is_shown_and_put_right(el9, in_process, tamper, shown):
    code, out = el9.sh(tamper)
    assert code == 0, out
    assert el9.changed("04_install_docker") == [shown]


def test_04_unsigned_packages_are_refused(el9):
    """dnf itself looks at the signatures, with the key that the runbook compared."""
    script = (
        "rpm -e docker-compose-plugin; cd /srv/docker/linux/centos/9/x86_64/stable && rm -r repodata &&"
        " rpmsign --delsign docker-compose*.rpm && createrepo_c -q ."
        " && dnf -q --repo=docker --refresh makecache"
    )
    code, out = el9.sh(script)
    assert code == 0, out
    done = el9.run("04_install_docker")
    assert done.code == 1
    assert "is not signed" in done.out


def test_04_a_source_that_the_system_lacks_is_said(el9):
    done = el9.run("04_install_docker", el9.site(source="distribution"))
    assert done.code == 1
    assert "docker.source is 'distribution'" in done.out


THEIRS = "docker-ce docker-ce-cli containerd.io docker-compose-plugin"
BACK = {
    "04_install_docker": (
        {"ACCOUNT": "astro", "PACKAGES": THEIRS},
        {"Docker engine", "repository docker", "service docker.service", "astro in group docker",
         "file /etc/docker/daemon.json"},
    ),
    "02_prepare_os": (
        {"ACCOUNT": "astro", "CERTIFICATE": "own", "PACKAGES": "fuse-sshfs wget"},
        {"certificate authorities of the site", "package fuse-sshfs", "package wget", "account astro",
         "service dnf-automatic-install.timer", "timer cyberhubs-restart.timer", "firewall",
         "file /etc/systemd/system/cyberhubs-restart.service",
         "ssh with keys only", *SYSCTLS.keys() - {"kernel.pid_max"}},  # a file of systemd has that
    ),
}  # fmt: skip


@pytest.mark.parametrize("runbook", BACK)
def test_the_way_back_on_the_page_is_one(el9, runbook):
    """The plan then shows what was undone."""
    words, gone = BACK[runbook]
    roll_back(el9.server, runbook, "dnf", **words)
    done = el9.run(runbook, dry_run="true")
    assert set(done.rows("would change") + done.rows("unknown")) == gone


def test_amazon_02_says_what_is_lacking(amazon):
    done = amazon.done("02_prepare_os")
    rows = {row["label"]: row for row in done.reports["Requirements"]["rows"]}
    assert rows["sshfs"]["was"] == "not in Amazon Linux 2023"
    assert "NFS" in rows["sshfs"]["note"]
    assert "sshfs runs" not in done.rows("ok") + done.rows("failed")
    assert {"file /etc/dnf/vars/releasever", "updates"} <= set(done.rows("changed"))
    assert amazon.sh("rpm -q tzdata")[1] == "tzdata-2025-1.x86_64\n"  # of a later release
    amazon.again("02_prepare_os")


def test_amazon_02_stays_unlocked(amazon, in_process):
    amazon.sh("rm /etc/dnf/vars/releasever")
    assert amazon.changed("02_prepare_os") == ["file /etc/dnf/vars/releasever"]


def test_amazon_04_its_own_engine_without_compose(amazon):
    done = amazon.done("04_install_docker")
    rows = {row["label"]: row for row in done.reports["Requirements"]["rows"]}
    assert rows["docker compose"]["was"] == "not in Amazon Linux 2023"
    assert "our own image" in rows["docker compose"]["note"]
    assert {"Docker engine", "file /etc/sysconfig/docker"} <= set(done.rows("changed"))
    assert amazon.sh("rpm -q docker && systemctl is-active docker")[0] == 0
    amazon.again("04_install_docker")


def test_amazon_04_an_option_that_excludes_daemon_json(amazon, in_process):
    line = r"""OPTIONS="--debug --default-ulimit nofile=32768:65536 --dns=192.0.2.1" """
    amazon.sh(f"echo '{line}' > /etc/sysconfig/docker")
    assert amazon.changed("04_install_docker") == ["file /etc/sysconfig/docker"]
    assert amazon.sh("cat /etc/sysconfig/docker")[1] == 'OPTIONS="--debug --dns=192.0.2.1" \n'
    assert amazon.sh("systemctl reset-failed docker; systemctl restart docker")[0] == 0


# As its package leaves it: the limit is an option. A container runs.
IN_USE = r"""
systemctl stop docker; rm /etc/docker/daemon.json*
echo 'OPTIONS="--default-ulimit nofile=1024:4096"' > /etc/sysconfig/docker
systemctl reset-failed docker; systemctl start docker
tar -chPf - $(command -v sleep) $(ldd $(command -v sleep) | grep -o '/[^ ]*\.so[^ ]*') |
    docker import - sleeper && docker run -d --name theirs --network none sleeper sleep 9999
"""
BEGAN = "docker inspect -f '{{.State.Running}} {{.State.StartedAt}}' theirs"


def test_amazon_04_an_engine_that_is_in_use_takes_the_settings(amazon):
    code, out = amazon.sh(IN_USE)
    assert code == 0, out
    before = amazon.sh(BEGAN)
    assert before[1].startswith("true ")
    done = amazon.done("04_install_docker")
    assert set(done.rows("changed")) == {
        "file /etc/sysconfig/docker",
        "file /etc/docker/daemon.json",
    }
    assert amazon.sh(BEGAN) == before
    amazon.again("04_install_docker")
    assert amazon.sh("docker rm -f theirs; docker rmi sleeper")[0] == 0


def test_amazon_04_docker_has_no_repository_for_it(amazon):
    done = amazon.run("04_install_docker", amazon.site(source="docker"))
    assert done.code == 1
    assert "docker.source is 'docker'" in done.out
