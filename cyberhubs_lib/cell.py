"""One cell in a Jupyter server over its websocket: as a browser does it at Shift+Enter.

The messages are those of jupyter-client.readthedocs.io/en/stable/messaging.html, version 5.3.
"""

from __future__ import annotations

import json
import ssl
import time
import uuid

import httpx
import websocket

SECONDS = 60  # for a kernel to start and answer, whatever else it says meanwhile


def run_cell(server: str, headers: dict[str, str], code: str, tls: ssl.SSLContext) -> str:
    """What `code` prints in a new kernel of the server at this address; `tls`: whom to trust.

    Raises httpx.HTTPError, OSError or websocket.WebSocketException if server or kernel do not answer.
    """
    reply = httpx.post(f"{server}/api/kernels", headers=headers, timeout=SECONDS, verify=tls)
    kernel = reply.raise_for_status().json()["id"]
    address = server.replace("http", "ws", 1) + f"/api/kernels/{kernel}/channels"
    socket = websocket.create_connection(
        address, header=headers, timeout=SECONDS, sslopt={"context": tls}
    )
    try:
        request = _message("execute_request", {"code": code, "silent": False})
        socket.send(json.dumps(request))
        return _printed(socket, request["header"]["msg_id"])
    finally:
        socket.close(timeout=1)
        httpx.delete(f"{server}/api/kernels/{kernel}", headers=headers, timeout=SECONDS, verify=tls)


def _message(kind: str, content: dict[str, object]) -> dict[str, dict]:
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": kind,
        "session": uuid.uuid4().hex,
        "username": "",
        "version": "5.3",
    }
    return {
        "header": header, "parent_header": {}, "metadata": {}, "content": content,
        "channel": "shell",  # type: ignore[dict-item]
    }  # fmt: skip


def _printed(socket: websocket.WebSocket, request: str) -> str:
    """Standard output of one request, and the error if it ends with one."""
    text, end = "", time.monotonic() + SECONDS
    while True:
        left = end - time.monotonic()
        if left <= 0:  # a kernel that dies and comes back has messages without end
            raise TimeoutError(f"the kernel did not answer within {SECONDS} s")
        socket.settimeout(left)
        message = json.loads(socket.recv())
        if message["parent_header"].get("msg_id") != request:
            continue
        content = message["content"]
        if message["msg_type"] == "stream":
            text += content["text"]
        elif message["msg_type"] == "error":
            text += f"{content['ename']}: {content['evalue']}"
        elif message["msg_type"] == "status" and content["execution_state"] == "idle":
            return text.strip()
