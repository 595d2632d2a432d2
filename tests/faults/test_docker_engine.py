"""The engine goes away and comes back: pages work, nobody's server is given up, and whatever failed says why."""

from __future__ import annotations

import pytest

from tests.docker_stack import DockerStack
from tests.engine_images import is_running
from tests.fakes.git_host import GitHost
from tests.faults.people import Person
from tests.faults.repositories import held_first_time, sleeper
from tests.notebook_client import NotebookClient
from tests.stack import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.docker, pytest.mark.timeout(180)]

BOUND_SECONDS = 30.0


def test_serves_pages_without_the_engine_and_servers_once_it_is_there(
    docker_student: Person, docker_stack: DockerStack, docker_prepared: str
) -> None:
    docker_stack.stop()
    docker_stack.engine.cut()
    docker_stack.start()

    home = docker_student.sign_in().get("/")
    server = docker_student.launch(docker_prepared)
    failed = docker_student.await_state(server, "failed", "running", seconds=BOUND_SECONDS)
    docker_stack.engine.restored()
    docker_student.command(server, "start").raise_for_status()

    assert home.status_code == 200
    assert (failed["state"], failed["reason"]["code"]) == ("failed", "runtime_unavailable")
    assert docker_student.await_state(server, "running", "failed")["state"] == "running"


def test_fails_a_build_that_the_engine_left_and_builds_again(
    docker_student: Person, docker_stack: DockerStack, repositories: GitHost
) -> None:
    command = sleeper()
    repositories.add("left-by-the-engine", held_first_time(command))
    server = docker_student.launch(repositories.url("left-by-the-engine"))
    wait_until(lambda: is_running(command), seconds=60, why="the build is under way")

    docker_stack.engine.cut()
    failed = docker_student.await_state(server, "failed", "running", seconds=BOUND_SECONDS)
    docker_stack.engine.restored()
    docker_student.command(server, "start").raise_for_status()

    assert (failed["state"], failed["reason"]["code"]) == ("failed", "runtime_unavailable")
    assert docker_student.await_state(server, "running", "failed")["state"] == "running"
    assert not is_running(command)


def test_fails_a_start_that_the_engine_left_and_tidies_up(
    docker_student: Person, docker_stack: DockerStack, docker_prepared: str
) -> None:
    server = docker_student.launch(docker_prepared, name="held-and-left")
    wait_until(lambda: docker_stack.is_held(server["id"]), seconds=60, why="it is starting")

    docker_stack.engine.cut()
    failed = docker_student.await_state(server, "failed", "running", seconds=BOUND_SECONDS)
    docker_stack.engine.restored()

    assert (failed["state"], failed["reason"]["code"]) == ("failed", "runtime_unavailable")
    wait_until(lambda: not docker_stack.remains_of(server["id"]), seconds=BOUND_SECONDS, why="nothing is left")


def test_keeps_a_server_whose_engine_cannot_be_asked(
    docker_student: Person, docker_stack: DockerStack, docker_prepared: str
) -> None:
    server = docker_student.launch_and_wait(docker_prepared)
    with NotebookClient(server["url"], docker_student.token) as notebook:
        notebook.execute("answer = 6 * 7")
        asked = times_not_answered(docker_stack)

        docker_stack.engine.cut()
        wait_until(
            lambda: times_not_answered(docker_stack) > asked + 1, seconds=BOUND_SECONDS, why="it was asked twice"
        )
        printed = notebook.execute("print(answer)")
        state = docker_student.read(server)["state"]
        docker_student.command(server, "stop").raise_for_status()
        docker_stack.engine.restored()

    assert (state, printed) == ("running", "42\n")
    docker_student.await_state(server, "stopped", seconds=BOUND_SECONDS)
    wait_until(lambda: not docker_stack.remains_of(server["id"]), seconds=BOUND_SECONDS, why="nothing is left")


def test_answers_while_the_engine_hangs(
    docker_student: Person, docker_stack: DockerStack, docker_prepared: str
) -> None:
    running = docker_student.launch_and_wait(docker_prepared, name="running")
    browser = docker_student.sign_in()

    docker_stack.engine.hang()
    server = docker_student.launch(docker_prepared, name="launched-meanwhile")
    answers = [
        browser.get("/"),
        browser.get(f"/servers/{server['id']}/"),
        docker_student.visit(running).ask("GET", "/api/status"),
        docker_student.command(running, "stop"),
    ]
    docker_stack.engine.restored()

    assert [answer.status_code for answer in answers] == [200, 200, 200, 202]
    assert docker_student.await_state(server, "running", "failed")["state"] == "running"
    assert docker_student.await_state(running, "stopped", "failed")["state"] == "stopped"


def times_not_answered(stack: DockerStack) -> int:
    """How often the engine was asked what runs, and did not answer."""
    return (stack.data_directory / "log" / "worker.log").read_text().count("could not be asked what runs")
