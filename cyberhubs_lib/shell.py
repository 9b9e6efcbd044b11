"""Shell text: quoting, and masking of what must not be seen."""

from __future__ import annotations

import base64
import shlex

_secrets: set[str] = set()


def sh(command: str, *arguments: object) -> str:
    """`command` with each `{}` replaced by the next argument, quoted for a POSIX shell."""
    parts = command.split("{}")
    if len(parts) != len(arguments) + 1:
        raise ValueError(f"{len(parts) - 1} places for {len(arguments)} arguments: {command}")
    quoted = [shlex.quote(str(argument)) for argument in arguments]
    return parts[0] + "".join(q + rest for q, rest in zip(quoted, parts[1:], strict=True))


def put(content: bytes, path: str, mode: str, owner: str) -> str:
    """Shell text that writes a file in one step: complete and with its owner, or not at all.

    The content travels in the script, which travels by stdin; printf is a builtin of the shell, so
    neither the content nor a secret in it is ever in a process list. The owner is "USER:GROUP".
    """
    data = base64.b64encode(content).decode()
    return sh(
        "d=$(dirname {}); mkdir -p \"$d\" && t=$(mktemp \"$d/.cyberhubs.XXXXXX\") && "
        "printf %s {} | base64 -d > \"$t\" && chmod {} \"$t\" && chown {} \"$t\" && mv -fT \"$t\" {}"
        " || { rm -f \"$t\"; exit 1; }",
        path, data, mode, owner, path,
    )  # fmt: skip


def keep_secret(value: str) -> str:
    """Remember `value`, so that `mask` hides it from now on; returns it."""
    if len(value) >= 4:
        _secrets.add(value)
    return value


def mask(text: str) -> str:
    """`text` with every known secret, plain or base64, as ***."""
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
        text = text.replace(base64.b64encode(secret.encode()).decode().rstrip("="), "***")
    return text
