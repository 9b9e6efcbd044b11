"""What the command line makes of logins, and of the old files wlist and blist."""

from types import SimpleNamespace

import pytest

from cyberhubs_lib import access, access_commands
from cyberhubs_lib.access_commands import _edit, _named
from cyberhubs_lib.cli import main, parser
from cyberhubs_lib.errors import HubSilent, PreconditionFailed, SettingsError
from cyberhubs_lib.transport import Result


def named(*words):
    return _named(parser().parse_args(["access", "allow", *words, "--site", "demo"]))


def test_an_old_list_is_taken_over(tmp_path):
    old = tmp_path / "wlist"
    old.write_bytes(b"\xef\xbb\xbfAda\r\n\r\n  ben  # since May\r\n@carl\nada\n")
    assert named("dora", "--from", str(old)) == ["dora", "ada", "ben", "carl"]


def test_a_login_has_to_be_named():
    with pytest.raises(SettingsError, match="no login is named"):
        named()


@pytest.mark.parametrize(("word", "fault", "instead"), [
    ("Carol Smith", "is more than one word", "not the full name"),
    ("ada,ben", "is more than one word", "write ada and ben, each login by itself"),
    ("a;b", "is more than one word", "login"),
    ("ben@example.org", "is an e-mail address", "write ben;"),
    ("https://github.com/ben", "is an address", "write ben;"),
    ("github.com/ben/", "is an address", "write ben;"),
    ("../ada", "is an address", "write ada;"),
    ("ben.", "has '.' in it", "write ben;"),
    ("ada.lovelace", "has '.' in it", "write ada_lovelace if"),
    ("b\u00e9n", "has '\u00e9' in it", "login"),
    ("_ben", "begins with '_'", "write ben;"),
    ("a" * 65, "has 65 characters", "login"),
    ("", "is empty", "login"),
])  # fmt: skip
@pytest.mark.parametrize("action", ["allow", "block", "unadmin", "explain"])
def test_an_argument_that_is_not_one_login_is_refused_in_plain_words(
    action, word, fault, instead, monkeypatch, capsys
):
    monkeypatch.setattr(access_commands, "hub_machine", lambda site: None)
    assert main(["access", action, "ada", word, "--site", "demo"]) == 1
    said = capsys.readouterr().err
    assert f"SettingsError: {word[:60]!r} {fault}" in said
    assert "expected: a login: letters a to z, digits, - and _" in said
    assert instead in said.partition("to do:")[2]
    assert not set("[]{}^$") & set(said)


def test_a_line_of_a_file_that_is_not_one_login_is_named(tmp_path):
    old = tmp_path / "wlist"
    old.write_bytes(b"ada\n# people of May\nben smith\n\ncarl@example.org # new\n\xff\xfe\n")
    with pytest.raises(SettingsError) as error:
        named("--from", str(old))
    places = [f"{old} line {number}: " for number in (3, 5, 6)]
    assert [part[: len(places[0])] for part in error.value.found.split("; ")] == places
    assert "for 'carl@example.org' write carl" in error.value.todo


def test_of_many_odd_lines_the_first_are_shown(tmp_path):
    old = tmp_path / "wlist"
    old.write_text("a b\n" * 300)
    with pytest.raises(SettingsError) as error:
        named("--from", str(old))
    assert error.value.found.endswith("line 5: 'a b' is more than one word; 295 more")


class Answers:
    """A hub that says these rules of people; after two looks these wait for a confirmation."""

    def __init__(self, rules, held=(), alarms=(), silent=""):
        self.rules, self.held, self.alarms, self.shown, self.asked = rules, held, alarms, 0, []
        self.silent = silent

    def __call__(self, host, site, *words):
        if words[0] == "--seen":  # a change: it waits until hub and watch were seen
            words = words[2:]
            if self.silent:
                return {"changed": [], "silent": self.silent}
        self.asked.append(words)
        if words[0] == "show":
            self.shown += 1
            held = list(self.held) if self.shown > 2 else []
            return {"watch": {"held": held, "alarms": list(self.alarms)}}
        if words[0] == "explain":
            return {"logins": [self.explained(login) for login in words[1:]]}
        return {"changed": list(words)}

    def explained(self, login):
        rule = self.rules.get(login, "unlisted")
        allowed = rule in ("window", "member")
        return {"login": login, "allowed": allowed, "rule": rule, "why": f"why {rule}",
                "place": "", "account": "", "changed": []}  # fmt: skip


OUT = "out within seconds; the files stay"
WAITS = "but the running server waits: ./cyberhubs access apply --site mysite"


@pytest.mark.parametrize(("what", "from_file", "hub", "code", "lines"), [
    ("block", False, Answers({"a": "blocked"}), 0, {"a": f"blocked, {OUT}"}),
    ("block", False, Answers({}, "abcd"), 0, dict.fromkeys("abcd", f"blocked, {OUT}")),
    ("block", True, Answers({}, "abcd"), 3, dict.fromkeys("abcd", f"blocked, {WAITS}")),
    ("remove", False, Answers({}), 0, {"a": f"on no list, {OUT}"}),
    ("remove", False, Answers({}, "abcd"), 3, dict.fromkeys("abcd", f"on no list, {WAITS}")),
    ("remove", False, Answers({"a": "window"}), 3, {"a": "on no list, but may enter: why window"}),
    ("remove", False, Answers({"a": "unsure"}), 3,
     {"a": "on no list, but who is in stays in: why unsure"}),
    ("block", False, Answers({}, alarms=["not looked for 45 s"]), 0, {
        "a": f"blocked, {OUT}", "ALARM           not looked for 45 s": ""}),
])  # fmt: skip
def test_what_really_is_so_is_said_after_a_block_and_a_removal(
    what, from_file, hub, code, lines, monkeypatch, capsys
):
    monkeypatch.setattr(access, "ask", hub)
    monkeypatch.setattr(access_commands, "ask", hub)
    monkeypatch.setattr(access_commands.time, "sleep", lambda seconds: None)
    names = [name for name, said in lines.items() if said]
    assert _edit(None, SimpleNamespace(name="mysite"), what, names, from_file) == code
    said = [f"{name}: {line}" if line else name for name, line in lines.items()]
    assert capsys.readouterr().out.splitlines() == said
    assert (hub.asked[0][0] == "--wait") == from_file


@pytest.mark.parametrize("words", [
    ["allow", "ben"], ["block", "ben"], ["unblock", "ben"], ["remove", "ben"], ["admin", "ben"],
    ["unadmin", "ben"], ["open", "2099-01-01T00:00Z"], ["close"], ["apply", "--confirm"],
])  # fmt: skip
def test_nothing_is_told_as_done_while_the_watch_stands_still(words, monkeypatch, capsys):
    hub = Answers({}, ["ben"], silent="the watch has not looked within 15 s")
    hub.shown = 3
    monkeypatch.setattr(access, "ask", hub)
    monkeypatch.setattr(access_commands, "ask", hub)
    monkeypatch.setattr(access_commands, "hub_machine", lambda site: None)
    assert main(["access", *words, "--site", "demo"]) == 3
    said = capsys.readouterr()
    assert "without effect yet: the watch has not looked within 15 s" in said.err
    assert "./cyberhubs hub logs --site demo" in said.err
    assert said.out in ("", "1 running servers would stop: ben\n")


ALONE = "no administrator is left on this hub"


def test_who_takes_the_last_administrator_away_is_told(monkeypatch, capsys):
    hub = Answers({}, alarms=[ALONE])
    monkeypatch.setattr(access, "ask", hub)
    monkeypatch.setattr(access_commands, "ask", hub)
    for action in ("unadmin", "remove", "block"):
        assert _edit(None, SimpleNamespace(name="mysite"), action, ["ada"], False) == 0
        assert ALONE in capsys.readouterr().out


@pytest.mark.parametrize(("code", "out", "kind"), [
    (137, "", HubSilent),
    (1, "Container 1f is restarting, wait until the container is running", PreconditionFailed),
    (1, 'service "hub" is not running', PreconditionFailed),
])  # fmt: skip
def test_a_hub_that_cannot_be_asked(code, out, kind):
    with pytest.raises(kind, match="the hub") as error:
        access.answer(Result(code, "", out))
    assert error.value.todo
