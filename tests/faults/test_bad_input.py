"""What people paste that cannot work: its own answer each time, and nothing left of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from tests.fakes.git_host import GitHost
from tests.faults.conftest import Prepared
from tests.faults.people import Person
from tests.faults.traces import build_processes, unfinished_images, work_under_way
from tests.stack import Stack, free_port

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]

SECRET = "hunter2"
NO_COMMIT = "0123456789" * 4


@dataclass(frozen=True)
class Refused:
    """A launch that is refused at once. `{host}` stands for the git host, `{closed}` for a port nobody listens on."""

    repository: str
    status: int
    code: str
    ref: str = ""


@dataclass(frozen=True)
class Failing:
    """A launch whose build fails."""

    files: Mapping[str, str]
    code: str
    ref: str = ""


REFUSED = {
    "unreachable host": Refused("http://127.0.0.1:{closed}/x.git", 502, "repository_unreachable"),
    "private repository": Refused("{host}/private.git", 422, "repository_not_found"),
    "no such repository": Refused("{host}/nothing-here.git", 422, "repository_not_found"),
    "unknown ref": Refused("{host}/public.git", 422, "ref_unknown", ref="no-such-branch"),
    "ref that is an option": Refused("{host}/public.git", 400, "ref_invalid", ref="--upload-pack=true"),
    "absolute path": Refused("/etc", 400, "repository_local_forbidden"),
    "relative path": Refused("../etc", 400, "repository_local_forbidden"),
    "path behind a provider": Refused("git/%2Fetc", 400, "repository_local_forbidden"),
    "file: with slashes": Refused("file:///etc", 400, "repository_local_forbidden"),
    "file: without": Refused("file:/etc", 400, "repository_scheme_forbidden"),
    "ext::": Refused("ext::sh -c true", 400, "repository_scheme_forbidden"),
    "ext:: behind a provider": Refused("git/ext%3A%3Ash%20-c%20true", 400, "repository_scheme_forbidden"),
    "option": Refused("-oProxyCommand=true", 400, "repository_invalid"),
    "private address": Refused("http://10.0.0.1/x", 403, "repository_address_forbidden"),
    "link-local address": Refused("http://169.254.169.254/latest", 403, "repository_address_forbidden"),
    "this machine by name": Refused("http://localhost:{closed}/x.git", 403, "repository_address_forbidden"),
    "redirect to a private address": Refused("{host}/moved.git", 403, "repository_address_forbidden"),
    "credentials": Refused(f"https://me:{SECRET}@example.org/x", 400, "repository_has_credentials"),
}
FAILING = {
    "no environment files": Failing({"README.md": "# Nothing to install\n"}, "no_environment_files"),
    "Dockerfile": Failing({"Dockerfile": "FROM scratch\n", "requirements.txt": ""}, "needs_docker"),
    "apt.txt": Failing({"apt.txt": "sl\n", "requirements.txt": ""}, "needs_docker"),
    "contradiction": Failing({"requirements.txt": "tabulate==0.9.0\ntabulate==0.8.9\n"}, "requirements_unsatisfiable"),
    "unknown package": Failing({"requirements.txt": "carrel-there-is-no-such-package\n"}, "package_not_found"),
    "not a requirement": Failing({"requirements.txt": "what? this!\n"}, "environment_file_invalid"),
    "unknown commit": Failing({"requirements.txt": ""}, "ref_unknown", ref=NO_COMMIT),
}


@pytest.fixture(scope="session")
def faulty_repositories(repositories: GitHost) -> GitHost:
    """The git host, with a repository for everybody, one that asks for a password, and one that has moved away."""
    for name in ("public", "private"):
        repositories.add(name, {"requirements.txt": ""})
    repositories.make_private("private")
    repositories.redirect("moved", "http://10.0.0.1/public.git")
    return repositories


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_refuses_at_once(case: Refused, student: Person, stack: Stack, faulty_repositories: GitHost) -> None:
    address = case.repository.format(host=faulty_repositories.base_url, closed=free_port())

    answer = student.api.post("/servers/", json={"repository": address, "ref": case.ref})

    assert (answer.status_code, answer.json()["code"]) == (case.status, case.code)
    assert_explained(answer.json())
    assert SECRET not in answer.text
    assert student.servers() == []
    assert_nothing_left(stack)


@pytest.mark.parametrize("case", FAILING.values(), ids=FAILING)
def test_fails_with_a_reason(
    case: Failing, student: Person, stack: Stack, repositories: GitHost, request: pytest.FixtureRequest
) -> None:
    name = request.node.callspec.id.replace(" ", "-")
    repositories.add(name, case.files)

    server = student.launch(repositories.url(name), ref=case.ref)
    server = student.await_state(server, "failed", "running")

    assert (server["state"], server["build"]["state"]) == ("failed", "failed")
    assert server["reason"]["code"] == case.code
    assert_explained(server["reason"])
    assert_nothing_left(stack)


def test_refuses_a_name_that_is_taken(
    student: Person, stack: Stack, prepared: Prepared, faulty_repositories: GitHost
) -> None:
    server = student.launch_and_wait(prepared.url, name="mine")

    answer = student.api.post("/servers/", json={"repository": faulty_repositories.url("public"), "name": "mine"})

    assert (answer.status_code, answer.json()["code"]) == (409, "server_differs")
    assert_explained(answer.json())
    assert [(known["id"], known["state"]) for known in student.servers()] == [(server["id"], "running")]
    assert_nothing_left(stack)


def assert_explained(reason: Mapping[str, str]) -> None:
    """What happened and what to do, in whole sentences with every fact filled in."""
    for words in (reason["message"], reason["next_step"]):
        assert len(words.split()) > 3
        assert "{" not in words
        assert "“?”" not in words


def assert_nothing_left(stack: Stack) -> None:
    """No process of a build, no half-made image, nothing that waits or is under way."""
    assert build_processes(stack) == []
    assert unfinished_images(stack) == []
    assert work_under_way(stack) == []
