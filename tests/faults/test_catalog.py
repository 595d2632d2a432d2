"""An environment of the catalog whose repository is broken by its next commit: nobody who launches it is disturbed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.fakes.git_host import GitHost
from tests.faults.people import Person
from tests.faults.test_updates import BUILD_SECONDS, UNSATISFIABLE
from tests.stack import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

Environment = dict[str, Any]


def when(person: Person, name: str, is_so: Callable[[Environment], bool], why: str) -> Environment:
    """The environment once this is so."""
    now: Environment = {}

    def has_come() -> bool:
        nonlocal now
        now = person.api.get(f"/environments/{name}/").raise_for_status().json()
        return is_so(now)

    wait_until(has_come, seconds=BUILD_SECONDS, why=why)
    return now


def test_gives_the_last_version_that_could_be_prepared(student: Person, repositories: GitHost) -> None:
    first = repositories.add("shared-lessons", {"requirements.txt": "", "lesson.md": "1"})
    said = {"title": "Lessons", "repository": repositories.url("shared-lessons"), "urlpath": "lab/tree/lesson.md"}
    name = student.api.post("/environments/", json=said).raise_for_status().json()["slug"]
    ready = when(student, name, lambda now: now["freshness"] == "ready", "it is prepared")
    repositories.commit("shared-lessons", {"requirements.txt": UNSATISFIABLE})

    student.api.post(f"/environments/{name}/rebuild/").raise_for_status()
    broken = when(student, name, lambda now: now["rebuild_outcome"] == "failed", "the new version has failed")
    server = student.await_state(student.launch_environment(name), "running")

    assert (ready["commit"], ready["rebuild_outcome"]) == (first, "made")
    assert broken["reason"]["code"] == "requirements_unsatisfiable"
    assert (broken["freshness"], broken["commit"]) == ("ready", first)
    assert (server["commit"], server["urlpath"]) == (first, "lab/tree/lesson.md")
