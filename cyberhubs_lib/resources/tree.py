"""A folder of files, all or nothing: the book on the hub."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
from dataclasses import dataclass
from pathlib import Path

from ..shell import sh
from ..state import Resource, State
from ..transport import Result

CHANGE = """
p={}
rm -rf "$p.new" "$p.old"
mkdir -p "$p" "$p.new" "$p.old"
printf %s {} | base64 -d | tar -xz --no-same-owner -C "$p.new" &&
    chown -R {} "$p" "$p.new" && chmod -R u=rwX,go=rX "$p" "$p.new" ||
    { rm -rf "$p.new" "$p.old"; exit 1; }
find "$p" -mindepth 1 -maxdepth 1 -exec mv -t "$p.old" {} +
find "$p.new" -mindepth 1 -maxdepth 1 -exec mv -t "$p" {} +
rm -rf "$p.new" "$p.old"
"""


@dataclass(frozen=True)
class Tree(Resource):
    """`path` on the host holds the files of the local folder `source`, and no others."""

    path: str
    source: Path
    owner: str

    @property
    def label(self) -> str:  # type: ignore[override]
        """folder PATH."""
        return f"folder {self.path}"

    def _files(self) -> list[Path]:
        return sorted(
            (p for p in self.source.rglob("*") if p.is_file()),
            key=lambda p: str(p.relative_to(self.source)).encode(),
        )

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """One digest of all names and contents, in the order of `LC_ALL=C sort`."""
        whole = hashlib.sha256()
        for file in self._files():
            one = hashlib.sha256(file.read_bytes()).hexdigest()
            whole.update(f"{one}  ./{file.relative_to(self.source)}\n".encode())
        return {"content": whole.hexdigest()[:8]}

    def question(self) -> str:
        """The same digest, made on the host."""
        return sh(
            "cd {} 2>/dev/null || exit 0\n"
            "find . -type f -print0 | LC_ALL=C sort -z | xargs -0r sha256sum | sha256sum",
            self.path,
        )

    def parse(self, answer: Result) -> State:
        """None if the folder is absent."""
        return {"content": answer.out[:8]} if answer.out.strip() else None

    def change(self, was: State) -> str:
        """Unpacked beside it; then the contents are exchanged, not the directory itself.

        The hub's container looks into this very one. A full disk leaves the old contents.
        """
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
            tar.add(self.source, arcname=".")
        data = base64.b64encode(buffer.getvalue()).decode()
        return sh(CHANGE, self.path, data, self.owner, "{}", "{}")  # those are for find
