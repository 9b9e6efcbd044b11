"""A certificate of the site's own: pairs of files with each mistake, the names in it, the time left."""

from datetime import timedelta

import pytest
from authority import HOUR, Authority, signed, write_pair
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from cyberhubs_lib.errors import PreconditionFailed
from cyberhubs_lib.facts import parse_facts
from cyberhubs_lib.own_certificate import findings, read_pair
from cyberhubs_lib.params import Params
from cyberhubs_lib.recipes.certificates import recipe
from cyberhubs_lib.shell import mask
from cyberhubs_lib.site import Site
from cyberhubs_lib.site_certificate import Certificate
from cyberhubs_lib.transport import Result
from cyberhubs_lib.x509_facts import covers, left

NAME = "hub.example.org"


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return Authority.made(tmp_path_factory.mktemp("ca"))


def good(ca, **changes):
    return signed("hub", ca.between, NAME, **changes)


# mistake -> (chain, key) -> labels that are not as they should be
PAIRS = {
    "none": (lambda ca, s: (s.pem + ca.between.pem, s.key_pem), {}, set()),
    "root in the chain": (lambda ca, s: (s.pem + ca.between.pem + ca.root.pem, s.key_pem), {}, set()),
    "not complete": (lambda ca, s: (s.pem, s.key_pem), {}, {"a browser says"}),
    "wrong order": (lambda ca, s: (s.pem + ca.root.pem + ca.between.pem, s.key_pem), {},
                    {"order of the chain"}),
    "another's key": (lambda ca, s: (s.pem + ca.between.pem, good(ca).key_pem), {},
                      {"the key", "a browser says"}),
    "expired": (lambda ca, s: (s.pem + ca.between.pem, s.key_pem),
                {"begin": -9 * HOUR, "end": -HOUR}, {"time left", "a browser says"}),
    "not yet": (lambda ca, s: (s.pem + ca.between.pem, s.key_pem), {"begin": HOUR},
                {"time left", "a browser says"}),
    "a fifth left": (lambda ca, s: (s.pem + ca.between.pem, s.key_pem),
                     {"begin": -80 * HOUR, "end": 20 * HOUR}, {"time left"}),
    "a weak key": (lambda ca, s: (s.pem + ca.between.pem, s.key_pem), {"bits": 1024},
                   {"a browser says"}),
    "an authority": (lambda ca, s: (s.pem + ca.between.pem, s.key_pem), {"authority": True}, {"kind"}),
}  # fmt: skip


@pytest.mark.parametrize("mistake", PAIRS)
def test_a_pair_with_a_mistake(ca, tmp_path, mistake):
    make, changes, wanted = PAIRS[mistake]
    pair = read_pair(Certificate(**write_pair(tmp_path, *make(ca, good(ca, **changes)))))
    found = findings(pair, NAME, [ca.file])
    assert {f.label for f in found if not f.good} == wanted
    assert all(f.found and f.wanted and f.todo for f in found)


def test_a_name_that_is_not_in_it(ca, tmp_path):
    site = good(ca)
    pair = read_pair(Certificate(**write_pair(tmp_path, site.pem + ca.between.pem, site.key_pem)))
    found = {f.label: f for f in findings(pair, "other.example.org", [ca.file])}
    assert found["names"].found == NAME
    assert "match" in found["a browser says"].found


@pytest.mark.parametrize("more", [[], [f"*.{NAME}"], ["*.example.org"]])
def test_with_subdomains_it_is_for_all_names_below(ca, tmp_path, more):
    site = signed("hub", ca.between, NAME, *more)
    pair = read_pair(Certificate(**write_pair(tmp_path, site.pem + ca.between.pem, site.key_pem)))
    found = {f.label: f for f in findings(pair, NAME, [ca.file], subdomains=True)}
    assert found["names"].good == (more == [f"*.{NAME}"])
    assert found["names"].wanted == f"{NAME} and *.{NAME}"


def test_a_root_that_nobody_knows(ca, tmp_path):
    site = good(ca)
    pair = read_pair(Certificate(**write_pair(tmp_path, site.pem + ca.between.pem, site.key_pem)))
    (said,) = [f for f in findings(pair, NAME, []) if f.label == "a browser says"]
    assert "issuer certificate" in said.found
    assert "ca_certificates" in said.todo


@pytest.mark.parametrize(
    ("chain", "key", "mode", "words"),
    [
        ("", "k", 0o600, "chain_file"), ("no PEM", "k", 0o600, "full chain"),
        (None, "no PEM", 0o600, "holds no private key"), (None, "k", 0o644, "chmod 600"),
        (None, "locked", 0o600, "locked with a password"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_used(ca, tmp_path, chain, key, mode, words):
    site = good(ca)
    if key == "locked":
        form = (Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
        key = site.key.private_bytes(*form).decode()
    wanted = write_pair(tmp_path, site.pem if chain is None else chain,
                        site.key_pem if key == "k" else key)  # fmt: skip
    (tmp_path / "key.pem").chmod(mode)
    with pytest.raises(PreconditionFailed, match=words):
        read_pair(Certificate(**wanted))
    site = Site(public_url=f"https://{NAME}", certificate=wanted)
    made = recipe(parse_facts("service_uid=1"), site, Params())
    assert made.steps == {"certificate": []}
    (row,) = [c.row(Result(0)) for c in made.requirements if c.label == "files of the certificate"]
    assert row.status == "failed"
    assert row.note


def test_the_key_is_masked_wherever_it_is_printed(ca, tmp_path):
    site = good(ca)
    wanted = write_pair(tmp_path, site.pem + ca.between.pem, site.key_pem)
    made = recipe(
        parse_facts("service_uid=1\nservice_gid=1"),
        Site(public_url=f"https://{NAME}", certificate=wanted), Params(),
    )  # fmt: skip
    (file,) = made.steps["certificate"]
    assert file.mode == "600"
    body = site.key_pem.splitlines()[1]
    assert body not in mask(file.content.decode())
    assert len(mask(file.change(None))) < len(file.change(None)) - len(body)


@pytest.mark.parametrize(
    ("given", "name", "is_it"),
    [
        ("hub.example.org", "hub.example.org", True), ("hub.example.org", "HUB.example.ORG", True),
        ("*.example.org", "hub.example.org", True), ("*.example.org", "a.b.example.org", False),
        ("*.example.org", "example.org", False), ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False), ("fd00::7", "fd00:0::7", True),
    ],
)  # fmt: skip
def test_which_names_it_covers(given, name, is_it):
    assert covers(signed("x", None, given).certificate, name) is is_it


def test_the_subject_is_no_name():
    assert not covers(signed("hub.example.org").certificate, "hub.example.org")


@pytest.mark.parametrize(
    ("days", "gone", "good", "said"),
    [
        (90, 0, True, "90 days of 90 days left"), (90, 67, True, "23 days of 90 days left"),
        (90, 68, False, "22 days of 90 days left"), (6, 4.6, False, "34 hours of 6 days left"),
        (45, 33, True, "12 days"), (45, 34, False, "11 days"), (90, 91, False, "expired on"),
        (90, -1, False, "valid only from"),
    ],
)  # fmt: skip
def test_a_quarter_of_the_lifetime(days, gone, good, said):
    day = timedelta(days=1)
    made = signed("x", begin=timedelta(0), end=days * day).certificate
    found = left(made, made.not_valid_before_utc + gone * day)
    assert found[0] is good
    assert said in found[1]
