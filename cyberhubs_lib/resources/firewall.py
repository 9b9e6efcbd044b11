"""The packet filter: an nftables table of our own, proven with a new connection before it stays.

Not rules in Docker's chain DOCKER-USER: Docker makes its chains anew at each start, and published
ports bypass INPUT. In nftables a drop in any table is final, so a table of its own in front of
Docker's filters both and depends on nothing that Docker does.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..answers import pairs
from ..errors import ConnectError, NoAnswer, NotConverged
from ..host import Host, failed
from ..shell import put
from ..state import Resource, State, Unknown
from ..transport import Result
from .gone import Gone

RULES = "/etc/cyberhubs/firewall.nft"
LOADED = "/etc/cyberhubs/firewall.loaded"  # how nft prints the rules when they are all there
UNIT = "cyberhubs-firewall.service"
TRIAL = "/run/cyberhubs/firewall.trial"  # not in /etc: what boots is only what was proven
BEFORE = "/run/cyberhubs/firewall.before"
UNDO = "cyberhubs-firewall-undo"
UNDO_SECONDS = 60
UNIT_FILE = Path(__file__).parents[1] / "server" / "systemd" / UNIT
TABLE = "nft -s list table inet cyberhubs"
EMPTY = "table inet cyberhubs; delete table inet cyberhubs"  # makes it first: it may not be there
UNIT_PATH = f"/etc/systemd/system/{UNIT}"

NO_FIREWALL = Gone(
    "packet filter of this runbook",
    f"ls {RULES} {LOADED} {UNIT_PATH} 2>/dev/null\n{TABLE} 2>/dev/null | head -n 1 | tr -d '{{'\n:",
    f"systemctl stop {UNDO}.timer 2>/dev/null || :\n"
    f"systemctl disable -q --now {UNIT} 2>/dev/null || :\n"
    f"! {TABLE} >/dev/null 2>&1 || nft delete table inet cyberhubs\n"
    f"rm -f {RULES} {LOADED} {TRIAL} {BEFORE} {UNIT_PATH}\nsystemctl daemon-reload\n"
    f"rmdir --ignore-fail-on-non-empty {Path(RULES).parent} 2>/dev/null || :",
)
# cloud.google.com/compute/docs/internal-dns: the server of names there has the address of the metadata
NAMES = "ip daddr 169.254.169.254 meta l4proto { tcp, udp } th dport 53 accept"


def rules(ssh_port: int, ssh_from: Iterable[str], open_ports: Iterable[int]) -> str:
    """The table, as nft reads it."""
    ports = ", ".join(str(port) for port in sorted(set(open_ports)))
    return f"""\
# Written by runbook 02 from the site file (system:); change it there.
table inet cyberhubs
delete table inet cyberhubs
table inet cyberhubs {{
    # What is meant for the host itself.
    chain input {{
        type filter hook input priority filter - 10; policy accept;
        {NAMES}
        ip daddr 169.254.169.254 reject comment "if it is on the host itself"
        ct state established,related accept
        ct state invalid drop
        iif "lo" accept
        meta l4proto {{ 1, 58 }} accept comment "ICMP; by number: small hosts know no names"
        iifname "cu-*" tcp dport {{ {ports} }} accept comment "users' servers, as everybody"
        iifname "cu-*" reject
        iifname "docker0" accept
        iifname "br-*" accept
        udp dport {{ 68, 546 }} accept comment "addresses by DHCP"
{_ssh(ssh_port, list(ssh_from))}
        tcp dport {{ {ports} }} accept
        drop
    }}

    # What goes on to containers. Docker's published ports come here and never to input.
    chain forward {{
        type filter hook forward priority filter - 10; policy accept;
        {NAMES}
        ip daddr 169.254.169.254 reject comment "a cloud's metadata hold its credentials"
        ip6 daddr fd00:ec2::254 reject
        ct state established,related accept
        iifname "docker0" accept
        iifname "br-*" accept
        iifname "cu-*" accept comment "users' servers: Docker keeps them from each other"
        meta l4proto tcp ct status dnat ct original proto-dst {{ {ports} }} accept
        ct status dnat drop
    }}
}}
"""


def _ssh(port: int, sources: list[str]) -> str:
    lines = []
    for version, word in ((4, "ip"), (6, "ip6")):
        nets = [s for s in sources if ipaddress.ip_network(s).version == version]
        if nets:
            lines.append(f"        {word} saddr {{ {', '.join(nets)} }} tcp dport {port} accept")
    return "\n".join(lines) or f"        tcp dport {port} accept"


@dataclass(frozen=True)
class Firewall(Resource):
    """These rules loaded, and loaded again at every boot."""

    text: str
    open_ports: tuple[int, ...] = ()

    label = "firewall"

    @property
    def wanted(self) -> State:  # type: ignore[override]
        """The rules by digest, loaded as they are, enabled."""
        return {"rules": _digest(self.text), "now": "loaded", "boot": "enabled"}

    def question(self) -> str:
        """The file's digest, whether the loaded table is the one that was loaded, what listens."""
        return (
            "command -v nft >/dev/null || exit 9\n"
            f"echo rules=$(sha256sum < {RULES})\n"
            f"{TABLE} 2>/dev/null | cmp -s - {LOADED} && echo now=loaded || echo now=no\n"
            f"systemctl is-enabled -q {UNIT} && echo boot=enabled || echo boot=no\n"
            'awk \'$4=="0A" {print "listens=" $2}\' /proc/net/tcp /proc/net/tcp6'
        )

    def parse(self, answer: Result) -> State:
        """None if there is no table of ours. Unknown without nft."""
        if answer.code == 9:
            raise Unknown("package nftables is not installed yet")
        lines = [line.partition("=")[::2] for line in answer.out.splitlines()]
        found = pairs(answer.out, "rules", "now", "boot")
        closes = listening(value for key, value in lines if key == "listens")
        state = {
            "rules": found.get("rules", "")[:8] or "none",
            "now": "loaded" if found.get("now") == "loaded" else "not loaded as written",
            "boot": "enabled" if found.get("boot") == "enabled" else "not enabled",
        }
        closed = sorted(closes - set(self.open_ports))
        return {**state, "closes": ", ".join(map(str, closed))}

    def note(self, was: State) -> str:
        """Which ports are open, and what listens behind those that are not."""
        opened, closes = ", ".join(map(str, self.open_ports)), (was or {}).get("closes", "")
        return f"open: {opened}" + (f"; closes {closes}, where something listens" if closes else "")

    def change(self, was: State) -> str:
        """On trial: what was loaded comes back in a minute unless `perform` finds the way in open."""
        return put(self.text.encode(), TRIAL, "600", "root:root") + (
            f"\nnft -c -f {TRIAL}\n"
            # during a trial that was cut off: what was loaded before that one
            f"systemctl is-active -q {UNDO}.timer ||"
            f" {{ echo '{EMPTY}'; {TABLE} 2>/dev/null || :; }} > {BEFORE}\n"
            f"systemctl stop {UNDO}.timer 2>/dev/null || :\n"
            f"systemd-run -q --collect --unit={UNDO} --on-active={UNDO_SECONDS}"
            f" $(command -v nft) -f {BEFORE}\n"
            f"nft -f {TRIAL}"
        )

    @classmethod
    def perform(
        cls, host: Host, items: Sequence[tuple[Resource, State]], tell: Callable[[str], None]
    ) -> None:
        """Load, come in by a new connection, and only then keep. Raises NotConverged."""
        super().perform(host, items, tell)
        tell("a new connection tries the way in")
        host.reconnect()
        try:
            host.run("true")
        except (ConnectError, NoAnswer) as error:
            raise NotConverged(
                f"with the firewall no new ssh connection came through ({error.found})",
                expected="a new connection before the rules are kept",
                todo=f"within {UNDO_SECONDS} s the rules that were there before come back; then"
                " correct system.ssh_from or the port of ssh, and run this again",
            ) from None
        keep = (
            f"systemctl stop {UNDO}.timer\n"  # fails if it went off: then nothing is kept
            f"nft -f {TRIAL}\n{TABLE} > {LOADED}\n"
            f"install -m 644 {TRIAL} {RULES}.new\nmv -f {RULES}.new {RULES}\n"
            + put(UNIT_FILE.read_bytes(), UNIT_PATH, "644", "root:root")
            + f"\nsystemctl enable -q {UNIT}\n"  # which has systemd read the new unit, too
            f"rm -f {TRIAL} {BEFORE}"
        )
        result = host.change(f"set -e\nmkdir -p {Path(RULES).parent}\n{keep}")
        if result.code:
            raise failed(keep, result)


def listening(addresses: Iterable[str]) -> set[int]:
    """Ports from /proc/net/tcp's local addresses, those of loopback left out."""
    found = set()
    for address in addresses:
        place, _, port = address.partition(":")
        loopback = place.endswith("7F") or place == "0" * 24 + "01000000"
        if not loopback and len(port) == 4 and all(c in "0123456789ABCDEF" for c in port):
            found.add(int(port, 16))
    return found


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
