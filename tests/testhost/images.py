"""The image of a test server, built once for each base and context."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import docker
from docker.errors import BuildError, DockerException, ImageNotFound

from cyberhubs_lib.contexts import SUITE
from cyberhubs_lib.host import connect
from cyberhubs_lib.image_sources import bottom, debootstrap

from .place import PREFIX, TestHostError, lock

CONTEXT = Path(__file__).parent
SITE_CAS = Path("/usr/local/share/ca-certificates")  # where Debian keeps a site's own authorities
HASH_LABEL = "cyberhubs.test.context"


def base_image(client: docker.DockerClient, suite: str) -> str:
    """Name of a plain Debian image of this release, got the way the product gets one."""
    host, made = connect("localhost"), f"cyberhubs/debian:{suite}"
    if suite == SUITE:
        return bottom(host, client, "", print)
    for name in (f"debian:{suite}-slim", made):
        if client.images.list(name):
            return name
    try:
        client.images.pull("debian", f"{suite}-slim")
        return f"debian:{suite}-slim"
    except DockerException:  # no registry
        host.read(f"({debootstrap(suite, made)}) </dev/null", root=True)
        return made


def build_image(suite: str = "trixie", family: str = "debian") -> str:
    """Build the image unless one of the same base and the same context is there already."""
    with lock("image", wait=True):
        client = docker.from_env(timeout=900)
        files = {name: (CONTEXT / name).read_bytes() for name in ("Dockerfile", "test-init")}
        files |= {f"ca/{path.name}": path.read_bytes() for path in sorted(SITE_CAS.glob("*.crt"))}
        made = _build(client, f"{PREFIX}host:{suite}", base_image(client, suite), files, "")
        if family == "debian":
            return made
        more = {"Dockerfile": (CONTEXT / "Dockerfile.redhat").read_bytes(),
                "redhat.sh": (CONTEXT / "redhat.sh").read_bytes()}  # fmt: skip
        return _build(client, f"{PREFIX}host:{family}", made, more, family)


def _build(
    client: docker.DockerClient, tag: str, base: str, files: dict[str, bytes], family: str
) -> str:
    digest = hashlib.sha256(repr((client.images.get(base).id, sorted(files.items()))).encode())
    wanted = digest.hexdigest()
    try:
        if client.images.get(tag).labels.get(HASH_LABEL) == wanted:
            return tag
    except ImageNotFound:
        pass
    try:
        client.images.build(
            fileobj=_tar(files),
            custom_context=True,
            tag=tag,
            buildargs={"BASE": base, **({"FAMILY": family} if family else {})},
            labels={HASH_LABEL: wanted},
            rm=True,
            forcerm=True,
        )
    except BuildError as error:
        log = "".join(str(line.get("stream", "")) for line in error.build_log)
        raise TestHostError(f"Building {tag} failed: {error.msg}\n{log[-3000:]}") from None
    return tag


def _tar(files: dict[str, bytes]) -> io.BytesIO:
    """A build context; ca/ is in it even if this machine has no authorities of its own."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        directory = tarfile.TarInfo("ca")
        directory.type, directory.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(directory)
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o755 if name == "test-init" else 0o644
            tar.addfile(info, io.BytesIO(content))
    buffer.seek(0)
    return buffer
