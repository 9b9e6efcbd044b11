"""How often something may happen, and who asks: for refused logins and for starts of servers.

Counted in memory: a hub that was restarted begins anew. On the standard library alone.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections import deque
from collections.abc import Callable, Collection, Hashable


class Rate:
    """At most `most` events of a key within any `seconds`. For one thread, as the hub is."""

    def __init__(self, most: int, seconds: float, clock: Callable[[], float] = time.monotonic):
        self.most, self.seconds, self.clock = most, seconds, clock
        self._events: dict[Hashable, deque[float]] = {}
        self._swept = clock()

    def wait(self, key: Hashable) -> int:
        """Whole seconds until there is room for one more; 0 if there is."""
        events, now = self._events.get(key, ()), self.clock()
        recent = [at for at in events if at > now - self.seconds]
        if len(recent) < self.most:
            return 0
        return max(1, math.ceil(recent[-self.most] + self.seconds - now))

    def take(self, key: Hashable) -> None:
        """Count one."""
        now = self.clock()
        if now > self._swept + self.seconds:  # keys of which nothing counts any more
            self._swept = now
            old = now - self.seconds
            self._events = {k: e for k, e in self._events.items() if e and e[-1] > old}
        self._events.setdefault(key, deque(maxlen=self.most)).append(now)

    def give_back(self, key: Hashable) -> None:
        """Take the newest back: it turned out to be one that does not count."""
        if self._events.get(key):
            self._events[key].pop()

    def __len__(self) -> int:
        """How many keys are remembered."""
        return len(self._events)


def visitor(peer: str, forwarded: str, proxy: str, behind: Collection[str] = ()) -> str:
    """Whose request this is: an address, of IPv6 the network that one customer has (/64).

    `peer` is who has the connection. In `forwarded`, the header X-Forwarded-For, each proxy has added
    who came to it: the front door (Caddy), which believes nobody else, the visitor, and then
    JupyterHub's proxy the front door. `behind` are networks of a server before the front door that
    may name visitors, too. Whoever comes not by the proxy is a user's server: its word is no proof.
    """
    hops = [hop.strip() for hop in forwarded.split(",") if hop.strip()]
    if peer != proxy or len(hops) < 2:
        return _whole(peer)
    *named, came = hops[:-1]
    nets = [ipaddress.ip_network(net) for net in behind]
    while named and any(_in(came, net) for net in nets):
        came = named.pop()
    return _whole(came)


def _in(address: str, net: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    try:
        return ipaddress.ip_address(address) in net
    except ValueError:
        return False


def _whole(address: str) -> str:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if found.version == 6:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
