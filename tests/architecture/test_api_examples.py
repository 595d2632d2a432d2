"""The examples of docs/api.md work as they stand there, and its tables name every address."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from channels.testing import ApplicationCommunicator
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Scope, User
from accounts.tokens import create_token
from assignments.files import Bundle, File
from assignments.grading.rubrics import add_item
from classes.models import Course, Role
from config.asgi import application
from config.env import BASE_DIR
from tests.assignments.drawn_up import checked, fetched
from tests.assignments.marked import ESSAY, graded, to_be_graded
from tests.curl import Request, blocks_of, requests_in, settings_in
from tests.environments.api_client import make_example
from tests.factories import EMPTY_NOTEBOOK, CourseFactory, member, prepared
from tests.lti.platforms import sent_to_a_platform

PAGE = (BASE_DIR / "docs" / "api.md").read_text()
BLOCKS = list(blocks_of(PAGE))
STREAM = "/build/"
ELSEWHERE = {"https://github.com/binder-examples/requirements": "example/requirements", "gh/binder-examples": "example"}
"""Repositories that the examples name, and those that need no network."""
METHODS = ("GET", "POST", "PATCH", "DELETE")
SENDING = ("POST", "PATCH")
PROSE = ("/exchange/", "/docs/", "/schema/")
"""What the page tells in sentences."""


@pytest.fixture
def secret(teacher: User) -> str:
    """What `manage.py token` prints."""
    return create_token(teacher, name="test", scopes=list(Scope), days=1, now=timezone.now())[1]


@pytest.fixture
def known(fake_backends: None, settings: Settings, tmp_path: Path, teacher: User, secret: str) -> dict[str, str]:
    """A class with an assignment that somebody of a learning platform submitted; the variables of the examples."""
    settings.CARREL_DATA = tmp_path
    make_example(tmp_path, "requirements")
    course: Course = prepared(CourseFactory.create(owner=teacher, slug="statistics"))
    member(course, "teacher", Role.TEACHER)
    now = timezone.now() - timedelta(minutes=1)
    fetched(course, {"week-1/problem1.ipynb": EMPTY_NOTEBOOK.decode()}, now)
    assignment = to_be_graded(course=course, name="given")
    submission = graded(assignment, member(course, "ada"), now=now)
    sent_to_a_platform(submission, now=now)
    run = checked(assignment, has_passed=True)
    item = add_item(assignment, ESSAY, label="Short", points=Decimal(-1), now=now)
    ids = {"ID": assignment.pk, "CHECK": run.pk, "SUBMISSION": submission.pk, "ITEM": item.pk}
    return settings_in(PAGE) | {"TOKEN": secret, **{name: str(key) for name, key in ids.items()}}


@pytest.mark.django_db
@pytest.mark.parametrize(("block", "answer"), BLOCKS, ids=[f"block {number}" for number in range(1, len(BLOCKS) + 1)])
def test_commands_do_what_they_should(known: Mapping[str, str], block: str, answer: str) -> None:
    asked = [request for request in requests_in(block, known) if not request.path.startswith(STREAM)]

    answers = [_ask(request) for request in asked]

    assert [one.status_code for one in answers if one.status_code >= 300] == []
    if answer:
        assert _missing(json.loads(_finished(answer)), answers[-1].json()) == set()


@pytest.mark.django_db(transaction=True)
async def test_stream_of_the_example_begins(known: Mapping[str, str]) -> None:
    (asked,) = [
        request for block, _ in BLOCKS for request in requests_in(block, known) if request.path.startswith(STREAM)
    ]
    headers = [(name.lower().encode(), value.encode()) for name, value in asked.headers.items()]
    scope = {"type": "http", "method": asked.method, "path": _at_hand(asked.path), "query_string": b""}
    stream = ApplicationCommunicator(application, scope | {"headers": [(b"host", b"localhost:8000"), *headers]})

    await stream.send_input({"type": "http.request", "body": b""})
    start, first = await stream.receive_output(10), await stream.receive_output(10)

    assert start["status"] == 200
    assert b'data: {"phase": ' in first["body"]


def test_json_on_the_page_can_be_read() -> None:
    for text in re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        json.loads(_finished(text))


# --- Tables ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """The description as clients get it."""
    description: dict[str, Any] = json.loads(Client().get("/api/v1/schema/", HTTP_ACCEPT="application/json").content)
    return description


def test_tables_name_every_address_and_no_other(schema: dict[str, Any]) -> None:
    there = {
        (method.upper(), _plain(path))
        for path, methods in schema["paths"].items()
        for method in methods
        if not any(part in path for part in PROSE)
    }

    named = {(method, _plain(path)) for operations, _ in _rows(there) for method, path in operations}

    assert named == there


def test_bodies_in_tables_are_what_is_described(schema: dict[str, Any]) -> None:
    described = {
        (method.upper(), _plain(path)): operation
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    }
    found = 0

    for operations, words in _rows(set(described)):
        sending = [operation for operation in operations if operation[0] in SENDING]
        if len(sending) == 1:
            for body in _bodies_in(words):
                content = described[sending[0]]["requestBody"]["content"]["application/json"]["schema"]
                jsonschema.Draft4Validator(_strict(content, schema)).validate(body)
                found += 1

    assert found >= 20


# --- Steps -------------------------------------------------------------------------------------------------


def _ask(request: Request) -> Any:
    headers = {name: value for name, value in request.headers.items() if name != "Content-Type"}
    body: str | bytes = _at_hand(request.body)
    if request.file:
        body = Bundle((File("problem1.ipynb", EMPTY_NOTEBOOK),)).tar
    kind = request.headers.get("Content-Type", "application/octet-stream")
    return Client().generic(request.method, request.path, body, content_type=kind, headers=headers)


def _at_hand(text: str) -> str:
    for name, own in ELSEWHERE.items():
        text = text.replace(name, own)
    return text


def _finished(text: str) -> str:
    """JSON of which something was left out at the end."""
    return text.replace(", …}", "}")


def _missing(told: Any, answer: Any) -> set[str]:
    """The names that the page tells and the answer lacks."""
    if isinstance(told, list) and told:
        return _missing(told[0], answer[0]) if answer else {"[]"}
    if not isinstance(told, dict):
        return set()
    missing: set[str] = told.keys() - answer.keys()
    return missing.union(*(_missing(told[name], answer.get(name)) for name in told))


def _plain(path: str) -> str:
    return re.sub(r"\{\w+\}", "{}", path.removeprefix("/api/v1").partition("?")[0])


Operation = tuple[str, str]


def _rows(there: set[Operation]) -> Iterator[tuple[list[Operation], str]]:
    """The rows of the tables, and the heading, that name addresses; what they name, and what they say of it."""
    for line in PAGE.splitlines():
        if heading := re.match(r"## .*`(\w+) /api/v1(/\S+)`$", line):
            yield [(heading.group(1), _plain(heading.group(2)))], ""
        elif line.startswith("| `"):
            cells = line.split(" | ", 1)
            operations = list(_named(re.findall(r"`([^`]+)`", cells[0]), there))
            if operations:
                yield operations, cells[1]


def _named(words: list[str], there: set[Operation]) -> Iterator[Operation]:
    """`GET`, `POST /a/{id}/` are two; `…/b/` is an address like the one before that ends so."""
    methods: list[str] = []
    last = ""
    for word in words:
        method, _space, path = word.partition(" ") if word.split(" ")[0] in METHODS else ("", "", word)
        methods = [*methods, method] if method and not last else [method] if method else methods
        if path.startswith("/"):
            last = path
            yield from ((each, _plain(path)) for each in methods)
        elif path.startswith("…"):
            end, first = _plain(path.removeprefix("…")), "/".join(_plain(last).split("/")[:3])
            yield from (
                one for one in there if one[0] == methods[-1] and one[1].startswith(first) and one[1].endswith(end)
            )


def _bodies_in(words: str) -> Iterator[dict[str, Any]]:
    for text in re.findall(r"`(\{[^`]+\})`", words):
        try:
            yield json.loads(text)
        except ValueError:
            continue  # It leaves something out.


def _strict(part: Any, schema: dict[str, Any]) -> Any:
    """The description as JSON Schema had it when OpenAPI took it over, and no field that is not in it."""
    if isinstance(part, list):
        return [_strict(each, schema) for each in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return _strict(schema["components"]["schemas"][part["$ref"].rpartition("/")[2]], schema)
    made = {name: _strict(value, schema) for name, value in part.items() if name != "nullable"}
    if "properties" in made:
        made["additionalProperties"] = False
    return {"anyOf": [made, {"type": "null"}]} if part.get("nullable") else made
