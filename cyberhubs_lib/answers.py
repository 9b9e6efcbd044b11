"""Answers in a fixed form: one word, a number, lines of KEY=VALUE. Any other is no answer.

Each of these raises Garbled for what cannot be read; `Check.row` and `state.parse` make it a
NoAnswer that names the row. A parser that took it for "nothing there" would have a disk formatted.
"""

from __future__ import annotations

import re

from .errors import NoAnswer
from .transport import Result


class Garbled(ValueError):
    """An answer that has not its form."""


def word(answer: Result, *words: str) -> str:
    """The answer, if it is one of these."""
    text = answer.out.strip()
    if text not in words:
        raise Garbled(text)
    return text


def number(text: str) -> int:
    """Digits."""
    if not (text.isascii() and text.isdigit()):
        raise Garbled(text)
    return int(text)


def pairs(text: str, *keys: str) -> dict[str, str]:
    """The values by their keys; these must be there."""
    found = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    if not found.keys() >= {*keys}:
        raise Garbled(text)
    return found


def matching(pattern: str, text: str) -> str:
    """The text, if all of it has this form."""
    if not re.fullmatch(pattern, text):
        raise Garbled(text)
    return text


def unreadable(label: str, answer: Result) -> NoAnswer:
    """The error for an answer that has not its form."""
    return NoAnswer(
        f"{label}: the host's answer cannot be read",
        expected="nothing but the answer",
        todo="run this again; if it stays so, one of the host's programs prints something besides: the"
        " evidence shows what",
        evidence=answer.out.strip()[:300] or f"nothing, exit code {answer.code}",
    )
