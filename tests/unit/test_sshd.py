"""ssh with keys only: what sshd's files say is not yet what the running sshd has read."""

import subprocess

from cyberhubs_lib.resources import sshd
from cyberhubs_lib.state import difference
from cyberhubs_lib.transport import Result

# as the real one, the first line of a kind counts
SSHD = """#!/bin/sh
[ "$1" = -T ] || exit 0
{{ cat {0}/etc/10-cyberhubs.conf 2>/dev/null
    printf '%s yes\\n' PermitRootLogin PasswordAuthentication KbdInteractiveAuthentication X11Forwarding
}} | tr A-Z a-z | awk '!seen[$1]++'
"""


def test_an_sshd_that_was_not_told_is_still_to_be_told(tmp_path):
    reloads = f"#!/bin/sh\n[ -e {tmp_path}/well ]\n"
    for name, text in (("sshd", SSHD.format(tmp_path)), ("systemctl", reloads)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    words = {sshd.FILE: f"{tmp_path}/etc/10-cyberhubs.conf", sshd.CUT_OFF: f"{tmp_path}/unread"}

    def sh(script):
        for path, here in words.items():
            script = script.replace(path, here)
        script = f"PATH={tmp_path}:$PATH\n{script}"
        done = subprocess.run(["sh", "-e"], input=script, text=True, capture_output=True)
        return Result(done.returncode, done.stdout)

    resource = sshd.KeysOnly("ssh")
    was = resource.parse(sh(resource.question()))
    assert difference(was, resource.wanted) == list(sshd.WANTED)
    assert sh(resource.change(was)).code == 1
    was = resource.parse(sh(resource.question()))
    assert difference(was, resource.wanted) == ["still to be read"]
    assert sshd.keys_only(sh(sshd.ASK)) == (False, "still to be read yes")
    (tmp_path / "well").touch()
    assert sh(resource.change(was)).code == 0
    assert difference(resource.parse(sh(resource.question())), resource.wanted) == []
    assert sshd.keys_only(sh(sshd.ASK)) == (True, "yes")
