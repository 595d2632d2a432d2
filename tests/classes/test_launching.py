"""Opening a lesson: each member gets the one server they have in the class, as the class would have it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from classes.errors import CourseError
from classes.files import Area, folder_of, make_area
from classes.launching import check_may_open, lesson_urlpath, open_server, place_of, update_now
from classes.members import remove
from classes.models import Course, CourseMaterial, LessonVisit, Membership, Role
from classes.policies import Standing
from environments.builders.fake import FakeBuilder
from environments.errors import UserError
from environments.models import (
    Environment,
    EnvironmentVersion,
    NotebookServer,
    Outcome,
    ServerMaterial,
    SourceTree,
    Update,
)
from environments.pinning import go_back, put_in_use
from environments.servers import start_server, stop_server
from environments.source_trees import request_tree
from environments.updating import Stage, stage_of
from environments.values import BuildEvent, BuildRequest, MountWish, ResolvedRepository
from tests.environments.workshop import Workshop, fake_spawner, has_image
from tests.factories import (
    BuildFactory,
    CourseFactory,
    EnvironmentFactory,
    LessonFactory,
    NotebookServerFactory,
    SharedVolumeFactory,
    member,
    prepared,
)
from tests.fakes.backends import FailingBuilder, TroubledSpawner
from tests.fakes.git_host import GitHost

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("workshop")]

State = NotebookServer.State
FIRST, SECOND = "1" * 40, "2" * 40
SECOND_KEY = "2" * 64


class FickleBuilder(FailingBuilder):
    """Fails from when it is told to."""

    fails = False

    def work(self, request: BuildRequest) -> Generator[BuildEvent, None, None]:
        yield from super().work(request) if self.fails else FakeBuilder.work(self, request)


@pytest.fixture
def workshop(now: datetime, monkeypatch: pytest.MonkeyPatch, use_backends: Callable[..., None]) -> Workshop:
    """Workers, and fakes that do as they are told."""
    monkeypatch.setattr(FickleBuilder, "fails", False)
    use_backends(spawner=TroubledSpawner, builder=FickleBuilder)
    return Workshop(now, monkeypatch)


@pytest.fixture
def course(teacher: User, now: datetime) -> Course:
    """A class whose environment is prepared, with one teacher."""
    course = prepared(CourseFactory.create(owner=teacher, slug="statistics", memory_mb=512, idle_minutes=20))
    member(course, "teacher", Role.TEACHER)
    return course


def standing(membership: Membership, **fields: bool) -> Standing:
    role = Role.STUDENT if fields.get("is_as_student") else Role(membership.role)
    return Standing(membership.course, membership, role, **fields)


@pytest.fixture
def of_student(course: Course) -> Standing:
    return standing(member(course, "student"))


@pytest.fixture
def of_teacher(course: Course) -> Standing:
    return standing(course.memberships.get(person__username="teacher"))


def next_version(course: Course, now: datetime) -> EnvironmentVersion:
    """Another version of what students work in, prepared and put in use by the teacher."""
    assert course.environment is not None
    Environment.objects.filter(pk=course.environment.pk).update(commit=SECOND, image_key=SECOND_KEY)
    return put_in_use(course.environment, image_key=SECOND_KEY, by=course.owner, now=now)


def fresh(server: NotebookServer) -> NotebookServer:
    return NotebookServer.objects.select_related("pending_update__build").get(pk=server.pk)


# --- A new server


def test_open_gives_a_member_a_server_as_the_class_would_have_it(of_student: Standing, now: datetime) -> None:
    server = open_server(of_student, now=now)

    assert (server.owner.username, server.name, server.commit) == ("student", "statistics", FIRST)
    assert (server.memory_mb, server.idle_minutes) == (512, 20)
    assert server.group == of_student.course.everybody


def test_open_twice_leads_to_the_same_server(of_student: Standing, now: datetime) -> None:
    first = open_server(of_student, now=now)

    assert open_server(of_student, now=now) == first


def test_open_uses_the_version_in_use_and_not_the_newest_prepared(of_student: Standing, now: datetime) -> None:
    environment = of_student.course.environment
    assert environment is not None
    Environment.objects.filter(pk=environment.pk).update(commit=SECOND, image_key=SECOND_KEY)

    assert open_server(of_student, now=now).commit == FIRST


def test_open_of_a_class_that_is_being_prepared_waits_for_that(
    of_student: Standing, course: Course, now: datetime
) -> None:
    course.environment = EnvironmentFactory.create(build=BuildFactory.create(), outcome=Outcome.PREPARING)
    course.save()

    assert open_server(of_student, now=now).commit == BuildFactory.commit


def test_open_by_whoever_comes_first_has_the_class_prepared(
    of_student: Standing, course: Course, settings: Settings, now: datetime
) -> None:
    with GitHost() as host:
        settings.REPOSITORY_ALLOWED_HOSTS = [host.address]
        commit = host.add("algebra", {"requirements.txt": ""})
        course.environment = EnvironmentFactory.create(provider="git", repository=host.url("algebra"))
        course.save()

        server = open_server(of_student, now=now)

    course.environment.refresh_from_db()
    assert course.environment.outcome == Outcome.PREPARING
    assert server.commit == commit


@pytest.mark.parametrize(
    ("fields", "code"),
    [(None, "environment_missing"), ({"outcome": Outcome.FAILED}, "environment_unprepared")],
)
def test_open_of_a_class_without_anything_to_work_in_says_so(
    of_student: Standing, course: Course, now: datetime, fields: dict[str, str] | None, code: str
) -> None:
    course.environment = EnvironmentFactory.create(**fields) if fields else None
    course.save()

    with pytest.raises(CourseError) as caught:
        open_server(of_student, now=now)

    assert caught.value.code == code


def test_open_leaves_another_server_of_that_name_alone(of_student: Standing, now: datetime) -> None:
    assert of_student.membership is not None
    NotebookServerFactory.create(owner=of_student.membership.person, name="statistics")

    with pytest.raises(UserError) as caught:
        open_server(of_student, now=now)

    assert caught.value.code == "server_of_other_group"


# --- Teachers


def test_open_gives_a_teacher_the_environment_of_the_class_without_another(of_teacher: Standing, now: datetime) -> None:
    assert open_server(of_teacher, now=now).name == "statistics"


def test_open_gives_a_teacher_a_server_of_its_own_in_their_environment(
    of_teacher: Standing, course: Course, now: datetime
) -> None:
    course.teacher_environment = EnvironmentFactory.create(commit=SECOND, image_key=SECOND_KEY, repository_url="u")
    course.save()

    theirs = open_server(of_teacher, now=now)
    as_student = open_server(standing(of_teacher.membership, is_as_student=True), now=now)  # type: ignore[arg-type]

    assert (theirs.name, theirs.commit) == ("statistics-teacher", SECOND)
    assert (as_student.name, as_student.commit) == ("statistics", FIRST)


def test_open_keeps_students_out_of_the_environment_of_teachers(
    of_student: Standing, course: Course, now: datetime
) -> None:
    course.teacher_environment = EnvironmentFactory.create(commit=SECOND, image_key=SECOND_KEY, repository_url="u")
    course.save()

    assert open_server(of_student, now=now).commit == FIRST


# --- Shared files


def test_open_places_what_is_given_out_to_be_read_by_students_and_changed_by_teachers(
    of_student: Standing, of_teacher: Standing, course: Course, now: datetime
) -> None:
    volume = make_area(course, Area.SHARED, now=now)

    wishes = [open_server(who, now=now).wishes for who in (of_student, of_teacher)]

    assert wishes == [
        (MountWish(volume.name, "shared/statistics", read_only=True),),
        (MountWish(volume.name, "shared/statistics"),),
    ]


def test_open_places_the_common_area_for_everybody_and_what_was_handed_in_for_teachers(
    of_student: Standing, of_teacher: Standing, course: Course, now: datetime
) -> None:
    for area in (Area.COMMON, Area.HAND_IN):
        make_area(course, area, now=now)

    placed = [
        {wish.path: wish.read_only for wish in open_server(who, now=now).wishes} for who in (of_student, of_teacher)
    ]

    common, handed_in = folder_of(course, Area.COMMON), folder_of(course, Area.HAND_IN)
    assert placed == [{common: False}, {common: False, handed_in: True}]


def test_wake_brings_shared_files_that_came_since_and_leaves_those_of_its_owner(
    of_student: Standing, course: Course, now: datetime
) -> None:
    server = open_server(of_student, now=now)
    own = SharedVolumeFactory.create(owner=server.owner)
    server.mounts.create(volume=own, path="data")
    NotebookServer.objects.update(state=State.STOPPED)
    make_area(course, Area.SHARED, now=now)

    server = open_server(of_student, now=now)

    assert server.pending_update is not None
    assert [wish.path for wish in server.pending_update.wishes] == ["data", "shared/statistics"]


def test_removal_from_the_class_stops_a_server_that_has_its_files(
    of_student: Standing, course: Course, workshop: Workshop
) -> None:
    make_area(course, Area.SHARED, now=workshop.now)
    server = has_image(open_server(of_student, now=workshop.now))
    workshop.work_until_done()
    assert fresh(server).state == State.RUNNING
    assert of_student.membership is not None

    remove(of_student.membership, now=workshop.now)
    workshop.work_until_done()

    stopped = fresh(server)
    assert (stopped.state, stopped.failure_code) == (State.STOPPED, "mount_withdrawn")
    assert NotebookServer.objects.present().filter(pk=server.pk).exists()


def test_server_of_somebody_removed_starts_again_without_the_files_of_the_class(
    of_student: Standing, course: Course, workshop: Workshop
) -> None:
    make_area(course, Area.SHARED, now=workshop.now)
    server = has_image(open_server(of_student, now=workshop.now))
    workshop.work_until_done()
    assert of_student.membership is not None
    remove(of_student.membership, now=workshop.now)
    workshop.work_until_done()

    start_server(fresh(server), now=workshop.now)
    workshop.work_until_done()

    assert fresh(server).state == State.RUNNING
    mounts = fake_spawner().specs[fresh(server).handle].mounts
    assert [str(mount.path) for mount in mounts] == ["home"]


# --- Newer versions


def started(standing: Standing, workshop: Workshop) -> NotebookServer:
    """The server of this person, running the first version, in row and engine alike."""
    server = has_image(open_server(standing, now=workshop.now), {"lesson.ipynb": "1", "notes.md": "1"})
    workshop.work_until_done()
    assert fresh(server).state == State.RUNNING
    fake_spawner().homes[server.volume.key]["lesson.ipynb"] = "my answers"
    return fresh(server)


def asleep(server: NotebookServer, workshop: Workshop) -> NotebookServer:
    stop_server(fresh(server), now=workshop.now)
    workshop.work_until_done()
    return fresh(server)


def with_image_of_update(server: NotebookServer) -> None:
    update = Update.objects.get(server=server)
    has_image(update, {"lesson.ipynb": "2", "notes.md": "2"})


def test_open_leaves_a_running_server_alone_and_says_that_there_is_a_newer_version(
    of_student: Standing, course: Course, workshop: Workshop
) -> None:
    server = started(of_student, workshop)
    next_version(course, workshop.now)

    open_server(of_student, now=workshop.now)
    workshop.work_until_done()

    assert (fresh(server).state, fresh(server).commit) == (State.RUNNING, FIRST)
    assert place_of(of_student).is_kept_waiting


def test_open_wakes_a_server_in_the_newer_version_without_losing_changes(
    of_student: Standing, course: Course, workshop: Workshop
) -> None:
    server = asleep(started(of_student, workshop), workshop)
    next_version(course, workshop.now)

    open_server(of_student, now=workshop.now)
    with_image_of_update(server)
    workshop.work_until_done()

    updated = fresh(server)
    assert (updated.state, updated.commit) == (State.RUNNING, SECOND)
    home = fake_spawner().homes[server.volume.key]
    assert (home["lesson.ipynb"], home["notes.md"]) == ("my answers", "2")
    assert not place_of(of_student).has_newer


def test_update_now_starts_a_running_server_anew(of_student: Standing, course: Course, workshop: Workshop) -> None:
    server = started(of_student, workshop)
    next_version(course, workshop.now)

    update_now(of_student, now=workshop.now)
    with_image_of_update(server)
    workshop.work_until_done()

    assert (fresh(server).state, fresh(server).commit) == (State.RUNNING, SECOND)


def test_wake_in_a_version_that_cannot_be_prepared_any_more_starts_the_one_before(
    of_student: Standing, course: Course, workshop: Workshop
) -> None:
    server = asleep(started(of_student, workshop), workshop)
    next_version(course, workshop.now)
    FickleBuilder.fails = True

    open_server(of_student, now=workshop.now)
    workshop.work_until_done()

    after = fresh(server)
    assert (after.state, after.commit, stage_of(after)) == (State.RUNNING, FIRST, Stage.FAILED)


def test_wake_after_the_class_went_back_leaves_the_files_of_the_later_version(
    of_student: Standing, course: Course, workshop: Workshop
) -> None:
    server = asleep(started(of_student, workshop), workshop)
    first_key = server.image_key
    version = next_version(course, workshop.now)
    open_server(of_student, now=workshop.now)
    with_image_of_update(server)
    workshop.work_until_done()
    server = asleep(server, workshop)
    EnvironmentVersion.objects.filter(pk=version.pk).update(image_key=server.image_key)
    assert course.environment is not None
    go_back(course.environment, image_key="1" * 64, by=course.owner, now=workshop.now)

    open_server(of_student, now=workshop.now)
    workshop.work_until_done()

    after = fresh(server)
    assert (after.state, after.commit, after.image_key) == (State.RUNNING, FIRST, first_key)
    assert fake_spawner().homes[server.volume.key]["notes.md"] == "2"


def test_wake_gives_a_server_the_limits_of_the_class_that_changed(
    of_student: Standing, course: Course, workshop: Workshop
) -> None:
    server = asleep(started(of_student, workshop), workshop)
    Course.objects.update(memory_mb=256)
    course.refresh_from_db()
    assert of_student.membership is not None
    membership = Membership.objects.get(pk=of_student.membership.pk)

    open_server(replace(of_student, course=course, membership=membership), now=workshop.now)
    workshop.work_until_done()

    assert (fresh(server).state, fresh(server).memory_mb) == (State.RUNNING, 256)


# --- Newer material


def newer_material(course: Course, now: datetime) -> SourceTree:
    """Material that a teacher has put in use, its files being there."""
    newest = ResolvedRepository("https://github.com/carrel-tests/material", "3" * 40, "main")
    tree = request_tree(newest, owner=course.owner, now=now)
    SourceTree.objects.update(state=SourceTree.State.READY)
    CourseMaterial.objects.create(course=course, newest=tree, in_use=tree, in_use_since=now)
    return tree


def wanted_by(server: NotebookServer) -> SourceTree:
    """The material its files are to be brought to."""
    return ServerMaterial.objects.get(server=server).wanted


def test_open_of_a_lesson_asks_for_newer_material_for_a_new_server(
    of_student: Standing, course: Course, now: datetime
) -> None:
    tree = newer_material(course, now)
    lesson = LessonFactory.create(course=course, published_at=now)

    assert wanted_by(open_server(of_student, lesson=lesson, now=now)) == tree


def test_open_of_a_lesson_asks_for_newer_material_for_a_server_that_sleeps(
    of_student: Standing, course: Course, workshop: Workshop
) -> None:
    server = asleep(started(of_student, workshop), workshop)
    tree = newer_material(course, workshop.now)
    lesson = LessonFactory.create(course=course, published_at=workshop.now)

    open_server(of_student, lesson=lesson, now=workshop.now)

    assert wanted_by(server) == tree


def test_open_of_a_lesson_brings_newer_material_to_a_server_that_runs_at_once(
    of_student: Standing, course: Course, workshop: Workshop, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    server = started(of_student, workshop)
    newer_material(course, workshop.now)
    lesson = LessonFactory.create(course=course, published_at=workshop.now)

    with django_capture_on_commit_callbacks(execute=True):
        open_server(of_student, lesson=lesson, now=workshop.now)

    assert ("bring_material", str(server.pk)) in workshop.sent
    assert fresh(server).state == State.RUNNING


def test_update_now_asks_for_newer_material(of_student: Standing, course: Course, workshop: Workshop) -> None:
    server = started(of_student, workshop)
    tree = newer_material(course, workshop.now)

    update_now(of_student, now=workshop.now)

    assert wanted_by(server) == tree


def test_open_of_a_server_started_ahead_of_the_lesson_notes_that_its_person_has_come(
    of_student: Standing, workshop: Workshop
) -> None:
    server = started(of_student, workshop)
    NotebookServer.objects.filter(pk=server.pk).update(prewarmed_until=workshop.now + timedelta(hours=1))

    open_server(of_student, now=workshop.now)

    assert (fresh(server).prewarmed_until, fresh(server).last_activity_at) == (None, workshop.now)


# --- Who may


def test_open_notes_who_was_in_which_lesson_when(of_student: Standing, course: Course, now: datetime) -> None:
    lesson = LessonFactory.create(course=course, published_at=now)

    open_server(of_student, lesson=lesson, now=now)
    open_server(of_student, lesson=lesson, now=now + timedelta(hours=1))

    visit = LessonVisit.objects.get()
    assert (visit.opened_at, visit.last_opened_at) == (now, now + timedelta(hours=1))
    assert visit.membership.last_seen_at == now + timedelta(hours=1)


@pytest.mark.parametrize(
    ("days", "code"),
    [(1, "lesson_not_yet"), (None, "lesson_not_published")],
)
def test_student_cannot_open_a_lesson_before_its_date(
    of_student: Standing, course: Course, now: datetime, days: int | None, code: str
) -> None:
    published_at = None if days is None else now + timedelta(days=days)
    lesson = LessonFactory.create(course=course, published_at=published_at)

    with pytest.raises(CourseError) as caught:
        open_server(of_student, lesson=lesson, now=now)

    assert caught.value.code == code
    assert not NotebookServer.objects.exists()


def test_teacher_opens_a_lesson_before_its_date(of_teacher: Standing, course: Course, now: datetime) -> None:
    lesson = LessonFactory.create(course=course, published_at=None)

    assert check_may_open(of_teacher, lesson, now=now) == of_teacher.membership


def test_open_of_a_lesson_of_another_class_is_refused(of_student: Standing, now: datetime) -> None:
    with pytest.raises(CourseError) as caught:
        open_server(of_student, lesson=LessonFactory.create(published_at=now), now=now)

    assert caught.value.code == "lesson_of_another_class"


def test_open_of_a_class_that_is_over_is_refused(of_student: Standing, course: Course, now: datetime) -> None:
    course.archived_at = now

    with pytest.raises(CourseError) as caught:
        open_server(of_student, now=now)

    assert caught.value.code == "course_over"


def test_open_after_removal_is_refused(of_student: Standing, now: datetime) -> None:
    assert of_student.membership is not None
    remove(of_student.membership, now=now)

    with pytest.raises(CourseError) as caught:
        open_server(of_student, now=now)

    assert caught.value.code == "membership_ended"


# --- Pages


@pytest.fixture
def browser(client: Client, of_student: Standing) -> Client:
    """The student's."""
    assert of_student.membership is not None
    client.force_login(of_student.membership.person)
    return client


def test_page_of_a_lesson_starts_nothing(browser: Client, course: Course) -> None:
    lesson = LessonFactory.create(course=course)

    response = browser.get(reverse("classes:lesson-open", args=[course.slug, lesson.pk]))

    assert response.status_code == 200
    assert not NotebookServer.objects.exists()


def test_button_of_a_lesson_leads_to_its_notebook(browser: Client, course: Course) -> None:
    lesson = LessonFactory.create(course=course, path="week 1/first.ipynb")

    response = browser.post(reverse("classes:lesson-open", args=[course.slug, lesson.pk]))

    server = NotebookServer.objects.get()
    assert response["Location"] == (f"/servers/{server.pk}/?launching=1&next=lab%2Ftree%2Fweek%25201%2Ffirst.ipynb")
    assert lesson_urlpath(lesson) == "lab/tree/week%201/first.ipynb"


def test_page_of_a_lesson_that_is_not_open_yet_says_when(browser: Client, course: Course, now: datetime) -> None:
    lesson = LessonFactory.create(course=course, published_at=datetime(2999, 5, 4, tzinfo=now.tzinfo))

    response = browser.post(reverse("classes:lesson-open", args=[course.slug, lesson.pk]))

    assert response.status_code == 403
    assert "it opens on 4 May 2999" in response.content.decode()


def test_page_of_a_lesson_after_removal_says_so(browser: Client, of_student: Standing, now: datetime) -> None:
    lesson = LessonFactory.create(course=of_student.course)
    assert of_student.membership is not None
    remove(of_student.membership, now=now)

    response = browser.post(reverse("classes:lesson-open", args=[of_student.course.slug, lesson.pk]))

    assert response.status_code == 403
    assert "What you did there is kept." in response.content.decode()


def test_page_of_a_running_server_offers_the_newer_version(
    browser: Client, of_student: Standing, course: Course, workshop: Workshop
) -> None:
    started(of_student, workshop)
    next_version(course, workshop.now)

    page = browser.get(reverse("classes:server-open", args=[course.slug])).content.decode()

    assert "Your class uses a newer version" in page
