"""A whole site on a throwaway server: for the chain test, and for the outputs that are committed.

    python tests/rehearsal.py      runs all runbooks on a fresh server and keeps their outputs

The site is an ordinary one: own disk, images copied from here, a stand-in for GitHub since nobody can
log in at GitHub for a test.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from terminal import Operator
from testhost.testhost import TestHost

from cyberhubs_lib.change import operator
from cyberhubs_lib.site import Site
from cyberhubs_lib.table import RUNBOOKS, path

SITE = """\
name: rehearsal
host: {host}
public_url: https://{ip}
certificate: {{mode: internal}}
bind_address: {ip}
storage: {{volumes: [{{device: {device}}}]}}
mounts: [{{kind: other, type: none, source: /srv, path: data/archive, options: [bind]}}]
login: {{standin: [{{login: ada, id: 1001}}, {{login: ben, id: 1002}}, {{login: mallory, id: 1003}}]}}
admins: [ada]
allowed_users: [ben]
limits: {{disk: 1G}}
images: {{source: copy}}
ca_certificates: [/usr/local/share/ca-certificates/*.crt]
"""

# What of it is in the images.
OF_IMAGES = Site(ca_certificates=["/usr/local/share/ca-certificates/*.crt"])

# In order, but 07 once the hub runs: with its own authority it has nothing to prepare, and its page
# shows the certificate that is served.
ORDER = sorted(RUNBOOKS, key=lambda name: "09_z" if name.startswith("07") else name)

# What differs from run to run and says nothing about the page.
DROP = "metadata.papermill cell.metadata.papermill cell.metadata.execution metadata.language_info"


# Which updates wait differs from day to day: the rehearsal's server has them all, its index unread.
UP_TO_DATE = (
    "apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -qy --with-new-pkgs upgrade"
    " && apt-get clean && rm -rf /var/lib/apt/lists/*"
)


@contextlib.contextmanager
def fresh_server(name: str) -> Iterator[TestHost]:
    """A server on which the runbooks show the same today and next year."""
    with TestHost.up(name, disk_gib=12) as server:
        code, out = server.sh(UP_TO_DATE)
        assert code == 0, out
        yield server


def site_file(server: TestHost, folder: Path) -> Path:
    """The site file of this server."""
    file = folder / "rehearsal.yaml"
    file.write_text(SITE.format(host=server.host, ip=server.ip, device=server.device))
    return file


def environment(server: TestHost, site: Path) -> dict[str, str]:
    """Parameters by environment: the committed parameter cells stay as they are."""
    return {
        "CYBERHUBS_TEST": "1",
        "CYBERHUBS_SITE": str(site),
        "CYBERHUBS_CONFIRM": str(server.device),
        "CYBERHUBS_ALLOW": "dora",
        "CYBERHUBS_EXPLAIN": "ada, ben, mallory",
    }


def normalise(notebook: Path) -> None:
    """Leave only what a reader needs: sources, outputs, counts, ids; and not this machine's name."""
    notebook.write_text(notebook.read_text().replace(operator(), "joe@laptop"))
    strip = [sys.executable, "-m", "nbstripout", "--keep-output", "--keep-count", "--keep-id",
             "--drop-tagged-cells", "injected-parameters", "--extra-keys", DROP]  # fmt: skip
    subprocess.run([*strip, str(notebook)], check=True)


def main() -> None:
    """Run all runbooks in order and put their executed copies in the place of the committed ones."""
    with tempfile.TemporaryDirectory() as folder, fresh_server("rehearsal") as server:
        joe = Operator(Path(folder))
        joe.knows(server)
        env = environment(server, site_file(server, Path(folder)))
        for name in ORDER:
            done = joe.papermill(name, env=env)
            print(name, "ok" if done.code == 0 else done.out, flush=True)
            if done.code or done.path is None:
                sys.exit(1)
            path(name).write_text(done.path.read_text())
            normalise(path(name))


if __name__ == "__main__":
    main()
