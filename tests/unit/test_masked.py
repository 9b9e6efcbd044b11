"""A unit that systemd must not start: said before anything is changed."""

import subprocess

import pytest

from cyberhubs_lib.facts import parse_facts
from cyberhubs_lib.params import SystemParams
from cyberhubs_lib.recipes.prepare_os import recipe
from cyberhubs_lib.recipes.recipe import Recipe
from cyberhubs_lib.resources.packages import Package
from cyberhubs_lib.site import Site
from cyberhubs_lib.transport import Result

FACTS = parse_facts("id=debian\nversion=13\nuser=debian\nservice_user=debian\n")
CLOCK = "systemd-timesyncd.service"


@pytest.mark.parametrize(
    ("masked", "enabled", "found"),
    [
        ([], [], "none"),
        (["apt-daily.timer"], [], "apt-daily.timer"),
        (["apt-daily.timer", CLOCK], [], f"apt-daily.timer, {CLOCK}"),
        ([CLOCK], ["chrony.service"], "none"),  # another keeps the clock
        (["ssh.service"], [], "none"),  # nobody wants to start it
    ],
)
def test_which_are_named(tmp_path, masked, enabled, found):
    (tmp_path / "systemctl").write_text(
        "#!/bin/sh\ncase $1 in\n"
        + f"is-enabled) case ' {' '.join(masked)} ' in *\" $2 \"*) echo masked; exit 1;; esac;;\n"
        + "".join(f"list-unit-files) echo '{unit} enabled enabled';;\n" for unit in enabled)
        + "esac\n"
    )
    (tmp_path / "systemctl").chmod(0o755)
    (check,) = recipe(FACTS, Site(), SystemParams()).masked()
    script = f"PATH={tmp_path}:$PATH\n{check.question}"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True)
    row = check.row(Result(done.returncode, done.stdout + done.stderr))
    assert (row.was, row.status) == (found, "ok" if found == "none" else "failed")
    assert ("systemctl unmask" in row.note) == (found != "none")


def test_a_recipe_that_starts_nothing_asks_nothing():
    assert Recipe(steps={"packages": [Package("git")]}).masked() == []
