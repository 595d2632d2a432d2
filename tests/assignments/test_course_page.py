"""The first page of a class says what is due and came back, or how much is to be graded."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from assignments.course_page import AssignmentsOfCourse
from assignments.files import Bundle, File
from assignments.grading.gradebook import publish_grades, take_over
from assignments.models import Assignment, Extension, Feedback, Submission, Way
from assignments.returning.feedback import note_reading
from assignments.submitting.submissions import receive
from classes.models import Course, Membership, Role
from classes.policies import Standing, standing_of
from tests.assignments.grading_rows import CELLS, graded_by
from tests.factories import EMPTY_NOTEBOOK, AssignmentFactory, CourseFactory, LessonFactory, member, released

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

HOUR = timedelta(hours=1)


@pytest.fixture
def course() -> Course:
    """A class."""
    return CourseFactory.create()


@pytest.fixture
def ada(course: Course) -> Membership:
    """A student of it."""
    return member(course, "ada")


@pytest.fixture
def teacher(course: Course) -> Membership:
    """Who teaches it."""
    return member(course, "teacher", Role.TEACHER)


def test_students_see_what_is_due_next_first(course: Course, ada: Membership, now: datetime) -> None:
    later, sooner = _given(course, due_at=now + 2 * HOUR), _given(course, due_at=now + HOUR)

    assert [one.assignment for one in _facts(ada, now)["due"]] == [sooner, later]


def test_what_was_submitted_is_past_or_has_no_date_is_not_due(course: Course, ada: Membership, now: datetime) -> None:
    _given(course, due_at=now - HOUR)
    _given(course)
    _submitted(_given(course, due_at=now + HOUR), ada, now)

    assert _facts(ada, now) == {}


def test_extension_moves_what_is_due(course: Course, ada: Membership, now: datetime) -> None:
    assignment = _given(course, due_at=now - HOUR)
    Extension.objects.create(assignment=assignment, membership=ada, extra_minutes=120)

    assert [one.at for one in _facts(ada, now)["due"]] == [now + HOUR]


def test_students_see_what_came_back_until_they_read_it(
    course: Course, ada: Membership, teacher: Membership, now: datetime
) -> None:
    submission = _submitted(_given(course), ada, now)
    assert _facts(ada, now) == {}

    publish_grades(submission.assignment, None, by=teacher.person, now=now)
    assert [one.submission for one in _facts(ada, now)["back"]] == [submission]

    note_reading(Feedback.objects.get(), now=now)
    assert _facts(ada, now) == {}


def test_those_who_grade_see_how_much_there_is(
    course: Course, ada: Membership, teacher: Membership, now: datetime
) -> None:
    assignment = _given(course)
    for membership in (ada, member(course, "bob")):
        _submitted(assignment, membership, now)

    assert [one["count"] for one in _facts(teacher, now)["to_grade"]] == [2]


def test_those_who_grade_see_how_much_is_asked(
    course: Course, ada: Membership, teacher: Membership, now: datetime
) -> None:
    submission = _submitted(_given(course), ada, now)
    submission.regrade_requests.create(opened_at=now)
    submission.regrade_requests.create(opened_at=now, state="kept", grade_id="tests")

    assert _facts(teacher, now)["asked"] == 1


@pytest.mark.parametrize(("username", "most"), [("ada", 3), ("teacher", 2)])
def test_questions_do_not_grow_with_the_class(
    course: Course,
    ada: Membership,
    teacher: Membership,
    now: datetime,
    django_assert_max_num_queries: DjangoAssertNumQueries,
    username: str,
    most: int,
) -> None:
    for _ in range(3):
        _submitted(_given(course, due_at=now + HOUR), ada, now)
        _given(course, due_at=now + HOUR)
    membership = {"ada": ada, "teacher": teacher}[username]
    standing = standing_of(membership.person, course)
    assert standing is not None

    with django_assert_max_num_queries(most):
        AssignmentsOfCourse().sections(standing, now=now)


@pytest.mark.parametrize(("username", "words"), [("ada", "due"), ("teacher", "1 to grade")])
def test_page_of_the_class_says_so(
    client: Client, course: Course, ada: Membership, teacher: Membership, username: str, words: str
) -> None:
    _given(course, due_at=timezone.now() + HOUR, title="Homework")
    _submitted(_given(course, title="Essay"), ada, timezone.now())
    client.force_login({"ada": ada, "teacher": teacher}[username].person)

    page = client.get(f"/classes/{course.slug}/").content.decode()

    assert ("Homework" in page, "Essay" in page) == (username == "ada", username == "teacher")
    assert words in page


def _facts(membership: Membership, now: datetime) -> dict[str, Any]:
    standing = standing_of(membership.person, membership.course)
    assert standing is not None
    sections = AssignmentsOfCourse().sections(standing, now=now)
    return dict(sections[0].facts) if sections else {}


def _given(course: Course, **fields: Any) -> Assignment:
    assignment = AssignmentFactory.create(course=course, **fields)
    released(assignment, cells=CELLS)
    return assignment


def _submitted(assignment: Assignment, membership: Membership, now: datetime) -> Submission:
    bundle = Bundle((File("problem1.ipynb", EMPTY_NOTEBOOK),))
    submission = receive(assignment, membership, bundle, way=Way.LAB, by=membership.person, now=now)
    take_over(graded_by(submission, 1), now=now)
    return submission


def test_lesson_leads_to_its_assignments(client: Client, course: Course, ada: Membership, now: datetime) -> None:
    lesson = LessonFactory.create(course=course)
    mine = _given(course, lesson=lesson, title="Sums", due_at=now + HOUR)
    AssignmentFactory.create(course=course, lesson=lesson, title="A draft")
    _given(course, title="Of no lesson")
    Extension.objects.create(assignment=mine, membership=ada, extra_minutes=60)
    client.force_login(ada.person)

    page = client.get(f"/classes/{course.slug}/lessons/{lesson.pk}/").content.decode()

    [section] = AssignmentsOfCourse().lesson_sections(_standing(ada), lesson, now=now)
    assert section.facts["rows"] == [(mine, now.replace(microsecond=0) + 2 * HOUR)]
    assert f"/classes/{course.slug}/assignments/{mine.name}/" in page
    assert "A draft" not in page
    assert "Of no lesson" not in page


def test_teachers_find_drafts_at_a_lesson(course: Course, teacher: Membership, now: datetime) -> None:
    lesson = LessonFactory.create(course=course)
    draft = AssignmentFactory.create(course=course, lesson=lesson)

    [section] = AssignmentsOfCourse().lesson_sections(_standing(teacher), lesson, now=now)

    assert section.facts["rows"] == [(draft, None)]


def test_lesson_asks_as_often_however_many_assignments_it_has(
    course: Course, ada: Membership, now: datetime, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    lesson, standing = LessonFactory.create(course=course), _standing(ada)
    for _ in range(3):
        _given(course, lesson=lesson, due_at=now)

    with django_assert_num_queries(2):
        AssignmentsOfCourse().lesson_sections(standing, lesson, now=now)


def _standing(membership: Membership) -> Standing:
    standing = standing_of(membership.person, membership.course)
    assert standing is not None
    return standing
