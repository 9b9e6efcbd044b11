"""The idiomatic pyinfra way. Run by pyinfra in an environment of its own, not by us."""

import json
import os
from pathlib import Path

from pyinfra import config, host
from pyinfra.facts.server import Command
from pyinfra.operations import apt, files, server, systemd

config.SUDO = True
S = json.loads(Path(os.environ["STATE"]).read_text())


def put(name, file):
    """A file of S."""
    local = Path(os.environ["STATE"]).parent / "files" / file["path"].lstrip("/")
    return files.put(name=name, src=str(local), dest=file["path"], mode=file["mode"])


# 02
apt.update(name="Package index", cache_time=86400)
apt.upgrade(name="Updates")
apt.packages(name="Packages", packages=S["packages"], no_recommends=True)
systemd.service(
    name="Time service", service="systemd-timesyncd.service", enabled=True, running=None
)
for one in S["os_files"]:
    put(f"Automatic updates {one['path']}", one)
for unit in S["services"]:
    systemd.service(name=f"Timer {unit}", service=unit, enabled=True, running=True)
sysctls = put("Kernel settings", S["sysctl_file"])
server.shell(
    name="Load the kernel settings",
    commands=[f"/usr/lib/systemd/systemd-sysctl {S['sysctl_file']['path']}"],
    _if=sysctls.did_change,
)
rules = [put(f"Firewall {one['path']}", one) for one in S["firewall_files"]]
server.shell(
    name="Load the firewall",
    commands=[
        "systemctl daemon-reload",
        "nft -f /etc/cyberhubs/firewall.nft",
        "nft -s list table inet cyberhubs > /etc/cyberhubs/firewall.loaded",
    ],
    _if=lambda: any(one.did_change() for one in rules),
)
systemd.service(
    name="Firewall at boot", service="cyberhubs-firewall.service", enabled=True, running=None
)

# 03
device, mount = S["device"], S["mount"]
if not host.get_fact(Command, f"blkid -p -s TYPE -o value {device} || true"):
    options = f"-L {S['label']} -i {S['bytes_per_inode']} -m 1"
    server.shell(name="Filesystem", commands=[f"mkfs.ext4 -q {options} {device}"])
if not host.get_fact(Command, f"grep ' {mount} ' /etc/fstab || true"):
    line = f"UUID=$(blkid -p -s UUID -o value {device}) {mount} ext4 defaults,nofail 0 2"
    server.shell(name="Line in fstab", commands=[f'echo "{line}" >> /etc/fstab'])
server.mount(name="Mount", path=mount)
for one in S["directories"]:
    files.directory(
        name=f"Directory {one['path']}", path=one["path"], user=one["owner"], group=one["group"],
        mode=one["mode"],
    )  # fmt: skip
for one in S["binds"]:
    source, path = one["source"], one["path"]
    files.directory(name=f"Directory {source}", path=source)
    files.directory(name=f"Directory {path}", path=path)
    options = f"bind,nofail,x-systemd.requires-mounts-for={mount}"
    files.line(name=f"Bound, in fstab: {path}", path="/etc/fstab",
               line=f"{source} {path} none {options} 0 0")  # fmt: skip
    server.mount(name=f"Bound, now: {path}", path=path)
drop_ins = [put(f"Drop-in {one['path']}", one) for one in S["drop_ins"]]
server.shell(
    name="Reload systemd",
    commands=["systemctl daemon-reload"],
    _if=lambda: any(one.did_change() for one in drop_ins),
)

# 04
settings = put("Docker's settings", S["daemon_json"])
apt.packages(name="Docker", packages=S["engine"], no_recommends=True)
systemd.service(name="Docker's service", service="docker.service", enabled=True, running=True)
server.shell(
    name="Restart Docker", commands=["systemctl restart docker.service"], _if=settings.did_change
)
server.user(name="Group", user=S["user"], groups=["docker"], append=True, ensure_home=False)
