"""A hostile submission that a grader opens live, whatever runs it: it finds itself, and nothing of the grader's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from django.conf import settings as django_settings
from pytest_django import Settings

from accounts.models import Scope, User
from accounts.tokens import create_token
from assignments.files import Bundle, File
from assignments.grading.live_opening import open_live
from assignments.models import Assignment, Submission, Way
from assignments.submitting.submissions import receive
from classes.files import Area, make_area
from classes.models import Course, Role
from environments.backends import spawner, volume_store
from environments.models import NotebookServer, Volume
from environments.processes import end_labelled, installation_label
from environments.spawners.docker import DockerSpawner
from environments.spawners.process import ProcessSpawner
from environments.starting import carry_out_start
from environments.stopping import carry_out_stop
from environments.tickets import server_token
from environments.values import Image, Liveness
from environments.volumes.archive import Entry, pack
from environments.volumes.docker import DockerVolumeStore
from environments.volumes.local import LocalVolumeStore
from tests.contracts.images import built_image
from tests.engine import ServerClient, base_image, clean_engine
from tests.environments.workshop import fake_builder
from tests.factories import EMPTY_NOTEBOOK, AssignmentFactory, CourseFactory, UserFactory, member, prepared, released

pytestmark = pytest.mark.django_db

LOOK = """
import json, os
home = os.path.expanduser("~")
files = [os.path.join(place, name) for place, _folders, names in os.walk(home, followlinks=True) for name in names]
print(json.dumps({"files": [os.path.relpath(path, home) for path in files], "environment": dict(os.environ)}))
"""
DIARY, GIVEN_OUT = "diary-of-the-grader.txt", "given-out.txt"


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def image(
    request: pytest.FixtureRequest, settings: Settings, tmp_path: Path, use_backends: Callable[..., None]
) -> Iterator[Image]:
    """What runs it, and from what."""
    settings.CARREL_DATA = tmp_path / "data"
    if request.param == "docker":
        with clean_engine():
            use_backends(spawner=DockerSpawner, volume_store=DockerVolumeStore)
            yield base_image()
    else:
        use_backends(spawner=ProcessSpawner, volume_store=LocalVolumeStore)
        yield built_image()
        assert end_labelled(installation_label(django_settings.CARREL_DATA))


@pytest.fixture
def course(image: Image, now: datetime) -> Course:
    """A class with shared files, of a grader who has files and a token."""
    course = prepared(CourseFactory.create(owner=UserFactory.create(username="owner")))
    member(course, "owner", Role.TEACHER)
    grader = member(course, "grader", Role.GRADER).person
    home = Volume.objects.create(owner=grader, purpose=Volume.Purpose.HOME)
    fill(home.key, DIARY)
    fill(make_area(course, Area.SHARED, now=now).volume.key, GIVEN_OUT)
    return course


def fill(volume: str, name: str) -> None:
    volume_store().create(volume)
    volume_store().write(volume, "", pack([Entry(PurePosixPath(name), size=2, content=[b"x\n"])]), max_bytes=1000)


def opened(course: Course, image: Image, by: User, now: datetime) -> NotebookServer:
    """Their server with a submission in it, which runs."""
    assignment = AssignmentFactory.create(course=course, name="ps1")
    released(assignment)
    server = open_live(submitted(assignment, "student", now), by=by, now=now).server
    fake_builder().images[server.image_key] = Image(server.image_key, image.location)
    NotebookServer.objects.filter(pk=server.pk).update(state=NotebookServer.State.QUEUED, build=None)
    server.refresh_from_db()
    carry_out_start(server, clock=lambda: now)
    server.refresh_from_db()
    return server


def submitted(assignment: Assignment, username: str, now: datetime) -> Submission:
    student = member(assignment.course, username)
    files = Bundle((File("problem1.ipynb", EMPTY_NOTEBOOK),))
    return receive(assignment, student, files, way=Way.LAB, by=student.person, now=now)


def seen_from(server: NotebookServer) -> dict[str, Any]:
    """What a notebook in it finds."""
    endpoint = server.upstream
    assert endpoint is not None, server.failure_log
    with ServerClient(endpoint, server_token(server.handle)) as kernel:
        seen: dict[str, Any] = json.loads(kernel.execute(LOOK))
    return seen


def test_submission_opened_live_finds_nothing_of_the_grader(course: Course, image: Image, now: datetime) -> None:
    grader = User.objects.get(username="grader")
    _token, secret = create_token(grader, name="own", scopes=list(Scope), days=1, now=now)
    server = opened(course, image, grader, now)

    seen = seen_from(server)

    spawner().stop(server.handle)
    names = {path.rpartition("/")[2] for path in seen["files"]}
    assert f"{server.name}/problem1.ipynb" in seen["files"]
    assert names.isdisjoint({DIARY, GIVEN_OUT})
    assert not {"CARREL_TOKEN", "CARREL_TOKEN_FILE"} & set(seen["environment"])
    assert secret not in json.dumps(seen)


def test_opening_another_ends_the_first(course: Course, image: Image, now: datetime, settings: Settings) -> None:
    settings.COPIES_PER_PERSON = 1
    grader = User.objects.get(username="grader")
    first = opened(course, image, grader, now)
    handle, home = first.handle, first.volume.key

    other = submitted(Assignment.objects.get(), "other", now)
    open_live(other, by=grader, now=now + timedelta(minutes=1))
    first.refresh_from_db()
    carry_out_stop(first, clock=lambda: now + timedelta(minutes=1))

    assert spawner().poll(handle).liveness is not Liveness.ALIVE
    assert not volume_store().exists(home)
    assert not NotebookServer.objects.filter(pk=first.pk).exists()
