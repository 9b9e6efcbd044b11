"""How the broker reads a request, byte by byte and with the standard library alone."""

import ast
import contextlib
import json
import socket
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spawner_request import DEMO, GOOD

from cyberhubs_lib.rendered import SERVER

sys.path.insert(0, str(SERVER / "broker"))
import broker
from shape import route
from strict_http import MOST_BODY, Head, Refused, parse_head, parse_json

HEADS = [
    b"GET /version HTTP/1.0", b"GET /version HTTP/1.1 ", b"GET  /version HTTP/1.1",
    b"get /version HTTP/1.1", b"GET\t/version HTTP/1.1", b"GET /ver sion HTTP/1.1",
    b"GET version HTTP/1.1",
    b"GET http://docker/version HTTP/1.1", b"CONNECT docker:80 HTTP/1.1", b"OPTIONS * HTTP/1.1",
    b"GET /version#x HTTP/1.1", b"GET /version\\x HTTP/1.1", b"GET /version\x00 HTTP/1.1",
    b"GET /vers\xc3\xa4on HTTP/1.1", b"GET /version?a=1&a=2 HTTP/1.1", b"GET /version?a HTTP/1.1",
    b"GET /version?a=1;b=2 HTTP/1.1", b"GET /version?a=%31 HTTP/1.1", b"GET /version?a=1&&b=2 HTTP/1.1",
    b"GET /version?a=b=c HTTP/1.1", b"GET /version? HTTP/1.1", b"GET /version?&a=1 HTTP/1.1",
    b"", b"\r\nGET /version HTTP/1.1",
]  # fmt: skip
HEADERS = [
    b"Transfer-Encoding: chunked", b"transfer-encoding:chunked", b"Transfer-Encoding : chunked",
    b"Content-Length: 1\r\nContent-Length: 1", b"Content-Length: 1\r\nContent-Length: 2",
    b"Content-Length: +1", b"Content-Length: -1", b"Content-Length: 0x1", b"Content-Length: 1, 1",
    b"Content-Length: 01", b"Content-Length: 1 2", b"Content-Length:", b"Content-Length: \xb2",
    b"Content-Length: %d" % (MOST_BODY + 1), b"Content-Length: " + b"9" * 11,
    b" folded: line", b"X: a\r\n folded", b"X", b": x", b"X Y: z", b"X: a\nY: b", b"X: a\rb",
    b"X: \x00", b"Expect: 100-continue", b"Upgrade: tcp", b"Content-Encoding: gzip",
]  # fmt: skip


@pytest.mark.parametrize("head", HEADS + [b"GET /version HTTP/1.1\r\n" + line for line in HEADERS])
def test_heads_that_are_refused(head):
    with pytest.raises(Refused):
        parse_head(head)


def test_the_head_that_the_sdk_sends():
    lines = [
        "DELETE /v1.41/containers/x?v=True&link=False HTTP/1.1", "Host: broker:2375",
        "User-Agent: docker-sdk-python/7.2.0", "Accept-Encoding: gzip, deflate, zstd",
        "Accept: */*", "Connection: keep-alive", "Content-Length: 12",
    ]  # fmt: skip
    head = parse_head("\r\n".join(lines).encode())
    assert head == Head("DELETE", "/v1.41/containers/x", {"v": "True", "link": "False"}, 12)


RAW = json.dumps(GOOD).encode()
REQUEST = (
    b"POST /v1.41/containers/create?name=cyberhubs-demo-user-ben HTTP/1.1\r\nHost: broker:2375\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(RAW), RAW)
)


@settings(max_examples=500)
@given(st.integers(0, len(REQUEST)), st.integers(0, 3), st.binary(max_size=3))
def test_changed_bytes_are_refused_or_built_as_the_good_one(at, cut, put):
    sent = REQUEST[:at] + put + REQUEST[at + cut :]
    head, _, body = sent.partition(b"\r\n\r\n")
    try:
        parsed = parse_head(head)
        if len(body) != parsed.length:
            raise Refused("as broker.read_body does")
        built = json.loads(route(parsed, body, DEMO).body)
    except Refused:
        return
    names = [text.partition("=")[0] for text in built.pop("Env")]
    assert set(names) <= {"CPU_LIMIT", "JUPYTERHUB_API_TOKEN", "JUPYTERHUB_OAUTH_SCOPES"}
    assert {**built, "Env": GOOD["Env"]} == GOOD


@given(st.binary(max_size=300))
def test_nothing_else_than_a_refusal_is_raised(data):
    for parse in (parse_head, parse_json):
        with contextlib.suppress(Refused):
            parse(data)


@pytest.mark.parametrize(
    ("pieces", "result"),
    [
        ([REQUEST], len(RAW)),
        ([REQUEST[:20], REQUEST[20:400], REQUEST[400:]], len(RAW)),
        ([REQUEST + b"GET /version HTTP/1.1\r\n\r\n"], "more bytes than Content-Length says"),
        ([b"GET /version HTTP/1.1\r\n\r\nGET /info HTTP/1.1\r\n\r\n"], "more bytes"),
        ([b"GET /version HTTP/1.1\r\nX: " + b"a" * 20_000], "a head of more than"),
        ([b"GET /version HTTP/1.1\n\n"], "took more than"),
        ([REQUEST[:-1]], "took more than"),
    ],
)
def test_reading_one_request(pieces, result):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        end = time.monotonic() + 0.3
        try:
            theirs.sendall(pieces[0])
            head, rest = broker.read_head(ours, end) if len(pieces) == 1 else (None, b"")
            for piece in pieces[1:]:
                theirs.sendall(piece)
            if head is None:
                head, rest = broker.read_head(ours, end)
            said = len(broker.read_body(ours, head, rest, end))
        except Refused as refused:
            said = str(refused)
    assert said == result if isinstance(result, int) else result in said


BROKER = SERVER / "broker"


@pytest.mark.parametrize("path", sorted(BROKER.glob("*.py")), ids=lambda path: path.stem)
def test_it_stands_on_the_standard_library_alone(path):
    ours = {p.stem for p in BROKER.glob("*.py")}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = (
                [node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
            )
            assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names | ours
