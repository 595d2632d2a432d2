"""A private repository on the real stack: it runs for whoever has a token for it, and the token stays out of sight."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.fakes.git_host import GitHost
from tests.faults.people import Person, csrf
from tests.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]

LIST = "/account/repositories/"
TOKEN = "a-token-for-the-seminar-0123456789"
SPELLINGS = [TOKEN.encode(), base64.b64encode(f"ada:{TOKEN}".encode()).rstrip(b"=")]


@pytest.fixture
def seminar(repositories: GitHost) -> str:
    """The address of a repository that asks for ada's token."""
    repositories.add("seminar", {"requirements.txt": "", "notes.md": "for the seminar"})
    repositories.make_private("seminar", username="ada", password=TOKEN)
    return repositories.url("seminar")


@pytest.fixture
def kept(student: Person, seminar: str) -> Iterator[None]:
    """The student has given the token on the account page; it is removed there again."""
    browser = student.sign_in()
    form = {"address": seminar, "username": "ada", "token": TOKEN}
    assert post(browser, f"{LIST}new/", form).headers["Location"] == LIST
    yield
    for path in set(re.findall(rf'href="({LIST}[^"]+/remove/)"', browser.get(LIST).text)):
        post(browser, path, {})


@pytest.fixture
def teacher(stack: Stack, token_of: Callable[[str], str]) -> Iterator[Person]:
    """Somebody without a token for that host."""
    with closing(Person(stack, "teacher", token_of("teacher"))) as person:
        yield person


def post(browser: httpx.Client, path: str, form: dict[str, str]) -> httpx.Response:
    """A form, sent as its page would send it."""
    browser.get(path).raise_for_status()
    return browser.post(path, data=form, headers=csrf(browser))


def files_with_token(stack: Stack) -> list[Path]:
    """What the stack has written that has the token in it: database, logs, queue, images, volumes."""
    paths = (path for path in stack.data_directory.rglob("*") if path.is_file() and not path.is_symlink())
    return [path for path in paths if has_token(path)]


def has_token(path: Path) -> bool:
    """Whether it is in this file, which may go while it is looked at: the stack is at work."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return False
    return any(spelling in content for spelling in SPELLINGS)


@pytest.mark.usefixtures("kept")
def test_runs_for_whoever_has_a_token_and_for_nobody_else(
    student: Person, teacher: Person, seminar: str, stack: Stack
) -> None:
    server = student.launch_and_wait(seminar)

    notes = student.visit(server).ask("GET", "/api/contents/notes.md").raise_for_status().json()
    refused = teacher.api.post("/servers/", json={"repository": seminar})
    assert notes["content"] == "for the seminar"
    assert (refused.status_code, refused.json()["code"]) == (422, "repository_not_found")
    assert teacher.api.get(f"/builds/{server['build']['id']}/log/").status_code == 404
    assert files_with_token(stack) == []
