"""Which files of apt name a repository already, and with which key: somebody else's count as well.

apt reads nothing at all any more if two files name one repository with two keys.
"""

from __future__ import annotations

from ..shell import sh

# Prints, for each entry of url `u` and suite `s`, the key that it names, or - for none.
OF_LIST = r"""$1 == "deb" {
  i = 2; key = "-"
  if ($2 ~ /^\[/) {
    while ($i !~ /\]$/ && i < NF) i++
    i++
    if (match($0, /signed-by=[^] \t]+/)) key = substr($0, RSTART + 10, RLENGTH - 10)
  }
  sub(/\/$/, "", $i)
  if ($i == u && $(i + 1) == s) print key
}"""
OF_SOURCES = r"""BEGIN { RS = ""; FS = "\n" } {
  split("", v)
  for (i = 1; i <= NF; i++) {
    n = index($i, ":")
    if (n && $i !~ /^[# \t]/) v[tolower(substr($i, 1, n - 1))] = substr($i, n + 1) " "
  }
  gsub(/\/[ \t]/, " ", v["uris"]); gsub(/^[ \t]+|[ \t]+$/, "", v["signed-by"])
  if (v["types"] ~ / deb / && tolower(v["enabled"]) !~ /no|false|off/ &&
      index(v["uris"], " " u " ") && index(v["suites"], " " s " "))
    print v["signed-by"] == "" ? "-" : v["signed-by"]
}"""
# The function `keys` is the caller's. What names no key trusts all of those that count everywhere.
ELSEWHERE = """
for f in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
  case $f in {}) continue ;; *.list) how={} ;; *.sources) how={} ;; *) continue ;; esac
  [ -f "$f" ] || continue
  awk -v u={} -v s={} "$how" "$f" | while read -r key; do
    [ "$key" != - ] || key='/etc/apt/trusted.gpg /etc/apt/trusted.gpg.d/*'
    echo "also $f" $(for k in $(echo "$key" | tr , ' '); do keys "$k" </dev/null; done)
  done
done
"""


def elsewhere(url: str, suite: str, own: str) -> str:
    """Shell text: a line `also FILE FINGERPRINT...` for each entry in another file than `own`."""
    return sh(ELSEWHERE, own, OF_LIST, OF_SOURCES, url, suite)
