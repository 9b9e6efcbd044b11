"""/etc/fstab: one line for one mount point; every other line, comments too, stays as it is."""

from __future__ import annotations

from ..shell import sh

FSTAB = "/etc/fstab"
# In the place of the line that was there, or at the end. `/mnt/` is `/mnt`; a line whose first word
# begins with `#` is a comment. $line comes by the environment: awk -v would read backslashes in it.
EDIT = r"""
t=$(mktemp {}.XXXXXX) && touch {} && LC_ALL=C line="$line" awk -v point={} '
  $1 !~ /^#/ && NF > 1 { at = $2; sub(/\/+$/, "", at)
    if (at == point) { if (!done++) print ENVIRON["line"]; next } }
  { print }
  END { if (!done) print ENVIRON["line"] }' {} > "$t" &&
  chmod 644 "$t" && mv -f "$t" {} || { rm -f "$t"; exit 1; }
"""


def edit(point: str) -> str:
    """Shell text: the text in $line becomes fstab's one line for this mount point."""
    return sh(EDIT, FSTAB, FSTAB, point, FSTAB, FSTAB)


RELOAD = "systemctl daemon-reload\n"  # systemd makes its mount units of fstab


def options(found: str, needed: list[str]) -> str:
    """The options of a line: those that are there stay, `defaults` first, the needed ones are added."""
    have = [o for o in found.split(",") if o]
    return ",".join([*(have or ["defaults"]), *(o for o in needed if o not in have)])
