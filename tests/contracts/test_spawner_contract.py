"""What every spawner has to do, asked of the fake and of the real one."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import pytest
from django.conf import settings
from pytest_django import Settings

from environments import probing
from environments.engine import client
from environments.errors import UserError
from environments.processes import end_labelled, installation_label
from environments.spawners.base import Spawner
from environments.spawners.docker import DockerSpawner
from environments.spawners.fake import FakeSpawner
from environments.spawners.networks import name_of
from environments.spawners.process import START_ID, ProcessSpawner
from environments.values import Handle, Image, Liveness, Mount, ServerSpec
from tests.contracts.images import built_image
from tests.engine import base_image, clean_engine

SPEC = ServerSpec(
    handle=Handle("0b5a0f5e-6f0c-4a43-9f2b-4b7d1c6f8a11", "start1"),
    image=Image("key", ""),
    home=f"server-{secrets.token_hex(16)}",
    mounts=(Mount(f"home-{secrets.token_hex(16)}", PurePosixPath("home")),),
    token="t" * 64,
)
UNKNOWN = Handle("2f6f3c0e-1111-4a43-9f2b-4b7d1c6f8a11", "start9")


@pytest.fixture(params=["fake", "process", pytest.param("docker", marks=pytest.mark.docker)])
def spawner(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> Iterator[Spawner]:
    settings.CARREL_DATA = tmp_path / "data"
    if request.param == "fake":
        fake = FakeSpawner()
        yield fake
        fake.close()
    elif request.param == "docker":
        with clean_engine():
            yield DockerSpawner()
    else:
        yield ProcessSpawner()
        assert end_labelled(installation_label(settings.CARREL_DATA))


@pytest.fixture
def spec(spawner: Spawner) -> ServerSpec:
    if isinstance(spawner, FakeSpawner):
        return spec_like(image=Image("key", "fake:key"))
    return spec_like(image=base_image() if isinstance(spawner, DockerSpawner) else built_image())


def spec_like(*, image: Image, handle: Handle = SPEC.handle) -> ServerSpec:
    return ServerSpec(handle, image, SPEC.home, SPEC.mounts, SPEC.token)


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def end_by_itself(spawner: Spawner, handle: Handle) -> None:
    if isinstance(spawner, FakeSpawner):
        spawner.end(handle)
    elif isinstance(spawner, DockerSpawner):
        client().api.kill(name_of(handle))
    else:
        assert end_labelled({**installation_label(settings.CARREL_DATA), START_ID: handle.start_id})


def test_start_gives_endpoint_that_answers_to_the_token(spawner: Spawner, spec: ServerSpec) -> None:
    endpoint = spawner.start(spec)

    wait_until(lambda: probing.is_ready(endpoint, spec.token))
    assert not probing.is_ready(endpoint, "another token")


def test_poll_says_alive_from_the_start(spawner: Spawner, spec: ServerSpec) -> None:
    endpoint = spawner.start(spec)

    status = spawner.poll(spec.handle)

    assert (status.liveness, status.endpoint) == (Liveness.ALIVE, endpoint)


def test_list_names_server_that_runs(spawner: Spawner, spec: ServerSpec) -> None:
    spawner.start(spec)

    assert spawner.list() == {spec.handle: Liveness.ALIVE}


def test_start_leaves_server_alone_that_is_alive(spawner: Spawner, spec: ServerSpec) -> None:
    endpoint = spawner.start(spec)

    again = spawner.start(spec)

    assert again == endpoint
    assert spawner.list() == {spec.handle: Liveness.ALIVE}


def test_another_spawner_finds_what_one_started(spawner: Spawner, spec: ServerSpec) -> None:
    endpoint = spawner.start(spec)
    another = spawner if isinstance(spawner, FakeSpawner) else type(spawner)()

    assert another.poll(spec.handle).endpoint == endpoint


def test_stop_leaves_nothing(spawner: Spawner, spec: ServerSpec) -> None:
    spawner.start(spec)

    spawner.stop(spec.handle)

    assert spawner.poll(spec.handle).liveness is Liveness.ABSENT
    assert spawner.list() == {}


def test_halt_ends_the_server(spawner: Spawner, spec: ServerSpec) -> None:
    spawner.start(spec)

    spawner.halt(spec.handle)

    assert spawner.poll(spec.handle).liveness is Liveness.ABSENT


def test_stop_removes_what_halt_has_left(spawner: Spawner, spec: ServerSpec) -> None:
    spawner.start(spec)
    spawner.halt(spec.handle)

    spawner.stop(spec.handle)

    assert spawner.list() == {}


def test_start_works_again_after_halt(spawner: Spawner, spec: ServerSpec) -> None:
    spawner.start(spec)
    spawner.halt(spec.handle)
    second = spec_like(image=spec.image, handle=Handle(spec.handle.server_id, "start2"))

    spawner.start(second)

    assert spawner.poll(second.handle).liveness is Liveness.ALIVE


def test_start_works_again_after_stop(spawner: Spawner, spec: ServerSpec) -> None:
    spawner.start(spec)
    spawner.stop(spec.handle)
    second = spec_like(image=spec.image, handle=Handle(spec.handle.server_id, "start2"))

    spawner.start(second)

    assert spawner.list() == {second.handle: Liveness.ALIVE}
    assert spawner.poll(spec.handle).liveness is Liveness.ABSENT


def test_stop_of_earlier_start_spares_the_present_one(spawner: Spawner, spec: ServerSpec) -> None:
    spawner.start(spec)

    spawner.stop(Handle(spec.handle.server_id, "start0"))

    assert spawner.poll(spec.handle).liveness is Liveness.ALIVE


def test_poll_says_exited_for_server_that_ended_by_itself(spawner: Spawner, spec: ServerSpec) -> None:
    spawner.start(spec)

    end_by_itself(spawner, spec.handle)

    wait_until(lambda: spawner.poll(spec.handle).liveness is Liveness.EXITED)
    assert spawner.list().get(spec.handle) is not Liveness.ALIVE


def test_stop_forgets_server_that_ended_by_itself(spawner: Spawner, spec: ServerSpec) -> None:
    spawner.start(spec)
    end_by_itself(spawner, spec.handle)

    spawner.stop(spec.handle)

    assert spawner.poll(spec.handle).liveness is Liveness.ABSENT


def test_nothing_is_known_of_unknown_handle(spawner: Spawner) -> None:
    spawner.stop(UNKNOWN)

    assert spawner.poll(UNKNOWN).liveness is Liveness.ABSENT
    assert spawner.usage(UNKNOWN) is None
    assert spawner.list() == {}


def test_usage_measures_server_that_runs(spawner: Spawner, spec: ServerSpec) -> None:
    endpoint = spawner.start(spec)
    wait_until(lambda: probing.is_ready(endpoint, spec.token))

    usage = spawner.usage(spec.handle)

    assert usage is not None
    assert (usage.cpu_seconds > 0.1, usage.memory_bytes > 10_000_000) == (True, True)


def test_report_says_what_servers_run_with(spawner: Spawner) -> None:
    report = spawner.report()

    assert (report.name, report.problem, report.detail) == (spawner.name, None, "")
    assert report.version


def test_start_reports_missing_image(spawner: Spawner, tmp_path: Path) -> None:
    spec = spec_like(image=Image("gone", str(tmp_path / "gone")))

    with pytest.raises(UserError, match="image_missing"):
        spawner.start(spec)

    assert spawner.poll(spec.handle).liveness is Liveness.ABSENT
    assert spawner.list() == {}
