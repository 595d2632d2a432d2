"""An OpenID Connect provider that checks what it is asked, and can be made to answer wrongly.

    with OpenIDProvider() as provider:
        provider.people["ada"] = {"name": "Ada", "email": "ada@example.org", "email_verified": True}
        provider.claims = {"aud": "somebody-else"}   # put into its next ID tokens
        provider.hang("/token")

Everybody it knows has signed in there already: whoever is sent to `/authorize` comes back at once. It gives a code only
for a request with PKCE and a nonce, and a token once for each code, to whoever shows the verifier and the secret.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from base64 import b64decode, urlsafe_b64encode
from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT_ID = "carrel"
CLIENT_SECRET = "the secret of these tests, which is longer than any hash of them is wide"
DISCOVERY = "/.well-known/openid-configuration"


@dataclass
class Answer:
    """What it says to one request."""

    status: int
    body: dict[str, Any] | bytes = field(default_factory=dict)
    location: str = ""


def new_key() -> rsa.RSAPrivateKey:
    """A key to sign with."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class OpenIDProvider:
    """Answers from `__enter__` to `__exit__`, at an address of this machine."""

    def __init__(self) -> None:
        self.people: dict[str, dict[str, Any]] = {}
        self.signed_in = ""
        """Whose browser comes to it; nobody refuses."""
        self.claims: dict[str, Any] = {}
        """What its ID tokens say otherwise; None leaves a claim out."""
        self.userinfo: dict[str, Any] = {}
        self.document: dict[str, Any] = {}
        self.key = new_key()
        self.key_id = "one"
        self.published = {self.key_id: self.key}
        self.algorithm = "RS256"
        self.requests: Counter[str] = Counter()
        self.asked: list[dict[str, str]] = []
        """The parameters people were sent to it with."""
        self._answers: dict[str, Answer] = {}
        self._codes: dict[str, dict[str, str]] = {}
        self._tokens: dict[str, str] = {}
        self._hanging: set[str] = set()
        self._stopping = threading.Event()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=10)

    @property
    def issuer(self) -> str:
        """Its address, which is its name."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def hang(self, path: str) -> None:
        """Take requests for this path and never answer them."""
        self._hanging.add(path)

    def answer(self, path: str, status: int, body: dict[str, Any] | bytes) -> None:
        """Say this to every request for the path."""
        self._answers[path] = Answer(status, body)

    def redirect(self, path: str, location: str) -> None:
        """Send every request for the path elsewhere."""
        self._answers[path] = Answer(302, location=location)

    def change_key(self) -> None:
        """Sign with a new key from now on, and publish only that."""
        self.key, self.key_id = new_key(), "two"
        self.published = {self.key_id: self.key}

    def respond(self, method: str, target: str, headers: Any, body: bytes) -> Answer | None:
        """The answer to one request, or None to hang up without one."""
        url = urlsplit(target)
        self.requests[url.path] += 1
        if url.path in self._hanging:
            self._stopping.wait()
            return None
        if url.path in self._answers:
            return self._answers[url.path]
        given = {name: values[0] for name, values in parse_qs(body.decode() if method == "POST" else url.query).items()}
        routes = {DISCOVERY: self._discovery, "/keys": self._keys, "/authorize": self._authorize}
        routes |= {"/token": self._token, "/userinfo": self._userinfo}
        return routes[url.path](given, headers) if url.path in routes else Answer(404)

    def _discovery(self, given: dict[str, str], headers: Any) -> Answer:
        paths = {"authorization_endpoint": "/authorize", "token_endpoint": "/token", "jwks_uri": "/keys"}
        paths |= {"userinfo_endpoint": "/userinfo"}
        addresses = {name: f"{self.issuer}{path}" for name, path in paths.items()}
        return Answer(200, {"issuer": self.issuer, **addresses, **self.document})

    def _keys(self, given: dict[str, str], headers: Any) -> Answer:
        described = [
            json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())) | {"kid": name, "use": "sig"}
            for name, key in self.published.items()
        ]
        return Answer(200, {"keys": described})

    def _authorize(self, given: dict[str, str], headers: Any) -> Answer:
        self.asked.append(given)
        back: dict[str, str] = {"state": given["state"]}
        if given.get("code_challenge_method") != "S256" or not given.get("nonce") or "openid" not in given["scope"]:
            back["error"] = "invalid_request"
        elif not self.signed_in:
            back["error"] = "access_denied"
        else:
            back["code"] = secrets.token_urlsafe(16)
            self._codes[back["code"]] = given | {"sub": self.signed_in}
        return Answer(302, location=f"{given['redirect_uri']}?{urlencode(back)}")

    def _token(self, given: dict[str, str], headers: Any) -> Answer:
        asked = self._codes.pop(given.get("code", ""), None)
        challenge = urlsafe_b64encode(sha256(given.get("code_verifier", "").encode()).digest()).rstrip(b"=").decode()
        if (
            asked is None
            or asked["code_challenge"] != challenge
            or asked["redirect_uri"] != given["redirect_uri"]
            or _credentials(given, headers) != (CLIENT_ID, CLIENT_SECRET)
        ):
            return Answer(400, {"error": "invalid_grant"})
        access_token = secrets.token_urlsafe(16)
        self._tokens[access_token] = asked["sub"]
        id_token = self.id_token(sub=asked["sub"], nonce=asked["nonce"])
        return Answer(200, {"access_token": access_token, "token_type": "Bearer", "id_token": id_token})

    def id_token(self, **claims: Any) -> str:
        """A token with these claims, and whatever the test wants otherwise."""
        now = int(time.time())
        said = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300} | claims | self.claims
        said = {name: value for name, value in said.items() if value is not None}
        key: Any = "" if self.algorithm == "none" else CLIENT_SECRET if self.algorithm.startswith("HS") else self.key
        headers = {"kid": self.key_id} if self.key_id else {}
        return jwt.encode(said, key, algorithm=self.algorithm, headers=headers)

    def _userinfo(self, given: dict[str, str], headers: Any) -> Answer:
        sub = self._tokens.get(headers.get("Authorization", "").removeprefix("Bearer "))
        if sub is None:
            return Answer(401)
        return Answer(200, {"sub": sub, **self.people.get(sub, {}), **self.userinfo})


def _credentials(given: dict[str, str], headers: Any) -> tuple[str, str]:
    """Who asks for a token: by the form, or by the header that is the rule."""
    shown = headers.get("Authorization", "")
    if not shown.startswith("Basic "):
        return given.get("client_id", ""), given.get("client_secret", "")
    name, _, secret = b64decode(shown.removeprefix("Basic ")).decode().partition(":")
    return unquote(name), unquote(secret)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, provider: OpenIDProvider) -> None:
        self.provider = provider
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._respond()

    def do_POST(self) -> None:
        self._respond()

    def _respond(self) -> None:
        assert isinstance(self.server, _Server)
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        answer = self.server.provider.respond(self.command, self.path, self.headers, body)
        if answer is None:
            return
        payload = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        if answer.location:
            self.send_header("Location", answer.location)
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: `OpenIDProvider.requests` remembers."""
