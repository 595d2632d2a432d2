"""An LMS that lies, breaks off and forges, as far as it is told to."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import jwt
from jwt.algorithms import RSAAlgorithm

from lti.demo_lms.app import DemoLms
from lti.demo_lms.keys import new_key
from lti.demo_lms.lms import Lms
from lti.demo_lms.school import Person
from lti.demo_lms.web import Request, Response, as_json

MAX_LOG = 20_000
POLL_SECONDS = 0.05


@dataclass
class FalseAnswer:
    """What it says in place of the truth, to requests for a path that matches `path` as a whole."""

    path: str
    method: str = ""
    status: int | None = None
    body: str | None = None
    content_type: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    merge: dict[str, Any] = field(default_factory=dict)
    """Put into the JSON object that is the truth; None takes a member out."""
    delay_seconds: float = 0.0
    hang: bool = False
    """Answer only once it may say the truth again."""
    lose: bool = False
    """Do what is asked, and answer falsely all the same."""
    after: int = 0
    """Let so many requests pass first."""
    times: int | None = None
    """How often; None is for ever."""

    def takes(self, request: Request) -> bool:
        """Whether this request is answered so, counting it."""
        if self.method not in ("", request.method) or not re.fullmatch(self.path, request.path) or self.times == 0:
            return False
        if self.after:
            self.after -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True


@dataclass
class FalseLaunch:
    """How the next launches differ from what they should be."""

    claims: dict[str, Any] = field(default_factory=dict)
    """Put into the token; None leaves a claim out, and `"null"` says null."""
    header: dict[str, Any] = field(default_factory=dict)
    """Put into the token's header; None leaves a member out."""
    signature: str = ""
    """`other-key`, `none`, `HS256`, `tampered`, or nothing for a true one."""
    fields: dict[str, str | None] = field(default_factory=dict)
    """Put into the form; None leaves a field out."""
    replay: bool = False
    """Send the token of the launch before once more."""
    times: int | None = 1


@dataclass
class LoggedRequest:
    """One request and what was answered."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: str
    status: int = 0
    at: float = 0.0


class MisbehavingLms(Lms):
    """The LMS, whose launches can be false and whose clock can be wrong."""

    def __init__(self, base_url: str) -> None:
        self.skew = 0.0
        self.frozen: float | None = None
        self.launch = FalseLaunch(times=0)
        self.last_token = ""
        super().__init__(base_url, clock=self._time)

    def _time(self) -> float:
        return (time.time() if self.frozen is None else self.frozen) + self.skew

    def sign(self, claims: dict[str, Any]) -> str:
        """The token, as false as it was ordered."""
        if not self.launch.times and self.launch.times is not None:
            token = super().sign(claims)
        elif self.launch.replay:
            return self.last_token
        else:
            token = self.forge(claims)
        self.last_token = token
        return token

    def forge(self, claims: dict[str, Any]) -> str:
        """A token that differs from the true one in what was ordered."""
        said = _merged(claims, self.launch.claims)
        said = {name: None if value == "null" else value for name, value in said.items()}
        header = {name: value for name, value in ({"kid": self.keys.key_id} | self.launch.header).items() if value}
        if self.launch.signature == "none":
            return jwt.encode(said, "", algorithm="none", headers=header)
        if self.launch.signature == "HS256":
            return jwt.encode(said, "a secret that is long enough for the algorithm", "HS256", headers=header)
        key = new_key() if self.launch.signature == "other-key" else self.keys.key
        token = _encoded(said, key, header)
        return _tampered(token) if self.launch.signature == "tampered" else token

    def answer_of_launch(self, fields: dict[str, str], person: Person) -> dict[str, str]:
        """The form, as false as it was ordered; this ends the falsehood when it was the last time."""
        if self.launch.times == 0:
            return fields
        if self.launch.times is not None:
            self.launch.times -= 1
        return _merged(fields, self.launch.fields)


class MisbehavingApp(DemoLms):
    """Serves it, with its control and its log beside."""

    def __init__(self, lms: MisbehavingLms) -> None:
        super().__init__(lms)
        self.misbehaving = lms
        self.answers: list[FalseAnswer] = []
        self.log: list[LoggedRequest] = []
        self.next_link = ""
        self.pages_given = 0

    async def respond(self, request: Request) -> Response:
        """Take commands, tell the log, or answer, truly or falsely."""
        if (request.method, request.path) == ("POST", "/control"):
            return self._obey(request)
        if request.path == "/log":
            return as_json([asdict(one) for one in self.log])
        logged = LoggedRequest(
            request.method, request.path, request.query, request.headers, request.body.decode(errors="replace")
        )
        logged.at = self.lms.clock()
        self.log = [*self.log[-MAX_LOG:], logged]
        answer = await self._true_or_false(request)
        logged.status = answer.status
        return answer

    async def _true_or_false(self, request: Request) -> Response:
        false = next((one for one in self.answers if one.takes(request)), None)
        if false is None:
            return self._with_next_link(request, await super().respond(request))
        if false.lose:
            await super().respond(request)
        while false.hang and false in self.answers:
            await asyncio.sleep(POLL_SECONDS)
        await asyncio.sleep(false.delay_seconds)
        is_true = false.status is None and false.body is None
        answer = await super().respond(request) if is_true else Response(false.body or "", false.status or 200)
        if false.merge:
            answer.body = json.dumps(_merged(json.loads(answer.body), false.merge))
        answer.content_type = false.content_type or answer.content_type
        answer.headers += list(false.headers.items())
        return answer

    def _with_next_link(self, request: Request, answer: Response) -> Response:
        """Put a next page where none is, as often as somebody follows it."""
        if self.next_link and request.path.endswith("/memberships") and answer.status == 200:
            self.pages_given += 1
            url = self.next_link.replace("{n}", str(self.pages_given))
            answer.headers = [one for one in answer.headers if one[0] != "link"]
            answer.headers.append(("link", f'<{url}>; rel="next"'))
        return answer

    def _obey(self, request: Request) -> Response:
        from tests.fakes.lms.commands import obey

        said = request.json()
        if not isinstance(said, dict):
            return as_json({"error": "a command is a JSON object"}, 400)
        try:
            with self.lms.lock:
                return as_json(obey(self, said))
        except (KeyError, TypeError, ValueError, StopIteration) as error:
            return as_json({"error": repr(error)}, 400)


def _merged(true: dict[str, Any], false: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (true | false).items() if value is not None}


def _encoded(said: dict[str, Any], key: Any, header: dict[str, Any]) -> str:
    """A token, by hand: PyJWT refuses to write some of the claims that tools must refuse to read."""
    parts = [{"typ": "JWT", "alg": "RS256"} | header, said]
    signed = ".".join(_base64(json.dumps(part).encode()) for part in parts)
    signature = RSAAlgorithm(RSAAlgorithm.SHA256).sign(signed.encode(), key)
    return f"{signed}.{_base64(signature)}"


def _tampered(token: str) -> str:
    """The same signature under another person."""
    header, body, signature = token.split(".")
    said = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return f"{header}.{_base64(json.dumps(said | {'sub': 'somebody-else'}).encode())}.{signature}"


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
