"""The first page of a class says what is due and came back, or how much is to be graded."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from assignments.course_page import AssignmentsOfCourse
from assignments.feedback import note_reading
from assignments.files import Bundle, File
from assignments.gradebook import publish_grades, take_over
from assignments.models import Assignment, Extension, Feedback, Submission, Way
from assignments.submissions import receive
from classes.models import Course, Membership, Role
from classes.policies import standing_of
from tests.assignments.grading_rows import CELLS, graded_by
from tests.factories import EMPTY_NOTEBOOK, AssignmentFactory, CourseFactory, member, released

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


@pytest.mark.parametrize(("username", "most"), [("ada", 3), ("teacher", 1)])
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
