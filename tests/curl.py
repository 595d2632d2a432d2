"""Commands of the documentation, carried out by Django's test client in place of `curl`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from string import Template

HOST = "http://localhost:8000"
_WITHOUT_VALUE = {"-s", "-N", "-L"}


@dataclass(frozen=True, slots=True)
class Request:
    """What a command asks for."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    file: str = ""
    """The file that is sent in place of a body."""


def blocks_of(page: str) -> Iterator[tuple[str, str]]:
    """Each block of commands of a page, and the block of JSON that follows it as its answer; empty for none."""
    found = list(re.finditer(r"^```(\w*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL))
    following = [*((block.group(1), block.group(2)) for block in found[1:]), ("", "")]
    for block, (language, text) in zip(found, following, strict=True):
        if block.group(1) == "sh":
            yield block.group(2), text if language == "json" else ""


def settings_in(page: str) -> dict[str, str]:
    """The variables that its commands set to plain text."""
    return dict(re.findall(r"^(\w+)=([^$\s]\S*)$", page, re.MULTILINE))


def requests_in(block: str, known: Mapping[str, str]) -> list[Request]:
    """What its `curl` commands ask for, with these variables."""
    lines = block.replace("\\\n", " ").splitlines()
    commands = [Template(line).substitute(known) for line in lines if line.startswith("curl ")]
    return [_request(shlex.split(command)[1:]) for command in commands]


def _request(arguments: list[str]) -> Request:
    method = body = file = path = ""
    headers = {}
    rest = iter(arguments)
    for argument in rest:
        if argument == "-H":
            name, _colon, value = next(rest).partition(": ")
            headers[name] = value
        elif argument == "-d":
            body = next(rest)
        elif argument == "--data-binary":
            file = next(rest).removeprefix("@")
        elif argument == "-X":
            method = next(rest)
        elif argument == "-o":
            next(rest)
        elif argument not in _WITHOUT_VALUE:
            assert argument.startswith(HOST), argument
            path = argument.removeprefix(HOST)
    return Request(method or ("POST" if body or file else "GET"), path, headers, body, file)
