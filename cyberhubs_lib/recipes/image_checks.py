"""Whether an image of the menu can be a user server: it is run as the broker would run it."""

from __future__ import annotations

import re

from ..answers import Garbled
from ..check import Check
from ..contexts import IMAGES, reference
from ..facts import Facts
from ..params import Params
from ..proven import keep, recall
from ..shell import sh
from ..site import Site
from ..transport import Result

HOME = "/home/user"  # where server/broker/container.py mounts a user's home
DAY = re.compile(r"\d{4}-\d\d-\d\d")
TODO = "build, pull or correct it; the book's page Images says what an image must have"

# In the container. JupyterHub itself warns of another major version: "failure to authenticate and
# result in redirect loops" (jupyterhub/_version.py). The broker looks at the home with `stat`.
INSIDE = """
version=$(jupyterhub-singleuser --version 2>/dev/null | tail -n 1)
[ "$version" ] || said=$(jupyterhub-singleuser --version 2>&1 | tail -n 1)
(: >"$HOME/.cyberhubs") 2>/dev/null && writes=yes
command -v stat >/dev/null && stat=yes
echo "home=$HOME"; echo "begins=$PWD"; echo "version=$version"; echo "said=$said"
echo "writes=$writes"; echo "stat=$stat"
case "$HOME $PWD/ $version $writes $stat" in
  "{home} {home}/"*" {major}."*" yes yes") echo fit=yes;;
esac
"""
# If it does not get that far on a read-only system: would it on one that it may write?
ASK = """
run() {{ {run} 2>&1; }}
said=$(run {read_only}); code=$?
echo "$said"
case $said in *begins=*) ;; *) ! run | grep -q ^begins= || echo needs=writing;; esac
case $said in *fit=yes*) :
{note};; esac
exit $code
"""


def hub_version() -> str:
    """The version of JupyterHub in our images."""
    text = (IMAGES / "hub" / "requirements.txt").read_text()
    return re.findall(r"^jupyterhub==(\S+)", text, re.M)[0]


def runs(image: str, site: Site, facts: Facts, params: Params) -> Check:
    """That a user server can run from this image of the menu, and keeps what users save.

    Once for an image and an engine; then the day is told. A dry run notes nothing.
    """
    major = hub_version().partition(".")[0]
    wanted = f"JupyterHub {major}, home {HOME}"
    return Check(f"{image} runs", _question(image, site, facts, params),
                 lambda answer: _fit(answer, major), wanted, TODO)  # fmt: skip


def _question(image: str, site: Site, facts: Facts, params: Params) -> str:
    home, tag = site.directory(facts.home), reference(image, site)
    inside = INSIDE.format(home=HOME, major=hub_version().partition(".")[0])
    owner = f"uid={site.uid},gid={site.gid},mode=700"
    run = sh(
        "docker run --rm --network none --cap-drop ALL --security-opt no-new-privileges"
        ' --user {} --tmpfs {} "$@" {} sh -c {}',
        f"{site.uid}:{site.gid}", f"{HOME}:{owner}", tag, inside,
    )  # fmt: skip
    read_only = "--read-only --tmpfs /tmp" if site.isolation.read_only else ""
    name = "image-" + re.sub(r"[^a-z0-9.]+", "-", image.lower())
    note = "" if params.dry_run else keep(home, name)
    ask = ASK.format(run=run, read_only=read_only, note=note)
    depends = sh("docker image inspect -f {} {}", "{{.Id}}", tag) + sh(
        " && docker version -f {} && cat /etc/machine-id && echo {}",
        "{{.Server.Version}}", f"{read_only} {run}",
    )  # fmt: skip
    known = "" if getattr(params, "prove", False) else '[ -z "$day" ] || { echo "$day"; exit 0; }\n'
    return recall(home, name, depends) + known + ask


def _fit(answer: Result, major: str) -> tuple[bool, str]:
    """Whether it is, and what was found: the first reason against it."""
    said = answer.out.strip()
    if answer.code == 0 and DAY.fullmatch(said):
        return True, f"proven on {said}"
    found = dict(re.findall(r"^(\w+)=(.*)$", said, re.M))
    if "begins" not in found:
        lines = [line for line in said.splitlines() if line and "=" not in line]
        last = next((line for line in reversed(lines) if "docker run --help" not in line), "")
        if found.get("needs"):
            last = f"it wants to write to its own files (isolation.read_only): {last}"
        return False, last[-200:] or f"it printed nothing, exit code {answer.code}"
    return (True, _good(found)) if found.get("fit") else (False, _reason(found, major))


def _good(found: dict[str, str]) -> str:
    return f"JupyterHub {found['version']}, home {found['home']}"


def _reason(found: dict[str, str], major: str) -> str:
    lost = f"what users save there is lost when their server stops: files are kept in {HOME}"
    reasons = [
        (found["home"] != HOME, f"its home is {found['home']}; {lost}"),
        (not f"{found['begins']}/".startswith(f"{HOME}/"),
         f"it begins in {found['begins']} (WORKDIR); {lost}"),
        (not found["version"], f"no jupyterhub-singleuser: {found['said']}"),
        (found["version"].partition(".")[0] != major, f"JupyterHub {found['version']}"),
        (not found["writes"], f"{found['home']} cannot be written"),
        (not found["stat"], "no program `stat`, with which the broker looks at the home"),
    ]  # fmt: skip
    for holds, reason in reasons:
        if holds:
            return reason
    raise Garbled(str(found))
