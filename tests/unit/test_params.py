"""Parameters: types, unknown names, what papermill injects."""

import pytest

from cyberhubs_lib.errors import SettingsError
from cyberhubs_lib.params import Params, StorageParams, check, injected


@pytest.mark.parametrize("value", ["false", "False", "0", "no", False])
def test_dry_run_false_in_every_spelling(value):
    assert check(Params, {"dry_run": value}).dry_run is False


@pytest.mark.parametrize("value", ["true", "True", "1", "yes", True])
def test_dry_run_true_in_every_spelling(value):
    assert check(Params, {"dry_run": value}).dry_run is True


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"hosst": "x"}, "'hosst' is not a parameter of this runbook"),
        ({"dry_run": "maybe"}, "dry_run = 'maybe'"),
        ({"host": 8}, "host = 8"),
        ({"device": "/dev/vdb"}, "'device' is not a parameter"),
    ],
)
def test_what_cannot_be_meant_is_refused(given, said):
    with pytest.raises(SettingsError, match="to do") as error:
        check(Params, given)
    assert said in str(error.value)
    assert "host (str), site (str), dry_run (bool)" in str(error.value)


def test_storage_takes_two_more():
    params = check(StorageParams, {"device": "/dev/vdb", "confirm": "/dev/vdb"})
    assert params.device == params.confirm == "/dev/vdb"


def test_papermills_cell_is_found_among_others():
    cells = ["import x", 'host = "a"', '# Parameters\nhost = "b"\nhosst = "c"\n', "y = 1"]
    assert injected(cells) == {"host", "hosst"}
