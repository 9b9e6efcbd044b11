"""The site file: every mistake names key, line and the way out."""

import pytest

from cyberhubs_lib.errors import SettingsError
from cyberhubs_lib.site import Site, is_private
from cyberhubs_lib.sitefile import SITES, load_site

WRONG = {
    "unknown key": ("name: a\nadmin: [x]\n", ["line 2: admin", "not known", "admins"]),
    "unknown inner key": ("limits:\n  memroy: 2G\n", ["line 2: limits.memroy", "memory"]),
    "wrong type": ("uid: many\n", ["line 1: uid", "'many'"]),
    "impossible value": ("name: a\nlimits:\n  cpus: -1\n", ["line 3: limits.cpus", "greater"]),
    "bad login": ("name: a\n\nadmins:\n  - ok\n  - 'a b'\n", ["line 5: admins.1", "'a b'"]),
    "path in address": ("public_url: http://x/hub\n", ["line 1: public_url", "http://NAME"]),
    "not a mapping": ("- a\n- b\n", ["cannot be used"]),
    "no yaml": ("name: [a\n", ["is not YAML", "line"]),
    "empty menu": ("menu: []\n", ["line 1: menu"]),
    "stand-in in public": (
        "public_url: https://hub.example.org\nlogin: {standin: [{login: a}]}\n",
        ["private public_url", "remove login.standin"],
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_mistakes_are_named(tmp_path, case):
    text, words = WRONG[case]
    path = tmp_path / "s.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError) as error:
        load_site(str(path))
    for word in [*words, "s.yaml", "to do"]:
        assert word in str(error.value)


def test_all_mistakes_at_once(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text("uid: x\ngid: y\nfoo: 1\n")
    with pytest.raises(SettingsError) as error:
        load_site(str(path))
    assert all(f"line {n}" in str(error.value) for n in (1, 2, 3))


def test_the_example_names_every_key_and_the_default():
    example = load_site("example")
    from ruamel.yaml import YAML

    data = YAML(typ="safe").load(SITES / "example.yaml")
    assert set(data) == set(Site.model_fields)
    differ = {"name", "host", "identity_file", "storage", "login", "admins", "allowed_users"}
    for key in set(Site.model_fields) - differ:
        assert getattr(example, key) == getattr(Site(), key), key


def test_missing_site_names_the_known_ones():
    with pytest.raises(SettingsError, match="demo, example"):
        load_site("nowhere")


def test_local_file_replaces_keys(tmp_path):
    (tmp_path / "s.yaml").write_text("public_url: http://127.0.0.1:8000\nuid: 1001\n")
    (tmp_path / "s.local.yaml").write_text("public_url: http://127.0.0.1:8111\n")
    site = load_site(str(tmp_path / "s.yaml"))
    assert (site.port, site.uid, site.name) == (8111, 1001, "s")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("admins: []\n\nuid: many\n", ["s.local.yaml, line 3: uid", "'many'"]),
        ("admin: [x]\n", ["s.local.yaml, line 1: admin", "not known"]),
        ("uid: [a\n", ["s.local.yaml is not YAML"]),
        ("- a\n- b\n", ["s.local.yaml cannot be used", "a list"]),
    ],
)
def test_mistakes_in_the_local_file_are_named_as_its_own(tmp_path, text, words):
    (tmp_path / "s.yaml").write_text("name: a\nuid: 1001\ngid: nobody\n")
    (tmp_path / "s.local.yaml").write_text(text)
    with pytest.raises(SettingsError) as error:
        load_site(str(tmp_path / "s.yaml"))
    for word in [*words, "to do"]:
        assert word in str(error.value)
    if "line" in words[0]:
        assert "    line 3: gid" in str(error.value)  # the other file's own mistake


def test_an_empty_local_file_has_no_keys(tmp_path):
    (tmp_path / "s.yaml").write_text("uid: 1001\n")
    (tmp_path / "s.local.yaml").write_text("# nothing yet\n")
    assert load_site(str(tmp_path / "s.yaml")).uid == 1001


@pytest.mark.parametrize(
    ("name", "private"),
    [
        ("127.0.0.1", True), ("localhost", True), ("10.1.2.3", True), ("hub.test", True),
        ("172.18.0.2", True), ("8.8.8.8", False), ("hub.example.org", False),
        ("localhost.example.org", False), ("::1", True),
    ],
)  # fmt: skip
def test_private_names(name, private):
    assert is_private(name) is private


def test_certificates_by_pattern(tmp_path):
    (tmp_path / "a.crt").write_text("x")
    site = Site(ca_certificates=[f"{tmp_path}/*.crt", f"{tmp_path}/none/*.crt"])
    assert [p.name for p in site.certificates()] == ["a.crt"]
    with pytest.raises(SettingsError, match="is not there"):
        Site(ca_certificates=[f"{tmp_path}/b.crt"]).certificates()
