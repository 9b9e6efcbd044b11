"""Who belongs to which organisation: what GitHub answers, and what of it is a yes or a no."""

import json
from http.server import BaseHTTPRequestHandler

import pytest
from github_in_memory import ORGANIZATIONS, github_of, run, serving
from members import Answer
from organizations import ask


@pytest.fixture
def serve():
    """Start a server with a handler; its address."""
    with serving() as start:
        yield start


@pytest.fixture
def github(serve):
    return github_of(serve)


def answer_of(api, login, token):
    return run(ask(api, ORGANIZATIONS, login, token))


@pytest.mark.parametrize(
    ("login", "member"),
    [("mia", "institute"), ("pia", "survey:pipeline"), ("sue", ""), ("max", "")],
)
def test_github_says_who_belongs_to_what(github, login, member):
    api, token = github
    answer = answer_of(api, login, token(login))
    denied = set() if member == "institute" else {"institute"} | ({"survey:pipeline"} - {member})
    assert answer == Answer(member, frozenset(denied))


def test_nobody_is_a_member_by_somebody_elses_name(github):
    api, token = github
    assert answer_of(api, "pia", token("max")).member == ""


def test_a_token_without_the_scope_says_nothing(github):
    api, token = github
    answer = answer_of(api, "mia", token("mia", "user:email"))
    assert (answer.member, answer.denied) == ("", frozenset())
    assert "at least read:org" in answer.doubts[0]


RESTRICTED = (
    "Although you appear to have the correct authorization credentials, the `institute`"
    " organization has enabled OAuth App access restrictions, meaning that data access to"
    " third-parties is limited."
)


@pytest.mark.parametrize(
    ("status", "body", "doubt"),
    [
        (403, json.dumps({"message": RESTRICTED}), "an owner of institute allows it"),
        (403, json.dumps({"message": "Resource protected by organization SAML enforcement."}),
         "answers 403 Resource protected"),
        (401, json.dumps({"message": "Bad credentials"}), "no longer takes the token"),
        (500, "<html>", "answers 500"),
        (200, "[]", "answers 200"),
        (302, "", "answers 302"),
    ],
)  # fmt: skip
def test_other_answers_are_neither_yes_nor_no(serve, status, body, doubt):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *args):
            pass

    answer = answer_of(serve(Handler), "mia", "x")
    assert (answer.member, answer.denied) == ("", frozenset())
    assert answer.doubts[0].startswith("institute: ")
    assert doubt in answer.doubts[0]


def test_github_away_is_neither_yes_nor_no():
    answer = answer_of("http://127.0.0.1:9", "mia", "x")
    assert (answer.member, answer.denied, len(answer.doubts)) == ("", frozenset(), 2)


def test_an_invitation_is_no_membership(serve):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"state": "pending"}')

        def log_message(self, *args):
            pass

    assert answer_of(serve(Handler), "mia", "x").denied == {"institute", "survey:pipeline"}
