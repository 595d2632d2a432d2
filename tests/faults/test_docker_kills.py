"""Containers, networks, images and workers that somebody else ends or removes: files stay, and nothing is orphaned."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import psutil
import pytest
from docker.errors import APIError

from environments.builders.images import remove_names
from environments.engine import SERVER_LABEL, client
from tests.docker_stack import DockerStack
from tests.engine import BASE_IMAGE
from tests.engine_images import is_running
from tests.fakes.git_host import GitHost
from tests.faults.kills import kill_worker
from tests.faults.people import Person, Server
from tests.faults.repositories import dockerfile, held_first_time, sleeper
from tests.faults.traces import build_processes, work_under_way
from tests.notebook_client import NotebookClient
from tests.stack import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.docker, pytest.mark.timeout(180)]

DISCOVERY_SECONDS = 15.0
RECOVERY_SECONDS = 30.0
WORKERS = 6
HOME = "/home/jovyan"
KEEP = "open('kept.txt', 'w').write('still here')"
FIND = "print(open('kept.txt').read())"


@pytest.fixture
def server(docker_student: Person, docker_prepared: str) -> Server:
    """A server that runs, with a file in it."""
    server = docker_student.launch_and_wait(docker_prepared)
    run(docker_student, server, KEEP)
    return server


def run(person: Person, server: Server, code: str) -> str:
    """What a cell prints in a server."""
    with NotebookClient(server["url"], person.token) as notebook:
        return notebook.execute(code)


def container_of(stack: DockerStack, server: Server) -> str:
    """The only container of a server."""
    (container,) = stack.containers(**{SERVER_LABEL: server["id"]})
    return str(container["Id"])


def await_one_start(stack: DockerStack, server: Server) -> None:
    """Wait until there is one container and one network of the server: that of an earlier start may take a moment."""

    def is_one() -> bool:
        return len(stack.remains_of(server["id"])) == len(["container", "network"])

    wait_until(is_one, seconds=DISCOVERY_SECONDS, why="one container and one network are there")


def starts_again(person: Person, server: Server) -> Server:
    """The server, after somebody pressed Start."""
    person.command(server, "start").raise_for_status()
    return person.await_state(server, "running", "failed")


def pool_process_at_work(stack: DockerStack) -> psutil.Process:
    """The process of the worker's pool that carries something out under a lease."""
    (busy,) = (process for process in psutil.Process(stack.worker_pid()).children() if is_at_work(process))
    return busy


def is_at_work(process: psutil.Process) -> bool:
    """Whether it keeps a lease alive, which a second thread does."""
    return process.num_threads() > 1


@contextmanager
def frozen(process: psutil.Process) -> Iterator[psutil.Process]:
    """A process that does nothing, and has not ended, for as long as this lasts."""
    process.suspend()
    try:
        yield process
    finally:
        process.resume()


def is_removed(volume: str) -> bool:
    """Whether the volume could be removed now: not while a container holds it."""
    try:
        client().api.remove_volume(volume)
    except APIError as error:
        if error.status_code != HTTPStatus.CONFLICT:
            raise
        return False
    return True


def is_replaced(volume: str, labels: dict[str, str]) -> bool:
    """Whether a volume of a megabyte could be put in its place now."""
    options = {"type": "tmpfs", "device": "tmpfs", "o": "size=1m,uid=1000"}
    if not is_removed(volume):
        return False
    client().api.create_volume(volume, driver_opts=options, labels=labels)
    return bool(client().api.inspect_volume(volume)["Options"] == options)


@contextmanager
def full_volume(name: str, labels: dict[str, str]) -> Iterator[None]:
    """In place of this volume one of a megabyte, filled to the last byte, for as long as this lasts."""
    # A server that has just stopped has its files measured, which holds the volume, or has it made again.
    wait_until(lambda: is_replaced(name, labels), seconds=DISCOVERY_SECONDS, why="nobody holds the volume")
    keeper = client().containers.run(BASE_IMAGE, ["sleep", "600"], volumes=[f"{name}:/full"], detach=True)
    try:
        keeper.exec_run(["dd", "if=/dev/zero", "of=/full/big", "bs=64k"])
        yield
    finally:
        keeper.remove(force=True)


def test_says_that_a_server_was_killed_and_keeps_its_files(
    docker_student: Person, docker_stack: DockerStack, server: Server
) -> None:
    client().api.kill(container_of(docker_stack, server))
    failed = docker_student.await_state(server, "failed", "stopped", seconds=DISCOVERY_SECONDS)
    wait_until(lambda: not docker_stack.remains_of(server["id"]), seconds=DISCOVERY_SECONDS, why="nothing is left")
    again = starts_again(docker_student, server)

    assert (failed["state"], failed["reason"]["code"]) == ("failed", "server_died")
    assert again["state"] == "running"
    assert run(docker_student, again, FIND) == "still here\n"


def test_puts_a_server_to_sleep_whose_container_was_removed(
    docker_student: Person, docker_stack: DockerStack, server: Server
) -> None:
    client().api.remove_container(container_of(docker_stack, server), force=True)
    asleep = docker_student.await_state(server, "failed", "stopped", seconds=DISCOVERY_SECONDS)
    wait_until(lambda: not docker_stack.remains_of(server["id"]), seconds=DISCOVERY_SECONDS, why="nothing is left")
    again = starts_again(docker_student, server)

    assert asleep["state"] == "stopped"
    assert run(docker_student, again, FIND) == "still here\n"


def test_says_that_a_server_was_cut_off_from_its_network(
    docker_student: Person, docker_stack: DockerStack, server: Server
) -> None:
    visit = docker_student.visit(server)
    visit.ask("GET", "/api/status")  # From now on there is a connection that nobody will ever close.
    (network,) = docker_stack.networks(**{SERVER_LABEL: server["id"]})
    client().api.disconnect_container_from_network(container_of(docker_stack, server), network["Id"], force=True)
    client().api.remove_network(network["Id"])

    answer = visit.ask("GET", "/api/status")
    failed = docker_student.await_state(server, "failed", "stopped", seconds=DISCOVERY_SECONDS)
    again = starts_again(docker_student, server)

    assert answer.is_server_error
    assert (failed["state"], failed["reason"]["code"]) == ("failed", "server_cut_off")
    assert run(docker_student, again, FIND) == "still here\n"


def test_builds_an_image_again_that_was_removed(
    docker_student: Person, docker_stack: DockerStack, repositories: GitHost
) -> None:
    repositories.add("removed-image", dockerfile("LABEL removed=soon"))
    server = docker_student.launch_and_wait(repositories.url("removed-image"))
    run(docker_student, server, KEEP)
    docker_student.command(server, "stop").raise_for_status()
    docker_student.await_state(server, "stopped")

    (image,) = [image for image in docker_stack.images() if "removed" in image.labels]
    remove_names(image)
    again = starts_again(docker_student, server)

    assert again["state"] == "running"
    assert again["build"]["id"] != server["build"]["id"]
    assert run(docker_student, again, FIND) == "still here\n"


def test_starts_one_container_for_several_workers(
    docker_student: Person, docker_stack: DockerStack, server: Server
) -> None:
    docker_student.command(server, "stop").raise_for_status()
    docker_student.await_state(server, "stopped")

    docker_stack.manage(
        "shell",
        "--verbosity=0",
        "--command",
        "from celery import current_app\n"
        "from django.utils import timezone\n"
        "from environments.models import NotebookServer\n"
        "from environments.servers import start_server\n"
        f"server = NotebookServer.objects.get(pk={server['id']!r})\n"
        "start_server(server, now=timezone.now())\n"
        f"for _ in range({WORKERS}):\n"
        "    current_app.send_task('environments.tasks.start_server', args=[str(server.pk)])\n",
    )
    docker_student.await_state(server, "running", "failed")

    await_one_start(docker_stack, server)
    assert work_under_way(docker_stack) == []
    assert run(docker_student, server, FIND) == "still here\n"


def test_leaves_a_server_alone_that_another_worker_has_started(
    docker_student: Person, docker_stack: DockerStack, docker_prepared: str
) -> None:
    server = docker_student.launch(docker_prepared, name="held-by-a-frozen-worker")
    wait_until(lambda: docker_stack.is_held(server["id"]), seconds=60, why="it is starting")

    with frozen(pool_process_at_work(docker_stack)) as late_worker:
        docker_stack.let_go(server["id"])
        docker_student.await_state(server, "running", "failed", seconds=RECOVERY_SECONDS)
    wait_until(lambda: not is_at_work(late_worker), seconds=RECOVERY_SECONDS, why="the late worker has seen to it")

    assert run(docker_student, server, "print(6 * 7)") == "42\n"
    await_one_start(docker_stack, server)


def test_starts_with_a_full_disk_so_that_it_can_be_tidied(
    docker_student: Person, docker_stack: DockerStack, server: Server
) -> None:
    found = client().api.inspect_container(container_of(docker_stack, server))
    (volume,) = (mount["Name"] for mount in found["Mounts"] if mount["Destination"] == HOME)
    docker_student.command(server, "stop").raise_for_status()
    docker_student.await_state(server, "stopped")

    with full_volume(volume, docker_stack.labels):
        again = starts_again(docker_student, server)
        printed = run(docker_student, again, "open('one-more.txt', 'w').write('x' * 9999)")
        run(docker_student, again, "import os; os.remove('big')")
        tidied = run(docker_student, again, f"{KEEP}; {FIND}")
        docker_student.delete(server).raise_for_status()
        wait_until(lambda: not docker_stack.remains_of(server["id"]), seconds=DISCOVERY_SECONDS, why="it is gone")

    assert again["state"] == "running"
    assert "No space left on device" in printed
    assert tidied == "still here\n"


def test_recovers_from_a_worker_killed_while_building_and_starting(
    docker_student: Person, docker_stack: DockerStack, repositories: GitHost, docker_prepared: str
) -> None:
    command = sleeper()
    repositories.add("killed-worker-on-docker", held_first_time(command))
    building = docker_student.launch(repositories.url("killed-worker-on-docker"))
    starting = docker_student.launch(docker_prepared, name="held-by-a-killed-worker")
    wait_until(
        lambda: is_running(command) and docker_stack.is_held(starting["id"]), seconds=60, why="both are under way"
    )

    kill_worker(docker_stack)
    docker_stack.let_go(starting["id"])
    failed = docker_student.await_state(building, "running", "failed", seconds=RECOVERY_SECONDS)
    running = docker_student.await_state(starting, "running", "failed", seconds=RECOVERY_SECONDS)

    assert (failed["state"], failed["reason"]["code"]) == ("failed", "build_interrupted")
    assert running["state"] == "running"
    await_one_start(docker_stack, starting)
    assert build_processes(docker_stack) == []
    wait_until(lambda: not is_running(command), seconds=RECOVERY_SECONDS, why="the engine has ended the step")
    assert starts_again(docker_student, building)["state"] == "running"
