"""Why an engine does not answer: its disk is not there, its service failed, or nothing is known."""

from __future__ import annotations

from collections.abc import Sequence

SECONDS = 20  # for `docker info`, which takes 0.05; where it starts the engine, a few
# Shell text. systemd starts docker.service for whoever connects to its socket, and first waits 90 s
# for the disks that runbook 03 made it require (RequiresMountsFor): so these are looked for before,
# and where one is missing, Docker is not asked. It sets $absent then.
QUESTION = r"""
absent=
p=$(cat /run/docker.pid 2>/dev/null)
if [ -d /run/systemd/system ] && [ ! -d "/proc/${p:-none}" ] &&
  ! systemctl is-active -q docker.service; then
  systemctl show -p LoadState,Result docker.service | sed 's/^/docker_/'
  for m in $(systemctl show -p Requires --value docker.service); do
    case $m in *.mount) ;; *) continue ;; esac
    ! systemctl is-active -q "$m" || continue
    w=$(systemctl show -p What --value "$m")
    case $w in /dev/*) [ -b "$w" ] && is=there || { is=absent; absent=yes; } ;;
    /* | "") continue ;; # a directory of such a disk
    *) is=there ;; esac
    echo "docker_disk=$is $w $(systemctl show -p Where --value "$m")"
  done
fi
"""


def trouble(lines: Sequence[str]) -> tuple[str, str]:
    """What keeps Docker from answering and what to do, from the lines that QUESTION printed."""
    found = dict(line.split("=", 1) for line in lines if "=" in line)
    disks = [line.partition("=")[2].split(" ", 2) for line in lines if line[:12] == "docker_disk="]
    for state in ("absent", "there"):
        for is_, device, place in [disk for disk in disks if len(disk) == 3]:
            if is_ == state:
                return _disk(device, place, absent=state == "absent")
    if found.get("docker_LoadState") == "masked":
        return "docker.service is masked", "`sudo systemctl unmask docker.service`, then start it"
    if "docker_hangs" in found:
        return f"it takes a question and does not answer within {SECONDS} s", (
            "`systemctl status docker` and `journalctl -u docker` on the host tell what it is doing;"
            " `sudo systemctl restart docker` starts it again"
        )
    if found.get("docker_Result", "success") != "success":
        return f"docker.service does not start ({found['docker_Result']})", (
            "`journalctl -u docker` on the host tells why; put right what it names, then run"
            " 04_install_docker"
        )
    return "installed, does not answer", (
        "`systemctl status docker` tells why; run 04_install_docker again, it starts Docker"
    )


def _disk(device: str, place: str, absent: bool) -> tuple[str, str]:
    by = {"by-uuid": "UUID=", "by-label": "LABEL=", "by-partuuid": "PARTUUID="}
    folder, _, name = device.removeprefix("/dev/disk/").partition("/")
    name = f"{by[folder]}{name} in /etc/fstab" if folder in by else device
    if absent:
        return f"the data disk of {place} ({name}) is not there; Docker waits for it", (
            "attach that disk again at your provider (`lsblk -f` on the host shows which are there);"
            " Docker starts when it is back, or with `sudo systemctl start docker`"
        )
    return f"{place} ({name}) is not mounted; Docker waits for it", (
        f"`sudo mount {place}` on the host mounts it or says why not; then"
        " `sudo systemctl start docker`"
    )
