"""A repository that somebody else's file names already: found in both forms, and not named twice."""

import subprocess

import pytest

from cyberhubs_lib.resources.apt_sources import elsewhere
from cyberhubs_lib.resources.repository import apt_repository
from cyberhubs_lib.transport import Result

URL = "https://download.docker.com/linux/debian"
DEB822 = f"""\
# Docker's
Types: deb deb-src
URIs: {URL}
Suites: bookworm
Components: stable
Signed-By: /k/docker.asc
"""
OTHER = "Types: deb\nURIs: https://far.test/debian\nSuites: bookworm\nComponents: main\n"
EVERYWHERE = "all all.d/*"  # apt's old ring
CASES = [
    (
        "a.list",
        f"deb [arch=amd64 signed-by=/k/docker.gpg] {URL} bookworm stable\n",
        "key:/k/docker.gpg",
    ),
    ("a.list", f"deb [ signed-by=/k/1,/k/2 ] {URL}/ bookworm stable\n", "key:/k/1 key:/k/2"),
    ("a.list", f"# theirs\ndeb {URL} bookworm stable\n", EVERYWHERE),
    ("a.list", f"# deb {URL} bookworm stable\ndeb-src {URL} bookworm stable\n", None),
    ("a.list", f"deb {URL} bullseye stable\ndeb {URL}2 bookworm stable\n", None),
    ("a.list.save", f"deb {URL} bookworm stable\n", None),
    ("a.sources", DEB822, "key:/k/docker.asc"),
    ("a.sources", f"{OTHER}\n{DEB822}", "key:/k/docker.asc"),
    (
        "a.sources",
        DEB822.replace("debian", "debian/").replace("book", "sid book"),
        "key:/k/docker.asc",
    ),
    ("a.sources", DEB822.replace("Signed-By", "X"), EVERYWHERE),
    ("a.sources", f"Enabled: no\n{DEB822[11:]}", None),
    ("a.sources", DEB822.replace("bookworm", "trixie"), None),
    ("a.sources", f"{OTHER}\n{OTHER.replace('far', 'near')}", None),
    ("docker.sources", DEB822, None),  # our own
]


@pytest.mark.parametrize(("name", "text", "key"), CASES)
def test_entries_of_others(tmp_path, name, text, key):
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text("deb https://far.test/debian bookworm main\n")
    file = tmp_path / "sources.list.d" / name
    file.write_text(text)
    script = elsewhere(URL, "bookworm", "/etc/apt/sources.list.d/docker.sources")
    script = script.replace("/etc/apt/", f"{tmp_path}/")
    found = subprocess.run(
        ["sh", "-e"], input=f"keys() {{ echo key:$1; }}\n{script}", text=True, capture_output=True
    )
    said = found.stdout.replace(f"key:{tmp_path}/trusted.gpg", "all").strip()
    assert (found.stderr, said) == ("", f"also {file} {key}" if key else "")


def test_what_others_name_is_left_to_them():
    ours = apt_repository("docker", URL, "bookworm", f"{URL}/gpg", "AB")
    was = ours.parse(Result(0, f"{URL} bookworm\nAB\nours\nalso /l AB\n"))
    assert ours.change(was) == "rm -f /etc/apt/sources.list.d/docker.sources"
    was = ours.parse(Result(0, "\nalso /l CD\n"))
    done = subprocess.run(["sh"], input=ours.change(was), text=True, capture_output=True)
    assert done.returncode == 1
    assert "/l: another key than AB" in done.stderr
