"""What a machine is: one question, one pure parser."""

from __future__ import annotations

from dataclasses import dataclass

from . import docker_trouble
from .errors import NoAnswer
from .shell import sh

# key=value lines; every command may be missing on a fresh machine, then the value is empty
QUESTION = r"""
. /etc/os-release 2>/dev/null
echo "id=$ID"; echo "like=$ID_LIKE"; echo "version=$VERSION_ID"; echo "system=$PRETTY_NAME"
echo "codename=$VERSION_CODENAME"
echo "kernel=$(uname -r)"; echo "arch=$(uname -m)"; echo "hostname=$(uname -n)"
echo "cpus=$(getconf _NPROCESSORS_ONLN)"
while read -r k v _; do case $k in MemTotal:) echo "memory_kib=$v";; esac; done < /proc/meminfo
echo "root_free_kib=$(df -Pk / | { read -r _; read -r _ _ _ a _; echo "$a"; })"
echo "swapfile_bytes=$(stat -c %s /swapfile.cyberhubs 2>/dev/null)"
echo "user=$(id -un)"; echo "uid=$(id -u)"; echo "gid=$(id -g)"; echo "home=$HOME"
if [ "$(id -u)" = 0 ]; then echo sudo=root
elif ! command -v sudo >/dev/null; then echo sudo=missing
elif said=$(sudo -n true 2>&1); then echo sudo=free
else
  # without a password sudo does not tell whether it would be enough
  case $said in
    *'password is required'* | *'authentication is required'*) echo sudo=password ;;
    *) echo sudo=refused ;;
  esac
  echo "sudo_said=$(echo "$said" | tail -n 1)"
fi
echo "init=$(cat /proc/1/comm)"
while read -r a b c d e _; do [ "$a $b" = "Max open" ] && echo "open_files=$e"; done < /proc/1/limits
echo "selinux=$(getenforce 2>/dev/null)"
echo "ssh_port=${SSH_CONNECTION##* }"
echo "docker_cli=$(command -v docker)"
# client and engine in one call, each takes 50 ms; without an engine the client tells for itself
F='docker={{.ServerVersion}}
docker_root={{.DockerRootDir}}
{{range .ClientInfo.Plugins}}{{if eq .Name "compose"}}compose={{.Version}}{{end}}{{end}}'
told() {
  I=$("$@" timeout SECONDS docker info -f "$F" 2>/dev/null)
  [ $? != 124 ] || hangs=yes
  case $I in docker=[0-9]*) ;; *) false ;; esac
}
if command -v docker >/dev/null; then
TROUBLE
  hangs=$absent
  if [ -z "$hangs" ] && told env; then echo "$I"; echo docker_as=docker
  elif [ -z "$hangs" ] && told sudo -n; then echo "$I"; echo docker_as=sudo
  else echo "compose=$(docker compose version --short 2>/dev/null)"
  [ -z "$hangs" ] || echo docker_hangs=yes; fi
fi
echo "docker_gid=$(stat -c %g /var/run/docker.sock 2>/dev/null)"
[ -n "$service" ] || service=$(id -un)
echo "service_user=$service"
echo "service_uid=$(id -u "$service" 2>/dev/null)"; echo "service_gid=$(id -g "$service" 2>/dev/null)"
""".replace("TROUBLE", docker_trouble.QUESTION.strip()).replace(
    "SECONDS", str(docker_trouble.SECONDS)
)
# what every host answers: without one of them an answer is not whole
ALWAYS = (
    "id kernel arch cpus memory_kib root_free_kib user uid gid sudo init service_user service_gid"
)
# what root may be told and this account not
OF_DOCKER = ("docker", "docker_trouble", "docker_todo", "docker_hangs", "docker_root", "docker_gid",
             "compose")  # fmt: skip


def question(service_user: str = "") -> str:
    """Shell text that prints what `parse_facts` reads; the service user's default is the login."""
    return sh("service={}", service_user) + QUESTION


MIN_MEMORY_MIB = 3500  # hub 250 MB + Docker 130 MB + system, and a few users of 500 MB each
NOT_YET = "?"  # the owner of files while the service account is missing
MIN_FREE_GIB = 10  # images of the hub and one application hub, twice during an upgrade


@dataclass(frozen=True)
class Facts:
    """A machine: memory in MiB, free disk of / in GiB; sudo is root, free, password or refused.
    sudo_said is what it printed if it is not free.

    open_files is the most that any process here may have (hard limit; 0 is no limit).
    docker_as is `docker` if the login user may use the engine. A missing service account is uid -1.
    docker is empty if no engine answers; docker_trouble and docker_todo then say why and what helps.
    docker_hangs: it would let whoever asks it wait.
    swapfile_mib is the size of the swap file that runbook 02 made, 0 if there is none.

    ssh_port is the host's own port of the connection in use, 0 if it is not ssh. selinux is Enforcing,
    Permissive, Disabled, or empty where there is none.
    """

    id: str
    like: str
    version: str
    codename: str
    system: str
    kernel: str
    arch: str
    hostname: str
    cpus: int
    memory_mib: int
    root_free_gib: float
    swapfile_mib: int
    user: str
    uid: int
    gid: int
    home: str
    sudo: str
    sudo_said: str
    init: str
    open_files: int
    selinux: str
    ssh_port: int
    docker: str
    docker_cli: str
    docker_as: str
    docker_trouble: str
    docker_todo: str
    docker_hangs: bool
    compose: str
    docker_root: str
    docker_gid: int
    service_user: str
    service_uid: int
    service_gid: int

    @property
    def owner(self) -> str:
        """uid:gid of the service account; NOT_YET while there is none."""
        return f"{self.service_uid}:{self.service_gid}" if self.service_uid >= 0 else NOT_YET


def parse_facts(text: str) -> Facts:
    """Facts from `key=value` lines; what is missing is empty or 0. Raises ValueError."""
    found = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    def number(key: str, missing: int = 0) -> int:
        value = found.get(key, "").strip()
        if value and not (value.isascii() and value.isdigit()):
            if (key, value) == ("open_files", "unlimited"):
                return missing
            raise ValueError(f"{key} is {value[:60]!r}")
        return int(value or missing)

    def word(key: str) -> str:
        return found.get(key, "").strip()

    why, todo = "", ""
    if word("docker_cli") and not word("docker"):
        why, todo = docker_trouble.trouble(text.splitlines())
    return Facts(
        id=word("id"), like=word("like"), version=word("version"), codename=word("codename"),
        system=word("system"), kernel=word("kernel"), arch=word("arch"), hostname=word("hostname"),
        cpus=number("cpus"), memory_mib=number("memory_kib") // 1024,
        root_free_gib=round(number("root_free_kib") / 1024**2, 1),
        swapfile_mib=number("swapfile_bytes") // 1024**2, user=word("user"),
        uid=number("uid"), gid=number("gid"), home=word("home"), sudo=word("sudo"),
        sudo_said=word("sudo_said"), init=word("init"), open_files=number("open_files"),
        selinux=word("selinux"), ssh_port=number("ssh_port"),
        docker=word("docker"), docker_cli=word("docker_cli"), docker_as=word("docker_as"),
        docker_trouble=why, docker_todo=todo, docker_hangs="docker_hangs" in found,
        compose=word("compose"), docker_root=word("docker_root"),
        docker_gid=number("docker_gid"),
        service_user=word("service_user"), service_uid=number("service_uid", -1),
        service_gid=number("service_gid", -1),
    )  # fmt: skip


def read_facts(text: str) -> Facts:
    """The facts of an answer that must be whole. Raises NoAnswer if something is missing or garbled."""
    try:
        keys = {line.partition("=")[0] for line in text.splitlines()}
        missing = [key for key in ALWAYS.split() if key not in keys]
        if missing:
            raise ValueError(f"{', '.join(missing)} missing")
        return parse_facts(text)
    except ValueError as error:
        raise NoAnswer(
            f"the host's answer about itself cannot be read: {error}",
            expected="lines like kernel=6.12 from its shell",
            todo="log in and look: what does the account's shell print besides?",
            evidence=text[-500:],
        ) from None
