"""Parameters: types, unknown names, what papermill injects."""

import pytest

from cyberhubs_lib.errors import SettingsError
from cyberhubs_lib.params import (
    AccessParams,
    HubParams,
    Params,
    StorageParams,
    check,
    injected,
)


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
        ({"device": "/dev/vdb"}, "'device' is not a parameter"),
    ],
)
def test_an_unknown_parameter_is_refused_and_those_that_there_are_named(given, said):
    with pytest.raises(SettingsError, match="to do") as error:
        check(Params, given)
    assert said in str(error.value)
    assert "host (str), site (str), dry_run (bool)" in str(error.value)


@pytest.mark.parametrize(
    ("model", "given", "wanted"),
    [
        (Params, {"dry_run": "maybe"}, "dry_run: True or False"),
        (Params, {"host": 8}, "host: a text"),
        (HubParams, {"rotate_days": -1}, "rotate_days: a whole number, 0 or more"),
        (HubParams, {"rotate_days": "soon"}, "rotate_days: a whole number, 0 or more"),
        (StorageParams, {"device": "vdb"}, "device: a disk such as /dev/vdb"),
        (AccessParams, {"on_close": "never"}, "on_close: allow or review"),
        (AccessParams, {"files": "burn"}, "files: keep, archive or delete"),
        (AccessParams, {"open_until": "soon"}, "open_until: a time with its zone"),
        (AccessParams, {"open_until": "2020-01-01T00:00Z"}, "open_until: a time that is still"),
        (AccessParams, {"rename": "ben"}, "rename: the old login and the new one"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_in_our_own_words(model, given, wanted):
    with pytest.raises(SettingsError, match="to do") as error:
        check(model, given)
    ((name, value),) = given.items()
    assert error.value.found == f"{name} = {value!r}"
    assert error.value.expected.startswith(wanted)
    assert not set("[]{}^$") & set(str(error.value))


@pytest.mark.parametrize("name", ["allow", "block", "unblock", "remove", "admin", "unadmin"])
def test_logins_have_commas_between_and_each_is_one(name):
    assert check(AccessParams, {name: " ada, @Ben ,,"})
    with pytest.raises(SettingsError) as error:
        check(AccessParams, {name: "ada, Carol Smith, ben@example.org"})
    assert error.value.found == (
        f"{name}: 'Carol Smith' is more than one word;"
        f" {name}: 'ben@example.org' is an e-mail address, not a login"
    )


def test_a_rename_takes_two_logins():
    assert check(AccessParams, {"rename": "Ben:@benjamin"}).rename == "ben:benjamin"
    with pytest.raises(SettingsError, match=r"'ben\.' has '\.' in it"):
        check(AccessParams, {"rename": "ben.:benjamin"})


def test_storage_takes_two_more():
    params = check(StorageParams, {"device": "/dev/vdb", "confirm": "/dev/vdb"})
    assert params.device == params.confirm == "/dev/vdb"


def test_papermills_cell_is_found_among_others():
    cells = ["import x", 'host = "a"', '# Parameters\nhost = "b"\nhosst = "c"\n', "y = 1"]
    assert injected(cells) == {"host", "hosst"}
