"""The list of assignments says where each stands, to students and to those who teach."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from assignments.arranging import give_extension
from assignments.deadlines import Allowance, Dates
from assignments.files import Bundle, File
from assignments.grading.gradebook import refold
from assignments.models import Assignment, Grade, Way
from assignments.overview import Phase, Row, phase_of, rows_of
from assignments.submitting.submissions import receive
from classes.models import Course, Membership, Role
from classes.policies import Standing
from tests.factories import EMPTY_NOTEBOOK, AssignmentFactory, CourseFactory, member, released

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
WORK = Bundle((File("problem1.ipynb", EMPTY_NOTEBOOK),))


@pytest.fixture
def course(teacher: User) -> Course:
    """A class with a teacher."""
    course = CourseFactory.create(owner=teacher)
    member(course, "teacher", Role.TEACHER)
    return course


@pytest.fixture
def assignment(course: Course, now: datetime) -> Assignment:
    """One that is due tomorrow, with an answer to be graded by a person."""
    assignment = AssignmentFactory.create(course=course, due_at=now + DAY)
    released(assignment, cells=[("problem1", "essay", "manual", 4)])
    return assignment


@pytest.fixture
def ada(course: Course) -> Membership:
    """A student."""
    return member(course, "ada")


@pytest.mark.parametrize(
    ("opens", "due", "closes", "phase"),
    [
        (None, None, None, Phase.OPEN),
        (1, 2, 3, Phase.COMING),
        (-1, 1, 2, Phase.OPEN),
        (-2, -1, 1, Phase.LATE),
        (-3, -2, -1, Phase.CLOSED),
        (-3, None, -1, Phase.CLOSED),
        (-3, -2, None, Phase.LATE),
    ],
)
def test_phase_follows_from_dates(
    assignment: Assignment, now: datetime, opens: int | None, due: int | None, closes: int | None, phase: Phase
) -> None:
    dates = Dates(*(None if days is None else now + days * DAY for days in (opens, due, closes)))

    assert phase_of(assignment, dates, now=now) == phase


def test_teacher_sees_drafts_and_how_many_submitted_and_wait(
    assignment: Assignment, ada: Membership, now: datetime
) -> None:
    draft = AssignmentFactory.create(course=assignment.course, name="draft", position=9)
    for _attempt in range(2):
        refold(receive(assignment, ada, WORK, way=Way.LAB, by=ada.person, now=now), now=now)

    given, undone = rows_of(Standing(assignment.course, None, Role.TEACHER), now=now)

    assert (given.assignment, given.phase, given.submitted, given.to_grade) == (assignment, Phase.OPEN, 1, 1)
    assert (undone.assignment, undone.phase, undone.submitted) == (draft, Phase.DRAFT, 0)


def test_student_sees_their_own_dates_and_points(
    assignment: Assignment, ada: Membership, teacher: User, now: datetime
) -> None:
    AssignmentFactory.create(course=assignment.course, name="draft")
    give_extension(assignment, ada, Allowance(extra_minutes=60), by=teacher, now=now)
    refold(receive(assignment, ada, WORK, way=Way.LAB, by=ada.person, now=now), now=now)
    Grade.objects.update(published_at=now, published_points=Decimal(3), published_max_points=Decimal(4))

    (row,) = rows_of(Standing(assignment.course, ada, Role.STUDENT), now=now)

    assert row == Row(assignment, row.dates, Phase.OPEN, grade=Grade.objects.get(), has_submitted=True)
    assert row.dates.due_at == now + DAY + timedelta(hours=1)


def test_page_says_it_in_words(client: Client, assignment: Assignment, ada: Membership, teacher: User) -> None:
    client.force_login(teacher)
    refold(receive(assignment, ada, WORK, way=Way.LAB, by=ada.person, now=timezone.now()), now=timezone.now())

    text = client.get(reverse("assignments:assignment-list", args=[assignment.course.slug])).text

    assert "1 of 1 submitted" in text
    assert "1 to grade" in text


@pytest.mark.parametrize("role", [Role.TEACHER, Role.STUDENT])
def test_list_asks_the_tables_as_often_for_many_as_for_one(
    assignment: Assignment,
    ada: Membership,
    now: datetime,
    django_assert_max_num_queries: DjangoAssertNumQueries,
    role: Role,
) -> None:
    for number in range(5):
        released(AssignmentFactory.create(course=assignment.course, name=f"more-{number}"))

    with django_assert_max_num_queries(4):
        assert len(rows_of(Standing(assignment.course, ada, role), now=now)) == 6
