"""A repository that moves on under a server somebody works in: new files come in, theirs stay, broken ones stay out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fakes.git_host import GitHost
from tests.faults.people import Person, Server
from tests.faults.test_several_clicks import CLICKS, at_once
from tests.faults.traces import build_rows, notebook_servers
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

BUILD_SECONDS = 120.0
UNSATISFIABLE = "six==1.16.0\nsix==1.15.0\n"


def when(person: Person, server: Server, is_so: Callable[[Server], bool], why: str) -> Server:
    """The server once this is so."""
    now = server

    def has_come() -> bool:
        nonlocal now
        now = person.read(server)
        return is_so(now)

    wait_until(has_come, seconds=BUILD_SECONDS, why=why)
    return now


def when_updated(person: Person, server: Server, commit: str) -> Server:
    """The server once it runs this commit."""
    return when(
        person,
        server,
        lambda now: (now["state"], now["commit"], now["update"]["state"]) == ("running", commit, "up_to_date"),
        "the server runs the new version",
    )


def write(person: Person, server: Server, path: str, text: str) -> None:
    """Save a file as JupyterLab does."""
    model = {"type": "file", "format": "text", "content": text}
    person.visit(server).ask("PUT", f"/api/contents/{path}", json=model).raise_for_status()


def files(person: Person, server: Server) -> dict[str, str]:
    """The text files at the top of the server's files."""
    visit = person.visit(server)
    listing = visit.ask("GET", "/api/contents/").raise_for_status().json()["content"]
    names = [entry["name"] for entry in listing if entry["type"] == "file"]
    return {name: visit.ask("GET", f"/api/contents/{name}").raise_for_status().json()["content"] for name in names}


def test_brings_new_files_in_beside_what_was_changed_and_goes_back(
    student: Person, stack: Stack, repositories: GitHost
) -> None:
    first = repositories.add("lessons", {"requirements.txt": "", "lesson.md": "1", "notes.md": "1"})
    server = student.launch_and_wait(repositories.url("lessons"))
    write(student, server, "lesson.md", "my answers")
    second = repositories.commit("lessons", {"lesson.md": "2", "notes.md": "2", "new.md": "2"})

    answers = at_once([lambda: student.command(server, "update")] * CLICKS)
    updated = when_updated(student, server, second)
    after_update = files(student, updated)
    student.command(server, "rollback").raise_for_status()
    back = when(student, server, lambda now: (now["state"], now["commit"]) == ("running", first), "it has gone back")

    assert {answer.status_code for answer in answers} == {202}
    assert len(build_rows(stack, second)) == 1
    beside = f"lesson.{second[:7]}.new.md"
    assert after_update == {
        "requirements.txt": "",
        "lesson.md": "my answers",
        beside: "2",
        "notes.md": "2",
        "new.md": "2",
    }
    assert updated["update"]["merge"]["targets"] == [beside]
    assert updated["url"] == server["url"]
    assert files(student, back) == after_update
    assert len(notebook_servers(stack, server["id"])) == 1


def test_keeps_the_server_running_when_the_new_version_cannot_be_made(
    student: Person, stack: Stack, repositories: GitHost
) -> None:
    first = repositories.add("broken-push", {"requirements.txt": ""})
    server = student.launch_and_wait(repositories.url("broken-push"))
    before = notebook_servers(stack, server["id"])
    repositories.commit("broken-push", {"requirements.txt": UNSATISFIABLE})

    student.command(server, "update").raise_for_status()
    after = when(student, server, lambda now: now["update"]["state"] == "failed", "the update has failed")

    assert (after["state"], after["commit"], after["reason"]) == ("running", first, None)
    assert after["update"]["reason"]["code"] == "requirements_unsatisfiable"
    assert notebook_servers(stack, server["id"]) == before
