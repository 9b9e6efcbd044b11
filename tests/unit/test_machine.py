"""Which machine a command acts on, and what it leaves alone."""

import pytest

from cyberhubs_lib.cli import main
from cyberhubs_lib.drift import site_runbooks
from cyberhubs_lib.host import connect
from cyberhubs_lib.machine import hub_needs_root
from cyberhubs_lib.site import Site
from cyberhubs_lib.sitefile import load_site


@pytest.mark.parametrize(
    "command",
    [["hub", "down"], ["hub", "logs"], ["access", "show"], ["access", "block", "ben"]],
    ids=" ".join,
)
def test_a_site_without_a_host_is_not_this_machine(command, tmp_path, capsys):
    site = tmp_path / "mine.yaml"
    site.write_text("title: no host yet\n")
    assert main([*command, "--site", str(site)]) == 1
    said = capsys.readouterr().err
    assert "no host is named" in said
    assert "there is no default host" in said


def test_up_and_drift_of_the_demo_leave_the_operating_system_alone():
    names = site_runbooks(load_site("demo"))
    assert [name[:2] for name in names] == ["06", "07", "08", "09", "10"]


def test_a_site_of_this_machine_with_data_on_its_disk_is_prepared_too():
    assert "02_prepare_os" in site_runbooks(Site(host="localhost"))
    assert "03_prepare_storage" in site_runbooks(Site(host="localhost"))


def test_only_the_demo_needs_no_root():
    here = connect("localhost")
    assert not hub_needs_root(here, load_site("demo"))
    assert hub_needs_root(here, Site(host="localhost"))
