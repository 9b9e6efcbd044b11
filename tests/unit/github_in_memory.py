"""A GitHub that knows organisations: the stand-in, served from this process."""

import asyncio
import contextlib
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import ThreadingHTTPServer

from cyberhubs_lib.rendered import SERVER

sys.path.insert(0, str(SERVER / "standin"))
import oauth
import standin

ORGANIZATIONS = ("institute", "survey:pipeline")
PEOPLE = [
    {"login": "mia", "id": 1, "organizations": ["institute"]},
    {"login": "pia", "id": 2, "organizations": ["survey:pipeline"]},
    {"login": "sue", "id": 3, "organizations": ["survey", "survey:other"]},
    {"login": "max", "id": 4},
]


@contextlib.contextmanager
def serving():
    """What starts a server with a handler, and tells its address; all of them end afterwards."""
    running = []

    def start(handler):
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        running.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    try:
        yield start
    finally:
        for server in running:
            server.shutdown()
            server.server_close()


def github_of(serve):
    """The stand-in: its API, and a way to a token."""
    known = oauth.Standin("app", "canary", PEOPLE)

    class Handler(standin.Handler):
        standin = known

    api = f"{serve(Handler)}/api/v3"

    def token(login, scope="read:org"):
        code = known.give_code(login, {"redirect_uri": "http://hub/cb", "scope": scope})
        form = {"client_id": "app", "client_secret": "canary", "code": code}
        return known.exchange(form)["access_token"]

    return api, token


def run(coroutine):
    """In a thread: where Playwright was used this one has a loop for ever."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()
