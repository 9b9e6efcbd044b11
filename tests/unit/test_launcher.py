"""The launcher in a copy of its own, with a PATH on which every program is ours."""

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

LAUNCHER = Path(__file__).parents[2] / "cyberhubs"
# The programs the launcher may really use; all others are absent unless a test fakes them.
REAL = [
    *("sh", "cat", "cksum", "dirname", "readlink", "mkdir", "rm", "seq", "sleep", "env", "tail"),
    *("setsid", "nohup", "touch", "flock"),
]
PYTHON_FAKE = """\
echo "python $*" >> "$CALLS"
case "$*" in
  *sys.version_info*) exit 0 ;;
  *"import venv"*) [ ! -e "$STATE/no-venv" ] ;;
  "-m venv "*) mkdir -p "$3/bin" && cat "$0" > "$3/bin/python" && chmod 755 "$3/bin/python" ;;
  *"pip install"*) [ ! -e "$STATE/pip-fails" ] ;;
esac
"""
APT_FAKE = (
    'echo "apt-get $*" >> "$CALLS"; case "$*" in *python3-venv*) rm -f "$STATE/no-venv";; esac'
)
NO_ENGINE = 'echo "Cannot connect to the Docker daemon" >&2; exit 1'


@dataclass
class Machine:
    """A repository copy and the programs of a machine around it."""

    root: Path

    def fake(self, name: str, script: str) -> None:
        path = self.root / "bin" / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def user(self, uid: int) -> None:
        self.fake("id", f'case "$1" in -u) echo {uid} ;; *) echo alice ;; esac')

    def system(self, ident: str, version: str, systemd: bool = False) -> None:
        (self.root / "os-release").write_text(f"ID={ident}\nVERSION_ID={version}\n")
        if systemd:
            (self.root / "systemd").mkdir()

    def run(self, *args: str, start: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(start or self.repo / "cyberhubs"), *args],
            cwd=self.root,
            env={
                "PATH": str(self.root / "bin"),
                "CALLS": str(self.root / "calls"),
                "STATE": str(self.root),
                "TMPDIR": str(self.root),
            },
            capture_output=True,
            text=True,
            timeout=20,
            stdin=subprocess.DEVNULL,
        )

    @property
    def repo(self) -> Path:
        return self.root / "a repo"

    @property
    def calls(self) -> str:
        path = self.root / "calls"
        return path.read_text() if path.exists() else ""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    (tmp_path / "bin").mkdir()
    made.repo.mkdir()
    for name in REAL:
        found = next(p for p in (Path("/usr/bin"), Path("/bin")) if (p / name).exists())
        (tmp_path / "bin" / name).symlink_to(found / name)
    # The real one, but for where it looks at the real machine.
    text = LAUNCHER.read_text()
    for old, new in (
        ("/etc/os-release", '"$STATE/os-release"'),
        ("/run/systemd/system", '"$STATE/systemd"'),
        ('PATH="$PATH:/usr/sbin:/sbin"', 'PATH="$PATH"'),
    ):
        assert old in text
        text = text.replace(old, new)
    (made.repo / "cyberhubs").write_text(text)
    (made.repo / "cyberhubs").chmod(0o755)
    (made.repo / "pyproject.toml").write_text("[project]\n")
    made.fake("python3", PYTHON_FAKE)
    made.fake("chmod", '/bin/chmod "$@"')
    made.fake("apt-get", APT_FAKE)
    made.user(1000)
    made.system("debian", "13")
    return made


def test_setup_is_made_once_and_again_when_the_list_changes(machine: Machine) -> None:
    first = machine.run("setup")
    assert first.returncode == 0, first.stderr
    assert {path.name for path in machine.repo.iterdir()} == {
        "cyberhubs",
        "pyproject.toml",
        ".venv",
    }
    assert "pip install" in machine.calls
    assert "[test]" not in machine.calls
    before = machine.calls
    assert machine.run("setup").stderr == ""
    assert machine.calls == before
    (machine.repo / "pyproject.toml").write_text("[project]\n# another pin\n")
    machine.run("setup")
    assert machine.calls.count("pip install") == 2


def test_the_test_extra_comes_with_test_only_and_stays(machine: Machine) -> None:
    machine.run("setup")
    done = machine.run("test", "unit", "-x")
    assert done.returncode == 0, done.stderr
    assert ".[test]" in machine.calls
    assert "python -m pytest tests/unit -x" in machine.calls
    before = machine.calls
    machine.run("setup")
    assert machine.calls == before


def test_a_half_made_environment_is_made_again(machine: Machine) -> None:
    (machine.root / "pip-fails").touch()
    failed = machine.run("setup")
    assert failed.returncode == 1
    (machine.root / "pip-fails").unlink()
    assert machine.run("setup").returncode == 0
    assert machine.calls.count("-m venv") == 2


def test_of_two_commands_at_once_one_makes_it_and_the_other_waits(machine: Machine) -> None:
    slow = PYTHON_FAKE.replace('*"pip install"*)', '*"pip install"*) sleep 1;')
    assert slow != PYTHON_FAKE
    machine.fake("python3", slow)
    with ThreadPoolExecutor() as both:
        done = list(both.map(machine.run, ["setup", "setup"]))
    assert [each.returncode for each in done] == [0, 0], done
    assert machine.calls.count("pip install") == 1
    assert "waiting" in done[0].stderr + done[1].stderr


def test_uv_is_preferred(machine: Machine) -> None:
    machine.fake(
        "uv",
        'echo "uv $*" >> "$CALLS"; [ "$1" != venv ] || { for d; do :; done; mkdir -p "$d/bin"; '
        'cat "$STATE/bin/python3" > "$d/bin/python"; chmod 755 "$d/bin/python"; }',
    )
    assert machine.run("setup").returncode == 0
    assert "uv pip install" in machine.calls
    assert "-m pip" not in machine.calls


def test_a_link_other_directory_and_exit_code(machine: Machine) -> None:
    link = machine.root / "link"
    link.symlink_to("a repo/cyberhubs")
    machine.fake("python3", PYTHON_FAKE + 'case "$*" in *cyberhubs_lib*) exit 7 ;; esac')
    done = machine.run("plan", "two words", start=link)
    assert done.returncode == 7
    assert "python -m cyberhubs_lib plan two words" in machine.calls


def test_old_python_is_named(machine: Machine) -> None:
    machine.fake("python3", 'case "$*" in --version) echo Python 3.9.2 ;; *) exit 1 ;; esac')
    done = machine.run("setup")
    assert done.returncode == 1
    assert "needs Python 3.10 or newer, found: Python 3.9.2" in done.stderr


def test_venv_missing_without_root_prints_the_command(machine: Machine) -> None:
    (machine.root / "no-venv").touch()
    done = machine.run("setup")
    assert done.returncode == 1
    command = "apt-get update && apt-get install -y --no-install-recommends python3-venv"
    assert command in done.stderr
    assert "apt-get" not in machine.calls


def test_venv_missing_as_root_is_announced_and_installed(machine: Machine) -> None:
    (machine.root / "no-venv").touch()
    machine.user(0)
    done = machine.run("setup")
    assert done.returncode == 0, done.stderr
    assert "Installing from the distribution: python3-venv" in done.stderr
    assert "apt-get install -qy --no-install-recommends python3-venv" in machine.calls


@pytest.mark.parametrize(
    ("system", "packages"),
    [
        (("debian", "12"), "docker.io iptables"),
        (("debian", "13"), "docker.io iptables docker-cli docker-compose"),
        (("ubuntu", "24.04"), "docker.io iptables docker-compose-v2"),
    ],
)
def test_docker_missing_prints_the_command(
    machine: Machine, system: tuple[str, str], packages: str
) -> None:
    machine.system(*system)
    done = machine.run("demo")
    assert done.returncode == 1
    assert done.stderr.endswith(f"--no-install-recommends {packages}\n")
    assert not (machine.repo / ".venv").exists()


def test_docker_is_not_asked_for_help(machine: Machine) -> None:
    assert machine.run("demo", "--help").returncode == 0
    assert machine.run("runbook", "--site", "demo").returncode == 0


def test_docker_is_not_installed_to_remove_nothing(machine: Machine) -> None:
    machine.user(0)
    done = machine.run("demo", "--down", "--data")
    assert done.returncode == 0
    assert "no demo to remove" in done.stderr
    assert machine.calls == ""


def test_docker_permission_denied(machine: Machine) -> None:
    machine.fake("docker", 'echo "Got permission denied while trying to connect" >&2; exit 1')
    machine.fake("dockerd", "exit 1")
    done = machine.run("demo")
    assert done.returncode == 1
    assert "sudo usermod -aG docker alice" in done.stderr


def test_systemd_starts_docker(machine: Machine) -> None:
    machine.user(0)
    machine.system("debian", "13", systemd=True)
    machine.fake("docker", f'[ ! -e "$STATE/up" ] || exit 0; {NO_ENGINE}')
    machine.fake("dockerd", "exit 1")
    machine.fake("systemctl", 'echo "systemctl $*" >> "$CALLS"; touch "$STATE/up"')
    done = machine.run("demo")
    assert done.returncode == 0, done.stderr
    assert "not running: systemctl start docker" in done.stderr
    assert "systemctl start docker" in machine.calls


def test_without_init_system_dockerd_is_started_and_said(machine: Machine) -> None:
    machine.user(0)
    machine.fake("docker", f'[ ! -e "$STATE/up" ] || exit 0; {NO_ENGINE}')
    machine.fake("dockerd", 'touch "$STATE/up"; sleep 3')
    done = machine.run("demo")
    assert done.returncode == 0, done.stderr
    assert "starting dockerd in the background" in done.stderr
    assert "dockerd runs" in done.stderr


def test_dockerd_that_dies_shows_its_log(machine: Machine) -> None:
    machine.user(0)
    machine.fake("docker", NO_ENGINE)
    machine.fake("dockerd", "echo no space left for bridges; exit 1")
    done = machine.run("demo")
    assert done.returncode == 1
    assert "no space left for bridges" in done.stderr


def test_test_needs_more_programs(machine: Machine) -> None:
    done = machine.run("test")
    assert done.returncode == 1
    assert "openssh-client e2fsprogs debootstrap git mount chromium" in done.stderr


@pytest.mark.parametrize("shell", [s for s in ("sh", "dash", "bash") if shutil.which(s)])
def test_shell_reads_it(shell: str) -> None:
    subprocess.run([shell, "-n", str(LAUNCHER)], check=True)
