"""Something at a socket that says as much as the broker asks of Docker by itself."""

from __future__ import annotations

import contextlib
import json
import socketserver
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

EVENT = {"Type": "container", "Action": "start", "Actor": {"Attributes": {"name": "x"}}}


class _Docker(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if "/events?" in self.path:  # one, and no more
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.flush()
            time.sleep(0.3)
            text = json.dumps(EVENT).encode() + b"\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))  # in HTTP's chunks, as Docker
            return
        body = b'{"ApiVersion": "1.41"}' if self.path == "/version" else b"[]"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return ""  # who comes by a socket has none

    def log_message(self, *args: object) -> None:
        pass


@contextlib.contextmanager
def listening(path: Path) -> Iterator[None]:
    """At a new file of this name; afterwards the file is there, and nobody."""
    path.unlink(missing_ok=True)
    with socketserver.ThreadingUnixStreamServer(str(path), _Docker) as server:
        path.chmod(0o666)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()
