"""A tool of a few lines, to hold the pretend LMS to its word: a key pair, its public half served, and signed calls."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import jwt

from lti.demo_lms.claims import DEEP_LINKING, LTI
from lti.demo_lms.keys import new_key, public_jwk
from lti.demo_lms.registration import TOOL
from lti.demo_lms.scopes import ALL
from lti.demo_lms.tokens import ASSERTION
from tests.fakes.lms.client import Browser, LmsProcess, Sent

PICKED = ("Loops", "Lists")
"""What its picker picks."""


class TinyTool:
    """The tool, registered nowhere at first."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.key = new_key()
        self.client_id = ""
        self.id = 0
        self.deployment = ""

    @property
    def host(self) -> str:
        """Its host, with the port."""
        return self.url.partition("//")[2]

    def enter(self, lms: LmsProcess, **facts: Any) -> TinyTool:
        """Be registered by hand, and active."""
        given: dict[str, Any] = {"initiate_login_uri": f"{self.url}/login", "redirect_uris": [f"{self.url}/launch"]}
        given |= {"target_link_uri": f"{self.url}/start", "jwks_uri": f"{self.url}/keys.json", "domain": self.host}
        return self._known_as(lms.do("register", name="tiny", client_id="tiny-client", **given | facts))

    def registration(self, **changed: Any) -> dict[str, Any]:
        """What it says of itself for dynamic registration."""
        tool: dict[str, Any] = {
            "domain": self.host,
            "target_link_uri": f"{self.url}/start",
            "claims": ["name", "email"],
        }
        tool |= {"messages": [{"type": "LtiDeepLinkingRequest"}]}
        said = {
            "application_type": "web",
            "response_types": ["id_token"],
            "grant_types": ["implicit", "client_credentials"],
            "initiate_login_uri": f"{self.url}/login",
            "redirect_uris": [f"{self.url}/launch"],
            "client_name": "Tiny",
            "jwks_uri": f"{self.url}/keys.json",
            "token_endpoint_auth_method": "private_key_jwt",
            "scope": " ".join(ALL),
            TOOL: tool,
        }
        return {name: value for name, value in (said | changed).items() if value is not None}

    def _known_as(self, registered: dict[str, Any]) -> TinyTool:
        self.id, self.client_id = registered["id"], registered["client_id"]
        self.deployment = registered["deployment"]
        return self

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        """A token of its own."""
        return jwt.encode(claims, self.key, algorithm="RS256", headers={"kid": "tiny"} | header)

    def asks_who(self, lms: LmsProcess | str, login: Sent, **changed: str | None) -> str:
        """Where its login redirects to."""
        asked: dict[str, str | None] = {
            "scope": "openid",
            "response_type": "id_token",
            "response_mode": "form_post",
            "prompt": "none",
            "client_id": login.fields["client_id"],
            "redirect_uri": f"{self.url}/launch",
            "login_hint": login.fields["login_hint"],
            "lti_message_hint": login.fields["lti_message_hint"],
            "state": "the state",
            "nonce": "the nonce",
        }
        said = {name: value for name, value in (asked | changed).items() if value is not None}
        return f"{lms if isinstance(lms, str) else lms.url}/mod/lti/auth.php?{urlencode(said)}"

    def launch(self, lms: LmsProcess, browser: Browser, activity: int, **changed: str | None) -> Sent:
        """Walk from the click to the form that carries the launch."""
        return browser.answer(self.asks_who(lms, browser.open(activity), **changed))

    def read(self, lms: LmsProcess, launch: Sent) -> dict[str, Any]:
        """What a launch says, its signature checked."""
        token = launch.fields["id_token"]
        keys = lms.client.get("/mod/lti/certs.php").json()["keys"]
        wanted = jwt.get_unverified_header(token)["kid"]
        key = jwt.PyJWK(next(one for one in keys if one["kid"] == wanted))
        said: dict[str, Any] = jwt.decode(token, key, algorithms=["RS256"], audience=self.client_id)
        return said

    def assertion(self, **changed: Any) -> str:
        """What it proves itself with at the token endpoint."""
        now = int(time.time())
        said = {"iss": self.client_id, "sub": self.client_id, "aud": "nobody in particular", "jti": str(uuid.uuid4())}
        return self.sign(said | {"iat": now, "exp": now + 60} | changed)

    def ask_token(self, lms: LmsProcess, *scopes: str, **changed: str) -> httpx.Response:
        """Ask for an access token."""
        form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION, "scope": " ".join(scopes)}
        return lms.client.post("/mod/lti/token.php", data=form | {"client_assertion": self.assertion()} | changed)

    def call(self, lms: LmsProcess, method: str, url: str, media_type: str, body: Any = None) -> httpx.Response:
        """Call a service with a token for everything; the media type is what is sent, or what is wanted."""
        token = json.loads(self.ask_token(lms, *ALL).text)["access_token"]
        headers = {"Authorization": f"Bearer {token}", "Accept" if method == "GET" else "Content-Type": media_type}
        return lms.client.request(method, url, headers=headers, content=None if body is None else json.dumps(body))

    def reply(self, request: dict[str, Any], *items: dict[str, Any], **changed: Any) -> tuple[str, str]:
        """Its answer to a deep linking request: where it is posted to, and the token."""
        now = int(time.time())
        said = {
            "iss": self.client_id,
            "aud": [request["iss"]],
            "iat": now,
            "exp": now + 60,
            "nonce": "its own",
            LTI + "message_type": "LtiDeepLinkingResponse",
            LTI + "version": "1.3.0",
            LTI + "deployment_id": request[LTI + "deployment_id"],
            DEEP_LINKING + "content_items": list(items),
            DEEP_LINKING + "data": None,
        }
        return request[DEEP_LINKING + "deep_linking_settings"]["deep_link_return_url"], self.sign(said | changed)

    def picks(self, lms: LmsProcess, request: dict[str, Any], *items: dict[str, Any], **changed: Any) -> httpx.Response:
        """Answer a deep linking request, as the post of its page."""
        url, token = self.reply(request, *items, **changed)
        return httpx.post(url, data={"JWT": token}, trust_env=False)

    # Its pages, for browsers

    def login_page(self, given: dict[str, str]) -> str:
        """Where a login goes on."""
        return self.asks_who(given["iss"], Sent("", given))

    def launch_page(self, given: dict[str, str]) -> str:
        """What it shows to whoever came: a greeting, or, for a picker, two things that are picked at once."""
        said = jwt.decode(given["id_token"], options={"verify_signature": False})
        if said[LTI + "message_type"] != "LtiDeepLinkingRequest":
            return f"<h1>Hello {escape(said['name'])}</h1><p>{escape(said[LTI + 'resource_link']['title'])}</p>"
        items = [{"type": "ltiResourceLink", "title": title, "lineItem": {"scoreMaximum": 10}} for title in PICKED]
        self.client_id = said["aud"]
        url, token = self.reply(said, *items)
        field = f'<input name="JWT" value="{token}">'
        return f'<form method="post" action="{escape(url)}">{field}<button>Choose</button></form>'

    def register_page(self, given: dict[str, str]) -> str:
        """Register, and say that it is done."""
        configuration = httpx.get(given["openid_configuration"], trust_env=False).json()
        headers = {"Authorization": f"Bearer {given['registration_token']}"}
        said = self.registration(client_name="Registered")
        url = configuration["registration_endpoint"]
        httpx.post(url, json=said, headers=headers, trust_env=False).raise_for_status()
        return "<script>(opener || parent).postMessage({subject: 'org.imsglobal.lti.close'}, '*')</script>"


@contextmanager
def tiny_tool() -> Iterator[TinyTool]:
    """A tool whose keys can be fetched."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            if url.path == "/register":
                self.show(tool.register_page(dict(parse_qsl(url.query))))
            else:
                self.show(json.dumps({"keys": [public_jwk(tool.key, "tiny")]}))

        def do_POST(self) -> None:
            given = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            if self.path == "/login":
                self.send_response(302)
                self.send_header("Location", tool.login_page(given))
                self.end_headers()
            else:
                self.show(tool.launch_page(given))

        def show(self, body: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json" if body.startswith("{") else "text/html")
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    tool = TinyTool(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield tool
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
