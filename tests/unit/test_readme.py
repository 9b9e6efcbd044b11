"""What README and book tell people to type exists."""

import json
import re
import shlex

import pytest

from cyberhubs_lib import errors
from cyberhubs_lib.cli import main, parser
from cyberhubs_lib.site import REPOSITORY
from cyberhubs_lib.table import RUNBOOKS, entry

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "book").glob("*.md"))]
TYPED = re.compile(r"\./cyberhubs ([^`#\n)]+)")
LAUNCHER = {"setup", "test"}  # done by the launcher itself: tests/unit/test_launcher.py


def commands():
    for page in [*PAGES, *sorted((REPOSITORY / "runbooks").glob("*.ipynb"))]:
        text = page.read_text()
        if page.suffix == ".ipynb":
            cells = json.loads(text)["cells"]
            text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
        for found in TYPED.findall(text):
            yield page.name, found.strip()


@pytest.mark.parametrize(("page", "typed"), sorted(set(commands())))
def test_command_exists(page, typed):
    words = shlex.split(re.sub(r"[\[\]]|\|\S*", "", typed))
    if words[0] not in LAUNCHER and "--help" not in words:
        parser().parse_args(words)  # exits if there is no such command or option


def test_readme_lists_every_runbook():
    listed = re.findall(r"^\| `(\d\d_\w+)` \|", PAGES[0].read_text(), re.M)
    assert listed == list(RUNBOOKS)


def test_readme_is_under_two_screens():
    assert len(PAGES[0].read_text().splitlines()) <= 70


def test_no_page_names_a_runbook_that_is_not_there():
    for page in PAGES:
        for name in re.findall(r"(?:`|runbooks/|Z_)(\d\d_[a-z_]+)", page.read_text()):
            assert entry(name)[0] == name, page


def test_demo_refuses_to_touch_a_real_site(tmp_path, capsys):
    site = tmp_path / "real.yaml"
    site.write_text("host: debian@hub.example.org\n")
    assert main(["demo", "--down", "--data", "--site", str(site)]) == 1
    assert "is not a demo" in capsys.readouterr().err


def test_every_error_is_in_the_table_of_the_book():
    page = (REPOSITORY / "book" / "if_it_fails.md").read_text()
    kinds = {name for name, found in vars(errors).items() if isinstance(found, type)}
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.M)) == kinds - {"CyberhubsError"}
