"""What 07 and 09 look at for a certificate: where names lead, open ports, what the front door says."""

import socket

import pytest

from cyberhubs_lib import reach
from cyberhubs_lib.acme_account import account
from cyberhubs_lib.certificate_checks import Door
from cyberhubs_lib.facts import parse_facts
from cyberhubs_lib.host import Host
from cyberhubs_lib.params import Params
from cyberhubs_lib.reach import addresses, knock, verdict
from cyberhubs_lib.recipes import launch_hub
from cyberhubs_lib.recipes.certificates import recipe
from cyberhubs_lib.site import Site
from cyberhubs_lib.site_types import CHECK_USER
from cyberhubs_lib.transport import Local, Result

NAME = "hub.example.org"
BELOW = f"{CHECK_USER}.{NAME}"

NAMES = [
    # found, the host's own, where ssh goes -> status, words
    (set(), {"192.0.2.1"}, set(), "failed", "no such name"),
    ({"9.9.9.1"}, {"9.9.9.1"}, set(), "ok", "the host"),
    ({"9.9.9.1"}, {"10.0.0.5"}, {"9.9.9.1"}, "ok", "where ssh finds it"),
    ({"9.9.9.2"}, {"9.9.9.1"}, {"9.9.9.1"}, "failed", "9.9.9.2, but the host has 9.9.9.1"),
    ({"9.9.9.2"}, {"10.0.0.5"}, {"10.0.0.5"}, "warning", "10.0.0.5"),
    ({"10.0.0.6"}, {"10.0.0.5"}, {"10.0.0.5"}, "failed", "10.0.0.6"),
    ({"9.9.9.1", "2600::1"}, {"9.9.9.1"}, {"9.9.9.1"}, "failed", "2600::1, but"),
    ({"9.9.9.1", "2600::1"}, {"10.0.0.5"}, {"9.9.9.1"}, "failed", "2600::1, but"),
]


@pytest.mark.parametrize(("found", "own", "ssh", "status", "words"), NAMES)
def test_whether_a_name_leads_to_the_host(found, own, ssh, status, words):
    said = verdict(found, own, ssh)
    assert said[0] == status
    assert words in said[1]


@pytest.mark.parametrize(
    ("known", "good", "said"),
    [
        ({"hub.example.org": {"192.0.2.1"}}, False, "no such name"),
        ({"hub.example.org": {"192.0.2.1"}, BELOW: {"192.0.2.9"}}, False, "192.0.2.9"),
        ({"hub.example.org": {"192.0.2.1"}, BELOW: {"192.0.2.1"}}, True, "192.0.2.1"),
        ({}, False, "no such name"),
    ],
)
@pytest.mark.parametrize("mode", ["none", "elsewhere", "internal"])
def test_names_below_lead_where_the_name_leads(monkeypatch, known, good, said, mode):
    """Asked by 07 in all modes, also where it has nothing to do for a certificate."""
    monkeypatch.setattr(reach, "addresses", lambda name: known.get(name, set()))
    scheme = "http" if mode == "none" else "https"
    site = Site(public_url=f"{scheme}://{NAME}", certificate={"mode": mode}, subdomains=True)
    asked = {c.label: c for c in recipe(parse_facts(""), site, Params()).requirements}
    row = asked[f"*.{NAME} leads to"].row(Result(0, "", ""))
    assert (row.status == "ok", row.was) == (good, said)


def test_names_below_localhost_are_this_machine():
    assert addresses("ada.hub.localhost") == {"127.0.0.1"}
    assert addresses("no-such-name.test") == set()


def test_a_port_is_knocked_at():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        assert knock("127.0.0.1", port) == (True, "reached; nobody listens yet")
        server.listen()
        assert knock("127.0.0.1", port) == (True, "answers")
    assert knock("no-such-name.invalid", 80) == (False, "no such name")


ERROR = (
    '{"level":"error","logger":"tls.obtain","error":"[a.org] Obtain: HTTP 400'
    ' urn:ietf:params:acme:error:dns - no such host (ca=https://acme.test/dir)"}'
)
SAID = "urn:ietf:params:acme:error:dns - no such host"


@pytest.mark.parametrize(
    ("printed", "door"),
    [
        ("", Door(False, "", "")),
        ("runs\n", Door(True, "", "")),
        (f"runs\n{ERROR}\n", Door(True, "", SAID)),
        (f"runs\n-----BEGIN CERTIFICATE-----\nAA\n{ERROR}",
         Door(True, "-----BEGIN CERTIFICATE-----\nAA", SAID)),
        ("runs\n{half", Door(True, "", "")),
    ],
)  # fmt: skip
def test_what_the_front_door_tells(printed, door):
    assert Door.of(Result(0, printed)) == door


@pytest.mark.parametrize(
    ("name", "left_by_07", "said", "status"),
    [
        ("hub.example.org", "hub.example.org", "looked at by 07", "ok"),
        ("hub.example.org", "old.example.org", "07 looked at another name", "failed"),
        ("hub.example.org", "", "07 was not run", "failed"),
    ],
)
def test_09_asks_no_authority_before_07_has_looked(tmp_path, name, left_by_07, said, status):
    """Caddy does as soon as it starts, and an authority counts attempts that fail."""
    site = Site(public_url=f"https://{name}", server_dir=str(tmp_path))
    folder = tmp_path / "certificate" / "acme"
    if left_by_07:
        folder.mkdir(parents=True)
        (folder / "account.caddy").write_bytes(account(site.certificate, left_by_07))
    wanted = {c.label: c for c in launch_hub.recipe(parse_facts(""), site, Params()).requirements}
    check = wanted[f"certificate of {name}"]
    row = check.row(Host(Local(), root=False).run(check.question))
    assert (row.was, row.status) == (said, status)


@pytest.mark.parametrize("url", ["http://hub.example.org", "https://localhost"])
def test_09_asks_07_for_nothing_where_no_authority_is_asked(url):
    mode = {"mode": "internal"} if url.startswith("https") else {}
    site = Site(public_url=url, certificate=mode)
    asked = launch_hub.recipe(parse_facts(""), site, Params()).requirements
    assert not any(check.label.startswith("certificate") for check in asked)
