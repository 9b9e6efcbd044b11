"""The stand-in refuses what GitHub refuses, with GitHub's words."""

import importlib.util

import pytest

from cyberhubs_lib.rendered import SERVER

spec = importlib.util.spec_from_file_location("oauth", SERVER / "standin" / "oauth.py")
oauth = importlib.util.module_from_spec(spec)
spec.loader.exec_module(oauth)

VERIFIER = "v" * 43
ASKED = {"redirect_uri": "http://hub/cb", "code_challenge": oauth.challenge_of(VERIFIER)}
GOOD = {"client_id": "app", "client_secret": "canary", "code_verifier": VERIFIER}


@pytest.fixture
def standin():
    return oauth.Standin("app", "canary", [{"login": "ada", "id": 7}])


def test_a_code_gives_a_token_and_the_token_an_account(standin):
    answer = standin.exchange({**GOOD, "code": standin.give_code("ada", ASKED)})
    user = standin.user(f"Bearer {answer['access_token']}")
    assert (user["login"], user["id"]) == ("ada", 7)


def test_a_code_works_once(standin):
    code = standin.give_code("ada", ASKED)
    assert "access_token" in standin.exchange({**GOOD, "code": code})
    assert standin.exchange({**GOOD, "code": code})["error"] == "bad_verification_code"


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"client_secret": "guessed"}, "incorrect_client_credentials"),
        ({"client_id": "other"}, "incorrect_client_credentials"),
        ({"code": "guessed"}, "bad_verification_code"),
        ({"redirect_uri": "http://elsewhere/cb"}, "redirect_uri_mismatch"),
        ({"code_verifier": "w" * 43}, "bad_verification_code"),
        ({"code_verifier": ""}, "bad_verification_code"),
    ],
)
def test_what_is_wrong_is_refused(standin, wrong, error):
    form = {**GOOD, "code": standin.give_code("ada", ASKED), **wrong}
    assert standin.exchange(form)["error"] == error


def test_a_code_lives_ten_minutes(standin):
    code = standin.give_code("ada", ASKED)
    standin.codes[code]["until"] -= oauth.CODE_SECONDS + 1
    assert standin.exchange({**GOOD, "code": code})["error"] == "bad_verification_code"


@pytest.mark.parametrize("header", ["", "Bearer guessed", "Basic YTpi", "token"])
def test_no_token_no_account(standin, header):
    assert standin.user(header) is None
