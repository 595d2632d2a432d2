"""A student's server of a class in a container reaches the site: nbgrader lists, fetches and submits in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.assignments.test_exchange_in_servers import AFTERWARDS, IN_CLASS, OTHER_ADDRESS, Place, asked, running_server
from tests.docker_stack import DockerStack
from tests.engine import bridge_address, why_not
from tests.fakes.git_host import GitHost
from tests.faults.repositories import dockerfile
from tests.notebook_client import NotebookClient
from tests.stack import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.docker, pytest.mark.timeout(500)]

GRACE_SECONDS = 30.0
INSTALL = "RUN pip install --no-cache-dir --no-compile --no-deps"
WITH_NBGRADER = (
    "USER root",
    f"{INSTALL} nbgrader==0.9.6 alembic greenlet mako rapidfuzz sqlalchemy",
    f"{INSTALL} {{package}}",
    "USER 1000",
)
"""What nbgrader's students need of it, and ours. The engine keeps the first, which is the same each time."""


@pytest.fixture(scope="module")
def reachable() -> Iterator[DockerStack]:
    """A stack whose address is one that containers reach."""
    if reason := why_not():
        pytest.skip(reason)
    address = bridge_address()
    stack = DockerStack(HOST="0.0.0.0", SERVER_ALLOWED_NETWORKS=f"{address}/32")
    stack.base_url = f"http://{address}:{stack.port}"
    stack.environment |= {"PUBLIC_URL": stack.base_url, "NOTEBOOK_DOMAIN": f"localhost:{stack.port}"}
    with closing(stack):
        stack.start()
        yield stack


@pytest.fixture(scope="module")
def place(reachable: DockerStack) -> Iterator[Place]:
    """The student's server of a class, with nbgrader in its image, and nothing that anybody has set up in it."""
    token = reachable.token("student")
    package = f"'carrel-exchange @ {reachable.base_url}/carrel-exchange.zip'"
    with GitHost() as host:
        host.add("algebra", dockerfile(*(line.format(package=package) for line in WITH_NBGRADER)))
        slug = reachable.manage("shell", "-v0", "-c", IN_CLASS.format(url=host.url("algebra"))).split()[-1]
        try:
            yield Place(running_server(reachable, token, slug)["url"], slug, token)
        finally:
            reachable.manage("shell", "-v0", "-c", AFTERWARDS.format(slug=slug))
            wait_until(lambda: not reachable.leftovers(), seconds=GRACE_SECONDS, why="nothing of the server is left")


def test_student_lists_fetches_and_submits_from_inside_their_container(reachable: DockerStack, place: Place) -> None:
    with NotebookClient(place.origin, place.token) as kernel:
        listed = kernel.execute("!nbgrader list")
        kernel.execute("!nbgrader fetch_assignment ps1")
        submitted = kernel.execute(f"!nbgrader submit ps1 && cat home/{place.slug}/ps1/.carrel/receipts/*.json")

    [received] = asked(reachable, place.token, "exchange/")["assignments"][0]["submissions"]
    receipt = json.loads(submitted[submitted.index("{") :])
    assert f"{place.slug} ps1" in listed
    assert (receipt["id"], receipt["sha256"]) == (received["id"], received["sha256"])


def test_assignments_tab_works_and_the_servers_key_opens_nothing_else(place: Place) -> None:
    with NotebookClient(place.origin, place.token) as kernel:
        tab = kernel.request("GET", "/assignments", params={"course_id": place.slug}).json()
        site = kernel.execute("import os; print(os.environ['CARREL_URL'])").strip()
        reach = kernel.execute(OTHER_ADDRESS).strip()

    assert [each["assignment_id"] for each in tab["value"]][:1] == ["ps1"]
    assert site.startswith(f"http://{bridge_address()}:")
    assert reach == "403"
