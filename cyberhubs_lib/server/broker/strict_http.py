"""From the bytes of one HTTP request to what it asks for, or a refusal. Nothing is sent or read here.

Strict on purpose: whatever two programs could understand differently is refused. All that must get
through is what the Docker SDK for Python sends; nothing else talks to the broker.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

MOST_HEAD = 16 * 1024  # bytes; the SDK sends about 300
MOST_BODY = 64 * 1024  # bytes; a new container takes about 4,000
MOST_BRACKETS = 500  # in a body, so that nothing is nested deeply; a new container has about 40

REQUEST_LINE = re.compile(
    r"(?P<method>[A-Z]{3,10}) (?P<path>/[A-Za-z0-9_.:/@%-]*)"
    r"(?:\?(?P<query>[A-Za-z0-9_.=&-]*))? HTTP/1\.1"
)
HEADER = re.compile(r"(?P<name>[A-Za-z0-9-]+):[ \t]*(?P<value>[\t\x20-\x7e]*)")
LENGTH = re.compile(r"0|[1-9][0-9]{0,9}")
# They change where a request ends or what comes after it.
NOT_SPOKEN = {"transfer-encoding", "expect", "upgrade", "te", "trailer", "content-encoding"}


class Refused(Exception):
    """Not passed on. The message says why and holds nothing secret; `status` is for the answer."""

    def __init__(self, reason: str, status: int = 403) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True)
class Head:
    """What comes before the body: the query's names are all different, `length` is the body's."""

    method: str
    path: str
    query: dict[str, str]
    length: int


def parse_head(data: bytes) -> Head:
    """The request line and the headers, without the empty line that ends them."""
    try:
        first, *lines = data.decode("ascii").split("\r\n")
    except UnicodeDecodeError:
        raise Refused("the head of the request is not ASCII") from None
    line = REQUEST_LINE.fullmatch(first)
    if not line:
        raise Refused("the request line is not METHOD /PATH HTTP/1.1 in plain characters")
    headers: dict[str, str] = {}
    for number, text in enumerate(lines, 1):
        header = HEADER.fullmatch(text)
        if not header:
            raise Refused(f"header line {number} is not NAME: VALUE")
        name = header["name"].lower()
        if name in headers:
            raise Refused(f"header line {number} has a name that was there before")
        if name in NOT_SPOKEN:
            raise Refused(f"the header {name} is not spoken here")
        headers[name] = header["value"].strip()
    length = headers.get("content-length", "0")
    if not LENGTH.fullmatch(length):
        raise Refused("Content-Length is not a plain number")
    if int(length) > MOST_BODY:
        raise Refused(f"a body of {length} bytes, more than {MOST_BODY}")
    return Head(line["method"], line["path"], _query(line["query"]), int(length))


def _query(text: str | None) -> dict[str, str]:
    """Names and values; characters that would have to be escaped did not pass the request line."""
    found: dict[str, str] = {}
    for pair in [] if text is None else text.split("&"):
        name, equals, value = pair.partition("=")
        if not name or not equals or "=" in value or name in found:
            raise Refused("the query is not NAME=VALUE with each name once")
        found[name] = value
    return found


def parse_json(data: bytes) -> Any:
    """JSON in which no key is there twice: parsers differ in which one counts."""
    if data.count(b"[") + data.count(b"{") > MOST_BRACKETS:
        raise Refused(f"the body has more than {MOST_BRACKETS} opening brackets")
    try:
        return json.loads(
            data.decode("utf-8"), object_pairs_hook=_each_once, parse_constant=_no_number
        )
    except ValueError:  # UnicodeDecodeError is one, too
        raise Refused("the body is not JSON in UTF-8") from None


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Refused("a key is twice in one object of the body")
    return found


def _no_number(word: str) -> Any:
    raise Refused(f"{word} is not JSON")
