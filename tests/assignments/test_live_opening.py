"""Submissions opened live: what graders find in such a server, what is not in it, and that nothing is left of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import ClassVar

import pytest
from django.test import Client, TestCase
from pytest_django import Settings

from accounts.models import Scope, User
from accounts.tokens import create_token
from assignments import artefacts
from assignments.errors import AssignmentError
from assignments.files import Bundle, File
from assignments.grading.live_opening import Opened, open_live
from assignments.models import Assignment, Release, Submission, Way
from assignments.submitting.submissions import receive
from classes.errors import CourseError
from classes.files import Area, make_area
from classes.models import Course, Role
from environments import giving
from environments.backends import volume_store
from environments.errors import UserError
from environments.models import (
    Build,
    Environment,
    EnvironmentVersion,
    GivenFiles,
    MonthlyUse,
    NotebookServer,
    Quota,
    Run,
    Volume,
)
from environments.pinning import put_in_use
from environments.servers import delete_server, stop_server
from environments.values import ServerSpec
from environments.volumes.fake import FakeVolumeStore
from tests.environments.workshop import Workshop, fake_spawner, fresh, has_image
from tests.factories import (
    EMPTY_NOTEBOOK,
    AssignmentFactory,
    CourseFactory,
    NotebookServerFactory,
    member,
    prepared,
    released,
    running_server,
)
from tests.fakes.backends import TroubledSpawner

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("workshop")]

State = NotebookServer.State
THEIRS = b"""{"cells": [{"cell_type": "markdown", "id": "one", "metadata": {}, "source": "my answer"}], "metadata": {},
"nbformat": 4, "nbformat_minor": 5}"""


@pytest.fixture
def workshop(now: datetime, monkeypatch: pytest.MonkeyPatch, use_backends: Callable[..., None]) -> Workshop:
    use_backends(spawner=TroubledSpawner)
    return Workshop(now, monkeypatch)


@pytest.fixture
def course(teacher: User) -> Course:
    course = prepared(CourseFactory.create(owner=teacher, slug="stats", memory_mb=512))
    member(course, "teacher", Role.TEACHER)
    return course


@pytest.fixture
def grader(course: Course) -> User:
    return member(course, "grader", Role.GRADER).person


@pytest.fixture
def given(course: Course) -> Assignment:
    """Of one notebook, with a file beside it."""
    assignment = AssignmentFactory.create(course=course, name="ps1", is_anonymous=True)
    release = released(assignment, problem1=EMPTY_NOTEBOOK)
    files = Bundle((File("data.csv", b"as given out"), File("problem1.ipynb", EMPTY_NOTEBOOK)))
    Release.objects.filter(pk=release.pk).update(bundle=artefacts.keep(files.tar))
    release.refresh_from_db()
    return assignment


@pytest.fixture
def submission(given: Assignment, course: Course, now: datetime) -> Submission:
    student = member(course, "zacharias")
    files = Bundle((File("data.csv", b"changed"), File("mine.txt", b"mine"), File("problem1.ipynb", THEIRS)))
    return receive(given, student, files, way=Way.LAB, by=student.person, now=now)


@pytest.fixture
def submissions(submission: Submission, given: Assignment, course: Course, now: datetime) -> list[Submission]:
    """Three of them, of three students."""
    files = Bundle((File("problem1.ipynb", EMPTY_NOTEBOOK),))
    others = [member(course, name) for name in ("ada", "grace")]
    return [submission, *(receive(given, each, files, way=Way.LAB, by=each.person, now=now) for each in others)]


def running(submission: Submission, workshop: Workshop, by: User) -> NotebookServer:
    """The server in which it was opened, once it runs."""
    with TestCase.captureOnCommitCallbacks(execute=True):
        server = has_image(open_live(submission, by=by, now=workshop.now).server)
    volume_store().create(server.volume.key)  # A real spawner fills it from the image.
    workshop.work_until_done()
    server = fresh(server)
    assert server.state == State.RUNNING
    return server


def started_with(server: NotebookServer) -> ServerSpec:
    return fake_spawner().specs[server.handle]


def files_of(server: NotebookServer) -> dict[str, bytes]:
    store = volume_store()
    assert isinstance(store, FakeVolumeStore)
    found = store.volumes[server.volume.key]
    return {str(path): content for path, content in found.items() if content is not None}


def volumes() -> set[str]:
    store = volume_store()
    assert isinstance(store, FakeVolumeStore)
    return set(store.volumes)


# --- What is in it -----------------------------------------------------------------------------------------


def test_server_has_the_notebooks_as_submitted_and_data_as_given_out(
    submission: Submission, grader: User, workshop: Workshop
) -> None:
    server = running(submission, workshop, grader)

    found = files_of(server)
    assert b"my answer" in found.pop(f"{server.name}/problem1.ipynb")
    assert found == {f"{server.name}/data.csv": b"as given out", f"{server.name}/mine.txt": b"mine"}


def test_server_is_made_from_what_the_release_is_graded_in(
    submission: Submission, course: Course, grader: User, workshop: Workshop
) -> None:
    assert course.environment is not None
    Release.objects.update(version=EnvironmentVersion.objects.get())
    Environment.objects.filter(pk=course.environment.pk).update(commit="2" * 40, image_key="2" * 64)
    put_in_use(course.environment, image_key="2" * 64, by=course.owner, now=workshop.now)

    server = running(Submission.objects.get(), workshop, grader)

    assert (server.commit, server.image_key) == ("1" * 40, started_with(server).image.key)
    assert (server.memory_mb, server.group) == (512, course.everybody)


def test_opening_again_leads_to_the_same_server(submission: Submission, grader: User, workshop: Workshop) -> None:
    server = running(submission, workshop, grader)
    there = volumes()

    again = open_live(submission, by=grader, now=workshop.now).server

    assert again == server
    assert (GivenFiles.objects.count(), volumes()) == (1, there)


# --- What is not in it -------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["grader", "teacher"])
def test_server_has_nothing_of_whoever_opens_it(
    submission: Submission, course: Course, grader: User, workshop: Workshop, who: str
) -> None:
    person = User.objects.get(username=who)
    Volume.objects.create(owner=person, purpose=Volume.Purpose.HOME)
    make_area(course, Area.SHARED, now=workshop.now)
    _token, secret = create_token(person, name="own", scopes=list(Scope), days=1, now=workshop.now)

    server = running(submission, workshop, person)

    spec = started_with(server)
    assert (spec.mounts, spec.credential, server.credential) == ((), "", None)
    assert set(spec.environment) == {"CARREL_URL", "CARREL_SERVER_NAME", "CARREL_REPOSITORY", "CARREL_COMMIT"}
    assert secret not in str(spec.environment)


def test_server_does_not_say_whose_it_is(submission: Submission, grader: User, workshop: Workshop) -> None:
    server = running(submission, workshop, grader)

    assert "zacharias" not in f"{server.name} {server.subdomain} {started_with(server)}"


# --- That nothing is left ----------------------------------------------------------------------------------


def test_server_is_gone_when_it_stops(submission: Submission, grader: User, workshop: Workshop) -> None:
    server = running(submission, workshop, grader)

    stop_server(server, now=workshop.now)
    workshop.work_until_done()
    giving.remove_given(now=workshop.now + timedelta(days=2))

    assert not NotebookServer.objects.exists()
    assert volumes() == set()


def test_files_of_a_server_that_never_ran_are_removed(submission: Submission, grader: User, workshop: Workshop) -> None:
    server = open_live(submission, by=grader, now=workshop.now).server

    delete_server(server, now=workshop.now)
    workshop.work_until_done()

    assert not GivenFiles.objects.exists()
    assert volumes() == set()


def test_opening_again_while_the_first_goes_keeps_the_files_of_the_second(
    submission: Submission, grader: User, workshop: Workshop
) -> None:
    first = open_live(submission, by=grader, now=workshop.now).server
    delete_server(first, now=workshop.now)

    second = running(submission, workshop, grader)

    assert (second.name, second.pk != first.pk) == (first.name, True)
    assert f"{second.name}/problem1.ipynb" in files_of(second)


def test_server_lasts_no_longer_than_copies_do(
    submission: Submission, grader: User, workshop: Workshop, settings: Settings
) -> None:
    settings.COPY_LIFETIME_MINUTES = 90

    server = open_live(submission, by=grader, now=workshop.now).server

    assert (server.is_throwaway, server.lifetime_minutes) == (True, 90)


# --- One more than there may be --------------------------------------------------------------------------------


def test_opening_one_too_many_closes_the_one_opened_longest_ago(
    submissions: list[Submission], grader: User, workshop: Workshop
) -> None:
    first, second = (running(each, workshop, grader) for each in submissions[:2])
    home = first.volume.key

    opened = open_live(submissions[2], by=grader, now=workshop.now)
    workshop.work_until_done()

    assert opened.closed == (first,)
    assert set(NotebookServer.objects.all()) == {second, opened.server}
    assert fresh(second).state == State.RUNNING
    assert home not in volumes()


def test_coming_back_to_one_counts_as_opening_it(
    submissions: list[Submission], grader: User, workshop: Workshop
) -> None:
    _first, second = (opened_at_minute(minute, submissions[minute], grader, workshop) for minute in (0, 1))
    opened_at_minute(2, submissions[0], grader, workshop)

    opened = open_live(submissions[2], by=grader, now=workshop.now + timedelta(minutes=3))

    assert opened.closed == (second,)


def test_nothing_else_of_the_grader_is_closed(
    submissions: list[Submission], grader: User, workshop: Workshop, settings: Settings
) -> None:
    settings.COPIES_PER_PERSON = 3
    own_copy = NotebookServerFactory.create(owner=grader, is_throwaway=True)
    own = NotebookServerFactory.create(owner=grader)
    of_teacher = open_live(submissions[0], by=submissions[0].assignment.course.owner, now=workshop.now).server
    live = [opened_at_minute(minute, submissions[minute], grader, workshop) for minute in (0, 1)]

    opened = open_live(submissions[2], by=grader, now=workshop.now + timedelta(minutes=2))

    assert opened.closed == (live[0],)
    assert set(NotebookServer.objects.present()) == {own_copy, own, of_teacher, live[1], opened.server}


def test_copies_of_ones_own_leave_no_room_and_nothing_is_closed(
    submissions: list[Submission], grader: User, workshop: Workshop, settings: Settings
) -> None:
    live = open_live(submissions[0], by=grader, now=workshop.now).server
    NotebookServerFactory.create_batch(2, owner=grader, is_throwaway=True)

    with pytest.raises(UserError, match="copies_own_exhausted"):
        open_live(submissions[1], by=grader, now=workshop.now)

    assert fresh(live).deleted_at is None


def test_refused_opening_closes_nothing(
    submissions: list[Submission], grader: User, workshop: Workshop, settings: Settings
) -> None:
    live = [open_live(each, by=grader, now=workshop.now).server for each in submissions[:2]]
    settings.PERSON_MEMORY_MB = 256

    with pytest.raises(UserError, match="memory_quota_exceeded"):
        open_live(submissions[2], by=grader, now=workshop.now)

    assert set(NotebookServer.objects.present()) == set(live)


def test_one_that_ends_already_goes_first_and_is_not_told(
    submissions: list[Submission], grader: User, workshop: Workshop
) -> None:
    first, second = (running(each, workshop, grader) for each in submissions[:2])
    stop_server(second, now=workshop.now)

    opened = open_live(submissions[2], by=grader, now=workshop.now)
    workshop.work_until_done()

    assert opened.closed == ()
    assert set(NotebookServer.objects.all()) == {first, opened.server}


def test_one_that_is_still_starting_is_closed(
    submissions: list[Submission], grader: User, workshop: Workshop, settings: Settings
) -> None:
    settings.COPIES_PER_PERSON = 1
    server = has_image(open_live(submissions[0], by=grader, now=workshop.now).server)
    lost = {"state": State.STARTING, "start_id": "a" * 32, "lease_expires_at": workshop.now}
    NotebookServer.objects.filter(pk=server.pk).update(**lost)

    opened = open_live(submissions[1], by=grader, now=workshop.now)
    workshop.work_until_done()

    assert opened.closed == (server,)
    assert list(NotebookServer.objects.all()) == [opened.server]
    assert [handle.server_id for handle in fake_spawner().specs] == [str(opened.server.pk)]


def test_one_that_is_stopping_is_opened_anew(submission: Submission, grader: User, workshop: Workshop) -> None:
    first = running(submission, workshop, grader)
    stop_server(first, now=workshop.now)

    second = running(submission, workshop, grader)

    assert (second.name, second.pk != first.pk) == (first.name, True)
    assert f"{second.name}/problem1.ipynb" in files_of(second)


def test_build_that_both_wait_for_goes_on(
    submissions: list[Submission], grader: User, workshop: Workshop, settings: Settings
) -> None:
    settings.COPIES_PER_PERSON = 1
    first = open_live(submissions[0], by=grader, now=workshop.now).server
    Build.objects.update(state=Build.State.BUILDING)

    second = open_live(submissions[1], by=grader, now=workshop.now).server

    assert (second.build, Build.objects.get().cancel_requested_at) == (first.build, None)


def test_last_place_of_the_site_is_made_by_ones_own(
    submissions: list[Submission], grader: User, workshop: Workshop, settings: Settings
) -> None:
    settings.COPIES_AT_ONCE = 2
    NotebookServerFactory.create(is_throwaway=True)
    live = open_live(submissions[0], by=grader, now=workshop.now).server

    opened = open_live(submissions[1], by=grader, now=workshop.now)

    assert opened.closed == (live,)


@pytest.mark.parametrize(
    "quota", [{"running_servers": 1}, {"memory_mb": 800}, {"cpus": 3.0}], ids=["servers", "memory", "processors"]
)
def test_one_that_the_graders_quota_would_keep_waiting_has_its_place(
    submissions: list[Submission], grader: User, workshop: Workshop, quota: dict[str, float]
) -> None:
    Quota.objects.create(person=grader, **quota)
    first = running(submissions[0], workshop, grader)

    second = running(submissions[1], workshop, grader)

    assert list(NotebookServer.objects.all()) == [second]
    assert first.handle not in fake_spawner().specs


def test_one_that_would_wait_for_ordinary_servers_closes_nothing(
    submissions: list[Submission], grader: User, workshop: Workshop
) -> None:
    live = open_live(submissions[0], by=grader, now=workshop.now).server
    running_server(owner=grader)
    Quota.objects.create(person=grader, running_servers=1)

    opened = open_live(submissions[1], by=grader, now=workshop.now)

    assert opened.closed == ()
    assert fresh(live).deleted_at is None


def test_time_of_the_closed_one_is_counted_for_the_class(
    submissions: list[Submission], course: Course, grader: User, workshop: Workshop, settings: Settings
) -> None:
    settings.COPIES_PER_PERSON = 1

    names = {running(each, workshop, grader).name for each in submissions}

    used = MonthlyUse.objects.filter(person=grader, group_key=str(course.everybody_id), starts=1)
    assert set(used.values_list("server_name", flat=True)) == names
    assert Run.objects.filter(ended_at=None).count() == 1


def test_two_clicks_at_once_open_one_and_close_one(
    submissions: list[Submission], grader: User, workshop: Workshop, use_backends: Callable[..., None]
) -> None:
    use_backends(spawner=TroubledSpawner, volume_store=StoreWithSecondClick)
    live = [opened_at_minute(minute, submissions[minute], grader, workshop) for minute in (0, 1)]
    later = workshop.now + timedelta(minutes=2)
    other_click: list[Opened] = []
    StoreWithSecondClick.click = lambda: other_click.append(open_live(submissions[2], by=grader, now=later))

    opened = open_live(submissions[2], by=grader, now=later + timedelta(seconds=1))

    assert (opened.server, opened.closed) == (other_click[0].server, ())
    assert set(NotebookServer.objects.present()) == {live[1], opened.server}
    assert GivenFiles.objects.count() == len(volumes()) == 3


class StoreWithSecondClick(FakeVolumeStore):
    """While the files of the first click are written, there is a second one."""

    click: ClassVar[Callable[[], None] | None] = None

    def write(self, volume: str, path: str, stream: Iterable[bytes], *, max_bytes: int) -> None:
        click, StoreWithSecondClick.click = StoreWithSecondClick.click, None
        if click is not None:
            click()
        super().write(volume, path, stream, max_bytes=max_bytes)


def opened_at_minute(minute: int, submission: Submission, by: User, workshop: Workshop) -> NotebookServer:
    """The server in which it was opened, so long after the others."""
    return open_live(submission, by=by, now=workshop.now + timedelta(minutes=minute)).server


# --- Refusals ----------------------------------------------------------------------------------------------


def test_refused_opening_leaves_no_files(
    submission: Submission, grader: User, workshop: Workshop, settings: Settings
) -> None:
    settings.COPIES_PER_PERSON = 1
    NotebookServerFactory.create(owner=grader, is_throwaway=True)

    with pytest.raises(UserError, match="copies_own_exhausted"):
        open_live(submission, by=grader, now=workshop.now)

    assert volumes() == set()
    assert not GivenFiles.objects.exists()


def test_opening_without_an_environment_is_refused(
    submission: Submission, course: Course, grader: User, workshop: Workshop
) -> None:
    EnvironmentVersion.objects.all().delete()

    with pytest.raises(AssignmentError, match="grading_image_missing"):
        open_live(submission, by=grader, now=workshop.now)


def test_opening_in_a_class_that_is_over_is_refused(
    submission: Submission, course: Course, grader: User, workshop: Workshop
) -> None:
    course.archived_at = workshop.now
    submission.assignment.course = course

    with pytest.raises(CourseError, match="course_over"):
        open_live(submission, by=grader, now=workshop.now)


# --- The page ----------------------------------------------------------------------------------------------


def test_button_leads_to_the_server_at_the_notebook(
    submission: Submission, grader: User, client: Client, workshop: Workshop
) -> None:
    client.force_login(grader)

    answer = client.post(f"{grading(submission)}live/", {"notebook": "problem1"})

    server = NotebookServer.objects.get()
    assert answer["Location"].startswith(f"/servers/{server.pk}/?launching=1&next=lab%2Ftree%2F{server.name}")
    assert answer["Location"].endswith("problem1.ipynb")


def test_notebook_of_no_assignment_leads_to_the_folder(
    submission: Submission, grader: User, client: Client, workshop: Workshop
) -> None:
    client.force_login(grader)

    answer = client.post(f"{grading(submission)}live/", {"notebook": "../../home/diary"})

    assert answer["Location"].endswith(NotebookServer.objects.get().name)


def test_refusal_is_told_on_the_page(
    submission: Submission, grader: User, client: Client, workshop: Workshop, settings: Settings
) -> None:
    settings.COPIES_PER_PERSON = 0
    client.force_login(grader)

    answer = client.post(f"{grading(submission)}live/")

    assert answer["Location"] == grading(submission)
    assert [str(message) for message in client.get("/classes/stats/").context["messages"]]


def test_page_says_what_was_closed(
    submissions: list[Submission], grader: User, client: Client, workshop: Workshop, settings: Settings
) -> None:
    settings.COPIES_PER_PERSON = 1
    first = open_live(submissions[0], by=grader, now=workshop.now).server
    client.force_login(grader)

    page = client.post(f"{grading(submissions[1])}live/", follow=True).content.decode()

    assert f"To make room, {first.name} was closed" in page


def grading(submission: Submission) -> str:
    return f"/classes/stats/assignments/ps1/grading/{submission.pk}/"
