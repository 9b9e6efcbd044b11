"""What was proven on a host, and of what: a long proof need not be made twice of the same.

A file of the site's directory on the host holds the fingerprint of everything that a proof depends on,
and the day of the proof. With another fingerprint, or without one, the proof is made in full.
"""

from __future__ import annotations

from .shell import sh

FOLDER = "proven"  # in the site's directory

RECALL = """now=$({{ {depends}; }} 2>/dev/null) && now=$(echo "$now" | sha256sum | cut -c 1-64) || now=
was= day=
[ ! -r {file} ] || read -r was day < {file}
[ -n "$now" ] && [ "$was" = "$now" ] || day=
"""
KEEP = """[ -z "$now" ] || [ ! -d {home} ] || {{
    mkdir -p {folder} && echo "$now $(date -u +%F)" > {file}.new && mv -f {file}.new {file}
}} 2>/dev/null || :
"""


def recall(home: str, name: str, depends: str) -> str:
    """Shell text that sets `now`, a fingerprint, and `day`: when that was proven, "" if never.

    `depends` is shell text that prints what the proof called `name` depends on; if it fails, both are
    "". `home` is the site's directory.
    """
    return RECALL.format(depends=depends, file=sh("{}", f"{home}/{FOLDER}/{name}"))


def keep(home: str, name: str) -> str:
    """Shell text that notes that `now` was proven today. A host on which it cannot is no error."""
    folder = f"{home}/{FOLDER}"
    file = sh("{}", f"{folder}/{name}")
    return KEEP.format(home=sh("{}", home), folder=sh("{}", folder), file=file)
