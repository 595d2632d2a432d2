"""The assignments of a class that is given again: what comes along with them, and what stays."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from assignments import artefacts
from assignments.arranging import EDITABLE, edit_assignment, give_extension
from assignments.copying import DATES, AssignmentsOfCopy
from assignments.deadlines import Allowance
from assignments.models import (
    Assignment,
    Extension,
    Fetch,
    GateRun,
    Grade,
    Origin,
    Release,
    RubricItem,
    SavedComment,
    Source,
    Submission,
    Tier,
    Way,
)
from assignments.releasing.findings import Finding
from assignments.releasing.gate import findings_of
from assignments.releasing.releases import release, was_checked_elsewhere
from assignments.submitting.submissions import receive
from assignments.sweeping import sweep_artefacts
from classes.copying import copy_course, luggage_of
from classes.courses import Plan
from classes.keeping import delete, purge
from classes.models import Course, Role
from environments.values import Reference
from tests.assignments.drawn_up import BUNDLE, checked
from tests.factories import AssignmentFactory, CourseFactory, LessonFactory, member, prepared, released

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

PLAN = Plan("Statistics again", Reference("gh", "carrel-tests/class", ""))
SETTINGS: dict[str, Any] = {
    "title": "Squares",
    "summary": "Of numbers.",
    "late": {"grace_minutes": 5, "percent_per_day": 20},
    "attempts": 3,
    "counts": "best",
    "is_submitted_at_deadline": False,
    "is_graded_on_submit": False,
    "is_anonymous": True,
    "hidden_tests": Tier.NEVER,
    "cell_seconds": 7,
    "total_seconds": 70,
    "memory_mb": 700,
}


@pytest.fixture
def former(teacher: User) -> Course:
    """A class of last term, whose environment is prepared."""
    course = prepared(CourseFactory.create(owner=teacher))
    member(course, "teacher", Role.TEACHER)
    return course


@pytest.fixture
def squares(former: Course, teacher: User, now: datetime) -> Assignment:
    """One that students were given, with dates of last term."""
    dates = {"opens_at": now - timedelta(days=9), "due_at": now, "closes_at": now + timedelta(days=1)}
    one = AssignmentFactory.create(course=former, name="ps1", hidden_tests_from=now, **SETTINGS | dates)
    given_out(one, teacher, now)
    return one


def given_out(assignment: Assignment, teacher: User, now: datetime) -> Release:
    """What a check of new notebooks, passed in the environment of the class, has made."""
    return release(assignment, checked(assignment, has_passed=True, image_key="1" * 64), by=teacher, now=now)


def copied(former: Course, now: datetime) -> Course:
    return copy_course(former, former.owner, PLAN, resolved=None, now=now)


# --- What comes along ----------------------------------------------------------------------------------------


def test_copy_has_the_settings_and_no_dates(squares: Assignment, now: datetime) -> None:
    one = copied(squares.course, now).assignments.get()

    assert one.name == "ps1"
    assert {name: getattr(one, name) for name in SETTINGS} == SETTINGS
    assert [getattr(one, name) for name in sorted(DATES)] == [None] * len(DATES)


def test_every_setting_comes_along_but_dates(squares: Assignment) -> None:
    left = {"id", "course", "name", "position", "release", "created_at", "deleted_at"}

    assert {field.name for field in Assignment._meta.concrete_fields} == left | EDITABLE
    assert set(SETTINGS) == EDITABLE - DATES - {"lesson"}


def test_copies_keep_their_order(former: Course, now: datetime) -> None:
    for position, name in [(7, "third"), (0, "first"), (3, "second")]:
        AssignmentFactory.create(course=former, name=name, position=position)

    course = copied(former, now)

    assert [one.name for one in course.assignments.all()] == ["first", "second", "third"]


def test_copy_belongs_to_the_copy_of_its_lesson(squares: Assignment, now: datetime) -> None:
    squares.lesson = LessonFactory.create(course=squares.course, title="Loops")
    squares.save()

    one = copied(squares.course, now).assignments.get()

    assert one.lesson is not None
    assert (one.lesson.title, one.lesson.course) == ("Loops", one.course)


def test_what_was_taken_away_stays_away(squares: Assignment, now: datetime) -> None:
    AssignmentFactory.create(course=squares.course, name="gone", deleted_at=now)

    assert [one.name for one in copied(squares.course, now).assignments.all()] == ["ps1"]


def test_copy_is_released_without_another_check(squares: Assignment, teacher: User, now: datetime) -> None:
    course = prepared(copied(squares.course, now))
    one = course.assignments.get()
    run = GateRun.objects.get(source__assignment=one)

    made = release(one, run, by=teacher, now=now)

    former = squares.release
    assert former is not None
    assert (made.number, made.bundle, made.gradebook) == (1, former.bundle, former.gradebook)
    assert (made.image_key, made.engine_version) == (former.image_key, former.engine_version)
    cells = [list(each.cells.values_list("notebook", "grade_id", "kind", "points")) for each in (made, former)]
    assert cells[0] == cells[1] != []
    assert not was_checked_elsewhere(one, run)


def test_students_see_nothing_before_it_is_released(squares: Assignment, client: Client, now: datetime) -> None:
    course = copied(squares.course, now)
    client.force_login(member(course, "student").person)

    assert course.assignments.get().release is None
    assert client.get(f"/classes/{course.slug}/assignments/ps1/").status_code == 404
    assert "Squares" not in client.get(f"/classes/{course.slug}/assignments/").content.decode()


def test_copy_has_the_source_and_the_findings_of_its_check(former: Course, now: datetime) -> None:
    one = AssignmentFactory.create(course=former)
    run = checked(one, findings=[Finding("no_tests", "warning", "problem1")])

    course = copied(former, now)

    source = Source.objects.get(assignment__course=course)
    assert (source.bundle, source.notebooks, source.origin) == (run.source.bundle, ["problem1"], Origin.UPLOAD)
    assert findings_of(source.gate_runs.get()) == findings_of(run)


def test_what_students_had_comes_instead_of_what_failed_since(
    squares: Assignment, teacher: User, now: datetime
) -> None:
    failed = checked(squares)
    assert not failed.has_passed

    one = copied(squares.course, now).assignments.get()

    assert one.sources.get().gate_runs.get().has_passed


def test_what_has_passed_since_comes_instead_of_what_students_had(squares: Assignment, now: datetime) -> None:
    newer = checked(squares, has_passed=True)
    newer.cells = newer.cells[:1]
    newer.save()

    one = copied(squares.course, now).assignments.get()

    assert one.sources.get().gate_runs.get().cells == newer.cells


def test_check_that_students_have_counts_before_a_later_one(squares: Assignment, now: datetime) -> None:
    assert squares.release is not None
    later = timezone.now() + timedelta(hours=1)
    again = GateRun.objects.create(source=squares.release.source, state=GateRun.State.DONE, asked_at=later)
    assert not again.has_passed

    one = copied(squares.course, now).assignments.get()

    assert one.sources.get().gate_runs.get().has_passed


def test_release_that_nobody_has_checked_brings_its_source(former: Course, now: datetime) -> None:
    """As one that came with a course of nbgrader's."""
    released(AssignmentFactory.create(course=former))

    source = copied(former, now).assignments.get().sources.get()

    assert not source.gate_runs.exists()


def test_check_under_way_stays(former: Course, now: datetime) -> None:
    checked(AssignmentFactory.create(course=former), state=GateRun.State.RUNNING)

    source = copied(former, now).assignments.get().sources.get()

    assert not source.gate_runs.exists()


def test_rubric_comes_along_without_what_is_not_offered_any_more(squares: Assignment, now: datetime) -> None:
    facts = {"assignment": squares, "notebook": "problem1", "grade_id": "foo"}
    RubricItem.objects.create(label="Good", points=Decimal("1.5"), position=1, **facts)
    RubricItem.objects.create(label="Old", points=1, position=0, retired_at=now, **facts)

    one = copied(squares.course, now).assignments.get()

    items = one.rubric_items.values_list("notebook", "grade_id", "label", "points", "position")
    assert list(items) == [("problem1", "foo", "Good", Decimal("1.5"), 1)]


def test_kept_comments_come_along_without_who_kept_them(squares: Assignment, teacher: User, now: datetime) -> None:
    SavedComment.objects.create(course=squares.course, text="Rarely", kept_by=teacher)
    SavedComment.objects.create(course=squares.course, text="Often", uses=9, kept_by=teacher)

    course = copied(squares.course, now)

    kept = list(course.saved_comments.all())
    assert [comment.text for comment in kept] == ["Often", "Rarely"]
    assert [comment.kept_by for comment in kept] == [None, None]


def test_nothing_of_people_comes_along(squares: Assignment, teacher: User, now: datetime) -> None:
    student = member(squares.course, "student")
    assert squares.release is not None
    give_extension(squares, student, Allowance(extra_minutes=60), by=teacher, now=now)
    receive(squares, student, BUNDLE, way=Way.PAGE, by=None, now=now)
    Fetch.objects.create(assignment=squares, membership=student, release=squares.release, asked_at=now)

    course = copied(squares.course, now)

    for model in (Extension, Submission, Fetch, Grade):
        assert not model._default_manager.filter(assignment__course=course).exists()
    assert Source.objects.get(assignment__course=course).brought_by is None


def test_what_is_changed_in_a_copy_stays_there(squares: Assignment, now: datetime) -> None:
    one = copied(squares.course, now).assignments.get()

    edit_assignment(one, {"title": "Cubes", "attempts": None})

    squares.refresh_from_db()
    assert (squares.title, squares.attempts) == ("Squares", 3)


def test_copy_can_be_copied(squares: Assignment, teacher: User, now: datetime) -> None:
    again = copied(copied(squares.course, now), now)

    one = again.assignments.get()
    assert one.sources.get().gate_runs.get().has_passed


# --- What it is run in ---------------------------------------------------------------------------------------


def test_release_of_a_copy_is_graded_in_the_environment_of_its_class(
    squares: Assignment, teacher: User, now: datetime
) -> None:
    course = prepared(copied(squares.course, now), commit="2" * 40, image_key="2" * 64)
    one = course.assignments.get()
    run = GateRun.objects.get(source__assignment=one)

    made = release(one, run, by=teacher, now=now)

    assert was_checked_elsewhere(one, run)
    assert made.image_key == "2" * 64


@pytest.mark.parametrize(("key", "is_told"), [("1" * 64, False), ("2" * 64, True)])
def test_teacher_is_told_of_a_check_in_another_environment(
    squares: Assignment, teacher: User, client: Client, now: datetime, key: str, is_told: bool
) -> None:
    course = prepared(copied(squares.course, now), image_key=key)
    client.force_login(teacher)

    page = client.get(f"/classes/{course.slug}/assignments/ps1/notebooks/").content.decode()

    assert ("were checked in the class that this one was copied from" in page) == is_told
    assert "Release to students" in page


# --- Bytes ---------------------------------------------------------------------------------------------------


def test_copy_keeps_no_bytes_of_its_own(squares: Assignment, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[bytes] = []
    monkeypatch.setattr(artefacts, "keep", kept.append)

    copied(squares.course, now)

    assert kept == []


def test_copy_outlives_the_former_class(squares: Assignment, now: datetime) -> None:
    former, course = squares.course, copied(squares.course, now)
    run = GateRun.objects.get(source__assignment__course=course)
    Release.objects.filter(assignment=squares).delete()
    squares.delete()
    delete(former, now=now)
    purge(former, now=now + timedelta(days=60))

    sweep_artefacts(now=now + timedelta(days=3650))

    course.refresh_from_db()
    assert not Course.objects.filter(pk=former.pk).exists()
    assert course.copied_from is None
    for name in (run.source.bundle, run.bundle, run.gradebook):
        assert isinstance(artefacts.read(name), bytes)


# --- How much it costs ---------------------------------------------------------------------------------------


def test_forty_assignments_are_copied_in_as_many_questions_as_one(
    squares: Assignment, teacher: User, now: datetime
) -> None:
    RubricItem.objects.create(assignment=squares, notebook="problem1", grade_id="foo", label="Good", points=1)
    with CaptureQueriesContext(connection) as of_one:
        copied(squares.course, now)
    for _number in range(39):
        one = AssignmentFactory.create(course=squares.course)
        given_out(one, teacher, now)
        RubricItem.objects.create(assignment=one, notebook="problem1", grade_id="foo", label="Good", points=1)

    with CaptureQueriesContext(connection) as of_forty:
        course = copied(squares.course, now)

    assert course.assignments.count() == 40
    assert len(of_forty) <= len(of_one) + 3


def test_page_says_what_comes_along_of_assignments(squares: Assignment) -> None:
    luggage = luggage_of(squares.course)

    assert any(line.startswith("1 assignment, with its points") for line in luggage.comes)
    assert any(line.startswith("Submissions, grades, feedback") for line in luggage.stays)


def test_page_says_nothing_of_assignments_where_there_are_none(former: Course) -> None:
    luggage = AssignmentsOfCopy().luggage(former)

    assert (luggage.comes, luggage.stays) == ((), ())
