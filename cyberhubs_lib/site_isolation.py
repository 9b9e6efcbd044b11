"""The keys of a site file that say what a user's server is kept from."""

from __future__ import annotations

from .site_host import Memory, Part


class Isolation(Part):
    """Users' servers: what they may write besides the home."""

    read_only: bool = True  # the system in a server's container; then /tmp is in memory
    tmp: Memory = "512M"  # the size of that /tmp
