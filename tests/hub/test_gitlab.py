"""The same hub with GitLab in GitHub's place: its endpoints, its words, its numbers."""

import sys

from trial import Person


def test_people_come_in_with_gitlab(demo_hub):
    before = demo_hub.site.read_text()
    demo_hub.site.write_text(before.replace("login:\n", "login:\n  provider: gitlab\n"))
    notes = "/srv/jupyterhub_users/.accounts"

    def note(script):
        code, out = demo_hub.services()["hub"].exec_run(["sh", "-c", f"cd {notes} && {script}"])
        assert code == 0, out
        return out.decode()

    try:
        note("mkdir ../kept && mv * ../kept/")  # the accounts that have files here are GitHub's
        demo_hub.again()  # its proof logs in, too
        page = Person(demo_hub, "mallory").reply
        assert page.status_code == 403
        ben = Person(demo_hub, "ben")
        assert ben.reply.status_code == 200
        assert note("cat ben") == "gitlab:1002\n"
        login = ben.web.get("/hub/logout")
        assert "GitLab stand-in" in login.text
        done = demo_hub.operator.call(
            sys.executable, "-m", "cyberhubs_lib", "access", "explain", "ben",
            "--site", str(demo_hub.site),
        )  # fmt: skip
        assert "account gitlab:1002" in done.out
    finally:
        note("rm -f * && mv ../kept/* . && rmdir ../kept")
        demo_hub.site.write_text(before)
        demo_hub.again()
        demo_hub.healthy()
    assert Person(demo_hub, "ben").reply.status_code == 200
