"""Remote data as systemd mount units: the text of the unit, and how the other end is reached.

A .mount without an .automount, by measurement with a server that had gone silent: with `nofail` the
boot goes on without it (1.8 s to the login, as with a live server); what is not mounted is an empty
directory at once, whereas an automount makes whoever looks wait for ssh's 5 s, each time. Mounting
again is the work of a timer, see server/mounts/cyberhubs-mounts.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..shell import sh

FOLDER = "/etc/cyberhubs/mounts"  # keys and known hosts, in folders named as the mounts are
MARK = "# Written by runbook 05"  # begins each unit; server/mounts/cyberhubs-mounts looks for it

COMMON = ("nosuid", "nodev", "nofail")
# Not `hard`, the default, which waits for ever, and so do all who look at the directory: here a
# request fails after 3 + 6 + 9 s (TCP, linear backoff). Price: a write may fail, and says so.
NFS = ("_netdev", "soft", "timeo=30", "retrans=2", "retry=0")


@dataclass(frozen=True)
class Far:
    """The other end of an sshfs mount: login, its host key, and the folder of ours for it."""

    user: str
    host: str  # an IPv6 address without its brackets
    port: int
    host_key: str
    folder: str
    read_only: bool

    @property
    def key(self) -> str:
        """The private key, on the host."""
        return f"{self.folder}/key"

    @property
    def known_hosts(self) -> str:
        """The one line of our own known_hosts file."""
        usual = self.port == 22 and ":" not in self.host
        return f"{self.host if usual else f'[{self.host}]:{self.port}'} {self.host_key}\n"

    @property
    def ssh_options(self) -> tuple[str, ...]:
        """Strict, without questions, and dead within seconds: 5 s to connect, 15 s when silent."""
        return (
            "BatchMode=yes", "ConnectTimeout=5", "ServerAliveInterval=5", "ServerAliveCountMax=2",
            "IdentitiesOnly=yes", f"IdentityFile={self.key}", "StrictHostKeyChecking=yes",
            f"UserKnownHostsFile={self.folder}/known_hosts", "GlobalKnownHostsFile=/dev/null",
        )  # fmt: skip

    @property
    def restrictions(self) -> str:
        """What stands before the public key at the other end: files, and nothing else."""
        return f'restrict,command="internal-sftp{" -R" if self.read_only else ""}"'

    def try_login(self) -> str:
        """Shell text that logs in as the mount would, and out again; what ssh says goes to stdout.

        An sftp server whose input is at its end ends well.
        """
        options = [word for option in self.ssh_options for word in ("-o", option)]
        places = " ".join("{}" for _ in options)
        login = sh(f"ssh {places} -p {{}} -l {{}}", *options, self.port, self.user)
        return f"timeout -s KILL 12 {login} " + sh(
            "-s -- {} sftp </dev/null 2>&1 >/dev/null", self.host
        )

    def sshfs_options(self, uid: int, gid: int) -> tuple[str, ...]:
        """For all users, with files that look as if they were `uid`'s; comes back by itself."""
        mapping = (f"uid={uid}", f"gid={gid}", "allow_other", "default_permissions")
        port = (f"port={self.port}",) if self.port != 22 else ()
        return ("_netdev", *mapping, "reconnect", *port, *self.ssh_options)


def access(read_only: bool) -> str:
    """The mount option."""
    return "ro" if read_only else "rw"


def merged(ours: tuple[str, ...], site: list[str]) -> tuple[str, ...]:
    """Our options and the site's, which replace ours of the same name: ssh takes the first one."""
    names = {option.partition("=")[0].lower() for option in site}
    return (*(o for o in ours if o.partition("=")[0].lower() not in names), *site)


def escape(path: str) -> str:
    """A path as the name of a unit, as `systemd-escape -p` writes it."""
    name = path.strip("/").replace("-", r"\x2d").replace("/", "-")
    return name.replace(".", r"\x2e", 1) if name.startswith(".") else name


def mark(site: str) -> str:
    """The first line of a unit: whose it is, so that one site does not remove another's."""
    return f"{MARK} from the site file of {site} (mounts:); change it there.\n"


def unit_text(site: str, source: str, path: str, kind: str, options: tuple[str, ...]) -> str:
    """The unit. Its disk, if `path` lies on one, is waited for by systemd itself."""
    lines = f"""\
[Unit]
Description={source} on {path}

[Mount]
What={source}
Where={path}
Type={kind}
Options={",".join(options)}
DirectoryMode=0755
TimeoutSec=20

[Install]
WantedBy=remote-fs.target
"""
    return mark(site) + lines.replace("%", "%%")
