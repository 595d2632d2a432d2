"""What the pretend LMS is asked over HTTP and what it answers, as plain values, and refusals as exceptions."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl

HTML = "text/html; charset=utf-8"


@dataclass(frozen=True)
class Request:
    """One request; header names are in lower case, and the path is relative to where the LMS lives."""

    method: str
    path: str
    query_string: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @cached_property
    def query(self) -> dict[str, str]:
        """The parameters of the address."""
        return dict(parse_qsl(self.query_string, keep_blank_values=True))

    @cached_property
    def form(self) -> dict[str, str]:
        """The fields of a posted form; nothing when it is not one."""
        if not self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return {}
        return dict(parse_qsl(self.body.decode(errors="replace"), keep_blank_values=True))

    @cached_property
    def given(self) -> dict[str, str]:
        """Whatever was given, in the address or in the form."""
        return self.query | self.form

    @cached_property
    def cookies(self) -> dict[str, str]:
        """The cookies the browser sent."""
        try:
            return {name: morsel.value for name, morsel in SimpleCookie(self.headers.get("cookie", "")).items()}
        except CookieError:
            return {}

    def json(self) -> Any:
        """What the body says, or None when it is not JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass
class Response:
    """One answer."""

    body: str | bytes = ""
    status: int = 200
    content_type: str = HTML
    headers: list[tuple[str, str]] = field(default_factory=list)

    def encoded(self) -> bytes:
        """The body as it travels."""
        return self.body if isinstance(self.body, bytes) else self.body.encode()

    def encoded_headers(self) -> list[tuple[bytes, bytes]]:
        """The headers as they travel: in UTF-8, which HTTP does not foresee and Moodle's quotation marks need."""
        named = [*self.headers, ("content-length", str(len(self.encoded())))]
        if self.content_type:
            named.append(("content-type", self.content_type))
        return [(name.lower().encode(), value.encode()) for name, value in named]


class Refused(Exception):
    """A person's request that leads nowhere; they are shown the sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


def redirect(url: str) -> Response:
    """Send the browser there."""
    return Response(status=302, headers=[("location", url)])


def as_json(
    value: Any, status: int = 200, content_type: str = "application/json; charset=utf-8", **headers: str
) -> Response:
    """Answer with JSON."""
    return Response(json.dumps(value), status, content_type, list(headers.items()))
