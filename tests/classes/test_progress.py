"""Counting how far students are in the notebooks they have saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from classes.models import Course, Lesson, LessonVisit, Membership
from classes.progress import Budget, measure_progress
from environments.errors import SystemFailure
from environments.models import NotebookServer
from environments.volumes.fake import FakeVolumeStore
from tests.classes.notebook_files import code, error, notebook, save
from tests.factories import CourseFactory, LessonFactory, NotebookServerFactory, in_class, member, running_server

pytestmark = pytest.mark.django_db

HALF_DONE = notebook(code(count=1), code(count=2, outputs=[error()]), code(), code(count=3, tags=["test"]))


@pytest.fixture
def course(fake_backends: None) -> Course:
    return CourseFactory.create()


@pytest.fixture
def lesson(course: Course) -> Lesson:
    return LessonFactory.create(course=course, path="week 1/first.ipynb")


@pytest.fixture
def student(course: Course) -> Membership:
    return member(course, "student")


def server_in(student: Membership, *, active_at: datetime, **fields: object) -> NotebookServer:
    """The student's server of the class, at work."""
    return running_server(
        **in_class(student) | {"last_activity_at": active_at, "state_changed_at": active_at} | fields,
    )


def visit_of(student: Membership, lesson: Lesson, *, now: datetime) -> LessonVisit:
    """The student has opened the lesson."""
    return LessonVisit.objects.create(membership=student, lesson=lesson, opened_at=now, last_opened_at=now)


def counts(visit: LessonVisit) -> tuple[int, int, int, int, int]:
    visit.refresh_from_db()
    return (visit.cells, visit.executed_cells, visit.tests, visit.validated_cells, visit.failing_cells)


def test_measure_counts_the_cells_of_the_saved_notebook(student: Membership, lesson: Lesson, now: datetime) -> None:
    visit = visit_of(student, lesson, now=now)
    save(server_in(student, active_at=now), lesson.path, HALF_DONE)

    measure_progress(now=now)

    assert counts(visit) == (4, 3, 1, 1, 1)
    assert visit.progressed_at == visit.measured_at == now


def test_measure_counts_when_the_server_sleeps(student: Membership, lesson: Lesson, now: datetime) -> None:
    visit = visit_of(student, lesson, now=now)
    server = NotebookServerFactory.create(**in_class(student))
    save(server, lesson.path, HALF_DONE)

    measure_progress(now=now)

    assert counts(visit)[0] == 4


def test_measure_counts_in_the_own_server_of_the_class(student: Membership, lesson: Lesson, now: datetime) -> None:
    visit = visit_of(student, lesson, now=now)
    save(server_in(student, active_at=now), lesson.path, HALF_DONE)
    save(server_in(student, active_at=now, name="a"), lesson.path, notebook(code()))
    save(server_in(student, active_at=now, name="z" * 30), lesson.path, notebook(code()))

    measure_progress(now=now)

    assert counts(visit)[0] == 4


def test_measure_counts_nothing_in_another_server_of_the_class(
    student: Membership, lesson: Lesson, now: datetime
) -> None:
    visit = visit_of(student, lesson, now=now)
    save(server_in(student, active_at=now, name="a"), lesson.path, HALF_DONE)

    measure_progress(now=now)

    assert counts(visit)[0] == 0


def test_measure_looks_again_only_after_a_sign_of_life(student: Membership, lesson: Lesson, now: datetime) -> None:
    visit_of(student, lesson, now=now)
    server = server_in(student, active_at=now)
    save(server, lesson.path, HALF_DONE)
    later = now + timedelta(minutes=5)

    assert measure_progress(now=now) == 1
    assert measure_progress(now=later) == 0
    NotebookServer.objects.filter(pk=server.pk).update(last_activity_at=later)
    assert measure_progress(now=later) == 1


def test_measure_does_not_look_again_at_once(student: Membership, lesson: Lesson, now: datetime) -> None:
    visit_of(student, lesson, now=now)
    save(server_in(student, active_at=now + timedelta(minutes=1)), lesson.path, HALF_DONE)

    assert measure_progress(now=now) == 1
    assert measure_progress(now=now + timedelta(seconds=5)) == 0


class CountingStore(FakeVolumeStore):
    """Counts how many pieces of files were asked for."""

    pieces = 0

    def read(self, volume: str, path: str = "") -> Iterator[bytes]:
        """As it would, counting."""
        for piece in super().read(volume, path):
            type(self).pieces += 1
            yield piece


def test_measure_does_not_read_what_was_not_saved_since(
    use_backends: Callable[..., None], student: Membership, lesson: Lesson, now: datetime
) -> None:
    use_backends(volume_store=CountingStore)
    visit = visit_of(student, lesson, now=now)
    server = server_in(student, active_at=now)
    save(server, lesson.path, HALF_DONE, saved_at=0)
    measure_progress(now=now)
    first, CountingStore.pieces = CountingStore.pieces, 0
    later = now + timedelta(minutes=1)
    NotebookServer.objects.filter(pk=server.pk).update(last_activity_at=later)

    measure_progress(now=later)

    assert CountingStore.pieces < first
    assert counts(visit)[0] == 4


def test_measure_says_when_the_student_came_on(student: Membership, lesson: Lesson, now: datetime) -> None:
    visit = visit_of(student, lesson, now=now)
    save(server_in(student, active_at=now + timedelta(hours=1)), lesson.path, HALF_DONE)
    measure_progress(now=now)
    LessonVisit.objects.update(saved_at=datetime(2020, 1, 1, tzinfo=UTC))

    measure_progress(now=now + timedelta(minutes=9))

    visit.refresh_from_db()
    assert visit.progressed_at == now
    assert visit.saved_at == datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("content", [b"", b"no notebook", b"[" * 300_000, b" " * 9_000_000])
def test_measure_of_a_spoilt_notebook_leaves_what_was_known(
    student: Membership, lesson: Lesson, now: datetime, content: bytes
) -> None:
    visit = visit_of(student, lesson, now=now)
    LessonVisit.objects.update(cells=7, executed_cells=5)
    save(server_in(student, active_at=now), lesson.path, content)

    measure_progress(now=now)

    assert counts(visit)[:2] == (7, 5)
    assert visit.measured_at == now


@pytest.mark.parametrize("path", ["gone.ipynb", "../outside.ipynb", "/etc/outside.ipynb", "folder.ipynb"])
def test_measure_of_no_notebook_leaves_what_was_known(
    student: Membership, lesson: Lesson, now: datetime, path: str
) -> None:
    visit = visit_of(student, lesson, now=now)
    LessonVisit.objects.update(cells=7)
    Lesson.objects.update(path=path)
    save(server_in(student, active_at=now), "folder.ipynb/inside.ipynb", HALF_DONE)

    measure_progress(now=now)

    assert counts(visit)[0] == 7
    assert visit.measured_at == now


def test_measure_passes_over_a_server_that_was_never_started(
    student: Membership, lesson: Lesson, now: datetime
) -> None:
    visit = visit_of(student, lesson, now=now)
    server_in(student, active_at=now)

    assert measure_progress(now=now) == 1
    assert counts(visit)[0] == 0


class UnreachableStore(FakeVolumeStore):
    """Cannot be asked just now."""

    asked = 0

    def read(self, volume: str, path: str = "") -> Iterator[bytes]:
        """Not now."""
        type(self).asked += 1
        raise SystemFailure("engine_unreachable")


def test_measure_ends_its_round_when_files_cannot_be_reached(
    use_backends: Callable[..., None], course: Course, lesson: Lesson, now: datetime
) -> None:
    use_backends(volume_store=UnreachableStore)
    for name in ("ada", "ben", "cleo"):
        student = member(course, name)
        visit_of(student, lesson, now=now)
        server_in(student, active_at=now)

    assert measure_progress(now=now) == 0
    assert UnreachableStore.asked == 1
    assert not LessonVisit.objects.exclude(measured_at=None).exists()


def test_measure_keeps_to_its_budget_and_goes_on_in_the_next_round(
    course: Course, lesson: Lesson, now: datetime
) -> None:
    for number in range(5):
        student = member(course, f"student{number}")
        visit_of(student, lesson, now=now)
        save(server_in(student, active_at=now), lesson.path, HALF_DONE)
    ticks = iter([0.0, 0.0, 0.0, 99.0])  # At the beginning, and before each notebook.

    assert measure_progress(now=now, budget=Budget(notebooks=2)) == 2
    assert measure_progress(now=now, budget=Budget(seconds=5), clock=lambda: next(ticks)) == 2
    assert measure_progress(now=now) == 1
    assert not LessonVisit.objects.exclude(cells=4).exists()


@pytest.mark.parametrize("why", ["left", "class over", "class deleted", "not a notebook", "other server"])
def test_measure_leaves_alone(student: Membership, lesson: Lesson, now: datetime, why: str) -> None:
    visit = visit_of(student, lesson, now=now)
    server = server_in(student, active_at=now)
    save(server, lesson.path, HALF_DONE)
    if why == "left":
        Membership.objects.update(left_at=now)
    elif why == "class over":
        Course.objects.update(archived_at=now)
    elif why == "class deleted":
        Course.objects.update(deleted_at=now)
    elif why == "not a notebook":
        Lesson.objects.update(path="week 1")
    elif why == "other server":
        NotebookServer.objects.update(group=None)

    assert measure_progress(now=now) == 0
    assert counts(visit)[0] == 0


def test_measure_asks_as_many_questions_for_many_as_for_one_before_it_reads(
    course: Course, lesson: Lesson, now: datetime, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(20):
        student = member(course, f"student{number}")
        visit_of(student, lesson, now=now)
        server_in(student, active_at=now)

    with django_assert_num_queries(2 + 20):  # Who is due, their volumes; and a note for each that was looked at.
        measure_progress(now=now)
