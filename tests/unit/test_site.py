"""The site file: every mistake names key, line and the way out."""

import json
import re
from itertools import pairwise

import pytest

from cyberhubs_lib.errors import SettingsError
from cyberhubs_lib.site import REPOSITORY, Site
from cyberhubs_lib.site_host import Part
from cyberhubs_lib.site_types import is_private
from cyberhubs_lib.sitefile import SITES, load_site

WRONG = {
    "unknown key": ("name: a\nadmin: [x]\n", ["line 2: admin", "not known", "admins"]),
    "unknown inner key": ("limits:\n  memroy: 2G\n", ["line 2: limits.memroy", "memory"]),
    "wrong type": ("uid: many\n", ["line 1: uid", "'many'"]),
    "impossible value": ("name: a\nlimits:\n  cpus: -1\n", ["line 3: limits.cpus", "greater"]),
    "bad login": ("name: a\n\nadmins:\n  - ok\n  - 'a b'\n", ["line 5: admins.1", "'a b'"]),
    "reserved characters in login": ("admins: [a@b]\n", ["line 1: admins.0", "39 letters"]),
    "the check user as a person": (
        "admins: [ada]\nallowed_users:\n  - CyberHubs-Check\n",
        ["line 3: allowed_users.0", "the hub checks itself", "another GitHub login"],
    ),
    "the check user as an admin": ("admins: [cyberhubs-check]\n", ["line 1: admins.0"]),
    "login too long": (f"admins: [{'a' * 40}]\n", ["line 1: admins.0", "39 letters"]),
    "space in address": (
        "name: a\npublic_url: http://x y\n",
        ["line 2: public_url", "http://NAME"],
    ),
    "no address": ("public_url: http://\n", ["line 1: public_url", "http://NAME"]),
    "impossible address": ("public_url: http://300.1.1.1\n", ["line 1: public_url"]),
    "address with a login": ("public_url: http://a:b@hub.org\n", ["line 1: public_url"]),
    "address with a query": ("public_url: http://hub.org?a=b\n", ["line 1: public_url"]),
    "port of address": ("public_url: http://hub.org:99999\n", ["1 to 65535"]),
    "no address of GitHub": ("login:\n  url: nonsense\n", ["line 2: login.url", "http://NAME"]),
    "a path at GitHub": (
        "login:\n  url: https://github.com/me\n",
        ["line 1: login", "without a path"],
    ),
    "an issuer that is not named": ("login: {provider: oidc}\n", ["line 1: login", "needs url"]),
    "an issuer without https": (
        "login: {provider: oidc, url: http://id.example.org}\n",
        ["asked by https, so https://id.example.org"],
    ),
    "an issuer with a query": (
        "login: {provider: oidc, url: 'https://id.example.org?a=b'}\n",
        ["line 1: login.url"],
    ),
    "a claim for GitHub": ("login: {username_claim: email}\n", ["goes with provider: oidc"]),
    "a claim with a blank": (
        "login: {provider: oidc, url: 'https://a.org', username_claim: 'a b'}\n",
        ["login.username_claim"],
    ),
    "no organisation": (
        "login:\n  organizations: [a/b]\n",
        ["line 2: login.organizations.0", "ORGANISATION:TEAM"],
    ),
    "organisations elsewhere": (
        "login: {provider: gitlab, organizations: [a]}\n",
        ["goes with provider: github"],
    ),
    "members and everybody": (
        "access: open\nlogin: {organizations: [a]}\n",
        ["remove one of them"],
    ),
    "a password over plain http": (
        "public_url: http://10.0.0.5\nlogin: {provider: password}\n",
        ["public_url: https://10.0.0.5"],
    ),
    "a password and an application": (
        "login: {provider: password, client_id: x}\n",
        ["client_id does not go with provider: password"],
    ),
    "a password and the stand-in": (
        "login: {provider: password, standin: [{login: a}]}\n",
        ["standin does not go with"],
    ),
    "a password and organisations": (
        "login: {provider: password, organizations: [a]}\n",
        ["organizations goes with provider: github"],
    ),
    "a password for GitHub": ("login: {password_file: /x}\n", ["goes with provider: password"]),
    "two titles": (
        "uid: 5\nmenu: [{title: A}, {title: B}, {title: A}]\n",
        ["line 2: menu", "not twice 'A'"],
    ),
    "no title": ("menu: [{title: ' '}]\n", ["line 1: menu.0.title"]),
    "no image": ("menu:\n  - title: A\n    image: ''\n", ["line 3: menu.0.image", "docker pull"]),
    "no name of an image": ("menu: [{title: A, image: My Hub}]\n", ["menu.0.image", "'My Hub'"]),
    "no room": (
        "docker: {address_pools: [{base: 10.201.0.0/24, size: 16}]}\n",
        ["docker.address_pools", "10.201.0.0/24 has no room"],
    ),
    "no proxy": ("isolation: {internet: proxy}\n", ["isolation", "goes with the address"]),
    "a proxy for nothing": (
        "isolation: {proxy: 'http://proxy.uni.test:3128'}\n",
        ["isolation", "goes with the address"],
    ),
    "a proxy with a password": (
        "isolation: {internet: proxy, proxy: 'http://a:b@proxy.uni.test:3128'}\n",
        ["isolation.proxy"],
    ),
    "a proxy without a port": (
        "isolation: {internet: proxy, proxy: 'http://proxy.uni.test'}\n",
        ["isolation.proxy", "http://NAME:PORT"],
    ),
    "from no registry": ("images: {source: pull}\n", ["line 1: images", "registry: ghcr.io/"]),
    "no registry": ("images: {registry: 'https://ghcr.io/x'}\n", ["without https://"]),
    "no base": ("images: {base: 'debian trixie'}\n", ["line 1: images.base"]),
    "data beside the volume": (
        "uid: 5\nstorage: {volumes: [{device: /dev/vdb, mount: /data}]}\n",
        ["line 2: storage", "set data_root: /data"],
    ),
    "a home too small": ("limits:\n  disk: 10M\n", ["line 2: limits.disk", "at least 64M"]),
    "for whom else?": ("limits: {disk_of: {ada: 1G}}\n", ["line 1: limits", "only with disk"]),
    "no login": ("limits: {disk: 1G, disk_of: {a b: 1G}}\n", ["limits.disk_of", "39 letters"]),
    "a limit in a Docker volume": (
        "data_root: vol\nlimits: {disk: 1G}\n",
        ["limits.disk needs a data_root that is a path"],
    ),
    "endless processors": ("limits: {cpus: .inf}\n", ["line 1: limits.cpus", "finite"]),
    "no such uid": ("uid: 4294967295\n", ["line 1: uid"]),
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


@pytest.mark.parametrize(
    "text",
    [
        "admins: [octocat_acme, a-b, old-name-, X1]\n",
        "public_url: https://hub.example.org:8443/\n",
        "public_url: http://[fd00::7]:8000\n",
        "login: {url: https://github.example.org}\n",
        "menu: [{title: A, image: 'registry.example.org:5000/group/hub:v1.2'}]\n",
        f"menu: [{{title: A, image: 'debian@sha256:{'0a' * 32}'}}]\n",
        "images: {base: 'mirror/debian:trixie-slim'}\n",
        "data_root: /data/hub\nstorage: {volumes: [{device: /dev/vdb, mount: /data}]}\n",
        "data_root: a-volume\nstorage: {volumes: [{device: /dev/vdb, mount: /data}]}\n",
    ],
)
def test_what_is_meant_is_taken(tmp_path, text):
    (tmp_path / "s.yaml").write_text(text)
    load_site(str(tmp_path / "s.yaml"))


def test_all_mistakes_at_once(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text("uid: x\ngid: y\nfoo: 1\n")
    with pytest.raises(SettingsError) as error:
        load_site(str(path))
    assert all(f"line {n}" in str(error.value) for n in (1, 2, 3))


EXAMPLE = (SITES / "example.yaml").read_text()
FILLED = {
    "host": "debian@hub.example.org",
    "public_url": "https://hub.example.org",
    "client_id": "Ov23li",
    "client_secret_file": "~/.config/cyberhubs/client_secret",
    "admins": ["ada"],
    "allowed_users": ["ben"],
}


def test_the_example_is_the_defaults():
    assert load_site("example") == Site(name="example")


def test_a_copy_with_its_lines_filled_in_differs_in_nothing_else(tmp_path):
    asked, text = EXAMPLE.count("FILL IN:"), EXAMPLE
    for key, value in FILLED.items():
        text, found = re.subn(rf"(?m)^( *{key}:) .*$", rf"\1 {json.dumps(value)}", text)
        assert found == 1, key
    assert asked == len(FILLED)
    (tmp_path / "mysite.yaml").write_text(text)
    login = {key: FILLED[key] for key in ("client_id", "client_secret_file")}
    rest = {key: value for key, value in FILLED.items() if key not in login}
    assert load_site(str(tmp_path / "mysite.yaml")) == Site(name="mysite", login=login, **rest)


def parts(model=Site):
    """All groups of keys, however deep."""
    yield model
    for field in model.model_fields.values():
        for kind in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(kind, type) and issubclass(kind, Part):
                yield from parts(kind)


@pytest.mark.parametrize("part", list(parts()), ids=lambda part: part.__name__)
def test_the_example_names_every_key(part):
    text = EXAMPLE + (SITES / "demo.yaml").read_text()  # the stand-in's accounts are there
    missing = [key for key in part.model_fields if not re.search(rf"\b{key}: ", text)
               and not re.search(rf"(?m)^{key}:", text)]  # fmt: skip
    assert missing == []


def test_the_example_says_of_every_key_what_it_is():
    """Behind it or above it; the first entry of the menu speaks for the second."""
    text = re.sub(r"(?s)  - title: Notebook.*?interface: notebook\n", "", EXAMPLE)
    lines = [line for line in text.splitlines() if line.strip()]
    bare = [line for above, line in pairwise(lines) if not line.lstrip().startswith("#")
            and " #" not in line and not above.lstrip().startswith("# ")]  # fmt: skip
    assert bare == []
    assert max(map(len, EXAMPLE.splitlines())) <= 76  # as much as the book has room for


WRITTEN = {
    "host": "debian@hub.example.org",
    "admins": "[ada, ben]",
    "storage.volumes": "[{device: /dev/disk/by-id/virtio-0a1b2c, mount: /mnt}]",
    "docs.hide": "[logins, addresses, hosts]",
    "ca_certificates": "[~/certificates/*.crt]",
    "system.open_ports": "[5432]",
    "system.ssh_from": "[192.0.2.0/24]",
    "system.restart_at": '"04:30"',
    "system.swap": "4G",
    "docker.address_pools": "[{base: 10.201.0.0/16, size: 26}]",
}


@pytest.mark.parametrize("key", WRITTEN)
def test_values_that_the_comments_show_can_be_used(tmp_path, key):
    assert WRITTEN[key] in EXAMPLE
    group, _, name = key.rpartition(".")
    line = f"{name}: {WRITTEN[key]}"
    (tmp_path / "s.yaml").write_text(f"{group}:\n  {line}\n" if group else line)
    assert load_site(str(tmp_path / "s.yaml")) != Site(name="s")


def test_the_book_says_which_runbook_reads_each_key():
    page = (REPOSITORY / "book" / "site_file.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    named = [key for row in rows for key in re.findall(r"`([a-z_]+)`", row.split("|")[1])]
    assert sorted(named) == sorted(Site.model_fields)


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
