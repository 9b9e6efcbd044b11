"""What stands under `Roll back` on a runbook's page, typed on a server as a newcomer types it.

Commands are fenced as bash. A block for some systems only begins with a comment that names them, and
words in capitals are for the reader to fill in.
"""

import re

import nbformat

from cyberhubs_lib.table import path

FENCE = re.compile(r"```bash\n(.*?)```", re.S)
OF_OTHERS = {"apt": "# Rocky Linux, AlmaLinux, Amazon Linux\n", "dnf": "# Debian, Ubuntu\n"}

# A line for each thing that a runbook may make: files with their content, packages, accounts, units,
# mounts, tables of the packet filter, and Docker's objects. Not the files of packages, nor packages
# that came along with others: apt keeps those that something else may use.
STATE = r"""
export LC_ALL=C
find /etc /usr/local /opt /root /home /srv /mnt /boot /swapfile.cyberhubs /var/lib/cyberhubs -xdev \
    \( -path /mnt/var/lib -o -path /etc/ssl/certs -o -path /etc/alternatives -o -path /etc/mtab \
    -o -name ld.so.cache -o -regex '/etc/\(passwd\|g?shadow\|group\|sub[ug]id\)-?' \) -prune -o -print |
    sort | comm -23 - <(cat /var/lib/dpkg/info/*.list | sort -u) | while read -r path; do
        stat -c '%n %F %a %U:%G' "$path"
        [ ! -f "$path" ] || sha256sum "$path"
    done
apt-mark showmanual | sed 's/^/package /'
getent passwd; getent group
systemctl list-unit-files --no-legend --state=enabled | awk '{print "enabled", $1}'
systemctl list-timers --no-legend --all | grep -o '[^ ]*\.timer'
findmnt -rno TARGET,SOURCE | grep -v -e /proc/ -e ^/run/ -e /lib/docker/
nft list tables
docker ps -a --format 'container {{.Names}}'
docker images --format 'image {{.Repository}}:{{.Tag}}'
docker volume ls --format 'volume {{.Name}}'
docker network ls --format 'network {{.Name}}' | sed /2dcheck/d
"""

# What stays after 04, as its page says: bridge and packet rules until a restart, group, own files.
OF_THE_ENGINE = (
    "^. table ip",
    "^. docker:x:",
    "/etc/(cni|rc[0-6].d|init.d|default|containerd|networks|docker/key.json)",
)


def blocks(runbook, manager="apt", **words):
    """The blocks for a system with this package manager, with `words` filled in."""
    cells = nbformat.read(path(runbook), as_version=4).cells
    (page,) = [cell.source for cell in cells if cell.source.startswith("## Roll back")]
    for word, value in words.items():
        assert word in page, word
        page = page.replace(word, value)
    return [block for block in FENCE.findall(page) if not block.startswith(OF_OTHERS[manager])]


def roll_back(server, runbook, manager="apt", **words):
    """Type them all, as the login that the runbooks use; each block must end well."""
    for block in blocks(runbook, manager, **words):
        code, out = server.sh(f"cd; set -e\n{block}", user="debian")
        assert code == 0, f"{block}\n{out}"


def state(server):
    """What there is on the server, as a set of lines."""
    return set(server.sh(f"{{ {STATE} }} 2>/dev/null; true")[1].splitlines())


def differences(before, after, *stays):
    """What the way back did not bring back, but for lines in which one of `stays` is found.

    `stays` is what the page itself says that stays.
    """
    lines = sorted(f"- {line}" for line in before - after)
    lines += sorted(f"+ {line}" for line in after - before)
    return [line for line in lines if not any(re.search(said, line) for said in stays)]
