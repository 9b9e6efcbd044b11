"""What the command line makes of logins, and of the old files wlist and blist."""

from types import SimpleNamespace

import pytest

from cyberhubs_lib import access_commands
from cyberhubs_lib.access_commands import _edit, _named
from cyberhubs_lib.cli import parser
from cyberhubs_lib.errors import SettingsError


def named(*words):
    return _named(parser().parse_args(["access", "allow", *words, "--site", "demo"]))


def test_an_old_list_is_taken_over(tmp_path):
    old = tmp_path / "wlist"
    old.write_bytes(b"\xef\xbb\xbfAda\r\n\r\n  ben  # since May\r\n@carl\nada\n")
    assert named("dora", "--from", str(old)) == ["dora", "ada", "ben", "carl"]


@pytest.mark.parametrize("words", [[], ["a;b"], ["../ada"]])
def test_what_is_no_login_is_refused(words):
    with pytest.raises(SettingsError):
        named(*words)


class Answers:
    """A hub that says these rules of people; after two looks these wait for a confirmation."""

    def __init__(self, rules, held=(), alarms=()):
        self.rules, self.held, self.alarms, self.shown, self.asked = rules, held, alarms, 0, []

    def __call__(self, host, site, *words):
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
    monkeypatch.setattr(access_commands, "ask", hub)
    monkeypatch.setattr(access_commands.time, "sleep", lambda seconds: None)
    names = [name for name, said in lines.items() if said]
    assert _edit(None, SimpleNamespace(name="mysite"), what, names, from_file) == code
    said = [f"{name}: {line}" if line else name for name, line in lines.items()]
    assert capsys.readouterr().out.splitlines() == said
    assert (hub.asked[0][0] == "--wait") == from_file
