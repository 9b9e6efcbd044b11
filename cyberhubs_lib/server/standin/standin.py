"""A stand-in for the login at GitHub, GitLab or an OpenID issuer, for trials and tests.

Real OAuth, but without a password. The endpoints are theirs, so that the hub needs no other code than
for the real ones; oauth.py beside this file decides, gitlab.py says it in GitLab's words, issuer.py
signs it. Accounts come from accounts.json, there too.
"""

from __future__ import annotations

import json
import sys
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import github
import gitlab
import issuer
from oauth import Standin

ACCOUNTS = Path("/srv/standin/accounts.json")
CLIENT_SECRET = Path("/run/secrets/login_secret")
AUTHORIZE = ("/login/oauth/authorize", "/oauth/authorize", "/authorize")

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<title>Stand-in, not {provider}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>
body {{ font: 18px/1.5 sans-serif; max-width: 34em; margin: 2em auto; padding: 0 1em }}
h1 {{ background: #b00; color: #fff; padding: .5em; text-align: center }}
button {{ font: inherit; width: 100%; margin: .3em 0; padding: .5em; text-align: left }}
</style></head><body><h1>STAND-IN, NOT {title}</h1>
<p>This page takes the place of {provider}'s login in a trial. It asks for no password: whoever can open
it can be any of these people. Log in as:</p>
<form method="post" action="?{query}">{buttons}</form></body></html>"""


def first_values(query: str) -> dict[str, str]:
    """A query string or form as a dict; of several values the first."""
    return {key: values[0] for key, values in parse_qs(query, keep_blank_values=True).items()}


class Handler(BaseHTTPRequestHandler):
    """The endpoints of GitHub, of GitLab and of an OpenID issuer, and one for the healthcheck."""

    standin: Standin
    issuer: issuer.Issuer
    read_at = 0  # the time of accounts.json when it was read
    provider = "GitHub"
    protocol_version = "HTTP/1.1"

    def parse_request(self) -> bool:
        """Accounts may change while their tokens live on, as everywhere, and so do connections."""
        if self.read_at and ACCOUNTS.stat().st_mtime_ns != self.read_at:
            read_accounts()
        return super().parse_request()

    def do_GET(self) -> None:
        """The page with the accounts, and the account behind a token."""
        path, asked = urlsplit(self.path).path, first_values(urlsplit(self.path).query)
        bearer = self.headers.get("Authorization", "")
        user = self.standin.user(bearer)
        if path in AUTHORIZE:
            self.authorize_page(asked)
        elif path == "/api/v4/user":
            self.answer_json(*gitlab.user(user))
        elif path.startswith(("/api/v3/orgs/", "/api/v3/user/memberships/")):
            self.answer_json(*github.membership(path, user, self.standin, bearer))
        elif path == "/.well-known/openid-configuration":
            self.answer_json(200, self.issuer.document())
        elif path == "/jwks":
            self.answer_json(200, self.issuer.keys())
        elif path == "/userinfo" and user:
            self.answer_json(
                200, issuer.user(user, self.standin.asked_with(bearer).get("scope", ""))
            )
        elif path in ("/user", "/api/v3/user", "/userinfo"):
            if user is None:
                self.answer_json(401, {"message": "Bad credentials", "status": "401"})
            else:
                self.answer_json(200, user)
        elif path == "/health":
            self.answer_json(200, {"status": "ok"})
        else:
            self.answer_json(404, {"message": "Not Found", "status": "404"})

    def do_POST(self) -> None:
        """A button of the page pressed, and a code turned into a token."""
        path, asked = urlsplit(self.path).path, first_values(urlsplit(self.path).query)
        length = min(int(self.headers.get("Content-Length") or 0), 65536)
        body = self.rfile.read(length).decode("utf-8", "replace")
        if path in AUTHORIZE:
            self.authorized(asked, first_values(body).get("login", ""))
        elif path == "/oauth/token":
            self.answer_json(*gitlab.answer(self.standin.exchange(first_values(body))))
        elif path == "/token":
            self.answer_json(*gitlab.answer(self.with_id_token(first_values(body))))
        elif path == "/login/oauth/access_token":
            form = json.loads(body) if "json" in self.headers.get("Content-Type", "") else None
            result = self.standin.exchange(form or {**asked, **first_values(body)})
            if "json" in self.headers.get("Accept", ""):
                self.answer_json(200, result)
            else:
                self.answer(200, "application/x-www-form-urlencoded", urlencode(result))
        else:
            self.answer_json(404, {"message": "Not Found", "status": "404"})

    def with_id_token(self, form: dict[str, str]) -> dict[str, str]:
        """The answer to a code, with the issuer's word for it."""
        result = self.standin.exchange(form)
        if "error" in result:
            return result
        bearer = f"Bearer {result['access_token']}"
        nonce = self.standin.asked_with(bearer).get("nonce", "")
        account = self.standin.user(bearer) or {}
        return {**result, "id_token": self.issuer.id_token(account, nonce)}

    def wrong(self, asked: dict[str, str]) -> str:
        """What is wrong with a request to authorize; empty if nothing is."""
        if asked.get("client_id") != self.standin.client_id:
            return "no application with this client_id"
        if urlsplit(asked.get("redirect_uri", "")).scheme not in ("http", "https"):
            return "no redirect_uri"
        if asked.get("code_challenge") and asked.get("code_challenge_method") != "S256":
            return "code_challenge_method must be S256"
        return ""

    def authorize_page(self, asked: dict[str, str]) -> None:
        """The page on which one chooses who to be."""
        if wrong := self.wrong(asked):
            self.answer(404, "text/html", f"<h1>STAND-IN</h1><p>{wrong}</p>")
            return
        buttons = "".join(
            f'<button name="login" value="{escape(login)}"><b>{escape(login)}</b>'
            f" {escape(account.get('name') or '')}</button>"
            for login, account in self.standin.accounts.items()
        )
        # The form posts to this very address, whatever path the front door put before it.
        query = escape(urlencode(asked, quote_via=quote))
        self.answer(
            200,
            "text/html",
            PAGE.format(
                query=query,
                buttons=buttons,
                provider=self.provider,
                title=self.provider.upper(),
            ),
        )

    def authorized(self, asked: dict[str, str], login: str) -> None:
        """Back to the hub with a code, and with the hub's own `state`."""
        if self.wrong(asked) or login not in self.standin.accounts:
            self.answer_json(404, {"message": "Not Found", "status": "404"})
            return
        answer = {"code": self.standin.give_code(login, asked)}
        if "state" in asked:
            answer["state"] = asked["state"]
        to = asked["redirect_uri"]
        self.send_response(302)
        self.send_header("Location", to + ("&" if "?" in to else "?") + urlencode(answer))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def answer_json(self, status: int, body: dict[str, Any]) -> None:
        """Answer with JSON."""
        self.answer(status, "application/json", json.dumps(body))

    def answer(self, status: int, kind: str, text: str) -> None:
        """Answer with text of some kind."""
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        """One line a request, without the query, where codes are; the healthcheck is not worth one."""
        path = urlsplit(self.path).path
        if path != "/health":
            sys.stderr.write(f"{self.command} {path} {int(code)}\n")


def read_accounts() -> None:
    """Who is known from now on; the file's other keys count from the start."""
    Handler.read_at = ACCOUNTS.stat().st_mtime_ns
    known = json.loads(ACCOUNTS.read_text())["accounts"]
    Handler.standin.accounts = {account["login"]: account for account in known}


def main() -> None:
    """Serve on port 8080 of the container."""
    known = json.loads(ACCOUNTS.read_text())
    secret = CLIENT_SECRET.read_text().strip()
    Handler.standin = Standin(known["client_id"], secret, known["accounts"])
    Handler.issuer = issuer.Issuer(known["url"], known["inside"], known["client_id"])
    Handler.provider = known["name"]
    read_accounts()
    ThreadingHTTPServer(("", 8080), Handler).serve_forever()


if __name__ == "__main__":
    main()
