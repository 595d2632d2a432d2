"""A student's server of a class, as the whole stack starts it: nbgrader works in it, and nobody set anything up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.fakes.git_host import GitHost
from tests.notebook_client import NotebookClient
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(500)]

START_SECONDS = 400.0
"""nbgrader and all it needs are fetched and installed."""
IN_CLASS = """
from django.utils import timezone
from accounts.models import User
from classes.courses import Plan, make_course
from classes.launching import open_server
from classes.members import admit
from classes.policies import standing_of
from environments.values import Reference
from tests.factories import AssignmentFactory, released

now, teacher, student = timezone.now(), *(User.objects.get(username=name) for name in ("teacher", "student"))
course = make_course(teacher, Plan("Algebra by nbgrader", Reference("git", "{url}")), resolved=None, now=now)
admit(course, student, now=now)
released(AssignmentFactory.create(course=course, name="ps1"))
open_server(standing_of(student, course), now=now)
print(course.slug)
"""
AFTERWARDS = """
from django.utils import timezone
from classes.class_servers import servers_of
from classes.models import Course
from environments.servers import delete_server

course = Course.objects.get(slug="{slug}")
for server in servers_of(course):
    delete_server(server, now=timezone.now())
Course.objects.filter(pk=course.pk).update(deleted_at=timezone.now())
"""


@dataclass(frozen=True)
class Place:
    """The student's server, the class it is in, and a token of the student's own."""

    origin: str
    slug: str
    token: str


@pytest.fixture
def place(stack: Stack) -> Iterator[Place]:
    """Nothing of it is left afterwards."""
    token = stack.token("student")
    with GitHost() as host:
        package = f"carrel-exchange @ {stack.base_url}/carrel-exchange.zip"
        host.add("algebra", {"requirements.txt": f"nbgrader==0.9.6\n{package}\n"})
        slug = stack.manage("shell", "-v0", "-c", IN_CLASS.format(url=host.url("algebra"))).split()[-1]
        try:
            server = running_server(stack, token, slug)
            yield Place(server["url"], slug, token)
        finally:
            stack.manage("shell", "-v0", "-c", AFTERWARDS.format(slug=slug))


def test_student_fetches_and_submits_from_inside_their_server(stack: Stack, place: Place) -> None:
    slug = place.slug

    with NotebookClient(place.origin, place.token) as kernel:
        listed = kernel.execute("!nbgrader list")
        kernel.execute("!nbgrader fetch_assignment ps1")
        submitted = kernel.execute(f"!nbgrader submit ps1 && ls home/{slug}/ps1/.carrel/receipts")
        tab = kernel.request("GET", "/assignments", params={"course_id": slug}).json()
        reach = kernel.execute(OTHER_ADDRESS)

    [received] = asked(stack, place.token, "exchange/")["assignments"][0]["submissions"]
    in_tab = [(each["assignment_id"], each["status"]) for each in tab["value"]]
    assert f"{slug} ps1" in listed
    assert received["sha256"] in submitted
    assert f"attempt-1-{received['id']}.json" in submitted
    assert in_tab == [("ps1", "fetched"), ("ps1", "submitted")]
    assert reach.strip() == "403"


OTHER_ADDRESS = """
import os, urllib.error, urllib.request
address = os.environ["CARREL_URL"] + "/api/v1/servers/"
asking = urllib.request.Request(address, headers={"Authorization": "Bearer " + os.environ["CARREL_TOKEN"]})
try:
    print(urllib.request.urlopen(asking).status)
except urllib.error.HTTPError as refused:
    print(refused.code)
"""
"""What else the server's key opens."""


def asked(stack: Stack, token: str, path: str) -> Any:
    """What the API answers to a program of the student's own."""
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx.get(f"http://127.0.0.1:{stack.port}/api/v1/{path}", headers=headers, timeout=30, trust_env=False)
    return answer.raise_for_status().json()


def running_server(stack: Stack, token: str, name: str) -> dict[str, Any]:
    """The server of this name, once it runs."""
    found: dict[str, Any] = {}

    def is_there() -> bool:
        servers = asked(stack, token, "servers/")["results"]
        found.update(next(server for server in servers if server["name"] == name))
        assert found["state"] != "failed", found
        return bool(found["state"] == "running")

    wait_until(is_there, seconds=START_SECONDS, why="the server of the class runs")
    return found
